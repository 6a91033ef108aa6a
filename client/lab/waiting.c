#include "client/lab/waiting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Memory for an item's reports is allocated when it is first needed. */
int waiting_init(struct waiting *w)
{
	uint64_t most = w->delay + w->together;
	w->n_ring = 1 + (most < w->items ? most : w->items);
	w->ring = calloc(w->n_ring, sizeof *w->ring);
	w->block = malloc(w->together * sizeof *w->block);
	w->outcomes = malloc(w->together * sizeof *w->outcomes);
	return w->ring && w->block && w->outcomes ? 0 : -ENOMEM;
}

static void free_items(struct pending *items, size_t n)
{
	for (size_t i = 0; items && i < n; i++) {
		free(items[i].labelers);
		free(items[i].reports);
	}
	free(items);
}

void waiting_free(struct waiting *w)
{
	free_items(w->ring, w->n_ring);
	free_items(w->kept, w->kept_cap);
	free(w->block);
	free(w->outcomes);
}

/* Where items without an outcome are not kept, all have the same place. */
static struct pending *next_kept(struct waiting *w)
{
	if (w->n_kept == w->kept_cap) {
		size_t cap = w->keeps ? 2 * w->kept_cap + 64 : 1;
		struct pending *kept = realloc(w->kept, cap * sizeof *kept);
		if (!kept)
			return NULL;
		memset(kept + w->kept_cap, 0, (cap - w->kept_cap) * sizeof *kept);
		w->kept = kept;
		w->kept_cap = cap;
	}
	return &w->kept[w->n_kept];
}

struct pending *waiting_next(struct waiting *w, bool known)
{
	struct pending *p = known ? &w->ring[w->posted % w->n_ring] : next_kept(w);
	if (!p || p->labelers)
		return p;
	p->labelers = malloc(w->reporters_max * sizeof *p->labelers);
	p->reports = malloc(w->reporters_max * sizeof *p->reports);
	p->item = (struct scheme_item){.labelers = p->labelers, .reports = p->reports};
	return p->labelers && p->reports ? p : NULL;
}

/* The n oldest outcomes on their way. */
static int post(struct waiting *w, uint64_t n)
{
	int err = 0;
	for (uint64_t i = 0; i < n; i++) {
		struct pending *p = &w->ring[(w->resolved + i) % w->n_ring];
		w->block[i] = &p->item;
		w->outcomes[i] = p->outcome;
	}
	for (uint64_t i = 0; i < n && w->apart && err == 0; i++)
		err = scheme_post(w->scheme, w->block + i, w->outcomes + i, 1);
	if (!w->apart)
		err = scheme_post(w->scheme, w->block, w->outcomes, n);
	w->resolved += n;
	return err;
}

/* Those that come at once do when the newest of them does. */
static int post_due(struct waiting *w)
{
	while (w->posted - w->resolved >= w->together) {
		const struct pending *newest = &w->ring[(w->resolved + w->together - 1) % w->n_ring];
		if (w->closed - newest->item.number <= w->delay)
			break;
		int err = post(w, w->together);
		if (err)
			return err;
	}
	return 0;
}

int waiting_closed(struct waiting *w, bool known)
{
	w->closed++;
	if (known)
		w->posted++;
	else if (w->keeps)
		w->n_kept++;
	else
		w->scheme->class->forget(w->scheme, &w->kept[0].item);
	return post_due(w);
}

int waiting_finish(struct waiting *w)
{
	int err = 0;
	while (w->posted > w->resolved && err == 0) {
		uint64_t n = w->posted - w->resolved;
		err = post(w, n < w->together ? n : w->together);
	}
	return err;
}
