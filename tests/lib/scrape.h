/* scrape.h - a page of figures in Prometheus's text format or OpenMetrics, read by a parser that shares nothing with the
 * code that writes it.
 *
 * Strict: what the formats only tolerate is a fault. */
#ifndef CANDOR_TESTS_SCRAPE_H
#define CANDOR_TESTS_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>

struct sample {
	char *name, *labels; /* labels: as they stand, without the braces */
	double value;
};

struct scrape {
	struct sample *samples;
	size_t n;
	char **families; /* as HELP names them */
	size_t n_families;
	char fault[300]; /* "": the page is well formed */
};

/* text: NUL-terminated. Always to be freed. */
void scrape_parse(struct scrape *s, const char *text, bool open_metrics);
void scrape_free(struct scrape *s);

/* The value of the sample with just these labels ("pool=\"p\",state=\"open\""); NAN: there is none. */
double scrape_value(const struct scrape *s, const char *name, const char *labels);

/* How many samples have that name. */
size_t scrape_count(const struct scrape *s, const char *name);

#endif
