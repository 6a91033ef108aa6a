/* recover.h - the state from disk: in time that grows with the labelers and the open items, not with the history. */
#ifndef CANDOR_RECOVER_H
#define CANDOR_RECOVER_H

#include "daemon/engine/state.h"

/* Fills an engine without pools from e->db. 0, ERR_HISTORY, -ENOMEM, ERR_FULL, -ECANCELED (ops.recovering) or a
 * database error; then what is there must be thrown away. */
MUST_CHECK int engine_recover(struct engine *e);

#endif
