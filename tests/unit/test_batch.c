/* A batch owns all that its changes point to, and keeps their order. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "daemon/db/rows.h"

/* What a row points to, in memory that is overwritten and freed when the row was added. */
struct source {
	char *name, *by;
	uint32_t *labelers, *last_round;
	uint64_t *sequences;
	double *values, *weights;
};

enum { N = 5 };

static void *copy(const void *from, size_t size)
{
	void *to = malloc(size);
	assert_non_null(to);
	return memcpy(to, from, size);
}

static struct source make_source(void)
{
	const uint32_t labelers[N] = {4, 3, 2, 1, 0}, rounds[N] = {0, 7, 0, 9, 11};
	const uint64_t sequences[N] = {0, 9, 8, 7, 6};
	const double values[N] = {0, 0.25, 0.5, 0.75, 1}, weights[N] = {1, 2, 3, 4, 5};
	return (struct source){
		.name = copy("name", 5),
		.by = copy("somebody", 9),
		.labelers = copy(labelers, sizeof labelers),
		.last_round = copy(rounds, sizeof rounds),
		.values = copy(values, sizeof values),
		.sequences = copy(sequences, sizeof sequences),
		.weights = copy(weights, sizeof weights),
	};
}

static void spoil(struct source *s)
{
	memset(s->name, 'x', 4);
	memset(s->by, 'x', 8);
	memset(s->labelers, 0xff, N * sizeof *s->labelers);
	memset(s->last_round, 0xff, N * sizeof *s->last_round);
	memset(s->values, 0xff, N * sizeof *s->values);
	memset(s->sequences, 0xff, N * sizeof *s->sequences);
	memset(s->weights, 0xff, N * sizeof *s->weights);
	free(s->name);
	free(s->by);
	free(s->labelers);
	free(s->last_round);
	free(s->values);
	free(s->sequences);
	free(s->weights);
}

static void add_one_of_each(struct batch *b)
{
	struct source s = make_source();
	const struct packed_reports reports = {N, s.labelers, s.values, s.sequences};
	const struct pool_row pool = {.id = 1, .name = s.name, .totals = {.round = 9}};
	const struct settings_row settings = {.pool = 1, .change = 2, .by = s.by};
	const struct labeler_row joined = {.pool = 1, .id = 4, .name = s.name}, later = {.pool = 1, .id = 5};
	const struct open_item_row opened = {.id = 6, .name = s.name}, packed = {.id = 7, .reports = reports};
	const struct log_row log = {.change = 8, .value = 0.5};
	const struct revision_row revision = {.change = 9, .old = 0.25};
	const struct item_row item = {.id = 10, .name = s.name, .reports = reports, .weights = s.weights};
	const struct item_row ended = {.id = 11, .name = s.name, .state = CANDOR_RESOLVED};
	const struct settlement_row settlement = {
		.round = 12, .by = s.by, .n = N, .weights = s.weights, .last_round = s.last_round};
	const struct recheck_row recheck = {.item = 3, .by = s.by};
	const struct trim_row trim = {13};
	const struct progress_row progress = {.changes = 14};
	assert_true(batch_add(b, CHANGE_POOL, &pool) && batch_add(b, CHANGE_SETTINGS, &settings));
	assert_true(batch_add(b, CHANGE_LABELER, &joined) && batch_add(b, CHANGE_LABELER, &later));
	assert_true(batch_add(b, CHANGE_RECHECK, &recheck) && batch_add(b, CHANGE_OPEN_ITEM, &opened));
	assert_true(batch_add(b, CHANGE_OPEN_ITEM, &packed) && batch_add(b, CHANGE_LOG, &log));
	assert_true(batch_add(b, CHANGE_REVISION, &revision) && batch_add(b, CHANGE_ITEM, &item));
	assert_true(batch_add(b, CHANGE_ITEM_ENDED, &ended) && batch_add(b, CHANGE_SETTLEMENT, &settlement));
	assert_true(batch_add(b, CHANGE_TRIM, &trim) && batch_add(b, CHANGE_PROGRESS, &progress));
	spoil(&s);
}

static const struct change *next(const struct change **at, enum change_type type)
{
	const struct change *c = *at;
	assert_non_null(c);
	assert_int_equal(c->type, type);
	*at = c->next;
	return c;
}

static void assert_reports(const struct packed_reports *r)
{
	assert_int_equal(r->n, N);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(r->labelers[i], N - 1 - i);
		assert_same_bits(r->values[i], i / 4.0);
		assert_int_equal(r->sequences[i], i ? 10 - i : 0);
	}
}

static void assert_one_of_each(const struct change **at)
{
	const struct change *c = next(at, CHANGE_POOL);
	assert_string_equal(c->pool.name, "name");
	assert_int_equal(c->pool.totals.round, 9);
	assert_string_equal(next(at, CHANGE_SETTINGS)->settings.by, "somebody");
	assert_string_equal(next(at, CHANGE_LABELER)->labeler.name, "name");
	c = next(at, CHANGE_LABELER);
	assert_null(c->labeler.name);
	assert_int_equal(c->labeler.id, 5);
	c = next(at, CHANGE_RECHECK);
	assert_int_equal(c->recheck.item, 3);
	assert_string_equal(c->recheck.by, "somebody");
	c = next(at, CHANGE_OPEN_ITEM);
	assert_string_equal(c->open_item.name, "name");
	assert_int_equal(c->open_item.reports.n, 0);
	c = next(at, CHANGE_OPEN_ITEM);
	assert_null(c->open_item.name);
	assert_reports(&c->open_item.reports);
	assert_same_bits(next(at, CHANGE_LOG)->log.value, 0.5);
	assert_same_bits(next(at, CHANGE_REVISION)->revision.old, 0.25);
	c = next(at, CHANGE_ITEM);
	assert_string_equal(c->item.name, "name");
	assert_reports(&c->item.reports);
	assert_same_bits(c->item.weights[N - 1], 5);
	c = next(at, CHANGE_ITEM_ENDED);
	assert_int_equal(c->item.state, CANDOR_RESOLVED);
	assert_null(c->item.weights);
	c = next(at, CHANGE_SETTLEMENT);
	assert_string_equal(c->settlement.by, "somebody");
	assert_same_bits(c->settlement.weights[2], 3);
	assert_int_equal(c->settlement.last_round[3], 9);
	assert_int_equal(next(at, CHANGE_TRIM)->trim.change, 13);
	assert_int_equal(next(at, CHANGE_PROGRESS)->progress.changes, 14);
}

static void a_batch_keeps_copies_in_order(void **state)
{
	(void)state;
	struct batch b;
	batch_init(&b);
	assert_null(b.first);
	for (int i = 0; i < 100; i++)
		add_one_of_each(&b);
	const struct change *at = b.first;
	for (int i = 0; i < 100; i++)
		assert_one_of_each(&at);
	assert_null(at);
	batch_free(&b);
}

static void a_batch_can_be_filled_again(void **state)
{
	(void)state;
	struct batch b;
	batch_init(&b);
	size_t at_first = b.arena.used_bytes;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 1000; i++)
			add_one_of_each(&b);
		batch_reset(&b);
		assert_null(b.first);
		assert_null(b.waiters);
		/* It does not keep what a large one took. */
		assert_true(b.arena.used_bytes <= at_first + 16 * 1024);
		add_one_of_each(&b);
		const struct change *at = b.first;
		assert_one_of_each(&at);
		assert_null(at);
	}
	batch_free(&b);
}

static void a_change_without_memory_is_not_half_added(void **state)
{
	(void)state;
	struct batch b;
	batch_init(&b);
	const struct trim_row trim = {1};
	assert_true(batch_add(&b, CHANGE_TRIM, &trim));
	/* Room for the change itself, none for what it points to. */
	char name[64 * 1024];
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = 0;
	b.arena.budget_bytes = b.arena.used_bytes;
	const struct pool_row pool = {.name = name};
	assert_false(batch_add(&b, CHANGE_POOL, &pool));
	const struct change *at = b.first;
	assert_int_equal(next(&at, CHANGE_TRIM)->trim.change, 1);
	assert_null(at);
	b.arena.budget_bytes = SIZE_MAX / 2;
	assert_true(batch_add(&b, CHANGE_POOL, &pool));
	at = b.first;
	next(&at, CHANGE_TRIM);
	assert_string_equal(next(&at, CHANGE_POOL)->pool.name, name);
	assert_null(at);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_keeps_copies_in_order),
		cmocka_unit_test(a_batch_can_be_filled_again),
		cmocka_unit_test(a_change_without_memory_is_not_half_added),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
