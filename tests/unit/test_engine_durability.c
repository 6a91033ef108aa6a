/* The engine over a real database, with every commit and every read at the test's will: what is answered when, what is
 * on disk, what a restart finds, and what a full disk does. */
#include <stdlib.h>
#include <unistd.h>

#include "daemon/db/write.h"
#include "daemon/engine/engine.h"
#include "daemon/offline/verify.h"
#include "lib/pool/pool.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

enum { JOBS_MAX = 64, ANSWERS_MAX = 4096 };

struct answer {
	bool given;
	uint64_t change;
	struct candor_response response; /* as it was given: its rows only where the test copied them */
	char text[256]; /* the message, or the first rejection's, or `next` */
};

struct world {
	char dir[64], path[96];
	struct db *writer, *reader, *loop;
	struct engine *engine;
	struct engine_limits limits;
	const struct batch *batch; /* handed over, not yet written */
	struct read_job *jobs[JOBS_MAX];
	size_t n_jobs;
	int fail_with; /* the next commit's error */
	int failed; /* what ops.failed was told */
	uint64_t now;
};

struct request {
	struct call call;
	struct identity identity;
	struct wire_request wire;
	struct arena arena;
	struct waiter waiter;
	struct world *world;
	struct answer answer;
	int durable; /* 1: told so; negative: told an error; 0: not told */
	/* Copies of what the tests look at. */
	struct candor_item items[64];
	struct candor_item_report reports[64];
	struct candor_labeler labelers[128];
};

static void on_commit(void *owner, const struct batch *batch)
{
	struct world *w = owner;
	assert_null(w->batch);
	w->batch = batch;
}

static void on_read(void *owner, struct read_job *job)
{
	struct world *w = owner;
	assert_true(w->n_jobs < JOBS_MAX);
	w->jobs[w->n_jobs++] = job;
}

static uint64_t on_now(void *owner)
{
	return ((struct world *)owner)->now++;
}

static uint64_t on_bytes(void *owner)
{
	(void)owner;
	return 4096;
}

static void on_failed(void *owner, int err)
{
	((struct world *)owner)->failed = err;
}

static void on_memory(void *owner, uint64_t *elsewhere, uint64_t *resident)
{
	(void)owner;
	*elsewhere = *resident = 0;
}

static void open_engine(struct world *w)
{
	static const struct engine_ops ops = {
		on_commit, on_read, on_now, on_bytes, on_failed, on_memory,
	};
	static const uint8_t key[NAMES_KEY_BYTES] = {3};
	assert_int_equal(db_open(&w->writer, w->path, DB_WRITE, DB_NORMAL), 0);
	assert_int_equal(db_open(&w->reader, w->path, DB_READ, DB_NORMAL), 0);
	assert_int_equal(db_open(&w->loop, w->path, DB_READ, DB_NORMAL), 0);
	assert_int_equal(engine_new(&w->engine, w->loop, key, &w->limits, &ops, w), 0);
}

static void close_engine(struct world *w)
{
	engine_free(w->engine);
	assert_int_equal(db_close(w->loop), 0);
	assert_int_equal(db_close(w->reader), 0);
	assert_int_equal(db_close(w->writer), 0);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	*w = (struct world){.dir = "/tmp/candor-test-XXXXXX", .now = 1000};
	w->limits = (struct engine_limits){.batch_bytes = 64 << 20, .resident_items = 1000, .resident_reports = 100000};
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof w->path, "%s/db", w->dir);
	open_engine(w);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char path[128];
	close_engine(w);
	const char *const endings[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", w->path, endings[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

/* ---- the world's steps ---- */

/* Writes what is with the store; fails instead if the test wants that. */
static void finish_commit(struct world *w)
{
	const struct batch *batch = w->batch;
	int err = w->fail_with;
	assert_non_null(batch);
	w->batch = NULL;
	w->fail_with = 0;
	if (!err)
		assert_int_equal(db_write(w->writer, batch), 0);
	engine_committed(w->engine, err);
}

static void run_job(struct world *w, size_t i)
{
	struct read_job *job = w->jobs[i];
	w->jobs[i] = w->jobs[--w->n_jobs];
	job->work(job, w->reader);
	job->done(job);
}

/* Until nothing is left to do. */
static void settle(struct world *w)
{
	do {
		while (w->n_jobs > 0)
			run_job(w, 0);
		engine_tick(w->engine);
		if (w->batch)
			finish_commit(w);
	} while (!engine_is_idle(w->engine));
}

static void on_durable(struct waiter *waiter, int err)
{
	struct request *r = (struct request *)((char *)waiter - offsetof(struct request, waiter));
	r->durable = err ? err : 1;
}

static void on_reply(struct call *call, const struct candor_response *response, uint64_t change)
{
	struct request *r = (struct request *)call;
	assert_false(r->answer.given);
	r->answer.given = true;
	r->answer.change = change;
	r->answer.response = *response;
	const char *text = response->code         ? response->message
			   : response->n_rejected ? response->rejected[0].message
			   : response->next       ? response->next
						  : "";
	snprintf(r->answer.text, sizeof r->answer.text, "%s", text);
	for (size_t i = 0; i < response->n; i++) {
		if (response->items && i < 64)
			r->items[i] = response->items[i];
		if (response->labelers && i < 128)
			r->labelers[i] = response->labelers[i];
	}
	if (response->items && response->n == 1 && response->items[0].n_reports <= 64)
		for (size_t i = 0; i < response->items[0].n_reports; i++)
			r->reports[i] = response->items[0].reports[i];
	if (change > engine_committed_change(r->world->engine)) {
		r->waiter.on_durable = on_durable;
		engine_wait(r->world->engine, change, &r->waiter);
	} else {
		r->durable = 1;
	}
}

static struct request *submit(struct world *w, struct candor_request request)
{
	struct request *r = calloc(1, sizeof *r);
	assert_non_null(r);
	arena_init(&r->arena, 64 << 20);
	r->world = w;
	if (!request.cursor)
		request.cursor = "";
	if (request.limit == 0)
		request.limit = 100;
	r->wire.request = request;
	r->identity = FAKE_OWNER;
	r->call = (struct call){
		.wire = &r->wire, .arena = &r->arena, .identity = &r->identity, .peer = "test", .reply = on_reply};
	engine_submit(w->engine, &r->call);
	return r;
}

static void done(struct request *r)
{
	arena_free(&r->arena);
	free(r);
}

/* Submits it and lets the world settle. */
static struct request *finish(struct world *w, struct candor_request request)
{
	struct request *r = submit(w, request);
	settle(w);
	assert_true(r->answer.given);
	return r;
}

static void expect(struct world *w, struct candor_request request, enum candor_code code)
{
	struct request *r = finish(w, request);
	assert_int_equal(r->answer.response.code, code);
	done(r);
}

static void create(struct world *w)
{
	expect(w, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = "p"}, CANDOR_OK);
}

static struct request *post(struct world *w, const char *item, const char *labeler, double value)
{
	/* The rows must outlive a call that waits: they are the test's constants, or copied here. */
	struct candor_report *row = malloc(sizeof *row);
	*row = (struct candor_report){item, labeler, value};
	struct request *r = submit(
		w, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = row});
	settle(w);
	free(row);
	return r;
}

static uint64_t accepted(struct request *r)
{
	uint64_t n = r->answer.response.batch.accepted;
	done(r);
	return n;
}

static struct request *resolve(struct world *w, const char *item, double outcome)
{
	struct candor_outcome row = {item, outcome};
	return finish(w,
		      (struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = &row});
}

static struct request *on_item(struct world *w, enum candor_request_type type, const char *item)
{
	return finish(w,
		      (struct candor_request){.type = type, .pool = "p", .n = 1, .items = &item, .with_reports = true});
}

/* ---- answers and the disk ---- */

static void an_answer_depends_on_a_change_that_is_not_yet_on_disk(void **state)
{
	struct world *w = *state;
	create(w);
	struct candor_report row = {"a", "ann", 0.5};
	const struct candor_request request = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row};
	struct request *r = submit(w, request);
	assert_false(r->answer.given); /* the item may be on disk */
	assert_int_equal(w->n_jobs, 1);
	run_job(w, 0);
	assert_true(r->answer.given);
	assert_true(r->answer.change > engine_committed_change(w->engine));
	assert_int_equal(r->durable, 0);
	engine_tick(w->engine);
	assert_int_equal(r->durable, 0);

	/* While that commits, the same again: a duplicate that depends on what it repeats. */
	struct request *again = submit(w, request);
	assert_int_equal(again->answer.response.batch.duplicates, 1);
	assert_int_equal(again->durable, 0);
	struct request *query = submit(w, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "p"});
	assert_int_equal(query->durable, 0);
	finish_commit(w);
	assert_int_equal(r->durable, 1);
	assert_int_equal(again->durable, 1);
	assert_int_equal(query->durable, 1);
	done(r);
	done(again);
	done(query);
}

static void a_pool_exists_already_only_when_it_is_on_disk(void **state)
{
	struct world *w = *state;
	const struct candor_request request = {.type = CANDOR_REQ_CREATE_POOL, .pool = "p"};
	struct request *r = submit(w, request), *again = submit(w, request);
	assert_int_equal(again->answer.response.code, CANDOR_ALREADY_EXISTS);
	engine_tick(w->engine);
	assert_int_equal(r->durable, 0);
	assert_int_equal(again->durable, 0);
	finish_commit(w);
	assert_int_equal(r->durable, 1);
	assert_int_equal(again->durable, 1);
	done(r);
	done(again);
}

static void a_full_disk_is_told_and_memory_is_as_the_disk_has_it(void **state)
{
	struct world *w = *state;
	create(w);
	assert_int_equal(accepted(post(w, "a", "ann", 0.5)), 1);
	struct candor_report rows[] = {{"a", "bob", 0.25}, {"b", "ann", 1}};
	struct request *r = submit(
		w, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 2, .reports = rows});
	while (w->n_jobs > 0)
		run_job(w, 0);
	engine_tick(w->engine);
	w->fail_with = ERR_DISK_FULL;
	finish_commit(w);
	assert_int_equal(r->durable, ERR_DISK_FULL);
	done(r);
	assert_true(engine_is_read_only(w->engine));

	/* Reads go on, and see what is on disk; writes are refused. */
	r = on_item(w, CANDOR_REQ_QUERY_ITEMS, "a");
	assert_int_equal(r->answer.response.n, 1);
	assert_int_equal(r->items[0].n, 1);
	done(r);
	r = on_item(w, CANDOR_REQ_QUERY_ITEMS, "b");
	assert_int_equal(r->answer.response.n, 0);
	done(r);
	r = post(w, "c", "ann", 1);
	assert_int_equal(r->answer.response.code, CANDOR_UNAVAILABLE);
	done(r);

	/* A probe that fails changes nothing; one that passes opens the doors. */
	engine_probe(w->engine);
	w->fail_with = ERR_DISK_FULL;
	finish_commit(w);
	assert_true(engine_is_read_only(w->engine));
	engine_probe(w->engine);
	finish_commit(w);
	assert_false(engine_is_read_only(w->engine));
	assert_int_equal(accepted(post(w, "a", "bob", 0.25)), 1);
	assert_int_equal(w->failed, 0);
	assert_int_equal(verify(&(struct verify_job){.path = w->path}), 0);
}

static void another_failure_of_the_database_ends_the_service(void **state)
{
	struct world *w = *state;
	create(w);
	struct candor_report row = {"a", "ann", 0.5};
	struct request *r = submit(
		w, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	run_job(w, 0);
	engine_tick(w->engine);
	w->fail_with = ERR_DATABASE;
	finish_commit(w);
	assert_int_equal(r->durable, ERR_DATABASE);
	assert_int_equal(w->failed, ERR_DATABASE);
	done(r);
}

/* ---- items that are not in memory ---- */

static void closed_items_come_back_from_disk_when_they_are_named(void **state)
{
	struct world *w = *state;
	close_engine(w);
	w->limits.resident_items = 0;
	open_engine(w);
	create(w);
	assert_int_equal(accepted(post(w, "a", "ann", 0.25)), 1);
	assert_int_equal(accepted(post(w, "a", "bob", 0.75)), 1);
	assert_int_equal(accepted(on_item(w, CANDOR_REQ_CLOSE_ITEMS, "a")), 1);
	struct request *r = finish(w, (struct candor_request){.type = CANDOR_REQ_INFO});
	assert_int_equal(r->answer.response.info.resident_items, 0);
	done(r);

	r = on_item(w, CANDOR_REQ_QUERY_ITEMS, "a");
	assert_int_equal(r->items[0].state, CANDOR_CLOSED);
	assert_int_equal(r->items[0].n_reports, 2);
	assert_same_bits(r->reports[1].value, 0.75);
	assert_same_bits(r->reports[1].weight, 1);
	done(r);
	r = post(w, "a", "ann", 0.25);
	assert_int_equal(r->answer.response.batch.duplicates, 1);
	done(r);
	r = post(w, "a", "cat", 0.25);
	assert_non_null(strstr(r->answer.text, "closed"));
	done(r);
	assert_int_equal(accepted(resolve(w, "a", 1)), 1);
	r = resolve(w, "a", 1);
	assert_int_equal(r->answer.response.batch.duplicates, 1);
	done(r);
	r = resolve(w, "a", 0);
	assert_int_equal(r->answer.response.rejected[0].code, CANDOR_FAILED_PRECONDITION);
	done(r);
	assert_int_equal(verify(&(struct verify_job){.path = w->path}), 0);
}

static void an_item_closed_while_a_read_was_under_way_does_not_come_back_as_new(void **state)
{
	struct world *w = *state;
	close_engine(w);
	w->limits.resident_items = 0;
	open_engine(w);
	create(w);
	struct candor_report first = {"a", "ann", 0.25}, late = {"a", "bob", 0.75};
	const struct candor_request early = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &first};
	const struct candor_request later = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &late};
	/* Both ask the disk, which knows nothing of the item. */
	struct request *one = submit(w, early), *two = submit(w, later);
	assert_int_equal(w->n_jobs, 2);
	struct read_job *slow = w->jobs[1];
	slow->work(slow, w->reader);
	run_job(w, 0);
	assert_true(one->answer.given);
	/* The first has made it; it is closed and on disk before the second's read is looked at. */
	w->n_jobs = 0;
	const char *item = "a";
	struct request *closing =
		submit(w, (struct candor_request){.type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = 1, .items = &item});
	engine_tick(w->engine);
	finish_commit(w);
	assert_int_equal(closing->durable, 1);
	slow->done(slow);
	settle(w);
	assert_int_equal(two->answer.response.batch.accepted, 0);
	assert_int_equal(two->answer.response.n_rejected, 1);
	assert_non_null(strstr(two->answer.text, "closed"));
	done(one);
	done(two);
	done(closing);
	assert_int_equal(verify(&(struct verify_job){.path = w->path}), 0);
}

/* ---- listings ---- */

static void pages_hold_every_labeler_once_in_order(void **state)
{
	struct world *w = *state;
	enum { N = 50 };
	char names[N][16], items[20][16];
	create(w);
	for (int i = 0; i < N; i++)
		snprintf(names[i], sizeof names[i], "labeler-%d", i * 37 % N);
	for (int i = 0; i < 20; i++) {
		snprintf(items[i], sizeof items[i], "item-%d", i);
		for (int k = 0; k < N - i; k++)
			done(post(w, items[i], names[k], (double)((i * 7 + k * 13) % 11) / 10));
		done(resolve(w, items[i], i % 2));
	}
	for (int sort = CANDOR_BY_WEIGHT; sort <= CANDOR_BY_NAME; sort++) {
		char cursor[256] = "";
		bool seen[N] = {false};
		struct candor_labeler before = {.name = ""};
		size_t total = 0;
		do {
			struct request *r = finish(w, (struct candor_request){.type = CANDOR_REQ_LIST_LABELERS,
									      .pool = "p",
									      .sort = (enum candor_sort)sort,
									      .limit = 7,
									      .cursor = cursor});
			for (size_t i = 0; i < r->answer.response.n; i++, total++) {
				const struct candor_labeler *l = &r->labelers[i];
				unsigned number = (unsigned)strtoul(strchr(l->name, '-') + 1, NULL, 10);
				assert_false(seen[number]);
				seen[number] = true;
				if (total > 0)
					switch (sort) {
					case CANDOR_BY_WEIGHT: assert_true(l->weight <= before.weight); break;
					case CANDOR_BY_REGRET: assert_true(l->regret <= before.regret); break;
					case CANDOR_BY_LOSS:
						assert_true(l->own_loss / (double)l->scored >=
							    before.own_loss / (double)before.scored);
						break;
					case CANDOR_BY_SCORED: assert_true(l->scored <= before.scored); break;
					default: assert_true(strcmp(l->name, before.name) > 0);
					}
				before = *l;
			}
			snprintf(cursor, sizeof cursor, "%s", r->answer.text);
			done(r);
		} while (cursor[0]);
		assert_int_equal(total, N);
	}
}

/* ---- restarts ---- */

/* Some random events on a few hundred items by a few dozen labelers. The same `random` gives the same events. */
static void random_events(struct world *w, struct random *random, int n)
{
	for (int i = 0; i < n; i++) {
		char item[24], labeler[24];
		snprintf(item, sizeof item, "item-%u", (unsigned)random_below(random, 300));
		snprintf(labeler, sizeof labeler, "labeler-%u", (unsigned)random_below(random, 30));
		double value = random_chance(random, 0.5) ? random_unit(random) : (double)random_chance(random, 0.5);
		uint64_t kind = random_below(random, 100);
		if (kind < 80)
			done(post(w, item, labeler, value));
		else if (kind < 86)
			done(on_item(w, CANDOR_REQ_CLOSE_ITEMS, item));
		else if (kind < 97)
			done(resolve(w, item, value));
		else if (kind < 99)
			done(on_item(w, CANDOR_REQ_VOID_ITEMS, item));
		else
			expect(w,
			       (struct candor_request){.type = CANDOR_REQ_UPDATE_POOL,
						       .pool = "p",
						       .settings = {.c = 0.5 + value, .entry = 0.5 + value}},
			       CANDOR_OK);
	}
}

/* All that is to be seen of the pool, for comparison. */
static void describe(struct world *w, FILE *out)
{
	struct request *r = finish(w, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "p"});
	const struct candor_pool *p = &r->answer.response.pool;
	fprintf(out, "%lu %lu %lu %lu %lu %u %lu %a %a %a %a %a %a\n", p->labelers, p->open_items, p->closed_items,
		p->resolved_items, p->void_items, p->epoch, p->scored, p->total_weight, p->mean_loss, p->median_loss,
		p->plain_mean_loss, p->plain_median_loss, p->eta);
	done(r);
	r = finish(w, (struct candor_request){
			      .type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .limit = 100, .sort = CANDOR_BY_NAME});
	for (size_t i = 0; i < r->answer.response.n; i++) {
		const struct candor_labeler *l = &r->labelers[i];
		fprintf(out, "%s %a %lu %a %a %a\n", l->name, l->weight, l->scored, l->own_loss, l->mean_loss,
			l->entry);
	}
	done(r);
	for (int i = 0; i < 300; i++) {
		char item[24];
		snprintf(item, sizeof item, "item-%d", i);
		r = on_item(w, CANDOR_REQ_QUERY_ITEMS, item);
		for (size_t k = 0; k < r->answer.response.n; k++) {
			const struct candor_item *it = &r->items[k];
			fprintf(out, "%s %d %a %a %a %lu %a %lu", item, it->state, it->mean, it->median, it->spread,
				it->n, it->outcome, it->round);
			for (size_t j = 0; j < it->n_reports; j++)
				fprintf(out, " %s=%a*%a", r->reports[j].labeler, r->reports[j].value,
					r->reports[j].weight);
			fprintf(out, "\n");
		}
		done(r);
	}
}

static char *description(struct world *w)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	describe(w, f);
	fclose(f);
	return text;
}

static void a_restart_finds_every_bit_and_goes_on_alike(void **state)
{
	struct world *w = *state, *other;
	struct random random;
	seed_random(&random, 30);
	assert_int_equal(set_up((void **)&other), 0);
	create(w);
	create(other);
	for (int part = 0; part < 5; part++) {
		struct random same = random;
		random_events(w, &random, SANITIZED ? 100 : 400);
		random_events(other, &same, SANITIZED ? 100 : 400);
		/* One of the two starts anew, and keeps hardly anything in memory. */
		close_engine(w);
		w->limits.resident_items = part % 2 ? 3 : 1000;
		open_engine(w);
		char *restarted = description(w), *never = description(other);
		assert_string_equal(restarted, never);
		free(restarted);
		free(never);
		assert_int_equal(verify(&(struct verify_job){.path = w->path}), 0);
	}
	assert_int_equal(tear_down((void **)&other), 0);
}

static void the_log_is_trimmed_and_long_open_items_keep_their_reports(void **state)
{
	struct world *w = *state;
	enum { ITEMS = 40, ROWS = 2500 };
	static char names[ROWS][24];
	static struct candor_report rows[ROWS];
	create(w);
	done(post(w, "long-open", "first", 0.125));
	for (int i = 0; i < ROWS; i++)
		snprintf(names[i], sizeof names[i], "labeler-%d", i);
	for (int k = 0; k < ITEMS; k++) {
		char item[24];
		snprintf(item, sizeof item, "item-%d", k);
		for (int i = 0; i < ROWS; i++)
			rows[i] = (struct candor_report){item, names[i], (double)((i + k) % 9) / 9};
		const struct candor_request post_all = {
			.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = ROWS, .reports = rows};
		expect(w, post_all, CANDOR_OK);
		/* A report now and then on the item that stays open, so that it has rows in every part of the log. */
		done(post(w, "long-open", names[k], (double)k / ITEMS));
		if (k > 0)
			done(post(w, "long-open", names[k - 1], 0.5));
		done(on_item(w, CANDOR_REQ_CLOSE_ITEMS, item));
	}
	struct progress_row progress;
	assert_int_equal(db_progress(w->reader, &progress), 0);
	assert_true(progress.reports > ITEMS * ROWS);
	assert_true(progress.log_rows < ITEMS * ROWS);

	close_engine(w);
	open_engine(w);
	struct request *r = on_item(w, CANDOR_REQ_QUERY_ITEMS, "long-open");
	assert_int_equal(r->items[0].n_reports, ITEMS + 1);
	assert_same_bits(r->reports[0].value, 0.125);
	for (int k = 0; k < ITEMS; k++) {
		assert_string_equal(r->reports[k + 1].labeler, names[k]);
		assert_same_bits(r->reports[k + 1].value, k < ITEMS - 1 ? 0.5 : (double)k / ITEMS);
	}
	done(r);
	assert_int_equal(verify(&(struct verify_job){.path = w->path}), 0);
}

#define ENGINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE(an_answer_depends_on_a_change_that_is_not_yet_on_disk),
		ENGINE(a_pool_exists_already_only_when_it_is_on_disk),
		ENGINE(a_full_disk_is_told_and_memory_is_as_the_disk_has_it),
		ENGINE(another_failure_of_the_database_ends_the_service),
		ENGINE(closed_items_come_back_from_disk_when_they_are_named),
		ENGINE(an_item_closed_while_a_read_was_under_way_does_not_come_back_as_new),
		ENGINE(pages_hold_every_labeler_once_in_order),
		ENGINE(a_restart_finds_every_bit_and_goes_on_alike),
		ENGINE(the_log_is_trimmed_and_long_open_items_keep_their_reports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
