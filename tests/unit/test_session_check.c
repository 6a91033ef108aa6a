/* What session_check() and its kin find: of a session with requests and answers at every stage each list, count and account
 * is broken in turn. */
#include "tests/lib/unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/net/session_internal.h"
#include "daemon/net/turns.h"
#include "tests/lib/peer.h"

static struct session_budget budget = {.limit_bytes = (size_t)1 << 30};

static void send(struct peer_world *w, struct candor_request r)
{
	r.pool = "p";
	peer_send(&w->p, &r);
}

/* Two answers wait for the disk, a read blocks a third request, and three more are queued behind that. */
static struct session *fill(struct peer_world *w)
{
	static const struct candor_report row = {"new", "a", 1};
	peer_end(&w->p);
	w->limits.budget = &budget;
	peer_init(&w->p, &w->f, &w->limits);
	send(w, (struct candor_request){.id = 1, .type = CANDOR_REQ_UPDATE_POOL});
	send(w, (struct candor_request){.id = 2, .type = CANDOR_REQ_GET_POOL});
	send(w, (struct candor_request){.id = 3, .type = CANDOR_REQ_POST_REPORTS, .n = 1, .reports = &row});
	for (uint64_t id = 4; id <= 6; id++)
		send(w, (struct candor_request){.id = id, .type = CANDOR_REQ_GET_POOL});
	struct session *s = w->p.session;
	assert_int_equal(s->n_replies, 2);
	assert_int_equal(s->n_submitted, 1);
	assert_int_equal(s->n_queued, 3);
	assert_null(session_check(s));
	assert_null(session_budget_check(&budget));
	return s;
}

/* The answers come, and everything ends in order. */
static void finish(struct peer_world *w)
{
	struct candor_response r;
	fake_settle(&w->f);
	for (int i = 0; i < 6; i++)
		assert_int_equal(peer_receive(&w->p, &r), 1);
	peer_end(&w->p);
	assert_int_equal(budget.used_bytes, 0);
	session_budget_free(&budget);
}

#define ASSERT_FOUND(place, wrong, check)                                                                              \
	do {                                                                                                           \
		__typeof__(place) right = place;                                                                       \
		place = wrong;                                                                                         \
		if (!(check))                                                                                          \
			fail_msg("%s = %s is not found", #place, #wrong);                                              \
		place = right;                                                                                         \
		assert_null(check);                                                                                    \
	} while (0)

static void lists_and_counts_of_a_session_must_agree(void **state)
{
	struct peer_world *w = *state;
	struct session *s = fill(w);
	ASSERT_FOUND(s->n_queued, right + 1, session_check(s));
	ASSERT_FOUND(s->n_submitted, right - 1, session_check(s));
	ASSERT_FOUND(s->n_replies, right + 1, session_check(s));
	ASSERT_FOUND(s->queue_end, &s->queue, session_check(s));
	ASSERT_FOUND(s->queue->next, NULL, session_check(s));
	ASSERT_FOUND(s->submitted, NULL, session_check(s));
	ASSERT_FOUND(s->blocked, s->queue, session_check(s));
	ASSERT_FOUND(s->replies->next->before, NULL, session_check(s));
	ASSERT_FOUND(s->replies->session, NULL, session_check(s));
	ASSERT_FOUND(s->state, SESSION_GONE, session_check(s));
	ASSERT_FOUND(s->owner, NULL, session_check(s));
	finish(w);
}

static void bytes_and_accounts_of_a_session_must_agree(void **state)
{
	struct peer_world *w = *state;
	struct session *s = fill(w);
	ASSERT_FOUND(s->slot_bytes, right + 1, session_check(s));
	ASSERT_FOUND(s->reply_bytes, right - 1, session_check(s));
	ASSERT_FOUND(s->rows_waiting, right + 1, session_check(s));
	ASSERT_FOUND(s->counted, right + 1, session_budget_check(&budget));
	ASSERT_FOUND(budget.used_bytes, right + 1, session_budget_check(&budget));
	ASSERT_FOUND(budget.sessions, right + 1, session_budget_check(&budget));
	ASSERT_FOUND(budget.first, NULL, session_budget_check(&budget));
	finish(w);
}

static void a_turn_stands_in_the_queue_that_it_names(void **state)
{
	struct peer_world *w = *state;
	struct turns turns = {0};
	struct turn one = {.session = w->p.session}, two = {.session = w->p.session};
	turns_wait(&turns, &one);
	turns_wait(&turns, &two);
	assert_null(turns_check(&turns));
	ASSERT_FOUND(turns.ready.n, 1, turns_check(&turns));
	ASSERT_FOUND(turns.ready.last, &one, turns_check(&turns));
	ASSERT_FOUND(two.queue, &turns.waiting, turns_check(&turns));
	ASSERT_FOUND(two.before, NULL, turns_check(&turns));
	ASSERT_FOUND(one.session, NULL, turns_check(&turns));
	turns_leave(&one);
	turns_leave(&one);
	turns_leave(&two);
	assert_null(turns_check(&turns));
	assert_true(turns.ready.n == 0 && !turns.ready.first && !turns.ready.last);
}

#ifdef CANDOR_CHECKS
/* Where the build checks, the next event ends the program. */
static void a_build_that_checks_ends_where_an_invariant_breaks(void **state)
{
	struct peer_world *w = *state;
	struct session *s = fill(w);
	pid_t child = fork();
	if (child == 0) {
		const struct rlimit none = {0};
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		fclose(stderr);
		s->rows_waiting++;
		(void)!session_push(s, "", 0, SESSION_TURN);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	finish(w);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_and_counts_of_a_session_must_agree),
		TEST(bytes_and_accounts_of_a_session_must_agree),
		TEST(a_turn_stands_in_the_queue_that_it_names),
#ifdef CANDOR_CHECKS
		TEST(a_build_that_checks_ends_where_an_invariant_breaks),
#endif
	};
	return cmocka_run_group_tests_name("session_check", tests, NULL, NULL);
}
