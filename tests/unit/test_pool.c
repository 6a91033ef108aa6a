#include "tests/lib/unit.h"

#include <math.h>
#include <stdlib.h>

#include "tests/lib/history.h"
#include "tests/lib/seed.h"

static struct pool *pool_of(enum candor_rate rate)
{
	struct candor_settings s = history_settings(rate);
	return history_pool(&s);
}

/* ---- the state machine ---- */

enum event { REPORT_NEW, REPORT_SAME, REPORT_OTHER, CLOSE, RESOLVE, VOID, EVENTS };
enum start { UNBORN, OPEN, CLOSED, RESOLVED, VOID_OPEN, VOID_CLOSED, STARTS };

static int fire(struct pool *p, struct item *item, enum event event)
{
	struct pool_reported reported;
	struct pool_settled settled;
	switch (event) {
	case REPORT_NEW: return pool_report(p, item, "new", 3, 0.5, 0, &reported);
	case REPORT_SAME: return pool_report(p, item, "old", 3, 0.25, 0, &reported);
	case REPORT_OTHER: return pool_report(p, item, "old", 3, 0.75, 0, &reported);
	case CLOSE: return pool_close(p, item);
	case RESOLVE: return pool_resolve(p, item, 1, &settled);
	default: return pool_void(p, item);
	}
}

static struct pool *pool_with_item(enum start start, struct item **item)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	*item = history_item(p, "i0");
	/* The labeler is known even where the item is not born yet. */
	history_report(p, "other", "old", 1);
	if (start != UNBORN)
		history_report(p, "i0", "old", 0.25);
	if (start == CLOSED || start == VOID_CLOSED)
		assert_int_equal(pool_close(p, *item), 0);
	if (start == RESOLVED)
		history_resolve(p, "i0", 1);
	if (start == VOID_OPEN || start == VOID_CLOSED)
		assert_int_equal(pool_void(p, *item), 0);
	return p;
}

static void each_event_in_each_state_does_what_the_state_machine_says(void **state)
{
	static const struct {
		int result;
		enum candor_item_state after;
	} expected[STARTS][EVENTS] = {
		[UNBORN] = {{POOL_ADDED, CANDOR_OPEN},
			    {POOL_ADDED, CANDOR_OPEN},
			    {POOL_ADDED, CANDOR_OPEN},
			    {ERR_STATE, CANDOR_STATE_UNSPECIFIED},
			    {ERR_STATE, CANDOR_STATE_UNSPECIFIED},
			    {ERR_STATE, CANDOR_STATE_UNSPECIFIED}},
		[OPEN] = {{POOL_ADDED, CANDOR_OPEN},
			  {POOL_DUPLICATE, CANDOR_OPEN},
			  {POOL_REVISED, CANDOR_OPEN},
			  {0, CANDOR_CLOSED},
			  {0, CANDOR_RESOLVED},
			  {0, CANDOR_VOID}},
		[CLOSED] = {{ERR_STATE, CANDOR_CLOSED},
			    {POOL_DUPLICATE, CANDOR_CLOSED},
			    {ERR_STATE, CANDOR_CLOSED},
			    {ERR_STATE, CANDOR_CLOSED},
			    {0, CANDOR_RESOLVED},
			    {0, CANDOR_VOID}},
		[RESOLVED] = {{ERR_STATE, CANDOR_RESOLVED},
			      {POOL_DUPLICATE, CANDOR_RESOLVED},
			      {ERR_STATE, CANDOR_RESOLVED},
			      {ERR_STATE, CANDOR_RESOLVED},
			      {ERR_CONFLICT, CANDOR_RESOLVED},
			      {ERR_STATE, CANDOR_RESOLVED}},
		[VOID_OPEN] = {{ERR_STATE, CANDOR_VOID},
			       {POOL_DUPLICATE, CANDOR_VOID},
			       {ERR_STATE, CANDOR_VOID},
			       {ERR_STATE, CANDOR_VOID},
			       {ERR_STATE, CANDOR_VOID},
			       {ERR_STATE, CANDOR_VOID}},
		[VOID_CLOSED] = {{ERR_STATE, CANDOR_VOID},
				 {POOL_DUPLICATE, CANDOR_VOID},
				 {ERR_STATE, CANDOR_VOID},
				 {ERR_STATE, CANDOR_VOID},
				 {ERR_STATE, CANDOR_VOID},
				 {ERR_STATE, CANDOR_VOID}},
	};
	(void)state;
	for (enum start start = 0; start < STARTS; start++) {
		for (enum event event = 0; event < EVENTS; event++) {
			struct item *item, *untouched;
			struct pool *p = pool_with_item(start, &item), *q = pool_with_item(start, &untouched);
			int result = fire(p, item, event);
			if (result != expected[start][event].result || item->state != expected[start][event].after)
				print_error("state %d, event %d: %d\n", start, event, result);
			assert_int_equal(result, expected[start][event].result);
			assert_int_equal(item->state, expected[start][event].after);
			if (result < 0 || result + (event > REPORT_OTHER) == POOL_DUPLICATE)
				assert_null(history_difference(p, q, 1));
			pool_free(p);
			pool_free(q);
		}
	}
}

static void counts_follow_the_items_through_their_states(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	const struct pool_totals *t = pool_totals(p);
	(void)state;
	for (int i = 0; i < 5; i++) {
		char name[2] = {(char)('a' + i), 0};
		history_report(p, name, "A", 1);
		history_report(p, name, "B", 0);
	}
	assert_int_equal(t->open, 5);
	assert_int_equal(pool_close(p, history_item(p, "a")), 0);
	assert_int_equal(pool_close(p, history_item(p, "b")), 0);
	assert_int_equal(t->open, 3);
	assert_int_equal(t->closed, 2);
	history_resolve(p, "a", 1);
	history_resolve(p, "c", 1);
	assert_int_equal(pool_void(p, history_item(p, "b")), 0);
	assert_int_equal(pool_void(p, history_item(p, "d")), 0);
	assert_int_equal(t->open, 1);
	assert_int_equal(t->closed, 0);
	assert_int_equal(t->voided, 2);
	assert_int_equal(t->round, 2);
	assert_int_equal(t->scored, 4);
	pool_free(p);
}

static void a_labeler_joins_with_its_first_report_and_ids_are_dense(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	struct item *item = history_item(p, "i0");
	struct pool_reported r;
	(void)state;
	assert_int_equal(pool_labelers(p), 0);
	assert_int_equal(pool_find_labeler(p, "A", 1), NAMES_NONE);
	assert_int_equal(pool_report(p, item, "A", 1, 1, 0, &r), POOL_ADDED);
	assert_true(r.joined);
	assert_int_equal(r.labeler, 0);
	assert_int_equal(pool_report(p, item, "B", 1, 1, 0, &r), POOL_ADDED);
	assert_true(r.joined);
	assert_int_equal(r.labeler, 1);
	assert_int_equal(pool_report(p, history_item(p, "i1"), "A", 1, 1, 0, &r), POOL_ADDED);
	assert_false(r.joined);
	assert_int_equal(r.labeler, 0);
	assert_int_equal(pool_labelers(p), 2);
	assert_string_equal(pool_labeler_name(p, 1, NULL), "B");
	assert_int_equal(pool_find_labeler(p, "B", 1), 1);
	assert_near(pool_totals(p)->total_weight, 2, 0);
	pool_free(p);
}

static void a_refused_report_does_not_let_its_labeler_join(void **state)
{
	struct item *item;
	struct pool *p = pool_with_item(CLOSED, &item);
	struct pool_reported r;
	(void)state;
	assert_int_equal(pool_report(p, item, "late", 4, 1, 0, &r), ERR_STATE);
	assert_int_equal(pool_find_labeler(p, "late", 4), NAMES_NONE);
	assert_int_equal(r.labeler, NAMES_NONE);
	assert_int_equal(pool_labelers(p), 1);
	pool_free(p);
}

static void a_revision_keeps_its_place_and_says_what_stood_before(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	struct item *item = history_item(p, "i0");
	struct pool_reported r;
	(void)state;
	history_report(p, "i0", "A", 0.1);
	history_report(p, "i0", "B", 0.2);
	history_report(p, "i0", "C", 0.3);
	assert_int_equal(pool_report(p, item, "A", 1, 0.9, 0, &r), POOL_REVISED);
	assert_near(r.old, 0.1, 0);
	assert_false(r.joined);
	assert_int_equal(item->n, 3);
	assert_near(item->values[0], 0.9, 0);
	assert_int_equal(item_labelers(item)[0], 0);
	assert_int_equal(pool_report(p, item, "A", 1, 0.9, 0, &r), POOL_DUPLICATE);
	pool_free(p);
}

/* What the item's report of that labeler is by now. */
static void assert_stands(const struct item *item, uint32_t at, double value, uint64_t sequence)
{
	assert_near(item->values[at], value, 0);
	assert_int_equal(item->sequences ? item->sequences[at] : 0, sequence);
}

static void a_report_of_no_higher_sequence_changes_nothing(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	struct item *item = history_item(p, "i0");
	struct pool_reported r;
	(void)state;
	assert_int_equal(pool_report(p, item, "A", 1, 0.2, 5, &r), POOL_ADDED);
	assert_int_equal(pool_report(p, item, "A", 1, 0.7, 6, &r), POOL_REVISED);
	assert_near(r.old, 0.2, 0);
	/* The first again, one before it, the last with another value. */
	assert_int_equal(pool_report(p, item, "A", 1, 0.2, 5, &r), POOL_DUPLICATE);
	assert_int_equal(pool_report(p, item, "A", 1, 0.9, 1, &r), POOL_DUPLICATE);
	assert_int_equal(pool_report(p, item, "A", 1, 0.9, 6, &r), POOL_DUPLICATE);
	assert_stands(item, 0, 0.7, 6);
	/* The same value, later: what lies between is late from then on. */
	assert_int_equal(pool_report(p, item, "A", 1, 0.7, INT64_MAX, &r), POOL_RENUMBERED);
	assert_int_equal(pool_report(p, item, "A", 1, 0.1, INT64_MAX - 1, &r), POOL_DUPLICATE);
	assert_stands(item, 0, 0.7, INT64_MAX);
	pool_free(p);
}

static void a_report_without_a_sequence_leaves_the_one_that_stands(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	struct item *item = history_item(p, "i0");
	struct pool_reported r;
	(void)state;
	assert_int_equal(pool_report(p, item, "A", 1, 0.2, 0, &r), POOL_ADDED);
	assert_int_equal(pool_report(p, item, "B", 1, 0.3, 0, &r), POOL_ADDED);
	assert_null(item->sequences);
	assert_int_equal(pool_report(p, item, "B", 1, 0.4, 5, &r), POOL_REVISED);
	assert_int_equal(pool_report(p, item, "B", 1, 0.6, 0, &r), POOL_REVISED);
	assert_int_equal(pool_report(p, item, "B", 1, 0.6, 0, &r), POOL_DUPLICATE);
	assert_stands(item, 1, 0.6, 5);
	assert_int_equal(pool_report(p, item, "B", 1, 0.4, 5, &r), POOL_DUPLICATE);
	/* Each labeler has its own, in a list that grows. */
	assert_stands(item, 0, 0.2, 0);
	assert_int_equal(pool_report(p, item, "A", 1, 0.1, 1, &r), POOL_REVISED);
	for (int i = 0; i < 100; i++) {
		char name[16];
		size_t len = (size_t)snprintf(name, sizeof name, "L%d", i);
		assert_int_equal(pool_report(p, item, name, len, 1, (uint64_t)i, &r), POOL_ADDED);
	}
	assert_stands(item, 0, 0.1, 1);
	assert_stands(item, 1, 0.6, 5);
	for (uint32_t i = 0; i < 100; i++)
		assert_stands(item, 2 + i, 1, i);
	pool_free(p);
}

static void sequences_take_memory_only_where_they_are_and_end_with_the_open_item(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct pool *p = pool_of(CANDOR_ANYTIME);
		struct item *item = history_item(p, "i0"), *other = history_item(p, "i1");
		struct pool_reported r;
		struct pool_settled settled;
		assert_int_equal(pool_report(p, other, "A", 1, 0.2, 0, &r), POOL_ADDED);
		assert_int_equal(pool_report(p, item, "A", 1, 0.2, 0, &r), POOL_ADDED);
		size_t without = pool_bytes(p);
		assert_false(pool_would_grow(p, item, "A", 1, 0));
		assert_true(pool_would_grow(p, item, "A", 1, 1));
		assert_int_equal(pool_report(p, item, "A", 1, 0.3, 7, &r), POOL_REVISED);
		assert_false(pool_would_grow(p, item, "A", 1, 8));
		size_t with = pool_bytes(p);
		assert_true(with > without);
		assert_null(other->sequences);
		assert_int_equal(how == 0   ? pool_void(p, item)
				 : how == 1 ? pool_close(p, item)
					    : pool_resolve(p, item, 1, &settled),
				 0);
		assert_null(item->sequences);
		/* What it answers must not depend on what is still in memory. */
		assert_int_equal(pool_report(p, item, "A", 1, 0.3, 9, &r), POOL_DUPLICATE);
		assert_int_equal(pool_report(p, item, "A", 1, 0.2, 6, &r), ERR_STATE);
		if (how == 0)
			assert_int_equal(pool_bytes(p), without);
		pool_free(p);
	}
}

/* A pool with n labelers "L0", "L1", ... and an item "i0" of a report by each but the last, restored. */
static struct item *large_item(struct pool *p, uint32_t n)
{
	uint32_t *ids = malloc(n * sizeof *ids);
	double *values = calloc(n, sizeof *values);
	for (uint32_t i = 0; i < n; i++) {
		struct labeler l = {.weight = 1};
		char name[16];
		size_t len = (size_t)snprintf(name, sizeof name, "L%u", i);
		assert_int_equal(pool_restore_labeler(p, name, len, 1, &l), 0);
		ids[i] = i;
	}
	struct item *item = history_item(p, "i0");
	assert_int_equal(pool_restore_reports(p, item, ids, values, NULL, n - 1), 0);
	free(ids);
	free(values);
	return item;
}

static void an_item_takes_65535_reports_and_refuses_one_more(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	struct pool_reported r;
	(void)state;
	struct item *item = large_item(p, ITEM_REPORTS_MAX);
	assert_int_equal(pool_report(p, item, "L65534", 6, 1, 0, &r), POOL_ADDED);
	assert_int_equal(pool_report(p, item, "another", 7, 1, 0, &r), ERR_FULL);
	assert_int_equal(pool_labelers(p), ITEM_REPORTS_MAX);
	assert_int_equal(pool_report(p, item, "L65534", 6, 0.5, 0, &r), POOL_REVISED);
	history_resolve(p, "i0", 1);
	assert_int_equal(pool_totals(p)->scored, ITEM_REPORTS_MAX);
	pool_free(p);
}

static void a_report_on_the_largest_item_takes_no_more_than_a_few_steps(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	struct pool_reported r;
	(void)state;
	struct item *item = large_item(p, ITEM_REPORTS_MAX);
	assert_int_equal(pool_report(p, item, "L7", 2, 0, 0, &r), POOL_DUPLICATE); /* which makes the index */
	uint64_t before = pool_work(p);
	for (uint32_t i = 0; i < ITEM_REPORTS_MAX; i++) {
		char name[16];
		size_t len = (size_t)snprintf(name, sizeof name, "L%u", i);
		assert_int_equal(pool_report(p, item, name, len, 0, 0, &r),
				 i == ITEM_REPORTS_MAX - 1 ? POOL_ADDED : POOL_DUPLICATE);
		assert_int_equal(r.labeler, i);
	}
	assert_at_most((double)(pool_work(p) - before), ITEM_REPORTS_MAX);
	pool_free(p);
}

/* Each labeler reports three times, in an order drawn at random: the item grows through all sizes of its index. */
static void reports_are_found_with_and_without_an_index(void **state)
{
	enum { LABELERS = 6000 };
	struct random r;
	(void)state;
	seed_random(&r, 1);
	for (int frugal = 0; frugal < 2; frugal++) {
		struct pool *p = pool_of(CANDOR_ANYTIME);
		struct item *item = history_item(p, "i0");
		double *expected = malloc(LABELERS * sizeof *expected);
		pool_be_frugal(p, frugal);
		for (int i = 0; i < LABELERS; i++)
			expected[i] = NAN;
		for (int i = 0; i < 3 * LABELERS; i++) {
			uint32_t k = (uint32_t)random_below(&r, LABELERS);
			double value = (double)random_below(&r, 3) / 4;
			char name[16];
			snprintf(name, sizeof name, "L%u", k);
			int what = isnan(expected[k])     ? POOL_ADDED
				   : expected[k] == value ? POOL_DUPLICATE
							  : POOL_REVISED;
			assert_int_equal(history_report(p, "i0", name, value), what);
			expected[k] = value;
		}
		assert_true(item->n > 2048 && (item->index == NULL) == (frugal == 1));
		for (uint32_t i = 0; i < item->n; i++)
			assert_true(
				item->values[i] ==
				expected[strtoul(pool_labeler_name(p, item_labelers(item)[i], NULL) + 1, NULL, 10)]);
		free(expected);
		pool_free(p);
	}
}

static void a_closed_item_has_an_index_only_once_somebody_reports_on_it(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	struct pool_reported r;
	(void)state;
	struct item *item = large_item(p, 5000);
	assert_int_equal(pool_report(p, item, "L4999", 5, 1, 0, &r), POOL_ADDED);
	assert_non_null(item->index);
	assert_int_equal(pool_close(p, item), 0);
	assert_null(item->index);
	size_t without = pool_bytes(p);
	assert_int_equal(pool_report(p, item, "L4999", 5, 1, 0, &r), POOL_DUPLICATE);
	assert_non_null(item->index);
	assert_true(pool_bytes(p) > without);
	pool_drop_item(p, item);
	assert_true(pool_bytes(p) < without);
	pool_free(p);
}

/* ---- items at hand ---- */

static void an_item_is_found_by_its_name_until_it_is_dropped(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME);
	char longest[255];
	size_t len;
	(void)state;
	memset(longest, 'x', sizeof longest);
	struct item *a, *b;
	assert_int_equal(pool_add_item(p, longest, sizeof longest, &a), 0);
	assert_int_equal(pool_add_item(p, "b", 1, &b), 0);
	assert_ptr_equal(pool_find_item(p, longest, sizeof longest), a);
	assert_null(pool_find_item(p, longest, sizeof longest - 1));
	assert_memory_equal(pool_item_name(p, a, &len), longest, sizeof longest);
	assert_int_equal(len, sizeof longest);
	assert_int_equal(pool_items(p), 2);
	uint32_t id = a->id;
	pool_drop_item(p, a);
	assert_int_equal(pool_items(p), 1);
	assert_null(pool_find_item(p, longest, sizeof longest));
	assert_ptr_equal(pool_find_item(p, "b", 1), b);
	assert_int_equal(pool_add_item(p, "c", 1, &a), 0);
	assert_int_equal(a->id, id);
	pool_free(p);
}

static void dropping_an_item_leaves_labelers_and_counts(void **state)
{
	struct pool *p = pool_of(CANDOR_FIXED);
	(void)state;
	history_report(p, "i0", "A", 1);
	history_report(p, "i0", "B", 0);
	history_resolve(p, "i0", 1);
	struct pool_totals before = *pool_totals(p);
	double w = history_weight(p, "A");
	pool_drop_item(p, pool_find_item(p, "i0", 2));
	assert_int_equal(pool_totals(p)->round, before.round);
	assert_int_equal(pool_totals(p)->scored, before.scored);
	assert_same_bits(history_weight(p, "A"), w);
	pool_free(p);
}

/* ---- aggregates ---- */

static void an_open_item_aggregates_by_the_weights_of_now_and_a_closed_one_by_those_of_then(void **state)
{
	struct pool *p = pool_of(CANDOR_FIXED);
	struct aggregate now, later;
	const double *weights;
	(void)state;
	history_report(p, "i0", "A", 1);
	history_report(p, "i0", "B", 0);
	history_report(p, "i1", "A", 1);
	history_report(p, "i1", "B", 0);
	struct item *item = pool_find_item(p, "i0", 2);
	assert_int_equal(pool_item_aggregate(p, item, &now, &weights), 0);
	assert_near(now.mean, 0.5, 0);
	assert_near(weights[0], 1, 0);
	history_resolve(p, "i1", 1);
	assert_int_equal(pool_item_aggregate(p, item, &later, &weights), 0);
	assert_near(later.mean, history_weight(p, "A") / 2, 1e-15);
	assert_same_bits(weights[0], history_weight(p, "A"));
	assert_int_equal(pool_close(p, item), 0);
	assert_int_equal(pool_item_aggregate(p, item, &now, &weights), 0);
	assert_same_bits(now.mean, later.mean);
	double frozen = weights[0];

	history_report(p, "i2", "A", 0);
	history_report(p, "i2", "B", 1);
	history_resolve(p, "i2", 1);
	assert_int_equal(pool_item_aggregate(p, item, &later, &weights), 0);
	assert_same_bits(later.mean, now.mean);
	assert_same_bits(weights[0], frozen);
	assert_true(history_weight(p, "A") != frozen);
	assert_int_equal(pool_item_aggregate(p, item, &later, NULL), 0);
	pool_free(p);
}

/* ---- settlement ---- */

static void resolving_an_open_item_is_closing_and_resolving_it(void **state)
{
	struct pool *p = pool_of(CANDOR_ANYTIME), *q = pool_of(CANDOR_ANYTIME);
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pool *each = i ? q : p;
		history_report(each, "i0", "A", 0.9);
		history_report(each, "i0", "B", 0.3);
		history_report(each, "i0", "C", 0.4);
	}
	assert_int_equal(pool_close(q, pool_find_item(q, "i0", 2)), 0);
	history_resolve(p, "i0", 1);
	history_resolve(q, "i0", 1);
	assert_null(history_difference(p, q, 1));
	pool_free(p);
	pool_free(q);
}

static void a_settlement_says_all_that_it_did(void **state)
{
	struct pool *p = pool_of(CANDOR_FIXED);
	(void)state;
	history_report(p, "i0", "A", 1);
	history_report(p, "i0", "B", 0);
	history_resolve(p, "i0", 1);
	history_report(p, "i1", "C", 0.5);
	history_report(p, "i1", "A", 1);
	double a = history_weight(p, "A"), c = 1, weighted_loss = c * 0.25 / (a + c);
	struct pool_settled s = history_resolve(p, "i1", 1);
	assert_int_equal(s.round, 2);
	assert_int_equal(s.epoch, 0);
	assert_near(s.eta, 0.5, 0);
	assert_near(s.weighted_loss, weighted_loss, 1e-15);
	assert_int_equal(s.last_round[0], 0);
	assert_int_equal(s.last_round[1], 1);
	assert_near(s.weights[0], c * (1 + 0.5 * (weighted_loss - 0.25)), 1e-8);
	assert_same_bits(s.weights[0], history_weight(p, "C"));
	assert_same_bits(s.weights[1], history_weight(p, "A"));
	const struct frozen *f = pool_find_item(p, "i1", 2)->frozen;
	assert_int_equal(f->round, 2);
	assert_near(f->outcome, 1, 0);
	assert_same_bits(f->eta, s.eta);
	assert_same_bits(f->weighted_loss, s.weighted_loss);
	const struct labeler *l = pool_labeler(p, history_labeler(p, "C"));
	assert_int_equal(l->scored, 1);
	assert_int_equal(l->last_round, 2);
	assert_near(l->own_loss, 0.25, 0);
	assert_same_bits(l->gain, s.weighted_loss - l->own_loss);
	pool_free(p);
}

static void nobody_but_the_reporters_moves(void **state)
{
	struct pool *p = pool_of(CANDOR_FIXED);
	(void)state;
	history_report(p, "i0", "A", 1);
	history_report(p, "i0", "B", 0);
	history_report(p, "i1", "C", 1);
	history_resolve(p, "i0", 1);
	assert_near(history_weight(p, "C"), 1, 0);
	history_resolve(p, "i1", 0);
	assert_near(history_weight(p, "C"), 1, 0); /* alone: L is its own loss */
	pool_free(p);
}

static void eta_comes_from_the_labelers_and_the_epoch_that_stand(void **state)
{
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	s.c = 0.1;
	struct pool *p = history_pool(&s);
	(void)state;
	history_report(p, "i0", "A", 1);
	history_report(p, "i1", "A", 1);
	struct pool_settled first = history_resolve(p, "i0", 1);
	assert_near(first.eta, 0.1 * sqrt(log(2 / 0.01)), 1e-15);
	assert_int_equal(pool_totals(p)->epoch, 0); /* T_eff = 1 */
	history_report(p, "i1", "B", 1);
	history_report(p, "i1", "C", 1);
	struct pool_settled second = history_resolve(p, "i1", 1);
	assert_near(second.eta, 0.1 * sqrt(log(3 / 0.01)), 1e-15);
	assert_int_equal(pool_totals(p)->epoch, 0); /* T_eff = 4/3 */
	history_report(p, "i2", "A", 1);
	history_report(p, "i2", "B", 1);
	struct pool_settled third = history_resolve(p, "i2", 1);
	assert_int_equal(third.epoch, 0);
	assert_int_equal(pool_totals(p)->epoch, 1); /* T_eff = 6/3 */
	assert_near(pool_t_eff(p), 2, 0);
	assert_near(pool_eta(p), 0.1 * sqrt(log(3 / 0.01) / 2), 1e-15);
	pool_free(p);
}

static void resets_are_applied_lazily_and_newcomers_start_at_the_present_epoch(void **state)
{
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	s.beta = 0.1;
	struct pool *p = history_pool(&s);
	char name[16];
	(void)state;
	/* The labeler Z is touched at epoch 0 only, while A and B bring the pool to a later one. */
	history_report(p, "z", "Z", 0);
	history_report(p, "z", "A", 1);
	history_resolve(p, "z", 1);
	double start = pool_labeler(p, history_labeler(p, "Z"))->weight;
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "i%d", i);
		history_report(p, name, "A", 1);
		history_report(p, name, "B", 0.5);
		history_resolve(p, name, 1);
	}
	unsigned epoch = pool_totals(p)->epoch;
	assert_true(epoch >= 3);
	assert_near(history_weight(p, "Z"), 1 + pow(0.9, epoch) * (start - 1), 1e-14);
	assert_same_bits(pool_labeler(p, history_labeler(p, "Z"))->weight, start);
	history_report(p, "new", "N", 1);
	assert_near(history_weight(p, "N"), 1, 0);
	assert_int_equal(pool_labeler(p, history_labeler(p, "N"))->epoch, epoch);
	double sum = 0;
	for (uint32_t id = 0; id < pool_labelers(p); id++)
		sum += pool_weight(p, id);
	assert_near(sum, pool_totals(p)->total_weight, 1e-12);
	pool_free(p);
}

static void void_items_settle_nothing(void **state)
{
	struct pool *p = pool_of(CANDOR_FIXED);
	(void)state;
	history_report(p, "i0", "A", 1);
	history_report(p, "i0", "B", 0);
	assert_int_equal(pool_close(p, history_item(p, "i0")), 0);
	assert_int_equal(pool_void(p, history_item(p, "i0")), 0);
	assert_near(history_weight(p, "A"), 1, 0);
	assert_int_equal(pool_totals(p)->round, 0);
	assert_int_equal(pool_labeler(p, 0)->scored, 0);
	pool_free(p);
}

/* ---- the best labeler ---- */

static void the_best_labeler_has_the_largest_regret_and_the_lowest_id_of_equals(void **state)
{
	struct pool *p = pool_of(CANDOR_FIXED);
	(void)state;
	assert_int_equal(pool_best(p), NAMES_NONE);
	history_report(p, "i0", "bad", 0);
	history_report(p, "i0", "good", 1);
	history_report(p, "i0", "twin", 1);
	history_report(p, "i1", "idle", 1);
	assert_int_equal(pool_best(p), NAMES_NONE);
	history_resolve(p, "i0", 1);
	assert_int_equal(pool_best(p), history_labeler(p, "good"));
	history_report(p, "i2", "bad", 1);
	history_report(p, "i2", "twin", 1);
	history_report(p, "i2", "idle", 0);
	history_resolve(p, "i2", 1);
	assert_int_equal(pool_best(p), history_labeler(p, "twin"));
	assert_int_equal(pool_best(p), history_labeler(p, "twin"));
	pool_free(p);
}

static void the_best_labeler_is_what_a_search_over_all_finds(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 12);
	for (int round = 0; round < 40; round++) {
		struct history h;
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct pool *p = history_pool(&s);
		history_init(&h, &shape, random_below(&r, 1u << 30));
		for (int i = 0; i < 300; i++) {
			history_step(&h, p);
			uint32_t best = NAMES_NONE;
			for (uint32_t id = 0; id < pool_labelers(p); id++)
				if (pool_labeler(p, id)->scored &&
				    (best == NAMES_NONE || pool_regret(p, id) > pool_regret(p, best)))
					best = id;
			assert_int_equal(pool_best(p), best);
		}
		pool_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_in_each_state_does_what_the_state_machine_says),
		cmocka_unit_test(counts_follow_the_items_through_their_states),
		cmocka_unit_test(a_labeler_joins_with_its_first_report_and_ids_are_dense),
		cmocka_unit_test(a_refused_report_does_not_let_its_labeler_join),
		cmocka_unit_test(a_revision_keeps_its_place_and_says_what_stood_before),
		cmocka_unit_test(a_report_of_no_higher_sequence_changes_nothing),
		cmocka_unit_test(a_report_without_a_sequence_leaves_the_one_that_stands),
		cmocka_unit_test(sequences_take_memory_only_where_they_are_and_end_with_the_open_item),
		cmocka_unit_test(an_item_takes_65535_reports_and_refuses_one_more),
		cmocka_unit_test(a_report_on_the_largest_item_takes_no_more_than_a_few_steps),
		cmocka_unit_test(reports_are_found_with_and_without_an_index),
		cmocka_unit_test(a_closed_item_has_an_index_only_once_somebody_reports_on_it),
		cmocka_unit_test(an_item_is_found_by_its_name_until_it_is_dropped),
		cmocka_unit_test(dropping_an_item_leaves_labelers_and_counts),
		cmocka_unit_test(an_open_item_aggregates_by_the_weights_of_now_and_a_closed_one_by_those_of_then),
		cmocka_unit_test(resolving_an_open_item_is_closing_and_resolving_it),
		cmocka_unit_test(a_settlement_says_all_that_it_did),
		cmocka_unit_test(nobody_but_the_reporters_moves),
		cmocka_unit_test(eta_comes_from_the_labelers_and_the_epoch_that_stand),
		cmocka_unit_test(resets_are_applied_lazily_and_newcomers_start_at_the_present_epoch),
		cmocka_unit_test(void_items_settle_nothing),
		cmocka_unit_test(the_best_labeler_has_the_largest_regret_and_the_lowest_id_of_equals),
		cmocka_unit_test(the_best_labeler_is_what_a_search_over_all_finds),
	};
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
