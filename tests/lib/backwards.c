#include "tests/lib/backwards.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/lab/scheme.h"
#include "client/lab/stats.h"
#include "client/lab/world.h"
#include "lib/base/err.h"
#include "lib/pool/mechanism.h"

enum { NAME_BYTES = 16 };

static void *memory(void *block)
{
	require(block);
	return block;
}

/* An item is closed and resolved, and the next one drawn. */
static void play(struct scheme *s, struct world *w, struct world_draw *draw, uint64_t items)
{
	double forecast;
	for (uint64_t t = 0; t < items; t++) {
		world_next(w, draw);
		struct scheme_item item = {
			.number = draw->number, .n = draw->n, .labelers = draw->labelers, .reports = draw->beliefs};
		require(s->class->close(s, &item, &forecast) == 0);
		require(s->class->resolve(s, &item, draw->outcome) == 0);
	}
}

/* The part of the labelers with a coefficient below 0, on an item that everybody answers. */
static double backwards(const struct pool *p)
{
	const uint32_t n = pool_labelers(p);
	uint32_t count = 0;
	for (uint32_t i = 0; i < n; i++)
		count += 1 / sqrt(n) + pool_totals(p)->track.c + pool_labeler(p, i)->track.m < 0;
	return (double)count / n;
}

double experiment_backwards(uint64_t items, uint32_t labelers, uint32_t repeats)
{
	struct candor_settings settings = {0};
	char(*texts)[NAME_BYTES] = memory(malloc(labelers * sizeof *texts));
	const char **names = memory(malloc(labelers * sizeof *names));
	double *parts = memory(malloc(repeats * sizeof *parts));
	struct world_draw draw = {.labelers = memory(malloc(labelers * sizeof *draw.labelers)),
				  .beliefs = memory(malloc(labelers * sizeof *draw.beliefs)),
				  .dice = memory(malloc(labelers * sizeof *draw.dice))};
	mechanism_defaults(&settings);
	for (uint32_t i = 0; i < labelers; i++) {
		snprintf(texts[i], sizeof texts[i], "l%u", i);
		names[i] = texts[i];
	}
	for (uint32_t r = 0; r < repeats; r++) {
		struct world_options options = world_usual(items, labelers);
		struct world *w;
		struct scheme *s;
		options.stream = r;
		require(world_new(&w, &options) == 0);
		require(scheme_forecast_free.make(&s, &(struct scheme_options){settings, labelers, names}) == 0);
		play(s, w, &draw, items);
		parts[r] = backwards(scheme_pool(s));
		s->class->free(s);
		world_free(w);
	}
	double middle = stats_quartiles(parts, repeats).median;
	free(texts);
	free(names);
	free(parts);
	free(draw.labelers);
	free(draw.beliefs);
	free(draw.dice);
	return middle;
}
