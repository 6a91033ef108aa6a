/* Who is at the other end of a connection, and what strangers are counted by. */
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/net/peer.h"

/* Listens at every address, takes both kinds of addresses, and is connected to from 127.0.0.1 or ::1. */
static void meet(bool from_six, struct identity *out)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6}, loopback6 = {.sin6_family = AF_INET6};
	struct sockaddr_in loopback4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	const int no = 0;
	int listener = socket(AF_INET6, SOCK_STREAM, 0);
	if (listener < 0 || setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) != 0 ||
	    bind(listener, (struct sockaddr *)&at, sizeof at) != 0)
		skip_because("there is no IPv6 here");
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	loopback6.sin6_addr = in6addr_loopback;
	loopback6.sin6_port = loopback4.sin_port = at.sin6_port;
	int peer = socket(from_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	int err = from_six ? connect(peer, (struct sockaddr *)&loopback6, sizeof loopback6)
			   : connect(peer, (struct sockaddr *)&loopback4, sizeof loopback4);
	assert_int_equal(err, 0);
	int fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	peer_from_socket(fd, false, out);
	close(fd);
	close(peer);
	close(listener);
}

static void an_address_of_ipv4_is_one_on_a_socket_for_both_kinds_too(void **state)
{
	(void)state;
	struct identity identity;
	char origin[128];
	meet(false, &identity);
	assert_string_equal(identity.name, "tcp:127.0.0.1");
	assert_false(identity.is_known || identity.is_local || identity.is_owner);
	peer_origin(&identity, origin, sizeof origin);
	assert_string_equal(origin, "tcp:127.0.0.1");
}

static void of_ipv6_the_network_counts(void **state)
{
	(void)state;
	struct identity identity = {.name = "tcp:2001:db8:1:2:3:4:5:6"};
	char origin[128];
	peer_origin(&identity, origin, sizeof origin);
	assert_string_equal(origin, "tcp:2001:db8:1:2::/64");
	meet(true, &identity);
	assert_string_equal(identity.name, "tcp:::1");
}

static void a_user_comes_over_a_unix_socket(void **state)
{
	(void)state;
	struct identity identity;
	char name[32];
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	peer_from_socket(ends[0], true, &identity);
	snprintf(name, sizeof name, "uid:%u", (unsigned)getuid());
	assert_string_equal(identity.name, name);
	assert_true(identity.is_known && identity.is_local && identity.is_owner);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_of_ipv4_is_one_on_a_socket_for_both_kinds_too),
		cmocka_unit_test(of_ipv6_the_network_counts),
		cmocka_unit_test(a_user_comes_over_a_unix_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
