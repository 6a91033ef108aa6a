/* Removes rounds that were written to an archive.
 *
 * The request names the last round and the state that the client found after it when it replayed the history to write
 * the file. The daemon replays the history too, off the loop, and trusts only its own result. One commit then makes the
 * boundary: nothing at or before that round is read any more, and the state after it, from which a replay now begins,
 * is written with it. What lies before the boundary is removed afterwards: removal.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/access.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/record.h"
#include "daemon/engine/removal.h"
#include "daemon/engine/reply.h"
#include "daemon/history/checkpoint.h"
#include "daemon/history/replay.h"
#include "lib/base/log.h"

enum { SENTENCE_MAX = 512 };

struct prune {
	struct read_job job;
	struct engine *engine;
	struct call *call;
	uint64_t pool;
	/* What the job found: */
	struct archive_row row;
	struct pool *state; /* after the last round */
	char sentence[SENTENCE_MAX]; /* the first thing that differed */
};

/* ---- the replay ---- */

static void on_difference(void *arg, const char *sentence)
{
	struct prune *p = arg;
	if (!p->sentence[0])
		snprintf(p->sentence, sizeof p->sentence, "%s", sentence);
}

static bool goes_on(void *arg)
{
	const struct prune *p = arg;
	return !atomic_load(&p->job.cancelled);
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
		.goes_on = goes_on,
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

static enum engine_outcome refuse_range(struct call *call, const struct engine_pool *c)
{
	return engine_refuse(call, CANDOR_FAILED_PRECONDITION,
			     arena_printf(call->arena,
					  "rounds of pool '%s' up to %" PRIu64
					  " are already in other archives; make an archive of the rounds after them",
					  c->name, c->archive.last));
}

static enum engine_outcome make_boundary(struct prune *p, struct engine_pool *c)
{
	struct engine *e = p->engine;
	const struct candor_request *request = &p->call->wire->request;
	struct archive_row *row = &p->row;
	if (memcmp(row->state, request->state, sizeof row->state) != 0)
		return engine_refuse(
			p->call, CANDOR_FAILED_PRECONDITION,
			"the archive does not match this database: its state after the last round differs; "
			"nothing was removed");
	row->pool = c->id;
	row->at = e->ops.now_ms(e->owner);
	row->by = p->call->peer;
	row->file = request->file;
	memcpy(row->digest, request->digest, sizeof row->digest);
	if (add_checkpoint(e, p))
		return engine_refuse_error(p->call, -ENOMEM);
	uint64_t change = engine_next_change(e, c);
	engine_add(e, CHANGE_ARCHIVE, row);
	engine_record_event(e, p->call, change, "archive", c->name, row->file,
			    arena_printf(p->call->arena, "rounds %" PRIu64 " to %" PRIu64, row->first, row->last));
	engine_set_archive(c, row);
	engine_await_removal(e, c, row->first, row->change);
	log_notice("pool %s: rounds %" PRIu64 " to %" PRIu64 " are in archive %s; removing them from the database",
		   c->name, row->first, row->last, row->file);
	return engine_reply_pool(p->call, c, engine_rights(e, p->call, c->name));
}

static void done(struct read_job *job)
{
	struct prune *p = (struct prune *)job;
	struct engine *e = p->engine;
	engine_read_done(e);
	e->pruning = false;
	p->call->read = NULL;
	/* Memory may have been rebuilt from disk meanwhile, or given up. */
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

enum engine_outcome engine_prune_pool(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *request = &call->wire->request;
	/* These could remove the database itself anyway; a remote admin could not. */
	if (!call->identity->is_owner)
		return engine_refuse(
			call, CANDOR_PERMISSION_DENIED,
			"only root and the user that candord runs as may prune history, over the Unix socket");
	if (request->round <= c->archive.last) {
		bool same = request->round == c->archive.last &&
			    memcmp(request->digest, c->archive.digest, sizeof c->archive.digest) == 0;
		return same ? engine_reply_pool(call, c, engine_rights(e, call, c->name)) : refuse_range(call, c);
	}
	if (e->quiescing)
		return engine_refuse_error(call, -ECANCELED);
	if (e->pruning)
		return engine_refuse(call, CANDOR_UNAVAILABLE, "another pool is being pruned; retry later");
	struct prune *p = calloc(1, sizeof *p);
	if (!p)
		return engine_refuse_error(call, -ENOMEM);
	*p = (struct prune){.job = {.work = work, .done = done}, .engine = e, .call = call, .pool = c->id};
	e->pruning = true;
	call->read = &p->job;
	/* It takes long, and no turn of anybody's. */
	engine_read(e, NULL, &p->job);
	return ENGINE_LATER;
}
