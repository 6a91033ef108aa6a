/* Ten thousand connections, nearly all of them hostile, and too few descriptors: memory stays within its bound, whoever
 * is refused is told so, whoever behaves is served, and nothing spins. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/crowd.h"
#include "tests/lib/proof.h"
#include "tests/lib/raw.h"
#include "tests/lib/unit.h"

/* What is in no account: the program and its libraries, stacks, the heap's gaps. */
enum { MEMORY_LIMIT_MIB = 128, BASE_MIB = SANITIZED ? 64 : 32 };
#define MIB (1024.0 * 1024)

/* Seconds of processor time that a process has used. */
static double processor_time(pid_t pid)
{
	char path[64], text[1024];
	unsigned long user, system;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = 0;
	const char *after_name = strrchr(text, ')');
	assert_non_null(after_name);
	assert_int_equal(sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
			 2);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* One round of a client that behaves: revises a report, asks for its item, ends an item now and then. */
static void behave(struct candor *c, unsigned round)
{
	const char *item = "good item";
	double value = (double)(round % 1000) / 1000;
	call_report(c, "good", item, "good labeler", value);
	const struct candor_response *r = call_on_item(c, CANDOR_REQ_QUERY_ITEMS, "good", item);
	assert_int_equal(r->items[0].n, 1);
	assert_same_bits(r->items[0].mean, value);
	call_get_pool(c, "good");
}

struct seen {
	uint64_t connections;
	double resident, most_resident, most_account, worst_above, worst_below; /* MiB */
};

/* What the system counts, and the daemon's own account. */
static void look(struct candor *c, const struct daemon *d, double base, struct seen *s)
{
	const struct candor_info *i = call_info(c);
	double account = (double)i->memory_bytes / MIB, resident = daemon_resident_kib(d->pid) / 1024;
	assert_int_equal(i->memory_limit, MEMORY_LIMIT_MIB * MIB);
	s->resident = resident;
	if (i->connections > s->connections)
		s->connections = i->connections;
	s->most_resident = fmax(s->most_resident, resident);
	s->most_account = fmax(s->most_account, account);
	s->worst_above = fmax(s->worst_above, resident - base - account);
	s->worst_below = fmax(s->worst_below, account - (resident - base));
}

static void many_descriptors(unsigned want)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < want)
		skip_because("the system gives too few file descriptors");
}

static void ten_thousand_hostile_connections_stay_within_memory_and_harm_nobody(void **state)
{
	struct daemon *d = *state;
	const unsigned many = (unsigned)proof_size(1000, 10000, 10000);
	const struct crowd_shape shape = {
		.deaf = many * 3 / 10,
		.drips = many * 3 / 10,
		.halves = many * 4 / 10 - 205,
		.half_bytes = 1500,
		.heavies = 200,
		.heavy_bytes = 256 * 1024,
		.pipelines = 1,
		.quiet_pool = "quiet",
		.pipelined = proof_size(30000, 1000000, 1000000),
		.floods = 4,
	};
	many_descriptors(many + 600);
	const char *const options[] = {"--memory-limit", "128M", "--frame-timeout", "0", NULL};
	daemon_start(d, options);
	struct candor *good = daemon_connect(d);
	struct seen seen = {0};
	call_create_pool(good, "good");
	call_create_pool(good, "flooded");
	call_create_pool(good, "quiet");
	behave(good, 0);
	const struct candor_info *i = call_info(good);
	double base = daemon_resident_kib(d->pid) / 1024 - (double)i->memory_bytes / MIB;
	assert_at_most(base, BASE_MIB);

	double began = clock_s();
	struct crowd *crowd = crowd_start(d->address, "flooded", &shape);
	print_message("# connected in %.1f s\n", clock_s() - began);
	struct crowd_count count;
	unsigned rounds = 0;
	double seconds = (double)proof_size(5, 12, 60), until = clock_s() + seconds, patience = clock_s() + 300;
	while (clock_s() < until || (!crowd_pipelines_done(crowd) && clock_s() < patience)) {
		behave(good, ++rounds);
		look(good, d, base, &seen);
		if (!SANITIZED)
			assert_at_most(seen.resident, MEMORY_LIMIT_MIB + BASE_MIB);
		nap_ms(2);
	}
	bool pipelined = crowd_pipelines_done(crowd);
	crowd_stop(crowd, &count);
	behave(good, ++rounds);
	print_message(
		"# resident at most %.1f MiB, by its own account %.1f; off by +%.1f, -%.1f beside a base of %.1f\n",
		seen.most_resident, seen.most_account, seen.worst_above, seen.worst_below, base);
	print_message("# %u rounds served; %llu refused, %llu silent, %llu held; %llu answers, %llu rows refused\n",
		      rounds, (unsigned long long)count.refused, (unsigned long long)count.silent,
		      (unsigned long long)count.held, (unsigned long long)count.answers,
		      (unsigned long long)count.rows_refused);
	assert_true(pipelined);
	assert_int_equal(count.pipelined_answers, shape.pipelined);
	assert_int_equal(count.silent, 0);
	assert_true(count.held > many * 7 / 10);
	assert_int_equal(count.held + count.refused, many);
	if (!SANITIZED) {
		assert_true(count.refused > 0);
		/* The account is right to a fifth of the limit, as the heap never gives back all at once. */
		assert_at_most(seen.worst_above, MEMORY_LIMIT_MIB / 5.0);
		assert_at_most(seen.worst_below, MEMORY_LIMIT_MIB / 5.0);
	}
	proof_say("hostile connections at a time", seen.connections - 1);
	proof_say("refused with RESOURCE_EXHAUSTED", count.refused);
	proof_say("rounds of a well-behaved client served meanwhile", rounds);
}

/* ---- descriptors ---- */

enum { FEW = 120, KNOCKING = 150, AT_LEAST = 10, PATIENCE_MS = 30000, SILENCE_MS = 1000 };

/* candord with few descriptors, which it cannot raise. */
static void start_with_few(struct daemon *d)
{
	char program[512];
	daemon_program("candord", program, sizeof program);
	fflush(NULL);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0) {
		const struct rlimit few = {FEW, FEW};
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setrlimit(RLIMIT_NOFILE, &few) == 0)
			execl(program, program, "--listen", d->address, "--db", d->db, "--log-level", "error",
			      (char *)NULL);
		_exit(97);
	}
	daemon_await(d);
}

static bool answered(const struct raw *r, int ms)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	return poll(&p, 1, ms) == 1;
}

/* All knock and ask; some are answered, and while the others wait the daemon does nothing. Whenever one that was
 * answered goes, one that waits is served: in the end all were. */
static void check_knocking(struct daemon *d)
{
	static struct raw peers[KNOCKING];
	struct candor_response r;
	bool served[KNOCKING] = {false};
	size_t n = 0, at_once;
	for (size_t i = 0; i < KNOCKING; i++) {
		raw_open(&peers[i], d->address);
		raw_send_request(&peers[i], &(struct candor_request){.id = i + 1, .type = CANDOR_REQ_INFO});
	}
	while (n < KNOCKING && answered(&peers[n], n < AT_LEAST ? PATIENCE_MS : SILENCE_MS))
		n++;
	at_once = n;
	print_message("# %zu of %d served at once\n", at_once, KNOCKING);
	assert_true(at_once >= AT_LEAST && at_once < FEW);

	double began = clock_s(), before = processor_time(d->pid);
	nap_ms(2000);
	double share = (processor_time(d->pid) - before) / (clock_s() - began);
	print_message("# full, and %.1f %% of a processor used\n", 100 * share);
	assert_at_most(share, 0.3);
	assert_false(answered(&peers[KNOCKING - 1], 0));

	for (size_t i = 0; i < KNOCKING; i++) {
		assert_int_equal(raw_receive(&peers[i], &r), 1);
		assert_int_equal(r.id, i + 1);
		assert_int_equal(r.code, CANDOR_OK);
		served[i] = true;
		raw_close(&peers[i]);
	}
	for (size_t i = 0; i < KNOCKING; i++)
		assert_true(served[i]);
	proof_say("connections that waited for a descriptor and were served", KNOCKING - at_once);
}

/* As many as there are descriptors for are served, the others told so; when there is room, they are served too. */
static void with_few_descriptors_fewer_are_served_at_a_time(void **state)
{
	struct daemon *d = *state;
	static struct raw peers[KNOCKING];
	const struct candor_request info = {.id = 1, .type = CANDOR_REQ_INFO};
	struct candor_response r;
	size_t served = 0;
	start_with_few(d);
	for (size_t i = 0; i < KNOCKING; i++) {
		raw_open(&peers[served], d->address);
		raw_send_request(&peers[served], &info);
		assert_int_equal(raw_receive(&peers[served], &r), 1);
		if (r.code == CANDOR_OK) {
			served++;
			continue;
		}
		assert_int_equal(r.code, CANDOR_RESOURCE_EXHAUSTED);
		assert_non_null(strstr(r.message, "max_connections reached"));
		raw_close(&peers[served]);
	}
	print_message("# %zu of %d served\n", served, KNOCKING);
	assert_true(served >= AT_LEAST && served < FEW);
	/* There is still something to work with. */
	while (served > 0)
		raw_close(&peers[--served]);
	bool again = false;
	for (int i = 0; i < 1000 && !again; i++) {
		struct candor *c;
		const struct candor_response *answer;
		again = daemon_open(d, &c, d->address, NULL) == 0 && candor_call(c, &info, &answer) == 0 &&
			answer->code == CANDOR_OK;
		daemon_disconnect(d, c);
		nap_ms(again ? 0 : 10);
	}
	assert_true(again);
}

static void accepting_pauses_where_descriptors_have_run_out(void **state)
{
	struct daemon *d = *state;
	const char *const options[] = {"--log-level", "error", NULL};
	daemon_start(d, options);
	/* Behind its back: it reckons with more than there are. */
	const struct rlimit few = {FEW, FEW};
	assert_int_equal(prlimit(d->pid, RLIMIT_NOFILE, &few, NULL), 0);
	check_knocking(d);
}

#define OVERLOAD(test) cmocka_unit_test_setup_teardown(test, daemon_set_up, daemon_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OVERLOAD(with_few_descriptors_fewer_are_served_at_a_time),
		OVERLOAD(accepting_pauses_where_descriptors_have_run_out),
		OVERLOAD(ten_thousand_hostile_connections_stay_within_memory_and_harm_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
