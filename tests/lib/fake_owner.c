#include "tests/lib/fake_owner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/db/prepare.h"
#include "daemon/db/write.h"
#include "daemon/engine/state.h"
#include "daemon/history/upgrade.h"
#include "lib/wire/frame.h"
#include "tests/lib/fault.h"
#include "tests/lib/files.h"

static const uint8_t key[NAMES_KEY_BYTES] = {3, 1, 4, 1, 5};

/* ---- what the engine asks of its owner ---- */

static void on_commit(void *owner, const struct batch *batch)
{
	struct fake_owner *f = owner;
	require(!f->batch && batch);
	f->batch = batch;
}

static void on_read(void *owner, struct read_job *job)
{
	struct fake_owner *f = owner;
	job->err = f->refuse_reads ? -ENOMEM : job->begin ? job->begin(job) : 0;
	if (job->err) {
		job->done(job);
		return;
	}
	require(f->n_reads < FAKE_READS_MAX);
	f->reads[f->n_reads++] = (struct fake_read){.job = job};
}

static void on_cancel(void *owner, struct read_job *job)
{
	struct fake_owner *f = owner;
	atomic_store(&job->cancelled, true);
	for (size_t i = 0; i < f->n_reads; i++) {
		if (f->reads[i].job != job || f->reads[i].worked)
			continue;
		f->n_reads--;
		memmove(&f->reads[i], &f->reads[i + 1], (f->n_reads - i) * sizeof *f->reads);
		job->err = -ECANCELED;
		job->done(job);
		return;
	}
}

static uint64_t on_now_ms(void *owner)
{
	const struct fake_owner *f = owner;
	return f->now_ms + (uint64_t)f->clock_set_ms;
}

/* The same in each run, so that two runs can be compared. */
static void on_make_salt(void *owner, uint8_t out[CHAIN_SALT_BYTES])
{
	const struct fake_owner *f = owner;
	memset(out, 0x5a, CHAIN_SALT_BYTES);
	/* The same again where a commit failed and the same is done again. */
	memcpy(out, &f->engine->progress.changes, sizeof f->engine->progress.changes);
}

static uint64_t on_elapsed_ns(void *owner)
{
	return ((struct fake_owner *)owner)->now_ms * 1000000;
}

static void on_disk(void *owner, uint64_t *database, uint64_t *wal)
{
	(void)owner;
	*wal = 2 * (*database = 4096);
}

static void on_memory(void *owner, uint64_t *elsewhere, uint64_t *resident)
{
	(void)owner;
	*elsewhere = 1000;
	*resident = 8192;
}

static void on_failed(void *owner, int err)
{
	((struct fake_owner *)owner)->failed = err;
}

static const struct histogram *on_loop(void *owner)
{
	static const struct histogram turns = {.n = 100, .sum = 104000, .max = 5000, .buckets = {[63] = 99, [81] = 1}};
	(void)owner;
	return &turns;
}

static const struct engine_ops ops = {
	.commit = on_commit,
	.read = on_read,
	.cancel = on_cancel,
	.now_ms = on_now_ms,
	.make_salt = on_make_salt,
	.elapsed_ns = on_elapsed_ns,
	.disk = on_disk,
	.memory = on_memory,
	.loop = on_loop,
	.failed = on_failed,
};

/* ---- life ---- */

struct engine_limits fake_roomy_limits(void)
{
	return (struct engine_limits){
		.batch_bytes = (size_t)1 << 30,
		.pools_bytes = SIZE_MAX / 2,
		.load_bytes = (size_t)1 << 30,
		.memory_bytes = (uint64_t)1 << 32,
		.resident_items = 1000000,
		.resident_reports = 100000000,
		.max_frame_bytes = 1 << 22,
		.max_in_flight = 1024,
	};
}

static void close_all(struct fake_owner *f)
{
	require(db_close(f->reader) == 0 && db_close(f->loop_db) == 0 && db_close(f->writer) == 0);
	f->reader = f->loop_db = f->writer = NULL;
}

int fake_upgrade(void *arg, struct db *db)
{
	const struct fake_owner *f = arg;
	return upgrade_run(db, &(struct upgrade){.called = f->path, .option = UPGRADE_OPTION, .turn_ms = UPGRADE_TURN_MS});
}

/* Nothing here is to survive a power failure. */
int fake_try_start(struct fake_owner *f)
{
	const struct db_upgrader upgrader = {fake_upgrade, f};
	int err = access(f->path, F_OK) == 0 ? db_open_upgraded(&f->writer, f->path, DB_NORMAL, &upgrader)
					     : db_open(&f->writer, f->path, DB_WRITE, DB_NORMAL);
	if (err == 0)
		err = db_open(&f->loop_db, f->path, DB_READ, DB_NORMAL);
	if (err == 0)
		err = db_open(&f->reader, f->path, DB_READ, DB_NORMAL);
	if (err == 0)
		err = engine_new(&f->engine, f->loop_db, key, &f->limits, &ops, f);
	if (err)
		close_all(f);
	return err;
}

int fake_start_as_candord(struct fake_owner *f, enum db_sync sync)
{
	const struct db_upgrader upgrader = {fake_upgrade, f};
	int err = db_prepare(&f->loop_db, f->path, sync, NULL, &upgrader);
	if (err == 0)
		err = db_open(&f->writer, f->path, DB_WRITE, sync);
	if (err == 0)
		err = db_open(&f->reader, f->path, DB_READ, sync);
	if (err == 0)
		err = engine_new(&f->engine, f->loop_db, key, &f->limits, &ops, f);
	if (err)
		close_all(f);
	return err;
}

void fake_start(struct fake_owner *f)
{
	require(fake_try_start(f) == 0);
}

void fake_place(struct fake_owner *f, const struct engine_limits *limits)
{
	*f = (struct fake_owner){.limits = *limits, .now_ms = 1700000000000};
	files_new_dir(f->dir, sizeof f->dir);
	snprintf(f->path, sizeof f->path, "%s/candor.db", f->dir);
}

void fake_copy_to(const struct fake_owner *f, const char *path)
{
	/* Without the index of the log, which belongs to the processes that have the database open. */
	static const char *const suffixes[] = {"", "-wal", "-journal"};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char from[128], to[256];
		snprintf(from, sizeof from, "%s%s", f->path, suffixes[i]);
		snprintf(to, sizeof to, "%s%s", path, suffixes[i]);
		files_copy(from, to);
	}
}

void fake_place_copy(struct fake_owner *f, const struct fake_owner *of)
{
	fake_place(f, &of->limits);
	f->now_ms = of->now_ms;
	f->clock_set_ms = of->clock_set_ms;
	fake_copy_to(of, f->path);
}

void fake_init(struct fake_owner *f, const struct engine_limits *limits)
{
	fake_place(f, limits);
	fake_start(f);
}

static void end(struct fake_owner *f)
{
	if (f->called)
		ask_free(f->called);
	f->called = NULL;
	engine_free(f->engine);
	f->engine = NULL;
	close_all(f);
}

void fake_stop(struct fake_owner *f)
{
	fake_settle(f);
	end(f);
}

/* Until there is nothing to be done. What is to be written ends with err. */
static void finish(struct fake_owner *f, int err)
{
	for (;;) {
		if (fake_tick(f))
			fake_commit(f, err);
		else if (f->n_reads > 0)
			fake_read_done(f, 0);
		else if (engine_has_more(f->engine))
			engine_go_on(f->engine);
		else
			break;
	}
}

void fake_crash(struct fake_owner *f)
{
	/* All who wait hear of it, one way or the other; a read that ends may still write. */
	finish(f, ERR_DATABASE);
	end(f);
	f->failed = 0;
}

void fake_deinit(struct fake_owner *f)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", "-lock"};
	if (f->engine)
		fake_stop(f);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s%s", f->path, suffixes[i]);
		unlink(path);
	}
	require(rmdir(f->dir) == 0);
}

int fake_end(struct fake_owner *f)
{
	if (f->engine)
		fake_stop(f);
	int verified = fake_verify(f);
	fake_deinit(f);
	return verified;
}

void fake_restart(struct fake_owner *f)
{
	fake_stop(f);
	fake_start(f);
}

int fake_set_up(void **state)
{
	struct fake_owner *f = malloc(sizeof *f);
	struct engine_limits limits = fake_roomy_limits();
	require(f);
	fake_init(f, &limits);
	*state = f;
	return 0;
}

int fake_tear_down(void **state)
{
	int verified = fake_end(*state);
	free(*state);
	return verified;
}

/* ---- step by step ---- */

bool fake_tick(struct fake_owner *f)
{
	engine_tick(f->engine);
	return f->batch != NULL;
}

void fake_commit(struct fake_owner *f, int err)
{
	const struct batch *batch = f->batch;
	require(batch);
	f->batch = NULL;
	engine_committed(f->engine, err ? err : db_write(f->writer, batch));
}

void fake_read_work(struct fake_owner *f, size_t i)
{
	require(i < f->n_reads && !f->reads[i].worked);
	f->reads[i].worked = true;
	do {
		f->reads[i].job->unfinished = false;
		f->reads[i].job->work(f->reads[i].job, f->reader);
	} while (f->reads[i].job->unfinished && f->reads[i].job->err == 0);
}

void fake_read_done(struct fake_owner *f, size_t i)
{
	if (!f->reads[i].worked)
		fake_read_work(f, i);
	struct read_job *job = f->reads[i].job;
	f->n_reads--;
	memmove(&f->reads[i], &f->reads[i + 1], (f->n_reads - i) * sizeof *f->reads);
	job->done(job);
}

void fake_settle(struct fake_owner *f)
{
	finish(f, 0);
	require(engine_is_idle(f->engine) || f->engine->waits.n > 0);
}

/* ---- calls ---- */

static void on_durable(struct waiter *w, int err)
{
	struct ask *a = (struct ask *)((char *)w - offsetof(struct ask, waiter));
	require(!a->settled);
	a->settled = true;
	a->err = err;
}

/* The answer lives until this returns; a copy is made by sending it through the wire. */
static void copy_answer(struct ask *a, const struct candor_response *response)
{
	struct arena scratch;
	struct buf bytes = {0};
	struct frame frame;
	struct view body;
	arena_init(&scratch, SIZE_MAX / 2);
	frame_init(&frame, 1 << 30);
	require(wire_encode_response(response, &scratch, 1 << 30, &bytes) == 0);
	require(frame_push(&frame, bytes.data, bytes.len) == 0 && frame_next(&frame, &body) == 1);
	require(wire_decode_response(&a->answer_arena, body.data, body.len, &a->answer) == 0);
	frame_free(&frame);
	buf_free(&bytes);
	arena_free(&scratch);
}

static void on_reply(struct call *call, const struct candor_response *response, uint64_t change)
{
	struct ask *a = (struct ask *)call;
	require(!a->replied);
	a->replied = true;
	a->change = change;
	fault_pause();
	copy_answer(a, response);
	fault_resume();
	if (change > engine_committed_change(a->owner->engine)) {
		a->waiter.on_durable = on_durable;
		engine_wait(a->owner->engine, change, &a->waiter);
	} else {
		a->settled = true;
	}
}

struct ask *fake_prepare(struct fake_owner *f, const struct candor_request *r)
{
	struct ask *a = calloc(1, sizeof *a);
	require(a);
	arena_init(&a->arena, SIZE_MAX / 2);
	arena_init(&a->answer_arena, SIZE_MAX / 2);
	a->owner = f;
	a->identity = FAKE_OWNER;
	a->call = (struct call){.wire = &a->wire,
				.arena = &a->arena,
				.identity = &a->identity,
				.peer = "uid:0 test",
				.reply = on_reply};

	struct buf bytes = {0};
	struct frame frame;
	struct view body;
	frame_init(&frame, 1 << 30);
	require(wire_encode_request(r, &a->arena, 1 << 30, &bytes) == 0);
	require(frame_push(&frame, bytes.data, bytes.len) == 0 && frame_next(&frame, &body) == 1);
	require(wire_decode_request(&a->arena, body.data, body.len, &a->wire) == 0);
	a->call.bytes = body.len;
	frame_free(&frame);
	buf_free(&bytes);
	return a;
}

void fake_submit(struct ask *a)
{
	a->outcome = engine_submit(a->owner->engine, &a->call);
	/* A read that cannot start is replied to at once. */
	require(a->replied ? a->outcome != ENGINE_BLOCKED : a->outcome != ENGINE_REPLIED);
}

struct ask *fake_ask(struct fake_owner *f, const struct candor_request *r)
{
	struct ask *a = fake_prepare(f, r);
	fake_submit(a);
	return a;
}

struct ask *fake_ask_post(struct fake_owner *f, const char *pool, const char *item, const char *labeler, double value)
{
	const struct candor_report row = {item, labeler, value};
	return fake_ask(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = 1, .reports = &row});
}

struct ask *fake_ask_resolve(struct fake_owner *f, const char *pool, const char *item, double outcome)
{
	const struct candor_outcome row = {item, outcome};
	return fake_ask(
		f, &(struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = pool, .n = 1, .outcomes = &row});
}

void ask_free(struct ask *a)
{
	require(a->replied || !a->outcome);
	arena_free(&a->arena);
	arena_free(&a->answer_arena);
	free(a);
}

const struct candor_response *fake_call_as(struct fake_owner *f, struct identity *identity,
					   const struct candor_request *r)
{
	if (f->called)
		ask_free(f->called);
	f->called = fake_prepare(f, r);
	f->called->identity = *identity;
	fake_submit(f->called);
	fake_settle(f);
	require(f->called->settled && f->called->err == 0);
	*identity = f->called->identity;
	return &f->called->answer;
}

const struct candor_response *fake_call(struct fake_owner *f, const struct candor_request *r)
{
	return fake_call_as(f, &FAKE_OWNER, r);
}

void fake_pool(struct fake_owner *f, const char *pool, const struct candor_settings *settings)
{
	struct candor_request r = {.type = CANDOR_REQ_CREATE_POOL, .pool = pool};
	if (settings)
		r.settings = *settings;
	require(fake_call(f, &r)->code == CANDOR_OK);
}

static enum candor_code one_row(struct fake_owner *f, const struct candor_request *r)
{
	const struct candor_response *answer = fake_call(f, r);
	if (answer->code != CANDOR_OK)
		return answer->code;
	uint64_t counted = answer->batch.accepted + answer->batch.duplicates + answer->batch.revised;
	require(counted + answer->n_rejected == 1);
	return answer->n_rejected ? answer->rejected[0].code : CANDOR_OK;
}

enum candor_code fake_post(struct fake_owner *f, const char *pool, const char *item, const char *labeler, double value)
{
	const struct candor_report row = {item, labeler, value};
	return one_row(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = 1, .reports = &row});
}

enum candor_code fake_close(struct fake_owner *f, const char *pool, const char *item)
{
	return one_row(f,
		       &(struct candor_request){.type = CANDOR_REQ_CLOSE_ITEMS, .pool = pool, .n = 1, .items = &item});
}

enum candor_code fake_resolve(struct fake_owner *f, const char *pool, const char *item, double outcome)
{
	const struct candor_outcome row = {item, outcome};
	return one_row(
		f, &(struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = pool, .n = 1, .outcomes = &row});
}

enum candor_code fake_void(struct fake_owner *f, const char *pool, const char *item)
{
	return one_row(f,
		       &(struct candor_request){.type = CANDOR_REQ_VOID_ITEMS, .pool = pool, .n = 1, .items = &item});
}

const struct candor_item *fake_query(struct fake_owner *f, const char *pool, const char *item)
{
	const struct candor_response *answer = fake_call(
		f, &(struct candor_request){
			   .type = CANDOR_REQ_QUERY_ITEMS, .pool = pool, .n = 1, .items = &item, .with_reports = true});
	require(answer->code == CANDOR_OK && answer->n + answer->n_rejected == 1);
	return answer->n ? &answer->items[0] : NULL;
}

/* ---- looking at it ---- */

static void describe_counts(const struct outcome_counts *c, FILE *out)
{
	fprintf(out, " counts %a %a %a %a", c->n1, c->n0, c->a, c->b);
}

void fake_describe_pool(const struct pool *p, FILE *out)
{
	const struct candor_settings *s = pool_settings(p);
	const struct pool_totals *t = pool_totals(p);
	fprintf(out, " settings %d %a %a %a %a %a %a wrong %a scored %u signs %d\n", (int)s->rate, s->c, s->beta,
		s->eta, s->horizon, s->share, s->entry, s->wrong, s->scored, (int)s->signs);
	fprintf(out, " totals round %" PRIu64 " scored %" PRIu64 " open %" PRIu64 " closed %" PRIu64 " void %" PRIu64,
		t->round, t->scored, t->open, t->closed, t->voided);
	fprintf(out, " weight %a losses %a %a %a %a %a epoch %u eta %a\n", t->total_weight, t->mean_loss,
		t->median_loss, t->plain_mean_loss, t->plain_median_loss, t->forecast_loss, t->epoch, pool_eta(p));
	fprintf(out, " stretch %u eta %a weight %a grown %a\n", t->bound.stretch, t->bound.eta, t->bound.weight,
		t->bound.grown);
	const struct pool_track *track = &t->track;
	fprintf(out, " track %a %a", track->c, track->u);
	describe_counts(&track->counts, out);
	fprintf(out, " %a blend", track->y);
	for (int i = 0; i < N_CANDIDATES; i++)
		fprintf(out, " %a", track->blend[i]);
	fprintf(out, "\n rechecks %" PRIu64 " disagree %" PRIu64 "\n", t->rechecks, t->disagreed);
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		const struct labeler *l = pool_labeler(p, id);
		fprintf(out, " labeler %s entry %a weight %a %a losses %a %a scored %u last %u epoch %u",
			pool_labeler_name(p, id, NULL), pool_entry(p, id), l->weight, pool_weight(p, id), l->own_loss,
			l->mean_loss, l->scored, l->last_round, l->epoch);
		fprintf(out, " gain %a limit %a bound %a stretch %u track %a %a", l->gain, l->limit, pool_bound(p, id),
			l->stretch, l->track.m, l->track.v);
		describe_counts(&l->track.counts, out);
		fprintf(out, "\n");
	}
}

/* Disk says which items are open; memory must have as many, and these. */
static void state_of_open_items(struct engine *e, struct db *db, FILE *out)
{
	struct db_cursor *cursor;
	const struct open_item_row *row;
	int got;
	require(db_cursor_open(db, DB_OPEN_ITEMS, 0, 0, &cursor) == 0);
	while ((got = db_cursor_next(cursor, (const void **)&row)) == 1) {
		const struct engine_pool *c = e->pools[row->pool - 1];
		const struct item *item = pool_find_item(c->pool, row->name, strlen(row->name));
		if (!item || item->state != CANDOR_OPEN) {
			fprintf(out, "item %" PRIu64 " is not open in memory\n", row->id);
			continue;
		}
		fprintf(out, "item %" PRIu64 " of %" PRIu64 " %s opened %" PRIu64 " changed %" PRIu64 ":",
			item->own.number, item->own.pool, row->name, item->own.opened_at, item->own.changed);
		for (uint32_t i = 0; i < item->n; i++) {
			fprintf(out, " %u=%a", item_labelers(item)[i], item->values[i]);
			if (item->sequences && item->sequences[i])
				fprintf(out, "@%" PRIu64, item->sequences[i]);
		}
		fprintf(out, "\n");
	}
	require(got == 0);
	db_cursor_close(cursor);
}

/* But for ids of grants, which may have gaps, and for secrets. */
static void state_of_rights(const struct grants *g, FILE *out)
{
	uint64_t after = 0;
	for (const struct grant_row *row; (row = grants_next(g, after)); after = row->id)
		fprintf(out, "grant %s '%s' '%s' %u\n", row->principal, row->pool, row->prefix, row->rights);
	for (uint64_t id = 1; id <= grants_tokens(g); id++) {
		const struct token_row *t = grants_token(g, id);
		fprintf(out, "token %" PRIu64 " %s created %" PRIu64 " expires %" PRIu64 " revoked %" PRIu64 "\n",
			t->id, t->name, t->created_at, t->expires_at, t->revoked_at);
	}
}

static char *state_of(struct engine *e, struct db *db)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	require(out);
	fprintf(out,
		"changes %" PRIu64 " items %" PRIu64 " reports %" PRIu64 " log rows %" PRIu64 " live %" PRIu64 "\n",
		e->progress.changes, e->progress.items, e->progress.reports, e->progress.log_rows, e->live_log_rows);
	for (uint64_t i = 0; i < e->n_pools; i++) {
		const struct engine_pool *c = e->pools[i];
		fprintf(out, "pool %" PRIu64 " %s created %" PRIu64 " closes %" PRIu64 " archived %" PRIu64 "\n", c->id,
			c->name, c->created_at, c->closes, c->archive.last);
		fake_describe_pool(c->pool, out);
	}
	state_of_open_items(e, db, out);
	state_of_rights(e->grants, out);
	require(fclose(out) == 0);
	return text;
}

char *fake_state(struct fake_owner *f)
{
	require(engine_is_idle(f->engine));
	return state_of(f->engine, f->reader);
}

char *fake_state_on_disk(struct fake_owner *f)
{
	struct db *db;
	struct engine *e;
	require(db_open(&db, f->path, DB_READ, DB_NORMAL) == 0);
	require(engine_new(&e, db, key, &f->limits, &ops, f) == 0);
	char *text = state_of(e, db);
	engine_free(e);
	require(db_close(db) == 0);
	return text;
}
