#include "client/calls.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 };

static size_t slot_of(const struct calls *t, uint64_t id)
{
	size_t i = (size_t)id & (t->cap - 1);
	while (t->slots[i].id != 0 && t->slots[i].id != id)
		i = (i + 1) & (t->cap - 1);
	return i;
}

static int grow(struct calls *t)
{
	struct calls larger = {.n = t->n, .cap = t->cap ? t->cap * 2 : FIRST_CAP};
	larger.slots = calloc(larger.cap, sizeof *larger.slots);
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->cap; i++)
		if (t->slots[i].id != 0)
			larger.slots[slot_of(&larger, t->slots[i].id)] = t->slots[i];
	free(t->slots);
	*t = larger;
	return 0;
}

int calls_put(struct calls *t, const struct call *call)
{
	if (2 * (t->n + 1) > t->cap) {
		int err = grow(t);
		if (err)
			return err;
	}
	t->slots[slot_of(t, call->id)] = *call;
	t->n++;
	return 0;
}

int calls_take(struct calls *t, uint64_t id, struct call *out)
{
	if (t->n == 0 || id == 0)
		return 0;
	size_t hole = slot_of(t, id);
	if (t->slots[hole].id == 0)
		return 0;
	*out = t->slots[hole];

	/* No tombstones: a later call of the run moves into the hole, unless that would put it before its home slot. */
	size_t mask = t->cap - 1;
	for (size_t i = (hole + 1) & mask; t->slots[i].id != 0; i = (i + 1) & mask) {
		size_t home = (size_t)t->slots[i].id & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole].id = 0;
	t->n--;
	return 1;
}

void calls_free(struct calls *t)
{
	free(t->slots);
	*t = (struct calls){0};
}
