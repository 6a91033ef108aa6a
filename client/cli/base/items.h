/* items.h - items as rows of a table, for all commands that print them. */
#ifndef CANDOR_CLI_ITEMS_H
#define CANDOR_CLI_ITEMS_H

#include "client/candor.h"
#include "client/cli/base/table.h"

/* "unknown" for a state that this program does not know. */
const char *cli_state_name(enum candor_item_state state);

/* How many of the names, or of the outcomes of such items, go into one request, at least one: with a pool's name they
 * fit in the shortest message that can be set. */
size_t cli_items_at_a_time(const char *const *names, size_t n);
size_t cli_outcomes_at_a_time(const char *const *names, size_t n);

/* with_now: with what each item would be now. */
void cli_items_init(struct cli_table *t, bool with_now);
void cli_items_row(struct cli_table *t, const struct candor_item *item, bool with_now);

#endif
