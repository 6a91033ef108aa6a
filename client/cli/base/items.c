#include "client/cli/base/items.h"

#include <string.h>

#include "client/cli/base/number.h"

const char *cli_state_name(enum candor_item_state state)
{
	switch (state) {
	case CANDOR_STATE_UNSPECIFIED: break;
	case CANDOR_OPEN: return "open";
	case CANDOR_CLOSED: return "closed";
	case CANDOR_RESOLVED: return "resolved";
	case CANDOR_VOID: return "void";
	}
	return "unknown";
}

/* row_bytes: of one beside its name, at most. */
static size_t at_a_time(const char *const *names, size_t n, size_t row_bytes)
{
	enum { NAMES_BYTES = 700 };
	size_t bytes = 0, i = 0;
	for (; i < n && i < CANDOR_PAGE_MAX; i++) {
		bytes += strlen(names[i]) + row_bytes;
		if (i > 0 && bytes > NAMES_BYTES)
			break;
	}
	return i;
}

size_t cli_items_at_a_time(const char *const *names, size_t n)
{
	return at_a_time(names, n, 3);
}

size_t cli_outcomes_at_a_time(const char *const *names, size_t n)
{
	return at_a_time(names, n, 15);
}

void cli_items_init(struct cli_table *t, bool with_now)
{
	static const struct cli_column columns[] = {
		{.title = "item", .shrink = true},  {.title = "state"},
		{.title = "n", .right = true},      {.title = "forecast", .right = true},
		{.title = "mean", .right = true},   {.title = "plain mean", .right = true},
		{.title = "median", .right = true}, {.title = "spread", .right = true},
		{.title = "ess", .right = true},    {.title = "outcome", .right = true},
		{.title = "now", .right = true},    {.title = "label", .right = true},
	};
	enum { NOW = 2 };
	cli_table_init(t, columns, sizeof columns / sizeof *columns - (with_now ? 0 : NOW));
}

/* One that was voided while open has none. */
static void add_aggregate(struct cli_table *t, const struct candor_item *item, int decimals, double x)
{
	if (item->ess != 0)
		cli_table_cell(t, "%.*f", decimals, x);
	else
		cli_table_cell(t, "-");
}

static void add_optional(struct cli_table *t, bool is_there, double x)
{
	if (is_there)
		cli_table_cell(t, "%.4f", x);
	else
		cli_table_cell(t, "-");
}

/* "1", or with a second verdict "1 (0)". */
static void add_outcome(struct cli_table *t, const struct candor_item *item)
{
	if (item->state != CANDOR_RESOLVED)
		cli_table_cell(t, "-");
	else if (item->has_recheck)
		cli_table_cell(t, "%g (%g)", item->outcome, item->recheck);
	else
		cli_table_cell(t, "%g", item->outcome);
}

void cli_items_row(struct cli_table *t, const struct candor_item *item, bool with_now)
{
	cli_table_name(t, item->item);
	cli_table_cell(t, "%s", cli_state_name(item->state));
	cli_table_cell(t, "%s", cli_count(item->n).s);
	add_aggregate(t, item, 4, item->forecast);
	add_aggregate(t, item, 4, item->mean);
	add_aggregate(t, item, 4, item->plain_mean);
	add_aggregate(t, item, 4, item->median);
	add_aggregate(t, item, 4, item->spread);
	add_aggregate(t, item, 1, item->ess);
	add_outcome(t, item);
	if (with_now) {
		add_optional(t, item->now, item->now ? item->now->forecast : 0);
		add_optional(t, item->has_label, item->label);
	}
}
