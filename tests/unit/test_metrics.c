/* The page of figures over an engine: its format, line by line, and that each figure is what it says. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/engine/state.h"
#include "daemon/engine/survey.h"
#include "daemon/engine/watch.h"
#include "daemon/metrics/metrics.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/scrape.h"
#include "tests/lib/seed.h"

/* ---- a page ---- */

static uint64_t now_ms;

static void look(void *owner, struct metrics_daemon *out)
{
	(void)owner;
	*out = (struct metrics_daemon){
		.began_at = 1500,
		.started_at = 2000,
		.now = now_ms,
		.lag = {.n = 3, .sum = 1200000, .each = {2, 0, 1}},
		.database_bytes = 4096,
		.wal_bytes = 8192,
		.disk_bytes = 1ull << 40,
		.memory_limit = 1 << 30,
		.connections_bytes = 1,
		.connections_max = 2,
		.sqlite_bytes = 3,
	};
}

static bool listener(void *owner, size_t i, char text[ADDRESS_TEXT_MAX], uint64_t *connections)
{
	(void)owner;
	snprintf(text, ADDRESS_TEXT_MAX, "%s", i ? "unix:/run/\"candor\"\\candord.sock" : "tcp:127.0.0.1:7432");
	*connections = i + 5;
	return i < 2;
}

static bool refusal(void *owner, size_t i, const char **reason, uint64_t *n)
{
	(void)owner;
	*reason = "memory";
	*n = 7;
	return i < 1;
}

/* In pieces of `want`; the caller frees it. */
static char *page(struct fake_owner *f, uint64_t pools, const char *accept, size_t want)
{
	struct metrics_source source = {f->engine, pools, look, listener, refusal, NULL};
	struct body *body;
	struct buf out = {0};
	const char *type;
	int more;
	assert_int_equal(metrics_new(&body, &source, accept, &type), 0);
	do {
		size_t before = out.len;
		more = body_next(body, want, &out);
		assert_true(more >= 0);
		/* Each piece has something, and none is much longer than was wanted: a histogram is the longest part. */
		assert_true(out.len > before || !more);
		assert_true(out.len - before < want + 4096);
		assert_true(body_bytes(body) > 0);
	} while (more);
	body_free(body);
	assert_int_equal(buf_append(&out, "", 1), 0);
	return (char *)out.data;
}

static void scrape(struct fake_owner *f, uint64_t pools, struct scrape *s)
{
	char *text = page(f, pools, "", 65536);
	scrape_parse(s, text, false);
	assert_string_equal(s->fault, "");
	free(text);
}

/* Of all samples of one scrape. */
static double value(struct fake_owner *f, const char *name, const char *labels)
{
	struct scrape s;
	scrape(f, 100, &s);
	double got = scrape_value(&s, name, labels);
	scrape_free(&s);
	return got;
}

#define assert_value(f, want, name, labels) assert_near(value(f, name, labels), want, 1e-9)

/* As long as the labelers that there are need. */
static void survey(struct fake_owner *f)
{
	for (int i = 0; i < 10; i++)
		engine_watch_tick(f->engine);
}

/* ---- the format ---- */

static void a_page_is_well_formed_in_both_formats_and_pieces_of_any_size(void **state)
{
	static const char *const accepts[] = {"", "application/openmetrics-text;version=1.0.0"};
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	fake_pool(f, "quotes \" and \\ and {=,} \xf0\x9f\x90\xa6", NULL);
	for (int i = 0; i < 20; i++)
		assert_int_equal(fake_post(f, "p", "i", i % 2 ? "a" : "b", (double)i / 20), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "p", "i", 1), CANDOR_OK);
	survey(f);
	for (size_t k = 0; k < 2; k++) {
		char *whole = page(f, 100, accepts[k], 1 << 20);
		static const size_t wants[] = {1, 100, 4096};
		struct scrape s;
		scrape_parse(&s, whole, k == 1);
		assert_string_equal(s.fault, "");
		assert_true(s.n > 400);
		assert_near(scrape_value(&s, "candor_pool_labelers",
					 "pool=\"quotes \\\" and \\\\ and {=,} \xf0\x9f\x90\xa6\""),
			    0, 0);
		scrape_free(&s);
		for (size_t i = 0; i < 3; i++) {
			char *pieces = page(f, 100, accepts[k], wants[i]);
			/* But for what the processor does meanwhile. */
			char *mine = strstr(pieces, "# HELP candor_pool_labelers"), *its = strstr(whole, mine);
			assert_non_null(mine);
			assert_non_null(its);
			assert_int_equal((size_t)(strstr(pieces, "# HELP process_cpu") - pieces),
					 (size_t)(strstr(whole, "# HELP process_cpu") - whole));
			free(pieces);
		}
		free(whole);
	}
}

static void the_format_is_the_one_that_is_accepted(void **state)
{
	static const struct {
		const char *accept;
		bool open_metrics;
	} cases[] = {
		{"", false},
		{"*/*", false},
		{"text/plain", false},
		{"text/plain;version=0.0.4;q=0.5,*/*;q=0.1", false},
		{"application/openmetrics-text", true},
		{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
		 "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		 true},
		{"application/openmetrics-text; version=1.0.0; q=0, text/plain", false},
		{"application/openmetrics-text;q=0.5,text/plain;q=0", true},
	};
	struct fake_owner *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct metrics_source source = {f->engine, 100, look, listener, refusal, NULL};
		struct body *body;
		const char *type;
		assert_int_equal(metrics_new(&body, &source, cases[i].accept, &type), 0);
		body_free(body); /* in the middle of it, too */
		assert_string_equal(type, cases[i].open_metrics
						  ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
						  : "text/plain; version=0.0.4; charset=utf-8");
		char *text = page(f, 100, cases[i].accept, 4096);
		assert_int_equal(strstr(text, "# EOF\n") != NULL, cases[i].open_metrics);
		free(text);
	}
}

/* ---- figures of the daemon ---- */

static void what_the_daemon_says_of_itself_is_told_in_base_units(void **state)
{
	struct fake_owner *f = *state;
	assert_value(f, 1, "candor_build_info", "version=\"" CANDOR_VERSION "\"");
	assert_value(f, 2, "candor_start_time_seconds", "");
	assert_value(f, 1.5, "process_start_time_seconds", "");
	assert_value(f, 5, "candor_connections", "listener=\"tcp:127.0.0.1:7432\"");
	assert_value(f, 6, "candor_connections", "listener=\"unix:/run/\\\"candor\\\"\\\\candord.sock\"");
	assert_value(f, 7, "candor_refused_total", "reason=\"memory\"");
	assert_value(f, 0, "candor_refused_total", "reason=\"rate_limit\"");
	assert_value(f, 0, "candor_auth_failures_total", "");
	assert_value(f, 0.0012, "candor_loop_lag_seconds_sum", "");
	assert_value(f, 3, "candor_loop_lag_seconds_count", "");
	assert_value(f, 2, "candor_loop_lag_seconds_bucket", "le=\"0.0001\"");
	assert_value(f, 3, "candor_loop_lag_seconds_bucket", "le=\"1.0\"");
	assert_value(f, 4096, "candor_database_bytes", "");
	assert_value(f, 8192, "candor_wal_bytes", "");
	assert_value(f, (double)(1ull << 40), "candor_disk_available_bytes", "");
	assert_value(f, 1 << 30, "candor_memory_limit_bytes", "");
	assert_value(f, 1, "candor_memory_bytes", "share=\"connections\"");
	assert_value(f, 2, "candor_memory_share_limit_bytes", "share=\"connections\"");
	assert_true(isnan(value(f, "candor_memory_share_limit_bytes", "share=\"sqlite\"")));
	assert_true(value(f, "process_open_fds", "") >= 3);
	assert_true(value(f, "process_max_fds", "") >= value(f, "process_open_fds", ""));
	assert_true(value(f, "process_resident_memory_bytes", "") > 100000);
	assert_true(value(f, "process_virtual_memory_bytes", "") > value(f, "process_resident_memory_bytes", ""));
	assert_true(value(f, "process_cpu_seconds_total", "") > 0);
}

/* Shares that the engine keeps add up to what it takes. */
static void shares_of_memory_are_those_of_the_account(void **state)
{
	static const char *const shares[] = {"pools", "batches", "reads", "grants", "limits"};
	struct fake_owner *f = *state;
	double sum = 0;
	fake_pool(f, "p", NULL);
	assert_int_equal(fake_post(f, "p", "i", "a", 0.5), CANDOR_OK);
	struct scrape s;
	scrape(f, 100, &s);
	for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
		char labels[64];
		snprintf(labels, sizeof labels, "share=\"%s\"", shares[i]);
		sum += scrape_value(&s, "candor_memory_bytes", labels);
	}
	scrape_free(&s);
	assert_near(sum, (double)engine_bytes(f->engine), 0);
}

static void counters_really_count(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	assert_value(f, 0, "candor_reports_total", "result=\"accepted\"");
	double commits = value(f, "candor_commit_duration_seconds_count", "");
	assert_int_equal(fake_post(f, "p", "i", "a", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "i", "a", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "i", "a", 7), CANDOR_INVALID_ARGUMENT);
	assert_value(f, 1, "candor_reports_total", "result=\"accepted\"");
	assert_value(f, 1, "candor_reports_total", "result=\"duplicate\"");
	assert_value(f, 1, "candor_reports_total", "result=\"rejected\"");
	assert_true(value(f, "candor_commit_duration_seconds_count", "") > commits);
	assert_true(value(f, "candor_commit_rows_sum", "") > value(f, "candor_commit_rows_count", ""));
	engine_count_answer(f->engine, CANDOR_REQ_GET_POOL, CANDOR_NOT_FOUND, engine_now_ns(f->engine) - 2000000);
	assert_value(f, 1, "candor_requests_total", "kind=\"get_pool\",code=\"NOT_FOUND\"");
	assert_value(f, 0, "candor_requests_total", "kind=\"get_pool\",code=\"OK\"");
	assert_true(isnan(value(f, "candor_requests_total", "kind=\"get_pool\",code=\"INTERNAL\"")));
	assert_value(f, 0, "candor_request_duration_seconds_bucket", "kind=\"get_pool\",le=\"0.001\"");
	assert_value(f, 1, "candor_request_duration_seconds_bucket", "kind=\"get_pool\",le=\"0.0025\"");
	assert_value(f, 0.002, "candor_request_duration_seconds_sum", "kind=\"get_pool\"");
}

static void writes_that_are_refused_show_why(void **state)
{
	struct fake_owner *f = *state;
	static const struct {
		int err;
		const char *reason, *other;
	} cases[] = {
		{ERR_DISK_FULL, "reason=\"disk_full\"", "reason=\"locked\""},
		{ERR_BUSY, "reason=\"locked\"", "reason=\"disk_full\""},
	};
	fake_pool(f, "p", NULL);
	assert_int_equal(fake_post(f, "p", "i", "a", 0.5), CANDOR_OK);
	for (size_t i = 0; i < 2; i++) {
		double failed = value(f, "candor_commits_failed_total", "");
		assert_value(f, 0, "candor_read_only", cases[i].reason);
		struct ask *lost = fake_ask_post(f, "p", "i", "a", 0.25);
		assert_true(fake_tick(f));
		fake_commit(f, cases[i].err);
		ask_free(lost);
		assert_value(f, 1, "candor_read_only", cases[i].reason);
		assert_value(f, 0, "candor_read_only", cases[i].other);
		assert_value(f, failed + 1, "candor_commits_failed_total", "");
		engine_probe(f->engine);
		fake_settle(f);
	}
}

/* ---- figures of pools ---- */

static void a_pools_figures_are_those_that_it_has(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	f->now_ms = 100000;
	for (int i = 0; i < 6; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i);
		assert_int_equal(fake_post(f, "p", item, "ann", i % 2 ? 0.9 : 0.1), CANDOR_OK);
		assert_int_equal(fake_post(f, "p", item, "ben", 0.5), CANDOR_OK);
		assert_int_equal(fake_post(f, "p", item, "eve", i % 2 ? 0.2 : 0.8), CANDOR_OK);
		f->now_ms += 1000;
	}
	now_ms = f->now_ms;
	assert_value(f, 6, "candor_pool_oldest_open_item_age_seconds", "pool=\"p\"");
	for (int i = 0; i < 3; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i);
		assert_int_equal(fake_resolve(f, "p", item, i % 2), CANDOR_OK);
	}
	assert_int_equal(fake_close(f, "p", "i4"), CANDOR_OK);
	assert_int_equal(fake_void(f, "p", "i3"), CANDOR_OK);
	for (int restart = 0; restart < 2; restart++) {
		if (restart)
			fake_restart(f);
		assert_true(isnan(value(f, "candor_pool_regret", "pool=\"p\"")) || !restart);
		survey(f);
		struct candor_request r = {.type = CANDOR_REQ_GET_POOL, .pool = "p"};
		struct candor_pool p = fake_call(f, &r)->pool;
		struct candor_best best = *p.best;
		assert_value(f, 3, "candor_pool_labelers", "pool=\"p\"");
		assert_value(f, 1, "candor_pool_items", "pool=\"p\",state=\"open\"");
		assert_value(f, 1, "candor_pool_items", "pool=\"p\",state=\"closed\"");
		assert_value(f, 3, "candor_pool_items", "pool=\"p\",state=\"resolved\"");
		assert_value(f, 1, "candor_pool_items", "pool=\"p\",state=\"void\"");
		assert_value(f, 1, "candor_pool_outcomes_awaited", "pool=\"p\"");
		assert_value(f, 3, "candor_pool_settlements_total", "pool=\"p\"");
		assert_value(f, 1, "candor_pool_oldest_open_item_age_seconds", "pool=\"p\"");
		assert_value(f, p.mean_loss, "candor_pool_loss_total", "pool=\"p\",aggregate=\"mean\"");
		assert_value(f, p.median_loss, "candor_pool_loss_total", "pool=\"p\",aggregate=\"median\"");
		assert_value(f, p.plain_mean_loss, "candor_pool_loss_total", "pool=\"p\",aggregate=\"plain_mean\"");
		assert_value(f, p.plain_median_loss, "candor_pool_loss_total", "pool=\"p\",aggregate=\"plain_median\"");
		assert_near(value(f, "candor_pool_regret", "pool=\"p\""), best.regret, 1e-9);
		assert_near(value(f, "candor_pool_gain", "pool=\"p\""), best.gain, 1e-9);
		assert_near(value(f, "candor_pool_regret_bound", "pool=\"p\""), best.bound, 1e-9 * fabs(best.bound));
		double sum = 0, squares = 0, most = 0;
		r = (struct candor_request){.type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .limit = 100};
		const struct candor_response *all = fake_call(f, &r);
		for (size_t i = 0; i < all->n; i++) {
			double w = all->labelers[i].weight;
			sum += w;
			squares += w * w;
			most = w > most ? w : most;
		}
		assert_true(all->n == 3 && most > sum / 3);
		assert_near(value(f, "candor_pool_largest_weight_ratio", "pool=\"p\""), most / sum, 1e-9);
		assert_near(value(f, "candor_pool_effective_labelers", "pool=\"p\""), sum * sum / squares, 1e-9);
	}
	assert_int_equal(fake_close(f, "p", "i5"), CANDOR_OK);
	assert_value(f, 0, "candor_pool_oldest_open_item_age_seconds", "pool=\"p\"");
}

/* Items end in any order, and the age is always that of the oldest that is left, as a list of all says. */
static void the_oldest_open_item_is_known_whatever_ends(void **state)
{
	enum { ITEMS = 40 };
	struct fake_owner *f = *state;
	struct random r;
	uint64_t opened[ITEMS] = {0};
	seed_random(&r, 74);
	fake_pool(f, "p", NULL);
	f->now_ms = 1000;
	for (int step = 0; step < 200; step++) {
		size_t i = random_below(&r, ITEMS), seen = 0;
		char name[16];
		uint64_t oldest = 0;
		snprintf(name, sizeof name, "i%zu", i);
		f->now_ms += 1000;
		if (opened[i] == 0) {
			assert_int_equal(fake_post(f, "p", name, "a", 0.5), CANDOR_OK);
			opened[i] = f->now_ms;
		} else if (opened[i] != UINT64_MAX) {
			enum candor_code code = step % 3 == 0   ? fake_close(f, "p", name)
						: step % 3 == 1 ? fake_resolve(f, "p", name, 1)
								: fake_void(f, "p", name);
			assert_int_equal(code, CANDOR_OK);
			opened[i] = UINT64_MAX;
		}
		if (step % 50 == 49)
			fake_restart(f);
		for (size_t k = 0; k < ITEMS; k++) {
			bool is_open = opened[k] != 0 && opened[k] != UINT64_MAX;
			seen += is_open;
			if (is_open && (oldest == 0 || opened[k] < oldest))
				oldest = opened[k];
		}
		struct watched_pool w;
		engine_watch_pool(f->engine, 0, &w);
		assert_int_equal(w.open, seen);
		assert_int_equal(w.oldest_open_at, oldest);
	}
}

static void labelers_are_looked_at_in_slices_and_again_when_something_changed(void **state)
{
	enum { LABELERS = 2 * SURVEY_STEPS + 1000, ROWS = 10000 };
	struct fake_owner *f = *state;
	static struct candor_report rows[ROWS];
	static char names[ROWS][16];
	struct watched_pool w;
	fake_pool(f, "p", NULL);
	for (size_t k = 0; k * ROWS < LABELERS; k++) {
		size_t n = LABELERS - k * ROWS < ROWS ? LABELERS - k * ROWS : ROWS;
		char item[16];
		snprintf(item, sizeof item, "i%zu", k);
		for (size_t i = 0; i < n; i++) {
			snprintf(names[i], sizeof names[i], "l%zu", k * ROWS + i);
			rows[i] = (struct candor_report){item, names[i], 0.5};
		}
		struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = n, .reports = rows};
		assert_int_equal(fake_call(f, &r)->batch.accepted, n);
	}
	for (int i = 0; i < 3; i++) {
		engine_watch_pool(f->engine, 0, &w);
		assert_false(w.has_weights);
		engine_watch_tick(f->engine);
	}
	engine_watch_pool(f->engine, 0, &w);
	assert_true(w.has_weights && !w.has_best);
	assert_near(w.effective, LABELERS, 1e-6 * LABELERS);
	assert_int_equal(fake_resolve(f, "p", "i0", 1), CANDOR_OK);
	for (int i = 0; i < 3; i++) {
		engine_watch_pool(f->engine, 0, &w);
		assert_false(w.has_best);
		engine_watch_tick(f->engine);
	}
	engine_watch_pool(f->engine, 0, &w);
	assert_true(w.has_best);
	/* Nothing has changed: nothing is begun. */
	engine_watch_tick(f->engine);
	assert_false(f->engine->survey.begun);
}

static void the_busiest_pools_have_figures_of_their_own(void **state)
{
	enum { POOLS = 30 };
	struct fake_owner *f = *state;
	struct scrape s;
	for (int i = 0; i < POOLS; i++) {
		char name[16];
		snprintf(name, sizeof name, "p%d", i);
		fake_pool(f, name, NULL);
		/* As busy as (7 i) mod 30. */
		for (int k = 0; k < i * 7 % POOLS; k++)
			assert_int_equal(fake_post(f, name, "i", "a", (double)k / POOLS), CANDOR_OK);
	}
	for (uint64_t most = 0; most <= POOLS + 5; most += 5) {
		scrape(f, most, &s);
		size_t shown = most < POOLS ? most : POOLS;
		assert_int_equal(scrape_count(&s, "candor_pool_labelers"), shown);
		assert_int_equal(scrape_count(&s, "candor_pool_items"), 4 * shown);
		assert_near(scrape_value(&s, "candor_pools", ""), POOLS, 0);
		for (int i = 0; i < POOLS; i++) {
			char labels[32];
			snprintf(labels, sizeof labels, "pool=\"p%d\"", i);
			bool is_shown = !isnan(scrape_value(&s, "candor_pool_labelers", labels));
			assert_int_equal(is_shown, (size_t)(i * 7 % POOLS) >= POOLS - shown);
		}
		scrape_free(&s);
	}
}

/* ---- who may look, and is it well ---- */

static void only_who_may_inspect_all_pools_may_look(void **state)
{
	struct fake_owner *f = *state;
	static const struct {
		const char *name, *pool;
		unsigned rights;
		enum candor_code code;
	} cases[] = {
		{"uid:1001", "", CANDOR_RIGHT_INSPECT, CANDOR_OK},
		{"uid:1002", "", CANDOR_RIGHT_ADMIN, CANDOR_OK},
		{"uid:1003", "p", CANDOR_RIGHT_INSPECT, CANDOR_PERMISSION_DENIED},
		{"uid:1004", "p", CANDOR_RIGHT_ADMIN, CANDOR_PERMISSION_DENIED},
		{"uid:1005", "",
		 CANDOR_RIGHT_REPORT | CANDOR_RIGHT_READ | CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_READ_OPEN,
		 CANDOR_PERMISSION_DENIED},
		{"uid:1006", NULL, 0, CANDOR_PERMISSION_DENIED},
	};
	const char *sentence;
	fake_pool(f, "p", NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct identity who = {.is_known = true, .is_local = true};
		snprintf(who.name, sizeof who.name, "%s", cases[i].name);
		const struct candor_grant grant = {cases[i].name, cases[i].pool ? cases[i].pool : "", "",
						   cases[i].rights};
		struct candor_request r = {.type = CANDOR_REQ_ADD_GRANT, .pool = grant.pool, .n = 1, .grants = &grant};
		if (cases[i].pool)
			assert_int_equal(fake_call(f, &r)->code, CANDOR_OK);
		assert_int_equal(engine_check_watcher(f->engine, &who, &sentence), cases[i].code);
		if (cases[i].code)
			assert_non_null(strstr(sentence, "inspect"));
	}
	struct identity owner = FAKE_OWNER, stranger = {.name = "tcp:192.0.2.1"};
	assert_int_equal(engine_check_watcher(f->engine, &owner, &sentence), CANDOR_OK);
	assert_int_equal(engine_check_watcher(f->engine, &stranger, &sentence), CANDOR_UNAUTHENTICATED);
	assert_non_null(strstr(sentence, "Bearer"));
}

static void whoever_asks_whether_it_can_write_has_it_tried(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	f->now_ms += 1000;
	assert_null(engine_why_not_writable(f->engine));
	assert_null(f->batch); /* a commit was just now */
	f->now_ms += 6000;
	assert_null(engine_why_not_writable(f->engine));
	assert_non_null(f->batch);
	assert_null(engine_why_not_writable(f->engine)); /* one at a time */
	f->now_ms += 11000;
	assert_non_null(strstr(engine_why_not_writable(f->engine), "under way"));
	fake_commit(f, 0);
	assert_null(engine_why_not_writable(f->engine));
	assert_null(f->batch);
	/* One that fails tells the next. */
	static const int errors[] = {ERR_DISK_FULL, ERR_BUSY};
	for (size_t i = 0; i < 2; i++) {
		f->now_ms += 6000;
		assert_null(engine_why_not_writable(f->engine));
		fake_commit(f, errors[i]);
		const char *why = engine_why_not_writable(f->engine);
		assert_non_null(why);
		assert_true(strncmp(why, candor_strerror(errors[i]), strlen(candor_strerror(errors[i]))) == 0);
		assert_true(engine_is_read_only(f->engine));
		engine_probe(f->engine);
		fake_commit(f, 0);
		assert_null(engine_why_not_writable(f->engine));
	}
	/* What is being filled is as good as a probe. */
	f->now_ms += 6000;
	struct ask *a = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = "q"});
	assert_null(engine_why_not_writable(f->engine));
	assert_null(f->batch);
	fake_settle(f);
	assert_int_equal(a->err, 0);
	ask_free(a);
	assert_int_equal(f->failed, 0);
}

#define WITH_ENGINE(test) cmocka_unit_test_setup_teardown(test, fake_set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ENGINE(a_page_is_well_formed_in_both_formats_and_pieces_of_any_size),
		WITH_ENGINE(the_format_is_the_one_that_is_accepted),
		WITH_ENGINE(what_the_daemon_says_of_itself_is_told_in_base_units),
		WITH_ENGINE(shares_of_memory_are_those_of_the_account),
		WITH_ENGINE(counters_really_count),
		WITH_ENGINE(writes_that_are_refused_show_why),
		WITH_ENGINE(a_pools_figures_are_those_that_it_has),
		WITH_ENGINE(the_oldest_open_item_is_known_whatever_ends),
		WITH_ENGINE(labelers_are_looked_at_in_slices_and_again_when_something_changed),
		WITH_ENGINE(the_busiest_pools_have_figures_of_their_own),
		WITH_ENGINE(only_who_may_inspect_all_pools_may_look),
		WITH_ENGINE(whoever_asks_whether_it_can_write_has_it_tried),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
