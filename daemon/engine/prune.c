/* Rounds that were moved out to an archive are forgotten.
 *
 * Whoever asks says up to which round, and which state he came to when he replayed the history to write the file. The
 * daemon replays it too, off the loop, and believes only itself. One commit then makes the boundary: from it on nothing
 * at or before that round is read any more, and the state after it, which a replay now begins with, is written with it.
 * What lies before the boundary is removed afterwards, a bounded piece with each commit, and after a restart from where
 * it was. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/history/checkpoint.h"
#include "daemon/engine/state.h"
#include "lib/base/log.h"
#include "daemon/history/replay.h"

enum {
	ROUNDS_A_COMMIT = 256, /* with all the reports on their items */
	CHANGES_A_COMMIT = 65536, /* that are looked through for revisions */
	SENTENCE_MAX = 512,
};

struct prune {
	struct read_job job;
	struct engine *engine;
	struct call *call;
	uint64_t pool;
	/* What the job came to: */
	struct archive_row row;
	struct pool *state; /* after the last round */
	char sentence[SENTENCE_MAX]; /* the first thing that differed */
};

/* ---- what goes ---- */

static void on_difference(void *arg, const char *sentence)
{
	struct prune *p = arg;
	if (!p->sentence[0])
		snprintf(p->sentence, sizeof p->sentence, "%s", sentence);
}

static int replay(struct prune *p, struct db *db)
{
	const struct candor_request *request = &p->call->wire->request;
	const struct replay_source source = {
		.name = request->pool,
		.id = p->pool,
		.db = db,
		.key = p->engine->key,
		.differs = on_difference,
		.arg = p,
	};
	struct replay *r;
	int err = replay_new(&r, &source);
	if (err)
		return err;
	p->row.first = replay_pool(r) ? pool_totals(replay_pool(r))->round + 1 : 1;
	err = replay_run(r, request->round);
	if (err == 0 && replay_differences(r) > 0)
		err = ERR_HISTORY;
	if (err == 0) {
		checkpoint_describe(replay_pool(r), replay_closes(r), replay_head(r), &p->row);
		p->row.change = replay_change(r);
		p->row.reports = replay_reports(r);
		p->state = replay_take(r);
	}
	replay_free(r);
	return err;
}

/* On another thread. */
static void work(struct read_job *job, struct db *db)
{
	struct prune *p = (struct prune *)job;
	job->err = db_begin(db);
	if (job->err)
		return;
	job->err = replay(p, db);
	db_end(db);
}

/* ---- the boundary ---- */

static int add_checkpoint(struct engine *e, const struct prune *p)
{
	struct labeler *states = malloc(CHECKPOINT_LABELERS * sizeof *states);
	if (!states)
		return -ENOMEM;
	for (uint32_t first = 0; first < pool_labelers(p->state); first += CHECKPOINT_LABELERS) {
		struct checkpoint_row row;
		checkpoint_chunk(p->state, p->pool, first, states, &row);
		engine_add(e, CHANGE_CHECKPOINT, &row);
	}
	free(states);
	return 0;
}

static void await_removal(struct engine *e, struct engine_pool *c, uint64_t first, uint64_t change)
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

static enum engine_outcome reply_pool(struct call *call, const struct engine_pool *c)
{
	struct candor_response r = {.type = CANDOR_RES_POOL};
	engine_describe_pool(c, &r.pool);
	return engine_reply(call, &r, c->changed);
}

static enum engine_outcome refuse_range(struct call *call, const struct engine_pool *c)
{
	return engine_refuse(call, CANDOR_FAILED_PRECONDITION,
			     arena_printf(call->arena,
					  "the rounds of pool '%s' up to %" PRIu64 " are in other archives already; "
					  "make a new one of those behind it",
					  c->name, c->archive.last));
}

static enum engine_outcome make_boundary(struct prune *p, struct engine_pool *c)
{
	struct engine *e = p->engine;
	const struct candor_request *request = &p->call->wire->request;
	struct archive_row *row = &p->row;
	if (memcmp(row->state, request->state, sizeof row->state) != 0)
		return engine_refuse(p->call, CANDOR_FAILED_PRECONDITION,
				     "the archive is of another history: its state after the last round is not the one "
				     "that this database comes to; nothing was removed");
	row->pool = c->id;
	row->at = e->ops.now_ms(e->owner);
	row->by = p->call->peer;
	row->file = request->file;
	memcpy(row->digest, request->digest, sizeof row->digest);
	if (add_checkpoint(e, p))
		return engine_refuse_error(p->call, -ENOMEM);
	uint64_t change = engine_next_change(e, c);
	engine_add(e, CHANGE_ARCHIVE, row);
	engine_add_event(e, p->call, change, "archive", c->name, row->file,
			 arena_printf(p->call->arena, "rounds %" PRIu64 " to %" PRIu64, row->first, row->last));
	engine_set_archive(c, row);
	await_removal(e, c, row->first, row->change);
	log_notice("pool %s: rounds %" PRIu64 " to %" PRIu64 " are in the archive %s and will be removed", c->name,
		   row->first, row->last, row->file);
	return reply_pool(p->call, c);
}

static void done(struct read_job *job)
{
	struct prune *p = (struct prune *)job;
	struct engine *e = p->engine;
	engine_read_done(e);
	e->pruning = false;
	/* Memory may have been rebuilt meanwhile, from the same disk; or have been given up. */
	struct engine_pool *c = e->ended ? NULL : engine_find(e, p->call->wire->request.pool);
	if (e->ended)
		engine_refuse_error(p->call, e->ended);
	else if (job->err == ERR_HISTORY)
		engine_refuse(p->call, CANDOR_FAILED_PRECONDITION,
			      arena_printf(p->call->arena, "nothing was removed: %s",
					   p->sentence[0] ? p->sentence : candor_strerror(job->err)));
	else if (job->err || !c || c->id != p->pool)
		engine_refuse_error(p->call, job->err ? job->err : ERR_HISTORY);
	else if (e->read_only || e->broken)
		engine_refuse_error(p->call, e->read_only ? e->read_only : -ENOMEM);
	else
		make_boundary(p, c);
	pool_free(p->state);
	free(p);
}

enum engine_outcome engine_prune_pool(struct engine *e, struct engine_pool *c, struct call *call)
{
	const struct candor_request *request = &call->wire->request;
	/* They could as well remove the database; an admin from afar could not. */
	if (!call->identity->is_owner)
		return engine_refuse(call, CANDOR_PERMISSION_DENIED,
				     "only the user that candord runs as, and root, may have history removed, over its "
				     "Unix socket");
	if (request->round <= c->archive.last) {
		bool same = request->round == c->archive.last &&
			    memcmp(request->digest, c->archive.digest, sizeof c->archive.digest) == 0;
		return same ? reply_pool(call, c) : refuse_range(call, c);
	}
	if (e->pruning)
		return engine_refuse(call, CANDOR_UNAVAILABLE, "another pool is being pruned; try again soon");
	struct prune *p = calloc(1, sizeof *p);
	if (!p)
		return engine_refuse_error(call, -ENOMEM);
	*p = (struct prune){.job = {.work = work, .done = done}, .engine = e, .call = call, .pool = c->id};
	e->pruning = true;
	engine_read(e, &p->job);
	return ENGINE_LATER;
}

/* ---- the removal ---- */

static void remove_piece(struct engine *e, struct engine_pool *c)
{
	uint64_t last = c->archive.last;
	struct removal_row row = {.pool = c->id, .first = c->removal.next_round, .last = last};
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
	c->removal.due = false;
	e->removals--;
}

bool engine_has_removals(const struct engine *e)
{
	return e->removals > 0 && !e->resting && !e->read_only && !e->ended;
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

void engine_rest(struct engine *e)
{
	e->resting = true;
}

/* ---- what is known of it ---- */

void engine_set_archive(struct engine_pool *c, const struct archive_row *row)
{
	c->archive.last = row->last;
	memcpy(c->archive.digest, row->digest, sizeof c->archive.digest);
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
			await_removal(e, c, first ? first : row.last + 1, row.change);
	}
	arena_free(&a);
	return got;
}
