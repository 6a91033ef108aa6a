#include <stddef.h>
#include <string.h>

#include "daemon/db/rows.h"

static const size_t row_sizes[] = {
	[CHANGE_POOL] = sizeof(struct pool_row),           [CHANGE_SETTINGS] = sizeof(struct settings_row),
	[CHANGE_STRETCH] = sizeof(struct stretch_row),     [CHANGE_LABELER] = sizeof(struct labeler_row),
	[CHANGE_OPEN_ITEM] = sizeof(struct open_item_row), [CHANGE_LOG] = sizeof(struct log_row),
	[CHANGE_REVISION] = sizeof(struct revision_row),   [CHANGE_ITEM] = sizeof(struct item_row),
	[CHANGE_ITEM_ENDED] = sizeof(struct item_row),     [CHANGE_SETTLEMENT] = sizeof(struct settlement_row),
	[CHANGE_TRIM] = sizeof(struct trim_row),           [CHANGE_PROGRESS] = sizeof(struct progress_row),
	[CHANGE_ARCHIVE] = sizeof(struct archive_row),     [CHANGE_CHECKPOINT] = sizeof(struct checkpoint_row),
	[CHANGE_REMOVAL] = sizeof(struct removal_row),     [CHANGE_GRANT] = sizeof(struct grant_row),
	[CHANGE_TOKEN] = sizeof(struct token_row),         [CHANGE_EVENT] = sizeof(struct event_row),
};

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
	return own(b, &r->labelers, r->n * sizeof *r->labelers) && own(b, &r->values, r->n * sizeof *r->values);
}

static bool own_contents(struct batch *b, struct change *c)
{
	switch (c->type) {
	case CHANGE_POOL: return own_text(b, &c->pool.name);
	case CHANGE_SETTINGS: return own_text(b, &c->settings.by);
	case CHANGE_LABELER: return own_text(b, &c->labeler.name);
	case CHANGE_OPEN_ITEM:
		return own_text(b, &c->open_item.name) && own_text(b, &c->open_item.by) &&
		       own_reports(b, &c->open_item.reports);
	case CHANGE_ITEM:
	case CHANGE_ITEM_ENDED:
		return own_text(b, &c->item.name) && own_reports(b, &c->item.reports) &&
		       own(b, &c->item.weights, c->item.reports.n * sizeof(double));
	case CHANGE_SETTLEMENT:
		return own_text(b, &c->settlement.by) &&
		       own(b, &c->settlement.weights, c->settlement.n * sizeof(double)) &&
		       own(b, &c->settlement.last_round, c->settlement.n * sizeof(uint32_t));
	case CHANGE_ARCHIVE: return own_text(b, &c->archive.by) && own_text(b, &c->archive.file);
	case CHANGE_CHECKPOINT: return own(b, &c->checkpoint.states, c->checkpoint.n * sizeof(struct labeler));
	case CHANGE_GRANT:
		return own_text(b, &c->grant.principal) && own_text(b, &c->grant.pool) && own_text(b, &c->grant.prefix);
	case CHANGE_TOKEN: return own_text(b, &c->token.name);
	case CHANGE_EVENT:
		return own_text(b, &c->event.by) && own_text(b, &c->event.pool) && own_text(b, &c->event.action) &&
		       own_text(b, &c->event.subject) && own_text(b, &c->event.detail);
	case CHANGE_STRETCH:
	case CHANGE_LOG:
	case CHANGE_REVISION:
	case CHANGE_TRIM:
	case CHANGE_PROGRESS:
	case CHANGE_REMOVAL: return true;
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
	return true;
}
