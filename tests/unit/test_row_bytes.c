/* What the forecast, the measured regret bound and blocks take on disk, in the rows of a campaign. */
#include <stdlib.h>

#include "tests/lib/fake_owner.h"
#include "tests/lib/seed.h"
#include "tests/lib/sql.h"
#include "tests/lib/unit.h"

enum { ITEMS = 400, LABELERS = 60, REPORTS = 7, A_LABELER_MAX = 72, AN_ITEM_MAX = 64 };

/* Reports as people give them, and as models do. */
static void play(struct fake_owner *f)
{
	struct random r;
	seed_random(&r, 11);
	fake_pool(f, "p", NULL);
	for (unsigned i = 0; i < ITEMS; i++) {
		char item[16], labeler[16];
		snprintf(item, sizeof item, "i%u", i);
		uint64_t first = random_below(&r, LABELERS);
		for (unsigned k = 0; k < REPORTS; k++) {
			snprintf(labeler, sizeof labeler, "L%u", (unsigned)((first + k) % LABELERS));
			double value = i % 2 ? random_unit(&r) : random_chance(&r, 0.6);
			assert_int_equal(fake_post(f, "p", item, labeler, value), CANDOR_OK);
		}
		assert_int_equal(fake_resolve(f, "p", item, random_chance(&r, 0.6)), CANDOR_OK);
	}
}

/* As SQLite stores a value: a byte that says how, and then nothing for NULL, 0 and 1, few bytes for a whole number (which a
 * real may be, too), or eight. */
#define BYTES                                                                                           \
	"1 + CASE WHEN %1$s IS NULL OR %1$s IN (0, 1) THEN 0 WHEN %1$s != CAST(%1$s AS INTEGER) THEN 8" \
	" WHEN abs(%1$s) < 128 THEN 1 WHEN abs(%1$s) < 32768 THEN 2 WHEN abs(%1$s) < 8388608 THEN 3 ELSE 8 END"

/* What the columns take in a row, on average. */
static double cost(const char *path, const char *table, const char *const *columns)
{
	double all = 0;
	for (; *columns; columns++) {
		char sql[1024];
		snprintf(sql, sizeof sql, "SELECT avg(" BYTES ") FROM %2$s", *columns, table);
		all += sql_number(path, sql);
	}
	return all;
}

static void rows_grow_by_a_few_bytes(void **state)
{
	(void)state;
	static const char *const of_labelers[] = {"lim", "stretch", "m", "v", "n1", "n0", "a", "b", NULL};
	static const char *const of_items[] = {"forecast",     "regression", "evidence", "evidence_full",
					       "closed_round", "block",      NULL};
	static const char *const of_settlements[] = {"stretch", "gradient", "variance", NULL};
	struct engine_limits limits = fake_roomy_limits();
	struct fake_owner f;
	fake_init(&f, &limits);
	play(&f);
	fake_stop(&f);
	double labeler = cost(f.path, "labelers", of_labelers);
	double item = cost(f.path, "items", of_items), settlement = cost(f.path, "settlements", of_settlements);
	print_message("# %.1f bytes a labeler, %.1f a closed item, %.1f more when it is resolved\n", labeler, item,
		      settlement);
	assert_int_equal((int)sql_number(f.path, "SELECT count(*) FROM settlements"), ITEMS);
	assert_true(labeler > 8 && item > 8 && settlement > 8);
	assert_at_most(labeler, A_LABELER_MAX);
	assert_at_most(item + settlement, AN_ITEM_MAX);
	fake_start(&f);
	fake_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_grow_by_a_few_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
