/* The real candord over TLS: who is who he should be is served as ever, and everybody else gets nowhere. */
#include <sqlite3.h>
#include <stdlib.h>

#include "tests/lib/secure.h"

/* The only text that a query gives. */
static void query(const struct secure *s, const char *sql, char *out, size_t size)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	assert_int_equal(sqlite3_open_v2(s->command->daemon.db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	snprintf(out, size, "%s", (const char *)sqlite3_column_text(q, 0));
	assert_int_equal(sqlite3_step(q), SQLITE_DONE);
	sqlite3_finalize(q);
	sqlite3_close(db);
}

/* The same campaign as over a Unix socket, by the command line; history says whose certificate it was. */
static void a_campaign_over_tls(void **state)
{
	struct secure *s = *state;
	struct command *c = s->command;
	char by[256];
	secure_start(s, ARGS("--tls-ca", s->files.ca, "--tls-crl", s->files.crl));
	setenv("CANDOR_SERVER", s->tls, 1);
	setenv("CANDOR_CA", s->files.ca, 1);
	setenv("CANDOR_CERT", s->files.client_cert, 1);
	setenv("CANDOR_KEY", s->files.client_key, 1);
	command_fill(c);
	assert_candor(c, 0, "query", "p", "a", "--json");
	assert_number(c, "items.0.n", 3);
	query(s, "SELECT DISTINCT by FROM settlements", by, sizeof by);
	assert_string_equal(by, "cert:CN=platform candor/" CANDOR_VERSION);
	unsetenv("CANDOR_CERT");
	unsetenv("CANDOR_KEY");
	assert_candor(c, 0, "resolve", "p", "c", "1");
	query(s, "SELECT by FROM settlements ORDER BY rowid DESC LIMIT 1", by, sizeof by);
	assert_string_equal(by, "tcp:127.0.0.1 candor/" CANDOR_VERSION);
	unsetenv("CANDOR_CA");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_campaign_over_tls, secure_set_up, secure_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
