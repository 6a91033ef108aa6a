/* What a pool keeps is all there is to it: written down and restored, it goes on to the same bits. And what it keeps
 * is small. */
#include "tests/lib/unit.h"

#include <malloc.h>
#include <stdlib.h>

#include "tests/lib/history.h"
#include "tests/lib/seed.h"

/* ---- restoring ---- */

static void restore_item(struct pool *to, const struct item *item, const char *name, size_t len)
{
	struct item *copy;
	assert_int_equal(pool_add_item(to, name, len, &copy), 0);
	if (item->n == 0)
		return;
	assert_int_equal(pool_restore_reports(to, copy, item_labelers(item), item->values, item->sequences, item->n),
			 0);
	copy->state = item->state;
	if (item->frozen)
		assert_int_equal(pool_restore_frozen(to, copy, item->state, item->frozen, item->frozen->weights), 0);
}

/* A second pool, made from nothing but what the first one's readers say. */
static struct pool *restored(const struct pool *p, uint32_t items)
{
	struct pool *q = history_pool(pool_settings(p));
	size_t len;
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		const char *name = pool_labeler_name(p, id, &len);
		assert_int_equal(pool_restore_labeler(q, name, len, pool_entry(p, id), pool_labeler(p, id)), 0);
	}
	for (uint32_t i = 0; i < items; i++) {
		char name[HISTORY_NAME_SIZE];
		len = (size_t)snprintf(name, sizeof name, "i%u", i);
		const struct item *item = pool_find_item(p, name, len);
		if (item)
			restore_item(q, item, name, len);
	}
	pool_restore_totals(q, pool_totals(p));
	return q;
}

static void a_restored_pool_goes_on_to_the_same_bits(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 21);
	for (int round = 0; round < 300; round++) {
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct pool *p = history_pool(&s);
		struct history h, copy;
		int before = (int)random_below(&r, 800);
		history_init(&h, &shape, random_below(&r, 1u << 30));
		for (int i = 0; i < before; i++)
			history_step(&h, p);
		struct pool *q = restored(p, h.next_item);
		const char *difference = history_difference(p, q, h.next_item);
		copy = h;
		for (int i = 0; i < 400 && !difference; i++) {
			history_step(&h, p);
			history_step(&copy, q);
			if (i % 20 == 0)
				difference = history_difference(p, q, h.next_item);
			if (pool_best(p) != pool_best(q))
				difference = "the best labeler";
		}
		if (difference) {
			print_error("round %d: %s differ\n", round, difference);
			fail();
		}
		pool_free(p);
		pool_free(q);
	}
}

/* What a database keeps of a settlement. */
struct kept {
	struct pool_stored row;
	uint32_t labelers[64];
	double values[64], weights[64];
	uint64_t block;
};

static void keep(struct kept *k, const struct pool *p, const struct item *item, const struct pool_settled *done)
{
	assert_true(item->n <= 64);
	memcpy(k->labelers, item_labelers(item), item->n * sizeof *k->labelers);
	memcpy(k->values, item->values, item->n * sizeof *k->values);
	memcpy(k->weights, done->weights, done->n * sizeof *k->weights);
	k->block = done->block ? done->block : done->round;
	k->row = (struct pool_stored){
		.round = done->round,
		.epoch = done->epoch,
		.stretch = done->stretch,
		.eta = done->eta,
		.total_weight = done->total_weight,
		.wrong = pool_settings(p)->wrong,
		.outcome = item->frozen->outcome,
		.weighted_loss = done->weighted_loss,
		.mean = item->frozen->aggregate.mean,
		.lesson = done->lesson,
		.n = item->n,
		.labelers = k->labelers,
		.values = k->values,
		.scored = done->n,
		.weights = k->weights,
	};
}

/* Labelers' rows are of different moments; what was settled since is taken from the settlements. */
static void settlements_bring_labelers_up_that_lag_behind(void **state)
{
	enum { STEPS = 500, KEPT_MAX = STEPS * 12 };
	static struct kept kept[KEPT_MAX];
	struct random r;
	(void)state;
	seed_random(&r, 22);
	for (int round = 0; round < 100; round++) {
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct pool *p = history_pool(&s), *q;
		struct history h;
		struct labeler rows[64];
		uint64_t through[64];
		struct {
			unsigned epoch;
			double beta;
		} updates[STEPS];
		size_t n_rows = 0, n_kept = 0, n_updates = 0;
		history_init(&h, &shape, random_below(&r, 1u << 30));
		for (int i = 0; i < STEPS; i++) {
			double beta = pool_settings(p)->beta;
			struct history_did did = history_step(&h, p);
			for (; n_rows < pool_labelers(p); n_rows++) {
				rows[n_rows] = *pool_labeler(p, (uint32_t)n_rows);
				through[n_rows] = pool_totals(p)->round;
			}
			if (did.step == HISTORY_UPDATED) {
				updates[n_updates].epoch = pool_totals(p)->epoch;
				updates[n_updates++].beta = beta;
			}
			for (size_t k = 0; k < did.n_settled; k++)
				keep(&kept[n_kept++], p, did.resolved[k], &did.settled[k]);
			if (random_chance(&r, 0.2)) {
				size_t id = random_below(&r, n_rows);
				rows[id] = *pool_labeler(p, (uint32_t)id);
				through[id] = pool_totals(p)->round;
			}
		}
		q = history_pool(pool_settings(p));
		for (size_t i = 0; i < n_updates; i++)
			assert_int_equal(pool_restore_update(q, updates[i].epoch, updates[i].beta), 0);
		for (uint32_t id = 0; id < n_rows; id++) {
			size_t len;
			const char *name = pool_labeler_name(p, id, &len);
			assert_int_equal(pool_restore_labeler(q, name, len, pool_entry(p, id), &rows[id]), 0);
		}
		for (size_t i = 0, n; i < n_kept; i += n) {
			struct pool_stored block[HISTORY_PENDING_MAX];
			for (n = 0; i + n < n_kept && kept[i + n].block == kept[i].block; n++)
				block[n] = kept[i + n].row;
			assert_int_equal(pool_restore_block(q, block, n, through), 0);
		}
		pool_restore_totals(q, pool_totals(p));
		for (uint32_t i = 0; i < h.next_item; i++) {
			char name[HISTORY_NAME_SIZE];
			struct item *item = pool_find_item(p, name, (size_t)snprintf(name, sizeof name, "i%u", i));
			if (item)
				pool_drop_item(p, item);
		}
		assert_null(history_difference(p, q, 0));
		pool_free(p);
		pool_free(q);
	}
}

static void a_labeler_whose_name_is_taken_is_not_restored(void **state)
{
	struct candor_settings s = {0};
	struct labeler l = {.weight = 2};
	(void)state;
	mechanism_defaults(&s);
	struct pool *p = history_pool(&s);
	assert_int_equal(pool_restore_labeler(p, "A", 1, 3, &l), 0);
	assert_int_equal(pool_restore_labeler(p, "A", 1, 3, &l), ERR_HISTORY);
	assert_int_equal(pool_labelers(p), 1);
	assert_near(pool_entry(p, 0), 3, 0);
	assert_near(pool_totals(p)->total_weight, 3, 0);
	pool_free(p);
}

static void a_name_that_is_taken_is_refused_where_a_new_block_of_labelers_would_begin(void **state)
{
	struct candor_settings s = {0};
	struct labeler l = {.weight = 1};
	char name[16];
	(void)state;
	mechanism_defaults(&s);
	struct pool *p = history_pool(&s);
	for (int i = 0; i < 4096; i++) {
		size_t len = (size_t)snprintf(name, sizeof name, "L%d", i);
		assert_int_equal(pool_restore_labeler(p, name, len, 1, &l), 0);
	}
	assert_int_equal(pool_restore_labeler(p, "L7", 2, 1, &l), ERR_HISTORY);
	assert_int_equal(pool_restore_labeler(p, "L4096", 5, 1, &l), 0);
	assert_int_equal(pool_find_labeler(p, "L4096", 5), 4096);
	pool_free(p);
}

/* ---- memory ---- */

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static void a_labeler_is_104_bytes(void **state)
{
	(void)state;
	assert_true(sizeof(struct labeler) <= 104);
}

static void a_hundred_thousand_labelers_take_at_most_120_bytes_each_beside_their_names(void **state)
{
	enum { LABELERS = 100000, NAME_BYTES = 16, CHUNK_BYTES = 1 << 20 };
	struct candor_settings s = {0};
	char name[32], item[32];
	(void)state;
	if (SANITIZED)
		skip_because("a sanitizer's heap is not the system's");
	mechanism_defaults(&s);
	struct pool *p = history_pool(&s);
	size_t before = heap_bytes();
	for (int i = 0; i < LABELERS; i++) {
		snprintf(name, sizeof name, "labeler-%05d", i); /* 13 bytes, a length and a NUL: a cell pair of 16 */
		snprintf(item, sizeof item, "i%d", i / 20);
		history_report(p, item, name, 0.5);
		if (i % 20 == 19)
			pool_drop_item(p, history_item(p, item));
	}
	size_t taken = heap_bytes() - before;
	/* Names' bytes are taken in chunks: those that the labelers' names need, and one for the items'. */
	double chunks = ceil((double)LABELERS * NAME_BYTES / CHUNK_BYTES) + 1;
	double each = ((double)taken - chunks * CHUNK_BYTES) / LABELERS;
	print_message("# %.1f bytes a labeler\n", each);
	assert_at_most(each, 120);
	pool_free(p);
}

static void open_reports_take_at_most_16_bytes_each_beside_their_item(void **state)
{
	enum { ITEMS = 20000, REPORTERS = 20 };
	struct candor_settings s = {0};
	char name[32];
	struct pool_reported reported;
	(void)state;
	if (SANITIZED)
		skip_because("a sanitizer's heap is not the system's");
	mechanism_defaults(&s);
	struct pool *p = history_pool(&s), *empty = history_pool(&s);
	history_item(empty, "first");
	for (int k = 0; k < REPORTERS; k++) {
		snprintf(name, sizeof name, "L%d", k);
		history_report(p, "first", name, 0.5);
	}
	size_t start = heap_bytes();
	for (int i = 0; i < ITEMS; i++) {
		snprintf(name, sizeof name, "i%d", i);
		history_item(empty, name);
	}
	size_t without = heap_bytes() - start;
	start = heap_bytes();
	for (int i = 0; i < ITEMS; i++) {
		char labeler[32];
		snprintf(name, sizeof name, "i%d", i);
		struct item *item = history_item(p, name);
		for (int k = 0; k < REPORTERS; k++) {
			int len = snprintf(labeler, sizeof labeler, "L%d", k);
			assert_int_equal(pool_report(p, item, labeler, (size_t)len, 0.5, 0, &reported), POOL_ADDED);
		}
	}
	double each = ((double)(heap_bytes() - start) - (double)without) / (ITEMS * REPORTERS);
	print_message("# %.1f bytes a report\n", each);
	assert_at_most(each, 16);
	pool_free(p);
	pool_free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restored_pool_goes_on_to_the_same_bits),
		cmocka_unit_test(settlements_bring_labelers_up_that_lag_behind),
		cmocka_unit_test(a_labeler_whose_name_is_taken_is_not_restored),
		cmocka_unit_test(a_name_that_is_taken_is_refused_where_a_new_block_of_labelers_would_begin),
		cmocka_unit_test(a_labeler_is_104_bytes),
		cmocka_unit_test(a_hundred_thousand_labelers_take_at_most_120_bytes_each_beside_their_names),
		cmocka_unit_test(open_reports_take_at_most_16_bytes_each_beside_their_item),
	};
	return cmocka_run_group_tests_name("pool_restore", tests, NULL, NULL);
}
