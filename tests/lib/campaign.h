/* campaign.h - campaigns in files: those of real data with what they are known to come to, and random ones.
 * Real data lies beside the project, or not at all: tests say so and go on without. */
#ifndef CANDOR_TESTS_CAMPAIGN_H
#define CANDOR_TESTS_CAMPAIGN_H

#include <stddef.h>
#include <stdint.h>

#include "tests/lib/unit.h"

enum { CAMPAIGNS_MAX = 32 };

/* A file of real data under the default settings, in the order of the file. Losses are per resolved item. */
struct known_campaign {
	char name[64], path[600];
	uint64_t resolved;
	double mean_loss, median_loss, plain_mean_loss, plain_median_loss;
	double forecast_loss, forecast_free_loss, regression_loss, evidence_loss, evidence_full_loss;
	char heaviest[128], lightest[128];
	double heaviest_weight, lightest_weight;
};

/* How many there are; 0 where there is no folder with real data beside the project. */
size_t campaigns_known(struct known_campaign out[CAMPAIGNS_MAX]);

/* A random one as CSV: 40 labelers, most of whom answer an item; most items with outcomes, some graded; reports of full
 * precision among them. */
void campaign_write(const char *path, size_t items, uint64_t seed);

/* The same, with a column block: two thirds of the items are of blocks, of which three at a time go on side by side. */
void campaign_write_blocks(const char *path, size_t items, uint64_t seed);

/* As good as the figures were written. */
#define assert_figure(got, want) assert_near(got, want, 1e-9 * fabs(want))

#endif
