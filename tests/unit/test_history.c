/* Lists in pages: labelers in every order, a labeler's trajectory, the feed of closed items. Each page by page is what
 * a naive record of the same events has, and what is no cursor is refused. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "tests/lib/fake_owner.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { LABELERS = 23, ITEMS = 150 };

/* What was done, by whom it was answered, and what must come of it. */
struct record {
	struct candor_settlement steps[LABELERS][ITEMS]; /* oldest first */
	size_t n_steps[LABELERS];
	char closed[ITEMS][16]; /* in order */
	size_t n_closed;
	char step_items[ITEMS][16];
};

struct world {
	struct fake_owner f;
	struct pool *mirror;
	struct random random;
	struct record record;
};

static void name_of(char *out, size_t size, const char *kind, size_t i)
{
	snprintf(out, size, "%s%zu", kind, i);
}

static void settle(struct world *w, const char *item, double outcome)
{
	struct record *r = &w->record;
	assert_int_equal(fake_resolve(&w->f, "p", item, outcome), CANDOR_OK);
	struct item *mirrored = history_item(w->mirror, item);
	struct pool_settled done = history_resolve(w->mirror, item, outcome);
	char *kept = r->step_items[done.round - 1];
	snprintf(kept, sizeof r->step_items[0], "%s", item);
	for (uint32_t i = 0; i < mirrored->n; i++) {
		uint32_t labeler = item_labelers(mirrored)[i];
		double value = mirrored->values[i];
		r->steps[labeler][r->n_steps[labeler]++] = (struct candor_settlement){
			.round = done.round,
			.item = kept,
			.report = value,
			.outcome = outcome,
			.loss = (value - outcome) * (value - outcome),
			.weighted_loss = done.weighted_loss,
			.mean = mirrored->frozen->aggregate.mean,
			.eta = done.eta,
			.weight = done.weights[i],
			.epoch = done.epoch,
			.at = w->f.now_ms,
		};
	}
}

/* Items of a few reports each; some closed long before their outcome, some withdrawn. */
static void play(struct world *w)
{
	/* All join, whomever chance will choose. */
	for (size_t i = 0; i < LABELERS; i++) {
		char labeler[16];
		name_of(labeler, sizeof labeler, "L", (i * 7) % LABELERS);
		assert_int_equal(fake_post(&w->f, "p", "roll", labeler, 1), CANDOR_OK);
		history_report(w->mirror, "roll", labeler, 1);
	}
	assert_int_equal(fake_void(&w->f, "p", "roll"), CANDOR_OK);
	assert_int_equal(pool_void(w->mirror, history_item(w->mirror, "roll")), 0);
	for (size_t i = 0; i < ITEMS; i++) {
		char item[16], labeler[16];
		name_of(item, sizeof item, "i", i);
		size_t n = 1 + random_below(&w->random, 5);
		for (size_t k = 0; k < n; k++) {
			/* The last ones never answer what gets an outcome. */
			name_of(labeler, sizeof labeler, "L",
				random_below(&w->random, i % 10 == 9 ? LABELERS : LABELERS - 3));
			double value = random_chance(&w->random, 0.2) ? 0.5 : random_unit(&w->random);
			assert_int_equal(fake_post(&w->f, "p", item, labeler, value), CANDOR_OK);
			history_report(w->mirror, item, labeler, value);
		}
		w->f.now_ms += 1000;
		if (i % 10 == 8) {
			assert_int_equal(fake_void(&w->f, "p", item), CANDOR_OK);
			assert_int_equal(pool_void(w->mirror, history_item(w->mirror, item)), 0);
			continue;
		}
		assert_int_equal(fake_close(&w->f, "p", item), CANDOR_OK);
		assert_int_equal(pool_close(w->mirror, history_item(w->mirror, item)), 0);
		snprintf(w->record.closed[w->record.n_closed++], 16, "%s", item);
		size_t late = i >= 7 ? i - 7 : i;
		if (late % 10 < 8 && i >= 7) {
			name_of(item, sizeof item, "i", late);
			settle(w, item, random_chance(&w->random, 0.5));
		}
	}
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct engine_limits limits = fake_roomy_limits();
	limits.resident_items = 5;
	fake_init(&w->f, &limits);
	seed_random(&w->random, 11);
	struct candor_settings settings = {.c = 0.7, .share = 0.001};
	fake_pool(&w->f, "p", &settings);
	fake_pool(&w->f, "other", NULL);
	mechanism_defaults(&settings);
	w->mirror = history_pool(&settings);
	play(w);
	assert_int_equal(fake_post(&w->f, "other", "i0", "L0", 1), CANDOR_OK);
	assert_int_equal(fake_post(&w->f, "other", "i0", "L1", 0), CANDOR_OK);
	assert_int_equal(fake_resolve(&w->f, "other", "i0", 1), CANDOR_OK);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	fake_deinit(&w->f);
	pool_free(w->mirror);
	free(w);
	return 0;
}

static const struct candor_response *ask(struct world *w, enum candor_request_type type, const char *labeler,
					 const char *cursor, uint32_t limit)
{
	struct candor_request r = {
		.type = type, .pool = "p", .labeler = labeler, .history = true, .cursor = cursor, .limit = limit};
	return fake_call(&w->f, &r);
}

/* ---- labelers ---- */

static double sort_key(const struct pool *p, enum candor_sort sort, uint32_t id)
{
	const struct labeler *l = pool_labeler(p, id);
	switch (sort) {
	case CANDOR_BY_WEIGHT: return -pool_weight(p, id);
	case CANDOR_BY_REGRET: return -(l->mean_loss - l->own_loss);
	case CANDOR_BY_LOSS: return l->scored ? l->own_loss / l->scored : 1e9;
	case CANDOR_BY_SCORED: return -(double)l->scored;
	case CANDOR_BY_NAME: break;
	}
	return 0;
}

static bool goes_before(const struct pool *p, enum candor_sort sort, uint32_t a, uint32_t b)
{
	double x = sort_key(p, sort, a), y = sort_key(p, sort, b);
	if (sort == CANDOR_BY_NAME)
		return strcmp(pool_labeler_name(p, a, NULL), pool_labeler_name(p, b, NULL)) < 0;
	return x < y || (x == y && a < b);
}

static uint32_t sort_labelers(const struct pool *p, enum candor_sort sort, uint32_t *ids)
{
	uint32_t n = pool_labelers(p);
	for (uint32_t id = 0; id < n; id++) {
		uint32_t at = id;
		for (; at > 0 && goes_before(p, sort, id, ids[at - 1]); at--)
			ids[at] = ids[at - 1];
		ids[at] = id;
	}
	return n;
}

static void assert_labeler(const struct candor_labeler *got, const struct pool *p, uint32_t id)
{
	const struct labeler *l = pool_labeler(p, id);
	assert_string_equal(got->name, pool_labeler_name(p, id, NULL));
	assert_same_bits(got->weight, pool_weight(p, id));
	assert_int_equal(got->scored, l->scored);
	assert_same_bits(got->own_loss, l->own_loss);
	assert_same_bits(got->mean_loss, l->mean_loss);
	assert_same_bits(got->regret, pool_regret(p, id));
	assert_same_bits(got->entry, pool_entry(p, id));
}

static void pages_of_labelers_are_one_sorted_list(void **state)
{
	struct world *w = *state;
	for (int sort = CANDOR_BY_WEIGHT; sort <= CANDOR_BY_NAME; sort++) {
		for (uint32_t limit = 1; limit <= LABELERS + 2; limit += 1 + limit / 4) {
			uint32_t ids[LABELERS], n = sort_labelers(w->mirror, (enum candor_sort)sort, ids), seen = 0;
			char cursor[CANDOR_NAME_MAX + 1] = "";
			assert_int_equal(n, LABELERS);
			do {
				struct candor_request r = {.type = CANDOR_REQ_LIST_LABELERS,
							   .pool = "p",
							   .sort = (enum candor_sort)sort,
							   .cursor = cursor,
							   .limit = limit};
				const struct candor_response *page = fake_call(&w->f, &r);
				assert_int_equal(page->code, CANDOR_OK);
				assert_int_equal(page->total, LABELERS);
				assert_same_bits(page->total_weight, LABELERS);
				assert_true(page->n <= limit);
				for (size_t i = 0; i < page->n; i++)
					assert_labeler(&page->labelers[i], w->mirror, ids[seen++]);
				snprintf(cursor, sizeof cursor, "%s", page->next);
			} while (cursor[0]);
			assert_int_equal(seen, LABELERS);
		}
	}
}

/* ---- trajectories ---- */

static void assert_step(const struct candor_settlement *got, const struct candor_settlement *want)
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
	assert_int_equal(got->at, want->at);
}

static void pages_of_a_trajectory_are_its_settlements_newest_first(void **state)
{
	struct world *w = *state;
	size_t unscored = 0;
	for (uint32_t id = 0; id < LABELERS; id++) {
		const char *labeler = pool_labeler_name(w->mirror, id, NULL);
		for (uint32_t limit = 1; limit < 60; limit = limit * 3 + 1) {
			size_t left = w->record.n_steps[id];
			char cursor[CANDOR_NAME_MAX + 1] = "";
			unscored += left == 0;
			do {
				const struct candor_response *page =
					ask(w, CANDOR_REQ_GET_LABELER, labeler, cursor, limit);
				assert_int_equal(page->code, CANDOR_OK);
				assert_labeler(&page->labeler, w->mirror, id);
				assert_int_equal(page->n, left < limit ? left : limit);
				for (size_t i = 0; i < page->n; i++)
					assert_step(&page->history[i], &w->record.steps[id][--left]);
				assert_int_equal(page->next[0] != 0, left > 0);
				snprintf(cursor, sizeof cursor, "%s", page->next);
			} while (cursor[0]);
			assert_int_equal(left, 0);
		}
	}
	assert_true(unscored > 0);
}

/* What the audit says of round `round`: who posted it. */
static const char *poster_of(struct world *w, const char *pool, uint64_t round)
{
	static char by[256];
	char suffix[32];
	snprintf(suffix, sizeof suffix, ", round %u", (unsigned)round);
	const struct candor_response *r = fake_call(
		&w->f,
		&(struct candor_request){.type = CANDOR_REQ_LIST_EVENTS, .pool = pool, .cursor = "", .limit = 100});
	for (size_t i = 0; i < r->n; i++) {
		const char *at = strstr(r->events[i].detail, suffix);
		if (at && at[strlen(suffix)] == 0)
			snprintf(by, sizeof by, "%s", r->events[i].by);
	}
	return by;
}

/* By what is published, and what is answered to who may inspect: nothing else of the daemon's is used. */
static void a_published_head_is_proved_by_who_may_inspect(void **state)
{
	struct world *w = *state;
	enum { ROUNDS = 3 };
	uint8_t head[CHAIN_BYTES] = {0}, published[CHAIN_BYTES];
	struct candor_settlement steps[ROUNDS];
	uint8_t hashes[ROUNDS][CHAIN_BYTES], salts[ROUNDS][CHAIN_SALT_BYTES];
	char items[ROUNDS][16];
	fake_pool(&w->f, "q", NULL);
	for (int i = 0; i < ROUNDS; i++) {
		name_of(items[ROUNDS - 1 - i], sizeof items[0], "item-", (size_t)i);
		assert_int_equal(fake_post(&w->f, "q", items[ROUNDS - 1 - i], "ann", 0.25 * i), CANDOR_OK);
		assert_int_equal(fake_resolve(&w->f, "q", items[ROUNDS - 1 - i], i % 2), CANDOR_OK);
	}
	fake_restart(&w->f);
	const struct candor_response *r =
		fake_call(&w->f, &(struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "q"});
	assert_non_null(r->pool.head);
	memcpy(published, r->pool.head, CHAIN_BYTES);
	r = fake_call(&w->f, &(struct candor_request){.type = CANDOR_REQ_GET_LABELER,
						      .pool = "q",
						      .labeler = "ann",
						      .history = true,
						      .cursor = "",
						      .limit = ROUNDS});
	assert_int_equal(r->n, ROUNDS);
	for (int i = 0; i < ROUNDS; i++) {
		steps[i] = r->history[i];
		assert_non_null(steps[i].salt);
		assert_string_equal(steps[i].item, items[i]);
		memcpy(hashes[i], steps[i].hash, CHAIN_BYTES);
		memcpy(salts[i], steps[i].salt, CHAIN_SALT_BYTES);
	}
	for (int i = ROUNDS - 1; i >= 0; i--) {
		const struct chain_record record = {
			.salt = salts[i],
			.together = 1,
			.block = steps[i].round,
			.scored = 1,
			.pool = "q",
			.item = items[i],
			.round = steps[i].round,
			.outcome = steps[i].outcome,
			.eta = steps[i].eta,
			.weighted_loss = steps[i].weighted_loss,
			.epoch = steps[i].epoch,
			.at = steps[i].at,
			.by = poster_of(w, "q", steps[i].round),
			.n = 1,
		};
		struct chain c;
		chain_begin(&c, head, &record);
		chain_report(&c, "ann", 3, steps[i].report);
		chain_end(&c, head);
		assert_memory_equal(head, hashes[i], CHAIN_BYTES);
	}
	assert_memory_equal(head, published, CHAIN_BYTES);
}

/* As a candord wrote them that had no salts. */
static void a_settlement_without_a_salt_says_so(void **state)
{
	struct world *w = *state;
	assert_true(fake_number(&w->f, "SELECT count(*) FROM settlements") > 0);
	assert_true(fake_number(&w->f, "SELECT count(*) = count(DISTINCT salt) FROM settlements") == 1);
	assert_true(fake_number(&w->f, "SELECT min(length(salt)) FROM settlements") == CHAIN_SALT_BYTES);
	fake_sql(&w->f, "UPDATE settlements SET salt = NULL WHERE round = 1");
	const struct candor_response *r;
	size_t without = 0;
	for (uint32_t id = 0; id < LABELERS; id++) {
		char labeler[16];
		name_of(labeler, sizeof labeler, "L", id);
		r = fake_call(&w->f, &(struct candor_request){.type = CANDOR_REQ_GET_LABELER,
							      .pool = "p",
							      .labeler = labeler,
							      .history = true,
							      .cursor = "",
							      .limit = 1000});
		for (size_t i = 0; r->code == CANDOR_OK && i < r->n; i++) {
			assert_int_equal(r->history[i].salt == NULL, r->history[i].round == 1);
			without += r->history[i].salt == NULL;
		}
	}
	assert_true(without > 0);
	/* Nor can it be taken away without notice. */
	assert_int_equal(fake_verify(&w->f), ERR_HISTORY);
}

static void a_trajectory_is_only_given_where_asked_for(void **state)
{
	struct world *w = *state;
	struct candor_request r = {.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "L0"};
	const struct candor_response *got = fake_call(&w->f, &r);
	assert_int_equal(got->code, CANDOR_OK);
	assert_int_equal(got->n, 0);
	assert_string_equal(got->next, "");
	assert_true(got->labeler.scored > 0);
	assert_int_equal(ask(w, CANDOR_REQ_GET_LABELER, "nobody", "", 1)->code, CANDOR_NOT_FOUND);
}

static void a_cursor_still_holds_when_more_was_settled_and_after_a_restart(void **state)
{
	struct world *w = *state;
	char cursor[CANDOR_NAME_MAX + 1];
	uint32_t id = history_labeler(w->mirror, "L0");
	size_t n = w->record.n_steps[id];
	snprintf(cursor, sizeof cursor, "%s", ask(w, CANDOR_REQ_GET_LABELER, "L0", "", 2)->next);
	assert_int_equal(fake_post(&w->f, "p", "more", "L0", 1), CANDOR_OK);
	history_report(w->mirror, "more", "L0", 1);
	settle(w, "more", 0);
	for (int restarted = 0; restarted < 2; restarted++) {
		const struct candor_response *page = ask(w, CANDOR_REQ_GET_LABELER, "L0", cursor, 1000);
		assert_int_equal(page->n, n - 2);
		for (size_t i = 0; i < page->n; i++)
			assert_step(&page->history[i], &w->record.steps[id][n - 3 - i]);
		assert_step(&ask(w, CANDOR_REQ_GET_LABELER, "L0", "", 1)->history[0], &w->record.steps[id][n]);
		fake_restart(&w->f);
	}
}

/* ---- the feed ---- */

static enum candor_item_state state_of(struct world *w, const char *item)
{
	return history_item(w->mirror, item)->state;
}

static void pages_of_the_feed_are_the_closed_items_in_order(void **state)
{
	struct world *w = *state;
	assert_int_equal(fake_void(&w->f, "p", w->record.closed[w->record.n_closed - 1]), CANDOR_OK);
	assert_int_equal(pool_void(w->mirror, history_item(w->mirror, w->record.closed[w->record.n_closed - 1])), 0);
	for (uint32_t limit = 1; limit < 1000; limit = limit * 5 + 1) {
		size_t seen = 0;
		bool more;
		char cursor[CANDOR_NAME_MAX + 1] = "";
		do {
			const struct candor_response *page = ask(w, CANDOR_REQ_LIST_ITEMS, NULL, cursor, limit);
			assert_int_equal(page->code, CANDOR_OK);
			assert_true(page->n <= limit);
			for (size_t i = 0; i < page->n; i++) {
				const struct candor_item *got = &page->items[i];
				const struct item *want = history_item(w->mirror, w->record.closed[seen]);
				assert_string_equal(got->item, w->record.closed[seen++]);
				assert_int_equal(got->state, state_of(w, got->item));
				assert_same_bits(got->mean, want->frozen->aggregate.mean);
				assert_same_bits(got->median, want->frozen->aggregate.median);
				assert_same_bits(got->spread, want->frozen->aggregate.spread);
				assert_same_bits(got->ess, want->frozen->aggregate.ess);
				assert_int_equal(got->n, want->n);
				assert_int_equal(got->round, want->frozen->round);
				assert_same_bits(got->outcome, want->frozen->outcome);
				assert_same_bits(got->weighted_loss, want->frozen->weighted_loss);
				assert_true((got->ended_at != 0) == (got->state != CANDOR_CLOSED));
			}
			more = page->more;
			assert_true(more == (seen < w->record.n_closed));
			assert_true(page->next[0] != 0);
			snprintf(cursor, sizeof cursor, "%s", page->next);
		} while (more);
		assert_int_equal(seen, w->record.n_closed);
	}
}

static void the_end_of_the_feed_is_where_its_next_items_will_be(void **state)
{
	struct world *w = *state;
	char cursor[CANDOR_NAME_MAX + 1];
	snprintf(cursor, sizeof cursor, "%s", ask(w, CANDOR_REQ_LIST_ITEMS, NULL, "", 1000)->next);
	const struct candor_response *page = ask(w, CANDOR_REQ_LIST_ITEMS, NULL, cursor, 10);
	assert_int_equal(page->n, 0);
	assert_false(page->more);
	assert_string_equal(page->next, cursor);
	for (int i = 0; i < 3; i++) {
		char item[16];
		name_of(item, sizeof item, "new", (size_t)i);
		assert_int_equal(fake_post(&w->f, "p", item, "L0", 1), CANDOR_OK);
		assert_int_equal(i ? fake_close(&w->f, "p", item) : fake_resolve(&w->f, "p", item, 1), CANDOR_OK);
	}
	page = ask(w, CANDOR_REQ_LIST_ITEMS, NULL, cursor, 10);
	assert_int_equal(page->n, 3);
	assert_string_equal(page->items[0].item, "new0");
	assert_int_equal(page->items[0].state, CANDOR_RESOLVED);
	assert_string_equal(page->items[2].item, "new2");
	assert_int_equal(page->items[2].state, CANDOR_CLOSED);

	/* The end of an empty feed is the start of a later one. */
	fake_pool(&w->f, "empty", NULL);
	struct candor_request r = {.type = CANDOR_REQ_LIST_ITEMS, .pool = "empty"};
	snprintf(cursor, sizeof cursor, "%s", fake_call(&w->f, &r)->next);
	assert_int_equal(fake_post(&w->f, "empty", "i", "L0", 1), CANDOR_OK);
	assert_int_equal(fake_close(&w->f, "empty", "i"), CANDOR_OK);
	r.cursor = cursor;
	assert_int_equal(fake_call(&w->f, &r)->n, 1);
}

static void the_feed_waits_for_what_was_closed_before_it_was_asked_for(void **state)
{
	struct world *w = *state;
	assert_int_equal(fake_post(&w->f, "p", "last", "L0", 1), CANDOR_OK);
	const char *item = "last";
	struct ask *closed = fake_ask(
		&w->f, &(struct candor_request){.type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = 1, .items = &item});
	struct ask *feed =
		fake_ask(&w->f, &(struct candor_request){.type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .limit = 1000});
	assert_int_equal(feed->outcome, ENGINE_LATER);
	assert_int_equal(w->f.n_reads, 0);
	assert_true(fake_tick(&w->f));
	fake_commit(&w->f, 0);
	assert_int_equal(w->f.n_reads, 1);
	fake_read_done(&w->f, 0);
	assert_true(feed->settled);
	assert_int_equal(feed->answer.n, w->record.n_closed + 1);
	assert_string_equal(feed->answer.items[w->record.n_closed].item, "last");
	ask_free(closed);
	ask_free(feed);
}

/* ---- cursors ---- */

static void assert_refused(struct world *w, struct candor_request *r, const char *cursor)
{
	r->cursor = cursor;
	const struct candor_response *got = fake_call(&w->f, r);
	if (got->code != CANDOR_INVALID_ARGUMENT || !strstr(got->message, "cursor")) {
		print_error("type %d, cursor '%s': code %d '%s'\n", (int)r->type, cursor, (int)got->code, got->message);
		fail();
	}
}

static void an_invalid_cursor_is_refused(void **state)
{
	static const char *const garbage[] = {
		"x",
		"1",
		"p",
		"i",
		"h",
		"l",
		"p-",
		"i1",
		"i1-",
		"h1-",
		"l1-0",
		"i-1",
		"i1--1",
		"i1-1-",
		" i1",
		"i 1-1",
		"i1-1 ",
		"i1 -1",
		"i1-1\xc3\xa9",
		"h+1-1",
		"l1-0-0",
		"i1-1-1",
		"h1-1-1",
		"i99999999999999999999-1",
		"i1-99999999999999999999",
		"p99999999999999999999",
		"i0x1-1",
		"l1-0-7ff8000000000000-0",
		"l1-0-0-99",
		"h1-999",
		"i1-999",
		"h1-0",
	};
	static const struct candor_request requests[] = {
		{.type = CANDOR_REQ_LIST_POOLS},
		{.type = CANDOR_REQ_LIST_LABELERS, .pool = "p"},
		{.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "L0", .history = true},
		{.type = CANDOR_REQ_LIST_ITEMS, .pool = "p"},
	};
	struct world *w = *state;
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		for (size_t k = 0; k < sizeof garbage / sizeof *garbage; k++) {
			struct candor_request r = requests[i];
			assert_refused(w, &r, garbage[k]);
		}
	}
	/* How many pools there are in all is not for everybody: one behind the last is no worse than another. */
	const struct candor_request behind = {.type = CANDOR_REQ_LIST_POOLS, .cursor = "p99", .limit = 10};
	const struct candor_response *none = fake_call(&w->f, &behind);
	assert_int_equal(none->code, CANDOR_OK);
	assert_int_equal(none->n, 0);
	assert_string_equal(none->next, "");
}

static void a_cursor_of_another_list_is_refused(void **state)
{
	struct world *w = *state;
	struct candor_request lists[] = {
		{.type = CANDOR_REQ_LIST_POOLS, .limit = 1},
		{.type = CANDOR_REQ_LIST_LABELERS, .limit = 1, .sort = CANDOR_BY_WEIGHT},
		{.type = CANDOR_REQ_LIST_LABELERS, .limit = 1, .sort = CANDOR_BY_REGRET},
		{.type = CANDOR_REQ_LIST_LABELERS, .limit = 1, .sort = CANDOR_BY_NAME},
		{.type = CANDOR_REQ_GET_LABELER, .limit = 1, .labeler = "L0", .history = true},
		{.type = CANDOR_REQ_LIST_ITEMS, .limit = 1},
	};
	enum { LISTS = sizeof lists / sizeof *lists };
	char cursors[2][LISTS][CANDOR_NAME_MAX + 1];
	static const char *const pools[] = {"p", "other"};
	for (size_t pool = 0; pool < 2; pool++) {
		for (size_t i = 0; i < LISTS; i++) {
			lists[i].pool = pools[pool];
			lists[i].cursor = "";
			const struct candor_response *r = fake_call(&w->f, &lists[i]);
			snprintf(cursors[pool][i], sizeof cursors[pool][i], "%s", r->next);
			/* Only the short trajectory of the other pool has no second page. */
			assert_true(r->next[0] || (pool == 1 && lists[i].type == CANDOR_REQ_GET_LABELER));
		}
	}
	for (size_t pool = 0; pool < 2; pool++) {
		for (size_t i = 0; i < LISTS; i++) {
			for (size_t k = 0; k < LISTS; k++) {
				lists[i].pool = pools[0];
				if (cursors[pool][k][0] && (k != i || (pool == 1 && i != 0)))
					assert_refused(w, &lists[i], cursors[pool][k]);
			}
		}
	}
}

static void a_round_that_the_labeler_had_no_part_in_is_no_cursor(void **state)
{
	struct world *w = *state;
	uint32_t id = history_labeler(w->mirror, "L0");
	size_t refused = 0, taken = 0, step = 0;
	for (uint64_t round = 1; round <= pool_totals(w->mirror)->round; round++) {
		struct candor_request r = {
			.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "L0", .history = true};
		char cursor[32];
		snprintf(cursor, sizeof cursor, "h1-%lx", (unsigned long)round);
		if (step < w->record.n_steps[id] && w->record.steps[id][step].round == round) {
			r.cursor = cursor;
			assert_int_equal(fake_call(&w->f, &r)->n, ++step);
			taken++;
		} else {
			assert_refused(w, &r, cursor);
			refused++;
		}
	}
	assert_true(refused > 0 && taken == w->record.n_steps[id]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_of_labelers_are_one_sorted_list),
		TEST(pages_of_a_trajectory_are_its_settlements_newest_first),
		TEST(a_published_head_is_proved_by_who_may_inspect),
		TEST(a_settlement_without_a_salt_says_so),
		TEST(a_trajectory_is_only_given_where_asked_for),
		TEST(a_cursor_still_holds_when_more_was_settled_and_after_a_restart),
		TEST(pages_of_the_feed_are_the_closed_items_in_order),
		TEST(the_end_of_the_feed_is_where_its_next_items_will_be),
		TEST(the_feed_waits_for_what_was_closed_before_it_was_asked_for),
		TEST(an_invalid_cursor_is_refused),
		TEST(a_cursor_of_another_list_is_refused),
		TEST(a_round_that_the_labeler_had_no_part_in_is_no_cursor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
