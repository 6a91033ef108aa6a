#include "daemon/engine/waits.h"

#include <errno.h>
#include <stdlib.h>

/* Of a pool, from when a call first waits for it on. */
struct watch {
	struct waiter waiter; /* with the batch that has something for those who wait */
	struct engine *engine; /* NULL: the pool was forgotten */
	bool armed; /* the waiter is with a batch */
	struct wait_node calls;
	struct watch *next;
};

static struct call *call_of(struct wait_node *node)
{
	return (struct call *)((char *)node - offsetof(struct call, wait));
}

/* ---- rings ---- */

static void ring_init(struct wait_node *ring)
{
	ring->next = ring->before = ring;
}

static bool is_empty(const struct wait_node *ring)
{
	return ring->next == ring;
}

static void append(struct wait_node *ring, struct wait_node *node)
{
	node->next = ring;
	node->before = ring->before;
	ring->before->next = node;
	ring->before = node;
}

static void take_out(struct wait_node *node)
{
	node->before->next = node->next;
	node->next->before = node->before;
	node->next = node->before = NULL;
}

/* All of `from` behind those in `to`. */
static void move_all(struct wait_node *from, struct wait_node *to)
{
	if (is_empty(from))
		return;
	from->next->before = to->before;
	to->before->next = from->next;
	from->before->next = to;
	to->before = from->before;
	ring_init(from);
}

/* ---- the heap by when their time is over ---- */

static void put(struct waits *w, size_t at, struct call *call)
{
	w->due[at] = call;
	call->wait_at = at;
}

static void sift_up(struct waits *w, size_t at, struct call *call)
{
	for (; at > 0 && w->due[(at - 1) / 2]->wait_until_ms > call->wait_until_ms; at = (at - 1) / 2)
		put(w, at, w->due[(at - 1) / 2]);
	put(w, at, call);
}

static void sift_down(struct waits *w, size_t at, struct call *call)
{
	for (size_t child; (child = 2 * at + 1) < w->n_due; at = child) {
		if (child + 1 < w->n_due && w->due[child + 1]->wait_until_ms < w->due[child]->wait_until_ms)
			child++;
		if (w->due[child]->wait_until_ms >= call->wait_until_ms)
			break;
		put(w, at, w->due[child]);
	}
	put(w, at, call);
}

static int add_due(struct waits *w, struct call *call)
{
	if (w->n_due == w->cap_due) {
		size_t cap = w->cap_due * 2 + 16;
		struct call **grown = realloc(w->due, cap * sizeof(struct call *));
		if (!grown)
			return -ENOMEM;
		w->due = grown;
		w->cap_due = cap;
	}
	sift_up(w, w->n_due++, call);
	return 0;
}

static void remove_due(struct waits *w, struct call *call)
{
	size_t at = call->wait_at;
	struct call *last = w->due[--w->n_due];
	if (last == call)
		return;
	if (at > 0 && w->due[(at - 1) / 2]->wait_until_ms > last->wait_until_ms)
		sift_up(w, at, last);
	else
		sift_down(w, at, last);
}

/* ---- waiting ---- */

static void on_durable(struct waiter *waiter, int err)
{
	struct watch *w = (struct watch *)waiter;
	(void)err; /* then memory was rebuilt, and the watch is forgotten */
	w->armed = false;
	if (w->engine)
		move_all(&w->calls, &w->engine->waits.woken);
	else
		free(w);
}

static struct watch *watch_of(struct engine *e, struct engine_pool *c)
{
	if (c->watch || !(c->watch = malloc(sizeof *c->watch)))
		return c->watch;
	*c->watch = (struct watch){.waiter = {.on_durable = on_durable}, .engine = e, .next = e->waits.watches};
	ring_init(&c->watch->calls);
	return e->waits.watches = c->watch;
}

static void arm(struct engine *e, struct watch *w, uint64_t change)
{
	if (w->armed || change <= e->committed)
		return;
	w->armed = true;
	engine_add_waiter(e, change, &w->waiter);
}

int engine_await_change(struct engine *e, struct call *call)
{
	uint64_t now_ms = engine_elapsed_ms(e);
	require(!engine_is_waiting(call));
	if (!engine_has_waited(call))
		call->wait_until_ms = now_ms + call->wire->request.wait_ms;
	else if (now_ms >= call->wait_until_ms)
		return 0;
	struct watch *w = watch_of(e, call->pool);
	if (!w || add_due(&e->waits, call))
		return -ENOMEM;
	append(&w->calls, &call->wait);
	e->waits.n++;
	/* What is under way to the disk may be what it waits for. */
	arm(e, w, call->pool->item_changed);
	return 1;
}

void engine_stop_waiting(struct engine *e, struct call *call)
{
	require(engine_is_waiting(call) && e->waits.n > 0);
	take_out(&call->wait);
	remove_due(&e->waits, call);
	e->waits.n--;
}

/* ---- waking ---- */

void engine_wake_when_durable(struct engine *e, struct engine_pool *c, uint64_t change)
{
	if (c->watch && !is_empty(&c->watch->calls))
		arm(e, c->watch, change);
}

void engine_wake_all(struct engine *e)
{
	for (struct watch *w = e->waits.watches; w; w = w->next)
		move_all(&w->calls, &e->waits.woken);
}

void engine_forget_watches(struct engine *e)
{
	engine_wake_all(e);
	for (struct watch *w = e->waits.watches, *next; w; w = next) {
		next = w->next;
		w->engine = NULL;
		if (!w->armed)
			free(w);
	}
	e->waits.watches = NULL;
}

struct call *engine_next_woken(struct engine *e)
{
	struct waits *w = &e->waits;
	if (w->n == 0 || w->reading >= WOKEN_READS)
		return NULL;
	struct call *call = NULL;
	if (!is_empty(&w->woken))
		call = call_of(w->woken.next);
	else if (w->n_due > 0 && w->due[0]->wait_until_ms <= engine_elapsed_ms(e))
		call = w->due[0];
	if (call)
		engine_stop_waiting(e, call);
	return call;
}

bool engine_has_woken(const struct engine *e)
{
	const struct waits *w = &e->waits;
	if (w->n == 0 || w->reading >= WOKEN_READS)
		return false;
	return !is_empty(&w->woken) || engine_first_due_ms(e) <= engine_elapsed_ms(e);
}

uint64_t engine_first_due_ms(const struct engine *e)
{
	return e->waits.n_due > 0 ? e->waits.due[0]->wait_until_ms : UINT64_MAX;
}

/* ---- life ---- */

void engine_waits_init(struct engine *e)
{
	e->waits = (struct waits){0};
	ring_init(&e->waits.woken);
}

void engine_waits_free(struct engine *e)
{
	require(e->waits.n == 0 && !e->waits.watches);
	free(e->waits.due);
}

/* ---- checks ---- */

static size_t check_ring(const struct wait_node *ring)
{
	size_t n = 0;
	for (const struct wait_node *node = ring->next; node != ring; node = node->next, n++)
		require(node->before->next == node && node->next->before == node);
	return n;
}

void engine_waits_check(const struct engine *e)
{
	const struct waits *w = &e->waits;
	size_t n = check_ring(&w->woken);
	for (const struct watch *watch = w->watches; watch; watch = watch->next) {
		require(watch->engine == e);
		n += check_ring(&watch->calls);
	}
	require(n == w->n && w->n_due == w->n);
	for (size_t i = 0; i < w->n_due; i++) {
		require(w->due[i]->wait_at == i && engine_is_waiting(w->due[i]));
		require(i == 0 || w->due[(i - 1) / 2]->wait_until_ms <= w->due[i]->wait_until_ms);
	}
}
