#include "client/cli/base/number.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/crypto/chain.h"

bool cli_parse_real(const char *text, double *out)
{
	/* strtod() alone would also take blanks, hexadecimals and infinities. */
	if (*text == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
		return false;
	char *end;
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}

bool cli_parse_count(const char *text, uint64_t *out)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

struct cli_text cli_count(uint64_t n)
{
	struct cli_text digits, out;
	int len = snprintf(digits.s, sizeof digits.s, "%" PRIu64, n);
	size_t at = 0;
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out.s[at++] = ',';
		out.s[at++] = digits.s[i];
	}
	out.s[at] = '\0';
	return out;
}

struct cli_text cli_weight(double w)
{
	struct cli_text out;
	snprintf(out.s, sizeof out.s, w != 0 && (fabs(w) < 0.001 || fabs(w) >= 1e6) ? "%.1e" : "%.3f", w);
	return out;
}

struct cli_text cli_bytes(uint64_t n)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
	struct cli_text out;
	double x = (double)n / 1000;
	size_t unit = 0;
	if (n < 1000) {
		snprintf(out.s, sizeof out.s, "%u B", (unsigned)n);
		return out;
	}
	while (x >= 999.95 && unit + 1 < sizeof units / sizeof *units) {
		x /= 1000;
		unit++;
	}
	snprintf(out.s, sizeof out.s, "%.1f %s", x, units[unit]);
	return out;
}

struct cli_text cli_time(uint64_t unix_ms)
{
	struct cli_text out = {"-"};
	struct tm tm;
	time_t seconds = (time_t)(unix_ms / 1000);
	/* A time beyond the year 9999 can only come from a broken daemon. */
	if (unix_ms > 0 && unix_ms < UINT64_C(253402300800000) && gmtime_r(&seconds, &tm))
		strftime(out.s, sizeof out.s, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

struct cli_text cli_duration(uint64_t ms)
{
	struct cli_text out;
	uint64_t s = ms / 1000, m = s / 60, h = m / 60;
	if (m == 0)
		snprintf(out.s, sizeof out.s, "%.1f s", (double)ms / 1000);
	else if (h == 0)
		snprintf(out.s, sizeof out.s, "%" PRIu64 "m %02" PRIu64 "s", m, s % 60);
	else if (h < 24)
		snprintf(out.s, sizeof out.s, "%" PRIu64 "h %02" PRIu64 "m", h, m % 60);
	else
		snprintf(out.s, sizeof out.s, "%" PRIu64 "d %" PRIu64 "h", h / 24, h % 24);
	return out;
}

struct cli_text cli_exact(double x)
{
	struct cli_text out;
	snprintf(out.s, sizeof out.s, "%.17g", x);
	return out;
}

struct cli_text cli_mean(double sum, uint64_t n)
{
	struct cli_text out = {"-"};
	if (n > 0)
		snprintf(out.s, sizeof out.s, "%.6f", sum / (double)n);
	return out;
}

const char *cli_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

struct cli_head cli_head(const struct candor_pool *p)
{
	struct cli_head head = {""};
	char hash[CHAIN_HEX];
	if (!p->head)
		return head;
	chain_hex(p->head, hash);
	snprintf(head.s, sizeof head.s, "%s:%" PRIu64 ":%s", p->name, p->round, hash);
	return head;
}
