#include "daemon/engine/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/state.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"

/* ---- pools ---- */

struct engine_pool *engine_find(const struct engine *e, const char *name)
{
	/* There are none where memory could not be rebuilt. */
	uint32_t index = !e->names ? NAMES_NONE : names_find(e->names, name, strlen(name));
	return index == NAMES_NONE ? NULL : e->pools[index];
}

static void free_pool(struct engine_pool *c)
{
	if (!c)
		return;
	pool_free(c->pool);
	free(c->name);
	free(c);
}

void engine_measure(struct engine *e, struct engine_pool *c)
{
	size_t bytes = heap_bytes(sizeof *c) + heap_bytes(strlen(c->name) + 1) + pool_bytes(c->pool);
	e->pools_bytes += bytes - c->bytes;
	c->bytes = bytes;
}

bool engine_is_crowded(const struct engine *e)
{
	return e->pools_bytes + e->loads_bytes > e->limits.pools_bytes;
}

const char *engine_say_crowded(const struct engine *e, struct arena *a)
{
	const char *said = arena_printf(
		a,
		"the daemon's memory for labelers and open items is full (%zu MiB of memory_limit, which is %" PRIu64
		" MiB): close or resolve items, or raise memory_limit; all else goes on",
		e->limits.pools_bytes >> 20, e->limits.memory_bytes >> 20);
	return said ? said : "the daemon's memory is full";
}

size_t engine_batch_max(const struct engine *e)
{
	enum { LEAST = 4 * 1024 * 1024 }; /* the largest item with its settlement must find room */
	size_t most = 2 * e->limits.batch_bytes;
	return most > LEAST ? most : LEAST;
}

bool engine_is_overfull(const struct engine *e)
{
	return e->filling->arena.used_bytes > engine_batch_max(e);
}

int engine_add_pool(struct engine *e, const char *name, uint64_t created_at, const struct candor_settings *settings,
		    struct engine_pool **out)
{
	struct engine_pool **grown = realloc(e->pools, (e->n_pools + 1) * sizeof(struct engine_pool *));
	if (!grown)
		return -ENOMEM;
	e->pools = grown;
	struct engine_pool *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->id = e->n_pools + 1;
	c->created_at = created_at;
	c->name = strdup(name);
	int err = c->name ? pool_new(&c->pool, settings, e->key) : -ENOMEM;
	uint32_t index;
	if (err == 0)
		err = names_put(e->names, name, strlen(name), &index);
	if (err < 0) {
		free_pool(c);
		return err;
	}
	require(err == 1 && index == e->n_pools);
	e->pools[e->n_pools++] = c;
	engine_measure(e, c);
	*out = c;
	return 0;
}

/* ---- life ---- */

static void forget_state(struct engine *e)
{
	for (uint64_t i = 0; i < e->n_pools; i++)
		free_pool(e->pools[i]);
	free(e->pools);
	names_free(e->names);
	engine_log_free(e);
	e->pools = NULL;
	e->names = NULL;
	e->n_pools = 0;
	e->pools_bytes = 0;
	e->logged = e->resident = (struct item_list){0};
	e->n_resident = 0;
	e->resident_reports = 0;
	e->removals = 0;
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
	batch_init(&e->batches[0]);
	batch_init(&e->batches[1]);
	e->filling = &e->batches[0];
	e->started_at = ops->now_ms(owner);
	int err = has_limits(&limits->quota) ? quota_new(&e->quota, &limits->quota, key) : 0;
	if (err == 0)
		err = load_state(e);
	if (err) {
		e->broken = false; /* if it was for want of memory: there is nothing to be given up */
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
	quota_free(e->quota);
	batch_free(&e->batches[0]);
	batch_free(&e->batches[1]);
	free(e);
}

size_t engine_bytes(const struct engine *e)
{
	size_t rights = e->grants ? grants_bytes(e->grants) : 0;
	size_t quota = e->quota ? quota_bytes(e->quota) : 0;
	return rights + quota + e->pools_bytes + e->loads_bytes + e->batches[0].arena.used_bytes +
	       e->batches[1].arena.used_bytes;
}

void engine_set_connections(struct engine *e, uint64_t connections)
{
	e->connections = connections;
}

/* ---- durability ---- */

void engine_add(struct engine *e, enum change_type type, const void *row)
{
	if (!e->broken && !batch_add(e->filling, type, row)) {
		log_error("no memory for history: what is not yet on disk is refused");
		e->broken = true;
	}
	e->was_saturated = e->was_saturated || engine_is_saturated(e);
}

uint64_t engine_next_change(struct engine *e, struct engine_pool *c)
{
	c->dirty = true;
	return c->changed = engine_next_common_change(e);
}

uint64_t engine_next_common_change(struct engine *e)
{
	return e->filling->last_change = ++e->progress.changes;
}

uint64_t engine_committed_change(const struct engine *e)
{
	return e->committed;
}

void engine_wait(struct engine *e, uint64_t change, struct waiter *w)
{
	struct batch *b = e->committing && change <= e->committing->last_change ? e->committing : e->filling;
	require(change > e->committed && change <= e->progress.changes);
	w->next = NULL;
	*b->last_waiter = w;
	b->last_waiter = &w->next;
}

/* Whoever held something back may go on. */
static void relieve(struct engine *e)
{
	if (!e->was_saturated || engine_is_saturated(e))
		return;
	e->was_saturated = false;
	e->ops.relieved(e->owner);
}

static void tell(struct waiter *w, int err)
{
	for (struct waiter *next; w; w = next) {
		next = w->next;
		w->on_durable(w, err);
	}
}

/* What memory holds and disk does not is given up: memory becomes what disk says, and those who wait are told. */
static void give_up(struct engine *e, int err)
{
	/* Who is told may ask for something at once, which then goes into a batch: both are emptied first. */
	struct waiter *committing = e->committing ? e->committing->waiters : NULL, *filling = e->filling->waiters;
	batch_reset(&e->batches[0]);
	batch_reset(&e->batches[1]);
	e->committing = NULL;
	e->broken = false;
	engine_outdate_loads(e);
	forget_state(e);
	int reloaded = load_state(e);
	if (reloaded)
		forget_state(e); /* half of it is worse than nothing */
	e->batches[0].last_change = e->batches[1].last_change = e->committed;
	/* A lack of memory passes by itself; a lack of room is probed for; anything else ends the daemon. */
	if (err == ERR_DISK_FULL)
		e->read_only = err;
	if (reloaded || (err != -ENOMEM && err != ERR_DISK_FULL))
		e->ended = reloaded ? reloaded : err;
	tell(committing, err);
	tell(filling, err);
	relieve(e);
	if (e->ended)
		e->ops.failed(e->owner, e->ended);
}

void engine_tick(struct engine *e)
{
	if (e->committing)
		return;
	if (e->broken) {
		give_up(e, -ENOMEM);
		return;
	}
	if (!e->filling->first && !engine_has_removals(e))
		return;
	engine_upkeep(e);
	if (e->broken) {
		give_up(e, -ENOMEM);
		return;
	}
	e->committing = e->filling;
	e->filling = e->filling == &e->batches[0] ? &e->batches[1] : &e->batches[0];
	e->filling->last_change = e->committing->last_change;
	e->ops.commit(e->owner, e->committing);
}

void engine_committed(struct engine *e, int err)
{
	struct batch *b = e->committing;
	require(b);
	bool was_probe = e->probing;
	e->probing = false;
	if (err && was_probe) {
		e->committing = NULL;
		batch_reset(b);
		if (err != ERR_DISK_FULL && err != -ENOMEM) {
			e->ended = err;
			e->ops.failed(e->owner, err);
		}
		return;
	}
	if (err) {
		log_error("commit failed: %s", candor_strerror(err));
		give_up(e, err);
		return;
	}
	if (e->read_only) {
		log_notice("there is room again: writes are accepted");
		e->read_only = 0;
	}
	e->commits++;
	e->committed = b->last_change;
	e->committing = NULL;
	struct waiter *waiters = b->waiters;
	batch_reset(b);
	tell(waiters, 0);
	engine_evict(e);
	relieve(e);
}

bool engine_is_busy(const struct engine *e)
{
	return e->filling->arena.used_bytes > e->limits.commit_bytes;
}

bool engine_is_saturated(const struct engine *e)
{
	return e->filling->arena.used_bytes > e->limits.batch_bytes;
}

bool engine_is_idle(const struct engine *e)
{
	return !e->committing && !e->filling->first && !e->filling->waiters && !e->broken && e->reads == 0;
}

bool engine_is_read_only(const struct engine *e)
{
	return e->read_only != 0;
}

void engine_probe(struct engine *e)
{
	if (!e->read_only || e->ended || e->committing)
		return;
	engine_add(e, CHANGE_PROGRESS, &e->progress);
	if (e->broken)
		return;
	e->probing = true;
	e->committing = e->filling;
	e->filling = e->filling == &e->batches[0] ? &e->batches[1] : &e->batches[0];
	e->ops.commit(e->owner, e->committing);
}

/* ---- reads ---- */

void engine_read(struct engine *e, struct read_job *job)
{
	e->reads++;
	job->err = 0;
	e->ops.read(e->owner, job);
}

void engine_read_done(struct engine *e)
{
	require(e->reads > 0);
	e->reads--;
}

/* ---- calls ---- */

enum engine_outcome engine_reply(struct call *call, struct candor_response *r, uint64_t change)
{
	r->id = call->wire->request.id;
	call->reply(call, r, change);
	return ENGINE_REPLIED;
}

enum engine_outcome engine_refuse(struct call *call, enum candor_code code, const char *sentence)
{
	struct candor_response r = {.code = code, .message = sentence ? sentence : "out of memory"};
	return engine_reply(call, &r, 0);
}

enum engine_outcome engine_refuse_error(struct call *call, int err)
{
	if (err == -ENOMEM || err == ERR_FULL)
		return engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED, candor_strerror(err));
	if (err == ERR_DISK_FULL)
		return engine_refuse(call, CANDOR_UNAVAILABLE,
				     "the daemon has no room left on disk; try again when there is");
	return engine_refuse(call, CANDOR_INTERNAL, candor_strerror(err));
}

static bool is_write(enum candor_request_type type)
{
	switch (type) {
	case CANDOR_REQ_CREATE_POOL:
	case CANDOR_REQ_UPDATE_POOL:
	case CANDOR_REQ_POST_REPORTS:
	case CANDOR_REQ_CLOSE_ITEMS:
	case CANDOR_REQ_RESOLVE_ITEMS:
	case CANDOR_REQ_VOID_ITEMS:
	case CANDOR_REQ_PRUNE_POOL:
	case CANDOR_REQ_ADD_GRANT:
	case CANDOR_REQ_REMOVE_GRANT:
	case CANDOR_REQ_CREATE_TOKEN:
	case CANDOR_REQ_REVOKE_TOKEN: return true;
	default: return false;
	}
}

/* Who shows a token is charged as whoever that makes him: nobody else can keep him out. */
static bool pays_later(const struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	return r->type == CANDOR_REQ_HELLO && !call->wire->fault && r->token[0];
}

enum engine_outcome engine_run(struct engine *e, struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	/* Memory may be empty. */
	if (e->ended)
		return engine_refuse_error(call, e->ended);
	if (!engine_authorize(e, call))
		return ENGINE_REPLIED;
	if (is_write(r->type) && (e->read_only || e->broken))
		return engine_refuse_error(call, e->read_only ? e->read_only : -ENOMEM);
	switch (r->type) {
	case CANDOR_REQ_HELLO: return engine_greet(e, call);
	case CANDOR_REQ_INFO: return engine_info(e, call);
	case CANDOR_REQ_CREATE_POOL: return engine_create_pool(e, call);
	case CANDOR_REQ_UPDATE_POOL: return engine_update_pool(e, call);
	case CANDOR_REQ_LIST_POOLS: return engine_list_pools(e, call);
	case CANDOR_REQ_LIST_GRANTS: return engine_list_grants(e, call);
	case CANDOR_REQ_ADD_GRANT:
	case CANDOR_REQ_REMOVE_GRANT: return engine_change_grant(e, call);
	case CANDOR_REQ_CREATE_TOKEN: return engine_create_token(e, call);
	case CANDOR_REQ_LIST_TOKENS: return engine_list_tokens(e, call);
	case CANDOR_REQ_REVOKE_TOKEN: return engine_revoke_token(e, call);
	case CANDOR_REQ_LIST_EVENTS: return engine_list_events(e, call);
	default: break;
	}

	struct engine_pool *c = engine_find(e, r->pool);
	if (!c)
		return engine_refuse(call, CANDOR_NOT_FOUND,
				     arena_printf(call->arena, "pool '%s' does not exist; create it first", r->pool));
	switch (r->type) {
	case CANDOR_REQ_GET_POOL: return engine_get_pool(e, c, call);
	case CANDOR_REQ_LIST_LABELERS: return engine_list_labelers(e, c, call);
	case CANDOR_REQ_GET_LABELER: return engine_get_labeler(e, c, call);
	case CANDOR_REQ_LIST_ITEMS: return engine_list_items(e, c, call);
	case CANDOR_REQ_PRUNE_POOL: return engine_prune_pool(e, c, call);
	default: break;
	}

	struct item **items;
	int found = engine_find_items(e, c, call, &items);
	if (found < 0)
		return engine_refuse_error(call, found);
	if (found == 0) {
		engine_await_load(call);
		return ENGINE_BLOCKED;
	}
	switch (r->type) {
	case CANDOR_REQ_POST_REPORTS: return engine_post_reports(e, c, call, items);
	case CANDOR_REQ_CLOSE_ITEMS: return engine_close_items(e, c, call, items);
	case CANDOR_REQ_RESOLVE_ITEMS: return engine_resolve_items(e, c, call, items);
	case CANDOR_REQ_VOID_ITEMS: return engine_void_items(e, c, call, items);
	case CANDOR_REQ_QUERY_ITEMS: return engine_query_items(e, c, call, items);
	default: return engine_refuse(call, CANDOR_INTERNAL, "request fell through the engine");
	}
}

enum engine_outcome engine_submit(struct engine *e, struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	/* Whoever meant to become somebody must not go on as another. */
	if (call->wire->fault && r->type == CANDOR_REQ_HELLO && r->token[0])
		call->identity->is_refused = true;
	if (e->quota && !pays_later(call) && !engine_charge(e, call, call->identity))
		return ENGINE_REPLIED;
	if (call->load) {
		engine_await_load(call);
		return ENGINE_BLOCKED;
	}
	if (call->wire->fault)
		return engine_refuse(call, CANDOR_INVALID_ARGUMENT, call->wire->fault);
	/* Nobody holds an item between calls. */
	engine_evict(e);
	return engine_run(e, call);
}
