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

#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/proof.h"
#include "tests/lib/questions.h"
#include "tests/lib/raw.h"
#include "tests/lib/secure.h"
#include "tests/lib/unit.h"

enum { PEERS_MAX = 2000, BESIDE_MIB = 32 };
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

static void check_memory(struct candor *c, pid_t pid, const char *attack)
{
	double account = (double)call_info(c)->memory_bytes / MIB, peak = daemon_peak_kib(pid) / 1024;
	if (!SANITIZED && peak > limit_mib() + BESIDE_MIB)
		print_message("# %s: %.1f MiB resident\n", attack, peak);
	assert_at_most(account, limit_mib());
	if (!SANITIZED)
		assert_at_most(peak, limit_mib() + BESIDE_MIB);
}

/* ---- attacks ---- */

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

static unsigned attack(struct daemon *d, struct candor *good, const struct question *q, const char *token)
{
	static struct raw peers[PEERS_MAX];
	static unsigned round;
	const unsigned n = (unsigned)proof_size(20, 150, 500);
	struct buf ask = {0};
	unsigned before = round, answered = 0;
	question_write(q, &ask);
	for (unsigned i = 0; i < n; i++) {
		raw_open(&peers[i], d->tcp);
		raw_hello(&peers[i], token);
	}
	/* All at once, and as much as the system takes; nobody reads. */
	for (unsigned i = 0; i < n; i++)
		(void)!send(peers[i].fd, ask.data, ask.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (double began = clock_s(); clock_s() < began + 2 || (!answered && clock_s() < began + 120);) {
		behave(good, ++round);
		check_memory(good, d->pid, q->name);
		answered = count_answered(peers, n);
	}
	for (unsigned i = 0; i < n; i++)
		raw_close(&peers[i]);
	buf_free(&ask);
	print_message("# %s: %u of %u answered, %u rounds served; at most %.1f MiB resident\n", q->name, answered, n,
		      round - before, daemon_peak_kib(d->pid) / 1024);
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
	questions_fill(c);
	allow_token(d->address, "hostile", CANDOR_RIGHTS_ALL, secret);
	behave(c, 0);
	for (size_t i = 0; i < QUESTIONS; i++)
		rounds += attack(d, c, &questions[i], secret);
	proof_say("rounds served beside peers that wanted the daemon's memory", rounds);
}

/* ---- handshakes ---- */

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
	question_write_handshake(&hello);
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
		      daemon_peak_kib(s->command->daemon.pid) / 1024);
	assert_candor(s->command, 0, "info", "--server", s->tls, "--ca", s->files.ca);
	proof_say("handshakes that never ended", n);
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
