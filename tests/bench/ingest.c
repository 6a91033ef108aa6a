/* Durable ingest over the socket, against a bare SQLite loop that inserts the same rows in ascending key order.
 *
 * One client process posts batches of 256 reports, 64 in flight, on 10,000 open items, synchronous = FULL: in item
 * order, and in shuffled order. The bare loop has nothing between it and SQLite: no socket, no names, no answers; 1,024
 * rows a transaction, WAL, FULL, keys ascending, the order that SQLite likes best. Each run measures all three, one
 * after the other, and the ratio is the median over the runs. And the shuffled rows once more by a principal with
 * limits that it does not reach, against the same without. */
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "client/candor_async.h"
#include "tests/bench/bench.h"
#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"

enum { ITEMS = 10000, BATCH = 256, IN_FLIGHT = 64, ROWS_A_TRANSACTION = 1024, NAME_BYTES = 40 };

struct rows {
	size_t n;
	uint32_t *item, *labeler; /* by row */
	double *value;
	char (*items)[NAME_BYTES], (*labelers)[NAME_BYTES];
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

/* n / ITEMS labelers report on every item, in item order or shuffled. Names have 36 bytes, as UUIDs do. */
static void make_rows(struct rows *r, size_t n, bool shuffled)
{
	uint64_t state = 1;
	size_t each = n / ITEMS;
	r->n = each * ITEMS;
	r->item = must(malloc(r->n * sizeof *r->item));
	r->labeler = must(malloc(r->n * sizeof *r->labeler));
	r->value = must(malloc(r->n * sizeof *r->value));
	r->items = must(malloc(ITEMS * sizeof *r->items));
	r->labelers = must(malloc(each * sizeof *r->labelers));
	for (size_t i = 0; i < ITEMS; i++)
		snprintf(r->items[i], NAME_BYTES, "item-%031zu", i);
	for (size_t i = 0; i < each; i++)
		snprintf(r->labelers[i], NAME_BYTES, "labeler-%028zu", i);
	for (size_t i = 0; i < r->n; i++) {
		r->item[i] = (uint32_t)(i / each);
		r->labeler[i] = (uint32_t)(i % each);
		r->value[i] = (double)(next_random(&state) >> 11) * 0x1p-53;
	}
	for (size_t i = r->n - 1; shuffled && i > 0; i--) {
		size_t k = next_random(&state) % (i + 1);
		uint32_t item = r->item[i], labeler = r->labeler[i];
		r->item[i] = r->item[k];
		r->labeler[i] = r->labeler[k];
		r->item[k] = item;
		r->labeler[k] = labeler;
	}
}

static void sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", text, sqlite3_errmsg(db));
		exit(1);
	}
}

/* Rows a second of the bare loop. */
static double run_bare(const struct rows *r)
{
	struct daemon d;
	sqlite3 *db;
	sqlite3_stmt *s;
	daemon_init(&d);
	if (sqlite3_open(d.db, &db) != SQLITE_OK)
		exit(1);
	sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536");
	sql(db, "CREATE TABLE reports (item INTEGER, labeler INTEGER, value REAL, at INTEGER,"
		" PRIMARY KEY (item, labeler)) WITHOUT ROWID");
	sqlite3_prepare_v2(db, "INSERT INTO reports VALUES (?,?,?,?)", -1, &s, NULL);
	double began = clock_s();
	for (size_t i = 0; i < r->n; i++) {
		if (i % ROWS_A_TRANSACTION == 0)
			sql(db, "BEGIN");
		sqlite3_bind_int64(s, 1, r->item[i]);
		sqlite3_bind_int64(s, 2, r->labeler[i]);
		sqlite3_bind_double(s, 3, r->value[i]);
		sqlite3_bind_int64(s, 4, 1700000000000 + (sqlite3_int64)i);
		if (sqlite3_step(s) != SQLITE_DONE)
			exit(1);
		sqlite3_reset(s);
		if ((i + 1) % ROWS_A_TRANSACTION == 0 || i + 1 == r->n)
			sql(db, "COMMIT");
	}
	double rate = (double)r->n / (clock_s() - began);
	sqlite3_finalize(s);
	sqlite3_close(db);
	daemon_deinit(&d);
	return rate;
}

struct poster {
	const struct rows *rows;
	size_t next;
	uint64_t accepted;
	struct candor_client *client;
};

static void post(struct poster *p);

static void on_posted(struct candor_client *client, int status, const struct candor_response *r, void *arg)
{
	struct poster *p = arg;
	if (status || r->code != CANDOR_OK || r->n_rejected) {
		fprintf(stderr, "post: %s\n", status ? candor_strerror(status) : r->message);
		exit(1);
	}
	p->accepted += r->batch.accepted;
	post(p);
	if (p->accepted == p->rows->n)
		candor_client_close(client, NULL, NULL);
}

static void post(struct poster *p)
{
	const struct rows *r = p->rows;
	struct candor_report reports[BATCH];
	size_t n = 0;
	for (; n < BATCH && p->next < r->n; n++, p->next++) {
		size_t i = p->next;
		reports[n] = (struct candor_report){r->items[r->item[i]], r->labelers[r->labeler[i]], r->value[i]};
	}
	const struct candor_request request = {
		.type = CANDOR_REQ_POST_REPORTS, .pool = "bench", .n = n, .reports = reports};
	int err = n ? candor_client_send(p->client, &request, on_posted, p) : 0;
	if (err) {
		fprintf(stderr, "send: %s\n", candor_strerror(err));
		exit(1);
	}
}

/* A token that may report, into secret, which is then pointed to. */
static const char *make_token(struct candor *c, char secret[CANDOR_TOKEN_MAX + 1])
{
	const struct candor_grant grant = {"", "bench", "", CANDOR_RIGHT_REPORT};
	const struct candor_request make = {.type = CANDOR_REQ_CREATE_TOKEN, .name = "bench", .n = 1, .grants = &grant};
	const struct candor_response *answer;
	if (candor_call(c, &make, &answer) || answer->code)
		exit(1);
	snprintf(secret, CANDOR_TOKEN_MAX + 1, "%s", answer->secret);
	return secret;
}

/* Reports a second, from the first one sent to the last one acknowledged. The daemon's own user has no limits: where
 * there are to be some, a token posts. */
static double run_socket(const struct rows *r, bool by_token, const char *const *options)
{
	struct daemon d;
	char secret[CANDOR_TOKEN_MAX + 1];
	daemon_init(&d);
	daemon_start(&d, options);
	struct candor *c = daemon_connect(&d);
	call_create_pool(c, "bench");
	const struct candor_options speak = {.token = by_token ? make_token(c, secret) : NULL};
	daemon_disconnect(&d, c);

	uv_loop_t loop;
	struct poster p = {.rows = r};
	uv_loop_init(&loop);
	if (candor_client_new(&p.client, &loop, d.address, &speak))
		exit(1);
	double began = clock_s();
	for (int i = 0; i < IN_FLIGHT; i++)
		post(&p);
	uv_run(&loop, UV_RUN_DEFAULT);
	double rate = (double)r->n / (clock_s() - began);
	uv_loop_close(&loop);
	if (daemon_stop(&d))
		exit(1);
	daemon_deinit(&d);
	return rate;
}

int main(void)
{
	struct rows ascending, any;
	size_t n = bench_size("BENCH_REPORTS", 1000000);
	size_t runs = bench_runs();
	/* Far above what is sent. */
	static const char *const limits[] = {"--limit-requests",   "1000000000",    "--limit-reports",
					     "1000000000",         "--limit-bytes", "1024G",
					     "--limit-open-items", "1000000000",    NULL};
	double bare[50], sorted[50], shuffled[50], sorted_ratio[50], shuffled_ratio[50];
	double by_token[50], limited[50], limited_ratio[50];
	make_rows(&ascending, n, false);
	make_rows(&any, n, true);
	for (size_t i = 0; i < runs; i++) {
		bare[i] = run_bare(&ascending);
		sorted[i] = run_socket(&ascending, false, NULL);
		shuffled[i] = run_socket(&any, false, NULL);
		/* What runs first meets another disk: each does so every other time. */
		for (size_t k = i; k < i + 2; k++)
			*(k % 2 ? &limited[i] : &by_token[i]) = run_socket(&any, true, k % 2 ? limits : NULL);
		limited_ratio[i] = limited[i] / by_token[i];
		sorted_ratio[i] = sorted[i] / bare[i];
		shuffled_ratio[i] = shuffled[i] / bare[i];
	}
	double limit = bench_median(bare, runs);
	bench_print("durable reports, item order", bench_median(sorted, runs), "bare SQLite, ascending keys", limit,
		    bench_median(sorted_ratio, runs));
	bench_print("durable reports, shuffled over 10,000 items", bench_median(shuffled, runs),
		    "bare SQLite, ascending keys", limit, bench_median(shuffled_ratio, runs));
	bench_print("the same by a token with limits", bench_median(limited, runs), "by a token without",
		    bench_median(by_token, runs), bench_median(limited_ratio, runs));
	return 0;
}
