/* Which items are in memory. Open ones always are. Of the others, those needed lately are; the rest is on disk and is
 * loaded when a request names it. A name that neither memory nor disk knows stands in memory as an item without state:
 * once that is known, the next report on it need not ask the disk again.
 *
 * A load reads what was committed when it began. An item may therefore leave memory only when all loads in flight began
 * after it was on disk: else one of them could report an item as unknown that was closed meanwhile. When memory is
 * rebuilt all items leave at once, so loads in flight are then repeated. */
#include "daemon/engine/items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/reply.h"
#include "lib/base/heap.h"

struct load {
	struct read_job job;
	struct engine *engine;
	struct call *call; /* NULL: withdrawn */
	bool stale; /* memory was rebuilt since: the result is discarded */
	enum engine_outcome (*resume)(struct engine *e, struct call *call); /* the call waits for it; NULL: not yet */
	struct item **found; /* [request.n], the call's, while it waits for its turn */
	bool begun; /* it is in the engine's list */
	bool is_there; /* it looked names up, and the disk has one */
	struct load *before, *after;
	uint64_t committed; /* when it began */
	uint64_t pool;
	const char *pool_name;
	struct arena arena; /* of what follows and of pool_name: nothing here is the call's */
	size_t bytes; /* taken when it began: counted by the engine */
	size_t n, read; /* so many of them were read */
	const char **names; /* [n] missing; these and the rows once it has begun */
	struct item_row *rows; /* [n] what disk has; id 0: nothing */
};

/* The i-th item that a request names. */
static const char *item_name(const struct candor_request *r, size_t i)
{
	return r->reports ? r->reports[i].item : r->outcomes ? r->outcomes[i].item : r->items[i];
}

void engine_item_idle(struct engine *e, struct item *item)
{
	item_list_append(&e->resident, item);
	e->n_resident++;
	e->resident_reports += item->n;
}

void engine_item_leaves(struct engine *e, struct item *item)
{
	item_list_remove(&e->resident, item);
	e->n_resident--;
	/* An item that is open by now had no reports when it was appended. */
	if (item->state != CANDOR_OPEN)
		e->resident_reports -= item->n;
}

void engine_evict(struct engine *e)
{
	uint32_t kept = 0; /* which a request that paused still needs */
	uint64_t seen_by_all = e->first_load ? e->first_load->committed : e->committed;
	while (e->n_resident > e->limits.resident_items || e->resident_reports > e->limits.resident_reports ||
	       engine_memory_pressure(e) >= PRESSURE_RAISED) {
		struct item *item = e->resident.first;
		if (!item || item->own.changed > seen_by_all)
			break;
		struct engine_pool *c = e->pools[item->own.pool - 1];
		engine_item_leaves(e, item);
		if (item->holds) {
			engine_item_idle(e, item);
			if (++kept == e->n_resident)
				break;
			continue;
		}
		pool_drop_item(c->pool, item);
		engine_measure(e, c);
	}
}

/* ---- loading ---- */

/* On another thread, as many at a time as take about half a millisecond. What a later slice sees is newer, and no
 * item that changed since the load began has left memory: those that are there stay as they are. */
static void read_items(struct read_job *job, struct db *db)
{
	enum { SLICE_ITEMS = 64, SLICE_REPORTS = 8192 };
	struct load *load = (struct load *)job;
	size_t items = 0, reports = 0;
	job->err = db_begin(db);
	if (job->err)
		return;
	while (load->read < load->n && job->err == 0 && items < SLICE_ITEMS && reports < SLICE_REPORTS) {
		struct item_row *row = &load->rows[load->read];
		int found = db_item(db, &load->arena, load->pool, load->names[load->read], row);
		if (found == 0)
			row->id = 0;
		job->err = found < 0 ? found : 0;
		reports += found == 1 ? row->reports.n : 0;
		items++;
		load->read++;
	}
	db_end(db);
	job->unfinished = load->read < load->n;
}

/* Likewise, of names that are likely to be new: what is not there needs no memory, and no turn behind what is. */
static void look_up(struct read_job *job, struct db *db)
{
	struct load *load = (struct load *)job;
	job->err = db_begin(db);
	if (job->err)
		return;
	for (size_t i = 0; i < load->n && job->err == 0 && !load->is_there; i++) {
		int found = db_has_item(db, load->pool, load->names[i]);
		load->rows[i].id = 0;
		load->is_there = found == 1;
		job->err = found < 0 ? found : 0;
	}
	db_end(db);
}

static int restore_item(struct engine_pool *c, struct item *item, const struct item_row *row)
{
	static const double none[1] = {0};
	if (row->archived && row->round > c->archive.last)
		return ERR_HISTORY;
	for (size_t i = 0; i < row->reports.n; i++)
		if (row->reports.labelers[i] >= pool_labelers(c->pool))
			return ERR_HISTORY;
	int err = pool_restore_reports(c->pool, item, row->reports.labelers, row->reports.values, NULL, row->reports.n);
	if (err)
		return err;
	item->own.number = row->id;
	item->own.close_number = row->close_number;
	item->own.opened_at = row->opened_at;
	item->own.closed_at = row->closed_at;
	item->own.ended_at = row->ended_at;
	item->state = row->state;
	if (!row->weights && !row->archived)
		return 0;
	if (!row->has_forecast)
		return ERR_HISTORY;
	struct frozen frozen = {
		.aggregate = row->aggregate,
		.closed_round = row->closed_round,
		.outcome = row->outcome,
		.eta = row->eta,
		.weighted_loss = row->weighted_loss,
		.round = row->round,
		.block = row->block,
		.has_recheck = row->has_recheck,
		.recheck = row->recheck,
	};
	return pool_restore_frozen(c->pool, item, row->state, &frozen, row->archived ? none : row->weights);
}

/* Puts what was read into memory, unless it is there by now for another reason. */
static int install(struct engine *e, struct engine_pool *c, const struct load *load)
{
	for (size_t i = 0; i < load->n; i++) {
		size_t len = strlen(load->names[i]);
		struct item *item;
		if (pool_find_item(c->pool, load->names[i], len))
			continue;
		int err = pool_add_item(c->pool, load->names[i], len, &item);
		if (err == 0) {
			item->own.pool = c->id;
			if (load->rows[i].id)
				err = restore_item(c, item, &load->rows[i]);
			if (err)
				pool_drop_item(c->pool, item);
		}
		if (err)
			return err;
		engine_item_idle(e, item);
	}
	return 0;
}

static void leave_loads(struct engine *e, const struct load *load)
{
	if (!load->begun)
		return;
	require(e->loads_bytes >= load->bytes);
	e->loads_bytes -= load->bytes;
	*(load->before ? &load->before->after : &e->first_load) = load->after;
	*(load->after ? &load->after->before : &e->last_load) = load->before;
}

/* Of items that are to be read. 0 or -ENOMEM. */
static int prepare(struct load *load, const struct engine_pool *c)
{
	load->job.work = read_items;
	load->job.bytes = load->engine->limits.load_bytes;
	load->job.is_short = load->begun = load->is_there = false;
	load->n = load->read = 0;
	arena_init(&load->arena, load->engine->limits.load_bytes);
	load->pool_name = arena_strdup(&load->arena, c->name);
	return load->pool_name ? 0 : -ENOMEM;
}

/* Names that were looked up are on disk after all: the items are read, when their turn comes. False: they are not, or
 * nobody waits for them. */
static bool read_after_all(struct load *load)
{
	struct engine *e = load->engine;
	const struct engine_pool *c = engine_find(e, load->pool_name);
	if (!load->is_there || !load->call || load->stale || load->job.err || !c)
		return false;
	leave_loads(e, load);
	arena_free(&load->arena);
	load->job.err = prepare(load, c);
	if (load->job.err) {
		load->pool_name = ""; /* that of none */
		return false;
	}
	engine_read_done(e);
	engine_read(e, load->call, &load->job);
	return true;
}

static void on_loaded(struct read_job *job)
{
	struct load *load = (struct load *)job;
	struct engine *e = load->engine;
	if (read_after_all(load))
		return;
	struct call *call = load->resume ? load->call : NULL;
	enum engine_outcome (*resume)(struct engine * e, struct call * call) = load->resume;
	engine_read_done(e);
	leave_loads(e, load);
	if (load->call) {
		load->call->load = NULL;
		load->call->read = NULL;
	}

	/* The pool is looked up again: memory may have been rebuilt meanwhile. */
	struct engine_pool *c = engine_find(e, load->pool_name);
	/* Of names that were looked up, of which one is there, nothing is known. */
	int err = load->is_there && job->err == 0 ? -ECANCELED : job->err;
	if (err == 0 && c && c->id == load->pool && !load->stale) {
		err = install(e, c, load);
		engine_measure(e, c);
	}
	bool too_large = load->arena.exhausted;
	arena_free(&load->arena);
	free(load);
	/* If the call is not yet submitted, its load is tried again then, and reports the error. */
	if (call && err && too_large)
		engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED,
			      "these items have too many reports to load from disk at once; ask for fewer items");
	else if (call && err)
		engine_refuse_error(call, err);
	else if (call)
		resume(e, call);
	engine_evict(e);
}

void engine_outdate_loads(struct engine *e)
{
	for (struct load *load = e->first_load; load; load = load->after)
		load->stale = true;
}

void engine_await_load(struct call *call, bool is_query,
		       enum engine_outcome (*resume)(struct engine *e, struct call *call))
{
	require(call->load && !call->load->resume);
	call->load->resume = resume;
	call->read = is_query ? &call->load->job : NULL;
}

void engine_drop_load(struct call *call)
{
	struct load *load = call->load;
	if (!load)
		return;
	load->call = NULL;
	call->load = NULL;
	call->read = NULL;
	load->engine->ops.cancel(load->engine->owner, &load->job);
}

/* The items that the rows name, into found[n]: NULL where a row is faulty or its item is not in memory. Returns how
 * many of the latter there are; rows of one item mostly stand together, and count once then. */
static size_t find_items(const struct engine_pool *c, const struct wire_request *w, struct item **found)
{
	enum { GROUP = 64 };
	const char *names[GROUP], *last = "";
	struct item *item = NULL;
	size_t missing = 0;
	for (size_t start = 0, k; start < w->request.n; start += k) {
		k = w->request.n - start < GROUP ? w->request.n - start : GROUP;
		size_t n = 0;
		for (size_t i = start; i < start + k; i++) {
			const char *name = item_name(&w->request, i);
			if (!(w->row_fault && w->row_fault[i]) && (n == 0 || strcmp(name, names[n - 1]) != 0))
				names[n++] = name;
		}
		pool_prefetch_items(c->pool, names, n);
		for (size_t i = start; i < start + k; i++) {
			found[i] = NULL;
			if (w->row_fault && w->row_fault[i])
				continue;
			const char *name = item_name(&w->request, i);
			if (strcmp(name, last) != 0) {
				item = pool_find_item(c->pool, name, strlen(name));
				if (item)
					__builtin_prefetch(item);
				else
					missing++;
				last = name;
			}
			found[i] = item;
		}
	}
	return missing;
}

/* The names that are to be read, copied. With `whole` those of items that are in memory too, unless they are open and
 * will not leave it. */
static bool list_names(struct load *load, const struct wire_request *w, struct item *const *found, bool whole)
{
	for (size_t i = 0; i < w->request.n; i++) {
		if (w->row_fault && w->row_fault[i])
			continue;
		if (found[i] && !(whole && found[i]->state != CANDOR_OPEN))
			continue;
		const char *name = item_name(&w->request, i);
		if (load->n > 0 && strcmp(name, load->names[load->n - 1]) == 0)
			continue;
		if (!(load->names[load->n++] = arena_strdup(&load->arena, name)))
			return false;
	}
	return true;
}

static void enter_loads(struct engine *e, struct load *load)
{
	load->begun = true;
	load->bytes = heap_bytes(sizeof *load) + load->arena.used_bytes;
	e->loads_bytes += load->bytes;
	load->before = e->last_load;
	load->after = NULL;
	*(e->last_load ? &e->last_load->after : &e->first_load) = load;
	e->last_load = load;
}

/* Its turn has come. What is missing is looked up anew, for the call may have waited long. */
static int begin_load(struct read_job *job)
{
	struct load *load = (struct load *)job;
	struct engine *e = load->engine;
	struct call *call = load->call;
	struct engine_pool *c = engine_find(e, load->pool_name);
	require(call);
	/* Items may have left memory while the call waited. A second load is enough: it reads all items that could
	 * leave, and the call runs before any does. */
	bool whole = call->waited;
	call->waited = true;
	load->committed = e->committed;
	size_t missing = c ? find_items(c, call->wire, load->found) : 0, n = whole ? call->wire->request.n : missing;
	load->names = arena_alloc(&load->arena, n * sizeof *load->names);
	load->rows = arena_alloc(&load->arena, n * sizeof *load->rows);
	if (!load->names || !load->rows || (c && !list_names(load, call->wire, load->found, whole)))
		return -ENOMEM;
	require(load->n <= n);
	enter_loads(e, load);
	return 0;
}

static int start_load(struct engine *e, struct engine_pool *c, struct call *call, struct item **found)
{
	enum { FEW_ROWS = 64 };
	const struct candor_request *r = &call->wire->request;
	struct load *load = calloc(1, sizeof *load);
	if (!load)
		return -ENOMEM;
	*load = (struct load){
		.job = {.begin = begin_load, .done = on_loaded},
		.engine = e,
		.call = call,
		.pool = c->id,
		.found = found,
	};
	if (prepare(load, c)) {
		arena_free(&load->arena);
		free(load);
		return -ENOMEM;
	}
	if (r->type == CANDOR_REQ_POST_REPORTS && r->n <= FEW_ROWS) {
		load->job.work = look_up;
		load->job.bytes = 0;
		load->job.is_short = true;
	}
	call->load = load;
	engine_read(e, call, &load->job);
	/* If it could not be started it has ended already, and has released the call. */
	return call->load ? 0 : -ENOMEM;
}

int engine_find_items(struct engine *e, struct engine_pool *c, struct call *call, struct item ***out)
{
	e->work += call->wire->request.n * NAME_WORK;
	struct item **found = arena_alloc(call->arena, call->wire->request.n * sizeof(struct item *));
	if (!found)
		return -ENOMEM;
	*out = found;
	size_t missing = find_items(c, call->wire, found);
	return missing == 0 ? 1 : start_load(e, c, call, found);
}

/* ---- checks ---- */

static void check_idle(const struct engine *e)
{
	const struct item *last = NULL;
	uint32_t n = 0;
	size_t reports = 0;
	for (const struct item *item = e->resident.first; item; item = item->own.after) {
		require(item->own.before == last);
		require(item->state != CANDOR_OPEN);
		require(item->own.pool >= 1 && item->own.pool <= e->n_pools);
		n++;
		reports += item->n;
		last = item;
	}
	require(last == e->resident.last);
	require(n == e->n_resident);
	require(reports == e->resident_reports);
}

static void check_loads(const struct engine *e)
{
	const struct load *last = NULL;
	size_t bytes = 0;
	uint32_t n = 0;
	for (const struct load *load = e->first_load; load; load = load->after) {
		require(load->before == last);
		require(!last || load->stale || load->committed >= last->committed);
		require(!load->call || load->call->load == load);
		n++;
		bytes += load->bytes;
		last = load;
	}
	require(last == e->last_load);
	require(bytes == e->loads_bytes);
	require(n + e->pruning <= e->reads);
}

void engine_items_check(const struct engine *e, bool all)
{
	require(!e->resident.first == !e->n_resident);
	require(e->n_resident > 0 || e->resident_reports == 0);
	require(!e->first_load == !e->loads_bytes);
	if (!all)
		return;
	check_idle(e);
	check_loads(e);
}
