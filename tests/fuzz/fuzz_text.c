/* Any bytes as text and as a date, against a reader of UTF-8 and a calendar of their own. */
#include <time.h>

#include "tests/fuzz/fuzz.h"
#include "lib/base/text.h"

/* By the definition: decode, and ask what came out. */
static const char *fault_of(const uint8_t *p, size_t len)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	while (len > 0) {
		unsigned more = *p < 0x80 ? 0 : *p >> 5 == 6 ? 1 : *p >> 4 == 14 ? 2 : *p >> 3 == 30 ? 3 : 9;
		if (more > 3 || more >= len)
			return "is not valid UTF-8";
		uint32_t point = more == 0 ? *p : *p & (0x3fu >> more);
		for (unsigned i = 1; i <= more; i++) {
			if (p[i] >> 6 != 2)
				return "is not valid UTF-8";
			point = point << 6 | (p[i] & 0x3f);
		}
		if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
			return "is not valid UTF-8";
		/* What is wrong first is told. */
		if (point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x2028 && point <= 0x202e) ||
		    (point >= 0x2066 && point <= 0x2069))
			return "contains a control character";
		p += more + 1;
		len -= more + 1;
	}
	return NULL;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_date(const char *text)
{
	uint64_t ms = 0;
	struct tm tm = {0};
	char back[32];
	if (!text_date(text, &ms))
		return;
	time_t seconds = (time_t)(ms / 1000);
	require(ms % 1000 == 0 && gmtime_r(&seconds, &tm) && tm.tm_year >= 70);
	size_t n = strftime(back, sizeof back, strlen(text) == 10 ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M:%SZ", &tm);
	require(n > 0 && strcmp(back, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	char *text = fuzz_string(in);
	uint8_t *exact = fuzz_exact(in);
	const char *want = fault_of(exact, len), *got = text_fault((char *)exact, len);
	require(same(got, want));
	const char *name = name_fault((char *)exact, len);
	require(len > 0 && len <= 255 ? same(name, want) : name != NULL);
	check_date(text);
	free(exact);
	free(text);
	return 0;
}
