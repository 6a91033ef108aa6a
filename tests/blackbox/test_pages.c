/* The pages of HTTP that are no requests of the protocol, as a real candord has them: /metrics, /livez and /readyz. */
#include "tests/lib/unit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/clock.h"
#include "tests/lib/command.h"
#include "tests/lib/http.h"
#include "tests/lib/raw.h"
#include "tests/lib/scrape.h"

static void start(struct command *c)
{
	char web[128];
	snprintf(web, sizeof web, "http+unix:%s/web", c->daemon.dir);
	daemon_start(&c->daemon, (const char *const[]){"--listen", web, "--listen", "http:127.0.0.1:0",
						       "--metrics-pools", "1000", "--sync", "normal", NULL});
}

/* Over the Unix socket, as the daemon's own user. */
static const char *own(const struct command *c)
{
	static char address[128];
	snprintf(address, sizeof address, "unix:%s/web", c->daemon.dir);
	return address;
}

/* Over TCP, as nobody. */
static const char *foreign(const struct command *c)
{
	static char address[128];
	static char log[65536];
	char path[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "log", path);
	files_read_text(path, log, sizeof log);
	const char *at = strstr(log, "http:127.0.0.1:");
	assert_non_null(at);
	snprintf(address, sizeof address, "tcp:127.0.0.1:%ld", strtol(at + strlen("http:127.0.0.1:"), NULL, 10));
	return address;
}

/* To be freed. token: NULL: none. */
static void get(const char *address, const char *page, const char *token, const char *accept, struct http_answer *out)
{
	struct raw r;
	struct buf in = {0}, ask = {0};
	ssize_t n;
	raw_open(&r, address);
	assert_int_equal(buf_printf(&ask, "GET %s HTTP/1.1\r\nHost: l\r\nConnection: close\r\n", page), 0);
	if (token)
		assert_int_equal(buf_printf(&ask, "Authorization: Bearer %s\r\n", token), 0);
	assert_int_equal(buf_printf(&ask, "Accept: %s\r\n\r\n", accept), 0);
	raw_send(&r, ask.data, ask.len);
	do {
		uint8_t *space = buf_reserve(&in, 65536);
		assert_non_null(space);
		n = recv(r.fd, space, 65536, 0);
		assert_true(n >= 0);
		in.len += (size_t)n;
	} while (n > 0);
	assert_int_equal(http_cut(in.data, in.len, false, true, out), in.len);
	buf_free(&in);
	buf_free(&ask);
	raw_close(&r);
}

static void expect(const char *address, const char *page, const char *token, unsigned status, const char *body)
{
	struct http_answer a;
	get(address, page, token, "*/*", &a);
	if (a.status != status || !strstr((const char *)a.body.data, body))
		fail_msg("GET %s: %u %s", page, a.status, (const char *)a.body.data);
	http_answer_free(&a);
}

static double scraped(const char *address, const char *token, const char *name, const char *labels)
{
	struct http_answer a;
	struct scrape s;
	get(address, "/metrics", token, "text/plain", &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(http_field(&a, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
	scrape_parse(&s, (const char *)a.body.data, false);
	assert_string_equal(s.fault, "");
	double value = scrape_value(&s, name, labels);
	scrape_free(&s);
	http_answer_free(&a);
	return value;
}

static char *new_token(struct command *c, const char *name, const char *right, const char *pool)
{
	assert_candor(c, 0, "token", "new", name, right, pool ? "--pool" : NULL, pool);
	char *token = strdup(c->out);
	token[strcspn(token, "\n")] = 0;
	return token;
}

static void whoever_asks_learns_that_it_lives_and_is_ready_and_no_more(void **state)
{
	struct command *c = *state;
	start(c);
	const char *addresses[] = {own(c), foreign(c)};
	for (size_t i = 0; i < 2; i++) {
		expect(addresses[i], "/livez", NULL, 200, "ok\n");
		expect(addresses[i], "/livez?verbose", NULL, 200, "loop: ok\nok\n");
		expect(addresses[i], "/readyz", NULL, 200, "ok\n");
		expect(addresses[i], "/readyz?verbose", NULL, 200, "recovered: ok\nwritable: ok\nserving: ok\nok\n");
		expect(addresses[i], "/readyz?verbos", NULL, 400, "verbose");
	}
}

static void while_writes_are_refused_it_lives_and_is_not_ready(void **state)
{
	struct command *c = *state;
	sqlite3 *db;
	start(c);
	assert_candor(c, 0, "pool", "create", "p");
	assert_int_equal(sqlite3_open_v2(c->daemon.db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_not_equal(command_run(c, NULL, ARGS("report", "p", "i", "a", "0.5")), 0);
	expect(own(c), "/livez", NULL, 200, "ok\n");
	expect(own(c), "/readyz?verbose", NULL, 503, "recovered: ok\nwritable: failed\nserving: ok\nfailed\n");
	expect(own(c), "/readyz", NULL, 503, "failed\n");
	assert_near(scraped(own(c), NULL, "candor_read_only", "reason=\"locked\""), 1, 0);
	assert_true(scraped(own(c), NULL, "candor_commits_failed_total", "") >= 1);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	struct http_answer a = {0};
	for (int i = 0; i < 1000 && a.status != 200; i++) {
		nap_ms(20);
		get(own(c), "/readyz", NULL, "*/*", &a);
		unsigned status = a.status;
		http_answer_free(&a);
		a.status = status;
	}
	assert_int_equal(a.status, 200);
}

static void figures_are_for_who_may_inspect_all_pools(void **state)
{
	struct command *c = *state;
	start(c);
	assert_candor(c, 0, "pool", "create", "p");
	char *all = new_token(c, "all", "inspect", NULL), *one = new_token(c, "one", "inspect", "p");
	char *other = new_token(c, "other", "report,read,outcome", NULL), *admin = new_token(c, "adm", "admin", NULL);
	const char *tcp = foreign(c);
	expect(tcp, "/metrics", NULL, 401, "authentication required");
	expect(tcp, "/metrics", "candor_nonsense", 401, "token");
	expect(tcp, "/metrics", one, 403, "inspect");
	expect(tcp, "/metrics", other, 403, "inspect");
	expect(tcp, "/metrics", all, 200, "candor_pool_labelers{pool=\"p\"} 0\n");
	expect(tcp, "/metrics", admin, 200, "candor_build_info");
	assert_candor(c, 0, "token", "revoke", "all");
	expect(tcp, "/metrics", all, 401, "token");
	assert_true(scraped(tcp, admin, "candor_auth_failures_total", "") >= 2);
	free(all);
	free(one);
	free(other);
	free(admin);
}

static void figures_are_those_of_what_was_done(void **state)
{
	struct command *c = *state;
	char web[160];
	start(c);
	assert_candor(c, 0, "pool", "create", "p");
	assert_candor(c, 0, "report", "p", "i", "ann", "0.9");
	assert_candor(c, 0, "report", "p", "i", "ben", "0.2");
	assert_candor(c, 0, "resolve", "p", "i", "1");
	assert_candor(c, 0, "report", "p", "j", "ben", "0.2");
	const char *at = own(c);
	assert_near(scraped(at, NULL, "candor_reports_total", "result=\"accepted\""), 3, 0);
	assert_near(scraped(at, NULL, "candor_requests_total", "kind=\"resolve_items\",code=\"OK\""), 1, 0);
	assert_near(scraped(at, NULL, "candor_request_duration_seconds_count", "kind=\"post_reports\""), 3, 0);
	assert_true(scraped(at, NULL, "candor_commit_duration_seconds_count", "") >= 4);
	assert_true(scraped(at, NULL, "candor_loop_lag_seconds_count", "") > 0);
	assert_true(scraped(at, NULL, "candor_database_bytes", "") > 0);
	assert_true(scraped(at, NULL, "candor_wal_bytes", "") > 0);
	assert_true(scraped(at, NULL, "candor_disk_available_bytes", "") > 0);
	assert_true(scraped(at, NULL, "candor_memory_bytes", "share=\"connections\"") > 0);
	assert_near(scraped(at, NULL, "candor_pool_items", "pool=\"p\",state=\"resolved\""), 1, 0);
	assert_near(scraped(at, NULL, "candor_pool_items", "pool=\"p\",state=\"open\""), 1, 0);
	snprintf(web, sizeof web, "listener=\"http+unix:%s/web\"", c->daemon.dir);
	assert_near(scraped(at, NULL, "candor_connections", web), 1, 0);
	/* Labelers are looked at once a second. */
	double regret = NAN;
	for (int i = 0; i < 1000 && isnan(regret); i++) {
		regret = scraped(at, NULL, "candor_pool_regret", "pool=\"p\"");
		nap_ms(20);
	}
	assert_true(regret > 0);
	double gain = scraped(at, NULL, "candor_pool_gain", "pool=\"p\"");
	assert_true(gain > 0);
	assert_true(scraped(at, NULL, "candor_pool_regret_bound", "pool=\"p\"") > gain);
	assert_true(scraped(at, NULL, "candor_pool_largest_weight_ratio", "pool=\"p\"") > 0.5);
	struct http_answer a;
	struct scrape s;
	get(at, "/metrics", NULL, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", &a);
	assert_string_equal(http_field(&a, "Content-Type"),
			    "application/openmetrics-text; version=1.0.0; charset=utf-8");
	scrape_parse(&s, (const char *)a.body.data, true);
	assert_string_equal(s.fault, "");
	scrape_free(&s);
	http_answer_free(&a);
}

/* It is made in pieces as the peer takes it, which is at once, or late. */
static void a_long_page_comes_to_its_end(void **state)
{
	enum { POOLS = 300, TIMES = 20 };
	struct command *c = *state;
	start(c);
	struct candor *session = daemon_connect(&c->daemon);
	for (int i = 0; i < POOLS; i++) {
		char name[48];
		const struct candor_response *r;
		snprintf(name, sizeof name, "campaign-of-a-platform-%d", i);
		struct candor_request request = {.type = CANDOR_REQ_CREATE_POOL, .pool = name};
		assert_int_equal(candor_call(session, &request, &r), 0);
		assert_int_equal(r->code, CANDOR_OK);
	}
	daemon_disconnect(&c->daemon, session);
	const char *addresses[] = {own(c), foreign(c)};
	char *token = new_token(c, "all", "inspect", NULL);
	for (int i = 0; i < TIMES; i++) {
		struct http_answer a;
		struct scrape s;
		get(addresses[i % 2], "/metrics", i % 2 ? token : NULL, "text/plain", &a);
		assert_int_equal(a.status, 200);
		assert_true(a.is_chunked && a.chunks > 2);
		scrape_parse(&s, (const char *)a.body.data, false);
		assert_string_equal(s.fault, "");
		assert_int_equal(scrape_count(&s, "candor_pool_labelers"), POOLS);
		scrape_free(&s);
		http_answer_free(&a);
	}
	free(token);
}

#define PAGES(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGES(whoever_asks_learns_that_it_lives_and_is_ready_and_no_more),
		PAGES(while_writes_are_refused_it_lives_and_is_not_ready),
		PAGES(figures_are_for_who_may_inspect_all_pools),
		PAGES(figures_are_those_of_what_was_done),
		PAGES(a_long_page_comes_to_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
