/* exposition.h - figures as Prometheus reads them: its text format 0.0.4, or OpenMetrics 1.0.
 *
 * A family is begun, then come its samples. Values of labels are escaped here; they must be UTF-8. The first error
 * stays in `err`, and nothing is appended after it. Pure. */
#ifndef CANDOR_EXPOSITION_H
#define CANDOR_EXPOSITION_H

#include <stdbool.h>

#include "lib/base/buckets.h"
#include "lib/base/buf.h"

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

struct exposition {
	struct buf *out;
	bool open_metrics;
	const char *name; /* of the family, without the _total that a counter's samples have */
	enum exposition_type type;
	int err; /* 0 or -ENOMEM */
};

struct exposition_label {
	const char *name, *value;
};

/* help: one line. What `name` points to stays as long as the family's samples are added. */
void exposition_family(struct exposition *x, const char *name, enum exposition_type type, const char *help);

/* A sample of a counter or gauge, with n labels. */
void exposition_number(struct exposition *x, const struct exposition_label *labels, size_t n, uint64_t value);
void exposition_real(struct exposition *x, const struct exposition_label *labels, size_t n, double value);

/* So many times `of`: 1000000000 for nanoseconds that are told in seconds. */
void exposition_parts(struct exposition *x, const struct exposition_label *labels, size_t n, uint64_t value,
		      uint64_t of);

/* The samples of a histogram; bounds and sum are told in parts likewise. */
void exposition_buckets(struct exposition *x, const struct exposition_label *labels, size_t n, const struct buckets *b,
			const uint64_t *bounds, uint64_t of);

/* The last line, where the format has one. */
void exposition_end(struct exposition *x);

#endif
