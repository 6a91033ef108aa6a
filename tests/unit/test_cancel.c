/* What is read in slices, and what becomes of reads that nobody waits for any more: of a connection that is gone, of a
 * daemon that is stopping, of a prune. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/engine/state.h"
#include "tests/lib/talk.h"
#include "tests/lib/unit.h"

enum { ROUNDS = 300 };

static void settle_rounds(struct fake_owner *f)
{
	char item[16];
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(item, sizeof item, "i%03d", i);
		assert_int_equal(fake_post(f, "p", item, "ann", 0.25), CANDOR_OK);
		assert_int_equal(fake_post(f, "p", item, "bob", 0.75), CANDOR_OK);
		assert_int_equal(fake_resolve(f, "p", item, i % 2), CANDOR_OK);
	}
}

/* With nothing in memory but what is open. */
static void forget_settled_items(struct peer_world *w)
{
	w->f.limits.resident_items = 0;
	peer_restart(w);
}

static struct candor_request get_labeler(uint64_t id)
{
	return (struct candor_request){.id = id,
				       .type = CANDOR_REQ_GET_LABELER,
				       .pool = "p",
				       .labeler = "ann",
				       .history = true,
				       .limit = ROUNDS};
}

/* Works on the only read until it is done: how many slices it had. */
static unsigned count_slices(struct fake_owner *f)
{
	assert_int_equal(f->n_reads, 1);
	struct read_job *job = f->reads[0].job;
	unsigned slices = 0;
	do {
		job->unfinished = false;
		job->work(job, f->reader);
		assert_int_equal(job->err, 0);
		slices++;
	} while (job->unfinished);
	f->reads[0].worked = true;
	fake_read_done(f, 0);
	return slices;
}

/* ---- slices ---- */

static void a_long_trajectory_is_read_in_slices(void **state)
{
	struct peer_world *w = *state;
	struct candor_response r;
	settle_rounds(&w->f);
	talk(w, get_labeler(1));
	assert_in_range(count_slices(&w->f), 4, ROUNDS);
	assert_int_equal(peer_receive(&w->p, &r), 1);
	assert_int_equal(r.n, ROUNDS);
	for (size_t i = 0; i < r.n; i++)
		assert_int_equal(r.history[i].round, ROUNDS - i);
	/* A short one takes one. */
	struct candor_request few = get_labeler(2);
	few.limit = 10;
	talk(w, few);
	assert_int_equal(count_slices(&w->f), 1);
	assert_answer(w, 2, CANDOR_OK);
}

/* More is settled between two of them. */
static void a_slice_sees_what_happened_since_the_one_before(void **state)
{
	struct peer_world *w = *state;
	settle_rounds(&w->f);
	talk(w, get_labeler(1));
	struct read_job *job = w->f.reads[0].job;
	job->work(job, w->f.reader);
	assert_true(job->unfinished);
	assert_int_equal(fake_post(&w->f, "p", "late", "ann", 1), CANDOR_OK);
	assert_int_equal(fake_resolve(&w->f, "p", "late", 1), CANDOR_OK);
	assert_int_equal(w->f.n_reads, 0);
	struct candor_response r;
	assert_int_equal(peer_receive(&w->p, &r), 1);
	assert_int_equal(r.n, ROUNDS);
}

static void many_items_are_loaded_in_slices(void **state)
{
	struct peer_world *w = *state;
	char names[ROUNDS][16];
	const char *items[ROUNDS];
	struct candor_response r;
	settle_rounds(&w->f);
	forget_settled_items(w);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(names[i], sizeof names[i], "i%03d", i);
		items[i] = names[i];
	}
	talk(w, (struct candor_request){
			.id = 1, .type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = ROUNDS, .items = items});
	assert_in_range(count_slices(&w->f), 4, ROUNDS);
	assert_int_equal(peer_receive(&w->p, &r), 1);
	assert_int_equal(r.n, ROUNDS);
	for (size_t i = 0; i < r.n; i++)
		assert_int_equal(r.items[i].state, CANDOR_RESOLVED);
}

/* ---- who is gone ---- */

static void reads_of_a_connection_that_is_gone_are_given_up(void **state)
{
	struct peer_world *w = *state;
	static const char *const one = "i001", *const other = "i002";
	settle_rounds(&w->f);
	forget_settled_items(w);
	for (int refused = 0; refused < 2; refused++) {
		talk(w, get_labeler(1));
		talk(w, (struct candor_request){.id = 2, .type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .limit = 10});
		talk(w, (struct candor_request){.id = 3, .type = CANDOR_REQ_LIST_EVENTS, .limit = 10});
		talk(w, (struct candor_request){
				.id = 4, .type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .items = &one});
		/* This one is read ahead. */
		talk(w, (struct candor_request){
				.id = 5, .type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .items = &other});
		assert_int_equal(w->f.n_reads, 5);
		if (refused)
			session_refuse(w->p.session, CANDOR_RESOURCE_EXHAUSTED, "refused");
		else
			peer_end(&w->p);
		assert_int_equal(w->f.n_reads, 0);
		fake_settle(&w->f);
		peer_end(&w->p);
		peer_init(&w->p, &w->f, &w->limits);
	}
}

/* A read that a thread works on cannot be taken away from it; it is told to end. */
static void a_read_that_is_under_way_is_told_to_end(void **state)
{
	struct peer_world *w = *state;
	settle_rounds(&w->f);
	talk(w, get_labeler(1));
	fake_read_work(&w->f, 0);
	peer_end(&w->p);
	assert_int_equal(w->f.n_reads, 1);
	assert_true(atomic_load(&w->f.reads[0].job->cancelled));
	fake_settle(&w->f);
	peer_init(&w->p, &w->f, &w->limits);
}

/* Whoever sends reports and hangs up may count on those that were taken. */
static void what_changes_something_is_carried_out(void **state)
{
	struct peer_world *w = *state;
	static const struct candor_report row = {"new", "ann", 1};
	talk(w,
	     (struct candor_request){.id = 1, .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	assert_int_equal(w->f.n_reads, 1);
	peer_end(&w->p);
	assert_int_equal(w->f.n_reads, 1);
	fake_settle(&w->f);
	assert_int_equal(fake_query(&w->f, "p", "new")->n, 1);
	peer_init(&w->p, &w->f, &w->limits);
}

/* ---- the end of the daemon ---- */

static void a_stop_waits_for_no_reads(void **state)
{
	struct peer_world *w = *state;
	static const char *const item = "i001";
	static const struct candor_report row = {"new", "ann", 1};
	settle_rounds(&w->f);
	forget_settled_items(w);
	talk(w, get_labeler(1));
	/* This one waits for a commit first. */
	talk(w, (struct candor_request){.id = 2, .type = CANDOR_REQ_UPDATE_POOL, .pool = "p", .settings = {.c = 2}});
	talk(w, (struct candor_request){.id = 3, .type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .limit = 10});
	talk(w, (struct candor_request){.id = 4, .type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .items = &item});
	/* And these for the one before. */
	talk(w,
	     (struct candor_request){.id = 5, .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	talk(w, get_labeler(6));
	engine_quiesce(w->f.engine);
	session_stop(w->p.session);
	/* The first and the fourth. */
	struct candor_response r;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(peer_receive(&w->p, &r), 1);
		assert_true(r.id == 1 || r.id == 4);
		assert_int_equal(r.code, CANDOR_UNAVAILABLE);
	}
	/* Reports are still taken, and what they need is read. */
	assert_int_equal(w->f.n_reads, 1);
	fake_settle(&w->f);
	unsigned ok = 0, unavailable = 0;
	while (peer_receive(&w->p, &r) == 1)
		*(r.code == CANDOR_OK ? &ok : &unavailable) += 1;
	assert_int_equal(ok, 2);
	assert_int_equal(unavailable, 2);
	assert_true(engine_is_idle(w->f.engine));
}

/* ---- a prune ---- */

static void a_prune_ends_with_its_connection(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	struct archive_row made;
	char path[112];
	settle_rounds(f);
	snprintf(path, sizeof path, "%s/a.gz", f->dir);
	assert_int_equal(fake_archive(f, "p", UINT64_MAX, path, &made), 0);
	const struct candor_request prune = fake_prune_request("p", &made, "a.gz");
	for (int under_way = 0; under_way < 2; under_way++) {
		struct ask *a = fake_ask(f, &prune);
		assert_int_equal(f->n_reads, 1);
		struct read_job *job = f->reads[0].job;
		if (under_way) {
			/* As a thread would see it that has begun. */
			atomic_store(&job->cancelled, true);
			fake_read_work(f, 0);
			assert_int_equal(job->err, -ECANCELED);
			fake_read_done(f, 0);
		} else {
			engine_cancel(f->engine, &a->call);
			assert_int_equal(f->n_reads, 0);
		}
		assert_true(a->replied);
		assert_int_equal(a->answer.code, CANDOR_UNAVAILABLE);
		assert_int_equal(f->engine->pools[0]->archive.last, 0);
		ask_free(a);
	}
	assert_int_equal(unlink(path), 0);
	/* Another one may begin. */
	assert_int_equal(fake_call(f, &prune)->code, CANDOR_OK);
	assert_int_equal(f->engine->pools[0]->archive.last, ROUNDS);
}

/* ---- a statement ---- */

static int stops(void *arg)
{
	(void)arg;
	return 1;
}

static void a_statement_that_takes_long_is_stopped(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	struct arena a;
	static struct event_row rows[ROUNDS];
	uint64_t round = UINT64_MAX;
	settle_rounds(f);
	fake_settle(f);
	arena_init(&a, 1 << 24);
	assert_int_equal(db_begin(f->reader), 0);
	db_watch(f->reader, stops, NULL);
	assert_int_equal(db_events(f->reader, &a, NULL, UINT64_MAX, &round, ROUNDS, rows), -ECANCELED);
	/* The connection is as good as before. */
	db_end(f->reader);
	assert_int_equal(db_begin(f->reader), 0);
	assert_int_equal(db_events(f->reader, &a, NULL, UINT64_MAX, &round, ROUNDS, rows), ROUNDS);
	db_end(f->reader);
	arena_free(&a);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, peer_set_up, peer_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_long_trajectory_is_read_in_slices),
		TEST(a_slice_sees_what_happened_since_the_one_before),
		TEST(many_items_are_loaded_in_slices),
		TEST(reads_of_a_connection_that_is_gone_are_given_up),
		TEST(a_read_that_is_under_way_is_told_to_end),
		TEST(what_changes_something_is_carried_out),
		TEST(a_stop_waits_for_no_reads),
		TEST(a_prune_ends_with_its_connection),
		TEST(a_statement_that_takes_long_is_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
