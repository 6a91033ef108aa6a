#include "client/cli/base/items.h"

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

void cli_items_row(struct cli_table *t, const struct candor_item *item)
{
	cli_table_cell(t, "%s", item->item);
	cli_table_cell(t, "%s", cli_state_name(item->state));
	cli_table_cell(t, "%s", cli_count(item->n).s);
	cli_table_cell(t, "%.4f", item->mean);
	cli_table_cell(t, "%.4f", item->median);
	cli_table_cell(t, "%.4f", item->plain_mean);
	cli_table_cell(t, "%.4f", item->spread);
	cli_table_cell(t, "%.1f", item->ess);
	if (item->state == CANDOR_RESOLVED)
		cli_table_cell(t, "%g", item->outcome);
	else
		cli_table_cell(t, "-");
}
