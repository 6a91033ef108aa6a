/* Which sockets are listened on where a host has several addresses: all of them, with one port, but for those that the
 * machine lacks. What the host resolves to is the test's to say. */
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/net/listen.h"

enum { ADDRESSES_MAX = 8 };

struct host {
	const char *addresses[ADDRESSES_MAX]; /* numbers; NULL after the last */
};

static const struct host *resolves_to;
static char said[4096]; /* the log, lines ended by newlines */

/* ---- a resolver of our own, before that of the C library ---- */

#define SEEN_BY_LIBUV __attribute__((visibility("default")))

SEEN_BY_LIBUV int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **out)
{
	struct addrinfo **end = out;
	(void)host;
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	for (const char *const *a = resolves_to->addresses; *a; a++) {
		struct addrinfo *info = calloc(1, sizeof *info + sizeof(struct sockaddr_in6));
		struct sockaddr_in6 *six = (struct sockaddr_in6 *)(info + 1);
		struct sockaddr_in *four = (struct sockaddr_in *)(info + 1);
		assert_non_null(info);
		bool is_six = strchr(*a, ':');
		info->ai_addr = (struct sockaddr *)(info + 1);
		info->ai_addrlen = is_six ? sizeof *six : sizeof *four;
		info->ai_family = info->ai_addr->sa_family = is_six ? AF_INET6 : AF_INET;
		assert_int_equal(
			inet_pton(info->ai_family, *a, is_six ? (void *)&six->sin6_addr : (void *)&four->sin_addr), 1);
		*(is_six ? &six->sin6_port : &four->sin_port) = htons((uint16_t)strtoul(port, NULL, 10));
		*end = info;
		end = &info->ai_next;
	}
	return 0;
}

SEEN_BY_LIBUV void freeaddrinfo(struct addrinfo *info)
{
	while (info) {
		struct addrinfo *next = info->ai_next;
		free(info);
		info = next;
	}
}

/* ---- the listeners ---- */

static void on_log(enum log_level level, const char *line)
{
	size_t len = strlen(said);
	(void)level;
	snprintf(said + len, sizeof said - len, "%s\n", line);
}

static size_t n_accepted;

static void on_accept(void *arg, int fd, struct listener *from)
{
	(void)arg;
	assert_false(from->address.is_unix);
	n_accepted++;
	close(fd);
}

struct world {
	uv_loop_t loop;
	struct config *config;
	struct listeners listeners;
};

static int open_with(struct world *w, const struct host *host, bool insecure)
{
	const char *why;
	said[0] = 0;
	n_accepted = 0;
	resolves_to = host;
	w->config = calloc(1, sizeof *w->config);
	assert_non_null(w->config);
	w->config->insecure = insecure;
	assert_int_equal(address_parse("tcp:several.example:0", &w->config->listen.each[w->config->listen.n++], &why),
			 0);
	assert_int_equal(uv_loop_init(&w->loop), 0);
	log_set_sink(on_log);
	return listeners_open(&w->listeners, &w->loop, w->config, on_accept, w);
}

static void end(struct world *w)
{
	listeners_close(&w->listeners);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	listeners_free(&w->listeners);
	log_set_sink(NULL);
	free(w->config);
}

static uint16_t port_of(const struct world *w)
{
	assert_non_null(w->listeners.first);
	return w->listeners.first->address.port;
}

static bool connects(struct world *w, const char *number)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port_of(w))};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port_of(w))};
	bool is_six = strchr(number, ':');
	int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(inet_pton(is_six ? AF_INET6 : AF_INET, number,
				   is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr),
			 1);
	int err = is_six ? connect(fd, (struct sockaddr *)&six, sizeof six)
			 : connect(fd, (struct sockaddr *)&four, sizeof four);
	close(fd);
	return err == 0;
}

static void assert_said(const struct world *w, const char *format)
{
	char line[256];
	snprintf(line, sizeof line, format, port_of(w));
	if (!strstr(said, line))
		fail_msg("'%s' is not in the log, which has\n%s", line, said);
}

static bool has_ipv6(void)
{
	const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
	if (fd >= 0)
		close(fd);
	return has;
}

/* ---- tests ---- */

static void a_host_with_addresses_of_both_families_is_served_at_all_of_them(void **state)
{
	(void)state;
	struct world w;
	static const struct host host = {{"::1", "127.0.0.1", "127.0.0.2", "127.0.0.1"}};
	if (!has_ipv6())
		skip();
	assert_int_equal(open_with(&w, &host, false), 0);
	assert_true(connects(&w, "::1") && connects(&w, "127.0.0.1") && connects(&w, "127.0.0.2"));
	assert_false(connects(&w, "127.0.0.3"));
	assert_said(&w, "listening on tcp:[::1]:%u\n");
	assert_said(&w, "listening on tcp:127.0.0.1:%u\n");
	assert_said(&w, "listening on tcp:127.0.0.2:%u\n");
	for (int i = 0; i < 100 && n_accepted < 3; i++)
		uv_run(&w.loop, UV_RUN_NOWAIT);
	assert_int_equal(n_accepted, 3);

	/* A pause is one of all of them. */
	listeners_allow(&w.listeners, false, true);
	assert_true(connects(&w, "::1") && connects(&w, "127.0.0.1"));
	for (int i = 0; i < 10; i++)
		uv_run(&w.loop, UV_RUN_NOWAIT);
	assert_int_equal(n_accepted, 3);
	listeners_allow(&w.listeners, true, false);
	for (int i = 0; i < 100 && n_accepted < 5; i++)
		uv_run(&w.loop, UV_RUN_NOWAIT);
	assert_int_equal(n_accepted, 5);
	end(&w);
}

/* 203.0.113.0/24 is for documentation (RFC 5737): no machine has these. */
static void an_address_that_the_machine_lacks_is_skipped_while_another_works(void **state)
{
	(void)state;
	struct world w;
	static const struct host some = {{"203.0.113.1", "127.0.0.1"}}, none = {{"203.0.113.1", "203.0.113.2"}};
	assert_int_equal(open_with(&w, &some, true), 0);
	assert_true(connects(&w, "127.0.0.1"));
	assert_non_null(strstr(said, "not listening on tcp:203.0.113.1:0: "));
	assert_said(&w, "listening on tcp:127.0.0.1:%u\n");
	end(&w);
	assert_int_equal(open_with(&w, &none, true), UV_EADDRNOTAVAIL);
	assert_non_null(strstr(said, "cannot listen on tcp:several.example:0: "));
	end(&w);
}

static void one_address_beyond_loopback_refuses_the_host_without_tls(void **state)
{
	(void)state;
	struct world w;
	static const struct host host = {{"127.0.0.1", "203.0.113.1"}};
	assert_int_equal(open_with(&w, &host, false), ERR_TLS);
	assert_non_null(strstr(said, "tcp:203.0.113.1:"));
	assert_non_null(strstr(said, "is not loopback"));
	end(&w);
}

static void an_address_that_is_taken_is_an_error(void **state)
{
	(void)state;
	struct world w;
	struct sockaddr_in taken = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof taken;
	static const struct host host = {{"127.0.0.1", "127.0.0.2"}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&taken, sizeof taken), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&taken, &len), 0);
	assert_int_equal(open_with(&w, &host, false), 0);
	uint16_t free_port = port_of(&w);
	end(&w);
	assert_true(free_port != ntohs(taken.sin_port));

	/* The same host with the port that is taken. */
	said[0] = 0;
	w.config = calloc(1, sizeof *w.config);
	assert_non_null(w.config);
	w.config->listen.each[0] = (struct address){.host = "several.example", .port = ntohs(taken.sin_port)};
	w.config->listen.n = 1;
	assert_int_equal(uv_loop_init(&w.loop), 0);
	log_set_sink(on_log);
	assert_int_equal(listeners_open(&w.listeners, &w.loop, w.config, on_accept, NULL), UV_EADDRINUSE);
	assert_non_null(strstr(said, "cannot listen on tcp:127.0.0.1:"));
	end(&w);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_with_addresses_of_both_families_is_served_at_all_of_them),
		cmocka_unit_test(an_address_that_the_machine_lacks_is_skipped_while_another_works),
		cmocka_unit_test(one_address_beyond_loopback_refuses_the_host_without_tls),
		cmocka_unit_test(an_address_that_is_taken_is_an_error),
	};
	return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
