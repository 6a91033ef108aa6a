/* scheme.h - one interface for whatever turns an item's reports into a forecast and may learn from outcomes: candor's
 * mechanism at each of its rates, and other schemes that are in use.
 *
 * The mechanism is lib/pool itself, as the daemon runs it. The other schemes have no formula of it; what they share
 * with it (aggregates, losses) they call in lib/.
 *
 * Pure: no I/O, no clock; one thread at a time for each scheme. When an allocation fails, -ENOMEM is returned, and the
 * scheme can only be freed. */
#ifndef CANDOR_LAB_SCHEME_H
#define CANDOR_LAB_SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/message.h"
#include "lib/pool/pool.h"

enum { SCHEME_FORECASTS_MAX = 2 };

/* An item on its way through a scheme. The caller's; labelers[] and reports[] must stay until it is resolved or
 * forgotten. */
struct scheme_item {
	uint64_t number; /* from 0, in order of closing */
	size_t n; /* reports, at least 1 */
	const uint32_t *labelers; /* [n] ids below scheme_options.labelers, each once */
	const double *reports; /* [n] in [0, 1] */
	void *own; /* the scheme's */
};

struct scheme_options {
	struct candor_settings settings; /* complete and in range; the mechanism's alone */
	uint32_t labelers; /* the most there will ever be */
	const char *const *names; /* [labelers], each its own; they outlive the scheme */
};

struct scheme;

struct scheme_class {
	const char *name; /* as a user names it */
	const char *forecasts[SCHEME_FORECASTS_MAX]; /* the names of its forecasts, each its own; or NULL */
	bool slow; /* costs far more per item than the others */
	bool equal; /* all labelers have the same influence, whatever they do */
	bool mechanism; /* candor's: it has a pool, and its settings count */
	bool late; /* its forecasts are those of now(), at the end, on items whose outcome never came */
	enum candor_signs signs; /* of the mechanism; UNSPECIFIED: as the user says */

	int (*make)(struct scheme **out, const struct scheme_options *o);
	void (*free)(struct scheme *s);
	/* All reports are there: a forecast in [0, 1] under each name. */
	int (*close)(struct scheme *s, struct scheme_item *item, double *forecasts);
	/* What closing an item would forecast at this moment, after it was closed; nothing changes. */
	int (*now)(struct scheme *s, struct scheme_item *item, double *forecasts);
	/* Its outcome in [0, 1] is posted. */
	int (*resolve)(struct scheme *s, struct scheme_item *item, double outcome);
	/* The outcomes of n >= 2 items, settled as one. NULL: one after the other. */
	int (*together)(struct scheme *s, struct scheme_item *const *items, const double *outcomes, size_t n);
	/* Its outcome will never come, and nobody will ask for it any more. */
	void (*forget)(struct scheme *s, struct scheme_item *item);
	/* A labeler's standing, 1 being that of an unknown one: a weight, or how good its record is. */
	double (*standing)(const struct scheme *s, uint32_t labeler);
	/* The part of each reporter in the first forecast on an item that will be closed next, into parts[item->n];
	 * their sum is 1. NULL where the forecast is no weighted mean. */
	void (*say)(const struct scheme *s, const struct scheme_item *item, double *parts);
	/* What an outcome would make of the standings w[n] of an item's reporters, at the present rate; their sum
	 * stays. NULL where standings do not follow from an item alone. */
	void (*step)(const struct scheme *s, size_t n, double *w, const double *reports, double outcome);
};

/* The outcomes of n >= 1 items: together where the class has that, else one after the other. 0 or an error. */
MUST_CHECK int scheme_post(struct scheme *s, struct scheme_item *const *items, const double *outcomes, size_t n);

/* How many forecasts a scheme makes. */
int scheme_forecasts(const struct scheme_class *class);

/* What every scheme begins with. */
struct scheme {
	const struct scheme_class *class;
};

/* The commands that compare a scheme unless they are told which ones to compare; those of late forecasts only where
 * some outcomes never come. */
enum {
	SCHEME_IN_SIMULATE = 1,
	SCHEME_IN_EVALUATE = 2,
	SCHEME_IN_BOTH = SCHEME_IN_SIMULATE | SCHEME_IN_EVALUATE,
	SCHEME_IN_TRAIN = 4, /* candor simulate --train */
	SCHEME_IN_ALL = SCHEME_IN_BOTH | SCHEME_IN_TRAIN,
};

/* Every scheme that can be compared. To add one, write its file and add its row here: the classes are declared, and the
 * command line's names, defaults and help are made, from these rows.
 *
 * ROW(name, class, rate, median, defaults, help)
 *     rate: the mechanism's; 0: as the user says, or the class has none.
 *     median: where there is a rate, the name of the second forecast, the first having the row's; else NULL. */
#define SCHEMES(ROW)                                                                             \
	ROW("forecast", scheme_forecast, 0, NULL, SCHEME_IN_ALL,                                 \
	    "  forecast         the mechanism's forecast, at its default rate or at --rate\n")   \
	ROW("forecast-free", scheme_forecast_free, 0, NULL, SCHEME_IN_EVALUATE,                  \
	    "  forecast-free    the same with --signs free\n")                                   \
	ROW("now", scheme_now, 0, NULL, SCHEME_IN_BOTH,                                          \
	    "  now              the forecast as of the end, and now-mean, the mean as of then\n" \
	    "                   (where some outcomes never come)\n")                             \
	ROW("candor", scheme_candor, 0, NULL, SCHEME_IN_ALL,                                     \
	    "  candor           the mechanism's mean, its weights at the moment of closing\n")   \
	ROW("regression", scheme_regression, 0, NULL, SCHEME_IN_EVALUATE,                        \
	    "  regression       what the forecast blends beside means: a regression,\n")         \
	ROW("evidence", scheme_evidence, 0, NULL, SCHEME_IN_EVALUATE,                            \
	    "  evidence         ... the evidence of reports, over their root,\n")                \
	ROW("evidence_full", scheme_evidence_full, 0, NULL, SCHEME_IN_EVALUATE,                  \
	    "  evidence_full    ... and all of it\n")                                            \
	ROW("horizon", scheme_candor, CANDOR_HORIZON, "horizon-med", SCHEME_IN_SIMULATE,         \
	    "  horizon          the mechanism at the rate for a known length: --horizon\n"       \
	    "                   (default: the campaign's length)\n")                             \
	ROW("fixed", scheme_candor, CANDOR_FIXED, "fixed-med", SCHEME_IN_SIMULATE,               \
	    "  fixed            the mechanism at a fixed rate: --eta (0.1)\n")                   \
	ROW("plain", scheme_plain, 0, NULL, SCHEME_IN_ALL,                                       \
	    "  plain            unweighted mean and median, as is done today\n")                 \
	ROW("majority", scheme_majority, 0, NULL, SCHEME_IN_TRAIN,                               \
	    "  majority         the side that most labelers take: 1, 0, or 0.5\n")               \
	ROW("hedge", scheme_hedge, 0, NULL, SCHEME_IN_BOTH,                                      \
	    "  hedge            multiplicative weights for the Brier loss; not truthful\n")      \
	ROW("leader", scheme_leader, 0, NULL, SCHEME_IN_BOTH,                                    \
	    "  leader           follows the labeler with the best record so far\n")              \
	ROW("ds", scheme_dawid_skene, 0, NULL, SCHEME_IN_BOTH,                                   \
	    "  ds               Dawid-Skene by EM, refitted as items come: on the reports,\n"    \
	    "                   taken as A, tie or B\n")                                         \
	ROW("ds-gold", scheme_dawid_skene_gold, 0, NULL, SCHEME_IN_BOTH,                         \
	    "  ds-gold          the same, with known outcomes held fixed\n")

#define SCHEME_DECLARE(name, class, ...) extern const struct scheme_class class;
SCHEMES(SCHEME_DECLARE)
#undef SCHEME_DECLARE

/* The pool inside a scheme of the mechanism, to read; else NULL. */
const struct pool *scheme_pool(const struct scheme *s);

#endif
