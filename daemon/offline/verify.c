#include "daemon/offline/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/offline/archive.h"
#include "daemon/history/checkpoint.h"
#include "daemon/db/check.h"
#include "daemon/db/prepare.h"
#include "daemon/engine/view.h"
#include "daemon/history/replay.h"
#include "daemon/offline/interrupt.h"
#include "daemon/progress.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"

enum { SHOWN_MAX = 20 };

/* A pool, the archives that the database knows of it, and those of them, the newest, that are read. */
struct verify_pool {
	const struct view_pool *pool;
	const struct archive_row *rows;
	size_t n_rows;
	struct db *const *archives;
	size_t n_archives;
};

/* The findings of one pool. */
struct findings {
	const char *pool;
	uint64_t n;
	const struct replay *replay; /* NULL: it has not begun */
	uint64_t changes; /* of the database */
	struct progress progress;
};

/* Asked between two events. */
static bool on_event(void *arg)
{
	struct findings *f = arg;
	if (f->replay)
		progress_show(&f->progress, replay_change(f->replay), f->changes);
	return true;
}

static void on_difference(void *arg, const char *sentence)
{
	struct findings *f = arg;
	progress_end(&f->progress);
	if (f->n++ < SHOWN_MAX)
		printf("pool %s: %s\n", f->pool, sentence);
}

/* ---- the comparison ---- */

static void compare_counts(struct replay *r, const char *of, const struct outcome_counts *a,
			   const struct outcome_counts *b)
{
	replay_compare(r, of, "the track's n1", a->n1, b->n1);
	replay_compare(r, of, "the track's n0", a->n0, b->n0);
	replay_compare(r, of, "the track's a", a->a, b->a);
	replay_compare(r, of, "the track's b", a->b, b->b);
}

static void compare_labelers(struct replay *r, const struct pool *state)
{
	const struct pool *p = replay_pool(r);
	replay_compare_count(r, "the pool", "labelers", pool_labelers(state), pool_labelers(p));
	if (pool_labelers(state) != pool_labelers(p))
		return;
	for (uint32_t id = 0; id < pool_labelers(state); id++) {
		const struct labeler *a = pool_labeler(state, id), *b = pool_labeler(p, id);
		const char *name = pool_labeler_name(state, id, NULL);
		if (strcmp(name, pool_labeler_name(p, id, NULL)) != 0)
			replay_differ(r, "labeler %u: the name is %s, but the history gives %s", id, name,
				      pool_labeler_name(p, id, NULL));
		replay_compare(r, name, "weight", a->weight, b->weight);
		replay_compare(r, name, "weight now", pool_weight(state, id), pool_weight(p, id));
		replay_compare(r, name, "own loss", a->own_loss, b->own_loss);
		replay_compare(r, name, "mean's loss", a->mean_loss, b->mean_loss);
		replay_compare(r, name, "gain", a->gain, b->gain);
		replay_compare(r, name, "limit of the gain", a->limit, b->limit);
		replay_compare_count(r, name, "stretch", a->stretch, b->stretch);
		replay_compare(r, name, "the track's m", a->track.m, b->track.m);
		replay_compare(r, name, "the track's v", a->track.v, b->track.v);
		compare_counts(r, name, &a->track.counts, &b->track.counts);
		replay_compare_count(r, name, "scored", a->scored, b->scored);
		replay_compare_count(r, name, "last round", a->last_round, b->last_round);
		replay_compare_count(r, name, "epoch", a->epoch, b->epoch);
	}
}

static void compare_totals(struct replay *r, const struct pool *state, uint64_t voided, uint64_t open)
{
	const struct pool *p = replay_pool(r);
	const struct pool_totals *a = pool_totals(state), *b = pool_totals(p);
	const char *of = "the pool";
	replay_compare_count(r, of, "round", a->round, b->round);
	replay_compare_count(r, of, "epoch", a->epoch, b->epoch);
	replay_compare_count(r, of, "scored", a->scored, b->scored);
	replay_compare_count(r, of, "closed items", a->closed, b->closed);
	replay_compare_count(r, of, "void items", a->voided, voided);
	replay_compare_count(r, of, "open items", a->open, open);
	replay_compare(r, of, "total weight", a->total_weight, b->total_weight);
	replay_compare(r, of, "mean's loss", a->mean_loss, b->mean_loss);
	replay_compare(r, of, "median's loss", a->median_loss, b->median_loss);
	replay_compare(r, of, "plain mean's loss", a->plain_mean_loss, b->plain_mean_loss);
	replay_compare(r, of, "plain median's loss", a->plain_median_loss, b->plain_median_loss);
	replay_compare(r, of, "forecast's loss", a->forecast_loss, b->forecast_loss);
	replay_compare_count(r, of, "stretch", a->bound.stretch, b->bound.stretch);
	replay_compare(r, of, "the stretch's eta", a->bound.eta, b->bound.eta);
	replay_compare(r, of, "the stretch's total weight", a->bound.weight, b->bound.weight);
	replay_compare(r, of, "grown", a->bound.grown, b->bound.grown);
	replay_compare(r, of, "the track's C", a->track.c, b->track.c);
	replay_compare(r, of, "the track's U", a->track.u, b->track.u);
	compare_counts(r, of, &a->track.counts, &b->track.counts);
	replay_compare(r, of, "the track's Y", a->track.y, b->track.y);
	for (int i = 0; i < N_CANDIDATES; i++)
		replay_compare(r, of, "a candidate's record", a->track.blend[i], b->track.blend[i]);
}

static void compare_settings(struct replay *r, const struct pool *state)
{
	const struct candor_settings *a = pool_settings(state), *b = pool_settings(replay_pool(r));
	const char *of = "the pool's settings";
	replay_compare_count(r, of, "rate", a->rate, b->rate);
	replay_compare(r, of, "c", a->c, b->c);
	replay_compare(r, of, "beta", a->beta, b->beta);
	replay_compare(r, of, "eta", a->eta, b->eta);
	replay_compare(r, of, "horizon", a->horizon, b->horizon);
	replay_compare(r, of, "share", a->share, b->share);
	replay_compare(r, of, "entry", a->entry, b->entry);
	replay_compare(r, of, "wrong", a->wrong, b->wrong);
	replay_compare_count(r, of, "scored", a->scored, b->scored);
	replay_compare_count(r, of, "signs", a->signs, b->signs);
}

/* The same to the last bit, but for the entry weight, which a checkpoint does not have. */
static bool same_state(const struct labeler *a, const struct labeler *b)
{
	return a->weight == b->weight && a->own_loss == b->own_loss && a->mean_loss == b->mean_loss &&
	       a->gain == b->gain && a->limit == b->limit && a->scored == b->scored && a->last_round == b->last_round &&
	       a->stretch == b->stretch && a->epoch == b->epoch && a->track.m == b->track.m &&
	       a->track.v == b->track.v && a->track.counts.n1 == b->track.counts.n1 &&
	       a->track.counts.n0 == b->track.counts.n0 && a->track.counts.a == b->track.counts.a &&
	       a->track.counts.b == b->track.counts.b;
}

/* The labelers' states that a replay without archives begins with. */
static int compare_states(struct replay *r, struct db *db, const struct verify_pool *v)
{
	struct checkpoint_reader written;
	const struct pool *p = replay_pool(r);
	int err = checkpoint_open(&written, db, v->pool->id);
	for (uint32_t id = 0; id < pool_labelers(p) && err == 0; id++) {
		const struct labeler *a, *b = pool_labeler(p, id);
		err = checkpoint_next(&written, &a);
		if (err)
			break;
		if (!same_state(a, b))
			replay_differ(
				r, "%s: the state stored with the newest archive differs from what the history gives",
				pool_labeler_name(p, id, NULL));
	}
	checkpoint_close(&written);
	if (err == ERR_HISTORY)
		replay_differ(r, "the state stored with the newest archive lacks labelers");
	return err;
}

/* To the end; after each archive the state must be the one that was written down when it was made. */
static int run(struct replay *r, struct db *db, const struct verify_pool *v)
{
	int err = 0;
	for (size_t i = v->n_rows - v->n_archives; i < v->n_rows && err == 0; i++) {
		err = replay_run(r, v->rows[i].last);
		if (err == 0)
			replay_compare_checkpoint(r, &v->rows[i]);
	}
	if (err == 0 && v->n_archives > 0)
		err = compare_states(r, db, v);
	return err ? err : replay_run(r, 0);
}

/* Each closed item was closed once, and each round and each void is told, too. */
static int count_changes(struct replay *r, struct db *db, const struct view_pool *c, uint64_t voided)
{
	uint64_t written;
	int err = db_count_item_changes(db, c->id, &written);
	if (err == 0)
		replay_compare_count(r, "the pool", "changes of items", written,
				     replay_closes(r) + pool_totals(replay_pool(r))->round + voided);
	return err;
}

/* What is not archived is compared item by item; of the archived ones there must be as many as rounds. */
static int count_archived(struct replay *r, struct db *db, const struct verify_pool *v)
{
	uint64_t last = v->n_rows ? v->rows[v->n_rows - 1].last : 0, items = 0;
	int err = last ? db_count_settled(db, v->pool->id, last, &items) : 0;
	if (err == 0)
		replay_compare_count(r, "the pool", "archived items", items, last);
	return err;
}

/* They settle nothing, so no replay needs them: they are counted. */
static int compare_rechecks(struct replay *r, struct db *db, const struct view_pool *c)
{
	uint64_t n, disagreed;
	const struct pool_totals *t = pool_totals(c->pool);
	int err = db_count_rechecks(db, c->id, &n, &disagreed);
	if (err)
		return err;
	replay_compare_count(r, "the pool", "rechecks", t->rechecks, n);
	replay_compare_count(r, "the pool", "rechecks that disagree", t->disagreed, disagreed);
	return 0;
}

static int replay_and_compare(struct db *db, const struct verify_pool *v, struct replay *r)
{
	const struct view_pool *c = v->pool;
	uint64_t voided, open;
	int err = db_count_items(db, c->id, &voided, &open);
	if (err == 0)
		err = run(r, db, v);
	if (err == 0)
		err = count_archived(r, db, v);
	if (err)
		return err;
	if (!replay_pool(r)) {
		replay_differ(r, "it has no settings");
		return 0;
	}
	replay_compare_count(r, "the pool", "closes", c->closes, replay_closes(r));
	compare_labelers(r, c->pool);
	compare_settings(r, v->pool->pool);
	compare_totals(r, c->pool, voided, open);
	err = compare_rechecks(r, db, c);
	return err ? err : count_changes(r, db, c, voided);
}

static void say_unread(const struct verify_pool *v)
{
	for (size_t i = 0; i + v->n_archives < v->n_rows; i++)
		printf("pool %s: rounds %" PRIu64 " to %" PRIu64
		       " are in archive %s, which was not given with --archive\n",
		       v->pool->name, v->rows[i].first, v->rows[i].last, v->rows[i].file);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_agreement(const struct replay *r, const struct verify_pool *v)
{
	const char *name = v->pool->name;
	uint64_t round = pool_totals(replay_pool(r))->round;
	char hex[CHAIN_HEX];
	say_unread(v);
	printf("pool %s: %u labeler%s, %" PRIu64 " closed item%s, %" PRIu64 " settlement%s: everything agrees\n", name,
	       pool_labelers(v->pool->pool), plural(pool_labelers(v->pool->pool)), replay_closes(r),
	       plural(replay_closes(r)), replay_settled(r), plural(replay_settled(r)));
	chain_hex(replay_head(r), hex);
	if (round > 0)
		printf("  head %s:%" PRIu64 ":%s\n", name, round, hex);
}

/* The replay has compared it, unless its round never came by. */
static void require_head(struct replay *r, const struct verify_pool *v, const struct verify_head *head)
{
	uint64_t last = pool_totals(replay_pool(r))->round, began = last - replay_settled(r);
	if (head->round > last)
		replay_differ(r, "the head given is of round %" PRIu64 ", but there are only %" PRIu64 " settlements",
			      head->round, last);
	for (size_t i = 0; i < v->n_rows && head->round < began; i++)
		if (v->rows[i].first <= head->round && head->round <= v->rows[i].last)
			replay_differ(r,
				      "the head given is of round %" PRIu64
				      ", which is in archive %s, which was not given with --archive",
				      head->round, v->rows[i].file);
}

/* 0, ERR_HISTORY where something differs, or another error. */
static int replay_one(struct db *db, const struct verify_pool *v, const uint8_t *key, const struct verify_head *head)
{
	struct findings found = {.pool = v->pool->name};
	const struct replay_source source = {
		.name = v->pool->name,
		.id = v->pool->id,
		.db = db,
		.archives = v->archives,
		.n_archives = v->n_archives,
		.key = key,
		.head_round = head ? head->round : 0,
		.head = head ? head->hash : NULL,
		.labelers_too = true,
		.goes_on = on_event,
		.differs = on_difference,
		.arg = &found,
	};
	struct replay *r;
	struct progress_row counted;
	progress_begin(&found.progress, "verifying", "changes", false);
	int err = db_progress(db, &counted);
	found.changes = counted.changes;
	if (err == 0)
		err = replay_new(&r, &source);
	if (err == 0) {
		found.replay = r;
		err = replay_and_compare(db, v, r);
		progress_end(&found.progress);
		if (err == 0 && head && replay_pool(r))
			require_head(r, v, head);
		if (err == 0 && found.n == 0)
			print_agreement(r, v);
		replay_free(r);
	}
	if (found.n > SHOWN_MAX)
		printf("pool %s: ... and %" PRIu64 " more\n", found.pool, found.n - SHOWN_MAX);
	if (err && !replay_says_history(err))
		log_error("pool %s: %s", found.pool, candor_strerror(err));
	return err == 0 && found.n > 0 ? ERR_HISTORY : err;
}

/* The archives that the database knows of a pool. */
static int read_rows(struct db *db, uint64_t pool, struct arena *a, struct verify_pool *v)
{
	struct archive_row *rows = NULL;
	const struct archive_row *row;
	struct db_cursor *cursor;
	int err = db_cursor_open(db, DB_ARCHIVES, pool, 0, &cursor);
	if (err)
		return err;
	while ((err = db_cursor_next(cursor, (const void **)&row)) == 1) {
		/* Rarely more than a few: what the arena keeps of the shorter arrays does not matter. */
		struct archive_row *grown = arena_alloc(a, (v->n_rows + 1) * sizeof *grown);
		const char *file = arena_strdup(a, row->file);
		if (!grown || !file) {
			err = -ENOMEM;
			break;
		}
		if (v->n_rows)
			memcpy(grown, rows, v->n_rows * sizeof *grown);
		rows = grown;
		rows[v->n_rows] = *row;
		rows[v->n_rows++].file = file;
	}
	db_cursor_close(cursor);
	v->rows = rows;
	return err;
}

static int verify_pool(struct db *db, const struct view_pool *c, const struct archives *archives, const uint8_t *key,
		       const struct verify_head *head)
{
	struct verify_pool v = {.pool = c};
	struct arena a;
	arena_init(&a, SIZE_MAX / 2);
	v.n_archives = archives_of(archives, c->id, &v.archives);
	int err = read_rows(db, c->id, &a, &v);
	if (err == 0)
		err = replay_one(db, &v, key, head && strcmp(head->pool, c->name) == 0 ? head : NULL);
	arena_free(&a);
	return err;
}

/* ---- the whole database ---- */

const char *verify_read_head(const char *text, struct verify_head *out)
{
	/* A pool's name may have colons in it. */
	const char *hash = strrchr(text, ':'), *round = hash ? memrchr(text, ':', (size_t)(hash - text)) : NULL;
	if (!round)
		return "it must be POOL:ROUND:HASH, as `candor pool show` prints it";
	size_t len = (size_t)(round - text);
	char *end;
	errno = 0;
	out->round = strtoull(round + 1, &end, 10);
	if (len == 0 || len >= sizeof out->pool)
		return "the pool must be a name of 1 to 255 bytes";
	if (round[1] < '1' || round[1] > '9' || end != hash || errno)
		return "the round must be a whole number, at least 1";
	if (!chain_read_hex(hash + 1, out->hash))
		return "the hash must be 64 hexadecimal digits";
	memcpy(out->pool, text, len);
	out->pool[len] = 0;
	return NULL;
}

static void on_finding(void *arg, const char *what)
{
	printf("%s: %s\n", (const char *)arg, what);
}

static int check_file(struct db *db, const char *called)
{
	int findings = db_check(db, on_finding, (void *)(uintptr_t)called);
	if (findings > 0)
		printf("%s: the file is damaged\n", called);
	else if (findings == 0)
		printf("%s: every page, index and reference is intact\n", called);
	return findings > 0 ? ERR_DAMAGED : findings;
}

/* Something is wrong with the database, and that has been said; any other error has kept us from looking. */
static bool is_finding(int err)
{
	return err == ERR_HISTORY || err == ERR_DAMAGED;
}

static int replay_all(struct db *db, const char *called, const struct archives *archives,
		      const struct verify_head *head)
{
	/* The state is loaded as a daemon would. */
	uint8_t key[HASH_KEY_BYTES];
	struct engine_view view;
	hash_new_key(key);
	int err = view_init(&view, db, key);
	if (is_finding(err))
		log_error("%s: %s", called, candor_strerror(err));
	if (err)
		return err;
	int result = 0;
	for (uint64_t i = 0; i < view_pools(&view) && (result == 0 || result == ERR_HISTORY); i++) {
		/* Where one does not agree, the other pools are looked at all the same. */
		const struct view_pool pool = view_pool(&view, i);
		err = verify_pool(db, &pool, archives, key, head);
		if (err)
			result = err;
	}
	if (result == 0 && head && !view_has_pool(&view, head->pool)) {
		printf("--head names pool %s, which does not exist\n", head->pool);
		result = ERR_HISTORY;
	}
	if (result == 0)
		printf("%s: %" PRIu64 " pool%s, %" PRIu64 " report%s: the state follows from the history\n", called,
		       view_pools(&view), plural(view_pools(&view)), view_reports(&view), plural(view_reports(&view)));
	else if (result == ERR_HISTORY)
		printf("%s: the state does not follow from the history\n", called);
	view_deinit(&view);
	return result;
}

static int check_rows(struct db *db, const char *called)
{
	int findings = db_check_rows(db, on_finding, (void *)(uintptr_t)called);
	if (findings > DB_CHECK_MAX)
		printf("%s: ... and %d more\n", called, findings - DB_CHECK_MAX);
	if (findings > 0)
		printf("%s: rows are damaged, or were changed by something other than candord\n", called);
	return findings > 0 ? ERR_HISTORY : findings;
}

static int verify_moment(struct db *db, const struct verify_job *job, const char *called)
{
	struct archives *archives = NULL;
	int damage = job->deep ? check_file(db, called) : 0;
	if (damage == 0)
		damage = check_rows(db, called);
	/* Also of a damaged file: it says which pools it has hit. */
	if (damage && !is_finding(damage))
		return damage;
	int err = archives_open(&archives, db, job->archives, job->n_archives);
	if (err == 0)
		err = replay_all(db, called, archives, job->head);
	int closed = archives_close(archives);
	return damage ? damage : err ? err : closed;
}

static int verify_file(const struct verify_job *job)
{
	const char *called = job->called ? job->called : job->path;
	struct db *db;
	int err = db_check_at_rest(job->path);
	if (err == 0)
		err = db_open(&db, job->path, DB_READ, DB_FULL);
	if (err) {
		log_error("%s: %s", called, candor_strerror(err));
		return err;
	}
	err = db_begin(db);
	if (err == 0) {
		err = verify_moment(db, job, called);
		db_end(db);
	}
	if (err && !is_finding(err))
		log_error("%s: %s", called, candor_strerror(err));
	int closed = db_close(db);
	return err ? err : closed;
}

int verify(const struct verify_job *job)
{
	struct interrupt_actions actions;
	interrupt_ends_program(&actions);
	int err = verify_file(job);
	interrupt_ends_nothing(&actions);
	return err;
}
