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

size_t cli_items_at_a_time(const char *const *names, size_t n)
{
	enum { NAMES_BYTES = 700, NAME_BYTES = 3 /* beside its text, at most */ };
	size_t bytes = 0, i = 0;
	for (; i < n && i < CANDOR_PAGE_MAX; i++) {
		bytes += strlen(names[i]) + NAME_BYTES;
		if (i > 0 && bytes > NAMES_BYTES)
			break;
	}
	return i;
}

void cli_items_init(struct cli_table *t)
{
	static const struct cli_column columns[] = {
		{.title = "item", .shrink = true},   {.title = "state"},
		{.title = "n", .right = true},       {.title = "mean", .right = true},
		{.title = "median", .right = true},  {.title = "plain", .right = true},
		{.title = "spread", .right = true},  {.title = "ess", .right = true},
		{.title = "outcome", .right = true},
	};
	cli_table_init(t, columns, sizeof columns / sizeof *columns);
}

/* One that was voided while open has none. */
static void add_aggregate(struct cli_table *t, const struct candor_item *item, int decimals, double x)
{
	if (item->ess != 0)
		cli_table_cell(t, "%.*f", decimals, x);
	else
		cli_table_cell(t, "-");
}

void cli_items_row(struct cli_table *t, const struct candor_item *item)
{
	cli_table_name(t, item->item);
	cli_table_cell(t, "%s", cli_state_name(item->state));
	cli_table_cell(t, "%s", cli_count(item->n).s);
	add_aggregate(t, item, 4, item->mean);
	add_aggregate(t, item, 4, item->median);
	add_aggregate(t, item, 4, item->plain_mean);
	add_aggregate(t, item, 4, item->spread);
	add_aggregate(t, item, 1, item->ess);
	if (item->state == CANDOR_RESOLVED)
		cli_table_cell(t, "%g", item->outcome);
	else
		cli_table_cell(t, "-");
}
