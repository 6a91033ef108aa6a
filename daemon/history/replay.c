
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/history/checkpoint.h"
#include "daemon/history/replay_internal.h"

/* What happened to a pool, in four tables; `change` orders them. */
enum stream_kind { SETTINGS, JOINS, CLOSES, SETTLEMENTS };

/* Closings and settlements stand in the database and in each archive. */
struct stream {
	enum stream_kind kind;
	struct db_cursor *cursor;
	const void *row; /* the next; NULL: none left */
	bool archived; /* it is of an archive */
};

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
			err = replay_keep_written(r, row);
		if (err == 0)
			err = pool_restore_labeler(r->pool, row->name, strlen(row->name), row->entry, state);
		if (err == 0)
			err = advance(r, s);
	}
	checkpoint_close(&states);
	return err;
}

static int begin_items(struct replay *r, const struct archive_row *at, uint64_t *closed)
{
	for (size_t i = 0; i < r->n_streams; i++) {
		struct stream *s = &r->streams[i];
		while (s->kind == CLOSES && s->row && change_of(s) <= at->change) {
			int err = replay_closed_before(r, s->row, closed);
			if (err == 0)
				err = advance(r, s);
			if (err)
				return err;
		}
	}
	return 0;
}

static void begin_totals(struct replay *r, const struct archive_row *at, uint64_t closed)
{
	struct pool_totals totals = at->totals;
	totals.round = at->last;
	totals.closed = closed;
	pool_restore_totals(r->pool, &totals);
}

static int begin_at(struct replay *r, struct db *start, const struct archive_row *at)
{
	uint64_t closed = 0;
	if (at->totals.bound.stretch == 0) {
		replay_differ(r,
			      "the replay cannot start after round %" PRIu64
			      ": a candord without forecasts made the archive that follows it; give the archives of "
			      "all earlier rounds, too",
			      at->last);
		return ERR_HISTORY;
	}
	int err = begin_settings(r, at);
	if (err == 0)
		err = begin_labelers(r, start, at);
	if (err == 0)
		err = begin_items(r, at, &closed);
	if (err == 0)
		begin_totals(r, at, closed);
	r->closes = at->closes;
	r->change = at->change;
	memcpy(r->head, at->hash, CHAIN_BYTES);
	replay_check_head(r, at->last);
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
	arena_init(&r->block, SIZE_MAX / 2);
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
	arena_free(&r->block);
	free(r);
}

static struct stream *next_stream(struct replay *r)
{
	struct stream *next = NULL;
	for (size_t i = 0; i < r->n_streams; i++)
		if (r->streams[i].row && (!next || change_of(&r->streams[i]) < change_of(next)))
			next = &r->streams[i];
	return next;
}

static const void *copy(struct arena *a, const void *from, size_t bytes)
{
	void *to = arena_alloc(a, bytes);
	return to ? memcpy(to, from, bytes) : NULL;
}

/* What is needed of a settlement's row when the next one is read. */
static bool own(struct arena *a, struct settled_row *row)
{
	struct settlement_row *s = &row->settlement;
	s->weights = copy(a, s->weights, s->n * sizeof *s->weights);
	s->last_round = copy(a, s->last_round, s->n * sizeof *s->last_round);
	s->by = arena_strdup(a, s->by);
	row->item.name = arena_strdup(a, row->item.name);
	row->item.reports = (struct packed_reports){0};
	row->item.weights = NULL;
	return s->weights && s->last_round && s->by && row->item.name;
}

/* Settlements follow each other where they were made together: the last of them stands in the stream. */
static int apply_block(struct replay *r, struct stream *s, uint64_t *change)
{
	struct settled_row *rows = NULL;
	size_t n = 0, cap = 0;
	uint64_t block;
	arena_reset(&r->block);
	do {
		if (n == cap) {
			struct settled_row *grown = arena_alloc(&r->block, (cap = cap * 2 + 1) * sizeof *grown);
			if (!grown)
				return -ENOMEM;
			if (n > 0)
				memcpy(grown, rows, n * sizeof *grown);
			rows = grown;
		}
		rows[n] = *(const struct settled_row *)s->row;
		if (!own(&r->block, &rows[n]))
			return -ENOMEM;
		block = rows[n].item.block;
		*change = rows[n++].settlement.change;
		int err = advance(r, s);
		if (err)
			return err;
	} while (block > 0 && s->row && ((const struct settled_row *)s->row)->item.block == block);
	/* Nothing else has happened meanwhile. */
	const struct stream *next = next_stream(r);
	if (next && change_of(next) < *change)
		return ERR_HISTORY;
	return replay_settle(r, rows, n, s->archived);
}

/* Takes the next event, whose change *change is, or that of the last of several. */
static int apply(struct replay *r, struct stream *s, uint64_t *change)
{
	int err = ERR_HISTORY;
	if (!r->pool && s->kind != SETTINGS)
		return ERR_HISTORY;
	switch (s->kind) {
	case SETTINGS: err = replay_settings(r, s->row); break;
	case JOINS: err = replay_join(r, s->row); break;
	case CLOSES: err = replay_close(r, s->row, s->archived); break;
	case SETTLEMENTS: return apply_block(r, s, change);
	}
	return err ? err : advance(r, s);
}

bool replay_says_history(int err)
{
	return err == ERR_HISTORY || err == ERR_STATE || err == ERR_CONFLICT || err == ERR_FULL;
}

static uint64_t round_now(const struct replay *r)
{
	return r->pool ? pool_totals(r->pool)->round : 0;
}

int replay_run_past(struct replay *r, uint64_t round)
{
	struct stream *s;
	while ((round == 0 || round_now(r) < round) && (s = next_stream(r))) {
		uint64_t change = change_of(s);
		int err = apply(r, s, &change);
		if (replay_says_history(err)) {
			replay_differ(r, "change %" PRIu64 " cannot be replayed: %s", change, candor_strerror(err));
			return ERR_HISTORY;
		}
		if (err)
			return err;
		r->change = change;
	}
	if (round_now(r) >= round)
		return 0;
	replay_differ(r, "round %" PRIu64 " is not in the history", round);
	return ERR_HISTORY;
}

int replay_run(struct replay *r, uint64_t round)
{
	int err = replay_run_past(r, round);
	if (err || round == 0 || round_now(r) == round)
		return err;
	replay_differ(r, "round %" PRIu64 " was settled together with those up to round %" PRIu64, round, round_now(r));
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
