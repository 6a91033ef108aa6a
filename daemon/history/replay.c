#include "daemon/history/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/history/checkpoint.h"

/* What happened to a pool, in four tables; `change` orders them. */
enum stream_kind { SETTINGS, JOINS, CLOSES, SETTLEMENTS };

/* Closings and settlements stand in the database and in each archive. */
struct stream {
	enum stream_kind kind;
	struct db_cursor *cursor;
	const void *row; /* the next; NULL: none left */
	bool archived; /* it is of an archive */
};

/* What a labeler's row says, which is so until the labeler is scored again after the round `through`; but the row may
 * lack what changes of settings did. */
struct written {
	double weight;
	uint64_t through;
	uint32_t last_round;
	uint8_t epoch;
	bool due; /* not compared yet */
};

struct replay {
	struct replay_source source;
	struct written *written; /* by labeler, with source.labelers_too */
	size_t n_written, written_cap;
	struct pool *pool;
	struct stream *streams;
	size_t n_streams;
	uint64_t began; /* after this round; 0: before the first */
	uint64_t closes, settled, reports, change, differences;
	uint8_t head[CHAIN_BYTES];
	struct arena scratch;
};

/* ---- what differs ---- */

void replay_differ(struct replay *r, const char *format, ...)
{
	char sentence[1024];
	va_list args;
	r->differences++;
	if (!r->source.differs)
		return;
	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	r->source.differs(r->source.arg, sentence);
}

void replay_compare(struct replay *r, const char *of, const char *what, double written, double replayed)
{
	if (memcmp(&written, &replayed, sizeof written) != 0)
		replay_differ(r, "%s: %s is %.17g, but the history gives %.17g", of, what, written, replayed);
}

void replay_compare_count(struct replay *r, const char *of, const char *what, uint64_t written, uint64_t replayed)
{
	if (written != replayed)
		replay_differ(r, "%s: %s is %" PRIu64 ", but the history gives %" PRIu64, of, what, written, replayed);
}

void replay_compare_checkpoint(struct replay *r, const struct archive_row *written)
{
	struct archive_row now;
	checkpoint_describe(r->pool, r->closes, r->head, &now);
	const uint64_t counts[][2] = {
		{written->closes, now.closes},
		{written->labelers, now.labelers},
		{written->totals.epoch, now.totals.epoch},
		{written->totals.scored, now.totals.scored},
		{written->stretches, now.stretches},
		{written->stretch.epoch, now.stretch.epoch},
		{written->stretch.rounds, now.stretch.rounds},
	};
	const double numbers[][2] = {
		{written->totals.total_weight, now.totals.total_weight},
		{written->totals.mean_loss, now.totals.mean_loss},
		{written->totals.median_loss, now.totals.median_loss},
		{written->totals.plain_mean_loss, now.totals.plain_mean_loss},
		{written->totals.plain_median_loss, now.totals.plain_median_loss},
		{written->stretch.eta_lo, now.stretch.eta_lo},
		{written->stretch.eta_hi, now.stretch.eta_hi},
		{written->stretch.floor, now.stretch.floor},
		{written->stretch.share, now.stretch.share},
	};
	bool same = memcmp(now.state, written->state, DIGEST_BYTES) == 0 &&
		    memcmp(now.hash, written->hash, CHAIN_BYTES) == 0;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		same = same && counts[i][0] == counts[i][1];
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		same = same && memcmp(&numbers[i][0], &numbers[i][1], sizeof(double)) == 0;
	if (!same)
		replay_differ(r, "the state after round %" PRIu64 " differs from the one stored with %s", written->last,
			      written->file);
}

/* ---- events ---- */

static int apply_settings(struct replay *r, const struct settings_row *row)
{
	if (row->epoch > 0)
		replay_compare_count(r, "the pool's settings", "the epoch of a change", row->epoch,
				     r->pool ? pool_totals(r->pool)->epoch : 0);
	return r->pool ? pool_update(r->pool, &row->settings) : pool_new(&r->pool, &row->settings, r->source.key);
}

/* Of rows before the round at which the replay begins it cannot tell. */
static int keep_written(struct replay *r, const struct labeler_row *row)
{
	if (!r->source.labelers_too)
		return 0;
	if (r->n_written == r->written_cap) {
		size_t cap = r->written_cap * 2 + 64;
		struct written *grown = realloc(r->written, cap * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		r->written = grown;
		r->written_cap = cap;
	}
	const struct labeler *l = &row->state;
	r->written[r->n_written++] =
		(struct written){l->weight, row->through, l->last_round, l->epoch, row->through >= r->began};
	return 0;
}

/* The labelers that the settlement of `round` scores, as they are before. What adds up is compared at the end. */
static void compare_written(struct replay *r, const struct item *item, uint64_t round)
{
	for (uint32_t i = 0; i < item->n && r->source.labelers_too; i++) {
		uint32_t id = item_labelers(item)[i];
		struct written *w = &r->written[id];
		if (!w->due || w->through >= round)
			continue;
		pool_bring_up_stored(r->pool, id, &w->weight, &w->epoch);
		const struct labeler *l = pool_labeler(r->pool, id);
		const char *name = pool_labeler_name(r->pool, id, NULL);
		replay_compare(r, name, "the weight in its row", w->weight, l->weight);
		replay_compare_count(r, name, "the last round in its row", w->last_round, l->last_round);
		replay_compare_count(r, name, "the epoch in its row", w->epoch, l->epoch);
		w->due = false;
	}
}

static int apply_join(struct replay *r, const struct labeler_row *row)
{
	double entry = pool_settings(r->pool)->entry;
	replay_compare(r, row->name, "entry weight", row->entry, entry);
	const struct labeler l = {.weight = entry, .epoch = (uint8_t)pool_totals(r->pool)->epoch};
	int err = keep_written(r, row);
	return err ? err : pool_restore_labeler(r->pool, row->name, strlen(row->name), entry, &l);
}

static int apply_reports(struct replay *r, struct item *item, const struct packed_reports *reports)
{
	for (size_t i = 0; i < reports->n; i++) {
		struct pool_reported done;
		size_t len;
		if (reports->labelers[i] >= pool_labelers(r->pool))
			return ERR_HISTORY;
		const char *labeler = pool_labeler_name(r->pool, reports->labelers[i], &len);
		int what = pool_report(r->pool, item, labeler, len, reports->values[i], 0, &done);
		if (what != POOL_ADDED)
			return what < 0 ? what : ERR_HISTORY;
	}
	return 0;
}

static void compare_aggregate(struct replay *r, const char *of, const struct aggregate *written,
			      const struct aggregate *replayed)
{
	replay_compare(r, of, "mean", written->mean, replayed->mean);
	replay_compare(r, of, "median", written->median, replayed->median);
	replay_compare(r, of, "plain mean", written->plain_mean, replayed->plain_mean);
	replay_compare(r, of, "plain median", written->plain_median, replayed->plain_median);
	replay_compare(r, of, "spread", written->spread, replayed->spread);
	replay_compare(r, of, "ess", written->ess, replayed->ess);
}

/* What the database kept of an archived item is what the archive has of it. */
static int compare_kept(struct replay *r, const struct item_row *moved)
{
	struct item_row kept;
	arena_reset(&r->scratch);
	int found = db_item(r->source.db, &r->scratch, r->source.id, moved->name, &kept);
	if (found < 0)
		return found;
	if (found == 0) {
		replay_differ(r, "%s: it is archived, but missing in the database", moved->name);
		return 0;
	}
	compare_aggregate(r, moved->name, &kept.aggregate, &moved->aggregate);
	const uint64_t pairs[][2] = {
		{kept.id, moved->id},
		{kept.state, moved->state},
		{kept.close_number, moved->close_number},
		{kept.closed, moved->closed},
		{kept.opened_at, moved->opened_at},
		{kept.closed_at, moved->closed_at},
		{kept.ended_at, moved->ended_at},
		{kept.aggregate.n, moved->aggregate.n},
		{kept.round, moved->round},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (pairs[i][0] != pairs[i][1])
			replay_differ(r, "%s: its row in the database differs from the archive's", moved->name);
	replay_compare(r, moved->name, "outcome", kept.outcome, moved->outcome);
	replay_compare(r, moved->name, "eta", kept.eta, moved->eta);
	replay_compare(r, moved->name, "L", kept.weighted_loss, moved->weighted_loss);
	return 0;
}

/* It is what list_changes tells of the item. */
static int compare_change(struct replay *r, const struct item_change_row *want, const char *name)
{
	struct item_change_row row = {0};
	int found = db_item_change(r->source.db, r->source.id, want->change, &row);
	if (found < 0)
		return found;
	if (found == 0 || row.item != want->item || row.state != want->state || row.round != want->round)
		replay_differ(r, "%s: change %" PRIu64 " of it is not in the list of changes", name, want->change);
	return 0;
}

static int compare_closing(struct replay *r, const struct item_row *row)
{
	const struct item_change_row want = {r->source.id, row->closed, row->id, CANDOR_CLOSED, 0};
	return compare_change(r, &want, row->name);
}

/* Of what was archived before the list was kept, the numbers are not those that the archive has. */
static int compare_outcome(struct replay *r, const struct settlement_row *s, const char *name, bool archived)
{
	const struct item_change_row want = {r->source.id, s->change, s->item, CANDOR_RESOLVED, s->round};
	return archived ? 0 : compare_change(r, &want, name);
}

static int apply_close(struct replay *r, const struct item_row *row, bool archived)
{
	struct item *item;
	replay_compare_count(r, row->name, "close number", row->close_number, ++r->closes);
	if (row->archived || pool_find_item(r->pool, row->name, strlen(row->name)))
		return ERR_HISTORY;
	int err = pool_add_item(r->pool, row->name, strlen(row->name), &item);
	if (err == 0)
		err = apply_reports(r, item, &row->reports);
	if (err == 0)
		err = pool_close(r->pool, item);
	if (err)
		return err;
	err = compare_closing(r, row);
	if (err)
		return err;
	compare_aggregate(r, row->name, &row->aggregate, &item->frozen->aggregate);
	for (size_t i = 0; i < row->reports.n; i++)
		replay_compare(r, row->name, "a weight at closing", row->weights[i], item->frozen->weights[i]);
	/* Only what will be settled is needed any longer. */
	if (row->state == CANDOR_VOID)
		err = pool_void(r->pool, item);
	if (row->state != CANDOR_RESOLVED)
		pool_drop_item(r->pool, item);
	return err == 0 && archived ? compare_kept(r, row) : err;
}

static void check_head(struct replay *r, uint64_t round)
{
	if (r->source.head_round == round && memcmp(r->source.head, r->head, CHAIN_BYTES) != 0)
		replay_differ(r, "round %" PRIu64 " does not match the head given: history up to it was rewritten",
			      round);
}

/* Each hash is held against the one written before it, so that what was changed is named, and not all that follows. */
static void check_link(struct replay *r, const struct settlement_row *s, const struct item *item)
{
	const struct chain_record link = {
		.salt = s->has_salt ? s->salt : NULL,
		.pool = r->source.name,
		.round = s->round,
		.outcome = s->outcome,
		.eta = s->eta,
		.weighted_loss = s->weighted_loss,
		.epoch = s->epoch,
		.at = s->at,
		.by = s->by,
	};
	uint8_t hash[CHAIN_BYTES];
	chain_next(r->head, &link, r->pool, item, hash);
	if (memcmp(hash, s->hash, CHAIN_BYTES) != 0)
		replay_differ(r, "round %" PRIu64 ", item %s: the settlement's hash does not match its contents",
			      s->round, pool_item_name(r->pool, item, NULL));
	memcpy(r->head, s->hash, CHAIN_BYTES);
	check_head(r, s->round);
}

static int apply_settlement(struct replay *r, const struct settled_row *row, bool archived)
{
	const struct settlement_row *s = &row->settlement;
	const char *name = row->item.name;
	struct item *item = pool_find_item(r->pool, name, strlen(name));
	struct pool_settled done;
	if (!item || item->n != s->n)
		return ERR_HISTORY;
	compare_written(r, item, s->round);
	int err = pool_resolve(r->pool, item, s->outcome, &done);
	if (err)
		return err;
	replay_compare_count(r, name, "round", s->round, done.round);
	replay_compare_count(r, name, "epoch", s->epoch, done.epoch);
	replay_compare(r, name, "eta", s->eta, done.eta);
	replay_compare(r, name, "L", s->weighted_loss, done.weighted_loss);
	for (size_t i = 0; i < s->n; i++) {
		replay_compare(r, name, "a weight after settlement", s->weights[i], done.weights[i]);
		replay_compare_count(r, name, "a labeler's previous round", s->last_round[i], done.last_round[i]);
	}
	check_link(r, s, item);
	pool_drop_item(r->pool, item);
	r->settled++;
	r->reports += s->n;
	return compare_outcome(r, s, name, archived);
}

/* ---- the streams ---- */

static uint64_t change_of(const struct stream *s)
{
	switch (s->kind) {
	case SETTINGS: return ((const struct settings_row *)s->row)->change;
	case JOINS: return ((const struct labeler_row *)s->row)->joined;
	case CLOSES: return ((const struct item_row *)s->row)->closed;
	case SETTLEMENTS: return ((const struct settled_row *)s->row)->settlement.change;
	}
	return 0;
}

static int advance(const struct replay *r, struct stream *s)
{
	if (r->source.goes_on && !r->source.goes_on(r->source.arg))
		return -ECANCELED;
	int got = db_cursor_next(s->cursor, &s->row);
	if (got != 1)
		s->row = NULL;
	return got < 0 ? got : 0;
}

static int add_stream(struct replay *r, enum stream_kind kind, struct db *db, bool archived)
{
	static const enum db_table tables[] = {
		[SETTINGS] = DB_SETTINGS,
		[JOINS] = DB_LABELERS,
		[CLOSES] = DB_CLOSED_ITEMS,
		[SETTLEMENTS] = DB_SETTLEMENTS,
	};
	struct stream *s = &r->streams[r->n_streams];
	*s = (struct stream){.kind = kind, .archived = archived};
	int err = db_cursor_open(db, tables[kind], r->source.id, 0, &s->cursor);
	if (err)
		return err;
	r->n_streams++;
	return advance(r, s);
}

static int open_streams(struct replay *r)
{
	const struct replay_source *from = &r->source;
	r->streams = calloc(4 + 2 * from->n_archives, sizeof *r->streams);
	if (!r->streams)
		return -ENOMEM;
	/* The order is that of begin_at(). */
	int err = 0;
	for (int kind = SETTINGS; kind <= SETTLEMENTS && err == 0; kind++)
		err = add_stream(r, (enum stream_kind)kind, from->db, false);
	for (size_t i = 0; i < from->n_archives && err == 0; i++) {
		err = add_stream(r, CLOSES, from->archives[i], true);
		if (err == 0)
			err = add_stream(r, SETTLEMENTS, from->archives[i], true);
	}
	return err;
}

/* ---- a beginning at a checkpoint ---- */

static int begin_settings(struct replay *r, const struct archive_row *at)
{
	struct stream *s = &r->streams[SETTINGS];
	struct candor_settings last;
	bool found = false;
	while (s->row && change_of(s) <= at->change) {
		last = ((const struct settings_row *)s->row)->settings;
		found = true;
		int err = advance(r, s);
		if (err)
			return err;
	}
	return found ? pool_new(&r->pool, &last, r->source.key) : ERR_HISTORY;
}

static int begin_labelers(struct replay *r, struct db *start, const struct archive_row *at)
{
	struct stream *s = &r->streams[JOINS];
	struct checkpoint_reader states;
	r->began = at->last;
	int err = checkpoint_open(&states, start, r->source.id);
	for (uint64_t id = 0; id < at->labelers && err == 0; id++) {
		const struct labeler_row *row = s->row;
		const struct labeler *state;
		if (!row || row->id != id || row->joined > at->change)
			err = ERR_HISTORY;
		if (err == 0)
			err = checkpoint_next(&states, &state);
		if (err == 0 && state->epoch > at->totals.epoch)
			err = ERR_HISTORY;
		if (err == 0)
			err = keep_written(r, row);
		if (err == 0)
			err = pool_restore_labeler(r->pool, row->name, strlen(row->name), row->entry, state);
		if (err == 0)
			err = advance(r, s);
	}
	checkpoint_close(&states);
	return err;
}

/* What was closed before and is settled later, or never. */
static int begin_item(struct replay *r, const struct item_row *row, uint64_t *closed)
{
	struct item *item;
	const struct frozen frozen = {.aggregate = row->aggregate};
	if (row->state == CANDOR_VOID)
		return 0;
	if (row->archived || pool_find_item(r->pool, row->name, strlen(row->name)))
		return ERR_HISTORY;
	for (size_t i = 0; i < row->reports.n; i++)
		if (row->reports.labelers[i] >= pool_labelers(r->pool))
			return ERR_HISTORY;
	++*closed;
	int err = compare_closing(r, row);
	if (err || row->state != CANDOR_RESOLVED)
		return err;
	err = pool_add_item(r->pool, row->name, strlen(row->name), &item);
	if (err == 0)
		err = pool_restore_reports(r->pool, item, row->reports.labelers, row->reports.values, NULL,
					   row->reports.n);
	return err ? err : pool_restore_frozen(r->pool, item, CANDOR_CLOSED, &frozen, row->weights);
}

static int begin_items(struct replay *r, const struct archive_row *at, uint64_t *closed)
{
	for (size_t i = 0; i < r->n_streams; i++) {
		struct stream *s = &r->streams[i];
		while (s->kind == CLOSES && s->row && change_of(s) <= at->change) {
			int err = begin_item(r, s->row, closed);
			if (err == 0)
				err = advance(r, s);
			if (err)
				return err;
		}
	}
	return 0;
}

static int begin_totals(struct replay *r, const struct archive_row *at, uint64_t closed)
{
	struct mechanism_stretch *stretches = calloc(at->stretches, sizeof *stretches);
	struct db_cursor *cursor = NULL;
	const struct stretch_row *row;
	int err = stretches ? db_cursor_open(r->source.db, DB_STRETCHES, r->source.id, 0, &cursor) : -ENOMEM;
	for (uint64_t i = 0; i + 1 < at->stretches && err == 0; i++) {
		int got = db_cursor_next(cursor, (const void **)&row);
		err = got == 1 && row->number == i ? 0 : got < 0 ? got : ERR_HISTORY;
		if (err == 0)
			stretches[i] = row->stretch;
	}
	db_cursor_close(cursor);
	struct pool_totals totals = at->totals;
	totals.round = at->last;
	totals.closed = closed;
	if (err == 0) {
		stretches[at->stretches - 1] = at->stretch;
		err = pool_restore_totals(r->pool, &totals, stretches, at->stretches);
	}
	free(stretches);
	return err;
}

static int begin_at(struct replay *r, struct db *start, const struct archive_row *at)
{
	uint64_t closed = 0;
	int err = begin_settings(r, at);
	if (err == 0)
		err = begin_labelers(r, start, at);
	if (err == 0)
		err = begin_items(r, at, &closed);
	if (err == 0)
		err = begin_totals(r, at, closed);
	r->closes = at->closes;
	r->change = at->change;
	memcpy(r->head, at->hash, CHAIN_BYTES);
	check_head(r, at->last);
	if (err == 0)
		replay_compare_checkpoint(r, at);
	else if (err == ERR_HISTORY)
		replay_differ(r,
			      "the replay cannot start after round %" PRIu64
			      ": the state stored with %s contradicts the rest",
			      at->last, at->file);
	return err;
}

/* ---- the replay ---- */

int replay_new(struct replay **out, const struct replay_source *source)
{
	struct replay *r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	*r = (struct replay){.source = *source};
	arena_init(&r->scratch, SIZE_MAX / 2);
	/* The newest archive that a database knows is one that the replay has not: what it has begins after that. */
	struct db *start = source->n_archives ? source->archives[0] : source->db;
	struct arena a;
	struct archive_row at;
	arena_init(&a, SIZE_MAX / 2);
	int err = open_streams(r);
	int found = err ? err : db_archive(start, &a, source->id, &at);
	err = found == 1 ? begin_at(r, start, &at) : found;
	arena_free(&a);
	if (err) {
		replay_free(r);
		return err;
	}
	*out = r;
	return 0;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_streams; i++)
		db_cursor_close(r->streams[i].cursor);
	free(r->streams);
	free(r->written);
	pool_free(r->pool);
	arena_free(&r->scratch);
	free(r);
}

static int apply(struct replay *r, const struct stream *s)
{
	if (!r->pool && s->kind != SETTINGS)
		return ERR_HISTORY;
	switch (s->kind) {
	case SETTINGS: return apply_settings(r, s->row);
	case JOINS: return apply_join(r, s->row);
	case CLOSES: return apply_close(r, s->row, s->archived);
	case SETTLEMENTS: return apply_settlement(r, s->row, s->archived);
	}
	return ERR_HISTORY;
}

static struct stream *next_stream(struct replay *r)
{
	struct stream *next = NULL;
	for (size_t i = 0; i < r->n_streams; i++)
		if (r->streams[i].row && (!next || change_of(&r->streams[i]) < change_of(next)))
			next = &r->streams[i];
	return next;
}

bool replay_says_history(int err)
{
	return err == ERR_HISTORY || err == ERR_STATE || err == ERR_CONFLICT || err == ERR_FULL;
}

int replay_run(struct replay *r, uint64_t round)
{
	struct stream *s;
	while ((round == 0 || !r->pool || pool_totals(r->pool)->round < round) && (s = next_stream(r))) {
		uint64_t change = change_of(s);
		int err = apply(r, s);
		if (replay_says_history(err)) {
			replay_differ(r, "change %" PRIu64 " cannot be replayed: %s", change, candor_strerror(err));
			return ERR_HISTORY;
		}
		if (err)
			return err;
		r->change = change;
		err = advance(r, s);
		if (err)
			return err;
	}
	if (round == 0 || (r->pool && pool_totals(r->pool)->round == round))
		return 0;
	replay_differ(r, "round %" PRIu64 " is not in the history", round);
	return ERR_HISTORY;
}

const struct pool *replay_pool(const struct replay *r)
{
	return r->pool;
}

struct pool *replay_take(struct replay *r)
{
	struct pool *p = r->pool;
	r->pool = NULL;
	return p;
}

uint64_t replay_closes(const struct replay *r)
{
	return r->closes;
}

uint64_t replay_settled(const struct replay *r)
{
	return r->settled;
}

uint64_t replay_reports(const struct replay *r)
{
	return r->reports;
}

const uint8_t *replay_head(const struct replay *r)
{
	return r->head;
}

uint64_t replay_change(const struct replay *r)
{
	return r->change;
}

uint64_t replay_differences(const struct replay *r)
{
	return r->differences;
}
