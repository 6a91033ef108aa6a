#include "daemon/net/admission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct holder {
	struct holder *chain; /* the next in its bucket */
	struct holder_heap *heap;
	size_t at; /* in the heap */
	uint64_t n;
	struct place *oldest, *newest;
	struct holder_work work;
	enum holder_kind kind;
	char name[];
};

/* ---- the heap ---- */

/* What counts against others. */
static uint64_t weight(const struct holder *h)
{
	uint64_t free = h->kind == HOLDER_OWNER ? ADMISSION_FOR_OWNER : 0;
	return h->n > free ? h->n - free : 0;
}

static void put(struct holder_heap *heap, size_t at, struct holder *h)
{
	heap->each[at] = h;
	h->at = at;
}

static void sift_up(struct holder_heap *heap, struct holder *h)
{
	size_t at = h->at;
	for (; at > 0 && weight(heap->each[(at - 1) / 2]) < weight(h); at = (at - 1) / 2)
		put(heap, at, heap->each[(at - 1) / 2]);
	put(heap, at, h);
}

static void sift_down(struct holder_heap *heap, struct holder *h)
{
	size_t at = h->at;
	for (size_t below; (below = 2 * at + 1) < heap->n; at = below) {
		if (below + 1 < heap->n && weight(heap->each[below + 1]) > weight(heap->each[below]))
			below++;
		if (weight(heap->each[below]) <= weight(h))
			break;
		put(heap, at, heap->each[below]);
	}
	put(heap, at, h);
}

static int heap_add(struct holder_heap *heap, struct holder *h)
{
	if (heap->n == heap->cap) {
		size_t cap = heap->cap ? 2 * heap->cap : 16;
		struct holder **grown = realloc(heap->each, cap * sizeof(struct holder *));
		if (!grown)
			return -ENOMEM;
		heap->each = grown;
		heap->cap = cap;
	}
	h->heap = heap;
	put(heap, heap->n++, h);
	sift_up(heap, h);
	return 0;
}

static void heap_remove(struct holder *h)
{
	struct holder_heap *heap = h->heap;
	struct holder *last = heap->each[--heap->n];
	if (last == h)
		return;
	put(heap, h->at, last);
	sift_up(heap, last);
	sift_down(heap, last);
}

/* ---- holders ---- */

static struct holder **bucket_of(struct admission *a, const char *name)
{
	return &a->buckets[hash_bytes(a->key, name, strlen(name)) % ADMISSION_BUCKETS];
}

static struct holder *find(struct admission *a, const char *name, enum holder_kind kind)
{
	struct holder **bucket = bucket_of(a, name), *h = *bucket;
	while (h && (h->kind != kind || strcmp(h->name, name) != 0))
		h = h->chain;
	if (h)
		return h;
	size_t size = strlen(name) + 1;
	h = calloc(1, sizeof *h + size);
	if (!h)
		return NULL;
	h->kind = kind;
	memcpy(h->name, name, size);
	if (heap_add(kind == HOLDER_STRANGER ? &a->addresses : &a->principals, h)) {
		free(h);
		return NULL;
	}
	h->chain = *bucket;
	*bucket = h;
	if (kind == HOLDER_OWNER)
		a->owner = h;
	return h;
}

static void forget(struct admission *a, struct holder *h)
{
	struct holder **at = bucket_of(a, h->name);
	while (*at != h)
		at = &(*at)->chain;
	*at = h->chain;
	heap_remove(h);
	if (a->owner == h)
		a->owner = NULL;
	free(h);
}

void admission_init(struct admission *a, uint64_t max)
{
	*a = (struct admission){.max = max};
	hash_new_key(a->key);
}

/* ---- places ---- */

static void join(struct admission *a, struct holder *h, struct place *p)
{
	*p = (struct place){.of = h, .older = h->newest};
	*(h->newest ? &h->newest->newer : &h->oldest) = p;
	h->newest = p;
	h->n++;
	sift_up(h->heap, h);
	a->n++;
	if (h->kind != HOLDER_STRANGER)
		return;
	p->stranger_older = a->newest_stranger;
	*(a->newest_stranger ? &a->newest_stranger->stranger_newer : &a->oldest_stranger) = p;
	a->newest_stranger = p;
	a->strangers++;
}

void admission_leave(struct admission *a, struct place *p)
{
	struct holder *h = p->of;
	if (!h)
		return;
	*(p->older ? &p->older->newer : &h->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &h->newest) = p->older;
	h->n--;
	sift_down(h->heap, h);
	a->n--;
	if (h->kind == HOLDER_STRANGER) {
		*(p->stranger_older ? &p->stranger_older->stranger_newer : &a->oldest_stranger) = p->stranger_newer;
		*(p->stranger_newer ? &p->stranger_newer->stranger_older : &a->newest_stranger) = p->stranger_older;
		a->strangers--;
	}
	if (h->n == 0)
		forget(a, h);
	*p = (struct place){0};
}

int admission_enter(struct admission *a, struct place *p, const char *name, enum holder_kind kind)
{
	struct holder *h = find(a, kind == HOLDER_OWNER ? "" : name, kind);
	if (p->of && p->of == h)
		return 0;
	admission_leave(a, p);
	if (!h)
		return -ENOMEM;
	join(a, h, p);
	return 0;
}

bool admission_is_reserved(const struct admission *a, const struct place *p)
{
	return p->of && p->of == a->owner && p->of->n <= ADMISSION_FOR_OWNER;
}

bool admission_owner_has_room(const struct admission *a)
{
	return !a->owner || a->owner->n < ADMISSION_FOR_OWNER;
}

struct holder_work *admission_work(const struct place *p)
{
	return p->of ? &p->of->work : NULL;
}

bool admission_is_stranger(const struct place *p)
{
	return p->of && p->of->kind == HOLDER_STRANGER;
}

/* ---- who gives way ---- */

static const struct holder *top(const struct holder_heap *heap)
{
	return heap->n > 0 ? heap->each[0] : NULL;
}

static bool is_full(const struct admission *a)
{
	uint64_t free = a->owner ? a->owner->n - weight(a->owner) : 0;
	return a->n - free > a->max;
}

static struct place *choose_stranger(const struct admission *a)
{
	const struct holder *most = top(&a->addresses);
	/* Where each address has one, the one that is here for longest. */
	return most && most->n > 1 ? most->oldest : a->oldest_stranger;
}

/* One that waits for nothing, if there is one among the older ones; else the last that came. */
static struct place *choose_of(const struct holder *h, bool (*is_quiet)(const struct place *p))
{
	enum { LOOK_AT = 64 };
	struct place *p = h->oldest;
	for (int i = 0; p && i < LOOK_AT; p = p->newer, i++)
		if (is_quiet(p))
			return p;
	return h->newest;
}

struct place *admission_choose(const struct admission *a, struct place *newcomer,
			       bool (*is_quiet)(const struct place *p))
{
	uint64_t quarter = a->max / 4 > 0 ? a->max / 4 : 1;
	const struct holder *most = top(&a->principals);
	if (!is_full(a))
		return NULL;
	if (a->strangers > quarter)
		return choose_stranger(a);
	/* Nobody takes a principal's only one, or makes one that has more have less than itself. */
	uint64_t own = admission_is_stranger(newcomer) ? 1 : weight(newcomer->of);
	if (most && weight(most) > own)
		return choose_of(most, is_quiet);
	return a->strangers > 0 && own <= 1 && !admission_is_stranger(newcomer) ? choose_stranger(a) : newcomer;
}

void admission_free(struct admission *a)
{
	require(a->n == 0);
	free(a->principals.each);
	free(a->addresses.each);
	a->principals = a->addresses = (struct holder_heap){0};
}

/* ---- checks ---- */

static const char *check_heap(const struct holder_heap *heap, uint64_t *places)
{
	for (size_t i = 0; i < heap->n; i++) {
		const struct holder *h = heap->each[i];
		uint64_t n = 0;
		const struct place *before = NULL;
		if (h->at != i || h->heap != heap)
			return "a holder of connections is not where its heap has it";
		if (i > 0 && weight(heap->each[(i - 1) / 2]) < weight(h))
			return "a holder has more connections than the one above it";
		for (const struct place *p = h->oldest; p; before = p, p = p->newer, n++)
			if (p->of != h || p->older != before)
				return "a connection is not linked with the others of its holder";
		if (n != h->n || n == 0 || before != h->newest)
			return "a holder's connections are not as many as its count";
		*places += n;
	}
	return NULL;
}

const char *admission_check(const struct admission *a)
{
	uint64_t principals = 0, strangers = 0;
	const char *fault = check_heap(&a->principals, &principals);
	if (!fault)
		fault = check_heap(&a->addresses, &strangers);
	if (fault)
		return fault;
	uint64_t n = 0;
	const struct place *before = NULL;
	for (const struct place *p = a->oldest_stranger; p; before = p, p = p->stranger_newer, n++)
		if (p->stranger_older != before || !admission_is_stranger(p))
			return "a stranger is not linked with its neighbors";
	if (n != strangers || n != a->strangers || before != a->newest_stranger || a->n != principals + strangers)
		return "connections are not as many as their counts";
	return NULL;
}
