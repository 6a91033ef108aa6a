/* Who did what, newest first: everything that bears on results and rights, once each, on whatever pages, also while more
 * is done. */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "daemon/db/internal.h"
#include "lib/base/random.h"
#include "tests/lib/fake_owner.h"

enum { EVENTS_MAX = 8192, TEXT_MAX = 64 };

/* What was done, as it is to be told. */
struct done {
	uint64_t at;
	char by[TEXT_MAX], pool[TEXT_MAX], action[TEXT_MAX], subject[TEXT_MAX], detail[TEXT_MAX];
	bool any_detail;
};

struct world {
	struct fake_owner f;
	struct done *all;
	size_t n;
	struct random random;
	unsigned items;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct engine_limits limits = fake_roomy_limits();
	assert_non_null(w);
	w->all = calloc(EVENTS_MAX, sizeof *w->all);
	assert_non_null(w->all);
	random_init(&w->random, 5, 0);
	fake_init(&w->f, &limits);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	int verified = fake_end(&w->f);
	free(w->all);
	free(w);
	return verified;
}

static const struct candor_response *tell(struct world *w, struct candor_request r)
{
	w->f.now_ms += 1 + random_below(&w->random, 3);
	const struct candor_response *answer = fake_call(&w->f, &r);
	if (answer->code || answer->n_rejected)
		fail_msg("%s", answer->code ? answer->message : answer->rejected[0].message);
	return answer;
}

/* detail NULL: whatever it says. */
static void note(struct world *w, const char *action, const char *pool, const char *subject, const char *detail)
{
	assert_true(w->n < EVENTS_MAX);
	struct done *d = &w->all[w->n++];
	*d = (struct done){.at = w->f.now_ms, .any_detail = !detail};
	snprintf(d->by, TEXT_MAX, "uid:0 test");
	snprintf(d->pool, TEXT_MAX, "%s", pool);
	snprintf(d->action, TEXT_MAX, "%s", action);
	snprintf(d->subject, TEXT_MAX, "%s", subject);
	snprintf(d->detail, TEXT_MAX, "%s", detail ? detail : "");
}

/* ---- what is done ---- */

static void create(struct world *w, const char *pool)
{
	tell(w, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = pool});
	note(w, "settings", pool, pool, NULL);
}

static void update(struct world *w, const char *pool)
{
	tell(w, (struct candor_request){
			.type = CANDOR_REQ_UPDATE_POOL, .pool = pool, .settings = {.c = 1 + random_unit(&w->random)}});
	note(w, "settings", pool, pool, NULL);
}

static void post(struct world *w, const char *pool, char item[TEXT_MAX])
{
	snprintf(item, TEXT_MAX, "item %u", w->items++);
	const struct candor_report row = {item, "ann", 0.5};
	tell(w, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = 1, .reports = &row});
}

static void resolve(struct world *w, const char *pool)
{
	char item[TEXT_MAX];
	post(w, pool, item);
	const struct candor_outcome outcome = {item, 1};
	const struct candor_request r = {.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = pool, .n = 1, .outcomes = &outcome};
	tell(w, r);
	note(w, "outcome", pool, item, NULL);
	/* The same again is none. */
	assert_int_equal(tell(w, r)->batch.duplicates, 1);
}

static void recheck(struct world *w, const char *pool)
{
	char item[TEXT_MAX];
	resolve(w, pool);
	snprintf(item, sizeof item, "%s", w->all[w->n - 1].subject);
	const struct candor_outcome outcome = {item, 0.25};
	const struct candor_request r = {.type = CANDOR_REQ_RECHECK_ITEMS, .pool = pool, .n = 1, .outcomes = &outcome};
	w->f.now_ms++;
	assert_int_equal(tell(w, r)->batch.accepted, 1);
	note(w, "recheck", pool, item, "0.25");
	assert_int_equal(tell(w, r)->batch.duplicates, 1);
}

static void withdraw_item(struct world *w, const char *pool, bool closed)
{
	char item[TEXT_MAX];
	post(w, pool, item);
	const char *name = item;
	struct candor_request r = {.type = CANDOR_REQ_CLOSE_ITEMS, .pool = pool, .n = 1, .items = &name};
	if (closed) {
		tell(w, r);
		note(w, "close", pool, item, "");
		assert_int_equal(tell(w, r)->batch.duplicates, 1);
	}
	r.type = CANDOR_REQ_VOID_ITEMS;
	tell(w, r);
	note(w, "void", pool, item, "");
	assert_int_equal(tell(w, r)->batch.duplicates, 1);
}

static void change_grants(struct world *w, const char *pool)
{
	const struct candor_grant grant = {"uid:7", pool, "plat-", CANDOR_RIGHT_REPORT};
	struct candor_request r = {.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &grant};
	tell(w, r);
	note(w, "grant", pool, "uid:7", "report, for labelers whose names begin with 'plat-'");
	assert_int_equal(tell(w, r)->batch.duplicates, 1);
	r.type = CANDOR_REQ_REMOVE_GRANT;
	tell(w, r);
	note(w, "withdraw", pool, "uid:7", "report, for labelers whose names begin with 'plat-'");
	assert_int_equal(tell(w, r)->batch.duplicates, 1);
}

static void change_tokens(struct world *w, const char *pool)
{
	char name[TEXT_MAX - 8], principal[TEXT_MAX];
	const struct candor_grant grant = {.pool = pool, .rights = CANDOR_RIGHT_READ | CANDOR_RIGHT_OUTCOME};
	snprintf(name, sizeof name, "token-%u", w->items++);
	snprintf(principal, sizeof principal, "token:%s", name);
	struct candor_request r = {.type = CANDOR_REQ_CREATE_TOKEN, .name = name, .n = 1, .grants = &grant};
	tell(w, r);
	note(w, "token", "", principal, "");
	note(w, "grant", pool, principal, "outcome,read");
	r.type = CANDOR_REQ_REVOKE_TOKEN;
	tell(w, r);
	note(w, "withdraw", pool, principal, "outcome,read");
	note(w, "revoke", "", principal, "");
	assert_int_equal(tell(w, r)->batch.duplicates, 1);
}

static void do_something(struct world *w)
{
	const char *pool = random_chance(&w->random, 0.7) ? "p" : "q";
	switch (random_below(&w->random, 11)) {
	case 0: update(w, pool); break;
	case 1: change_grants(w, pool); break;
	case 2: change_tokens(w, pool); break;
	case 4: recheck(w, pool); break;
	case 3: withdraw_item(w, pool, random_chance(&w->random, 0.5)); break;
	default: resolve(w, pool); break;
	}
}

/* ---- what is told ---- */

static void expect_event(const struct candor_event *e, const struct done *d)
{
	assert_true(e->at == d->at);
	assert_string_equal(e->by, d->by);
	assert_string_equal(e->pool, d->pool);
	assert_string_equal(e->action, d->action);
	assert_string_equal(e->subject, d->subject);
	if (!d->any_detail)
		assert_string_equal(e->detail, d->detail);
	assert_int_equal(strlen(e->detail) > 0, d->any_detail || strlen(d->detail) > 0);
}

/* pool NULL: of all. busy: more is done between the pages, and is none of these. */
static void expect_all(struct world *w, const char *pool, uint32_t limit, bool busy)
{
	char cursor[128] = "";
	uint64_t below = UINT64_MAX;
	size_t left = w->n;
	for (;;) {
		const struct candor_response *r = fake_call(
			&w->f, &(struct candor_request){
				       .type = CANDOR_REQ_LIST_EVENTS, .pool = pool, .cursor = cursor, .limit = limit});
		assert_int_equal(r->code, CANDOR_OK);
		assert_true(r->n <= limit);
		for (size_t i = 0; i < r->n; i++) {
			do
				assert_true(left-- > 0);
			while (pool && strcmp(w->all[left].pool, pool) != 0);
			expect_event(&r->events[i], &w->all[left]);
			assert_true(r->events[i].change < below);
			below = r->events[i].change;
		}
		snprintf(cursor, sizeof cursor, "%s", r->next);
		if (!*cursor)
			break;
		assert_int_equal(r->n, limit);
		if (busy)
			do_something(w);
	}
	while (left > 0 && pool && strcmp(w->all[left - 1].pool, pool) != 0)
		left--;
	assert_int_equal(left, 0);
}

static void each_is_told_once_on_pages_of_any_size(void **state)
{
	struct world *w = *state;
	create(w, "p");
	create(w, "q");
	for (int i = 0; i < 2000; i++)
		do_something(w);
	assert_true(w->n > 2000);
	static const uint32_t limits[] = {1000, 1, 7, 100};
	static const char *const pools[] = {NULL, "p", "q"};
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < 4; i++)
			if (limits[i] > 1 || !SANITIZED)
				expect_all(w, pools[k], limits[i], false);
	for (size_t k = 0; k < 3; k++)
		expect_all(w, pools[k], 50, true);
	/* And after a restart. */
	fake_restart(&w->f);
	expect_all(w, NULL, 1000, false);
}

/* Outcomes that are archived are told of no more, but the archive is, in its place. */
static void an_archive_is_told_where_it_was_made(void **state)
{
	struct world *w = *state;
	struct archive_row made;
	char path[128];
	create(w, "p");
	for (int i = 0; i < 5; i++)
		resolve(w, "p");
	uint64_t then = w->f.now_ms + 1;
	w->f.now_ms += 10;
	update(w, "p");
	resolve(w, "p");
	snprintf(path, sizeof path, "%s/a.gz", w->f.dir);
	assert_int_equal(fake_archive(&w->f, "p", then, path, &made), 0);
	assert_int_equal(made.last, 5);
	const struct candor_request prune = fake_prune_request("p", &made, "a.gz");
	tell(w, prune);
	note(w, "archive", "p", "a.gz", "rounds 1 to 5");
	withdraw_item(w, "p", false);
	fake_settle(&w->f);
	assert_near(fake_number(&w->f, "SELECT count(*) FROM settlements"), 1, 0);
	memmove(&w->all[1], &w->all[6], (w->n - 6) * sizeof *w->all);
	w->n -= 5;
	expect_all(w, NULL, 100, false);
	expect_all(w, "p", 1, false);
	expect_all(w, "p", 2, false);
	assert_int_equal(unlink(path), 0);
}

static void cursors_that_nobody_was_given_are_refused(void **state)
{
	struct world *w = *state;
	create(w, "p");
	for (int i = 0; i < 3; i++)
		resolve(w, "p");
	static const char *const wrong[] = {"e",     "e1",   "e1-",   "e1-2-3", "i1-2",
					    "e-1-2", "eg-1", "e 1-2", "e0x1-2", "E1-2",
					    "e1-2 ", "x",    "1-2",   "e1--2",  "e10000000000000000-1"};
	struct candor_request r = {.type = CANDOR_REQ_LIST_EVENTS};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		r.cursor = wrong[i];
		assert_int_equal(fake_call(&w->f, &r)->code, CANDOR_INVALID_ARGUMENT);
	}
	/* Any two numbers are a place, and nothing is told but what there is. */
	static const char *const odd[] = {"e0-0", "effffffffffffffff-ffffffffffffffff", "e3-0", "e0-3"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		r.cursor = odd[i];
		for (int k = 0; k < 2; k++) {
			r.pool = k ? "p" : NULL;
			const struct candor_response *answer = fake_call(&w->f, &r);
			assert_int_equal(answer->code, CANDOR_OK);
			assert_true(answer->n <= w->n);
		}
	}
	r = (struct candor_request){.type = CANDOR_REQ_LIST_EVENTS, .pool = "nowhere"};
	assert_int_equal(fake_call(&w->f, &r)->code, CANDOR_NOT_FOUND);
	r = (struct candor_request){.type = CANDOR_REQ_LIST_EVENTS, .limit = 1001};
	assert_int_equal(fake_call(&w->f, &r)->code, CANDOR_INVALID_ARGUMENT);
}

/* A cursor is only text: one that names a late round and an early change must not cost the walk between the two. */
static void a_cursor_that_was_made_up_costs_no_walk(void **state)
{
	enum { ROUNDS = 600, PAGE = 3, STEPS_MAX = 1000 };
	struct world *w = *state;
	create(w, "p");
	for (int i = 0; i < ROUNDS; i++)
		resolve(w, "p");
	fake_settle(&w->f);
	sqlite3_stmt *s;
	for (uint64_t before = 1; before < engine_committed_change(w->f.engine) + 2; before += 37) {
		struct event_row honest[PAGE], made_up[PAGE];
		struct arena a;
		arena_init(&a, 1 << 20);
		uint64_t all = UINT64_MAX, round = ROUNDS + 5;
		int n = db_events(w->f.reader, &a, NULL, before, &all, PAGE, honest);
		assert_int_equal(db_statement(w->f.reader, SQL_EVENTS_OF_POOL, &s), 0);
		sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
		assert_int_equal(db_events(w->f.reader, &a, "p", before, &round, PAGE, made_up), n);
		int steps = sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
		if (steps > STEPS_MAX)
			fail_msg("%d steps before change %u", steps, (unsigned)before);
		for (int i = 0; i < n; i++)
			assert_int_equal(made_up[i].change, honest[i].change);
		arena_free(&a);
	}
}

/* ---- in which words ---- */

static const struct candor_response *change(struct fake_owner *f, enum candor_request_type type, unsigned rights)
{
	const struct candor_grant grant = {.principal = "uid:7", .pool = "p", .rights = rights};
	const struct candor_request request = {.type = type, .n = 1, .grants = &grant};
	const struct candor_response *r = fake_call(f, &request);
	assert_int_equal(r->code, CANDOR_OK);
	return r;
}

static void assert_newest_event(struct fake_owner *f, const char *action, const char *subject, const char *detail)
{
	const struct candor_request request = {.type = CANDOR_REQ_LIST_EVENTS, .limit = 1};
	const struct candor_response *r = fake_call(f, &request);
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->n, 1);
	assert_string_equal(r->events[0].action, action);
	assert_string_equal(r->events[0].subject, subject);
	assert_string_equal(r->events[0].detail, detail);
}

static void events_of_grants_say_what_has_changed(void **state)
{
	struct fake_owner *f = &((struct world *)*state)->f;
	fake_pool(f, "p", NULL);
	change(f, CANDOR_REQ_ADD_GRANT, CANDOR_RIGHT_REPORT | CANDOR_RIGHT_READ);
	assert_newest_event(f, "grant", "uid:7", "report,read");
	/* What stood already is not granted again. */
	change(f, CANDOR_REQ_ADD_GRANT, CANDOR_RIGHT_READ | CANDOR_RIGHT_INSPECT);
	assert_newest_event(f, "grant", "uid:7", "inspect");
	change(f, CANDOR_REQ_REMOVE_GRANT, CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_REPORT);
	assert_newest_event(f, "withdraw", "uid:7", "report");
	/* All of it: what there was. */
	change(f, CANDOR_REQ_REMOVE_GRANT, CANDOR_RIGHTS_ALL);
	assert_newest_event(f, "withdraw", "uid:7", "read,inspect");
	assert_int_equal(change(f, CANDOR_REQ_REMOVE_GRANT, CANDOR_RIGHTS_ALL)->batch.duplicates, 1);
	assert_newest_event(f, "withdraw", "uid:7", "read,inspect");
}

static void make_token(struct fake_owner *f, const char *name, uint64_t expires_at)
{
	const struct candor_request request = {.type = CANDOR_REQ_CREATE_TOKEN, .name = name, .expires_at = expires_at};
	assert_int_equal(fake_call(f, &request)->code, CANDOR_OK);
}

static void events_of_tokens_say_when_they_end(void **state)
{
	struct fake_owner *f = &((struct world *)*state)->f;
	make_token(f, "a", 0);
	assert_newest_event(f, "token", "token:a", "");
	make_token(f, "b", UINT64_C(1798675200000));
	assert_newest_event(f, "token", "token:b", "expires 2026-12-31T00:00:00Z");
	make_token(f, "c", CANDOR_TIME_MAX);
	assert_newest_event(f, "token", "token:c", "expires 9999-12-31T23:59:59Z");
}

int main(void)
{
#define EVENTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		EVENTS(each_is_told_once_on_pages_of_any_size),    EVENTS(an_archive_is_told_where_it_was_made),
		EVENTS(cursors_that_nobody_was_given_are_refused), EVENTS(events_of_grants_say_what_has_changed),
		EVENTS(events_of_tokens_say_when_they_end),        EVENTS(a_cursor_that_was_made_up_costs_no_walk),
	};
	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
