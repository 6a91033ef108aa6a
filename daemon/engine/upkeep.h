/* upkeep.h - what each commit takes along beside the changes that were asked for. One thread, the loop's. */
#ifndef CANDOR_UPKEEP_H
#define CANDOR_UPKEEP_H

#include "daemon/engine/state.h"

/* Completes the batch that is about to be handed over: the rows of pools that have changed, some labelers' rows,
 * perhaps a piece of the log trimmed or of an archive removed, and how far the numbers have come. */
void engine_upkeep(struct engine *e);

#endif
