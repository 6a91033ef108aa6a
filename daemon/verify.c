#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "db_check.h"
#include "db_prepare.h"
#include "engine_internal.h"
#include "log.h"

enum { SHOWN_MAX = 20 };

/* What happened to a pool, in four tables; `change` orders them. */
enum { SETTINGS, JOINS, CLOSES, SETTLEMENTS, STREAMS };

struct replay {
	const char *name;
	struct pool *pool; /* NULL until the first settings */
	struct db_cursor *cursors[STREAMS];
	const void *rows[STREAMS]; /* the next of each; NULL: none left */
	uint64_t settlements, closes, differences;
	const uint8_t *key;
	uint8_t head[CHAIN_BYTES]; /* the hash of the newest settlement replayed */
	const struct verify_head *wanted; /* NULL: none in this pool */
};

static void differ(struct replay *r, const char *format, ...) PRINTF_LIKE(2, 3);

static void differ(struct replay *r, const char *format, ...)
{
	if (r->differences++ >= SHOWN_MAX)
		return;
	va_list args;
	printf("pool %s: ", r->name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static void compare(struct replay *r, const char *of, const char *what, double written, double replayed)
{
	if (memcmp(&written, &replayed, sizeof written) != 0)
		differ(r, "%s: %s is %.17g, the history gives %.17g", of, what, written, replayed);
}

static void compare_count(struct replay *r, const char *of, const char *what, uint64_t written, uint64_t replayed)
{
	if (written != replayed)
		differ(r, "%s: %s is %" PRIu64 ", the history gives %" PRIu64, of, what, written, replayed);
}

/* ---- events ---- */

static int apply_settings(struct replay *r, const struct settings_row *row)
{
	return r->pool ? pool_update(r->pool, &row->settings) : pool_new(&r->pool, &row->settings, r->key);
}

static int apply_join(struct replay *r, const struct labeler_row *row)
{
	double entry = pool_settings(r->pool)->entry;
	compare(r, row->name, "entry weight", row->entry, entry);
	const struct labeler l = {.weight = entry, .epoch = (uint8_t)pool_totals(r->pool)->epoch};
	return pool_restore_labeler(r->pool, row->name, strlen(row->name), entry, &l);
}

static int apply_reports(struct replay *r, struct item *item, const struct packed_reports *reports)
{
	for (size_t i = 0; i < reports->n; i++) {
		struct pool_reported done;
		size_t len;
		if (reports->labelers[i] >= pool_labelers(r->pool))
			return ERR_HISTORY;
		const char *labeler = pool_labeler_name(r->pool, reports->labelers[i], &len);
		int what = pool_report(r->pool, item, labeler, len, reports->values[i], &done);
		if (what != POOL_ADDED)
			return what < 0 ? what : ERR_HISTORY;
	}
	return 0;
}

static int apply_close(struct replay *r, const struct item_row *row)
{
	struct item *item;
	compare_count(r, row->name, "close number", row->close_number, ++r->closes);
	if (pool_find_item(r->pool, row->name, strlen(row->name)))
		return ERR_HISTORY;
	int err = pool_add_item(r->pool, row->name, strlen(row->name), &item);
	if (err == 0)
		err = apply_reports(r, item, &row->reports);
	if (err == 0)
		err = pool_close(r->pool, item);
	if (err)
		return err;
	const struct aggregate *a = &item->frozen->aggregate, *b = &row->aggregate;
	compare(r, row->name, "mean", b->mean, a->mean);
	compare(r, row->name, "median", b->median, a->median);
	compare(r, row->name, "plain mean", b->plain_mean, a->plain_mean);
	compare(r, row->name, "plain median", b->plain_median, a->plain_median);
	compare(r, row->name, "spread", b->spread, a->spread);
	compare(r, row->name, "ess", b->ess, a->ess);
	for (size_t i = 0; i < row->reports.n; i++)
		compare(r, row->name, "a weight at closing", row->weights[i], item->frozen->weights[i]);
	/* Only what will be settled is needed any longer. */
	if (row->state == CANDOR_VOID)
		err = pool_void(r->pool, item);
	if (row->state != CANDOR_RESOLVED)
		pool_drop_item(r->pool, item);
	return err;
}

/* Each hash is held against the one written before it, so that what was changed is named, and not all that follows. */
static void check_link(struct replay *r, const struct settlement_row *s, const struct item *item)
{
	const struct chain_record link = {
		.pool = r->name,
		.round = s->round,
		.outcome = s->outcome,
		.eta = s->eta,
		.lbar = s->lbar,
		.epoch = s->epoch,
		.at = s->at,
		.by = s->by,
	};
	uint8_t hash[CHAIN_BYTES];
	chain_next(r->head, &link, r->pool, item, hash);
	if (memcmp(hash, s->hash, CHAIN_BYTES) != 0)
		differ(r, "round %" PRIu64 ", item %s: the hash of the settlement is not that of what stands there",
		       s->round, pool_item_name(r->pool, item, NULL));
	memcpy(r->head, s->hash, CHAIN_BYTES);
	if (r->wanted && r->wanted->round == s->round && memcmp(r->wanted->hash, s->hash, CHAIN_BYTES) != 0)
		differ(r, "round %" PRIu64 " is not the one of the head that was given: history up to it was rewritten",
		       s->round);
}

static int apply_settlement(struct replay *r, const struct settled_row *row)
{
	const struct settlement_row *s = &row->settlement;
	const char *name = row->item.name;
	struct item *item = pool_find_item(r->pool, name, strlen(name));
	struct pool_settled done;
	if (!item || item->n != s->n)
		return ERR_HISTORY;
	int err = pool_resolve(r->pool, item, s->outcome, &done);
	if (err)
		return err;
	compare_count(r, name, "round", s->round, done.round);
	compare_count(r, name, "epoch", s->epoch, done.epoch);
	compare(r, name, "eta", s->eta, done.eta);
	compare(r, name, "L", s->lbar, done.lbar);
	for (size_t i = 0; i < s->n; i++) {
		compare(r, name, "a weight after settlement", s->weights[i], done.weights[i]);
		compare_count(r, name, "a labeler's round before", s->last_round[i], done.last_round[i]);
	}
	check_link(r, s, item);
	pool_drop_item(r->pool, item);
	r->settlements++;
	return 0;
}

/* ---- the replay ---- */

static uint64_t change_of(int stream, const void *row)
{
	switch (stream) {
	case SETTINGS: return ((const struct settings_row *)row)->change;
	case JOINS: return ((const struct labeler_row *)row)->joined;
	case CLOSES: return ((const struct item_row *)row)->closed;
	default: return ((const struct settled_row *)row)->settlement.change;
	}
}

static int advance(struct replay *r, int stream)
{
	int got = db_cursor_next(r->cursors[stream], &r->rows[stream]);
	if (got == 0)
		r->rows[stream] = NULL;
	return got < 0 ? got : 0;
}

static int apply(struct replay *r, int stream)
{
	const void *row = r->rows[stream];
	if (!r->pool && stream != SETTINGS)
		return ERR_HISTORY;
	switch (stream) {
	case SETTINGS: return apply_settings(r, row);
	case JOINS: return apply_join(r, row);
	case CLOSES: return apply_close(r, row);
	default: return apply_settlement(r, row);
	}
}

/* Whether an error is the history's fault: lack of memory says nothing about it, and what reading meets has been
 * logged. */
static bool says_history(int err)
{
	return err == ERR_HISTORY || err == ERR_STATE || err == ERR_CONFLICT || err == ERR_FULL;
}

static int run_replay(struct replay *r)
{
	int err = 0;
	for (int i = 0; i < STREAMS && err == 0; i++)
		err = advance(r, i);
	while (err == 0) {
		int next = -1;
		for (int i = 0; i < STREAMS; i++)
			if (r->rows[i] && (next < 0 || change_of(i, r->rows[i]) < change_of(next, r->rows[next])))
				next = i;
		if (next < 0)
			break;
		uint64_t change = change_of(next, r->rows[next]);
		err = apply(r, next);
		if (says_history(err))
			differ(r, "change %" PRIu64 " cannot be replayed: %s", change, candor_strerror(err));
		if (err == 0)
			err = advance(r, next);
	}
	return err;
}

/* ---- the comparison ---- */

static void compare_labelers(struct replay *r, const struct pool *state)
{
	compare_count(r, "the pool", "labelers", pool_labelers(state), pool_labelers(r->pool));
	if (pool_labelers(state) != pool_labelers(r->pool))
		return;
	for (uint32_t id = 0; id < pool_labelers(state); id++) {
		const struct labeler *a = pool_labeler(state, id), *b = pool_labeler(r->pool, id);
		const char *name = pool_labeler_name(state, id, NULL);
		if (strcmp(name, pool_labeler_name(r->pool, id, NULL)) != 0)
			differ(r, "labeler %u: the name is %s, the history gives %s", id, name,
			       pool_labeler_name(r->pool, id, NULL));
		compare(r, name, "weight", a->weight, b->weight);
		compare(r, name, "weight now", pool_weight(state, id), pool_weight(r->pool, id));
		compare(r, name, "own loss", a->own_loss, b->own_loss);
		compare(r, name, "mean's loss", a->mean_loss, b->mean_loss);
		compare(r, name, "settled loss", a->settled_loss, b->settled_loss);
		compare_count(r, name, "scored", a->scored, b->scored);
		compare_count(r, name, "last round", a->last_round, b->last_round);
		compare_count(r, name, "epoch", a->epoch, b->epoch);
	}
}

static void compare_totals(struct replay *r, const struct pool *state, uint64_t voided, uint64_t open)
{
	const struct pool_totals *a = pool_totals(state), *b = pool_totals(r->pool);
	const char *of = "the pool";
	compare_count(r, of, "round", a->round, b->round);
	compare_count(r, of, "epoch", a->epoch, b->epoch);
	compare_count(r, of, "scored", a->scored, b->scored);
	compare_count(r, of, "closed items", a->closed, b->closed);
	compare_count(r, of, "void items", a->voided, voided);
	compare_count(r, of, "open items", a->open, open);
	compare(r, of, "total weight", a->total_weight, b->total_weight);
	compare(r, of, "mean's loss", a->mean_loss, b->mean_loss);
	compare(r, of, "median's loss", a->median_loss, b->median_loss);
	compare(r, of, "plain mean's loss", a->plain_mean_loss, b->plain_mean_loss);
	compare(r, of, "plain median's loss", a->plain_median_loss, b->plain_median_loss);

	size_t n, m;
	const struct mechanism_stretch *s = pool_stretches(state, &n), *t = pool_stretches(r->pool, &m);
	compare_count(r, of, "stretches", n, m);
	for (size_t i = 0; i < n && i < m; i++) {
		compare_count(r, of, "a stretch's rounds", s[i].rounds, t[i].rounds);
		compare(r, of, "a stretch's least eta", s[i].eta_lo, t[i].eta_lo);
		compare(r, of, "a stretch's largest eta", s[i].eta_hi, t[i].eta_hi);
		compare(r, of, "a stretch's floor", s[i].floor, t[i].floor);
	}
}

static void print_agreement(const struct replay *r, uint32_t labelers)
{
	char hex[CHAIN_HEX];
	printf("pool %s: %u labelers, %" PRIu64 " closed items, %" PRIu64 " settlements: all agrees\n", r->name,
	       labelers, r->closes, r->settlements);
	chain_hex(r->head, hex);
	if (r->settlements > 0)
		printf("  head %s:%" PRIu64 ":%s\n", r->name, r->settlements, hex);
}

/* 0, ERR_HISTORY where something differs, or another error. */
static int verify_pool(struct db *db, const struct campaign *c, const uint8_t *key, const struct verify_head *head)
{
	static const enum db_table tables[] = {
		[SETTINGS] = DB_SETTINGS,
		[JOINS] = DB_LABELERS,
		[CLOSES] = DB_CLOSED_ITEMS,
		[SETTLEMENTS] = DB_SETTLEMENTS,
	};
	struct replay r = {.name = c->name, .key = key};
	if (head && strcmp(head->pool, c->name) == 0)
		r.wanted = head;
	uint64_t voided, open;
	int err = db_count_items(db, c->id, &voided, &open);
	for (int i = 0; i < STREAMS && err == 0; i++)
		err = db_cursor_open(db, tables[i], c->id, 0, &r.cursors[i]);
	if (err == 0)
		err = run_replay(&r);
	if (says_history(err)) {
		err = ERR_HISTORY;
	} else if (err) {
		log_error("pool %s: %s", r.name, candor_strerror(err));
	} else if (r.pool) {
		compare_count(&r, "the pool", "closes", c->closes, r.closes);
		compare_labelers(&r, c->pool);
		compare_totals(&r, c->pool, voided, open);
	} else {
		differ(&r, "no settings were ever written");
	}
	if (err == 0 && r.wanted && r.wanted->round > r.settlements)
		differ(&r, "the head that was given is of round %" PRIu64 ", but there are %" PRIu64 " settlements",
		       r.wanted->round, r.settlements);
	if (r.differences > SHOWN_MAX)
		printf("pool %s: ... and %" PRIu64 " more\n", r.name, r.differences - SHOWN_MAX);
	if (err == 0 && r.differences == 0)
		print_agreement(&r, pool_labelers(c->pool));
	for (int i = 0; i < STREAMS; i++)
		db_cursor_close(r.cursors[i]);
	pool_free(r.pool);
	return err == 0 && r.differences > 0 ? ERR_HISTORY : err;
}

static uint64_t no_clock(void *owner)
{
	(void)owner;
	return 0;
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
		return "its pool must be a name of 1 to 255 bytes";
	if (round[1] < '1' || round[1] > '9' || end != hash || errno)
		return "its round must be a whole number from 1";
	if (!chain_read_hex(hash + 1, out->hash))
		return "its hash must be 64 hexadecimal digits";
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
		printf("%s: every page, index and reference is in order\n", called);
	return findings > 0 ? ERR_DAMAGED : findings;
}

/* The log, unless a daemon is writing to it, which then has looked at it when it started. */
static int check_log(const char *path)
{
	char *lock;
	if (asprintf(&lock, "%s-lock", path) < 0)
		return -ENOMEM;
	int fd = open(lock, O_RDONLY | O_CLOEXEC);
	int err = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 ? 0 : db_check_log(path);
	if (fd >= 0)
		close(fd);
	free(lock);
	return err;
}

static int replay_all(struct db *db, const char *called, const struct verify_head *head)
{
	/* The state is loaded as a daemon would; the engine is never asked to do anything. */
	static const struct engine_ops ops = {.now_ms = no_clock};
	static const struct engine_limits limits = {0};
	static const uint8_t key[NAMES_KEY_BYTES] = {0};
	struct engine *e;
	int err = engine_new(&e, db, key, &limits, &ops, NULL);
	if (err) {
		log_error("%s: %s", called, candor_strerror(err));
		return err;
	}
	int result = 0;
	for (uint64_t i = 0; i < e->n_campaigns && (result == 0 || result == ERR_HISTORY); i++) {
		/* Where one does not agree, the other pools are looked at all the same. */
		err = verify_pool(db, e->campaigns[i], key, head);
		if (err)
			result = err;
	}
	if (result == 0 && head && !engine_find(e, head->pool)) {
		printf("pool %s: there is none, but a head of it was given\n", head->pool);
		result = ERR_HISTORY;
	}
	if (result == 0)
		printf("%s: %" PRIu64 " pools, %" PRIu64 " reports: the state follows from the history\n", called,
		       e->n_campaigns, e->progress.reports);
	else if (result == ERR_HISTORY)
		printf("%s: the state does not follow from the history\n", called);
	engine_free(e);
	return result;
}

int verify(const struct verify_job *job)
{
	const char *path = job->path, *called = job->called ? job->called : path;
	struct db *db;
	int err = job->deep ? check_log(path) : 0;
	if (err == 0)
		err = db_open(&db, path, DB_READ, DB_FULL);
	if (err) {
		log_error("%s: %s", called, candor_strerror(err));
		return err;
	}
	int result = db_begin(db);
	bool begun = result == 0;
	if (begun && job->deep)
		result = check_file(db, called);
	/* Also of a damaged file: it says which pools it has hit. */
	if (begun && (result == 0 || result == ERR_DAMAGED)) {
		err = replay_all(db, called, job->head);
		result = result ? result : err;
	}
	if (begun)
		db_end(db);
	int closed = db_close(db);
	return result ? result : closed;
}
