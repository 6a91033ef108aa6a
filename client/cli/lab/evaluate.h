/* evaluate.h - what the two halves of candor evaluate share: reading and replaying (evaluate.c), and printing
 * (evaluate_show.c). */
#ifndef CANDOR_CLI_EVALUATE_H
#define CANDOR_CLI_EVALUATE_H

#include "client/cli/base/cli.h"
#include "client/lab/replay.h"
#include "client/cli/lab/contest.h"

struct evaluated_file {
	const char *path, *name; /* name: for tables */
	struct dataset data;
	struct replay *replays; /* [n_contestants * repeats] by contestant, then repeat */
};

struct evaluation {
	struct cli *cli;
	struct candor_settings given;
	const struct cli_contestant *contestants[CLI_CONTESTANTS_MAX];
	size_t n_contestants;
	struct replay_options
		replay; /* of all replays alike; class, settings, order and stream are each replay's own */
	bool shuffled, details;
	uint64_t seed;
	uint32_t repeats;
	size_t n_files;
	struct evaluated_file *files; /* [n_files] */
};

/* How often the average labeler of a file will have been settled: what a known length is by default. */
static inline double evaluation_t_eff(const struct evaluation *e, const struct dataset *d)
{
	const bool together = e->replay.together > 1 && !e->replay.apart;
	return dataset_t_eff(d) * (1 - e->replay.unaudited) / (together ? (double)e->replay.together : 1);
}

/* Prints it all on stdout. */
void evaluate_show(const struct evaluation *e);

#endif
