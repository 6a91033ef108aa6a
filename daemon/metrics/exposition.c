#include "daemon/metrics/exposition.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 40 };

static void put(struct exposition *x, const char *text, size_t len)
{
	if (x->err == 0)
		x->err = buf_append(x->out, text, len);
}

static void put_text(struct exposition *x, const char *text)
{
	put(x, text, strlen(text));
}

/* In help only a backslash and the end of a line are escaped, in values of labels quotes as well. OpenMetrics wants the
 * same of both. */
static void put_escaped(struct exposition *x, const char *text, bool quotes)
{
	const char *special = quotes || x->open_metrics ? "\\\n\"" : "\\\n";
	while (*text) {
		size_t plain = strcspn(text, special);
		put(x, text, plain);
		text += plain;
		if (!*text)
			return;
		const char escape[2] = {'\\', *text == '\n' ? 'n' : *text};
		put(x, escape, 2);
		text++;
	}
}

void exposition_family(struct exposition *x, const char *name, enum exposition_type type, const char *help)
{
	static const char *const types[] = {
		[EXPOSITION_COUNTER] = "counter",
		[EXPOSITION_GAUGE] = "gauge",
		[EXPOSITION_HISTOGRAM] = "histogram",
	};
	const char *ending = type == EXPOSITION_COUNTER && !x->open_metrics ? "_total " : " ";
	x->name = name;
	x->type = type;
	put_text(x, "# HELP ");
	put_text(x, name);
	put_text(x, ending);
	put_escaped(x, help, false);
	put_text(x, "\n# TYPE ");
	put_text(x, name);
	put_text(x, ending);
	put_text(x, types[type]);
	put_text(x, "\n");
}

/* Everything of a sample but its value; le: NULL, or the bound of a bucket. */
static void put_series(struct exposition *x, const char *ending, const struct exposition_label *labels, size_t n,
		       const char *le)
{
	const char *between = "{";
	put_text(x, x->name);
	put_text(x, ending);
	for (size_t i = 0; i < n; i++, between = ",") {
		put_text(x, between);
		put_text(x, labels[i].name);
		put_text(x, "=\"");
		put_escaped(x, labels[i].value, true);
		put_text(x, "\"");
	}
	if (le) {
		put_text(x, between);
		put_text(x, "le=\"");
		put_text(x, le);
		put_text(x, "\"");
	}
	put_text(x, n > 0 || le ? "} " : " ");
}

static void put_number(struct exposition *x, uint64_t value)
{
	char digits[NUMBER_BYTES];
	size_t at = sizeof digits;
	digits[--at] = '\n';
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	put(x, digits + at, sizeof digits - at);
}

static void put_real(struct exposition *x, double value)
{
	char text[NUMBER_BYTES];
	if (isnan(value))
		put_text(x, "NaN\n");
	else if (isinf(value))
		put_text(x, value > 0 ? "+Inf\n" : "-Inf\n");
	else
		put(x, text, (size_t)snprintf(text, sizeof text, "%.12g\n", value));
}

/* As a decimal fraction, without an error of rounding. */
static const char *format_parts(char text[NUMBER_BYTES], uint64_t value, uint64_t of, bool point)
{
	int len = snprintf(text, NUMBER_BYTES, "%" PRIu64, value / of);
	uint64_t rest = value % of;
	if (rest || point)
		text[len++] = '.';
	if (!rest && point)
		text[len++] = '0';
	for (; rest; of /= 10, rest %= of)
		text[len++] = (char)('0' + rest / (of / 10));
	text[len] = 0;
	return text;
}

static const char *ending(const struct exposition *x)
{
	return x->type == EXPOSITION_COUNTER ? "_total" : "";
}

void exposition_number(struct exposition *x, const struct exposition_label *labels, size_t n, uint64_t value)
{
	put_series(x, ending(x), labels, n, NULL);
	put_number(x, value);
}

void exposition_real(struct exposition *x, const struct exposition_label *labels, size_t n, double value)
{
	put_series(x, ending(x), labels, n, NULL);
	put_real(x, value);
}

void exposition_parts(struct exposition *x, const struct exposition_label *labels, size_t n, uint64_t value,
		      uint64_t of)
{
	char text[NUMBER_BYTES];
	put_series(x, ending(x), labels, n, NULL);
	put_text(x, format_parts(text, value, of, false));
	put_text(x, "\n");
}

void exposition_buckets(struct exposition *x, const struct exposition_label *labels, size_t n, const struct buckets *b,
			const uint64_t *bounds, uint64_t of)
{
	char text[NUMBER_BYTES];
	uint64_t below = 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		below += b->each[i];
		/* OpenMetrics wants a bound to look like a real number, and a series has one name in both formats. */
		put_series(x, "_bucket", labels, n, format_parts(text, bounds[i], of, true));
		put_number(x, below);
	}
	put_series(x, "_bucket", labels, n, "+Inf");
	put_number(x, b->n);
	put_series(x, "_sum", labels, n, NULL);
	put_text(x, format_parts(text, b->sum, of, false));
	put_text(x, "\n");
	put_series(x, "_count", labels, n, NULL);
	put_number(x, b->n);
}

void exposition_end(struct exposition *x)
{
	if (x->open_metrics)
		put_text(x, "# EOF\n");
}
