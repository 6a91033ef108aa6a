/* Settlements a second in a pool of 1,000 labelers and in one of 1,000,000: over the socket and on disk, and of the
 * library alone. Each item has 20 reporters drawn at random. The goal is that the large pool is at most 3 times dearer.
 */
#include <string.h>

#include "client/candor_async.h"
#include "tests/bench/bench.h"
#include "tests/lib/calls.h"
#include "lib/pool/pool.h"
#include "tests/lib/daemon.h"

enum { REPORTERS = 20, IN_FLIGHT = 64, SMALL = 1000, LARGE = 1000000, ROWS_A_BATCH = 1000, OUTCOMES_A_BATCH = 50 };

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Names are a letter and a number. First all labelers join, on items of their own, a thousand to an item. */

static void name(char prefix, uint32_t number, char *out)
{
	snprintf(out, 16, "%c%u", prefix, number);
}

/* ---- the library alone ---- */

static struct item *must_find(struct pool *p, const char *text)
{
	struct item *item = pool_find_item(p, text, strlen(text));
	if (!item && pool_add_item(p, text, strlen(text), &item))
		fail("item", "no memory");
	return item;
}

static void report(struct pool *p, uint32_t item, uint32_t labeler, double value)
{
	char i[16], l[16];
	struct pool_reported done;
	name('i', item, i);
	name('l', labeler, l);
	if (pool_report(p, must_find(p, i), l, strlen(l), value, 0, &done) < 0)
		fail("report", "no memory");
}

static double run_library(uint32_t labelers, uint32_t items)
{
	static const uint8_t key[NAMES_KEY_BYTES] = {1};
	struct candor_settings settings = {0};
	struct pool *p;
	uint64_t state = 7;
	mechanism_defaults(&settings);
	if (pool_new(&p, &settings, key))
		fail("pool", "no memory");
	for (uint32_t i = 0; i < labelers; i++)
		report(p, items + i / 1000, i, 0.5);
	for (uint32_t i = 0; i < items; i++)
		for (int k = 0; k < REPORTERS; k++)
			report(p, i, (uint32_t)(next_random(&state) % labelers),
			       (double)(next_random(&state) % 1001) / 1000);
	double began = clock_s();
	for (uint32_t i = 0; i < items; i++) {
		char text[16];
		struct pool_settled done;
		name('i', i, text);
		if (pool_resolve(p, must_find(p, text), i % 2, &done))
			fail("resolve", "refused");
	}
	double rate = items / (clock_s() - began);
	pool_free(p);
	return rate;
}

/* ---- over the socket, on disk ---- */

struct poster {
	struct candor_client *client;
	uint32_t labelers, items;
	uint64_t rows, next_row; /* reports */
	uint32_t next_item, settled;
	uint64_t state, done;
	bool settling;
};

static void post(struct poster *p);

static void on_answer(struct candor_client *client, int status, const struct candor_response *r, void *arg)
{
	struct poster *p = arg;
	if (status || r->code || r->n_rejected)
		fail("post", status ? candor_strerror(status) : r->code ? r->message : r->rejected[0].message);
	p->done += r->batch.accepted + r->batch.revised + r->batch.duplicates;
	post(p);
	if (candor_client_in_flight(client) == 0)
		uv_stop(uv_default_loop());
}

static void post_reports(struct poster *p)
{
	static char names[ROWS_A_BATCH][2][16];
	struct candor_report rows[ROWS_A_BATCH];
	size_t n = 0;
	for (; n < ROWS_A_BATCH && p->next_row < p->rows; n++, p->next_row++) {
		bool joining = p->next_row < p->labelers;
		uint64_t k = p->next_row - p->labelers;
		name('i', joining ? p->items + (uint32_t)p->next_row / 1000 : (uint32_t)(k / REPORTERS), names[n][0]);
		name('l', joining ? (uint32_t)p->next_row : (uint32_t)(next_random(&p->state) % p->labelers),
		     names[n][1]);
		rows[n] = (struct candor_report){names[n][0], names[n][1],
						 joining ? 0.5 : (double)(next_random(&p->state) % 1001) / 1000};
	}
	const struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "bench", .n = n, .reports = rows};
	if (n > 0 && candor_client_send(p->client, &r, on_answer, p))
		fail("send", "failed");
}

static void post_outcomes(struct poster *p)
{
	static char names[OUTCOMES_A_BATCH][16];
	struct candor_outcome rows[OUTCOMES_A_BATCH];
	size_t n = 0;
	for (; n < OUTCOMES_A_BATCH && p->next_item < p->items; n++, p->next_item++) {
		name('i', p->next_item, names[n]);
		rows[n] = (struct candor_outcome){names[n], p->next_item % 2};
	}
	const struct candor_request r = {.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "bench", .n = n, .outcomes = rows};
	if (n > 0 && candor_client_send(p->client, &r, on_answer, p))
		fail("send", "failed");
}

static void post(struct poster *p)
{
	if (p->settling)
		post_outcomes(p);
	else
		post_reports(p);
}

static double run_socket(uint32_t labelers, uint32_t items)
{
	struct daemon d;
	daemon_init(&d);
	daemon_start(&d, NULL);
	struct candor *c = daemon_connect(&d);
	call_create_pool(c, "bench");
	daemon_disconnect(&d, c);

	uv_loop_t *loop = uv_default_loop();
	struct poster p = {.labelers = labelers, .items = items, .state = 7};
	p.rows = labelers + (uint64_t)items * REPORTERS;
	if (candor_client_new(&p.client, loop, d.address, NULL))
		fail("client", "failed");
	for (int i = 0; i < IN_FLIGHT; i++)
		post(&p);
	uv_run(loop, UV_RUN_DEFAULT);
	p.settling = true;
	double began = clock_s();
	for (int i = 0; i < IN_FLIGHT; i++)
		post(&p);
	uv_run(loop, UV_RUN_DEFAULT);
	double rate = items / (clock_s() - began);
	candor_client_close(p.client, NULL, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	if (daemon_stop(&d))
		fail("candord", "did not stop cleanly");
	daemon_deinit(&d);
	return rate;
}

static void measure(const char *what, double (*run)(uint32_t, uint32_t), uint32_t items)
{
	size_t runs = bench_runs();
	double small[50], large[50], ratio[50];
	for (size_t i = 0; i < runs; i++) {
		small[i] = run(SMALL, items);
		large[i] = run(LARGE, items);
		ratio[i] = small[i] / large[i];
	}
	printf("%-42s %10.0f /s  %-30s %10.0f /s  dearer by %.2f\n", what, bench_median(large, runs),
	       "at 1,000 labelers", bench_median(small, runs), bench_median(ratio, runs));
	fflush(stdout);
}

int main(void)
{
	uint32_t items = (uint32_t)bench_size("BENCH_SETTLEMENTS", 50000);
	measure("settlements at 1,000,000 labelers, durable", run_socket, items);
	measure("settlements at 1,000,000, library alone", run_library, items);
	uv_loop_close(uv_default_loop());
	return 0;
}
