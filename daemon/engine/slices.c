#include "daemon/engine/slices.h"

/* ---- queues ---- */

static void append(struct call_list *list, struct call *call)
{
	require(!call->next_paused && list->last != call);
	*(list->last ? &list->last->next_paused : &list->first) = call;
	list->last = call;
}

static struct call *take(struct call_list *list)
{
	struct call *call = list->first;
	if (!call)
		return NULL;
	list->first = call->next_paused;
	if (!list->first)
		list->last = NULL;
	call->next_paused = NULL;
	return call;
}

/* Of a request that does not begin to add to a batch that is large: some hundred rows, or an item with as many reports
 * as take the same time to write. */
enum { LARGE_WORK = SLICE_WORK / 16 };

/* One of those that wait to write may start. */
static void wake_writer(struct engine *e)
{
	if (!engine_must_wait_to_write(e, SLICE_WORK) && e->waiting.first)
		append(&e->paused, take(&e->waiting));
}

/* ---- slices ---- */

void engine_begin_slice(struct engine *e)
{
	e->slice_end = e->work + SLICE_WORK;
	e->slice_change = e->progress.changes;
}

bool engine_slice_is_over(struct engine *e, struct engine_pool *c)
{
	if (c)
		engine_count_work(e, c);
	return e->work >= e->slice_end;
}

bool engine_may_pause_writing(struct engine *e, const struct call *call)
{
	return engine_slice_is_over(e, call->pool) && (!e->writer || e->writer == call);
}

enum engine_outcome engine_pause(struct engine *e, struct call *call, size_t n,
				 enum engine_outcome (*go_on)(struct engine *e, struct call *call))
{
	for (; call->n_held < n; call->n_held++)
		if (call->items[call->n_held])
			call->items[call->n_held]->holds++;
	if (call->pool)
		engine_measure(e, call->pool);
	call->go_on = go_on;
	append(&e->paused, call);
	return ENGINE_BLOCKED;
}

enum engine_outcome engine_pause_writing(struct engine *e, struct call *call, size_t n,
					 enum engine_outcome (*go_on)(struct engine *e, struct call *call))
{
	require(!e->writer || e->writer == call);
	e->writer = call;
	e->writer_wrote = e->writer_wrote || e->progress.changes != e->slice_change;
	return engine_pause(e, call, n, go_on);
}

enum engine_outcome engine_pause_alone(struct engine *e, struct call *call, size_t n,
				       enum engine_outcome (*go_on)(struct engine *e, struct call *call))
{
	require(call->pool);
	e->taken = call->pool;
	return engine_pause_writing(e, call, n, go_on);
}

bool engine_is_taken(const struct engine *e, const struct engine_pool *c)
{
	return e->taken && (!c || c == e->taken);
}

void engine_let_go(struct engine *e, struct call *call)
{
	for (; call->n_held > 0; call->n_held--) {
		struct item *item = call->items[call->n_held - 1];
		require(!item || item->holds > 0);
		if (item)
			item->holds--;
	}
	if (e->writer != call)
		return;
	e->writer = NULL;
	e->writer_wrote = false;
	e->taken = NULL;
	wake_writer(e);
}

/* ---- writers ---- */

bool engine_must_wait_to_write(const struct engine *e, uint64_t work)
{
	bool other = e->writer || e->overdue;
	return (work >= SLICE_WORK && other) || (work >= LARGE_WORK && engine_batch_pressure(e) >= PRESSURE_RAISED);
}

enum engine_outcome engine_wait_to_write(struct engine *e, struct call *call)
{
	engine_let_go(e, call);
	call->go_on = NULL;
	append(&e->waiting, call);
	return ENGINE_BLOCKED;
}

bool engine_may_hand_over(struct engine *e)
{
	if (e->writer_wrote)
		e->overdue = true;
	return !e->writer_wrote;
}

void engine_went_on(struct engine *e)
{
	wake_writer(e);
}

void engine_handed_over(struct engine *e)
{
	e->overdue = false;
	wake_writer(e);
}

/* ---- going on ---- */

struct call *engine_next_paused(struct engine *e)
{
	return take(&e->paused);
}

bool engine_has_paused(const struct engine *e)
{
	return e->paused.first || e->waiting.first;
}

struct call *engine_restart_paused(struct engine *e)
{
	struct call_list all = e->paused;
	struct call *wrote = e->writer_wrote ? e->writer : NULL;
	if (e->waiting.first) {
		*(all.last ? &all.last->next_paused : &all.first) = e->waiting.first;
		all.last = e->waiting.last;
	}
	e->paused = e->waiting = (struct call_list){0};
	e->writer = NULL;
	e->writer_wrote = e->overdue = false;
	e->taken = NULL;
	for (struct call *call; (call = take(&all));) {
		/* The items are gone. */
		call->n_held = 0;
		call->items = NULL;
		call->go_on = NULL;
		call->progress = NULL;
		if (call != wrote)
			append(&e->paused, call);
	}
	return wrote;
}

/* ---- checks ---- */

void engine_slices_check(const struct engine *e)
{
	bool has_writer = !e->writer;
	for (const struct call *call = e->paused.first; call; call = call->next_paused) {
		require(call->next_paused || e->paused.last == call);
		has_writer = has_writer || call == e->writer;
	}
	for (const struct call *call = e->waiting.first; call; call = call->next_paused)
		require(!call->go_on && call->n_held == 0);
	require(has_writer);
	require(!e->writer_wrote || e->writer);
	require(!e->taken || (e->writer && e->writer->pool == e->taken));
	/* Something comes that wakes it. */
	require(!e->waiting.first || e->writer || e->overdue || e->paused.first || e->filling->first);
}
