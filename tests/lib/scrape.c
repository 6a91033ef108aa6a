#include "tests/lib/scrape.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/base/text.h"

/* The family that lines belong to, and the series of a histogram that they are of. */
struct family {
	char name[200], type[20];
	bool has_type, open_metrics;
	double last_bound, last_count;
	bool in_histogram, has_infinity;
};

static void fail(struct scrape *s, size_t line, const char *format, ...) PRINTF_LIKE(3, 4);

static void fail(struct scrape *s, size_t line, const char *format, ...)
{
	va_list args;
	if (s->fault[0])
		return;
	int n = snprintf(s->fault, sizeof s->fault, "line %zu: ", line);
	va_start(args, format);
	vsnprintf(s->fault + n, sizeof s->fault - (size_t)n, format, args);
	va_end(args);
}

static size_t name_length(const char *text, bool colon)
{
	size_t n = 0;
	while (isalnum((unsigned char)text[n]) || text[n] == '_' || (colon && text[n] == ':'))
		n++;
	return isdigit((unsigned char)text[0]) ? 0 : n;
}

static char *copy(const char *text, size_t len)
{
	char *all = strndup(text, len);
	require(all);
	return all;
}

/* The length of name="value",... up to the brace; 0: it is not that. */
static size_t labels_length(const char *text)
{
	const char *at = text;
	for (;;) {
		size_t n = name_length(at, false);
		if (n == 0 || strncmp(at + n, "=\"", 2) != 0)
			return 0;
		const char *value = at + n + 2;
		for (at = value; *at && *at != '"'; at++) {
			if (*at == '\\' && at[1] != '\\' && at[1] != '"' && at[1] != 'n')
				return 0;
			at += *at == '\\';
		}
		if (!*at || text_fault(value, (size_t)(at - value)))
			return 0;
		if (*++at == '}')
			return (size_t)(at - text);
		if (*at++ != ',')
			return 0;
	}
}

static bool ends_with(const char *text, size_t len, const char *ending)
{
	size_t n = strlen(ending);
	return len >= n && strncmp(text + len - n, ending, n) == 0;
}

static bool is_integer(double value)
{
	return isfinite(value) && value >= 0 && floor(value) == value;
}

/* What a sample adds to the name of its family: "" or "_bucket" and the like. */
static bool is_ending_of(const struct family *f, const char *ending)
{
	if (strcmp(f->type, "counter") == 0)
		return strcmp(ending, f->open_metrics ? "_total" : "") == 0;
	if (strcmp(f->type, "histogram") == 0)
		return strcmp(ending, "_bucket") == 0 || strcmp(ending, "_sum") == 0 || strcmp(ending, "_count") == 0;
	return ending[0] == 0;
}

static void check_histogram(struct scrape *s, size_t line, struct family *f, const struct sample *sample,
			    const char *ending)
{
	if (strcmp(ending, "_bucket") == 0) {
		const char *le = strstr(sample->labels, "le=\"");
		if (!le)
			fail(s, line, "a bucket without le");
		double bound = le ? strtod(le + 4, NULL) : 0;
		if (le && isfinite(bound) && !memchr(le + 4, '.', strcspn(le + 4, "\"")))
			fail(s, line, "the bound is no real number");
		if (f->in_histogram && !(bound > f->last_bound))
			fail(s, line, "bounds do not ascend");
		if (f->in_histogram && sample->value < f->last_count)
			fail(s, line, "buckets are not cumulative");
		f->in_histogram = true;
		f->has_infinity = isinf(bound);
		f->last_bound = bound;
		f->last_count = sample->value;
		return;
	}
	if (!f->has_infinity)
		fail(s, line, "no bucket +Inf before %s", ending);
	if (strcmp(ending, "_count") != 0)
		return;
	if (sample->value != f->last_count)
		fail(s, line, "the count is not that of +Inf");
	f->in_histogram = f->has_infinity = false;
}

static void add_sample(struct scrape *s, size_t line, struct family *f, struct sample sample)
{
	size_t len = strlen(f->name);
	if (strncmp(sample.name, f->name, len) != 0 || !f->has_type || !is_ending_of(f, sample.name + len))
		fail(s, line, "%s does not belong to the %s %s", sample.name, f->type, f->name);
	else if (strcmp(f->type, "histogram") == 0)
		check_histogram(s, line, f, &sample, sample.name + len);
	if (strcmp(f->type, "counter") == 0 && !(sample.value >= 0))
		fail(s, line, "a counter is not below 0");
	for (size_t i = s->n; i > 0; i--)
		if (strcmp(s->samples[i - 1].name, sample.name) != 0)
			break;
		else if (strcmp(s->samples[i - 1].labels, sample.labels) == 0)
			fail(s, line, "%s{%s} is there twice", sample.name, sample.labels);
	s->samples = realloc(s->samples, (s->n + 1) * sizeof *s->samples);
	require(s->samples);
	s->samples[s->n++] = sample;
}

static void take_sample(struct scrape *s, size_t line, struct family *f, const char *text)
{
	size_t n = name_length(text, true), labels = 0;
	const char *at = text + n;
	if (n == 0) {
		fail(s, line, "no name: %s", text);
		return;
	}
	if (*at == '{' && (labels = labels_length(at + 1)) == 0) {
		fail(s, line, "labels that cannot be read: %s", text);
		return;
	}
	const char *value = at + (labels ? labels + 2 : 0);
	char *end = NULL;
	double number = *value == ' ' ? strtod(value + 1, &end) : 0;
	if (*value != ' ' || isspace((unsigned char)value[1]) || end == value + 1 || *end != 0) {
		fail(s, line, "a value that is no number: %s", text);
		return;
	}
	if (ends_with(text, n, "_count") && !is_integer(number))
		fail(s, line, "a count that is no whole number: %s", text);
	add_sample(s, line, f, (struct sample){copy(text, n), copy(labels ? at + 1 : "", labels), number});
}

static void begin_family(struct scrape *s, size_t line, struct family *f, const char *text)
{
	size_t n = name_length(text, true);
	if (n == 0 || n >= sizeof f->name || text[n] != ' ' || !text[n + 1])
		fail(s, line, "HELP without a name or a text");
	else if (f->in_histogram)
		fail(s, line, "a histogram that is not complete before it");
	snprintf(f->name, sizeof f->name, "%.*s", (int)n, text);
	f->has_type = f->in_histogram = false;
	for (size_t i = 0; i < s->n_families; i++)
		if (strcmp(s->families[i], f->name) == 0)
			fail(s, line, "the family %s is there twice", f->name);
	s->families = realloc(s->families, (s->n_families + 1) * sizeof(char *));
	require(s->families);
	s->families[s->n_families++] = copy(f->name, strlen(f->name));
}

static void take_type(struct scrape *s, size_t line, struct family *f, const char *text)
{
	size_t n = strlen(f->name);
	if (strncmp(text, f->name, n) != 0 || text[n] != ' ' || f->has_type)
		fail(s, line, "TYPE does not follow HELP of its family");
	snprintf(f->type, sizeof f->type, "%.19s", strlen(text) > n ? text + n + 1 : "");
	f->has_type = true;
	if (strcmp(f->type, "counter") != 0 && strcmp(f->type, "gauge") != 0 && strcmp(f->type, "histogram") != 0)
		fail(s, line, "the type %s", f->type);
	if (strcmp(f->type, "counter") == 0 && ends_with(f->name, n, "_total") == f->open_metrics)
		fail(s, line, "the counter's family is called %s", f->name);
}

void scrape_parse(struct scrape *s, const char *text, bool open_metrics)
{
	struct family f = {.open_metrics = open_metrics};
	bool ended = false;
	*s = (struct scrape){0};
	for (size_t line = 1; *text && !s->fault[0]; line++) {
		size_t len = strcspn(text, "\n");
		if (!text[len])
			fail(s, line, "the last line does not end");
		char *all = copy(text, len);
		if (ended)
			fail(s, line, "something behind the end");
		else if (strncmp(all, "# HELP ", 7) == 0)
			begin_family(s, line, &f, all + 7);
		else if (strncmp(all, "# TYPE ", 7) == 0)
			take_type(s, line, &f, all + 7);
		else if (open_metrics && strcmp(all, "# EOF") == 0)
			ended = true;
		else
			take_sample(s, line, &f, all);
		free(all);
		text += len + (text[len] == '\n');
	}
	if (open_metrics && !ended)
		fail(s, 0, "no # EOF");
	if (f.in_histogram)
		fail(s, 0, "a histogram that is not complete");
}

void scrape_free(struct scrape *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->samples[i].name);
		free(s->samples[i].labels);
	}
	for (size_t i = 0; i < s->n_families; i++)
		free(s->families[i]);
	free(s->samples);
	free(s->families);
}

double scrape_value(const struct scrape *s, const char *name, const char *labels)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->samples[i].name, name) == 0 && strcmp(s->samples[i].labels, labels) == 0)
			return s->samples[i].value;
	return NAN;
}

size_t scrape_count(const struct scrape *s, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += strcmp(s->samples[i].name, name) == 0;
	return n;
}
