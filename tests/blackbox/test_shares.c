/* Nobody takes all of it: silent strangers by the hundred keep neither the owner out nor those who say who they are, and
 * principals that ask for much keep nobody waiting who asks for little. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/base/buf.h"
#include "lib/wire/frame.h"
#include "lib/wire/wire.h"
#include "tests/lib/allow.h"
#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/raw.h"
#include "tests/lib/secure.h"

/* ---- silent strangers ---- */

enum { SERVED = 100, WAVES = 2, STRANGERS = 2 * WAVES * SERVED, FEW_DESCRIPTORS = 130 };

struct strangers {
	int fds[STRANGERS];
	size_t n;
};

/* Connects, and says nothing; or the beginning of a TLS handshake. Does not wait for being accepted. */
static void add_strangers(struct strangers *s, const char *address, size_t n)
{
	static const char hello[] = "\x16\x03\x01\x02\x00\x01";
	struct address a;
	const char *why;
	assert_int_equal(address_parse(address, &a, &why), 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(a.port)};
	assert_int_equal(inet_pton(AF_INET, a.host, &at.sin_addr), 1);
	for (size_t i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(fd >= 0);
		assert_true(connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 || errno == EINPROGRESS);
		if (i % 2 && a.is_tls)
			(void)!send(fd, hello, sizeof hello - 1, MSG_NOSIGNAL);
		s->fds[s->n++] = fd;
	}
}

static void end_strangers(struct strangers *s)
{
	while (s->n > 0)
		close(s->fds[--s->n]);
}

/* What the owner must be able to do at any time: look, work, and throw somebody out. */
static void assert_owner_is_served(struct daemon *d)
{
	static const struct candor_grant grant = {"uid:77", "", "", CANDOR_RIGHT_READ};
	struct candor *c = daemon_connect(d);
	call_info(c);
	call_report(c, "p", "new", "ann", 0.5);
	call_ok(c, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &grant});
	call_ok(c, (struct candor_request){.type = CANDOR_REQ_REMOVE_GRANT, .n = 1, .grants = &grant});
	daemon_disconnect(d, c);
}

/* Strangers come in waves, also while others are in: none of these waits or goes. A token is sent to no TCP address by
 * libcandor: the peer that has one is raw. */
static void attack_over_tcp(struct daemon *d)
{
	char secret[TOKEN_TEXT_BYTES];
	struct strangers s = {.n = 0};
	call_create_pool(daemon_connect(d), "p");
	allow_token(d->address, "good", CANDOR_RIGHTS_ALL, secret);
	for (int wave = 0; wave < WAVES; wave++) {
		struct raw good;
		struct candor_response r;
		add_strangers(&s, d->tcp, SERVED);
		assert_owner_is_served(d);
		raw_open(&good, d->tcp);
		raw_hello(&good, secret);
		add_strangers(&s, d->tcp, SERVED);
		assert_owner_is_served(d);
		raw_send_request(&good, &(struct candor_request){.id = 2, .type = CANDOR_REQ_INFO});
		assert_int_equal(raw_receive(&good, &r), 1);
		assert_int_equal(r.code, CANDOR_OK);
		raw_close(&good);
	}
	end_strangers(&s);
	assert_int_equal(daemon_stop(d), 0);
}

static void silent_strangers_over_tcp_keep_nobody_out(void **state)
{
	struct daemon *d = *state;
	const char *const options[] = {"--listen", "tcp:127.0.0.1:0", "--max-connections", "100", NULL};
	daemon_start(d, options);
	attack_over_tcp(d);
}

/* candord with few descriptors, which it cannot raise. */
static void start_with_few_descriptors(struct daemon *d)
{
	char program[512], log[DAEMON_PATH_MAX];
	daemon_program("candord", program, sizeof program);
	daemon_path(d, "log", log);
	fflush(NULL);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0) {
		const struct rlimit few = {FEW_DESCRIPTORS, FEW_DESCRIPTORS};
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setrlimit(RLIMIT_NOFILE, &few) == 0 && freopen(log, "a", stderr))
			execl(program, program, "--listen", d->address, "--db", d->db, "--listen", "tcp:127.0.0.1:0",
			      (char *)NULL);
		_exit(97);
	}
	daemon_await(d);
}

static void nor_do_they_where_descriptors_are_few(void **state)
{
	struct daemon *d = *state;
	start_with_few_descriptors(d);
	attack_over_tcp(d);
}

static void silent_strangers_over_tls_keep_nobody_out(void **state)
{
	struct secure *s = *state;
	struct daemon *d = &s->command->daemon;
	struct strangers strangers = {.n = 0};
	const struct candor_options platform = {
		.ca = s->files.ca, .cert = s->files.client_cert, .key = s->files.client_key};
	secure_start(s, ARGS("--max-connections", "100", "--tls-ca", s->files.ca));
	call_create_pool(daemon_connect(d), "p");
	secure_allow(s, SECURE_PLATFORM, CANDOR_RIGHTS_ALL);
	for (int wave = 0; wave < WAVES; wave++) {
		struct candor *c;
		add_strangers(&strangers, s->tls, SERVED);
		assert_owner_is_served(d);
		assert_int_equal(daemon_open(d, &c, s->tls, &platform), 0);
		add_strangers(&strangers, s->tls, SERVED);
		call_report(c, "p", "mine", "bob", 0.5);
		daemon_disconnect(d, c);
	}
	end_strangers(&strangers);
}

/* Long messages that are never finished use up the memory for connections; what the owner needs is kept. */
static void strangers_who_hold_much_memory_keep_the_owner_out_no_more(void **state)
{
	enum { HELD = 300 * 1024, HALVES = 200 };
	struct daemon *d = *state;
	static uint8_t half[HELD];
	const char *const options[] = {"--listen", "tcp:127.0.0.1:0", "--memory-limit", "64M", NULL};
	daemon_start(d, options);
	call_create_pool(daemon_connect(d), "p");
	struct strangers s = {.n = 0};
	size_t head = frame_head(2 * HELD, half);
	assert_true(head > 0);
	for (size_t i = 0; i < HALVES; i++) {
		add_strangers(&s, d->tcp, 1);
		struct pollfd writable = {.fd = s.fds[i], .events = POLLOUT};
		assert_int_equal(poll(&writable, 1, 30000), 1);
		for (size_t sent = 0; sent < HELD;) {
			ssize_t n = send(s.fds[i], half + sent, HELD - sent, MSG_NOSIGNAL);
			if (n < 0)
				break;
			sent += (size_t)n;
		}
		if (i % 20 == 19)
			assert_owner_is_served(d);
	}
	end_strangers(&s);
	assert_int_equal(daemon_stop(d), 0);
}

/* A principal with a token takes all connections, and asks something over each now and then. */
static void a_principal_with_many_connections_keeps_nobody_out(void **state)
{
	enum { MAX = 40, OPENED = MAX + 20 };
	struct daemon *d = *state;
	const char *const options[] = {"--listen", "tcp:127.0.0.1:0", "--max-connections", "40", NULL};
	const struct candor_request info = {.id = 2, .type = CANDOR_REQ_INFO};
	static struct raw many[OPENED];
	char greedy_secret[TOKEN_TEXT_BYTES], good_secret[TOKEN_TEXT_BYTES];
	struct candor_response r;
	size_t answered = 0;
	daemon_start(d, options);
	call_create_pool(daemon_connect(d), "p");
	allow_token(d->address, "greedy", CANDOR_RIGHTS_ALL, greedy_secret);
	allow_token(d->address, "good", CANDOR_RIGHTS_ALL, good_secret);
	for (size_t i = 0; i < OPENED; i++) {
		raw_open(&many[i], d->tcp);
		raw_hello(&many[i], greedy_secret);
	}
	struct raw good[MAX / 4];
	for (size_t i = 0; i < MAX / 4; i++) {
		raw_open(&good[i], d->tcp);
		raw_hello(&good[i], good_secret);
	}
	assert_owner_is_served(d);
	/* These stay. */
	for (size_t i = 0; i < MAX / 4; i++) {
		raw_send_request(&good[i], &info);
		assert_int_equal(raw_receive(&good[i], &r), 1);
		assert_int_equal(r.code, CANDOR_OK);
	}
	/* Of the others those that were closed were told why, or not at all. */
	for (size_t i = 0; i < OPENED; i++) {
		struct pollfd p = {.fd = many[i].fd, .events = POLLIN};
		if (poll(&p, 1, 0) == 0)
			answered++;
		else if (raw_receive(&many[i], &r) == 1)
			assert_non_null(strstr(r.message, "this principal has the most of them"));
		raw_close(&many[i]);
	}
	assert_in_range(answered, MAX / 4, MAX - MAX / 4);
	for (size_t i = 0; i < MAX / 4; i++)
		raw_close(&good[i]);
	assert_int_equal(daemon_stop(d), 0);
}

/* Another user of this machine, whom the Unix socket's group lets in. */
static pid_t begin_local_crowd(const struct daemon *d, size_t n)
{
	int ready[2];
	char byte;
	assert_int_equal(chmod(d->dir, 0755), 0);
	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sockaddr_un at = {.sun_family = AF_UNIX};
		snprintf(at.sun_path, sizeof at.sun_path, "%s", d->address + strlen("unix:"));
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setgroups(0, NULL) != 0 || setuid(65534) != 0)
			_exit(97);
		for (size_t i = 0; i < n; i++) {
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);
			if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0)
				_exit(98);
		}
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void local_users_keep_the_owner_out_no_more_than_others(void **state)
{
	struct daemon *d = *state;
	const char *const options[] = {"--max-connections", "100", NULL};
	if (geteuid() != 0) {
		print_message("# SKIPPED: only root can become another user\n");
		skip();
	}
	daemon_start(d, options);
	call_create_pool(daemon_connect(d), "p");
	pid_t crowd = begin_local_crowd(d, 3 * SERVED);
	for (int i = 0; i < 3; i++)
		assert_owner_is_served(d);
	assert_int_equal(kill(crowd, SIGKILL), 0);
	assert_int_equal(daemon_wait_for(crowd), 128 + SIGKILL);
	assert_int_equal(daemon_stop(d), 0);
}

/* Whoever never says who it is does not stay. */
static void strangers_have_a_time_to_say_who_they_are(void **state)
{
	struct daemon *d = *state;
	struct candor_response r;
	struct raw silent, asking;
	const char *const options[] = {"--listen", "tcp:127.0.0.1:0", "--frame-timeout", "1", NULL};
	daemon_start(d, options);
	struct candor *owner = daemon_connect(d);
	raw_open(&silent, d->tcp);
	raw_open(&asking, d->tcp);
	/* It asks for what it must not have, which says nothing about it. */
	raw_send_request(&asking, &(struct candor_request){.id = 1, .type = CANDOR_REQ_INFO});
	assert_int_equal(raw_receive(&asking, &r), 1);
	assert_int_equal(r.code, CANDOR_UNAUTHENTICATED);
	assert_int_equal(raw_receive(&silent, &r), 0);
	assert_int_equal(raw_receive(&asking, &r), 0);
	raw_close(&silent);
	raw_close(&asking);
	/* Others may be silent for longer. */
	nap_ms(1500);
	call_info(owner);
	assert_int_equal(daemon_stop(d), 0);
}

/* ---- principals that ask for much ---- */

enum { GREEDY = 64, ASKED = 12, ROUNDS = 300, PAGE = 300 };

struct greedy {
	struct raw peer;
	struct frame input;
	size_t answers, unavailable;
};

static struct greedy greedy[GREEDY];

static void make_history(struct candor *c)
{
	enum { ITEMS_A_REQUEST = 100 };
	static char names[ITEMS_A_REQUEST][16];
	static struct candor_report rows[ITEMS_A_REQUEST * 2];
	static struct candor_outcome outcomes[ITEMS_A_REQUEST];
	call_create_pool(c, "p");
	for (size_t first = 0; first < ROUNDS; first += ITEMS_A_REQUEST) {
		for (size_t i = 0; i < ITEMS_A_REQUEST; i++) {
			snprintf(names[i], sizeof names[i], "i%zu", first + i);
			rows[2 * i] = (struct candor_report){names[i], "ann", 0.25};
			rows[2 * i + 1] = (struct candor_report){names[i], "bob", 0.75};
			outcomes[i] = (struct candor_outcome){names[i], (double)(i % 2)};
		}
		call_ok(c, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS,
						   .pool = "p",
						   .n = 2 * ITEMS_A_REQUEST,
						   .reports = rows});
		call_ok(c, (struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS,
						   .pool = "p",
						   .n = ITEMS_A_REQUEST,
						   .outcomes = outcomes});
	}
}

/* Each is a principal of its own, and asks for long trajectories in one go. */
static void begin_greed(struct daemon *d)
{
	for (size_t i = 0; i < GREEDY; i++) {
		char name[16], secret[TOKEN_TEXT_BYTES];
		snprintf(name, sizeof name, "greedy%zu", i);
		allow_token(d->address, name, CANDOR_RIGHTS_ALL, secret);
		greedy[i] = (struct greedy){0};
		frame_init(&greedy[i].input, (size_t)1 << 26);
		raw_open(&greedy[i].peer, d->address);
		raw_hello(&greedy[i].peer, secret);
	}
	for (size_t i = 0; i < GREEDY; i++)
		for (uint64_t id = 2; id < 2 + ASKED; id++)
			raw_send_request(&greedy[i].peer, &(struct candor_request){.id = id,
										   .type = CANDOR_REQ_GET_LABELER,
										   .pool = "p",
										   .labeler = "ann",
										   .history = true,
										   .limit = PAGE});
}

/* Takes what has come for one of them, without waiting. False: its connection has ended. */
static bool take(struct greedy *g)
{
	static char bytes[1 << 16];
	struct view message;
	ssize_t n;
	while ((n = recv(g->peer.fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		assert_int_equal(frame_push(&g->input, bytes, (size_t)n), 0);
	while (frame_next(&g->input, &message) == 1) {
		struct candor_response r;
		arena_reset(&g->peer.arena);
		assert_int_equal(wire_decode_response(&g->peer.arena, message.data, message.len, &r), 0);
		assert_true(r.code == CANDOR_OK || r.code == CANDOR_UNAVAILABLE);
		*(r.code == CANDOR_OK ? &g->answers : &g->unavailable) += 1;
	}
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* Answers that all of them have by now. */
static size_t count_answers(void)
{
	size_t n = 0;
	for (size_t i = 0; i < GREEDY; i++) {
		take(&greedy[i]);
		n += greedy[i].answers;
	}
	return n;
}

static void end_greed(void)
{
	for (size_t i = 0; i < GREEDY; i++) {
		frame_free(&greedy[i].input);
		raw_close(&greedy[i].peer);
	}
}

/* First come, first served would answer them when all others have everything. */
static void who_asks_little_does_not_wait_for_those_who_ask_much(void **state)
{
	struct daemon *d = *state;
	struct raw feed;
	struct candor_response r;
	char secret[TOKEN_TEXT_BYTES];
	daemon_start(d, NULL);
	struct candor *owner = daemon_connect(d);
	make_history(owner);
	allow_token(d->address, "feed", CANDOR_RIGHTS_ALL, secret);
	raw_open(&feed, d->address);
	raw_hello(&feed, secret);
	begin_greed(d);

	/* The whole feed, page by page. */
	char cursor[64] = "";
	size_t items = 0;
	for (uint64_t id = 2; items < ROUNDS; id++) {
		raw_send_request(
			&feed,
			&(struct candor_request){
				.id = id, .type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .limit = 100, .cursor = cursor});
		assert_int_equal(raw_receive(&feed, &r), 1);
		assert_int_equal(r.code, CANDOR_OK);
		items += r.n;
		snprintf(cursor, sizeof cursor, "%s", r.next);
	}
	size_t at_feed = count_answers();
	assert_owner_is_served(d);
	size_t at_owner = count_answers(), all = (size_t)GREEDY * ASKED;
	print_message("# of %zu answers %zu were there before the feed's last, %zu before the owner's\n", all, at_feed,
		      at_owner);
	assert_true(at_feed < all / 2);
	assert_true(at_owner < all);

	/* They share alike: when the first has all, the last has not much less. */
	bool any_has_all = false;
	while (!any_has_all) {
		count_answers();
		for (size_t i = 0; i < GREEDY; i++)
			any_has_all = any_has_all || greedy[i].answers == ASKED;
	}
	for (size_t i = 0; i < GREEDY; i++)
		assert_true(greedy[i].answers + 4 >= ASKED);
	raw_close(&feed);
	end_greed();
	assert_int_equal(daemon_stop(d), 0);
}

/* What was not read yet is refused, and nothing waits for it. */
static void a_stop_gives_up_what_waits_to_be_read(void **state)
{
	struct daemon *d = *state;
	size_t answers = 0, unavailable = 0;
	daemon_start(d, NULL);
	make_history(daemon_connect(d));
	begin_greed(d);
	assert_int_equal(kill(d->pid, SIGTERM), 0);
	for (size_t i = 0; i < GREEDY; i++) {
		struct pollfd p = {.fd = greedy[i].peer.fd, .events = POLLIN};
		while (take(&greedy[i]))
			assert_int_equal(poll(&p, 1, 30000), 1);
		answers += greedy[i].answers;
		unavailable += greedy[i].unavailable;
	}
	print_message("# %zu answered, %zu given up\n", answers, unavailable);
	assert_true(unavailable > 0);
	end_greed();
	assert_int_equal(daemon_wait(d), 0);
}

/* Reads of connections that are gone leave the queue: after them there is nothing to wait for. */
static void who_hangs_up_leaves_nothing_to_be_read(void **state)
{
	struct daemon *d = *state;
	daemon_start(d, NULL);
	struct candor *owner = daemon_connect(d);
	make_history(owner);
	begin_greed(d);
	end_greed();
	assert_owner_is_served(d);
	assert_int_equal(daemon_stop(d), 0);
}

int main(void)
{
#define SHARES(test) cmocka_unit_test_setup_teardown(test, daemon_set_up, daemon_tear_down)
#define TLS(test) cmocka_unit_test_setup_teardown(test, secure_set_up, secure_tear_down)
	const struct CMUnitTest tests[] = {
		SHARES(silent_strangers_over_tcp_keep_nobody_out),
		TLS(silent_strangers_over_tls_keep_nobody_out),
		SHARES(nor_do_they_where_descriptors_are_few),
		SHARES(strangers_who_hold_much_memory_keep_the_owner_out_no_more),
		SHARES(a_principal_with_many_connections_keeps_nobody_out),
		SHARES(local_users_keep_the_owner_out_no_more_than_others),
		SHARES(strangers_have_a_time_to_say_who_they_are),
		SHARES(who_asks_little_does_not_wait_for_those_who_ask_much),
		SHARES(a_stop_gives_up_what_waits_to_be_read),
		SHARES(who_hangs_up_leaves_nothing_to_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
