/* What encryption costs: the same work over TLS and over plain TCP, on loopback, one after the other in each run.
 *
 * Two daemons, one client process at a time. Durable ingest is batches of 256 reports, 64 in flight; questions are of
 * one item, whose answers are short, and of 100 items, some 10 KiB an answer, 64 in flight each. */
#include <string.h>

#include "client/candor_async.h"
#include "tests/bench/bench.h"
#include "tests/lib/calls.h"
#include "tests/lib/allow.h"
#include "tests/lib/secure.h"

enum { ITEMS = 2000, BATCH = 256, MANY = 100, IN_FLIGHT = 64, NAME_BYTES = 24, WORKS = 3 };

enum work { POST, ASK_ONE, ASK_MANY };

struct side {
	struct daemon daemon;
	const char *address;
	struct candor_options options;
	char token[TOKEN_TEXT_BYTES];
};

struct asker {
	enum work work;
	size_t total, sent, answered; /* requests */
	size_t round; /* what was posted in another is revised, and so written */
	struct candor_client *client;
	char (*names)[NAME_BYTES];
};

static _Noreturn void give_up(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static void ask(struct asker *a);

static void on_answer(struct candor_client *client, int status, const struct candor_response *r, void *arg)
{
	struct asker *a = arg;
	if (status || r->code != CANDOR_OK || r->n_rejected)
		give_up("answer", status ? candor_strerror(status) : r->message);
	if (++a->answered == a->total)
		candor_client_close(client, NULL, NULL);
	else if (a->sent < a->total)
		ask(a);
}

static void ask(struct asker *a)
{
	struct candor_report reports[BATCH];
	const char *items[MANY];
	size_t at = a->sent * BATCH;
	struct candor_request r = {.type = CANDOR_REQ_QUERY_ITEMS, .pool = "bench", .items = items};
	if (a->work == POST) {
		char labeler[NAME_BYTES];
		snprintf(labeler, sizeof labeler, "labeler %zu", at / ITEMS % 1000);
		for (size_t i = 0; i < BATCH; i++)
			reports[i] = (struct candor_report){a->names[(at + i) % ITEMS], labeler,
							    (double)((at + a->round) % 97) / 97};
		r = (struct candor_request){
			.type = CANDOR_REQ_POST_REPORTS, .pool = "bench", .n = BATCH, .reports = reports};
	} else {
		r.n = a->work == ASK_ONE ? 1 : MANY;
		for (size_t i = 0; i < r.n; i++)
			items[i] = a->names[(a->sent * 7 + i) % ITEMS];
	}
	int err = candor_client_send(a->client, &r, on_answer, a);
	if (err)
		give_up("send", candor_strerror(err));
	a->sent++;
}

/* Requests a second; for POST, reports. */
static double run(const struct side *s, enum work work, size_t total, size_t round, char (*names)[NAME_BYTES])
{
	uv_loop_t loop;
	struct asker a = {.work = work, .total = total, .round = round, .names = names};
	uv_loop_init(&loop);
	int err = candor_client_new(&a.client, &loop, s->address, &s->options);
	if (err)
		give_up(s->address, candor_strerror(err));
	double began = clock_s();
	for (int i = 0; i < IN_FLIGHT; i++)
		ask(&a);
	uv_run(&loop, UV_RUN_DEFAULT);
	double rate = (double)(total * (work == POST ? BATCH : 1)) / (clock_s() - began);
	uv_loop_close(&loop);
	return rate;
}

static void start(struct side *s, const struct secure_files *files)
{
	const char *const secure[] = {"--listen",  "tcp:127.0.0.1:0", "--tls-cert", files->cert,
				      "--tls-key", files->key,        NULL};
	const char *const plain[] = {"--listen", "tcp:127.0.0.1:0", NULL};
	bool encrypted = s->options.ca;
	daemon_start(&s->daemon, encrypted ? secure : plain);
	s->address = encrypted ? s->daemon.tls : s->daemon.tcp;
	struct candor *c = daemon_connect(&s->daemon);
	call_create_pool(c, "bench");
	daemon_disconnect(&s->daemon, c);
	allow_token(s->daemon.address, "bench", CANDOR_RIGHT_REPORT | CANDOR_RIGHT_READ_OPEN, s->token);
	s->options.token = s->token;
}

int main(void)
{
	static const char *const what[WORKS] = {"durable reports over TLS", "questions over TLS, one item each",
						"questions over TLS, 100 items each"};
	const size_t totals[WORKS] = {bench_size("BENCH_TLS_REPORTS", 400000) / BATCH, 200000, 20000};
	static char names[ITEMS][NAME_BYTES];
	static double rates[WORKS][2][50], ratios[WORKS][50];
	struct side sides[2] = {0};
	struct secure_files files;
	size_t runs = bench_runs();
	struct certs_authority *ours = certs_authority_new("ours");
	for (size_t i = 0; i < ITEMS; i++)
		snprintf(names[i], NAME_BYTES, "item-%015zu", i);
	for (int i = 0; i < 2; i++)
		daemon_init(&sides[i].daemon);
	secure_make(ours, sides[1].daemon.dir, &files);
	sides[1].options.ca = files.ca;
	for (int i = 0; i < 2; i++)
		start(&sides[i], &files);
	for (size_t k = 0; k < runs; k++) {
		for (size_t w = 0; w < WORKS; w++) {
			for (int i = 0; i < 2; i++)
				rates[w][i][k] = run(&sides[i], (enum work)w, totals[w], k, names);
			ratios[w][k] = rates[w][1][k] / rates[w][0][k];
		}
	}
	for (size_t w = 0; w < WORKS; w++)
		bench_print(what[w], bench_median(rates[w][1], runs), "plain TCP", bench_median(rates[w][0], runs),
			    bench_median(ratios[w], runs));
	for (int i = 0; i < 2; i++) {
		if (daemon_stop(&sides[i].daemon))
			exit(1);
		daemon_deinit(&sides[i].daemon);
	}
	certs_authority_free(ours);
	return 0;
}
