/* The list of what happened to items: each closing, outcome and void, in order, as it was; from any place in it, at any
 * time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/db/internal.h"
#include "lib/base/random.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

enum { HAPPENED_MAX = 4096 };

/* What happened, as a query tells it right afterwards. */
struct happened {
	char item[32];
	struct candor_item as; /* its text aside */
	char cursor[CANDOR_NAME_MAX + 1];
};

struct world {
	struct fake_owner f;
	struct happened happened[HAPPENED_MAX];
	size_t n;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct engine_limits limits = fake_roomy_limits();
	require(w);
	limits.resident_items = 3;
	fake_init(&w->f, &limits);
	fake_pool(&w->f, "p", NULL);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	int verified = fake_end(&w->f);
	free(w);
	return verified;
}

/* ---- what happens ---- */

static void note(struct world *w, const char *item, enum candor_item_state state)
{
	struct happened *h = &w->happened[w->n++];
	require(w->n <= HAPPENED_MAX);
	h->as = *fake_query(&w->f, "p", item);
	snprintf(h->item, sizeof h->item, "%s", item);
	/* One that was open was closed first. */
	if (state == CANDOR_CLOSED) {
		h->as.outcome = h->as.eta = h->as.weighted_loss = 0;
		h->as.round = h->as.ended_at = 0;
	}
	h->as.state = state;
}

static void close_item(struct world *w, const char *item)
{
	assert_int_equal(fake_close(&w->f, "p", item), CANDOR_OK);
	note(w, item, CANDOR_CLOSED);
}

static void resolve(struct world *w, const char *item, double outcome)
{
	const bool was_open = fake_query(&w->f, "p", item)->state == CANDOR_OPEN;
	assert_int_equal(fake_resolve(&w->f, "p", item, outcome), CANDOR_OK);
	if (was_open)
		note(w, item, CANDOR_CLOSED);
	note(w, item, CANDOR_RESOLVED);
}

static void void_item(struct world *w, const char *item)
{
	assert_int_equal(fake_void(&w->f, "p", item), CANDOR_OK);
	note(w, item, CANDOR_VOID);
}

static void post(struct world *w, const char *item, unsigned labelers)
{
	char labeler[16];
	for (unsigned i = 0; i < labelers; i++) {
		snprintf(labeler, sizeof labeler, "l%u", i);
		assert_int_equal(fake_post(&w->f, "p", item, labeler, (1.0 + i) / (labelers + 2)), CANDOR_OK);
	}
}

/* Items that are closed, resolved and voided, and some left as they are. */
static void play(struct world *w, struct random *chance, unsigned steps)
{
	char item[32];
	for (unsigned i = 0; i < steps; i++) {
		w->f.now_ms += 1 + random_below(chance, 50);
		snprintf(item, sizeof item, "item-%u", (unsigned)random_below(chance, steps));
		const struct candor_item *now = fake_query(&w->f, "p", item);
		uint64_t what = random_below(chance, 6);
		if (!now)
			post(w, item, 1 + (unsigned)random_below(chance, 4));
		else if (now->state == CANDOR_OPEN && what < 2)
			close_item(w, item);
		else if (now->state <= CANDOR_CLOSED && what < 4)
			resolve(w, item, random_unit(chance));
		else if (now->state <= CANDOR_CLOSED && what == 4)
			void_item(w, item);
	}
}

/* ---- how it is told ---- */

static const struct candor_response *list(struct world *w, const char *cursor, uint32_t limit)
{
	const struct candor_request r = {
		.type = CANDOR_REQ_LIST_CHANGES, .pool = "p", .cursor = cursor, .limit = limit};
	return fake_call(&w->f, &r);
}

static void assert_row(const struct candor_item *got, const struct happened *want)
{
	const struct candor_item *as = &want->as;
	assert_string_equal(got->item, want->item);
	assert_int_equal(got->state, as->state);
	const double pairs[][2] = {{got->mean, as->mean},
				   {got->median, as->median},
				   {got->plain_mean, as->plain_mean},
				   {got->plain_median, as->plain_median},
				   {got->spread, as->spread},
				   {got->ess, as->ess},
				   {got->outcome, as->outcome},
				   {got->eta, as->eta},
				   {got->weighted_loss, as->weighted_loss}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		assert_same_bits(pairs[i][0], pairs[i][1]);
	assert_int_equal(got->n, as->n);
	assert_int_equal(got->round, as->round);
	assert_int_equal(got->opened_at, as->opened_at);
	assert_int_equal(got->closed_at, as->closed_at);
	assert_int_equal(got->ended_at, as->ended_at);
	assert_int_equal(got->n_reports, 0);
	assert_false(got->archived);
}

/* All of it from the i-th on, in pages. */
static void assert_told_from(struct world *w, size_t i, uint32_t limit)
{
	char cursor[CANDOR_NAME_MAX + 1] = "";
	if (i > 0)
		snprintf(cursor, sizeof cursor, "%s", w->happened[i - 1].cursor);
	for (;;) {
		const struct candor_response *page = list(w, cursor, limit);
		assert_int_equal(page->code, CANDOR_OK);
		assert_true(page->n <= limit && page->n <= w->n - i);
		for (size_t k = 0; k < page->n; k++, i++) {
			struct happened *h = &w->happened[i];
			assert_row(&page->items[k], h);
			/* A row's cursor is always the same. */
			if (h->cursor[0])
				assert_string_equal(page->items[k].cursor, h->cursor);
			snprintf(h->cursor, sizeof h->cursor, "%s", page->items[k].cursor);
		}
		assert_true(page->more == (i < w->n));
		assert_string_equal(page->next, page->n     ? page->items[page->n - 1].cursor
						: cursor[0] ? cursor
							    : "c1-0");
		snprintf(cursor, sizeof cursor, "%s", page->next);
		if (!page->more)
			break;
	}
	assert_int_equal(i, w->n);
}

static void all_that_happened_is_told_in_order_and_as_it_was(void **state)
{
	struct world *w = *state;
	struct random chance;
	seed_random(&chance, 5);
	for (int part = 0; part < 4; part++) {
		play(w, &chance, 300);
		for (uint32_t limit = 1; limit <= 1000; limit = limit * 6 + 1)
			assert_told_from(w, 0, limit);
		for (int k = 0; k < 20; k++)
			assert_told_from(w, (size_t)random_below(&chance, w->n + 1),
					 1 + (uint32_t)random_below(&chance, 100));
		fake_restart(&w->f);
	}
	assert_true(w->n > 300);
}

static void a_closing_an_outcome_and_a_void_are_told_each_by_itself(void **state)
{
	struct world *w = *state;
	post(w, "resolved at once", 2);
	post(w, "closed first", 2);
	post(w, "void while open", 2);
	post(w, "void when closed", 2);
	resolve(w, "resolved at once", 1);
	close_item(w, "closed first");
	close_item(w, "void when closed");
	void_item(w, "void while open");
	void_item(w, "void when closed");
	resolve(w, "closed first", 0);
	static const enum candor_item_state states[] = {CANDOR_CLOSED, CANDOR_RESOLVED, CANDOR_CLOSED,  CANDOR_CLOSED,
							CANDOR_VOID,   CANDOR_VOID,     CANDOR_RESOLVED};
	const struct candor_response *page = list(w, "", 1000);
	assert_int_equal(page->n, 7);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(page->items[i].state, states[i]);
	/* Of the outcome nothing is told before it is. */
	assert_true(page->items[0].ess > 0 && page->items[0].round == 0 && page->items[0].ended_at == 0);
	assert_true(page->items[1].ess > 0 && page->items[1].round == 1 && page->items[1].ended_at > 0);
	/* Without aggregates, for they were never frozen. */
	assert_true(page->items[4].ess == 0 && page->items[4].closed_at == 0 && page->items[4].n == 2);
	assert_true(page->items[5].ess > 0 && page->items[5].closed_at > 0);
	assert_told_from(w, 0, 3);
}

/* ---- durability ---- */

static void what_its_connection_did_before_is_told_and_only_when_it_is_on_disk(void **state)
{
	struct world *w = *state;
	post(w, "a", 1);
	struct ask *closed = fake_ask_resolve(&w->f, "p", "a", 1);
	const struct candor_request r = {.type = CANDOR_REQ_LIST_CHANGES, .pool = "p", .limit = 10};
	struct ask *told = fake_ask(&w->f, &r);
	assert_int_equal(told->outcome, ENGINE_LATER);
	assert_int_equal(w->f.n_reads, 0);
	assert_true(fake_tick(&w->f));
	fake_commit(&w->f, 0);
	assert_int_equal(w->f.n_reads, 1);
	fake_read_done(&w->f, 0);
	assert_true(told->settled);
	assert_int_equal(told->answer.n, 2);
	ask_free(closed);
	ask_free(told);

	/* What no commit has written is not told, nor does it leave a gap. */
	post(w, "b", 1);
	struct ask *lost = fake_ask_resolve(&w->f, "p", "b", 1);
	told = fake_ask(&w->f, &r);
	assert_true(fake_tick(&w->f));
	fake_commit(&w->f, -ENOMEM);
	assert_int_equal(told->answer.code, CANDOR_RESOURCE_EXHAUSTED);
	ask_free(lost);
	ask_free(told);
	assert_int_equal(list(w, "", 10)->n, 2);
	assert_int_equal(fake_resolve(&w->f, "p", "b", 0), CANDOR_OK);
	assert_int_equal(list(w, "", 10)->n, 4);
	assert_same_bits(list(w, "", 10)->items[3].outcome, 0);
}

/* ---- cursors ---- */

static void assert_refused(struct world *w, const char *cursor, const char *why)
{
	const struct candor_response *r = list(w, cursor, 10);
	assert_int_equal(r->code, CANDOR_INVALID_ARGUMENT);
	assert_non_null(strstr(r->message, why));
}

static void a_cursor_of_elsewhere_or_of_what_has_not_happened_is_refused(void **state)
{
	static const char *const garbage[] = {"c",     "c1",   "c1-",  "c1-1-1", "i1-1",   "c1-1 ",
					      "c+1-1", "c2-1", "c0-0", "c1--1",  "c1-0x1", "c1-ffffffffffffffff0"};
	struct world *w = *state;
	fake_pool(&w->f, "q", NULL);
	post(w, "a", 1);
	resolve(w, "a", 1);
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
		assert_refused(w, garbage[i], "pass the `next` of an earlier answer");
	char cursor[CANDOR_NAME_MAX + 1], later[CANDOR_NAME_MAX + 1];
	snprintf(cursor, sizeof cursor, "%s", list(w, "", 10)->next);
	uint64_t change = strtoull(cursor + strlen("c1-"), NULL, 16);
	snprintf(later, sizeof later, "c1-%llx", (unsigned long long)change + 1);
	assert_refused(w, later, "the pool has no such change");
	assert_refused(w, "c1-ffffffffffffffff", "the pool has no such change");
	const struct candor_request other = {.type = CANDOR_REQ_LIST_CHANGES, .pool = "q", .cursor = cursor};
	assert_int_equal(fake_call(&w->f, &other)->code, CANDOR_INVALID_ARGUMENT);
	const struct candor_request none = {.type = CANDOR_REQ_LIST_CHANGES, .pool = "nowhere"};
	assert_int_equal(fake_call(&w->f, &none)->code, CANDOR_NOT_FOUND);
	/* One between two changes goes on with the next. */
	assert_int_equal(list(w, "c1-1", 10)->n, 2);
	assert_int_equal(list(w, "c1-0", 1)->n, 1);
}

static void a_page_has_the_rows_that_fit_in_a_message(void **state)
{
	struct world *w = *state;
	struct random chance;
	random_init(&chance, 9, 0);
	play(w, &chance, 200);
	fake_stop(&w->f);
	w->f.limits.max_frame_bytes = 4096;
	fake_start(&w->f);
	const struct candor_response *page = list(w, "", 1000);
	assert_true(page->n > 1 && page->n < 60 && page->more);
	assert_told_from(w, 0, 1000);
}

static void a_pool_of_which_nothing_was_told_has_a_place_to_go_on(void **state)
{
	struct world *w = *state;
	const struct candor_response *page = list(w, "", 10);
	assert_int_equal(page->n, 0);
	assert_false(page->more);
	assert_string_equal(page->next, "c1-0");
	post(w, "a", 1);
	close_item(w, "a");
	assert_int_equal(list(w, "c1-0", 10)->n, 1);
}

/* ---- what a page costs ---- */

/* Wherever it begins, in a long list as in a short one: steps of SQLite's machine. Nothing is sorted, and no table is gone
 * through. */
static void a_page_costs_what_it_has(void **state)
{
	enum { PAGE = 5, STEPS_A_ROW = 100 };
	struct world *w = *state;
	struct random chance;
	random_init(&chance, 3, 0);
	play(w, &chance, 600);
	assert_told_from(w, 0, 1000);
	sqlite3_stmt *s;
	struct changed_item_row rows[PAGE];
	for (uint64_t after = 0; after < engine_committed_change(w->f.engine) + 2; after += 17) {
		struct arena a;
		arena_init(&a, 1 << 20);
		assert_int_equal(db_statement(w->f.reader, SQL_ITEM_CHANGES, &s), 0);
		static const int counters[] = {SQLITE_STMTSTATUS_VM_STEP, SQLITE_STMTSTATUS_SORT,
					       SQLITE_STMTSTATUS_FULLSCAN_STEP, SQLITE_STMTSTATUS_AUTOINDEX};
		for (size_t i = 0; i < 4; i++)
			sqlite3_stmt_status(s, counters[i], 1);
		assert_true(db_item_changes(w->f.reader, &a, 1, after, PAGE, rows) >= 0);
		assert_true(sqlite3_stmt_status(s, counters[0], 1) < PAGE * STEPS_A_ROW);
		for (size_t i = 1; i < 4; i++)
			assert_int_equal(sqlite3_stmt_status(s, counters[i], 1), 0);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_that_happened_is_told_in_order_and_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_closing_an_outcome_and_a_void_are_told_each_by_itself, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_its_connection_did_before_is_told_and_only_when_it_is_on_disk,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cursor_of_elsewhere_or_of_what_has_not_happened_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_page_has_the_rows_that_fit_in_a_message, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pool_of_which_nothing_was_told_has_a_place_to_go_on, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_page_costs_what_it_has, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
