/* The log of reports on open items, and how it stays small.
 *
 * A row dies when its item is closed, but stands between others that live. When the dead outnumber the living by some
 * slack, the oldest segment is cut off whole: the open items that still have rows there are packed before, each into
 * its own row, with which all their rows so far die. So a report is written once, and once more only if its item
 * outlives its segment. */
#include "daemon/engine/log_trim.h"

#include <stdlib.h>

enum {
	SEGMENT_ROWS = 16384,
	SLACK_ROWS = 65536,
	SEGMENTS_A_COMMIT = 4, /* bounds what upkeep adds to one commit */
};

/* Consecutive rows of the log. */
struct segment {
	struct segment *next;
	uint64_t last_change;
	uint64_t rows;
};

void engine_log_added(struct engine *e, uint64_t change)
{
	struct segment *s = e->last_segment;
	if (!s || s->rows >= SEGMENT_ROWS) {
		struct segment *next = calloc(1, sizeof *next);
		if (next) {
			*(s ? &s->next : &e->first_segment) = next;
			e->last_segment = s = next;
		} else if (!s) {
			/* Without a first segment rows would be forgotten; if a later one is missing, the last just
			 * grows. */
			engine_break(e);
			return;
		}
	}
	s->last_change = change;
	s->rows++;
	e->progress.log_rows++;
}

void engine_log_item(struct engine *e, struct item *item, uint64_t change)
{
	if (item->own.logged_rows++ == 0) {
		item->own.first_logged = change;
		item_list_append(&e->logged, item);
	}
	e->live_log_rows++;
}

void engine_log_forget(struct engine *e, struct item *item)
{
	if (item->own.logged_rows == 0)
		return;
	require(e->live_log_rows >= item->own.logged_rows);
	item_list_remove(&e->logged, item);
	e->live_log_rows -= item->own.logged_rows;
	item->own.logged_rows = 0;
	item->own.first_logged = 0;
}

static void pack_item(struct engine *e, struct item *item)
{
	require(item->state == CANDOR_OPEN && item->n > 0);
	struct open_item_row row = {
		.id = item->own.number,
		.pool = item->own.pool,
		.reports = {item->n, item_labelers(item), item->values, item->sequences},
		.packed = item->own.changed,
	};
	engine_add(e, CHANGE_OPEN_ITEM, &row);
	engine_log_forget(e, item);
}

void engine_log_trim(struct engine *e)
{
	for (int i = 0; i < SEGMENTS_A_COMMIT; i++) {
		struct segment *s = e->first_segment;
		if (!s || !s->next || e->progress.log_rows <= 2 * e->live_log_rows + SLACK_ROWS)
			return;
		while (e->logged.first && e->logged.first->own.first_logged <= s->last_change)
			pack_item(e, e->logged.first);
		struct trim_row row = {s->last_change};
		engine_add(e, CHANGE_TRIM, &row);
		require(e->progress.log_rows >= s->rows);
		e->progress.log_rows -= s->rows;
		e->first_segment = s->next;
		free(s);
	}
}

void engine_log_free(struct engine *e)
{
	for (struct segment *s = e->first_segment, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	e->first_segment = e->last_segment = NULL;
	e->live_log_rows = 0;
}

static void check_segments(const struct engine *e)
{
	const struct segment *last = NULL;
	uint64_t rows = 0;
	for (const struct segment *s = e->first_segment; s; s = s->next) {
		require(s->rows > 0);
		require(!last || s->last_change > last->last_change);
		rows += s->rows;
		last = s;
	}
	require(last == e->last_segment);
	require(rows == e->progress.log_rows);
	require(!last || last->last_change <= e->progress.changes);
}

static void check_items(const struct engine *e)
{
	const struct item *last = NULL;
	uint64_t rows = 0;
	for (const struct item *item = e->logged.first; item; item = item->own.after) {
		require(item->own.before == last);
		require(item->state == CANDOR_OPEN && item->n > 0);
		require(item->own.logged_rows > 0);
		require(!last || item->own.first_logged > last->own.first_logged);
		rows += item->own.logged_rows;
		last = item;
	}
	require(last == e->logged.last);
	require(rows == e->live_log_rows);
}

void engine_log_check(const struct engine *e, bool all)
{
	require(!e->first_segment == !e->last_segment);
	require(!e->logged.first == !e->logged.last);
	require(!e->logged.first == !e->live_log_rows);
	require(e->live_log_rows <= e->progress.log_rows);
	if (!all)
		return;
	check_segments(e);
	check_items(e);
}
