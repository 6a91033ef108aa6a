/* A follower of what happens to items, while it and the daemon are killed again and again: it is told everything, in
 * order, and nothing is missed. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/random.h"
#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"
#include "tests/lib/files.h"
#include "tests/lib/proof.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

enum { CHANGES_MAX = 64 * 1024, TEXT_MAX = 64 };

struct entry {
	char item[TEXT_MAX], state[16], cursor[TEXT_MAX];
};

struct world {
	struct daemon d;
	struct candor *c; /* the writer's; NULL: the daemon is not there */
	struct random chance;
	struct entry acked[CHANGES_MAX]; /* what the daemon has said yes to, in order */
	size_t n_acked;
	unsigned items;
	struct entry told[CHANGES_MAX]; /* what the follower printed, in whole lines */
	size_t n_told;
	pid_t follower; /* 0: none runs */
	unsigned runs;
	size_t read_bytes; /* of what this run printed */
	uint64_t daemons_killed, followers_killed;
};

/* ---- the follower ---- */

static void output_path(const struct world *w, char path[DAEMON_PATH_MAX])
{
	char name[32];
	snprintf(name, sizeof name, "out-%u", w->runs);
	daemon_path(&w->d, name, path);
}

/* It goes on after the last line that is whole. */
static void follow(struct world *w)
{
	char out[DAEMON_PATH_MAX], err[DAEMON_PATH_MAX];
	const char *after = w->n_told ? w->told[w->n_told - 1].cursor : NULL;
	w->runs++;
	w->read_bytes = 0;
	output_path(w, out);
	daemon_path(&w->d, "err", err);
	const char *const argv[] = {"candor",   "--server", w->d.address,
				    "feed",     "p",        "--changes",
				    "--follow", "--json",   after ? "--after" : NULL,
				    after,      NULL};
	w->follower = daemon_begin(argv, NULL, out, err);
}

static bool take_text(const char *line, const char *key, char *out, size_t size)
{
	char want[TEXT_MAX];
	snprintf(want, sizeof want, "\"%s\":\"", key);
	const char *at = strstr(line, want), *end = at ? strchr(at + strlen(want), '"') : NULL;
	if (!end)
		return false;
	at += strlen(want);
	snprintf(out, size, "%.*s", (int)(end - at), at);
	return true;
}

static bool take_entry(const char *line, struct entry *e)
{
	return take_text(line, "item", e->item, sizeof e->item) &&
	       take_text(line, "state", e->state, sizeof e->state) &&
	       take_text(line, "cursor", e->cursor, sizeof e->cursor);
}

/* What it has printed since; without the beginning of a line. Its last line, when it is told to end, is no entry. */
static void read_output(struct world *w)
{
	char path[DAEMON_PATH_MAX], line[4096];
	output_path(w, path);
	FILE *f = fopen(path, "r");
	if (!f)
		return; /* it was killed before it had one */
	assert_int_equal(fseek(f, (long)w->read_bytes, SEEK_SET), 0);
	while (fgets(line, sizeof line, f) && strchr(line, '\n')) {
		w->read_bytes += strlen(line);
		assert_true(w->n_told < CHANGES_MAX);
		w->n_told += take_entry(line, &w->told[w->n_told]);
	}
	fclose(f);
}

static void kill_follower(struct world *w)
{
	assert_int_equal(kill(w->follower, SIGKILL), 0);
	daemon_wait_for(w->follower);
	w->follower = 0;
	w->followers_killed++;
	read_output(w);
}

/* One that found no daemon when it began has ended, and whoever runs it begins it again. */
static void revive_follower(struct world *w)
{
	enum { UNREACHABLE = 4 };
	int status;
	if (w->follower && waitpid(w->follower, &status, WNOHANG) == w->follower) {
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == UNREACHABLE);
		w->follower = 0;
		read_output(w);
	}
	if (!w->follower)
		follow(w);
}

/* ---- the writer ---- */

static bool say(struct world *w, const struct candor_request *r)
{
	const struct candor_response *answer;
	if (w->c && candor_call(w->c, r, &answer) == 0) {
		assert_int_equal(answer->code, CANDOR_OK);
		assert_int_equal(answer->n_rejected, 0);
		return true;
	}
	w->c = NULL;
	return false;
}

static void note(struct world *w, const char *item, const char *state)
{
	struct entry *e = &w->acked[w->n_acked++];
	require(w->n_acked <= CHANGES_MAX);
	snprintf(e->item, sizeof e->item, "%s", item);
	snprintf(e->state, sizeof e->state, "%s", state);
}

static bool do_to(struct world *w, enum candor_request_type type, const char *item)
{
	const struct candor_outcome outcome = {item, random_unit(&w->chance)};
	struct candor_request r = {.type = type, .pool = "p", .n = 1};
	if (type == CANDOR_REQ_RESOLVE_ITEMS)
		r.outcomes = &outcome;
	else
		r.items = &item;
	return say(w, &r);
}

/* A new item, and what becomes of it, as far as the daemon lives. */
static void play_item(struct world *w)
{
	char item[TEXT_MAX];
	snprintf(item, sizeof item, "item-%u", w->items++);
	const struct candor_report row = {item, "ann", 0.5};
	uint64_t what = random_below(&w->chance, 4);
	if (!say(w, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row}))
		return;
	if (what < 2) {
		if (!do_to(w, CANDOR_REQ_CLOSE_ITEMS, item))
			return;
		note(w, item, "closed");
	}
	enum candor_request_type end = what % 2 ? CANDOR_REQ_VOID_ITEMS : CANDOR_REQ_RESOLVE_ITEMS;
	if (!do_to(w, end, item))
		return;
	if (what == 2)
		note(w, item, "closed");
	note(w, item, what % 2 ? "void" : "resolved");
}

/* From beside, at any moment. */
static pid_t kill_later(struct world *w)
{
	useconds_t us = (useconds_t)random_below(&w->chance, 60000);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		usleep(us);
		kill(w->d.pid, SIGKILL);
		_exit(0);
	}
	return pid;
}

static void play_round(struct world *w)
{
	bool dies = random_chance(&w->chance, 0.6);
	pid_t killer = dies ? kill_later(w) : 0;
	for (uint64_t n = 5 + random_below(&w->chance, 30); (n > 0 || dies) && w->c; n -= n > 0) {
		play_item(w);
		if (random_chance(&w->chance, 0.02)) {
			kill_follower(w);
			follow(w);
		}
	}
	if (!dies)
		return;
	daemon_wait_for(killer);
	if (random_chance(&w->chance, 0.3))
		kill_follower(w);
	daemon_kill(&w->d);
	w->daemons_killed++;
	daemon_start(&w->d, NULL);
	w->c = daemon_connect(&w->d);
	revive_follower(w);
}

/* ---- what there is in the end ---- */

/* From the daemon itself. */
static size_t list_all(struct world *w, struct entry *all)
{
	size_t n = 0;
	char cursor[TEXT_MAX] = "";
	for (bool more = true; more;) {
		const struct candor_response *r = call_ok(
			w->c, (struct candor_request){
				      .type = CANDOR_REQ_LIST_CHANGES, .pool = "p", .cursor = cursor, .limit = 1000});
		static const char *const words[] = {"", "open", "closed", "resolved", "void"};
		for (size_t i = 0; i < r->n; i++, n++) {
			require(n < CHANGES_MAX);
			snprintf(all[n].item, sizeof all[n].item, "%s", r->items[i].item);
			snprintf(all[n].state, sizeof all[n].state, "%s", words[r->items[i].state]);
			snprintf(all[n].cursor, sizeof all[n].cursor, "%s", r->items[i].cursor);
		}
		more = r->more;
		snprintf(cursor, sizeof cursor, "%s", r->next);
	}
	return n;
}

static bool is_same(const struct entry *a, const struct entry *b)
{
	return strcmp(a->item, b->item) == 0 && strcmp(a->state, b->state) == 0;
}

static void await_the_end(struct world *w, const char *cursor)
{
	for (int left_ms = 30000; left_ms > 0; left_ms -= 20) {
		read_output(w);
		if (w->n_told > 0 && strcmp(w->told[w->n_told - 1].cursor, cursor) == 0)
			return;
		revive_follower(w);
		usleep(20000);
	}
	fail_msg("the follower does not come to the end: %zu told, the last %s, not %s", w->n_told,
		 w->n_told ? w->told[w->n_told - 1].cursor : "", cursor);
}

static void a_follower_misses_nothing_whoever_is_killed(void **state)
{
	struct world *w = *state;
	static struct entry all[CHANGES_MAX];
	uint64_t rounds = proof_size(4, 15, 100);
	seed_random(&w->chance, 17);
	daemon_start(&w->d, NULL);
	w->c = daemon_connect(&w->d);
	call_create_pool(w->c, "p");
	follow(w);
	for (uint64_t i = 0; i < rounds; i++)
		play_round(w);
	play_item(w);
	size_t n = list_all(w, all), at = 0;
	await_the_end(w, all[n - 1].cursor);
	/* What was acknowledged is there, in its order. */
	for (size_t i = 0; i < w->n_acked; i++, at++) {
		while (at < n && !is_same(&all[at], &w->acked[i]))
			at++;
		if (at == n)
			fail_msg("%s, %s: acknowledged and not in the list", w->acked[i].item, w->acked[i].state);
	}
	/* The follower was told all of it: a line again only where it began anew, none before those before it. */
	size_t next = 0;
	for (size_t i = 0; i < w->n_told; i++) {
		if (next > 0 && strcmp(w->told[i].cursor, all[next - 1].cursor) == 0)
			continue;
		assert_true(next < n);
		if (!is_same(&w->told[i], &all[next]) || strcmp(w->told[i].cursor, all[next].cursor) != 0)
			fail_msg("the follower was told %s (%s) in place of %s (%s)", w->told[i].item, w->told[i].state,
				 all[next].item, all[next].state);
		next++;
	}
	assert_int_equal(next, n);
	/* It ends when it is told to. */
	assert_int_equal(kill(w->follower, SIGTERM), 0);
	assert_int_equal(daemon_wait_for(w->follower), 0);
	w->follower = 0;
	proof_say("daemons killed beside a follower of changes", w->daemons_killed);
	proof_say("followers of changes killed and resumed", w->followers_killed);
	proof_say("changes told to followers in order, none missed", n);
}

static void a_follower_says_once_that_the_daemon_is_gone_and_goes_on(void **state)
{
	struct world *w = *state;
	char text[4096];
	char err[DAEMON_PATH_MAX];
	daemon_path(&w->d, "err", err);
	daemon_start(&w->d, NULL);
	w->c = daemon_connect(&w->d);
	call_create_pool(w->c, "p");
	follow(w);
	seed_random(&w->chance, 3);
	static struct entry all[CHANGES_MAX];
	play_item(w);
	size_t n = list_all(w, all);
	await_the_end(w, all[n - 1].cursor);
	daemon_kill(&w->d);
	usleep(700 * 1000);
	daemon_start(&w->d, NULL);
	w->c = daemon_connect(&w->d);
	for (int i = 0; i < 5; i++)
		play_item(w);
	n = list_all(w, all);
	await_the_end(w, all[n - 1].cursor);
	files_read_text(err, text, sizeof text);
	const char *said = strstr(text, "lost the connection to candord at");
	assert_non_null(said);
	assert_null(strstr(said + 1, "lost the connection"));
	assert_null(strchr(strchr(text, '\n') + 1, '\n'));
	assert_int_equal(kill(w->follower, SIGINT), 0);
	assert_int_equal(daemon_wait_for(w->follower), 0);
	w->follower = 0;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	require(w);
	daemon_init(&w->d);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	if (w->follower)
		kill_follower(w);
	int ended = daemon_end(&w->d);
	free(w);
	return ended;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_follower_misses_nothing_whoever_is_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_follower_says_once_that_the_daemon_is_gone_and_goes_on, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
