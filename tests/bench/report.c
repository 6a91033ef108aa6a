/* One durable report and its answer, by one client that waits for each: how long that takes in fdatasyncs, and whether it
 * takes longer where there are 100,000 pools.
 *
 * The fdatasync is of one page, in a file of the same directory whose blocks have all been written before. Reports are on
 * open items, by labelers that the pool knows, none of them a second time. All three are measured in turn, one after
 * the other, and each ratio is the median over the runs, of medians. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/candor_async.h"
#include "tests/bench/bench.h"
#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"

enum { PAGE = 4096, PAGES = 1024, LABELERS = 50, ITEMS = 1000, IN_FLIGHT = 256, SAMPLES_MAX = 20000 };

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "report: %s\n", what);
	exit(1);
}

/* ---- the disk alone ---- */

struct disk {
	int fd;
	size_t next;
	char page[PAGE];
};

static void disk_open(struct disk *disk, const struct daemon *d)
{
	char path[DAEMON_PATH_MAX];
	daemon_path(d, "pages", path);
	*disk = (struct disk){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
	for (int i = 0; i < PAGES; i++)
		if (pwrite(disk->fd, disk->page, PAGE, (off_t)i * PAGE) != PAGE)
			fail("cannot write a file");
	if (fsync(disk->fd))
		fail("cannot sync a file");
}

static double disk_sync(struct disk *disk)
{
	double began = clock_s();
	disk->page[disk->next % PAGE]++;
	if (pwrite(disk->fd, disk->page, PAGE, (off_t)(disk->next++ % PAGES) * PAGE) != PAGE || fdatasync(disk->fd))
		fail("cannot sync a page");
	return clock_s() - began;
}

/* ---- a daemon ---- */

struct side {
	struct daemon daemon;
	struct candor *c;
	uint32_t next; /* report */
};

static void post(struct side *side, const struct candor_report *rows, size_t n)
{
	const struct candor_response *r;
	const struct candor_request post = {.type = CANDOR_REQ_POST_REPORTS, .pool = "bench", .n = n, .reports = rows};
	if (candor_call(side->c, &post, &r) || r->code || r->n_rejected || r->batch.accepted != n)
		fail("a report was refused");
}

static void name(char prefix, uint32_t number, char out[16])
{
	snprintf(out, 16, "%c%u", prefix, number);
}

/* Every labeler joins on an item of its own, and every item is opened by one labeler. */
static void fill(struct side *side)
{
	static char items[ITEMS][16], labelers[LABELERS][16];
	struct candor_report rows[ITEMS];
	for (uint32_t i = 0; i < LABELERS; i++) {
		name('l', i, labelers[i]);
		rows[i] = (struct candor_report){"first", labelers[i], 0.5};
	}
	post(side, rows, LABELERS);
	for (uint32_t i = 0; i < ITEMS; i++) {
		name('i', i, items[i]);
		rows[i] = (struct candor_report){items[i], labelers[LABELERS - 1], 0.5};
	}
	post(side, rows, ITEMS);
}

struct maker {
	struct candor_client *client;
	uint32_t next, made, total;
};

static void make_pool(struct maker *m);

static void on_made(struct candor_client *client, int status, const struct candor_response *r, void *arg)
{
	struct maker *m = arg;
	if (status || r->code)
		fail("a pool was refused");
	make_pool(m);
	if (++m->made == m->total)
		candor_client_close(client, NULL, NULL);
}

static void make_pool(struct maker *m)
{
	char pool[16];
	if (m->next == m->total)
		return;
	name('p', m->next++, pool);
	if (candor_client_send(m->client, &(struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = pool},
			       on_made, m))
		fail("cannot send");
}

static void make_pools(const struct side *side, uint32_t n)
{
	uv_loop_t loop;
	struct maker m = {.total = n};
	uv_loop_init(&loop);
	if (candor_client_new(&m.client, &loop, side->daemon.address, NULL))
		fail("cannot connect");
	for (int i = 0; i < IN_FLIGHT; i++)
		make_pool(&m);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
}

static void side_start(struct side *side, uint32_t pools)
{
	side->next = 0;
	daemon_init(&side->daemon);
	daemon_start(&side->daemon, NULL);
	side->c = daemon_connect(&side->daemon);
	call_create_pool(side->c, "bench");
	fill(side);
	if (pools > 1)
		make_pools(side, pools - 1);
}

static void side_end(struct side *side)
{
	daemon_disconnect(&side->daemon, side->c);
	if (daemon_stop(&side->daemon))
		fail("candord failed");
	daemon_deinit(&side->daemon);
}

static double side_post(struct side *side)
{
	char item[16], labeler[16];
	name('i', side->next % ITEMS, item);
	name('l', side->next / ITEMS % (LABELERS - 1), labeler);
	side->next++;
	const struct candor_report row = {item, labeler, 0.25};
	double began = clock_s();
	post(side, &row, 1);
	return clock_s() - began;
}

/* ---- both ---- */

static void print(const char *what, double *s, const char *limit, double *limit_s, double *ratio, size_t runs,
		  double goal)
{
	printf("%-42s %10.0f us  %-30s %10.0f us  ratio %.2f  goal %.2f\n", what, 1e6 * bench_median(s, runs), limit,
	       1e6 * bench_median(limit_s, runs), bench_median(ratio, runs), goal);
	fflush(stdout);
}

int main(void)
{
	size_t runs = bench_runs(), n = bench_size("BENCH_SINGLES", 800);
	uint32_t pools = (uint32_t)bench_size("BENCH_POOLS", 100000);
	static double samples[3][SAMPLES_MAX];
	double sync[50], one[50], many[50], one_ratio[50], many_ratio[50];
	struct side few, crowded;
	struct disk disk;
	if (n * runs > (size_t)ITEMS * (LABELERS - 1) || n > SAMPLES_MAX)
		fail("BENCH_SINGLES is too large");
	side_start(&few, 1);
	side_start(&crowded, pools);
	disk_open(&disk, &few.daemon);
	for (size_t i = 0; i < runs; i++) {
		/* A disk is now fast and now slow: each of them in turn. */
		for (size_t k = 0; k < n; k++) {
			samples[0][k] = disk_sync(&disk);
			samples[1][k] = side_post(&few);
			samples[2][k] = side_post(&crowded);
		}
		sync[i] = bench_median(samples[0], n);
		one[i] = bench_median(samples[1], n);
		many[i] = bench_median(samples[2], n);
		one_ratio[i] = one[i] / sync[i];
		many_ratio[i] = many[i] / one[i];
	}
	close(disk.fd);
	side_end(&few);
	side_end(&crowded);
	char what[64];
	snprintf(what, sizeof what, "the same with %u pools", pools);
	print("one durable report", one, "fdatasync of one page", sync, one_ratio, runs, 1.8);
	print(what, many, "with one pool", one, many_ratio, runs, 1.05);
	return 0;
}
