/* What the daemon tells of the past, and what the database says by itself, is compared to the last bit with a pool
 * of this program that saw the same events. */
#include <stdlib.h>

#include <sqlite3.h>

#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"
#include "tests/lib/history.h"
#include "tests/lib/unit.h"
#include "tests/lib/seed.h"

enum { LABELERS = 25, STEPS = SANITIZED ? 12 : 40, ITEMS_A_STEP = 8, ITEMS = 2 * STEPS * ITEMS_A_STEP, NAME_SIZE = 16 };

/* A pool in the daemon, the same one here, and what is to be remembered of it. */
struct mirror {
	const char *name;
	struct pool *pool;
	struct candor_settlement *steps[LABELERS]; /* each labeler's, the oldest first */
	size_t n_steps[LABELERS];
	char items[ITEMS][NAME_SIZE];
	size_t n_items;
	uint32_t closed[ITEMS]; /* in the order of the feed */
	size_t n_closed;
};

struct fixture {
	struct daemon daemon;
	struct candor *client;
	struct random random;
	struct mirror mirrors[3];
};

static const struct candor_settings pool_settings_of[3] = {
	{.rate = CANDOR_RATE_UNSPECIFIED},
	{.rate = CANDOR_FIXED, .eta = 0.1, .share = 0.02},
	{.rate = CANDOR_HORIZON, .horizon = 50, .c = 0.7},
};

static void restart(struct fixture *f)
{
	assert_int_equal(daemon_stop(&f->daemon), 0);
	daemon_start(&f->daemon, NULL);
	f->client = daemon_connect(&f->daemon);
}

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){.mirrors = {{.name = "anytime"}, {.name = "fixed"}, {.name = "horizon"}}};
	seed_random(&f.random, 30);
	daemon_init(&f.daemon);
	daemon_start(&f.daemon, NULL);
	f.client = daemon_connect(&f.daemon);
	for (size_t i = 0; i < 3; i++) {
		struct candor_settings settings = pool_settings_of[i];
		call_ok(f.client, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL,
							  .pool = f.mirrors[i].name,
							  .settings = settings});
		mechanism_defaults(&settings);
		f.mirrors[i].pool = history_pool(&settings);
	}
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int ended = daemon_end(&f->daemon);
	for (size_t i = 0; i < 3; i++) {
		pool_free(f->mirrors[i].pool);
		for (size_t l = 0; l < LABELERS; l++)
			free(f->mirrors[i].steps[l]);
	}
	return ended;
}

/* ---- events, in both ---- */

static struct item *item_of(const struct mirror *m, size_t i)
{
	return history_item(m->pool, m->items[i]);
}

/* Opens some items: most labelers answer, now and then one thinks again. */
static void open_items(struct fixture *f, struct mirror *m)
{
	static char labelers[LABELERS][NAME_SIZE];
	static struct candor_report rows[ITEMS_A_STEP * LABELERS * 2];
	size_t n = 0;
	for (size_t l = 0; l < LABELERS; l++)
		snprintf(labelers[l], NAME_SIZE, "L%zu", l);
	for (size_t i = 0; i < ITEMS_A_STEP; i++) {
		char *item = m->items[m->n_items];
		snprintf(item, NAME_SIZE, "item %zu", m->n_items++);
		for (size_t l = 0; l < LABELERS; l++) {
			int times = random_chance(&f->random, 0.4) ? 0 : random_chance(&f->random, 0.1) ? 2 : 1;
			/* Every item is answered. */
			if (l == 0 && times == 0)
				times = 1;
			while (times-- > 0)
				rows[n++] = (struct candor_report){item, labelers[l], random_unit(&f->random)};
		}
	}
	call_ok(f->client,
		(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = m->name, .n = n, .reports = rows});
	for (size_t i = 0; i < n; i++)
		history_report(m->pool, rows[i].item, rows[i].labeler, rows[i].value);
}

static void remember_close(struct mirror *m, size_t i)
{
	m->closed[m->n_closed++] = (uint32_t)i;
}

static void remember_settlement(struct mirror *m, size_t i, double y, const struct pool_settled *s)
{
	const struct item *item = item_of(m, i);
	for (uint32_t k = 0; k < item->n; k++) {
		size_t l = (size_t)strtoul(pool_labeler_name(m->pool, item_labelers(item)[k], NULL) + 1, NULL, 10);
		m->steps[l] = realloc(m->steps[l], (m->n_steps[l] + 1) * sizeof *m->steps[l]);
		assert_non_null(m->steps[l]);
		m->steps[l][m->n_steps[l]++] = (struct candor_settlement){
			.round = s->round,
			.item = m->items[i],
			.report = item->values[k],
			.outcome = y,
			.loss = mechanism_loss(item->values[k], y),
			.weighted_loss = s->weighted_loss,
			.mean = item->frozen->aggregate.mean,
			.eta = s->eta,
			.weight = s->weights[k],
			.epoch = s->epoch,
		};
	}
}

/* Items end in any order: closed, resolved while open or later, withdrawn while open or later, or they stay open. */
static void end_items(struct fixture *f, struct mirror *m)
{
	const char *closes[ITEMS], *voids[ITEMS];
	struct candor_outcome outcomes[ITEMS];
	size_t closing[ITEMS], resolving[ITEMS], voiding[ITEMS], n_closes = 0, n_outcomes = 0, n_voids = 0;
	for (size_t i = 0; i < m->n_items; i++) {
		enum candor_item_state state = item_of(m, i)->state;
		if (state != CANDOR_OPEN && state != CANDOR_CLOSED)
			continue;
		double chance = random_unit(&f->random);
		if (chance < 0.15 && state == CANDOR_OPEN) {
			closing[n_closes] = i;
			closes[n_closes++] = m->items[i];
		} else if (chance > 0.55 && chance < 0.97) {
			resolving[n_outcomes] = i;
			double y = random_chance(&f->random, 0.5) ? random_unit(&f->random) : 1;
			outcomes[n_outcomes++] = (struct candor_outcome){m->items[i], y};
		} else if (chance > 0.97) {
			voiding[n_voids] = i;
			voids[n_voids++] = m->items[i];
		}
	}
	call_ok(f->client, (struct candor_request){
				   .type = CANDOR_REQ_CLOSE_ITEMS, .pool = m->name, .n = n_closes, .items = closes});
	for (size_t i = 0; i < n_closes; i++) {
		assert_int_equal(pool_close(m->pool, item_of(m, closing[i])), 0);
		remember_close(m, closing[i]);
	}
	call_ok(f->client,
		(struct candor_request){
			.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = m->name, .n = n_outcomes, .outcomes = outcomes});
	for (size_t i = 0; i < n_outcomes; i++) {
		if (item_of(m, resolving[i])->state == CANDOR_OPEN)
			remember_close(m, resolving[i]);
		struct pool_settled s = history_resolve(m->pool, outcomes[i].item, outcomes[i].value);
		remember_settlement(m, resolving[i], outcomes[i].value, &s);
	}
	call_ok(f->client,
		(struct candor_request){.type = CANDOR_REQ_VOID_ITEMS, .pool = m->name, .n = n_voids, .items = voids});
	for (size_t i = 0; i < n_voids; i++)
		assert_int_equal(pool_void(m->pool, item_of(m, voiding[i])), 0);
}

static void put_on_probation(struct fixture *f, struct mirror *m)
{
	struct candor_settings settings = *pool_settings(m->pool);
	settings.entry = 0.25;
	call_ok(f->client,
		(struct candor_request){.type = CANDOR_REQ_UPDATE_POOL, .pool = m->name, .settings = {.entry = 0.25}});
	assert_int_equal(pool_update(m->pool, &settings), 0);
}

static void live(struct fixture *f, int steps)
{
	for (int s = 0; s < steps; s++) {
		for (size_t i = 0; i < 3; i++) {
			open_items(f, &f->mirrors[i]);
			end_items(f, &f->mirrors[i]);
			if (s == steps / 2)
				put_on_probation(f, &f->mirrors[i]);
		}
	}
}

/* ---- trajectories ---- */

static void check_step(const struct candor_settlement *got, const struct candor_settlement *want)
{
	assert_int_equal(got->round, want->round);
	assert_string_equal(got->item, want->item);
	assert_same_bits(got->report, want->report);
	assert_same_bits(got->outcome, want->outcome);
	assert_same_bits(got->loss, want->loss);
	assert_same_bits(got->weighted_loss, want->weighted_loss);
	assert_same_bits(got->mean, want->mean);
	assert_same_bits(got->eta, want->eta);
	assert_same_bits(got->weight, want->weight);
	assert_int_equal(got->epoch, want->epoch);
	assert_true(got->at > 0);
}

/* Page by page, the newest first. */
static void check_trajectory(struct fixture *f, const struct mirror *m, size_t l, uint32_t limit)
{
	char name[NAME_SIZE], cursor[CANDOR_NAME_MAX + 1] = "";
	size_t left = m->n_steps[l];
	uint32_t id = history_labeler(m->pool, (snprintf(name, sizeof name, "L%zu", l), name));
	const struct candor_response *r;
	do {
		r = call_ok(f->client, (struct candor_request){.type = CANDOR_REQ_GET_LABELER,
							       .pool = m->name,
							       .labeler = name,
							       .history = true,
							       .cursor = cursor,
							       .limit = limit});
		assert_int_equal(r->n, left < limit ? left : limit);
		for (size_t i = 0; i < r->n; i++)
			check_step(&r->history[i], &m->steps[l][--left]);
		assert_int_equal(r->next[0] == 0, left == 0);
		snprintf(cursor, sizeof cursor, "%s", r->next);
	} while (cursor[0]);

	const struct labeler *want = pool_labeler(m->pool, id);
	assert_same_bits(r->labeler.weight, pool_weight(m->pool, id));
	assert_same_bits(r->labeler.entry, pool_entry(m->pool, id));
	assert_same_bits(r->labeler.regret, pool_regret(m->pool, id));
	assert_same_bits(r->labeler.own_loss, want->own_loss);
	assert_same_bits(r->labeler.mean_loss, want->mean_loss);
	assert_int_equal(r->labeler.scored, m->n_steps[l]);
}

static void check_pool(struct fixture *f, const struct mirror *m)
{
	const struct pool_totals *want = pool_totals(m->pool);
	const struct candor_pool *got =
		&call_ok(f->client, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = m->name})->pool;
	uint32_t best = pool_best(m->pool);
	assert_int_equal(got->round, want->round);
	assert_int_equal(got->epoch, want->epoch);
	assert_int_equal(got->open_items, want->open);
	assert_int_equal(got->closed_items, want->closed);
	assert_int_equal(got->void_items, want->voided);
	assert_same_bits(got->eta, pool_eta(m->pool));
	assert_same_bits(got->total_weight, want->total_weight);
	assert_same_bits(got->mean_loss, want->mean_loss);
	assert_same_bits(got->median_loss, want->median_loss);
	assert_same_bits(got->plain_mean_loss, want->plain_mean_loss);
	assert_same_bits(got->plain_median_loss, want->plain_median_loss);
	assert_string_equal(got->best->labeler, pool_labeler_name(m->pool, best, NULL));
	assert_same_bits(got->best->regret, pool_regret(m->pool, best));
	assert_same_bits(got->best->bound, pool_bound(m->pool, best));
}

static void a_trajectory_paged_is_what_a_replay_gives_also_after_a_restart(void **state)
{
	struct fixture *f = *state;
	live(f, STEPS);
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < 3; i++) {
			check_pool(f, &f->mirrors[i]);
			for (size_t l = 0; l < LABELERS; l++)
				check_trajectory(f, &f->mirrors[i], l, l % 3 == 0 ? 1000 : 7);
		}
		if (again == 0)
			restart(f);
	}
	/* And it goes on as if it had never stopped. */
	live(f, STEPS / 4);
	for (size_t i = 0; i < 3; i++) {
		check_pool(f, &f->mirrors[i]);
		check_trajectory(f, &f->mirrors[i], 3, 11);
	}
}

/* ---- the feed ---- */

struct reader {
	char cursor[CANDOR_NAME_MAX + 1];
	size_t read;
};

static void check_row(const struct candor_item *got, const struct mirror *m, size_t i)
{
	const struct item *want = item_of(m, i);
	const struct aggregate *a = &want->frozen->aggregate;
	assert_string_equal(got->item, m->items[i]);
	assert_int_equal(got->state, want->state);
	assert_int_equal(got->n, want->n);
	assert_same_bits(got->mean, a->mean);
	assert_same_bits(got->median, a->median);
	assert_same_bits(got->plain_mean, a->plain_mean);
	assert_same_bits(got->plain_median, a->plain_median);
	assert_same_bits(got->spread, a->spread);
	assert_same_bits(got->ess, a->ess);
	if (want->state != CANDOR_RESOLVED)
		return;
	assert_same_bits(got->outcome, want->frozen->outcome);
	assert_same_bits(got->eta, want->frozen->eta);
	assert_same_bits(got->weighted_loss, want->frozen->weighted_loss);
	assert_int_equal(got->round, want->frozen->round);
}

/* Reads pages until `until` items were read. */
static void read_feed(struct fixture *f, const struct mirror *m, struct reader *r, size_t until)
{
	while (r->read < until) {
		size_t left = until - r->read;
		uint32_t limit = left < 13 ? (uint32_t)left : 13;
		const struct candor_response *page = call_ok(
			f->client,
			(struct candor_request){
				.type = CANDOR_REQ_LIST_ITEMS, .pool = m->name, .cursor = r->cursor, .limit = limit});
		assert_int_equal(page->n, limit);
		for (size_t i = 0; i < page->n; i++)
			check_row(&page->items[i], m, m->closed[r->read++]);
		assert_int_equal(page->more, r->read < m->n_closed);
		snprintf(r->cursor, sizeof r->cursor, "%s", page->next);
	}
}

static void a_feed_gives_each_closed_item_once_in_order_across_restarts(void **state)
{
	struct fixture *f = *state;
	struct reader readers[3] = {0};
	for (int part = 0; part < 3; part++) {
		live(f, STEPS / 4);
		for (size_t i = 0; i < 3; i++) {
			const struct mirror *m = &f->mirrors[i];
			/* Once it stops in the midst, later at the end. */
			read_feed(f, m, &readers[i], part == 0 ? m->n_closed / 2 : m->n_closed);
		}
		restart(f);
	}
	for (size_t i = 0; i < 3; i++) {
		const struct candor_response *page =
			call_ok(f->client, (struct candor_request){.type = CANDOR_REQ_LIST_ITEMS,
								   .pool = f->mirrors[i].name,
								   .cursor = readers[i].cursor});
		assert_int_equal(page->n, 0);
		assert_false(page->more);
		assert_string_equal(page->next, readers[i].cursor);
		struct reader anew = {0};
		read_feed(f, &f->mirrors[i], &anew, f->mirrors[i].n_closed);
	}
}

/* ---- the database by itself ---- */

static const char *text_at(sqlite3_stmt *s, int column)
{
	return (const char *)sqlite3_column_text(s, column);
}

static void check_standing_report(const struct mirror *m, sqlite3_stmt *s)
{
	static const char *const states[] = {"", "open", "closed", "resolved", "void"};
	const char *name = text_at(s, 1), *labeler = text_at(s, 3);
	struct item *item = pool_find_item(m->pool, name, strlen(name));
	assert_non_null(item);
	assert_string_equal(text_at(s, 2), states[item->state]);
	uint32_t id = history_labeler(m->pool, labeler), k = 0;
	while (k < item->n && item_labelers(item)[k] != id)
		k++;
	assert_true(k < item->n);
	assert_same_bits(sqlite3_column_double(s, 4), item->values[k]);
	if (item->state == CANDOR_RESOLVED)
		assert_same_bits(sqlite3_column_double(s, 5), item->frozen->outcome);
	else
		assert_int_equal(sqlite3_column_type(s, 5), SQLITE_NULL);
}

static void the_reports_that_stand_can_be_read_with_sqlite_while_the_daemon_runs(void **state)
{
	static const char query[] = "SELECT pool, item, state, labeler, value, outcome FROM reports";
	struct fixture *f = *state;
	live(f, STEPS / 2);
	for (int again = 0; again < 2; again++) {
		sqlite3 *db;
		sqlite3_stmt *s;
		uint64_t rows[3] = {0};
		assert_int_equal(sqlite3_open_v2(f->daemon.db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
		sqlite3_busy_timeout(db, 30000);
		assert_int_equal(sqlite3_prepare_v2(db, query, -1, &s, NULL), SQLITE_OK);
		int step;
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			size_t i = 0;
			while (i < 2 && strcmp(f->mirrors[i].name, text_at(s, 0)) != 0)
				i++;
			check_standing_report(&f->mirrors[i], s);
			rows[i]++;
		}
		assert_int_equal(step, SQLITE_DONE);
		sqlite3_finalize(s);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		for (size_t i = 0; i < 3; i++) {
			uint64_t standing = 0;
			for (size_t k = 0; k < f->mirrors[i].n_items; k++)
				standing += item_of(&f->mirrors[i], k)->n;
			assert_int_equal(rows[i], standing);
		}
		if (again == 0)
			restart(f);
	}
}

#define REPLAY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLAY(a_trajectory_paged_is_what_a_replay_gives_also_after_a_restart),
		REPLAY(a_feed_gives_each_closed_item_once_in_order_across_restarts),
		REPLAY(the_reports_that_stand_can_be_read_with_sqlite_while_the_daemon_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
