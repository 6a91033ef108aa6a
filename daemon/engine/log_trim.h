/* log_trim.h - the log of reports on open items, and how it stays small: see log_trim.c. One thread, the loop's. */
#ifndef CANDOR_LOG_TRIM_H
#define CANDOR_LOG_TRIM_H

#include "daemon/engine/state.h"

/* A row stands in the log now. */
void engine_log_added(struct engine *e, uint64_t change);

/* ... and it is of this open item. */
void engine_log_item(struct engine *e, struct item *item, uint64_t change);

/* An item's rows mean nothing any more. */
void engine_log_forget(struct engine *e, struct item *item);

/* Cuts off the oldest part, where most rows are dead. */
void engine_log_trim(struct engine *e);

void engine_log_free(struct engine *e);

/* That the accounts are right, or the program ends; `all`: also of long lists. */
void engine_log_check(const struct engine *e, bool all);

#endif
