/* The engine's commands, each against a real database, and what their answers depend on. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "tests/lib/fake_owner.h"

static const struct candor_response *get_pool(struct fake_owner *f, const char *pool)
{
	return fake_call(f, &(struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = pool});
}

static const struct candor_response *post(struct fake_owner *f, const char *pool, const struct candor_report *rows,
					  size_t n)
{
	return fake_call(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = n, .reports = rows});
}

static void assert_counts(const struct candor_response *r, uint64_t accepted, uint64_t duplicates, uint64_t revised,
			  size_t rejected)
{
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->type, CANDOR_RES_BATCH);
	assert_int_equal(r->batch.accepted, accepted);
	assert_int_equal(r->batch.duplicates, duplicates);
	assert_int_equal(r->batch.revised, revised);
	assert_int_equal(r->n_rejected, rejected);
}

static void assert_rejected(const struct candor_rejected *r, uint32_t index, enum candor_code code, const char *says)
{
	assert_int_equal(r->index, index);
	assert_int_equal(r->code, code);
	if (!strstr(r->message, says)) {
		print_error("'%s' does not say '%s'\n", r->message, says);
		fail();
	}
}

static void assert_refused(const struct candor_response *r, enum candor_code code, const char *says)
{
	assert_int_equal(r->code, code);
	assert_int_equal(r->type, CANDOR_RES_NONE);
	if (!strstr(r->message, says)) {
		print_error("'%s' does not say '%s'\n", r->message, says);
		fail();
	}
}

/* ---- pools ---- */

static void a_pool_is_created_with_defaults_where_nothing_is_given(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_response *r =
		fake_call(f, &(struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = "p"});
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->type, CANDOR_RES_POOL);
	assert_string_equal(r->pool.name, "p");
	assert_int_equal(r->pool.settings.rate, CANDOR_ANYTIME);
	assert_same_bits(r->pool.settings.c, 1);
	assert_same_bits(r->pool.settings.beta, 0.01);
	assert_same_bits(r->pool.settings.share, 1e-9);
	assert_same_bits(r->pool.settings.entry, 1);
	assert_int_equal(r->pool.created_at, f->now_ms);
	assert_int_equal(r->pool.labelers, 0);
	assert_null(r->pool.best);
}

static void a_pool_of_a_name_that_is_taken_or_with_bad_settings_is_refused(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	struct candor_request again = {.type = CANDOR_REQ_CREATE_POOL, .pool = "p", .settings = {.c = 2}};
	assert_refused(fake_call(f, &again), CANDOR_ALREADY_EXISTS, "pool 'p' already exists");
	assert_same_bits(get_pool(f, "p")->pool.settings.c, 1);

	struct candor_request bad = {.type = CANDOR_REQ_CREATE_POOL, .pool = "q", .settings = {.beta = 0.6}};
	assert_refused(fake_call(f, &bad), CANDOR_INVALID_ARGUMENT, "beta");
	bad.settings = (struct candor_settings){.rate = CANDOR_FIXED};
	assert_refused(fake_call(f, &bad), CANDOR_INVALID_ARGUMENT, "eta");
	assert_refused(get_pool(f, "q"), CANDOR_NOT_FOUND, "pool 'q' does not exist");
}

static void an_update_changes_what_is_given_and_nothing_else(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", &(struct candor_settings){.c = 2, .share = 0.01});
	struct candor_request r = {.type = CANDOR_REQ_UPDATE_POOL, .pool = "p", .settings = {.entry = 0.5}};
	const struct candor_settings *s = &fake_call(f, &r)->pool.settings;
	assert_int_equal(s->rate, CANDOR_ANYTIME);
	assert_same_bits(s->c, 2);
	assert_same_bits(s->share, 0.01);
	assert_same_bits(s->entry, 0.5);

	r.settings = (struct candor_settings){.rate = CANDOR_FIXED, .eta = 0.25};
	s = &fake_call(f, &r)->pool.settings;
	assert_int_equal(s->rate, CANDOR_FIXED);
	assert_same_bits(s->eta, 0.25);
	assert_same_bits(s->share, 0.01);
	assert_same_bits(s->entry, 0.5);
	assert_same_bits(get_pool(f, "p")->pool.eta, 0.25);

	r.settings = (struct candor_settings){.share = 0.7};
	assert_refused(fake_call(f, &r), CANDOR_INVALID_ARGUMENT, "share");
	assert_same_bits(get_pool(f, "p")->pool.settings.share, 0.01);
	assert_int_equal(fake_number(f, "SELECT count(*) FROM settings"), 3);
}

static void pools_are_listed_by_creation_in_pages(void **state)
{
	struct fake_owner *f = *state;
	static const char *const names[] = {"zeta", "alpha", "mid", "beta", "omega"};
	char cursor[CANDOR_NAME_MAX + 1] = "";
	for (size_t i = 0; i < 5; i++)
		fake_pool(f, names[i], NULL);
	size_t seen = 0;
	do {
		struct candor_request r = {.type = CANDOR_REQ_LIST_POOLS, .cursor = cursor, .limit = 2};
		const struct candor_response *page = fake_call(f, &r);
		assert_int_equal(page->type, CANDOR_RES_POOLS);
		for (size_t i = 0; i < page->n; i++)
			assert_string_equal(page->pools[i].name, names[seen++]);
		snprintf(cursor, sizeof cursor, "%s", page->next);
	} while (cursor[0]);
	assert_int_equal(seen, 5);
}

static void every_command_on_an_unknown_pool_says_so(void **state)
{
	static const struct candor_report report = {"i", "l", 0.5};
	static const struct candor_outcome outcome = {"i", 0.5};
	static const char *const item = "i";
	const struct candor_request requests[] = {
		{.type = CANDOR_REQ_UPDATE_POOL},
		{.type = CANDOR_REQ_GET_POOL},
		{.type = CANDOR_REQ_POST_REPORTS, .n = 1, .reports = &report},
		{.type = CANDOR_REQ_CLOSE_ITEMS, .n = 1, .items = &item},
		{.type = CANDOR_REQ_RESOLVE_ITEMS, .n = 1, .outcomes = &outcome},
		{.type = CANDOR_REQ_VOID_ITEMS, .n = 1, .items = &item},
		{.type = CANDOR_REQ_QUERY_ITEMS, .n = 1, .items = &item},
		{.type = CANDOR_REQ_LIST_LABELERS},
		{.type = CANDOR_REQ_GET_LABELER, .labeler = "l"},
		{.type = CANDOR_REQ_LIST_ITEMS},
	};
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		struct candor_request r = requests[i];
		r.pool = "nowhere";
		assert_refused(fake_call(*state, &r), CANDOR_NOT_FOUND, "pool 'nowhere' does not exist");
	}
}

/* ---- reports ---- */

static void reports_are_counted_as_new_the_same_and_revised(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	const struct candor_report rows[] = {
		{"i", "a", 0.25}, {"i", "b", 1}, {"i", "a", 0.25}, {"i", "a", 0.75}, {"j", "a", 0}, {"i", "a", 0.75},
	};
	assert_counts(post(f, "p", rows, 6), 3, 2, 1, 0);
	const struct candor_item *item = fake_query(f, "p", "i");
	assert_int_equal(item->state, CANDOR_OPEN);
	assert_int_equal(item->n_reports, 2);
	/* In order of arrival, which a revision does not change. */
	assert_string_equal(item->reports[0].labeler, "a");
	assert_same_bits(item->reports[0].value, 0.75);
	assert_string_equal(item->reports[1].labeler, "b");
	assert_same_bits(item->mean, 0.875);

	const struct candor_pool *p = &get_pool(f, "p")->pool;
	assert_int_equal(p->labelers, 2);
	assert_int_equal(p->open_items, 2);
	assert_same_bits(p->total_weight, 2);
	assert_int_equal(fake_number(f, "SELECT count(*) FROM report_log"), 4);
	assert_same_bits(fake_number(f, "SELECT old FROM revisions"), 0.25);
}

static void bad_rows_are_listed_and_the_good_ones_applied(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	assert_int_equal(fake_post(f, "p", "shut", "a", 0.5), CANDOR_OK);
	assert_int_equal(fake_close(f, "p", "shut"), CANDOR_OK);
	const struct candor_report rows[] = {
		{"i", "a", 1.5}, {"i", "a", 1},      {"", "a", 1},       {"shut", "b", 1},
		{"i", "\n", 1},  {"shut", "a", 0.5}, {"shut", "a", 0.6}, {"i", "a", NAN},
	};
	const struct candor_response *r = post(f, "p", rows, 8);
	assert_counts(r, 1, 1, 0, 6);
	assert_rejected(&r->rejected[0], 0, CANDOR_INVALID_ARGUMENT, "value is out of range");
	assert_rejected(&r->rejected[1], 2, CANDOR_INVALID_ARGUMENT, "item");
	assert_rejected(&r->rejected[2], 3, CANDOR_FAILED_PRECONDITION, "item is closed");
	assert_rejected(&r->rejected[3], 4, CANDOR_INVALID_ARGUMENT, "labeler");
	assert_rejected(&r->rejected[4], 6, CANDOR_FAILED_PRECONDITION, "item is closed");
	assert_rejected(&r->rejected[5], 7, CANDOR_INVALID_ARGUMENT, "value is missing, or not a number");
	/* A report that is refused makes neither its labeler nor its item. */
	assert_int_equal(get_pool(f, "p")->pool.labelers, 1);
	assert_int_equal(get_pool(f, "p")->pool.open_items, 1);
}

static void a_batch_without_rows_is_a_batch(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	assert_counts(post(f, "p", NULL, 0), 0, 0, 0, 0);
	struct candor_request r = {.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p"};
	assert_int_equal(fake_call(f, &r)->n, 0);
	r.type = CANDOR_REQ_CLOSE_ITEMS;
	assert_counts(fake_call(f, &r), 0, 0, 0, 0);
	r.type = CANDOR_REQ_RESOLVE_ITEMS;
	assert_counts(fake_call(f, &r), 0, 0, 0, 0);
}

/* ---- the state machine ---- */

enum { UNKNOWN, OPEN, CLOSED, RESOLVED, VOID_OPEN, VOID_CLOSED, STARTS };

static void bring(struct fake_owner *f, const char *item, int start)
{
	if (start == UNKNOWN)
		return;
	assert_int_equal(fake_post(f, "p", item, "a", 0.25), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", item, "b", 0.5), CANDOR_OK);
	if (start == CLOSED || start == VOID_CLOSED)
		assert_int_equal(fake_close(f, "p", item), CANDOR_OK);
	if (start == RESOLVED)
		assert_int_equal(fake_resolve(f, "p", item, 1), CANDOR_OK);
	if (start == VOID_OPEN || start == VOID_CLOSED)
		assert_int_equal(fake_void(f, "p", item), CANDOR_OK);
}

enum { ACCEPTED = 1000, DUPLICATE, REVISED };

/* A one-row batch: what it was counted as, or the code with which its row was rejected. */
static int came_to(const struct candor_response *r)
{
	assert_int_equal(r->code, CANDOR_OK);
	if (r->n_rejected)
		return (int)r->rejected[0].code;
	return r->batch.accepted ? ACCEPTED : r->batch.duplicates ? DUPLICATE : REVISED;
}

static void each_command_in_each_state_does_what_the_state_machine_says(void **state)
{
	enum { FP = CANDOR_FAILED_PRECONDITION, NF = CANDOR_NOT_FOUND, COMMANDS = 8 };
	static const struct {
		int came_to[COMMANDS];
	} expected[STARTS] = {
		/* report: new, same, other; close; resolve 1, 0; void; query */
		[UNKNOWN] = {{ACCEPTED, ACCEPTED, ACCEPTED, NF, NF, NF, NF, NF}},
		[OPEN] = {{ACCEPTED, DUPLICATE, REVISED, ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED, CANDOR_OPEN}},
		[CLOSED] = {{FP, DUPLICATE, FP, DUPLICATE, ACCEPTED, ACCEPTED, ACCEPTED, CANDOR_CLOSED}},
		[RESOLVED] = {{FP, DUPLICATE, FP, DUPLICATE, DUPLICATE, FP, FP, CANDOR_RESOLVED}},
		[VOID_OPEN] = {{FP, DUPLICATE, FP, FP, FP, FP, DUPLICATE, CANDOR_VOID}},
		[VOID_CLOSED] = {{FP, DUPLICATE, FP, FP, FP, FP, DUPLICATE, CANDOR_VOID}},
	};
	static const char *const labelers[] = {"new", "a", "a"};
	static const double values[] = {0.5, 0.25, 0.75};
	struct fake_owner *f = *state;
	/* The second time nothing stays in memory, so that each command has to load its item. */
	for (uint32_t resident = 100; resident != 0; resident = resident > 1 ? 1 : 0) {
		char item[32], pool[] = "p";
		fake_stop(f);
		f->limits.resident_items = resident == 1 ? 0 : resident;
		fake_start(f);
		if (resident == 100)
			fake_pool(f, pool, NULL);
		for (int start = 0; start < STARTS; start++) {
			for (int command = 0; command < COMMANDS; command++) {
				const char *items[] = {item};
				const struct candor_report report = {item, labelers[command % 3], values[command % 3]};
				const struct candor_outcome outcome = {item, command == 4};
				struct candor_request r = {.pool = pool, .n = 1};
				snprintf(item, sizeof item, "i%u-%d-%d", resident, start, command);
				bring(f, item, start);
				r.type = command < 3    ? CANDOR_REQ_POST_REPORTS
					 : command == 3 ? CANDOR_REQ_CLOSE_ITEMS
					 : command < 6  ? CANDOR_REQ_RESOLVE_ITEMS
					 : command == 6 ? CANDOR_REQ_VOID_ITEMS
							: CANDOR_REQ_QUERY_ITEMS;
				if (command < 3)
					r.reports = &report;
				else if (command == 4 || command == 5)
					r.outcomes = &outcome;
				else
					r.items = items;
				const struct candor_response *got = fake_call(f, &r);
				int want = expected[start].came_to[command];
				if (command == 7 && got->n) {
					assert_int_equal(got->items[0].state, want);
				} else if (came_to(got) != want) {
					print_error("start %d, command %d: %d, not %d\n", start, command, came_to(got),
						    want);
					fail();
				}
			}
		}
	}
	assert_int_equal(fake_verify(f), 0);
}

static void a_conflicting_outcome_is_told_with_the_one_that_stands(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	bring(f, "i", RESOLVED);
	const struct candor_outcome rows[] = {{"i", 0.5}, {"i", 1}};
	const struct candor_response *r = fake_call(
		f, &(struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 2, .outcomes = rows});
	assert_counts(r, 0, 1, 0, 1);
	assert_rejected(&r->rejected[0], 0, CANDOR_FAILED_PRECONDITION, "resolved with outcome 1;");
	assert_rejected(&r->rejected[0], 0, CANDOR_FAILED_PRECONDITION, "0.5");
	assert_same_bits(fake_query(f, "p", "i")->outcome, 1);
}

static void a_query_gives_each_item_as_it_is_in_the_order_asked(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	f->now_ms = 1000;
	for (int start = OPEN; start < STARTS; start++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", start);
		bring(f, item, start);
		f->now_ms += 1000;
	}
	static const char *const names[] = {"i5", "none", "i3", "", "i1", "i2", "i3", "i4"};
	struct candor_request q = {.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 8, .items = names};
	for (int pass = 0; pass < 2; pass++) {
		const struct candor_response *r = fake_call(f, &q);
		static const int order[] = {5, 3, 1, 2, 3, 4};
		assert_int_equal(r->n, 6);
		for (size_t i = 0; i < 6; i++) {
			const struct candor_item *item = &r->items[i];
			int start = order[i];
			uint64_t at = 1000 * (uint64_t)start;
			assert_int_equal(item->item[1] - '0', start);
			assert_int_equal(item->state, start < VOID_OPEN ? start : CANDOR_VOID);
			assert_int_equal(item->n, 2);
			assert_same_bits(item->plain_median, start == VOID_OPEN ? 0 : 0.25);
			assert_same_bits(item->plain_mean, start == VOID_OPEN ? 0 : 0.375);
			assert_int_equal(item->opened_at, at);
			assert_int_equal(item->ess == 0, start == VOID_OPEN);
			assert_int_equal(item->closed_at, start == OPEN || start == VOID_OPEN ? 0 : at);
			assert_int_equal(item->ended_at, start >= RESOLVED ? at : 0);
			assert_int_equal(item->round, start == RESOLVED);
			assert_true((item->eta > 0) == (start == RESOLVED) &&
				    (item->weighted_loss > 0) == (start == RESOLVED));
			assert_int_equal(item->n_reports, q.with_reports ? 2 : 0);
			for (size_t k = 0; k < item->n_reports; k++) {
				assert_string_equal(item->reports[k].labeler, k ? "b" : "a");
				assert_same_bits(item->reports[k].value, k ? 0.5 : 0.25);
				assert_int_equal(item->reports[k].weight == 0, start == VOID_OPEN);
			}
		}
		assert_int_equal(r->n_rejected, 2);
		assert_rejected(&r->rejected[0], 1, CANDOR_NOT_FOUND, "item 'none' does not exist");
		assert_rejected(&r->rejected[1], 3, CANDOR_INVALID_ARGUMENT, "item");
		q.with_reports = true;
	}
}

static void a_query_gives_weights_of_now_while_open_and_of_closing_afterwards(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", &(struct candor_settings){.rate = CANDOR_FIXED, .eta = 0.5});
	bring(f, "open", OPEN);
	bring(f, "closed", CLOSED);
	bring(f, "resolved", RESOLVED);
	double a = 0;
	for (int i = 0; i < 2; i++) {
		const struct candor_item *item = fake_query(f, "p", "open");
		a = item->reports[0].weight;
		assert_true(a < 1 && item->reports[1].weight > 1);
		assert_near(item->mean, (a * 0.25 + item->reports[1].weight * 0.5) / 2, 1e-15);
		item = fake_query(f, "p", "closed");
		assert_same_bits(item->reports[0].weight, 1);
		assert_same_bits(item->mean, 0.375);
		item = fake_query(f, "p", "resolved");
		assert_same_bits(item->reports[0].weight, 1);
		assert_same_bits(item->eta, 0.5);
		assert_near(item->weighted_loss, (0.5625 + 0.25) / 2, 1e-15);
	}
	/* Another settlement moves only what is open. */
	bring(f, "another", RESOLVED);
	assert_true(fake_query(f, "p", "open")->reports[0].weight < a);
	assert_same_bits(fake_query(f, "p", "closed")->reports[0].weight, 1);
}

/* ---- what an answer depends on ---- */

static void a_write_depends_on_a_change_that_is_not_on_disk_before_its_commit(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	fake_query(f, "p", "i"); /* known to be unknown: no load stands in the way */
	uint64_t before = engine_committed_change(f->engine);
	const struct candor_report row = {"i", "a", 0.5};
	struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row};
	struct ask *first = fake_ask(f, &r);
	assert_int_equal(first->outcome, ENGINE_REPLIED);
	assert_true(first->change > before);
	assert_false(first->settled);
	assert_true(fake_tick(f));
	assert_int_equal(engine_committed_change(f->engine), before);

	/* What comes while that is with the store goes into the next batch; so does a read of what it changed. */
	const struct candor_report later = {"i", "b", 1};
	r.reports = &later;
	struct ask *second = fake_ask(f, &r);
	struct ask *read = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "p"});
	assert_int_equal(read->answer.pool.labelers, 2);
	assert_int_equal(read->change, second->change);
	assert_false(engine_is_idle(f->engine));
	fake_commit(f, 0);
	assert_true(first->settled && !second->settled && !read->settled);
	assert_true(engine_committed_change(f->engine) >= first->change);
	assert_true(engine_committed_change(f->engine) < second->change);
	assert_true(fake_tick(f));
	fake_commit(f, 0);
	assert_true(second->settled && read->settled && second->err == 0);
	assert_true(engine_is_idle(f->engine));
	ask_free(first);
	ask_free(second);
	ask_free(read);
}

static void a_read_waits_for_its_own_pool_alone(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "busy", NULL);
	fake_pool(f, "calm", NULL);
	struct ask *write = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_UPDATE_POOL, .pool = "busy"});
	static const enum candor_request_type reads[] = {CANDOR_REQ_GET_POOL, CANDOR_REQ_LIST_LABELERS,
							 CANDOR_REQ_QUERY_ITEMS};
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
		struct ask *calm = fake_ask(f, &(struct candor_request){.type = reads[i], .pool = "calm"});
		struct ask *busy = fake_ask(f, &(struct candor_request){.type = reads[i], .pool = "busy"});
		assert_true(calm->settled);
		assert_int_equal(busy->change, write->change);
		fake_settle(f);
		assert_true(busy->settled);
		ask_free(calm);
		ask_free(busy);
		ask_free(write);
		write = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_UPDATE_POOL, .pool = "busy"});
	}
	struct ask *all = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_LIST_POOLS});
	struct ask *info = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_INFO});
	assert_true(!all->settled && all->change == write->change);
	assert_true(info->settled);
	fake_settle(f);
	ask_free(all);
	ask_free(info);
	ask_free(write);
}

static void a_request_with_a_fault_is_refused_with_it(void **state)
{
	struct candor_request r = {.type = CANDOR_REQ_UNKNOWN};
	assert_refused(fake_call(*state, &r), CANDOR_INVALID_ARGUMENT, "request is of an unknown type");
	r = (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = ""};
	assert_refused(fake_call(*state, &r), CANDOR_INVALID_ARGUMENT, "pool");
	r = (struct candor_request){.type = CANDOR_REQ_LIST_POOLS, .limit = 1001};
	assert_refused(fake_call(*state, &r), CANDOR_INVALID_ARGUMENT, "limit");
	r = (struct candor_request){.type = CANDOR_REQ_HELLO, .protocol = 2};
	assert_refused(fake_call(*state, &r), CANDOR_INVALID_ARGUMENT, "protocol");
}

static void hello_and_info_say_what_the_daemon_is(void **state)
{
	struct fake_owner *f = *state;
	struct candor_request r = {.id = 7, .type = CANDOR_REQ_HELLO, .protocol = 1, .client = "test"};
	const struct candor_response *answer = fake_call(f, &r);
	assert_int_equal(answer->id, 7);
	assert_int_equal(answer->welcome.protocol, 1);
	assert_int_equal(answer->welcome.max_frame_bytes, f->limits.max_frame_bytes);
	assert_int_equal(answer->welcome.max_in_flight, f->limits.max_in_flight);
	assert_string_equal(answer->welcome.server, "candord/" CANDOR_VERSION);

	uint64_t started = f->now_ms;
	f->now_ms += 5000;
	engine_set_connections(f->engine, 3);
	fake_pool(f, "p", NULL);
	fake_pool(f, "q", NULL);
	bring(f, "i", OPEN);
	bring(f, "j", RESOLVED);
	assert_int_equal(fake_post(f, "q", "i", "a", 1), CANDOR_OK);
	assert_int_equal(fake_post(f, "q", "i", "a", 0), CANDOR_OK);
	const struct candor_info *info = &fake_call(f, &(struct candor_request){.type = CANDOR_REQ_INFO})->info;
	assert_int_equal(info->started_at, started);
	assert_int_equal(info->uptime_ms, 5000);
	/* Whatever happens to the clock. */
	static const int64_t set_ms[] = {-3600000, 3600000, -1700000000000};
	for (size_t i = 0; i < sizeof set_ms / sizeof *set_ms; i++) {
		f->clock_set_ms = set_ms[i];
		info = &fake_call(f, &(struct candor_request){.type = CANDOR_REQ_INFO})->info;
		assert_int_equal(info->uptime_ms, 5000);
		assert_int_equal(info->started_at, started);
	}
	f->clock_set_ms = 0;
	assert_int_equal(info->connections, 3);
	assert_int_equal(info->pools, 2);
	assert_int_equal(info->labelers, 3);
	assert_int_equal(info->open_items, 2);
	assert_int_equal(info->resident_items, 3);
	assert_int_equal(info->reports, 6);
	assert_int_equal(info->settlements, 1);
	assert_int_equal(info->committed, engine_committed_change(f->engine));
	assert_int_equal(info->database_bytes, 4096);
	assert_true(info->commits > 0);
	assert_int_equal(info->memory_limit, f->limits.memory_bytes);
	assert_int_equal(info->memory_bytes, engine_bytes(f->engine) + 1000);
	assert_int_equal(info->resident_bytes, 8192);
	assert_int_equal(info->loop_turns, 100);
	assert_int_equal(info->loop_p50_us, 1);
	assert_int_equal(info->loop_p99_us, 1);
	assert_int_equal(info->loop_max_us, 5);
	assert_int_equal(info->wal_bytes, 8192);
	assert_false(info->read_only);
	assert_string_equal(info->reason, "");
}

static void the_best_labeler_comes_with_its_regret_bound(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	assert_null(get_pool(f, "p")->pool.best);
	for (int i = 0; i < 20; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i);
		const struct candor_report rows[] = {
			{item, "liar", i % 2 == 0}, {item, "sage", i % 2}, {item, "noise", 0.5}};
		post(f, "p", rows, 3);
		assert_int_equal(fake_resolve(f, "p", item, i % 2), CANDOR_OK);
	}
	const struct candor_pool *p = &get_pool(f, "p")->pool;
	assert_non_null(p->best);
	assert_string_equal(p->best->labeler, "sage");
	assert_int_equal(p->best->scored, 20);
	assert_same_bits(p->best->own_loss, 0);
	assert_same_bits(p->best->regret, p->best->mean_loss - p->best->own_loss);
	assert_at_most(p->best->gain, p->best->bound);
	assert_true(p->mean_loss < p->plain_mean_loss);
	assert_int_equal(p->scored, 60);
	assert_same_bits(p->t_eff, 20);
	assert_same_bits(p->total_weight, 3);
}

/* ---- backpressure ---- */

static void pressure_is_high_until_a_full_batch_is_committed(void **state)
{
	struct fake_owner *f = *state;
	fake_stop(f);
	f->limits.batch_bytes = 64 * 1024;
	fake_start(f);
	fake_pool(f, "p", NULL);
	fake_query(f, "p", "i");
	assert_int_equal(engine_pressure(f->engine), PRESSURE_NONE);
	struct candor_report rows[1000];
	char labelers[1000][8];
	for (size_t i = 0; i < 1000; i++) {
		snprintf(labelers[i], sizeof labelers[i], "l%zu", i);
		rows[i] = (struct candor_report){"i", labelers[i], 0.5};
	}
	struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1000, .reports = rows};
	struct ask *a = fake_ask(f, &r);
	assert_int_equal(engine_pressure(f->engine), PRESSURE_HIGH);
	assert_true(fake_tick(f));
	fake_commit(f, 0);
	assert_int_equal(engine_pressure(f->engine), PRESSURE_NONE);
	ask_free(a);

	/* The same where the reports had to wait for a load. */
	for (size_t i = 0; i < 1000; i++)
		rows[i].item = "j";
	a = fake_ask(f, &r);
	assert_int_equal(a->outcome, ENGINE_BLOCKED);
	fake_read_done(f, 0);
	assert_true(a->replied);
	assert_int_equal(engine_pressure(f->engine), PRESSURE_HIGH);
	assert_true(fake_tick(f));
	fake_commit(f, 0);
	assert_int_equal(engine_pressure(f->engine), PRESSURE_NONE);
	ask_free(a);

	/* And where the commit fails. */
	for (size_t i = 0; i < 1000; i++)
		rows[i].value = 1;
	a = fake_ask(f, &r);
	assert_int_equal(engine_pressure(f->engine), PRESSURE_HIGH);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	assert_int_equal(engine_pressure(f->engine), PRESSURE_NONE);
	ask_free(a);
}

/* What no encoder of ours writes, but a peer may. */
static void a_negative_zero_is_a_zero(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	const struct candor_report row = {"i", "a", 0.5};
	struct ask *a = fake_prepare(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	struct candor_report negative = {"i", "a", -0.0};
	a->wire.request.reports = &negative;
	fake_submit(a);
	fake_settle(f);
	assert_int_equal(a->answer.batch.accepted, 1);
	ask_free(a);
	assert_int_equal(fake_resolve(f, "p", "i", 0), CANDOR_OK);
	assert_int_equal(fake_verify(f), 0);
}

static void numbers_to_the_last_bit_survive_a_restart(void **state)
{
	static const double values[] = {0, 1, 0.5, 0.1, 1e-300, 5e-324, 0.99999999999999989, 1.0 / 3};
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%zu", i);
		for (const char *labeler = "abc"; *labeler; labeler++)
			assert_int_equal(fake_post(f, "p", item, (char[]){*labeler, 0}, values[i]), CANDOR_OK);
		assert_int_equal(i % 2 ? fake_close(f, "p", item) : fake_resolve(f, "p", item, values[i]), CANDOR_OK);
	}
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%zu", i);
		struct candor_item before = *fake_query(f, "p", item);
		double value = before.reports[0].value;
		fake_restart(f);
		const struct candor_item *after = fake_query(f, "p", item);
		assert_same_bits(after->reports[0].value, value);
		assert_same_bits(after->mean, before.mean);
		assert_same_bits(after->median, before.median);
		assert_same_bits(after->plain_mean, before.plain_mean);
		assert_same_bits(after->plain_median, before.plain_median);
		assert_same_bits(after->spread, before.spread);
		assert_same_bits(after->ess, before.ess);
		assert_same_bits(after->outcome, before.outcome);
		assert_same_bits(after->weighted_loss, before.weighted_loss);
	}
	assert_int_equal(fake_verify(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pool_is_created_with_defaults_where_nothing_is_given),
		TEST(a_pool_of_a_name_that_is_taken_or_with_bad_settings_is_refused),
		TEST(an_update_changes_what_is_given_and_nothing_else),
		TEST(pools_are_listed_by_creation_in_pages),
		TEST(every_command_on_an_unknown_pool_says_so),
		TEST(reports_are_counted_as_new_the_same_and_revised),
		TEST(bad_rows_are_listed_and_the_good_ones_applied),
		TEST(a_batch_without_rows_is_a_batch),
		TEST(each_command_in_each_state_does_what_the_state_machine_says),
		TEST(a_conflicting_outcome_is_told_with_the_one_that_stands),
		TEST(a_query_gives_each_item_as_it_is_in_the_order_asked),
		TEST(a_query_gives_weights_of_now_while_open_and_of_closing_afterwards),
		TEST(a_write_depends_on_a_change_that_is_not_on_disk_before_its_commit),
		TEST(a_read_waits_for_its_own_pool_alone),
		TEST(a_request_with_a_fault_is_refused_with_it),
		TEST(hello_and_info_say_what_the_daemon_is),
		TEST(the_best_labeler_comes_with_its_regret_bound),
		TEST(pressure_is_high_until_a_full_batch_is_committed),
		TEST(a_negative_zero_is_a_zero),
		TEST(numbers_to_the_last_bit_survive_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
