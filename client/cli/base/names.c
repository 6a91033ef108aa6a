#include "client/cli/base/names.h"

#include <stdio.h>
#include <string.h>

#include "client/cli/base/visible.h"
#include "lib/base/hash.h"
#include "lib/base/text.h"
#include "lib/base/unicode.h"

enum { EXACT_DIGITS = 15 /* that a spreadsheet keeps, and a double too */ };

static struct names *new_names(void)
{
	/* Labelers may have chosen the names. */
	uint8_t key[NAMES_KEY_BYTES];
	struct names *n;
	hash_new_key(key);
	if (names_new(&n, key))
		cli_memory(NULL);
	return n;
}

void cli_names_init(struct cli_names *n, const char *what)
{
	*n = (struct cli_names){.what = what, .all = new_names(), .skeletons = new_names()};
}

void cli_names_free(struct cli_names *n)
{
	names_free(n->all);
	names_free(n->skeletons);
	buf_free(&n->first);
}

/* ---- names that are numbers ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Like 1.23457E+17, or with zeros from the 16th digit on. */
static bool is_rounded(const char *name)
{
	size_t n = strspn(name, "0123456789");
	if (n > EXACT_DIGITS && !name[n])
		return name[EXACT_DIGITS + strspn(name + EXACT_DIGITS, "0")] == '\0';
	if (n != 1 || name[1] != '.')
		return false;
	n = 2 + strspn(name + 2, "0123456789");
	return n > 2 && (name[n] == 'e' || name[n] == 'E') && name[n + 1] == '+' && is_digit(name[n + 2]) &&
	       !name[n + 2 + strspn(name + n + 2, "0123456789")];
}

/* A decimal number without superfluous signs and zeros, behind a byte that no name has: its length, or 0 if the name is
 * none, or one of more digits than are surely exact. */
static size_t bare_number(const char *name, char out[EXACT_DIGITS + 8])
{
	const char *p = name;
	const bool negative = *p == '-';
	p += *p == '-' || *p == '+';
	const size_t whole = strspn(p, "0123456789");
	const char *part = p[whole] == '.' ? p + whole + 1 : "";
	size_t n_part = strspn(part, "0123456789");
	if (whole + n_part == 0 || p[whole + (p[whole] == '.') + n_part] || whole + n_part > EXACT_DIGITS)
		return 0;
	while (n_part > 0 && part[n_part - 1] == '0')
		n_part--;
	const size_t zeros = strspn(p, "0") < whole ? strspn(p, "0") : whole;
	return (size_t)snprintf(out, EXACT_DIGITS + 8, "\x01%s%.*s.%.*s", negative ? "-" : "", (int)(whole - zeros),
				p + zeros, (int)n_part, part);
}

/* ---- names that look alike ---- */

/* Small ASCII letters and digits without blanks: the skeleton of most names, which is quickly made. 0: another way. */
static size_t plain_skeleton(const char *name, size_t len, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		const char c = name[i];
		if ((unsigned char)c >= 0x80)
			return 0;
		if (c != ' ')
			out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	return n;
}

static bool is_invisible(const char *name, size_t len)
{
	if (name[0] == ' ' || name[len - 1] == ' ')
		return true;
	for (size_t i = 0; i < len;) {
		const size_t step = text_utf8((const uint8_t *)name + i, len - i);
		if (step > 1 && unicode_is_invisible(unicode_code_point(name + i, step)))
			return true;
		i += step;
	}
	return false;
}

static void compare(struct cli_names *n, const char *name, size_t len, uint32_t id, struct cli_warnings *w)
{
	char skeleton[UNICODE_SKELETON_MAX], number[EXACT_DIGITS + 8];
	size_t size = bare_number(name, number);
	const bool is_number = size > 0;
	if (is_number)
		memcpy(skeleton, number, size);
	else if ((size = plain_skeleton(name, len, skeleton)) == 0)
		size = unicode_skeleton(name, len, skeleton);
	if (size == 0 || size > 255)
		return;
	uint32_t at, first;
	const int added = names_put(n->skeletons, skeleton, size, &at);
	if (added < 0 || (added && buf_append(&n->first, &id, sizeof id)))
		cli_memory(NULL);
	if (added)
		return;
	memcpy(&first, n->first.data + at * sizeof first, sizeof first);
	size_t first_len;
	const char *other = names_text(n->all, first, &first_len);
	cli_warn(w, is_number ? CLI_NUMBERS_ALIKE : CLI_NAMES_ALIKE, "%ss \"%s\" and \"%s\"", n->what,
		 cli_shown(other, first_len).s, cli_shown(name, len).s);
}

uint32_t cli_names_put(struct cli_names *n, const char *name, struct cli_warnings *w, bool *is_new)
{
	const size_t len = strlen(name);
	uint32_t id;
	const int added = names_put(n->all, name, len, &id);
	if (added < 0)
		cli_memory(NULL);
	*is_new = added;
	if (!added)
		return id;
	if (is_rounded(name))
		cli_warn(w, CLI_NUMBERS_ROUNDED, "%s \"%s\"", n->what, cli_shown(name, len).s);
	if (is_invisible(name, len))
		cli_warn(w, CLI_NAMES_INVISIBLE, "%s \"%s\"", n->what, cli_shown(name, len).s);
	if (id < CLI_NAMES_COMPARED)
		compare(n, name, len, id, w);
	return id;
}

uint32_t cli_names_find(const struct cli_names *n, const char *name)
{
	return names_find(n->all, name, strlen(name));
}
