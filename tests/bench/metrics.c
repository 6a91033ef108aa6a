/* The page of figures with 1,000 pools, all of them shown, against bare snprintf() of the same samples.
 *
 * Made in pieces of 64 KiB as the door asks for them. The longest piece is how long the loop is held: of each run the
 * longest counts, and of all runs the median. All is time of the processor. PAGE in the environment: a file that the page is written to. */
#include <string.h>

#include "daemon/engine/watch.h"
#include "daemon/metrics/metrics.h"
#include "tests/bench/bench.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/scrape.h"

enum { POOLS = 1000, LABELERS = 20, PIECE_BYTES = 64 * 1024, PAGES = 20 };

/* Of the processor: others may be at work beside. */
static double spent_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void look(void *owner, struct metrics_daemon *out)
{
	(void)owner;
	*out = (struct metrics_daemon){.began_at = 1500, .started_at = 2000, .now = 5000};
}

static bool listener(void *owner, size_t i, char text[ADDRESS_TEXT_MAX], uint64_t *connections)
{
	(void)owner;
	snprintf(text, ADDRESS_TEXT_MAX, "tcp:127.0.0.1:7432");
	*connections = 5;
	return i < 1;
}

static bool refusal(void *owner, size_t i, const char **reason, uint64_t *n)
{
	(void)owner;
	*reason = "memory";
	*n = 7;
	return i < 1;
}

static void fill(struct fake_owner *f)
{
	for (int i = 0; i < POOLS; i++) {
		char pool[48], names[LABELERS][32];
		struct candor_report rows[LABELERS];
		snprintf(pool, sizeof pool, "campaign-of-a-platform-%d", i);
		fake_pool(f, pool, NULL);
		for (int k = 0; k < LABELERS; k++) {
			snprintf(names[k], sizeof names[k], "labeler-%d", k);
			rows[k] = (struct candor_report){k % 2 ? "first" : "second", names[k], (double)k / LABELERS};
		}
		struct candor_request r = {
			.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = LABELERS, .reports = rows};
		require(fake_call(f, &r)->code == CANDOR_OK);
		require(fake_resolve(f, pool, "first", 1) == CANDOR_OK);
	}
	for (int i = 0; i < 10; i++)
		engine_watch_tick(f->engine);
}

/* Seconds; *longest: of a piece. */
static double make_page(const struct metrics_source *source, struct buf *out, double *longest)
{
	struct body *body;
	const char *type;
	double began = spent_s(), before = began;
	*longest = 0;
	require(metrics_new(&body, source, "", &type) == 0);
	for (int more = 1; more > 0;) {
		more = body_next(body, PIECE_BYTES, out);
		require(more >= 0);
		double now = spent_s();
		*longest = now - before > *longest ? now - before : *longest;
		before = now;
	}
	body_free(body);
	return spent_s() - began;
}

static double print_samples(const struct scrape *s, struct buf *out)
{
	double began = spent_s();
	for (size_t i = 0; i < s->n; i++) {
		const struct sample *x = &s->samples[i];
		size_t most = strlen(x->name) + strlen(x->labels) + 40;
		uint8_t *at = buf_reserve(out, most);
		require(at);
		out->len += (size_t)snprintf((char *)at, most, x->labels[0] ? "%s{%s} %.12g\n" : "%s%s %.12g\n",
					     x->name, x->labels, x->value);
	}
	return spent_s() - began;
}

static void write_page(const struct buf *page, const char *path)
{
	FILE *f = path ? fopen(path, "we") : NULL;
	if (!f)
		return;
	fwrite(page->data, 1, page->len, f);
	fclose(f);
}

int main(void)
{
	struct fake_owner f;
	struct engine_limits limits = fake_roomy_limits();
	struct buf page = {0}, bare = {0};
	struct scrape s;
	double made[50], limit[50], ratio[50], longest[50];
	size_t runs = bench_runs();
	fake_init(&f, &limits);
	fill(&f);
	const struct metrics_source source = {f.engine, POOLS, look, listener, refusal, NULL};
	make_page(&source, &page, &longest[0]);
	write_page(&page, getenv("PAGE"));
	require(buf_append(&page, "", 1) == 0);
	scrape_parse(&s, (const char *)page.data, false);
	require(!s.fault[0]);
	for (size_t i = 0; i < runs; i++) {
		made[i] = limit[i] = longest[i] = 0;
		for (int k = 0; k < PAGES; k++) {
			double piece;
			page.len = bare.len = 0;
			made[i] += make_page(&source, &page, &piece) / PAGES;
			limit[i] += print_samples(&s, &bare) / PAGES;
			longest[i] = piece > longest[i] ? piece : longest[i];
		}
		ratio[i] = limit[i] / made[i];
	}
	double page_s = bench_median(made, runs);
	bench_print("metrics, pages of 1,000 pools", 1 / page_s, "bare snprintf()", 1 / bench_median(limit, runs),
		    bench_median(ratio, runs));
	printf("  %zu samples, %zu bytes in %.2f ms; the longest piece %.2f ms\n", s.n, page.len, page_s * 1e3,
	       bench_median(longest, runs) * 1e3);
	scrape_free(&s);
	buf_free(&page);
	buf_free(&bare);
	int status = fake_end(&f);
	return status ? 1 : 0;
}
