/* Peers that want the daemon's memory: small questions with large answers that nobody reads, rows that are wrong, reads
 * ahead of what is on disk, handshakes that never end. What the system counts stays within memory_limit and 32 MiB, and
 * a client that behaves is served meanwhile. With a memory_limit of 64 MiB, or what CANDOR_TEST_MEMORY_MIB says; where
 * RELIABILITY=full with larger ones too.
 *
 * Sanitizers take memory of their own: there only the daemon's account is held against the limit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "lib/wire/wire.h"
#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/proof.h"
#include "tests/lib/raw.h"
#include "tests/lib/secure.h"
#include "tests/lib/unit.h"

enum { PEERS_MAX = 2000, BIG = 3, OLD = 4, REPORTS = 6000, LONG_NAMES = 1000, BESIDE_MIB = 32 };
#define MIB (1024.0 * 1024)

/* Of the test that runs; 0: what the environment says. */
static unsigned larger_mib;

static double limit_mib(void)
{
	const char *text = getenv("CANDOR_TEST_MEMORY_MIB");
	return larger_mib ? larger_mib : text ? (double)strtoul(text, NULL, 10) : 64;
}

static const char *limit_option(char out[32])
{
	snprintf(out, 32, "%.0fM", limit_mib());
	return out;
}

/* The most that the process ever had, as the system counts it. */
static double peak_mib(pid_t pid)
{
	char path[64], line[256];
	double kib = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %lf", &kib) == 1)
			break;
	fclose(f);
	assert_true(kib > 0);
	return kib / 1024;
}

static void check_memory(struct candor *c, pid_t pid, const char *attack)
{
	double account = (double)call_info(c)->memory_bytes / MIB, peak = peak_mib(pid);
	if (!SANITIZED && peak > limit_mib() + BESIDE_MIB)
		print_message("# %s: %.1f MiB resident\n", attack, peak);
	assert_at_most(account, limit_mib());
	if (!SANITIZED)
		assert_at_most(peak, limit_mib() + BESIDE_MIB);
}

/* ---- what there is to be asked for ---- */

static void post(struct candor *c, const char *item, size_t n)
{
	static struct candor_report rows[1000];
	static char names[1000][80];
	for (size_t from = 0; from < n; from += 1000) {
		for (size_t i = 0; i < 1000; i++) {
			snprintf(names[i], sizeof names[i], "labeler-%05zu-%060d", from + i, 0);
			rows[i] = (struct candor_report){.item = item, .labeler = names[i], .value = 0.5};
		}
		call_ok(c, (struct candor_request){
				   .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1000, .reports = rows});
	}
}

/* Large open items, large ones that are on disk alone, and a thousand with long names that ended. */
static void fill(struct candor *c)
{
	char name[256];
	call_create_pool(c, "p");
	for (int i = 0; i < BIG + OLD; i++) {
		snprintf(name, sizeof name, i < BIG ? "big-%d" : "old-%d", i < BIG ? i : i - BIG);
		post(c, name, REPORTS);
		if (i >= BIG)
			call_resolve(c, "p", name, 1);
	}
	for (int i = 0; i < LONG_NAMES; i++) {
		snprintf(name, sizeof name, "ended-%0200d", i);
		call_report(c, "p", name, "ann", 0.25);
		call_resolve(c, "p", name, i % 2);
	}
}

/* ---- attacks ---- */

struct attack {
	const char *name;
	enum candor_request_type type;
	unsigned times; /* asked by each peer, in one go */
	bool old;
};

static void write_request(struct buf *out, const struct attack *a, unsigned id)
{
	static const char *const big[] = {"big-0", "big-1", "big-2"};
	static const char *const old[] = {"old-0", "old-1", "old-2", "old-3"};
	static struct candor_report wrong[4000];
	struct candor_request r = {.id = id, .type = a->type, .pool = "p", .limit = 1000};
	struct arena scratch;
	for (size_t i = 0; i < 4000; i++)
		wrong[i] = (struct candor_report){.item = "x", .labeler = "y", .value = 7};
	switch ((int)a->type) {
	case CANDOR_REQ_QUERY_ITEMS:
		r.with_reports = true;
		r.items = a->old ? &old[id % OLD] : big;
		r.n = a->old ? 1 : BIG;
		break;
	case CANDOR_REQ_GET_LABELER:
		r.labeler = "ann";
		r.history = true;
		break;
	case CANDOR_REQ_POST_REPORTS:
		r.reports = wrong;
		r.n = 4000;
		break;
	}
	arena_init(&scratch, SIZE_MAX / 2);
	assert_int_equal(wire_encode_request(&r, &scratch, SIZE_MAX, out), 0);
	arena_free(&scratch);
}

static const struct attack attacks[] = {
	{"reports of open items", CANDOR_REQ_QUERY_ITEMS, 2, false},
	{"reports of items on disk, read ahead", CANDOR_REQ_QUERY_ITEMS, 30, true},
	{"the feed", CANDOR_REQ_LIST_ITEMS, 8, false},
	{"labelers", CANDOR_REQ_LIST_LABELERS, 8, false},
	{"a trajectory", CANDOR_REQ_GET_LABELER, 8, false},
	{"the audit", CANDOR_REQ_LIST_EVENTS, 8, false},
	{"wrong rows", CANDOR_REQ_POST_REPORTS, 4, false},
};

static void say_hello(struct raw *r, const char *token)
{
	struct candor_response welcome;
	raw_send_request(r, &(struct candor_request){
				    .id = 1, .type = CANDOR_REQ_HELLO, .protocol = CANDOR_PROTOCOL, .token = token});
	assert_int_equal(raw_receive(r, &welcome), 1);
	assert_int_equal(welcome.code, CANDOR_OK);
}

/* One round of a client that behaves. */
static void behave(struct candor *c, unsigned round)
{
	double value = (double)(round % 1000) / 1000;
	call_report(c, "p", "good item", "good labeler", value);
	const struct candor_response *r = call_on_item(c, CANDOR_REQ_QUERY_ITEMS, "p", "good item");
	assert_same_bits(r->items[0].mean, value);
	call_get_pool(c, "p");
}

static unsigned count_answered(const struct raw *peers, unsigned n)
{
	unsigned answered = 0;
	char byte;
	for (unsigned i = 0; i < n; i++)
		answered += recv(peers[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
	return answered;
}

static unsigned attack(struct daemon *d, struct candor *good, const struct attack *a, const char *token)
{
	static struct raw peers[PEERS_MAX];
	static unsigned round;
	const unsigned n = (unsigned)proof_size(20, 150, 500);
	struct buf ask = {0};
	unsigned before = round, answered = 0;
	for (unsigned k = 0; k < a->times; k++)
		write_request(&ask, a, 2 + k);
	for (unsigned i = 0; i < n; i++) {
		raw_open(&peers[i], d->tcp);
		say_hello(&peers[i], token);
	}
	/* All at once, and as much as the system takes; nobody reads. */
	for (unsigned i = 0; i < n; i++)
		(void)!send(peers[i].fd, ask.data, ask.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (double began = clock_s(); clock_s() < began + 2 || (!answered && clock_s() < began + 120);) {
		behave(good, ++round);
		check_memory(good, d->pid, a->name);
		answered = count_answered(peers, n);
	}
	for (unsigned i = 0; i < n; i++)
		raw_close(&peers[i]);
	buf_free(&ask);
	print_message("# %s: %u of %u answered, %u rounds served; at most %.1f MiB resident\n", a->name, answered, n,
		      round - before, peak_mib(d->pid));
	assert_true(answered > 0);
	return round - before;
}

static void many_descriptors(void)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < PEERS_MAX + 200)
		skip_because("the system gives too few file descriptors");
}

static void answers_that_nobody_reads_stay_within_memory(void **state)
{
	struct daemon *d = *state;
	char limit[32], secret[TOKEN_TEXT_BYTES];
	uint64_t rounds = 0;
	many_descriptors();
	const char *const options[] = {"--listen",
				       "tcp:127.0.0.1:0",
				       "--memory-limit",
				       limit_option(limit),
				       "--resident-items",
				       "0",
				       "--frame-timeout",
				       "0",
				       NULL};
	daemon_start(d, options);
	struct candor *c = daemon_connect(d);
	fill(c);
	allow_token(d->address, "hostile", CANDOR_RIGHTS_ALL, secret);
	behave(c, 0);
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
		rounds += attack(d, c, &attacks[i], secret);
	proof_say("rounds served beside peers that wanted the daemon's memory", rounds);
}

/* ---- handshakes ---- */

/* The beginning of a handshake as long as one record may be. */
static void write_long_hello(struct buf *out)
{
	static uint8_t hello[16 * 1024] = {0x16, 3, 1, 0x3f, 0xf0, 1, 0, 0x3f, 0xec, 3, 3};
	assert_int_equal(buf_append(out, hello, sizeof hello - 100), 0);
}

static void handshakes_that_never_end_stay_within_memory(void **state)
{
	struct secure *s = *state;
	static struct raw peers[PEERS_MAX];
	const unsigned n = (unsigned)proof_size(100, 1200, 2000);
	char limit[32];
	unsigned rounds = 0;
	struct buf hello = {0};
	many_descriptors();
	secure_start(s, ARGS("--frame-timeout", "0", "--memory-limit", limit_option(limit)));
	secure_allow(s, "anonymous", CANDOR_RIGHT_READ);
	struct candor *c = daemon_connect(&s->command->daemon);
	call_create_pool(c, "p");
	write_long_hello(&hello);
	for (unsigned i = 0; i < n; i++) {
		raw_open(&peers[i], s->tcp);
		/* Some say nothing. */
		if (i % 5)
			(void)!send(peers[i].fd, hello.data, hello.len / (i % 3 + 1), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	for (double until = clock_s() + 3; clock_s() < until; rounds++) {
		behave(c, rounds);
		check_memory(c, s->command->daemon.pid, "handshakes");
	}
	for (unsigned i = 0; i < n; i++)
		raw_close(&peers[i]);
	buf_free(&hello);
	print_message("# handshakes: %u rounds served; at most %.1f MiB resident\n", rounds,
		      peak_mib(s->command->daemon.pid));
	assert_candor(s->command, 0, "info", "--server", s->tls, "--ca", s->files.ca);
	proof_say("handshakes that never ended, at a time", n);
}

#define ANSWERS \
	cmocka_unit_test_setup_teardown(answers_that_nobody_reads_stay_within_memory, daemon_set_up, daemon_tear_down)
#define HANDSHAKES \
	cmocka_unit_test_setup_teardown(handshakes_that_never_end_stay_within_memory, secure_set_up, secure_tear_down)

int main(void)
{
	static const unsigned larger[] = {256, 1024};
	const struct CMUnitTest tests[] = {ANSWERS, HANDSHAKES};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < proof_size(0, 0, sizeof larger / sizeof *larger); i++) {
		larger_mib = larger[i];
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	}
	return failed;
}
