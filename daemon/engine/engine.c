#include "daemon/engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/check.h"
#include "daemon/engine/items.h"
#include "daemon/engine/log_trim.h"
#include "daemon/engine/recover.h"
#include "daemon/engine/removal.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/slices.h"
#include "daemon/engine/upkeep.h"
#include "daemon/engine/waits.h"
#include "lib/base/log.h"

/* ---- life ---- */

static void forget_state(struct engine *e)
{
	engine_forget_watches(e);
	engine_free_pools(e);
	engine_log_free(e);
	e->logged = e->resident = (struct item_list){0};
	e->n_resident = 0;
	e->resident_reports = 0;
	e->removals = 0;
	e->survey = (struct survey){0};
	grants_free(e->grants);
	e->grants = NULL;
	if (e->quota)
		quota_forget_items(e->quota);
	e->grants_changed = 0;
}

static int load_state(struct engine *e)
{
	int err = names_new(&e->names, e->key);
	if (err == 0)
		err = grants_new(&e->grants, e->key);
	if (err == 0)
		err = db_begin(e->db);
	if (err)
		return err;
	err = engine_recover(e);
	db_end(e->db);
	e->committed = e->progress.changes;
	/* A batch without changes of its own, of which upkeep is all, must not seem older than what is on disk. */
	e->batches[0].last_change = e->batches[1].last_change = e->committed;
	return err;
}

static bool has_limits(const struct quota_limits *l)
{
	bool any = l->open_items > 0;
	for (int i = 0; i < QUOTA_RATES; i++)
		any = any || l->rates[i] > 0;
	return any;
}

int engine_new(struct engine **out, struct db *db, const uint8_t *key, const struct engine_limits *limits,
	       const struct engine_ops *ops, void *owner)
{
	struct engine *e = calloc(1, sizeof *e);
	if (!e)
		return -ENOMEM;
	*e = (struct engine){.limits = *limits, .ops = *ops, .owner = owner, .db = db};
	if (!limits->pools_bytes)
		e->limits.pools_bytes = SIZE_MAX / 2;
	if (!limits->commit_bytes)
		e->limits.commit_bytes = SIZE_MAX / 2;
	if (!limits->load_bytes)
		e->limits.load_bytes = SIZE_MAX / 2;
	memcpy(e->key, key, sizeof e->key);
	engine_waits_init(e);
	batch_init(&e->batches[0]);
	batch_init(&e->batches[1]);
	e->filling = &e->batches[0];
	e->started_at = ops->now_ms(owner);
	e->began_ms = e->committed_ms = engine_elapsed_ms(e);
	int err = has_limits(&limits->quota) ? quota_new(&e->quota, &limits->quota, key) : 0;
	if (err == 0)
		err = load_state(e);
	if (err) {
		e->broken = false; /* if memory ran out: nothing is left to be rebuilt */
		engine_free(e);
		return err;
	}
	*out = e;
	return 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	require(engine_is_idle(e));
	forget_state(e);
	engine_waits_free(e);
	quota_free(e->quota);
	batch_free(&e->batches[0]);
	batch_free(&e->batches[1]);
	free(e);
}

size_t engine_bytes(const struct engine *e)
{
	return engine_memory_bytes(e);
}

uint64_t engine_work(const struct engine *e)
{
	return e->work;
}

const struct figures *engine_figures(const struct engine *e)
{
	return &e->figures;
}

uint64_t engine_now_ns(const struct engine *e)
{
	return e->ops.elapsed_ns(e->owner);
}

void engine_count_answer(struct engine *e, enum candor_request_type type, enum candor_code code, uint64_t received_ns)
{
	require((int)type < CANDOR_REQ_TYPES && (int)code < FIGURES_CODES);
	e->figures.requests[type][code]++;
	buckets_add(&e->figures.durations[type], buckets_of_time, engine_now_ns(e) - received_ns);
}

void engine_quiesce(struct engine *e)
{
	e->quiescing = true;
	engine_wake_all(e);
}

uint64_t engine_pools(const struct engine *e)
{
	return e->n_pools;
}

void engine_set_connections(struct engine *e, uint64_t connections)
{
	e->connections = connections;
}

/* ---- durability ---- */

uint64_t engine_committed_change(const struct engine *e)
{
	return e->committed;
}

void engine_wait(struct engine *e, uint64_t change, struct waiter *w)
{
	engine_add_waiter(e, change, w);
}

enum pressure engine_pressure(const struct engine *e)
{
	return engine_batch_pressure(e);
}

static void tell(struct waiter *w, int err)
{
	for (struct waiter *next; w; w = next) {
		next = w->next;
		w->on_durable(w, err);
	}
}

/* Drops what memory has and disk has not: memory is rebuilt from disk, and those who wait are told. */
static void rebuild(struct engine *e, int err)
{
	/* Whoever is told may submit a request at once, which adds to a batch: both are emptied first. */
	struct waiter *committing = e->committing ? e->committing->waiters : NULL, *filling = e->filling->waiters;
	batch_reset(&e->batches[0]);
	batch_reset(&e->batches[1]);
	e->committing = NULL;
	e->broken = false;
	e->rebuilds++;
	engine_outdate_loads(e);
	struct call *paused = engine_restart_paused(e);
	forget_state(e);
	int reloaded = load_state(e);
	if (reloaded)
		forget_state(e); /* half a state is worse than none */
	/* Lack of memory passes by itself, and what else passes is probed; any other error ends the daemon. */
	if (engine_is_passing(err))
		e->read_only = err;
	if (reloaded || (err != -ENOMEM && !engine_is_passing(err)))
		e->ended = reloaded ? reloaded : err;
	tell(committing, err);
	tell(filling, err);
	if (paused)
		engine_refuse_error(paused, err);
	if (e->ended)
		e->ops.failed(e->owner, e->ended);
}

static void hand_over(struct engine *e)
{
	require(!e->committing && e->filling->first);
	e->committing = e->filling;
	e->filling = e->filling == &e->batches[0] ? &e->batches[1] : &e->batches[0];
	e->filling->last_change = e->committing->last_change;
	engine_handed_over(e);
	e->handed_over_ns = engine_now_ns(e);
	e->ops.commit(e->owner, e->committing);
}

void engine_tick(struct engine *e)
{
	if (e->committing)
		return;
	if (!e->broken && (e->filling->first || engine_has_removals(e)) && engine_may_hand_over(e)) {
		engine_upkeep(e);
		if (!e->broken)
			hand_over(e);
	}
	if (e->broken)
		rebuild(e, -ENOMEM);
	engine_check_event(e);
}

/* The answer to engine_probe(): writes are refused as before. */
static void probe_failed(struct engine *e, int err)
{
	batch_reset(e->committing);
	e->committing = NULL;
	if (!e->read_only)
		log_error("commit failed: %s", candor_strerror(err));
	if (engine_is_passing(err))
		e->read_only = err;
	if (engine_is_passing(err) || err == -ENOMEM)
		return;
	e->ended = err;
	e->ops.failed(e->owner, err);
}

static void count_commit(struct engine *e)
{
	uint64_t took = engine_now_ns(e) - e->handed_over_ns;
	buckets_add(&e->figures.commit_durations, buckets_of_time, took);
	buckets_add(&e->figures.commit_rows, buckets_of_count, e->committing->n);
	recent_add(&e->figures.commits_lately, engine_elapsed_ms(e), took);
}

static void commit_succeeded(struct engine *e)
{
	struct batch *b = e->committing;
	count_commit(e);
	e->committed_ms = engine_elapsed_ms(e);
	if (e->read_only) {
		log_notice("the database can be written again: writes are accepted");
		e->read_only = 0;
	}
	e->commits++;
	require(b->last_change >= e->committed);
	e->committed = b->last_change;
	e->committing = NULL;
	struct waiter *waiters = b->waiters;
	batch_reset(b);
	tell(waiters, 0);
	engine_evict(e);
}

void engine_committed(struct engine *e, int err)
{
	require(e->committing);
	bool was_probe = e->probing;
	e->probing = false;
	e->figures.commits_failed += err != 0;
	if (err && was_probe) {
		probe_failed(e, err);
	} else if (err) {
		log_error("commit failed: %s", candor_strerror(err));
		rebuild(e, err);
	} else {
		commit_succeeded(e);
	}
	engine_check_event(e);
}

bool engine_is_idle(const struct engine *e)
{
	return !e->committing && !e->filling->first && !e->filling->waiters && !e->broken && e->reads == 0 &&
	       !engine_has_paused(e) && e->waits.n == 0;
}

uint64_t engine_wakes_at_ms(const struct engine *e)
{
	return engine_first_due_ms(e);
}

bool engine_is_read_only(const struct engine *e)
{
	return e->read_only != 0;
}

/* A small write, that tells whether one would succeed. */
static void probe(struct engine *e)
{
	engine_add(e, CHANGE_PROGRESS, &e->progress);
	if (e->broken)
		return;
	e->probing = true;
	hand_over(e);
	engine_check_event(e);
}

uint64_t engine_started_at(const struct engine *e)
{
	return e->started_at;
}

bool engine_has_failed(const struct engine *e)
{
	return e->ended != 0;
}

void engine_probe(struct engine *e)
{
	if (e->read_only && !e->ended && !e->committing)
		probe(e);
}

const char *engine_why_not_writable(struct engine *e)
{
	enum { PROBE_MS = 5000, STALLED_MS = 10000 };
	uint64_t now = engine_elapsed_ms(e);
	if (e->ended)
		return candor_strerror(e->ended);
	if (e->read_only)
		return engine_say_read_only(e);
	if (e->committing)
		return now - e->handed_over_ns / 1000000 > STALLED_MS ? "a commit has been under way for 10 seconds"
								      : NULL;
	/* What is being filled is as good as a probe. */
	if (now - e->committed_ms > PROBE_MS && !e->broken && !e->filling->first)
		probe(e);
	return NULL;
}

void engine_fail(struct engine *e, int err)
{
	if (e->committing || e->ended)
		return;
	rebuild(e, err);
	engine_check_event(e);
}
