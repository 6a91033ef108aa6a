/* checkpointer.h - brings the write-ahead log into the database, on a thread of its own, while commits go on.
 *
 * A log can begin anew when all of it is in the database. While it is brought there it grows, so that the thread
 * would never be done: it goes on until little is left, and that little is the writer's, between two commits. A log
 * that grows faster than it can be brought in makes the writer wait. A reader that is long (a backup) holds the
 * log's end back, and the log grows until it is done. */
#ifndef CANDOR_CHECKPOINTER_H
#define CANDOR_CHECKPOINTER_H

#include <stdbool.h>

#include "daemon/db/connection.h"

struct checkpointer;

/* path: of the database, and must outlive it. are_files_there: asked, on any thread, before anything is written; false:
 * nothing is. 0 or -errno. */
MUST_CHECK int checkpointer_new(struct checkpointer **out, const char *path, bool (*are_files_there)(void *arg),
				void *arg);

/* The writer's connection has committed, and everybody who waited for it knows. On the writer's thread; may take as
 * long as a small commit, or as a checkpoint where the log is too long. */
void checkpointer_committed(struct checkpointer *c, struct db *writer);

/* Waits for a checkpoint under way. NULL is allowed. */
void checkpointer_free(struct checkpointer *c);

#endif
