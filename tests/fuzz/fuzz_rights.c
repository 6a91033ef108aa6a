/* Any bytes as a set of rights, a principal, the name of a token and a grant, against definitions of their own. */
#include "lib/rights.h"
#include "tests/fuzz/fuzz.h"

/* The names of rights by their bits. */
static const char *const names[] = {"report", "outcome", "read", "read-open", "inspect", "admin"};
enum { N = sizeof names / sizeof *names };

static const struct {
	const char *name;
	unsigned rights;
} roles[] = {{"platform", 1}, {"auditor", 2}, {"trainer", 4}, {"operator", 16 + 8}};
enum { ROLES = sizeof roles / sizeof *roles };

static bool is(const char *word, size_t len, const char *what)
{
	return strlen(what) == len && strncmp(word, what, len) == 0;
}

/* Word by word, to the end or to one that is none. */
static bool is_set(const char *text, unsigned *rights)
{
	size_t len = 0;
	*rights = 0;
	for (const char *word = text;; word += len + 1) {
		unsigned found = 0;
		for (len = 0; word[len] && word[len] != ','; len++)
			;
		for (unsigned i = 0; i < N; i++)
			found |= is(word, len, names[i]) ? 1u << i : 0;
		for (unsigned i = 0; i < ROLES; i++)
			found |= is(word, len, roles[i].name) ? roles[i].rights : 0;
		if (!found)
			return false;
		*rights |= found;
		if (!word[len])
			return true;
	}
}

static void check_rights(const char *text)
{
	unsigned got, want, back;
	char out[RIGHTS_TEXT_MAX];
	bool good = is_set(text, &want);
	require(rights_parse(text, &got) == good && (!good || got == want));
	if (!good)
		return;
	rights_format(got, out);
	require(rights_parse(out, &back) && back == got);
	const char *role = rights_role(got);
	require(!role || (rights_parse(role, &back) && back == got));
}

/* By the definition of UTF-8, in its shortest form, without control characters; and no blanks. */
static bool is_word(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t more = p[i] < 0x80 ? 0 : p[i] >= 0xc2 && p[i] < 0xe0 ? 1 : p[i] >> 4 == 14 ? 2 : 3;
		uint32_t point = p[i] & (more == 0 ? 0x7f : 0x3f >> more);
		if ((p[i] >= 0x80 && p[i] < 0xc2) || p[i] > 0xf4 || i + more >= len)
			return false;
		for (size_t k = 1; k <= more; k++) {
			if (p[i + k] >> 6 != 2)
				return false;
			point = point << 6 | (p[i + k] & 0x3f);
		}
		static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
		if (point < least[more] || point > 0x10ffff || point >> 11 == 0x1b)
			return false;
		if (point <= 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x2028 && point <= 0x202e) ||
		    (point >= 0x2066 && point <= 0x2069))
			return false;
		i += more + 1;
	}
	return len > 0;
}

/* As a number is written: no sign, no zero before others. */
static bool is_number(const char *text)
{
	uint64_t number = 0;
	size_t n = 0;
	for (; text[n] >= '0' && text[n] <= '9' && n < 11; n++)
		number = 10 * number + (uint64_t)(text[n] - '0');
	return n > 0 && !text[n] && (text[0] != '0' || n == 1) && number < ((uint64_t)1 << 32) - 1;
}

static bool is_principal(const char *text)
{
	if (strcmp(text, "anonymous") == 0)
		return true;
	if (strncmp(text, "uid:", 4) == 0 || strncmp(text, "gid:", 4) == 0)
		return is_number(text + 4);
	const char *equals = strchr(text, '=');
	return (strncmp(text, "token:", 6) == 0 && strlen(text) > 6) ||
	       (strncmp(text, "cert:", 5) == 0 && equals && equals > text + 5);
}

static void check_names(const uint8_t *exact, const char *text, size_t len)
{
	bool word = is_word(exact, len);
	const char *principal = principal_fault(text, len), *token = token_name_fault(text, len);
	require(!principal == (word && len <= 255 && is_principal(text)));
	require(!token == (word && len <= 200));
	require((!principal || principal[0]) && (!token || token[0]));
}

/* The first byte is a set of rights, the next whether there is a prefix. */
static void check_grant(struct meal in)
{
	unsigned rights = eat_byte(&in) | (unsigned)eat_below(&in, 2) << 8;
	const char *prefix = eat_below(&in, 2) ? "ab" : "";
	const struct candor_grant g = {"uid:7", "p", prefix, rights};
	bool some = rights > 0 && rights < 64;
	require(!grant_fault(&g) == (some && (!prefix[0] || rights == CANDOR_RIGHT_REPORT)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	char *text = fuzz_string(in);
	check_rights(text);
	check_names(data, text, len);
	check_grant(in);
	free(text);
	return 0;
}
