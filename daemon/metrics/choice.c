#include "daemon/metrics/choice.h"

#include <stdlib.h>

#include "daemon/engine/watch.h"
#include "lib/base/heap.h"

static bool gives_way(const struct chosen *a, const struct chosen *b)
{
	return a->activity < b->activity || (a->activity == b->activity && a->pool > b->pool);
}

static void swap(struct chosen *a, struct chosen *b)
{
	struct chosen was = *a;
	*a = *b;
	*b = was;
}

static void sift_up(struct chosen *heap, size_t at)
{
	for (; at > 0 && gives_way(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&heap[at], &heap[(at - 1) / 2]);
}

static void sift_down(struct chosen *heap, size_t n)
{
	for (size_t at = 0, child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && gives_way(&heap[child + 1], &heap[child]))
			child++;
		if (!gives_way(&heap[child], &heap[at]))
			break;
		swap(&heap[at], &heap[child]);
	}
}

/* Room for another one. */
static bool grow(struct choice *c)
{
	if (c->n < c->cap)
		return true;
	size_t cap = 2 * c->cap + 64;
	struct chosen *grown = realloc(c->each, cap * sizeof *grown);
	if (!grown)
		return false;
	c->each = grown;
	c->cap = cap;
	return true;
}

static void consider(struct choice *c, struct chosen pool)
{
	if (c->n < c->max && grow(c)) {
		c->each[c->n] = pool;
		sift_up(c->each, c->n++);
	} else if (c->n > 0 && gives_way(&c->each[0], &pool)) {
		c->each[0] = pool;
		sift_down(c->each, c->n);
	}
}

static int by_pool(const void *a, const void *b)
{
	const struct chosen *x = a, *y = b;
	return (x->pool > y->pool) - (x->pool < y->pool);
}

bool choice_look(struct choice *c, const struct engine *e, unsigned most)
{
	uint64_t pools = engine_watched_pools(e);
	for (; !c->done && c->looked_at < pools && most > 0; c->looked_at++, most--)
		consider(c, (struct chosen){engine_activity(e, c->looked_at), c->looked_at});
	if (c->done || c->looked_at < pools)
		return c->done;
	if (c->n > 0)
		qsort(c->each, c->n, sizeof *c->each, by_pool);
	return c->done = true;
}

size_t choice_bytes(const struct choice *c)
{
	return heap_bytes(c->cap * sizeof *c->each);
}

void choice_free(struct choice *c)
{
	free(c->each);
}
