#include "daemon/engine/check.h"

#include <string.h>

#include "daemon/engine/items.h"
#include "daemon/engine/log_trim.h"
#include "daemon/engine/slices.h"
#include "daemon/engine/waits.h"

enum { SHORT = 256, EACH_LONG = 1024 };

/* ---- batches ---- */

static void check_waiters(const struct batch *b)
{
	struct waiter *const *end = &b->waiters;
	while (*end) {
		require((*end)->on_durable);
		end = &(*end)->next;
	}
	require(end == b->last_waiter);
}

static void check_batch(const struct batch *b, bool all)
{
	require(!b->first == (b->last == &b->first));
	require(!*b->last && !*b->last_waiter);
	if (all)
		check_waiters(b);
}

static void check_batches(const struct engine *e, bool all)
{
	const struct batch *other = e->filling == &e->batches[0] ? &e->batches[1] : &e->batches[0];
	require(e->filling == &e->batches[0] || e->filling == &e->batches[1]);
	require(!e->committing || e->committing == other);
	/* A probe has nothing else in its commit. */
	require(!e->probing || (e->committing && e->committing->n == 1));
	check_batch(e->filling, all);
	check_batch(other, all);
	/* What is with neither is on disk. */
	require(e->committing || (!other->first && !other->waiters));
	require(e->committed <= other->last_change && other->last_change <= e->filling->last_change);
	require(e->filling->last_change == e->progress.changes);
	/* Nobody waits for a change that no batch has. */
	require(!e->filling->waiters || e->filling->first);
	require(e->filling->first || e->filling->last_change == (e->committing ? other->last_change : e->committed));
	require(e->read_only == 0 || engine_is_passing(e->read_only));
}

/* ---- pools ---- */

static void check_pool(const struct engine *e, const struct engine_pool *c, uint64_t id)
{
	const struct pool_totals *t = pool_totals(c->pool);
	require(c->id == id && engine_find(e, c->name) == c);
	require(c->changed <= e->progress.changes && c->item_changed <= e->progress.changes);
	require(c->closes >= t->closed && c->closes >= t->round);
	require(c->archive.last <= t->round);
	require(!c->removal.due || c->removal.next_change <= c->removal.last_change);
	require(c->bytes == engine_pool_bytes(c));
	struct pool_counts counts = engine_pool_counts(c);
	require(memcmp(&c->counts, &counts, sizeof counts) == 0);
}

static void check_open(const struct engine_pool *c)
{
	const struct item *older = NULL;
	uint64_t n = 0;
	for (const struct item *item = c->oldest_open; item; older = item, item = item->own.newer, n++)
		require(item->state == CANDOR_OPEN && item->own.older == older &&
			(!older || older->own.number < item->own.number));
	require(c->newest_open == older && n == pool_totals(c->pool)->open);
}

static void check_pools(const struct engine *e)
{
	size_t bytes = 0;
	struct pool_counts counts = {0};
	uint64_t removals = 0, touched = 0;
	for (uint64_t i = 0; i < e->n_pools; i++) {
		const struct engine_pool *c = e->pools[i];
		check_pool(e, c, i + 1);
		check_open(c);
		bytes += c->bytes;
		removals += c->removal.due;
		touched += c->touched;
		counts.labelers += c->counts.labelers;
		counts.open_items += c->counts.open_items;
		counts.settlements += c->counts.settlements;
		counts.resident_items += c->counts.resident_items;
	}
	for (const struct engine_pool *c = e->touched; c; c = c->next_touched) {
		require(c->touched && touched > 0);
		touched--;
	}
	require(touched == 0);
	require(bytes == e->pools_bytes);
	require(removals == e->removals);
	/* Each item in memory is open or idle. */
	require(memcmp(&counts, &e->counts, sizeof counts) == 0);
	require(counts.resident_items == counts.open_items + e->n_resident);
	require(!e->quota || quota_open_items(e->quota) <= counts.open_items);
}

/* ---- all of it ---- */

static bool is_long(const struct engine *e)
{
	return e->n_pools > SHORT || e->n_resident > SHORT || e->live_log_rows > SHORT || e->reads > SHORT ||
	       e->waits.n > SHORT;
}

void engine_check(struct engine *e)
{
	if (e->broken || e->ended)
		return;
	bool all = !is_long(e) || e->checks++ % EACH_LONG == 0;
	require(e->names && e->grants);
	require(names_count(e->names) == e->n_pools);
	require(e->grants_changed <= e->progress.changes);
	check_batches(e, all);
	engine_log_check(e, all);
	engine_items_check(e, all);
	engine_slices_check(e);
	if (all)
		engine_waits_check(e);
	if (all)
		check_pools(e);
}
