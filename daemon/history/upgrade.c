#include "daemon/history/upgrade.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/db/upgrade_rows.h"
#include "daemon/db/write.h"
#include "daemon/history/checkpoint.h"
#include "daemon/history/replay.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"

enum { EVENTS_UNTOLD = 256, STEPS_A_TURN = 4 };

struct work {
	const struct upgrade *how;
	struct db *db;
	uint8_t key[HASH_KEY_BYTES];
	struct arena names;
	struct batch batch;
	struct db_upgrade_pool *pools; /* [n] */
	size_t n;
	uint64_t changes; /* of the database */
	bool is_older; /* the tables are as they were, but for the transaction that is open */
	bool has_archives; /* they are open */
	uint64_t done, total; /* events */
	/* Of the pool that is being replayed: */
	const char *pool;
	char difference[1024]; /* the first; "": none */
	bool is_cancelled;
};

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- who waits ---- */

static bool is_wanted(struct work *w)
{
	if (w->how->going_on && !w->is_cancelled)
		w->is_cancelled = !w->how->going_on(w->how->arg, w->done, w->total);
	return !w->is_cancelled;
}

/* Asked by SQLite, in the middle of what takes long. */
static int on_steps(void *arg)
{
	return !is_wanted(arg);
}

/* Before each event. One difference is enough. */
static bool on_event(void *arg)
{
	struct work *w = arg;
	if (w->difference[0])
		return false;
	return ++w->done % EVENTS_UNTOLD != 0 || is_wanted(w);
}

static void on_difference(void *arg, const char *sentence)
{
	struct work *w = arg;
	if (!w->difference[0])
		snprintf(w->difference, sizeof w->difference, "%s", sentence);
}

/* ---- what is written ---- */

static int on_closed(void *arg, uint64_t item, const struct frozen *frozen)
{
	return db_upgrade_item(((struct work *)arg)->db, item, frozen);
}

/* Writes what is in the batch, and empties it. */
static int write_batch(struct work *w)
{
	int err = db_write_within(w->db, &w->batch);
	batch_reset(&w->batch);
	return err;
}

static int add(struct work *w, enum change_type type, const void *row)
{
	return batch_add(&w->batch, type, row) ? 0 : -ENOMEM;
}

/* Every labeler as of the last round: a start needs no settlement that was made before. */
static int write_labelers(struct work *w, const struct pool *p, uint64_t pool)
{
	int err = 0;
	for (uint32_t id = 0; id < pool_labelers(p) && err == 0; id++) {
		const struct labeler_row row = {
			.pool = pool, .id = id, .state = *pool_labeler(p, id), .through = pool_totals(p)->round};
		err = add(w, CHANGE_LABELER, &row);
		if (err == 0 && id % CHECKPOINT_LABELERS == CHECKPOINT_LABELERS - 1)
			err = write_batch(w);
	}
	return err ? err : write_batch(w);
}

static int write_checkpoint(struct work *w, const struct pool *p, uint64_t pool)
{
	struct labeler *states = malloc(CHECKPOINT_LABELERS * sizeof *states);
	int err = states ? 0 : -ENOMEM;
	for (uint32_t first = 0; first < pool_labelers(p) && err == 0; first += CHECKPOINT_LABELERS) {
		struct checkpoint_row row;
		checkpoint_chunk(p, pool, first, states, &row);
		err = add(w, CHANGE_CHECKPOINT, &row);
		if (err == 0)
			err = write_batch(w);
	}
	free(states);
	return err;
}

/* ---- what was written, against what the history gives ---- */

/* What an older program wrote of them. */
static void compare_totals(struct replay *r, const char *of, const struct pool_totals *a)
{
	const struct pool_totals *b = pool_totals(replay_pool(r));
	replay_compare_count(r, of, "epoch", a->epoch, b->epoch);
	replay_compare_count(r, of, "scored", a->scored, b->scored);
	replay_compare(r, of, "total weight", a->total_weight, b->total_weight);
	replay_compare(r, of, "mean's loss", a->mean_loss, b->mean_loss);
	replay_compare(r, of, "median's loss", a->median_loss, b->median_loss);
	replay_compare(r, of, "plain mean's loss", a->plain_mean_loss, b->plain_mean_loss);
	replay_compare(r, of, "plain median's loss", a->plain_median_loss, b->plain_median_loss);
}

/* Of a row that is older than the labeler's newest settlement the replay has compared what it could. */
static void compare_labeler(struct replay *r, const struct labeler_row *row)
{
	const struct pool *p = replay_pool(r);
	const struct labeler *l = pool_labeler(p, row->id);
	double weight = row->state.weight;
	uint8_t epoch = row->state.epoch;
	if (row->through < l->last_round)
		return;
	pool_bring_up_stored(p, row->id, &weight, &epoch);
	replay_compare(r, row->name, "weight", weight, l->weight);
	replay_compare_count(r, row->name, "epoch", epoch, l->epoch);
	replay_compare_count(r, row->name, "scored", row->state.scored, l->scored);
	replay_compare_count(r, row->name, "last round", row->state.last_round, l->last_round);
	replay_compare(r, row->name, "own loss", row->state.own_loss, l->own_loss);
	replay_compare(r, row->name, "mean's loss", row->state.mean_loss, l->mean_loss);
}

static int compare_labelers(struct work *w, struct replay *r, uint64_t pool)
{
	struct db_cursor *cursor;
	const struct labeler_row *row;
	uint64_t n = 0;
	int err = db_cursor_open(w->db, DB_LABELERS, pool, 0, &cursor);
	if (err)
		return err;
	while ((err = db_cursor_next(cursor, (const void **)&row)) == 1) {
		if (row->id != n++ || row->id >= pool_labelers(replay_pool(r))) {
			err = ERR_HISTORY;
			break;
		}
		compare_labeler(r, row);
	}
	db_cursor_close(cursor);
	if (err == 0)
		replay_compare_count(r, "the pool", "labelers", n, pool_labelers(replay_pool(r)));
	return err;
}

/* The pool's row, and then with what the history gives. */
static int bring_up_totals(struct work *w, struct replay *r, uint64_t pool)
{
	struct db_cursor *cursor;
	const struct pool_row *row;
	int err = db_cursor_open(w->db, DB_POOLS, 0, pool, &cursor);
	if (err)
		return err;
	int got = db_cursor_next(cursor, (const void **)&row);
	err = got < 0 ? got : got == 0 || row->id != pool || !replay_pool(r) ? ERR_HISTORY : 0;
	if (err == 0) {
		struct pool_row now = *row;
		compare_totals(r, "the pool", &row->totals);
		replay_compare_count(r, "the pool", "round", row->totals.round, pool_totals(replay_pool(r))->round);
		replay_compare_count(r, "the pool", "closed items", row->closes, replay_closes(r));
		now.totals = *pool_totals(replay_pool(r));
		now.totals.open = row->totals.open;
		now.totals.closed = row->totals.closed;
		now.totals.voided = row->totals.voided;
		err = add(w, CHANGE_POOL, &now);
	}
	db_cursor_close(cursor);
	return err ? err : write_batch(w);
}

/* The rounds up to the last of an archive, whose row is brought up. */
static int bring_up_archive(struct work *w, struct replay *r, struct archive_row *row)
{
	int err = replay_run(r, row->last);
	if (err)
		return err;
	compare_totals(r, row->file, &row->totals);
	replay_compare_count(r, row->file, "closed items", row->closes, replay_closes(r));
	replay_compare_count(r, row->file, "labelers", row->labelers, pool_labelers(replay_pool(r)));
	if (memcmp(row->hash, replay_head(r), CHAIN_BYTES) != 0)
		replay_differ(r, "%s: the hash after its last round is not that of the settlement", row->file);
	checkpoint_describe(replay_pool(r), replay_closes(r), replay_head(r), row);
	err = add(w, CHANGE_ARCHIVE, row);
	return err ? err : write_batch(w);
}

static int next_archive(struct work *w, uint64_t pool, uint64_t from, struct arena *a, struct archive_row *out)
{
	struct db_cursor *cursor;
	const struct archive_row *row;
	int err = db_cursor_open(w->db, DB_ARCHIVES, pool, from, &cursor);
	if (err)
		return err;
	int got = db_cursor_next(cursor, (const void **)&row);
	if (got == 1) {
		*out = *row;
		out->by = arena_strdup(a, row->by);
		out->file = arena_strdup(a, row->file);
		got = out->by && out->file ? 1 : -ENOMEM;
	}
	db_cursor_close(cursor);
	return got;
}

/* All of them; and the labelers after the newest. */
static int bring_up_archives(struct work *w, struct replay *r, uint64_t pool)
{
	struct arena a;
	struct archive_row row = {0};
	int got, err = 0;
	arena_init(&a, SIZE_MAX / 2);
	while (err == 0 && (got = next_archive(w, pool, row.last + 1, &a, &row)) == 1) {
		err = bring_up_archive(w, r, &row);
		arena_reset(&a);
	}
	arena_free(&a);
	if (err == 0)
		err = got;
	return err || row.last == 0 ? err : write_checkpoint(w, replay_pool(r), pool);
}

/* ---- one pool ---- */

static int replay_one(struct work *w, const struct db_upgrade_pool *pool)
{
	struct replay_source source = {
		.name = pool->name,
		.id = pool->id,
		.db = w->db,
		.key = w->key,
		.goes_on = on_event,
		.closed = on_closed,
		.labelers_too = true,
		.differs = on_difference,
		.arg = w,
	};
	struct replay *r;
	w->pool = pool->name;
	if (w->has_archives)
		source.n_archives = w->how->archives_of(w->how->arg, pool->id, &source.archives);
	int err = replay_new(&r, &source);
	if (err)
		return err;
	err = bring_up_archives(w, r, pool->id);
	if (err == 0)
		err = replay_run(r, 0);
	if (err == 0)
		err = compare_labelers(w, r, pool->id);
	if (err == 0)
		err = bring_up_totals(w, r, pool->id);
	if (err == 0)
		err = write_labelers(w, replay_pool(r), pool->id);
	replay_free(r);
	return err;
}

/* It was told what differs; or the history makes no sense, which has been logged. */
static int refuse(const struct work *w)
{
	if (w->difference[0])
		log_error("pool %s: %s", w->pool, w->difference);
	if (!w->is_older) {
		log_error("%s: the upgrade cannot go on: what was written of pool %s does not follow from its history "
			  "any more; restore the backup that was made before it",
			  w->how->called, w->pool);
		return ERR_HISTORY;
	}
	log_error("%s is not upgraded: what was written of pool %s does not follow from its history; nothing was "
		  "changed, and the candord that wrote it can still use it; its --verify says more",
		  w->how->called, w->pool);
	return ERR_UPGRADE;
}

/* The steps could not be taken; why has been logged. */
static int refuse_rows(const struct work *w)
{
	log_error("%s is not upgraded: its rows contradict each other; nothing was changed, and the candord that wrote "
		  "can still use it; its --verify says more",
		  w->how->called);
	return ERR_UPGRADE;
}

static int replay_pool_of(struct work *w, const struct db_upgrade_pool *pool)
{
	w->difference[0] = 0;
	int err = is_wanted(w) ? replay_one(w, pool) : -ECANCELED;
	batch_reset(&w->batch);
	if (w->difference[0] || replay_says_history(err))
		return refuse(w);
	return err;
}

/* ---- which rounds are archived ---- */

static void on_archive(void *arg, const struct db_upgrade_archive *a)
{
	++*(uint64_t *)arg;
	log_error("pool %s: rounds %" PRIu64 " to %" PRIu64 " are in archive %s", a->pool, a->first, a->last, a->file);
}

static int say_archives_are_needed(const struct work *w)
{
	log_error("%s is not upgraded: forecasts are learned from a pool's first report on, so the files of all "
		  "archived rounds are needed; run `candord %s %s --archive FILE...` with all of them%s",
		  w->how->called, w->how->option, w->how->called,
		  w->is_older ? "; nothing was changed, and the candord that wrote it can still use it" : "");
	return ERR_UPGRADE;
}

/* Without files nothing is begun. */
static int check_archives(const struct work *w)
{
	uint64_t n = 0;
	if (w->how->open_archives)
		return 0;
	int err = db_upgrade_archives(w->db, on_archive, &n);
	return err ? err : n > 0 ? say_archives_are_needed(w) : 0;
}

/* They are known to be the newest ones; of a pool that needs any, all are needed. */
static int open_archives(struct work *w)
{
	uint64_t n = 0;
	if (!w->how->open_archives || w->has_archives)
		return 0;
	int err = w->how->open_archives(w->how->arg, w->db);
	w->has_archives = err == 0;
	for (size_t i = 0; i < w->n && err == 0; i++)
		if (w->how->archives_of(w->how->arg, w->pools[i].id, NULL) < w->pools[i].archives) {
			err = db_upgrade_archives(w->db, on_archive, &n);
			return err ? err : say_archives_are_needed(w);
		}
	return err;
}

/* ---- all of them ---- */

static int read_pools(struct work *w)
{
	struct progress_row progress;
	arena_reset(&w->names);
	int err = db_progress(w->db, &progress);
	if (err == 0)
		err = db_upgrade_pools(w->db, &w->names, &w->pools, &w->n);
	w->changes = err ? 0 : progress.changes;
	return err ? err : open_archives(w);
}

static void count_events(struct work *w, bool waiting)
{
	w->done = w->total = 0;
	for (size_t i = 0; i < w->n; i++)
		if (waiting ? w->pools[i].waits : !w->pools[i].is_checked)
			w->total += w->pools[i].events;
}

/* Replays pools until the turn is over. *all: none is left. */
static int take_turn(struct work *w, uint64_t until_ms, bool *all)
{
	size_t left = 0;
	int err = 0;
	for (size_t i = 0; i < w->n; i++)
		left += !w->pools[i].is_checked;
	for (size_t i = 0; i < w->n && err == 0; i++) {
		if (w->pools[i].is_checked)
			continue;
		err = replay_pool_of(w, &w->pools[i]);
		w->pools[i].is_checked = err == 0;
		left--;
		if (now_ms() >= until_ms)
			break;
	}
	*all = left == 0;
	return err;
}

/* From an older schema: all or nothing. */
static int bring_up(struct work *w)
{
	for (bool all = false, first = true; !all; first = false) {
		uint64_t began = now_ms();
		int err = db_upgrade_begin(w->db);
		if (err)
			return err == ERR_HISTORY ? refuse_rows(w) : err;
		err = read_pools(w);
		if (first)
			count_events(w, false);
		/* What all turns do again must not be most of them. */
		uint64_t steps = now_ms() - began, turn = w->how->turn_ms;
		if (turn > 0)
			turn += steps * STEPS_A_TURN;
		if (err == 0)
			err = take_turn(w, now_ms() + turn, &all);
		if (err == 0 && all)
			return db_upgrade_commit(w->db);
		db_upgrade_abandon(w->db);
		if (err == 0)
			err = db_upgrade_note(w->db, w->changes, w->pools, w->n);
		if (err)
			return err;
	}
	return 0;
}

static int finish_one(struct work *w, const struct db_upgrade_pool *pool)
{
	int err = db_upgrade_begin(w->db);
	if (err)
		return err;
	err = replay_pool_of(w, pool);
	if (err == 0)
		return db_upgrade_commit(w->db);
	db_upgrade_abandon(w->db);
	return err;
}

/* The pools that wait, one after the other. */
static int finish(struct work *w)
{
	int err = db_upgrade_begin(w->db);
	if (err)
		return err;
	err = read_pools(w);
	db_upgrade_abandon(w->db);
	count_events(w, true);
	for (size_t i = 0; i < w->n && err == 0; i++)
		if (w->pools[i].waits)
			err = finish_one(w, &w->pools[i]);
	return err;
}

static int upgrade(struct work *w)
{
	enum db_age age;
	int err = db_age(w->db, &age);
	if (err || age == DB_PRESENT)
		return err;
	w->is_older = age == DB_OLDER;
	err = is_wanted(w) ? check_archives(w) : -ECANCELED;
	if (err == 0 && w->is_older) {
		err = bring_up(w);
		/* What was refused is as it was. */
		int forgotten = err == ERR_UPGRADE ? db_upgrade_forget(w->db) : 0;
		if (err)
			return forgotten ? forgotten : err;
		w->is_older = false;
		err = db_age(w->db, &age);
	}
	return err || age == DB_PRESENT ? err : finish(w);
}

int upgrade_run(struct db *db, const struct upgrade *how)
{
	struct work w = {.how = how, .db = db};
	hash_new_key(w.key);
	arena_init(&w.names, SIZE_MAX / 2);
	batch_init(&w.batch);
	db_watch(db, on_steps, &w);
	int err = upgrade(&w);
	db_watch(db, NULL, NULL);
	arena_free(&w.names);
	batch_free(&w.batch);
	return err;
}
