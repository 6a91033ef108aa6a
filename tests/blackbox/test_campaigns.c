/* Whole campaigns through the command line and a real daemon: the figures of real data, and an import that is killed
 * again and again and ends in the same bits as one that was left alone. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/calls.h"
#include "tests/lib/campaign.h"
#include "tests/lib/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/history.h"
#include "tests/lib/proof.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

enum { LABELERS_MAX = 256 };

struct daemons {
	struct daemon one, two;
};

static int set_up(void **state)
{
	static struct daemons d;
	daemon_init(&d.one);
	daemon_init(&d.two);
	*state = &d;
	return 0;
}

static int tear_down(void **state)
{
	struct daemons *d = *state;
	int one = daemon_end(&d->one), two = daemon_end(&d->two);
	return one || two;
}

struct outcome_of_campaign {
	struct candor_pool pool;
	struct candor_best best;
	struct candor_labeler labelers[LABELERS_MAX]; /* names of their own, heaviest first */
	size_t n;
};

static void read_campaign(struct daemon *d, const char *pool, struct outcome_of_campaign *out)
{
	struct candor *c = daemon_connect(d);
	out->pool = *call_get_pool(c, pool);
	out->best = *out->pool.best;
	out->pool.best = NULL; /* it was the answer's */
	const struct candor_response *r =
		call_ok(c, (struct candor_request){.type = CANDOR_REQ_LIST_LABELERS, .pool = pool, .limit = 1000});
	assert_true(r->n <= LABELERS_MAX);
	out->n = r->n;
	for (size_t i = 0; i < r->n; i++) {
		out->labelers[i] = r->labelers[i];
		out->labelers[i].name = strdup(r->labelers[i].name);
	}
	daemon_disconnect(d, c);
}

static void forget_campaign(struct outcome_of_campaign *o)
{
	for (size_t i = 0; i < o->n; i++)
		free((char *)(uintptr_t)o->labelers[i].name);
}

static int import(struct daemon *d, const char *pool, const char *file)
{
	char err[96];
	daemon_path(d, "import-err", err);
	const char *const argv[] = {"candor", "--server", d->address, "import", pool, file, NULL};
	return daemon_run(argv, NULL, NULL, err);
}

/* ---- real data ---- */

static void check_known(const struct known_campaign *k, struct daemon *d)
{
	assert_int_equal(import(d, k->name, k->path), 0);
	struct outcome_of_campaign o;
	read_campaign(d, k->name, &o);
	double rounds = (double)o.pool.round;
	assert_int_equal(o.pool.round, k->resolved);
	assert_figure(o.pool.mean_loss / rounds, k->mean_loss);
	assert_figure(o.pool.median_loss / rounds, k->median_loss);
	assert_figure(o.pool.plain_mean_loss / rounds, k->plain_mean_loss);
	assert_figure(o.pool.plain_median_loss / rounds, k->plain_median_loss);
	assert_figure(o.pool.forecast_loss / rounds, k->forecast_loss);
	assert_string_equal(o.labelers[0].name, k->heaviest);
	assert_figure(o.labelers[0].weight, k->heaviest_weight);
	assert_string_equal(o.labelers[o.n - 1].name, k->lightest);
	assert_figure(o.labelers[o.n - 1].weight, k->lightest_weight);

	/* Once more: nothing changes. */
	struct outcome_of_campaign again;
	assert_int_equal(import(d, k->name, k->path), 0);
	read_campaign(d, k->name, &again);
	assert_same_bits(again.pool.mean_loss, o.pool.mean_loss);
	assert_same_bits(again.pool.forecast_loss, o.pool.forecast_loss);
	assert_int_equal(again.pool.scored, o.pool.scored);
	for (size_t i = 0; i < o.n; i++)
		assert_same_bits(again.labelers[i].weight, o.labelers[i].weight);
	forget_campaign(&o);
	forget_campaign(&again);
}

static void real_data_gives_the_known_figures(void **state)
{
	struct daemon *d = &((struct daemons *)*state)->one;
	static struct known_campaign known[CAMPAIGNS_MAX];
	size_t n = campaigns_known(known);
	if (n == 0)
		skip_because("there is no folder with real data beside the project");
	daemon_start(d, NULL);
	for (size_t i = 0; i < n; i++)
		check_known(&known[i], d);
	assert_int_equal(daemon_stop(d), 0);
	assert_int_equal(daemon_verify(d), 0);
}

/* ---- killing ---- */

/* A file through the library: reports as they come, and each item ends with its last row. */
static struct pool *replay(const char *path)
{
	struct candor_settings settings = {0};
	mechanism_defaults(&settings);
	struct pool *p = history_pool(&settings);
	char line[256], item[64] = "", outcome[64] = "";
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof line, f)); /* the header */
	for (bool more = true; more;) {
		char *rest = line, *name = NULL;
		more = fgets(line, sizeof line, f);
		name = more ? strsep(&rest, ",") : NULL;
		if (*item && (!more || strcmp(name, item) != 0)) {
			if (*outcome)
				history_resolve(p, item, strtod(outcome, NULL));
			else
				assert_int_equal(pool_close(p, history_item(p, item)), 0);
		}
		if (!more)
			break;
		const char *labeler = strsep(&rest, ","), *value = strsep(&rest, ",");
		snprintf(item, sizeof item, "%s", name);
		snprintf(outcome, sizeof outcome, "%.*s", (int)strcspn(rest, "\n"), rest);
		history_report(p, item, labeler, strtod(value, NULL));
	}
	fclose(f);
	return p;
}

static void a_campaign_of_graded_and_missing_outcomes_gives_what_the_mechanism_gives(void **state)
{
	struct daemon *d = &((struct daemons *)*state)->one;
	struct outcome_of_campaign got;
	char file[96];
	daemon_path(d, "campaign.csv", file);
	campaign_write(file, 150, 4);
	daemon_start(d, NULL);
	assert_int_equal(import(d, "c", file), 0);
	read_campaign(d, "c", &got);
	struct pool *want = replay(file);
	const struct pool_totals *totals = pool_totals(want);
	assert_true(totals->round > 0 && totals->closed > 0);
	assert_int_equal(got.pool.round, totals->round);
	assert_int_equal(got.pool.closed_items, totals->closed);
	assert_same_bits(got.pool.mean_loss, totals->mean_loss);
	assert_same_bits(got.pool.median_loss, totals->median_loss);
	assert_same_bits(got.pool.plain_mean_loss, totals->plain_mean_loss);
	assert_same_bits(got.pool.plain_median_loss, totals->plain_median_loss);
	assert_same_bits(got.pool.forecast_loss, totals->forecast_loss);
	assert_int_equal(got.n, pool_labelers(want));
	for (size_t i = 0; i < got.n; i++)
		assert_same_bits(got.labelers[i].weight,
				 pool_weight(want, history_labeler(want, got.labelers[i].name)));
	pool_free(want);
	forget_campaign(&got);
	assert_int_equal(daemon_stop(d), 0);
	assert_int_equal(daemon_verify(d), 0);
}

static uint64_t reports_so_far(struct candor *c)
{
	return call_info(c)->reports;
}

/* Starts an import and kills it or the daemon when that has taken some more reports: true if that cut it off. */
static bool import_and_kill(struct daemon *d, const char *file, uint64_t more, bool client)
{
	struct candor *c = daemon_connect(d);
	uint64_t until = reports_so_far(c) + more;
	const char *const argv[] = {"candor", "--server", d->address, "import", "c", file, NULL};
	pid_t pid = daemon_spawn(argv, NULL), ended = 0;
	int status;
	while (reports_so_far(c) < until && (ended = waitpid(pid, &status, WNOHANG)) == 0)
		nap_ms(0.2);
	if (client && ended == 0)
		kill(pid, SIGKILL);
	else if (!client)
		daemon_kill(d);
	if (client)
		daemon_disconnect(d, c);
	if (ended == 0)
		assert_true(waitpid(pid, &status, 0) == pid);
	return client ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 4;
}

/* Every item of the feed, page by page. */
static void compare_items(struct daemon *want_of, struct daemon *got_of, size_t items)
{
	struct candor *want_client = daemon_connect(want_of), *got_client = daemon_connect(got_of);
	char cursor[CANDOR_NAME_MAX + 1] = "";
	size_t n = 0;
	for (bool more = true; more;) {
		const struct candor_request r = {
			.type = CANDOR_REQ_LIST_ITEMS, .pool = "c", .cursor = cursor, .limit = 1000};
		const struct candor_response *want = call_ok(want_client, r), *got = call_ok(got_client, r);
		assert_int_equal(got->n, want->n);
		for (size_t i = 0; i < want->n; i++) {
			assert_string_equal(got->items[i].item, want->items[i].item);
			assert_int_equal(got->items[i].state, want->items[i].state);
			assert_int_equal(got->items[i].n, want->items[i].n);
			assert_same_bits(got->items[i].mean, want->items[i].mean);
			assert_same_bits(got->items[i].median, want->items[i].median);
			assert_same_bits(got->items[i].ess, want->items[i].ess);
			assert_same_bits(got->items[i].forecast, want->items[i].forecast);
			assert_same_bits(got->items[i].evidence_full, want->items[i].evidence_full);
			assert_same_bits(got->items[i].weighted_loss, want->items[i].weighted_loss);
			assert_int_equal(got->items[i].block, want->items[i].block);
		}
		n += want->n;
		more = want->more;
		snprintf(cursor, sizeof cursor, "%s", want->next);
	}
	assert_int_equal(n, items);
	daemon_disconnect(want_of, want_client);
	daemon_disconnect(got_of, got_client);
}

/* write: makes the file. */
static void kill_and_compare(void **state, void write(const char *path, size_t items, uint64_t seed), uint64_t seed)
{
	struct daemon *left_alone = &((struct daemons *)*state)->one, *killed = &((struct daemons *)*state)->two;
	struct outcome_of_campaign want, got;
	struct random r;
	char file[96];
	seed_random(&r, 20 + seed);
	snprintf(file, sizeof file, "%s/campaign.csv", left_alone->dir);
	write(file, SANITIZED ? 600 : 3000, seed);
	daemon_start(left_alone, NULL);
	assert_int_equal(import(left_alone, "c", file), 0);
	read_campaign(left_alone, "c", &want);

	uint64_t cut[2] = {0}, rounds = proof_size(6, 12, 24);
	for (uint64_t round = 0; round < rounds; round++) {
		if (!killed->pid)
			daemon_start(killed, NULL);
		bool client = round % 2;
		cut[client] += import_and_kill(killed, file, random_below(&r, SANITIZED ? 4000 : 8000), client);
	}
	proof_say("imports cut off by the daemon's death", cut[0]);
	proof_say("imports killed themselves", cut[1]);
	assert_true(cut[0] > 0 && cut[1] > 0);
	if (!killed->pid)
		daemon_start(killed, NULL);
	assert_int_equal(import(killed, "c", file), 0);
	read_campaign(killed, "c", &got);
	compare_items(left_alone, killed, (size_t)(want.pool.resolved_items + want.pool.closed_items));
	assert_int_equal(daemon_stop(left_alone), 0);
	assert_int_equal(daemon_stop(killed), 0);
	assert_int_equal(daemon_verify(killed), 0);

	assert_int_equal(got.pool.round, want.pool.round);
	assert_int_equal(got.pool.scored, want.pool.scored);
	assert_int_equal(got.pool.closed_items, want.pool.closed_items);
	assert_int_equal(got.pool.open_items, 0);
	assert_same_bits(got.pool.mean_loss, want.pool.mean_loss);
	assert_same_bits(got.pool.median_loss, want.pool.median_loss);
	assert_same_bits(got.pool.plain_mean_loss, want.pool.plain_mean_loss);
	assert_same_bits(got.pool.plain_median_loss, want.pool.plain_median_loss);
	assert_same_bits(got.pool.forecast_loss, want.pool.forecast_loss);
	assert_same_bits(got.best.bound, want.best.bound);
	assert_same_bits(got.best.gain, want.best.gain);
	assert_int_equal(got.n, want.n);
	for (size_t i = 0; i < want.n; i++) {
		assert_string_equal(got.labelers[i].name, want.labelers[i].name);
		assert_same_bits(got.labelers[i].weight, want.labelers[i].weight);
		assert_same_bits(got.labelers[i].own_loss, want.labelers[i].own_loss);
		assert_same_bits(got.labelers[i].mean_loss, want.labelers[i].mean_loss);
		assert_same_bits(got.labelers[i].gain, want.labelers[i].gain);
		assert_same_bits(got.labelers[i].bound, want.labelers[i].bound);
	}
	forget_campaign(&want);
	forget_campaign(&got);
}

static void an_import_killed_again_and_again_ends_in_the_same_bits(void **state)
{
	kill_and_compare(state, campaign_write, 5);
}

static void one_of_outcomes_that_come_together_does_as_well(void **state)
{
	kill_and_compare(state, campaign_write_blocks, 6);
}

#define CAMPAIGN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CAMPAIGN(real_data_gives_the_known_figures),
		CAMPAIGN(a_campaign_of_graded_and_missing_outcomes_gives_what_the_mechanism_gives),
		CAMPAIGN(an_import_killed_again_and_again_ends_in_the_same_bits),
		CAMPAIGN(one_of_outcomes_that_come_together_does_as_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
