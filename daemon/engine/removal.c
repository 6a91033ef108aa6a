#include "daemon/engine/removal.h"

#include <string.h>

enum {
	ROUNDS_A_COMMIT = 256, /* with all the reports on their items */
	CHANGES_A_COMMIT = 65536, /* that are looked through for revisions */
};

void engine_set_archive(struct engine_pool *c, const struct archive_row *row)
{
	c->archive.last = row->last;
	memcpy(c->archive.digest, row->digest, sizeof c->archive.digest);
}

void engine_await_removal(struct engine *e, struct engine_pool *c, uint64_t first, uint64_t change)
{
	if (!c->removal.due)
		e->removals++;
	/* Where an earlier one is not done, this goes on with it. */
	if (!c->removal.due || first < c->removal.next_round)
		c->removal.next_round = first;
	c->removal.due = true;
	c->removal.next_change = 0;
	c->removal.last_change = change;
}

static void remove_piece(struct engine *e, struct engine_pool *c)
{
	uint64_t last = c->archive.last;
	struct removal_row row = {.pool = c->id, .first = c->removal.next_round, .last = last};
	require(c->removal.next_change <= c->removal.last_change);
	if (row.first <= last) {
		if (last - row.first >= ROUNDS_A_COMMIT)
			row.last = row.first + ROUNDS_A_COMMIT - 1;
		c->removal.next_round = row.last + 1;
	} else {
		uint64_t left = c->removal.last_change - c->removal.next_change;
		row.above = c->removal.next_change;
		row.change = row.above + (left < CHANGES_A_COMMIT ? left : CHANGES_A_COMMIT);
		row.done = row.change == c->removal.last_change;
		c->removal.next_change = row.change;
	}
	engine_add(e, CHANGE_REMOVAL, &row);
	if (!row.done)
		return;
	require(e->removals > 0);
	c->removal.due = false;
	e->removals--;
}

bool engine_has_removals(const struct engine *e)
{
	return e->removals > 0 && !e->quiescing && !e->read_only && !e->ended;
}

void engine_remove(struct engine *e)
{
	for (uint64_t i = 0; i < e->n_pools && engine_has_removals(e); i++) {
		if (!e->pools[i]->removal.due)
			continue;
		remove_piece(e, e->pools[i]);
		return;
	}
}

int engine_recover_archive(struct engine *e, struct engine_pool *c, uint64_t *labelers)
{
	struct arena a;
	struct archive_row row;
	uint64_t first;
	arena_init(&a, SIZE_MAX / 2);
	int got = db_archive(e->db, &a, c->id, &row);
	*labelers = got == 1 ? row.labelers : 0;
	if (got == 1) {
		engine_set_archive(c, &row);
		memcpy(c->head, row.hash, CHAIN_BYTES);
		got = row.removed ? 0 : db_first_round(e->db, c->id, &first);
		if (got == 0 && !row.removed)
			engine_await_removal(e, c, first ? first : row.last + 1, row.change);
	}
	arena_free(&a);
	return got;
}
