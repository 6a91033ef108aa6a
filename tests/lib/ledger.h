/* ledger.h - what the tables say happened, applied once more to plain pools.
 *
 * Reads every event from the database in the order of its change (settings, reports, closes, outcomes) with SQL of its
 * own, applies it through pool.h, and compares what comes out with what was written down and with the engine's memory.
 * Needs a log of reports that was never trimmed. */
#ifndef CANDOR_TESTS_LEDGER_H
#define CANDOR_TESTS_LEDGER_H

#include "tests/lib/fake_owner.h"

/* NULL if all agrees to the last bit, else what does not; the caller frees it. The engine must be idle. */
char *ledger_difference(struct fake_owner *f);

#endif
