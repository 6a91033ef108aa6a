/* What the engine counts of its own work, through sessions and without them: each event once, where it belongs. */
#include "tests/lib/unit.h"

#include <errno.h>

#include "daemon/engine/figures.h"
#include "tests/lib/talk.h"

static const struct figures *figures(const struct peer_world *w)
{
	return engine_figures(w->f.engine);
}

static uint64_t answers(const struct peer_world *w)
{
	uint64_t n = 0;
	for (int type = 0; type < CANDOR_REQ_TYPES; type++)
		for (int code = 0; code < FIGURES_CODES; code++)
			n += figures(w)->requests[type][code];
	return n;
}

static const struct candor_info *info(struct peer_world *w)
{
	return &fake_call(&w->f, &(struct candor_request){.type = CANDOR_REQ_INFO})->info;
}

/* The item "i", so that a report on it need not wait for the disk. */
static void open_item(struct peer_world *w)
{
	assert_int_equal(fake_post(&w->f, "p", "i", "first", 0.5), CANDOR_OK);
}

static void an_answer_counts_by_kind_and_code_when_it_is_handed_over(void **state)
{
	struct peer_world *w = *state;
	struct candor_report row = {"i", "a", 0.5};
	const char *unknown = "nothing";
	w->f.now_ms = 1000;
	talk(w, post_request(1, &row));
	assert_int_equal(answers(w), 0); /* it waits for the disk */
	w->f.now_ms += 40;
	fake_settle(&w->f);
	assert_answer(w, 1, CANDOR_OK);
	assert_int_equal(figures(w)->requests[CANDOR_REQ_POST_REPORTS][CANDOR_OK], 1);
	const struct buckets *b = &figures(w)->durations[CANDOR_REQ_POST_REPORTS];
	assert_int_equal(b->n, 1);
	assert_int_equal(b->sum, 40000000);
	for (size_t i = 0; i < BUCKETS; i++)
		assert_int_equal(b->each[i], buckets_of_time[i] == 50000000);

	struct candor_request r = {.id = 2, .type = CANDOR_REQ_GET_POOL, .pool = "none"};
	talk(w, r);
	assert_answer(w, 2, CANDOR_NOT_FOUND);
	assert_int_equal(figures(w)->requests[CANDOR_REQ_GET_POOL][CANDOR_NOT_FOUND], 1);
	assert_int_equal(figures(w)->durations[CANDOR_REQ_GET_POOL].sum, 0);
	talk(w, items_request(3, CANDOR_REQ_QUERY_ITEMS, &unknown));
	fake_settle(&w->f);
	assert_answer(w, 3, CANDOR_OK);
	assert_int_equal(answers(w), 3);
}

static void what_cannot_be_read_counts_as_unknown(void **state)
{
	static const uint8_t junk[] = {2, 0xff, 0xff};
	struct peer_world *w = *state;
	peer_push(&w->p, junk, sizeof junk);
	assert_answer(w, 0, CANDOR_INVALID_ARGUMENT);
	assert_int_equal(figures(w)->requests[CANDOR_REQ_UNKNOWN][CANDOR_INVALID_ARGUMENT], 1);
	assert_int_equal(answers(w), 1);
}

static void an_answer_that_would_be_too_long_counts_as_what_was_said_instead(void **state)
{
	struct peer_world *w = *state;
	w->limits.max_frame_bytes = 60;
	peer_again(w);
	talk(w, get_pool_request(1));
	fake_settle(&w->f);
	assert_answer(w, 1, CANDOR_RESOURCE_EXHAUSTED);
	assert_int_equal(figures(w)->requests[CANDOR_REQ_GET_POOL][CANDOR_RESOURCE_EXHAUSTED], 1);
	assert_int_equal(answers(w), 1);
}

static void answers_that_nobody_waits_for_count(void **state)
{
	struct peer_world *w = *state;
	struct candor_report row = {"i", "a", 0.5};
	talk(w, post_request(1, &row));
	peer_end(&w->p);
	fake_settle(&w->f);
	assert_int_equal(figures(w)->requests[CANDOR_REQ_POST_REPORTS][CANDOR_OK], 1);
}

static void a_request_counts_once_whatever_becomes_of_its_commit(void **state)
{
	static const struct {
		int err;
		enum candor_code code;
	} ends[] = {{ERR_DISK_FULL, CANDOR_UNAVAILABLE},
		    {ERR_BUSY, CANDOR_UNAVAILABLE},
		    {-ENOMEM, CANDOR_RESOURCE_EXHAUSTED}};
	struct peer_world *w = *state;
	open_item(w);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		uint64_t id = 10 * i + 1, posts = figures(w)->durations[CANDOR_REQ_POST_REPORTS].n;
		uint64_t reads = figures(w)->durations[CANDOR_REQ_GET_POOL].n, failed = figures(w)->commits_failed;
		struct candor_report row = {"i", "a", 0.1 + 0.1 * (double)i};
		talk(w, post_request(id, &row));
		talk(w, get_pool_request(id + 1)); /* it depends on the same commit, and is asked again by itself */
		assert_true(fake_tick(&w->f));
		fake_commit(&w->f, ends[i].err);
		fake_settle(&w->f);
		struct candor_response r;
		while (peer_receive(&w->p, &r))
			if (r.id == id)
				assert_int_equal(r.code, ends[i].code);
		assert_int_equal(figures(w)->durations[CANDOR_REQ_POST_REPORTS].n, posts + 1);
		assert_true(figures(w)->requests[CANDOR_REQ_POST_REPORTS][ends[i].code] > 0);
		assert_int_equal(figures(w)->durations[CANDOR_REQ_GET_POOL].n, reads + 1);
		assert_int_equal(figures(w)->commits_failed, failed + 1);
		engine_probe(w->f.engine);
		fake_settle(&w->f);
	}
}

static void reports_count_by_what_became_of_them(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	assert_int_equal(fake_post(f, "p", "i", "a", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "i", "b", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "i", "a", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "i", "b", 0.6), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "i", "b", 1.5), CANDOR_INVALID_ARGUMENT);
	assert_int_equal(fake_close(f, "p", "i"), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "i", "b", 0.7), CANDOR_FAILED_PRECONDITION);
	assert_int_equal(fake_close(f, "p", "none"), CANDOR_NOT_FOUND); /* not a report */
	assert_int_equal(figures(w)->reports[REPORT_ACCEPTED], 2);
	assert_int_equal(figures(w)->reports[REPORT_DUPLICATE], 1);
	assert_int_equal(figures(w)->reports[REPORT_REVISED], 1);
	assert_int_equal(figures(w)->reports[REPORT_REJECTED], 2);
}

static void commits_count_with_their_changes_and_how_long_they_took(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	open_item(w);
	uint64_t n = figures(w)->commit_durations.n, sum = figures(w)->commit_durations.sum;
	struct ask *a = fake_ask_post(f, "p", "i", "a", 0.5);
	assert_true(fake_tick(f));
	uint64_t rows = f->batch->n, changes = 0;
	for (const struct change *c = f->batch->first; c; c = c->next)
		changes++;
	assert_int_equal(rows, changes);
	assert_true(rows >= 3); /* a labeler, a report, and what each commit has */
	f->now_ms += 7;
	fake_commit(f, 0);
	ask_free(a);
	assert_int_equal(figures(w)->commit_durations.n, n + 1);
	assert_int_equal(figures(w)->commit_durations.sum, sum + 7000000);
	assert_int_equal(figures(w)->commit_rows.n, n + 1);

	f->now_ms += 120000;
	assert_int_equal(info(w)->recent_commits, 0);
	assert_int_equal(info(w)->commit_p99_us, 0);
	for (int i = 1; i <= 100; i++) {
		a = fake_ask_post(f, "p", "i", "a", (double)i / 100);
		assert_true(fake_tick(f));
		f->now_ms += i == 100 ? 100 : 1;
		fake_commit(f, 0);
		ask_free(a);
	}
	assert_int_equal(info(w)->recent_commits, 100);
	assert_true(info(w)->commit_p50_us >= 1000 && info(w)->commit_p50_us <= 1125);
	assert_true(info(w)->commit_p99_us >= 1000 && info(w)->commit_p99_us <= 1125);
	f->now_ms += 61000;
	assert_int_equal(info(w)->recent_commits, 0);
}

static void refusals_and_failed_authentication_count_by_reason(void **state)
{
	struct peer_world *w = *state;
	w->f.limits.quota = (struct quota_limits){.rates = {[QUOTA_REQUESTS] = 1}};
	peer_restart(w);
	struct fake_owner *f = &w->f;
	struct identity ann = {.name = "uid:1001", .is_known = true, .is_local = true};
	struct identity guest = {.name = "tcp:192.0.2.1"};
	const struct candor_request r = {.type = CANDOR_REQ_INFO};
	for (int i = 0; i < 20 && figures(w)->refused[REFUSED_RATE_LIMIT] == 0; i++)
		fake_call_as(f, &ann, &r);
	assert_int_equal(fake_call_as(f, &ann, &r)->code, CANDOR_RESOURCE_EXHAUSTED);
	assert_true(figures(w)->refused[REFUSED_RATE_LIMIT] >= 2);

	const struct candor_request hello = {.type = CANDOR_REQ_HELLO, .protocol = 1, .token = "candor_none"};
	fake_call_as(f, &guest, &hello);
	assert_int_equal(figures(w)->auth_failures, 1);

	assert_int_equal(figures(w)->refused[REFUSED_READ_ONLY], 0);
	open_item(w);
	struct ask *lost = fake_ask_post(f, "p", "i", "a", 1);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	ask_free(lost);
	lost = fake_ask_post(f, "p", "i", "a", 1);
	assert_int_equal(lost->answer.code, CANDOR_UNAVAILABLE);
	ask_free(lost);
	assert_int_equal(figures(w)->refused[REFUSED_READ_ONLY], 1);
	engine_probe(f->engine);
	fake_settle(f);
}

#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(an_answer_counts_by_kind_and_code_when_it_is_handed_over),
		WITH_PEER(what_cannot_be_read_counts_as_unknown),
		WITH_PEER(an_answer_that_would_be_too_long_counts_as_what_was_said_instead),
		WITH_PEER(answers_that_nobody_waits_for_count),
		WITH_PEER(a_request_counts_once_whatever_becomes_of_its_commit),
		WITH_PEER(reports_count_by_what_became_of_them),
		WITH_PEER(commits_count_with_their_changes_and_how_long_they_took),
		WITH_PEER(refusals_and_failed_authentication_count_by_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
