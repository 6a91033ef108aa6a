#include <stddef.h>
#include <string.h>

#include "daemon/db/rows.h"

#define SIZE(NAME, name, ...) [CHANGE_##NAME] = sizeof(struct name##_row),

static const size_t row_sizes[] = {CHANGES(SIZE, SIZE, SIZE)};

void batch_init(struct batch *b)
{
	*b = (struct batch){0};
	arena_init(&b->arena, SIZE_MAX / 2);
	batch_reset(b);
}

void batch_reset(struct batch *b)
{
	arena_reset(&b->arena);
	b->first = NULL;
	b->n = 0;
	b->last = &b->first;
	b->waiters = NULL;
	b->last_waiter = &b->waiters;
}

void batch_free(struct batch *b)
{
	arena_free(&b->arena);
}

/* A pointer inside a row, replaced by a copy of what it points to. NULL stays. */
static bool own(struct batch *b, void *pointer, size_t size)
{
	const void *from;
	memcpy(&from, pointer, sizeof from);
	if (!from)
		return true;
	void *copy = arena_alloc(&b->arena, size);
	if (!copy)
		return false;
	memcpy(copy, from, size);
	memcpy(pointer, &copy, sizeof copy);
	return true;
}

static bool own_text(struct batch *b, const char **text)
{
	return own(b, text, *text ? strlen(*text) + 1 : 0);
}

static bool own_reports(struct batch *b, struct packed_reports *r)
{
	return own(b, &r->labelers, r->n * sizeof *r->labelers) && own(b, &r->values, r->n * sizeof *r->values) &&
	       own(b, &r->sequences, r->n * sizeof *r->sequences);
}

/* What a column of each kind points to, copied; see rows.def. */
#define OWN_INTEGER(field) true
#define OWN_INTEGER_IF(field, condition) true
#define OWN_REAL(field) true
#define OWN_REAL_IF(field, condition) true
#define OWN_REAL_HAS(field, has) true
#define OWN_TEXT(field) own_text(b, &r->field)
#define OWN_BYTES(field) true
#define OWN_BYTES_IF(field, has) true
#define OWN_ARRAY(field, n) own(b, &r->field, (n) * sizeof *r->field)
#define OWN_COUNTED(field, n) OWN_ARRAY(field, n)
#define OWN_REPORTS(field) own_reports(b, &r->field)
#define OWN_STATES(field, n) OWN_ARRAY(field, n)
#define OWN_RATE(field) true
#define OWN_SIGNS(field) true
#define OWN_ITEM_STATE(field) true
#define OWN_RIGHTS(field) true

#define OWN(column, KIND, ...) good = good && OWN_##KIND(__VA_ARGS__);
#define DEFINE_OWN(NAME, name, ...)                                   \
	static bool own_##name(struct batch *b, struct name##_row *r) \
	{                                                             \
		bool good = true;                                     \
		(void)b;                                              \
		(void)r;                                              \
		NAME##_COLUMNS(OWN, OWN);                             \
		return good;                                          \
	}
#define NOTHING(...)

CHANGES(DEFINE_OWN, DEFINE_OWN, NOTHING)

#define CASE(NAME, name, ...) \
	case CHANGE_##NAME: return own_##name(b, &c->name);

static bool own_contents(struct batch *b, struct change *c)
{
	switch (c->type) {
		CHANGES(CASE, CASE, CASE)
	}
	return false;
}

bool batch_add(struct batch *b, enum change_type type, const void *row)
{
	/* Only as long as its own row is: most changes are log rows, the smallest. */
	struct change *c = arena_alloc(&b->arena, offsetof(struct change, pool) + row_sizes[type]);
	if (!c)
		return false;
	c->next = NULL;
	c->type = type;
	memcpy(&c->pool, row, row_sizes[type]);
	if (!own_contents(b, c))
		return false;
	*b->last = c;
	b->last = &c->next;
	b->n++;
	return true;
}
