/* How long a client that behaves waits: alone, beside four that flood, and beside ten thousand connections that mean no good.
 *
 * The client posts a report and waits until it is on disk, then asks for the item, again and again. Beside it are peers
 * that never read, that send a byte a second, that stop in the middle of a frame, one that pipelines requests without
 * end, and four that post as fast as they are let; and those four without the others, which slow the floods down. The
 * ratio is that of the 99th percentiles in one run, each with a fresh daemon; the medians over the runs are printed. The
 * crowd is one thread of this process. */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/lib/calls.h"
#include "tests/lib/crowd.h"
#include "tests/lib/daemon.h"

enum { SAMPLES_MAX = 1000000 };

struct latencies {
	double *posts, *queries;
	size_t n;
};

static double call(struct candor *c, const struct candor_request *r)
{
	const struct candor_response *response;
	double began = clock_s();
	if (candor_call(c, r, &response) || response->code || response->n_rejected) {
		fprintf(stderr, "overload: a client that behaves was refused\n");
		exit(1);
	}
	return clock_s() - began;
}

static void behave(struct candor *c, double seconds, struct latencies *l)
{
	const char *item = "item";
	l->n = 0;
	for (double until = clock_s() + seconds; clock_s() < until && l->n < SAMPLES_MAX; l->n++) {
		const struct candor_report row = {item, "labeler", (double)(l->n % 1000) / 1000};
		l->posts[l->n] =
			call(c, &(struct candor_request){
					.type = CANDOR_REQ_POST_REPORTS, .pool = "good", .n = 1, .reports = &row});
		l->queries[l->n] =
			call(c, &(struct candor_request){
					.type = CANDOR_REQ_QUERY_ITEMS, .pool = "good", .n = 1, .items = &item});
		usleep(1000);
	}
}

struct run {
	double post[2], query[2]; /* 99th percentiles, alone and beside the crowd */
	double loop_p99, loop_max; /* what the daemon says of its loop's turns, in ms */
};

static struct run run_once(const struct crowd_shape *shape, double seconds, struct latencies *l)
{
	struct daemon d;
	struct run run;
	daemon_init(&d);
	daemon_start(&d, NULL);
	struct candor *c = daemon_connect(&d);
	static const char *const pools[] = {"good", "quiet", "flooded"};
	for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
		call_create_pool(c, pools[i]);
	behave(c, 0.5, l);
	behave(c, seconds, l);
	run.post[0] = bench_p99(l->posts, l->n);
	run.query[0] = bench_p99(l->queries, l->n);
	struct crowd *crowd = crowd_start(d.address, "flooded", shape);
	behave(c, 2, l);
	behave(c, seconds, l);
	run.post[1] = bench_p99(l->posts, l->n);
	run.query[1] = bench_p99(l->queries, l->n);
	const struct candor_info *info = call_info(c);
	run.loop_p99 = (double)info->loop_p99_us / 1000;
	run.loop_max = (double)info->loop_max_us / 1000;
	struct crowd_count count;
	daemon_disconnect(&d, c);
	crowd_stop(crowd, &count);
	if (daemon_stop(&d))
		exit(1);
	daemon_deinit(&d);
	return run;
}

static void print(const char *what, const double *alone, const double *beside, size_t n, const char *crowd,
		  const char *goal)
{
	double a[50], b[50], ratio[50];
	for (size_t i = 0; i < n; i++) {
		a[i] = 1000 * alone[i];
		b[i] = 1000 * beside[i];
		ratio[i] = beside[i] / alone[i];
	}
	printf("p99 of %-35s %10.3f ms beside %s, alone %8.3f ms  ratio %.2f%s\n", what, bench_median(b, n), crowd,
	       bench_median(a, n), bench_median(ratio, n), goal);
	fflush(stdout);
}

static void measure(const struct crowd_shape *shape, const char *crowd, const char *report_goal, const char *query_goal,
		    double seconds, size_t runs, struct latencies *l)
{
	double post[2][50], query[2][50], loop_p99[50], loop_max[50];
	for (size_t i = 0; i < runs; i++) {
		struct run run = run_once(shape, seconds, l);
		for (int k = 0; k < 2; k++) {
			post[k][i] = run.post[k];
			query[k][i] = run.query[k];
		}
		loop_p99[i] = run.loop_p99;
		loop_max[i] = run.loop_max;
	}
	print("a report until it is on disk", post[0], post[1], runs, crowd, report_goal);
	print("a query of an item", query[0], query[1], runs, crowd, query_goal);
	printf("a turn of the daemon's loop, p99 %37.3f ms, at most %.3f ms\n", bench_median(loop_p99, runs),
	       bench_median(loop_max, runs));
	fflush(stdout);
}

int main(void)
{
	unsigned many = (unsigned)bench_size("BENCH_CROWD", 10000);
	double seconds = (double)bench_size("BENCH_OVERLOAD_S", 4);
	size_t runs = bench_runs();
	const struct crowd_shape shape = {
		.deaf = many * 3 / 10,
		.drips = many * 3 / 10,
		.halves = many * 4 / 10 - 5,
		.half_bytes = 1500,
		.pipelines = 1,
		.quiet_pool = "quiet",
		.pipelined = UINT64_MAX,
		.floods = (unsigned)bench_size("BENCH_FLOODS", 4),
	};
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < many + 600) {
		printf("p99 beside a crowd: not measured, the system gives too few file descriptors\n");
		return 0;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	struct latencies l = {malloc(SAMPLES_MAX * sizeof(double)), malloc(SAMPLES_MAX * sizeof(double)), 0};
	if (!l.posts || !l.queries)
		return 1;
	const struct crowd_shape floods = {.quiet_pool = "quiet", .floods = shape.floods};
	measure(&floods, "the floods", "", "", seconds, runs, &l);
	measure(&shape, "a crowd", "  goal 10 ms", "  goal 2 ms", seconds, runs, &l);
	free(l.posts);
	free(l.queries);
	return 0;
}
