#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/address.h"

static void expect_tcp(const char *text, const char *host, uint16_t port)
{
	struct address a;
	const char *why;
	assert_int_equal(address_parse(text, &a, &why), 0);
	assert_null(why);
	assert_false(a.is_unix);
	assert_string_equal(a.host, host);
	assert_int_equal(a.port, port);
}

static void expect_fault(const char *text, const char *about)
{
	struct address a;
	const char *why = NULL;
	if (address_parse(text, &a, &why) != ERR_ADDRESS)
		fail_msg("'%s' passed for an address", text);
	assert_non_null(why);
	if (!strstr(why, about))
		fail_msg("'%s': %s, not about %s", text, why, about);
}

static void tcp_addresses_have_a_host_and_a_port(void **state)
{
	(void)state;
	expect_tcp("tcp:127.0.0.1:7432", "127.0.0.1", 7432);
	expect_tcp("tcp:localhost:0", "localhost", 0);
	expect_tcp("tcp:example.org:65535", "example.org", 65535);
	expect_tcp("tcp:[::1]:7432", "::1", 7432);
	expect_tcp("tcp:[fe80::1%eth0]:1", "fe80::1%eth0", 1);
	expect_tcp("tcp:[127.0.0.1]:1", "127.0.0.1", 1);
}

static void tls_addresses_are_those_of_tcp(void **state)
{
	struct address a;
	const char *why;
	(void)state;
	assert_int_equal(address_parse("tls:example.org:7432", &a, &why), 0);
	assert_true(a.is_tls && !a.is_unix);
	assert_string_equal(a.host, "example.org");
	assert_int_equal(a.port, 7432);
	assert_int_equal(address_parse("tcp:tls:7432", &a, &why), 0);
	assert_false(a.is_tls);
	assert_int_equal(address_parse("unix:tls:1", &a, &why), 0);
	assert_true(a.is_unix && !a.is_tls);
	expect_fault("tls:", "port");
	expect_fault("tls::1", "host");
	expect_fault("tls:::1:1", "brackets");
	expect_fault("TLS:localhost:1", "tls:");
}

static void unix_addresses_have_a_path(void **state)
{
	struct address a;
	const char *why;
	char longest[5 + ADDRESS_PATH_MAX + 2] = "unix:";
	(void)state;
	assert_int_equal(address_parse("unix:/run/candor/candord.sock", &a, &why), 0);
	assert_true(a.is_unix);
	assert_string_equal(a.path, "/run/candor/candord.sock");
	assert_int_equal(address_parse("unix:relative path:7", &a, &why), 0);
	assert_string_equal(a.path, "relative path:7");
	memset(longest + 5, 'p', ADDRESS_PATH_MAX);
	assert_int_equal(address_parse(longest, &a, &why), 0);
	assert_int_equal(strlen(a.path), ADDRESS_PATH_MAX);
	longest[5 + ADDRESS_PATH_MAX] = 'p';
	expect_fault(longest, "too long");
}

static void an_invalid_address_is_refused_with_a_reason(void **state)
{
	char long_host[400];
	(void)state;
	expect_fault("", "tcp:");
	expect_fault("7432", "tcp:");
	expect_fault("localhost:7432", "tcp:");
	expect_fault("TCP:localhost:7432", "tcp:");
	expect_fault("http://localhost", "tcp:");
	expect_fault("unix:", "path");
	expect_fault("tcp:", "port");
	expect_fault("tcp:localhost", "port");
	expect_fault("tcp:localhost:", "port");
	expect_fault("tcp:localhost:http", "port");
	expect_fault("tcp:localhost:65536", "port");
	expect_fault("tcp:localhost:-1", "port");
	expect_fault("tcp:localhost:+1", "port");
	expect_fault("tcp:localhost: 1", "port");
	expect_fault("tcp:localhost:1x", "port");
	expect_fault("tcp:localhost:99999999999999999999999", "port");
	expect_fault("tcp::7432", "host");
	expect_fault("tcp:[]:7432", "host");
	expect_fault("tcp:::1:7432", "brackets");
	expect_fault("tcp:[::1:7432", "brackets");
	expect_fault("tcp:[[]]:7432", "brackets");
	expect_fault("tcp:[host:7432", "brackets");
	expect_fault("tls:ho]st:7432", "brackets");
	snprintf(long_host, sizeof long_host, "tcp:%0256d:1", 0);
	expect_fault(long_host, "too long");
}

static void the_text_form_parses_to_the_same_address(void **state)
{
	static const char *const forms[] = {"tcp:127.0.0.1:7432", "tcp:[::1]:0", "tcp:localhost:65535",
					    "unix:/a b/c",        "unix:x",      "tls:[::1]:1",
					    "tls:a.example:7"};
	char longest[300], text[ADDRESS_TEXT_MAX];
	struct address a;
	const char *why;
	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		assert_int_equal(address_parse(forms[i], &a, &why), 0);
		address_format(&a, text, sizeof text);
		assert_string_equal(text, forms[i]);
	}
	/* The longest there is fits too. */
	snprintf(longest, sizeof longest, "tcp:[:%0254d]:65535", 0);
	assert_int_equal(address_parse(longest, &a, &why), 0);
	address_format(&a, text, sizeof text);
	assert_string_equal(text, longest);
}

static void the_state_directory_follows_the_environment(void **state)
{
	char out[64];
	(void)state;
	assert_int_equal(address_state_dir("/state", "/home/u", out, sizeof out), 0);
	assert_string_equal(out, "/state/candor");
	assert_int_equal(address_state_dir(NULL, "/home/u", out, sizeof out), 0);
	assert_string_equal(out, "/home/u/.local/state/candor");
	/* A relative path is to be ignored, says the XDG specification; so is an empty one. */
	assert_int_equal(address_state_dir("state", "/home/u", out, sizeof out), 0);
	assert_string_equal(out, "/home/u/.local/state/candor");
	assert_int_equal(address_state_dir("", "/home/u", out, sizeof out), 0);
	assert_string_equal(out, "/home/u/.local/state/candor");
	assert_int_equal(address_state_dir(NULL, NULL, out, sizeof out), ERR_ADDRESS);
	assert_int_equal(address_state_dir("", "home", out, sizeof out), ERR_ADDRESS);
	assert_int_equal(address_state_dir("/state", NULL, out, 14), 0);
	assert_int_equal(address_state_dir("/state", NULL, out, 13), -ENAMETOOLONG);
}

static void the_default_address_is_a_socket_in_that_directory(void **state)
{
	char dir[ADDRESS_PATH_MAX + 1];
	struct address a;
	(void)state;
	assert_int_equal(address_default("/state/candor", &a), 0);
	assert_true(a.is_unix);
	assert_string_equal(a.path, "/state/candor/candord.sock");
	memset(dir, 'd', sizeof dir);
	dir[ADDRESS_PATH_MAX - strlen("/candord.sock")] = '\0';
	assert_int_equal(address_default(dir, &a), 0);
	assert_int_equal(strlen(a.path), ADDRESS_PATH_MAX);
	dir[ADDRESS_PATH_MAX - strlen("/candord.sock")] = 'd';
	dir[ADDRESS_PATH_MAX - strlen("/candord.sock") + 1] = '\0';
	assert_int_equal(address_default(dir, &a), -ENAMETOOLONG);
}

static void every_error_has_a_phrase(void **state)
{
	(void)state;
	for (int err = ERR_NEWER; err <= ERR_TOO_BIG; err++)
		assert_string_not_equal(candor_strerror(err), "unknown error");
	assert_string_equal(candor_strerror(0), "success");
	assert_string_equal(candor_strerror(-2), "No such file or directory");
	assert_string_equal(candor_strerror(-20000), "unknown error");
	assert_string_equal(candor_strerror(7), "unknown error");
}

static void loopback_is_known_by_its_name_alone(void **state)
{
	static const char *const here[] = {"tcp:localhost:1",   "tcp:LocalHost:1", "tcp:127.0.0.1:1",
					   "tcp:127.255.3.4:1", "tcp:[::1]:1",     "tls:127.1:1"};
	static const char *const elsewhere[] = {
		"tcp:128.0.0.1:1", "tcp:127.example.org:1", "tcp:127:1",       "tcp:localhost.example.org:1",
		"tcp:[::2]:1",     "tcp:1.127.0.0:1",       "unix:/localhost", "tcp:[::]:1"};
	struct address a;
	const char *why;
	(void)state;
	for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
		assert_int_equal(address_parse(here[i], &a, &why), 0);
		assert_true(address_is_loopback(&a));
	}
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
		assert_int_equal(address_parse(elsewhere[i], &a, &why), 0);
		assert_false(address_is_loopback(&a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback_is_known_by_its_name_alone),
		cmocka_unit_test(tcp_addresses_have_a_host_and_a_port),
		cmocka_unit_test(tls_addresses_are_those_of_tcp),
		cmocka_unit_test(unix_addresses_have_a_path),
		cmocka_unit_test(an_invalid_address_is_refused_with_a_reason),
		cmocka_unit_test(the_text_form_parses_to_the_same_address),
		cmocka_unit_test(the_state_directory_follows_the_environment),
		cmocka_unit_test(the_default_address_is_a_socket_in_that_directory),
		cmocka_unit_test(every_error_has_a_phrase),
	};
	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
