#include "daemon/engine/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/base/log.h"

/* ---- pools ---- */

struct engine_pool *engine_find(const struct engine *e, const char *name)
{
	/* There are none where memory could not be rebuilt. */
	uint32_t index = !e->names ? NAMES_NONE : names_find(e->names, name, strlen(name));
	require(index == NAMES_NONE || index < e->n_pools);
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

void engine_free_pools(struct engine *e)
{
	for (uint64_t i = 0; i < e->n_pools; i++)
		free_pool(e->pools[i]);
	free(e->pools);
	names_free(e->names);
	e->pools = NULL;
	e->touched = NULL;
	e->names = NULL;
	e->n_pools = 0;
	e->pools_bytes = 0;
	e->counts = (struct pool_counts){0};
}

size_t engine_pool_bytes(const struct engine_pool *c)
{
	return heap_bytes(sizeof *c) + heap_bytes(strlen(c->name) + 1) + pool_bytes(c->pool);
}

struct pool_counts engine_pool_counts(const struct engine_pool *c)
{
	const struct pool_totals *t = pool_totals(c->pool);
	return (struct pool_counts){pool_labelers(c->pool), t->open, t->round, pool_items(c->pool)};
}

void engine_count_work(struct engine *e, struct engine_pool *c)
{
	uint64_t work = pool_work(c->pool);
	e->work += work - c->work;
	c->work = work;
}

void engine_measure(struct engine *e, struct engine_pool *c)
{
	size_t bytes = engine_pool_bytes(c);
	require(e->pools_bytes >= c->bytes);
	e->pools_bytes += bytes - c->bytes;
	c->bytes = bytes;
	struct pool_counts counts = engine_pool_counts(c);
	e->counts.labelers += counts.labelers - c->counts.labelers;
	e->counts.open_items += counts.open_items - c->counts.open_items;
	e->counts.settlements += counts.settlements - c->counts.settlements;
	e->counts.resident_items += counts.resident_items - c->counts.resident_items;
	c->counts = counts;
	engine_count_work(e, c);
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

/* ---- lists of items ---- */

void item_list_append(struct item_list *list, struct item *item)
{
	require(!item->own.before && !item->own.after && list->first != item);
	item->own.before = list->last;
	if (list->last)
		list->last->own.after = item;
	else
		list->first = item;
	list->last = item;
}

void item_list_remove(struct item_list *list, struct item *item)
{
	require(item->own.before || list->first == item);
	require(item->own.after || list->last == item);
	if (item->own.before)
		item->own.before->own.after = item->own.after;
	else
		list->first = item->own.after;
	if (item->own.after)
		item->own.after->own.before = item->own.before;
	else
		list->last = item->own.before;
	item->own.before = item->own.after = NULL;
}

void engine_add_open(struct engine_pool *c, struct item *item)
{
	require(!item->own.older && !item->own.newer && c->oldest_open != item);
	item->own.older = c->newest_open;
	*(c->newest_open ? &c->newest_open->own.newer : &c->oldest_open) = item;
	c->newest_open = item;
}

void engine_remove_open(struct engine_pool *c, struct item *item)
{
	require(item->own.older || c->oldest_open == item);
	*(item->own.older ? &item->own.older->own.newer : &c->oldest_open) = item->own.newer;
	*(item->own.newer ? &item->own.newer->own.older : &c->newest_open) = item->own.older;
	item->own.older = item->own.newer = NULL;
}

/* ---- memory and pressure ---- */

size_t engine_memory_bytes(const struct engine *e)
{
	size_t rights = e->grants ? grants_bytes(e->grants) : 0;
	size_t quota = e->quota ? quota_bytes(e->quota) : 0;
	return rights + quota + e->pools_bytes + e->loads_bytes + e->batches[0].arena.used_bytes +
	       e->batches[1].arena.used_bytes;
}

size_t engine_batch_max(const struct engine *e)
{
	enum { LEAST = 4 * 1024 * 1024 }; /* the largest item with its settlement must find room */
	size_t most = 2 * e->limits.batch_bytes;
	return most > LEAST ? most : LEAST;
}

/* A request of so few rows makes the next commits shorter, by so much. */
enum { SMALL_ROWS = 2, SHORT_COMMITS = 16, SHORTER = 4 };

enum pressure engine_batch_pressure(const struct engine *e)
{
	size_t bytes = e->filling->arena.used_bytes;
	if (bytes > engine_batch_max(e))
		return PRESSURE_CRITICAL;
	if (bytes > e->limits.batch_bytes)
		return PRESSURE_HIGH;
	/* Whoever writes little waits for the commit under way and for their own. */
	bool is_short = e->commits < e->short_until;
	return bytes > e->limits.commit_bytes / (is_short ? SHORTER : 1) ? PRESSURE_RAISED : PRESSURE_NONE;
}

void engine_note_write(struct engine *e, size_t rows)
{
	if (rows <= SMALL_ROWS)
		e->short_until = e->commits + SHORT_COMMITS;
}

enum pressure engine_memory_pressure(const struct engine *e)
{
	size_t bytes = e->pools_bytes;
	if (bytes > e->limits.pools_bytes)
		return PRESSURE_HIGH;
	return bytes > e->limits.pools_bytes / 8 * 7 ? PRESSURE_RAISED : PRESSURE_NONE;
}

/* ---- changes ---- */

void engine_break(struct engine *e)
{
	if (!e->broken)
		log_error("out of memory: changes that are not yet on disk are refused");
	e->broken = true;
}

void engine_add(struct engine *e, enum change_type type, const void *row)
{
	if (!e->broken && !batch_add(e->filling, type, row))
		engine_break(e);
}

uint64_t engine_next_change(struct engine *e, struct engine_pool *c)
{
	if (!c->touched) {
		c->touched = true;
		c->next_touched = e->touched;
		e->touched = c;
	}
	return c->changed = engine_next_common_change(e);
}

uint64_t engine_next_common_change(struct engine *e)
{
	return e->filling->last_change = ++e->progress.changes;
}

void engine_add_waiter(struct engine *e, uint64_t change, struct waiter *w)
{
	struct batch *b = e->committing && change <= e->committing->last_change ? e->committing : e->filling;
	require(change > e->committed && change <= e->progress.changes);
	w->next = NULL;
	*b->last_waiter = w;
	b->last_waiter = &w->next;
}

/* ---- reads ---- */

void engine_read(struct engine *e, const struct call *call, struct read_job *job)
{
	require(job->work && job->done);
	e->reads++;
	job->err = 0;
	job->principal = call ? identity_principal(call->identity) : "the engine";
	job->connection = call ? call->identity : NULL;
	job->is_owner = call && call->identity->is_owner;
	e->ops.read(e->owner, job);
}

void engine_read_done(struct engine *e)
{
	require(e->reads > 0);
	e->reads--;
}
