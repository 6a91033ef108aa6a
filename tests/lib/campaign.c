#include "tests/lib/campaign.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/base/random.h"
#include "tests/lib/daemon.h"

enum { FIELDS = 10 };

static bool shared_path(const char *rest, char *out, size_t size)
{
	/* The repository is above build/VARIANT. */
	daemon_program("../../../shared", out, size);
	size_t len = strlen(out);
	snprintf(out + len, size - len, "/%s", rest);
	return access(out, R_OK) == 0;
}

/* What the forecast, and what it blends, come to: the second table, which has a row of the same file. */
static void read_forecasts(const char *file, struct known_campaign *out)
{
	enum { COLUMNS = 11 };
	char table[600], line[512], *fields[COLUMNS];
	bool found = false;
	assert_true(shared_path("vectors-2/datasets.tsv", table, sizeof table));
	FILE *f = fopen(table, "r");
	assert_non_null(f);
	while (!found && fgets(line, sizeof line, f)) {
		char *rest = line;
		for (size_t i = 0; i < COLUMNS; i++)
			assert_non_null(fields[i] = strsep(&rest, "\t\n"));
		found = strcmp(fields[0], file) == 0;
	}
	fclose(f);
	assert_true(found);
	out->forecast_loss = strtod(fields[2], NULL);
	out->forecast_free_loss = strtod(fields[3], NULL);
	out->regression_loss = strtod(fields[8], NULL);
	out->evidence_loss = strtod(fields[9], NULL);
	out->evidence_full_loss = strtod(fields[10], NULL);
}

static void read_row(char *row, struct known_campaign *out)
{
	char *fields[FIELDS], *rest = row, in_shared[128];
	for (size_t i = 0; i < FIELDS; i++)
		assert_non_null(fields[i] = strsep(&rest, "\t\n"));
	*out = (struct known_campaign){
		.resolved = strtoull(fields[1], NULL, 10),
		.mean_loss = strtod(fields[2], NULL),
		.median_loss = strtod(fields[3], NULL),
		.plain_mean_loss = strtod(fields[4], NULL),
		.plain_median_loss = strtod(fields[5], NULL),
		.heaviest_weight = strtod(fields[7], NULL),
		.lightest_weight = strtod(fields[9], NULL),
	};
	snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(fields[0], "."), fields[0]);
	snprintf(out->heaviest, sizeof out->heaviest, "%s", fields[6]);
	snprintf(out->lightest, sizeof out->lightest, "%s", fields[8]);
	snprintf(in_shared, sizeof in_shared, "data/%s", fields[0]);
	assert_true(shared_path(in_shared, out->path, sizeof out->path));
	read_forecasts(fields[0], out);
}

size_t campaigns_known(struct known_campaign out[CAMPAIGNS_MAX])
{
	char table[600], line[512];
	size_t n = 0;
	if (!shared_path("vectors/datasets.tsv", table, sizeof table))
		return 0;
	FILE *f = fopen(table, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof line, f)); /* the header */
	for (; fgets(line, sizeof line, f); n++) {
		assert_true(n < CAMPAIGNS_MAX);
		read_row(line, &out[n]);
	}
	fclose(f);
	assert_true(n > 0);
	return n;
}

static void write_file(const char *path, size_t items, uint64_t seed, bool has_blocks)
{
	struct random r, of_blocks;
	random_init(&r, seed, 0);
	random_init(&of_blocks, seed, 1);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "item,labeler,report,outcome%s\n", has_blocks ? ",block" : "");
	for (size_t i = 0; i < items; i++) {
		char block[32] = "";
		if (has_blocks && random_chance(&of_blocks, 2.0 / 3))
			snprintf(block, sizeof block, "week-%zu", i / 24 * 3 + random_below(&of_blocks, 3));
		double y = random_chance(&r, 0.8) ? (double)random_chance(&r, 0.5) : random_unit(&r);
		bool known = random_chance(&r, 0.85);
		for (int l = 0; l < 40; l++) {
			double p = random_chance(&r, 0.5) ? random_unit(&r) : (double)random_chance(&r, 0.3 + 0.4 * y);
			if (random_chance(&r, 0.3))
				continue;
			fprintf(f, known ? "item-%zu,labeler-%d,%.17g,%.17g" : "item-%zu,labeler-%d,%.17g,", i, l, p,
				y);
			fprintf(f, has_blocks ? ",%s\n" : "\n", block);
		}
	}
	assert_int_equal(fclose(f), 0);
}

void campaign_write(const char *path, size_t items, uint64_t seed)
{
	write_file(path, items, seed, false);
}

void campaign_write_blocks(const char *path, size_t items, uint64_t seed)
{
	write_file(path, items, seed, true);
}
