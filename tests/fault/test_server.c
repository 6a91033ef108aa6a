/* Each operation fails in turn in a whole daemon, with its threads and its socket, while it starts, is asked and stops:
 * what it acknowledged is there afterwards, and where it ends by itself it says once why. */
#include "tests/lib/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/candor_async.h"
#include "daemon/config.h"
#include "daemon/net/server.h"
#include "tests/lib/daemon.h"
#include "tests/lib/fault.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/fault_play.h"
#include "tests/lib/fault_vfs.h"
#include "tests/lib/proof.h"

enum { PATIENCE_MS = 10000, STEP_MS = 5 };

static uint64_t injected, rounds, ended;

struct server {
	struct daemon daemon;
	struct fault fault;
	char log[96];
	struct candor *client; /* NULL: none */
	int status; /* of the daemon, when it has ended: daemon.pid is 0 then */
	const char *doing;
};

#define demand(s, condition, ...)                                                         \
	do {                                                                              \
		if (!(condition)) {                                                       \
			print_error("%s; %s: ", fault_describe(&(s)->fault), (s)->doing); \
			print_error(__VA_ARGS__);                                         \
			print_error("\n");                                                \
			show_log(s);                                                      \
			fail();                                                           \
		}                                                                         \
	} while (0)

static void show_log(const struct server *s)
{
	char line[512];
	FILE *f = fopen(s->log, "re");
	while (f && fgets(line, sizeof line, f))
		print_error("  | %s", line);
	if (f)
		fclose(f);
}

/* ---- the daemon ---- */

static void on_log(enum log_level level, const char *line)
{
	fprintf(stderr, "%s%s\n", level == LOG_ERROR ? "error: " : "", line);
}

static _Noreturn void be_daemon(const struct server *s)
{
	struct config config;
	enum config_command command;
	char own_dir[CONFIG_PATH_MAX], error[1024];
	const char *const args[] = {"candord", "--listen", s->daemon.address, "--db", s->daemon.db, "--resident-items",
				    "2",       NULL};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen(s->log, "a", stderr))
		_exit(98);
	setvbuf(stderr, NULL, _IOLBF, 0);
	log_set_sink(on_log);
	if (config_load(&config, 7, (char **)(uintptr_t)args, &command, own_dir, error, sizeof error))
		_exit(97);
	fault_resume();
	int err = server_run(&config);
	fault_pause();
	exit(err ? 1 : 0);
}

static void start(struct server *s)
{
	fflush(stdout);
	fflush(stderr);
	s->daemon.pid = fork();
	require(s->daemon.pid >= 0);
	if (s->daemon.pid == 0)
		be_daemon(s);
}

static bool has_ended(struct server *s)
{
	int status;
	if (s->daemon.pid && waitpid(s->daemon.pid, &status, WNOHANG) == s->daemon.pid) {
		s->daemon.pid = 0;
		s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return !s->daemon.pid;
}

static void wait_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000 * 1000}, NULL);
}

static void drop_client(struct server *s)
{
	candor_close(s->client);
	s->client = NULL;
}

/* False: the daemon has ended. */
static bool connect_to(struct server *s)
{
	const struct candor_options options = {.connect_timeout_ms = 3000, .request_timeout_ms = PATIENCE_MS};
	for (int waited = 0; !s->client; waited += STEP_MS) {
		demand(s, waited < PATIENCE_MS, "it does not answer");
		if (has_ended(s))
			return false;
		if (candor_open(&s->client, s->daemon.address, &options) == 0)
			continue;
		/* Where there is no memory at all nobody can be let in; with memory again somebody must be. */
		if (waited >= PATIENCE_MS / 4)
			fault_arm(NULL);
		wait_a_little();
	}
	return true;
}

static bool is_refused(const struct candor_response *r)
{
	return r->code != CANDOR_OK || (r->n_rejected > 0 && r->rejected[0].code != CANDOR_NOT_FOUND);
}

/* Asks until it is acknowledged. False: the daemon has ended. */
static bool ask(struct server *s, const struct candor_request *request)
{
	const struct candor_response *r;
	char words[256] = "";
	for (int waited = 0;; waited += STEP_MS) {
		demand(s, waited < PATIENCE_MS, "it is refused for ever: %s", words);
		if (!connect_to(s))
			return false;
		int err = candor_call(s->client, request, &r);
		if (err == 0 && (!is_refused(r) || (waited > 0 && r->code == CANDOR_ALREADY_EXISTS)))
			return true;
		snprintf(words, sizeof words, "%s", err ? candor_strerror(err) : r->message);
		/* Once is enough. */
		fault_arm(NULL);
		/* It may be the daemon's last word on this connection. */
		drop_client(s);
		wait_a_little();
	}
}

static void stop(struct server *s)
{
	s->doing = "stopping";
	if (s->daemon.pid)
		kill(s->daemon.pid, SIGTERM);
	for (int waited = 0; !has_ended(s); waited += STEP_MS) {
		demand(s, waited < PATIENCE_MS, "it does not stop");
		wait_a_little();
	}
}

/* ---- what it leaves ---- */

/* Exactly one sentence says why it ended, or none where it ended well. */
static void check_words(struct server *s)
{
	static const char *const verdicts[] = {"error: cannot use database ", "error: stopping: ",
					       "error: cannot start: ", "error: cannot listen on "};
	char line[1100];
	int found = 0;
	bool invariant = false;
	FILE *f = fopen(s->log, "re");
	require(f);
	while (fgets(line, sizeof line, f)) {
		invariant = invariant || strstr(line, "broken invariant");
		for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
			found += strncmp(line, verdicts[i], strlen(verdicts[i])) == 0;
	}
	fclose(f);
	demand(s, !invariant, "an invariant is broken");
	/* Where it cannot have memory for its own tables libuv aborts the program: no word of ours can be said. */
	if (s->status == 128 + SIGABRT && s->fault.kind == FAULT_UV_MEMORY)
		return;
	demand(s, s->status == 0 || s->status == 1, "it ends with status %d", s->status);
	demand(s, found == s->status, "it ends with status %d and says %d times why", s->status, found);
}

/* Times are the clock's. */
static char *without_times(char *state)
{
	static const char *const words[] = {" created ", " opened ", " revoked "};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		for (char *at = strstr(state, words[i]); at; at = strstr(at, words[i]))
			for (at += strlen(words[i]); *at >= '0' && *at <= '9'; at++)
				*at = '0';
	return state;
}

/* How many changes a state says that there were. */
static uint64_t changes_of(const char *state)
{
	return strtoull(state + strcspn(state, "0123456789"), NULL, 10);
}

/* Behind the number that stands first in a text. */
static const char *behind_number(const char *text)
{
	const char *number = text + strcspn(text, "0123456789");
	return number + strspn(number, "0123456789");
}

/* Whether states are the same but for the numbers of changes. */
static bool alike(const char *a, const char *b)
{
	static const char word[] = " changed ";
	const char *next;
	for (a = behind_number(a), b = behind_number(b); (next = strstr(a, word));) {
		size_t len = (size_t)(next - a) + sizeof word - 1;
		if (strncmp(a, b, len) != 0)
			return false;
		a = behind_number(a + len);
		b = behind_number(b + len);
	}
	return strcmp(a, b) == 0;
}

/* Settings that are set again, since their answer was lost or memory was rebuilt meanwhile, are one more change. */
static bool is_state(const char *state, const char *want)
{
	return strcmp(state, want) == 0 || (changes_of(state) == changes_of(want) + 1 && alike(state, want));
}

/* The first `n` requests were acknowledged, the next perhaps carried out; all of them asked again end in the same. */
static void check_left(struct server *s, const struct play *p, size_t n)
{
	struct fake_owner f;
	struct fake_owner left = {.limits = p->image.limits, .now_ms = p->image.now_ms};
	s->doing = "afterwards";
	snprintf(left.path, sizeof left.path, "%.90s", s->daemon.db);
	fake_place_copy(&f, &left);
	int err = fake_try_start(&f);
	demand(s, err == 0, "the database does not open: %s", candor_strerror(err));
	char *state = without_times(fake_state(&f));
	bool carried_out = n < p->n && is_state(state, p->states[n + 1]);
	bool next = n < p->n && (carried_out || p->steps[n].halves);
	demand(s, is_state(state, p->states[n]) || next, "%zu requests were acknowledged, and the state is:\n%s", n,
	       state);
	free(state);
	for (size_t i = n; i < p->n; i++)
		fake_call(&f, &p->steps[i].requests[0]);
	state = without_times(fake_state(&f));
	bool same = is_state(state, p->states[p->n]);
	demand(s, same, "asked the rest it has another state:\n%s", state);
	free(state);
	demand(s, fake_verify(&f) == 0, "it does not verify");
	fake_deinit(&f);
}

static uint64_t play(const struct play *p, struct fault fault)
{
	struct server s = {.fault = fault, .doing = "starting"};
	size_t n = 0;
	daemon_init(&s.daemon);
	snprintf(s.log, sizeof s.log, "%s/log", s.daemon.dir);
	fake_copy_to(&p->image, s.daemon.db);
	fault_arm(&fault);
	start(&s);
	while (n < p->n) {
		s.doing = p->steps[n].what;
		if (!ask(&s, &p->steps[n].requests[0]))
			break;
		n++;
	}
	drop_client(&s);
	stop(&s);
	fault_arm(NULL);
	check_words(&s);
	check_left(&s, p, n);
	daemon_deinit(&s.daemon);
	rounds++;
	ended += s.status != 0;
	return fault_injected();
}

/* ---- all of them ---- */

static void every(enum fault_kind kind, enum fault_how how, bool lasting)
{
	static uint64_t calls;
	bool plenty = kind == FAULT_SQLITE_MEMORY;
	/* A round starts and ends a daemon: bounded, a few of each are played. */
	uint64_t most = proof_size(1, 2, UINT64_MAX);
	uint64_t step = plenty ? proof_size(1001, 701, 101) : proof_size(17, 13, 5);
	struct fault fault = {kind, how, 1 + calls++ * 7 % step, lasting};
	struct play p;
	play_init(&p, false);
	for (size_t i = 0; i <= p.n; i++)
		without_times(p.states[i]);
	for (uint64_t struck = 1; struck > 0 && most > 0; fault.nth += step, most--)
		injected += struck = play(&p, fault);
	assert_true(fault_count(kind) > 0);
	play_deinit(&p);
}

#define KIND(name, kind)                           \
	static void name(void **state)             \
	{                                          \
		(void)state;                       \
		every(kind, FAULT_BROKEN, false);  \
		every(kind, FAULT_BROKEN, true);   \
		if (kind >= FAULT_FILE_KINDS)      \
			return;                    \
		every(kind, FAULT_NO_ROOM, false); \
		every(kind, FAULT_NO_ROOM, true);  \
	}

KIND(a_read_that_fails, FAULT_READ)
KIND(a_write_that_fails, FAULT_WRITE)
KIND(a_sync_that_fails, FAULT_SYNC)
KIND(a_file_that_cannot_be_opened, FAULT_OPEN)
KIND(shared_memory_that_cannot_be_had, FAULT_SHM_MAP)
KIND(a_lock_on_shared_memory_that_cannot_be_had, FAULT_SHM_LOCK)
KIND(sqlite_runs_out_of_memory, FAULT_SQLITE_MEMORY)
KIND(libuv_runs_out_of_memory, FAULT_UV_MEMORY)
KIND(all_else_runs_out_of_memory, FAULT_MEMORY)

static int set_up(void **state)
{
	(void)state;
	fault_vfs_install();
	fault_share();
	fault_pause(); /* nothing fails here; the daemon resumes */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fault_resume();
	fault_vfs_remove();
	proof_say("faults injected in whole daemons", injected);
	proof_say("daemons with faults", rounds);
	proof_say("daemons that ended by themselves with one sentence", ended);
	return 0;
}

int main(void)
{
	fault_heap_install();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_that_fails),
		cmocka_unit_test(a_write_that_fails),
		cmocka_unit_test(a_sync_that_fails),
		cmocka_unit_test(a_file_that_cannot_be_opened),
		cmocka_unit_test(shared_memory_that_cannot_be_had),
		cmocka_unit_test(a_lock_on_shared_memory_that_cannot_be_had),
		cmocka_unit_test(sqlite_runs_out_of_memory),
		cmocka_unit_test(libuv_runs_out_of_memory),
		cmocka_unit_test(all_else_runs_out_of_memory),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
