/* removal.h - what is known of a pool's newest archive, and taking away what was moved into it.
 *
 * An archive makes a boundary: nothing at or before its last round is read any more. What lies there is removed
 * afterwards, a bounded piece with each commit, and after a restart from where it was. One thread, the loop's. */
#ifndef CANDOR_REMOVAL_H
#define CANDOR_REMOVAL_H

#include "daemon/engine/state.h"

/* The pool's newest archive is this one. */
void engine_set_archive(struct engine_pool *c, const struct archive_row *row);

/* What stands in an archive is to be removed, from round `first` on, and revisions up to `change`. */
void engine_await_removal(struct engine *e, struct engine_pool *c, uint64_t first, uint64_t change);

/* Something is to be removed, for which there should be a commit even if nothing else asks for one. */
bool engine_has_removals(const struct engine *e);

/* Adds a piece of it to the batch. */
void engine_remove(struct engine *e);

/* What disk knows of a pool's archives, and how many labelers the newest one's checkpoint has (0 where there is
 * none). 0 or an error. */
MUST_CHECK int engine_recover_archive(struct engine *e, struct engine_pool *c, uint64_t *labelers);

#endif
