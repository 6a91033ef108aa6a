/* read_queue.h - which read is next, where more wait than readers are there.
 *
 * Readers are shared by principals, and what a principal gets by its connections. Whose principal has the fewest
 * readers just now goes first. Among these, each has a quantum of a reader's time in each round: one long read, or many
 * short ones. First come those who had less in this round and came after it began. Within a principal, connections take
 * turns; within a connection, first come first served. So one that asks little waits for one read that is under way and
 * for others like it, however much the rest ask.
 *
 * Some readers take no reads but those of the daemon's owner, which may have the others too, and whose first read goes
 * before everybody's.
 *
 * Jobs that have begun hold memory until they are done. One begins only where it fits beside those that have, or where
 * none has, or as the owner's first; meanwhile those that have begun go on.
 *
 * Pure: no I/O, no threads, no clock. Jobs are the caller's, and hold their own places. */
#ifndef CANDOR_DB_READ_QUEUE_H
#define CANDOR_DB_READ_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/db/read.h"

struct read_queue;

enum { READ_QUANTUM_US = 500, READ_LEAST_US = 25 /* that a read counts for */ };

/* readers: how many jobs may be taken at a time, of which for_owner are for the owner alone. 0 or -ENOMEM. */
MUST_CHECK int read_queue_new(struct read_queue **out, unsigned readers, unsigned for_owner);

/* How much memory jobs may take together; all they want, if it is never called. */
void read_queue_limit(struct read_queue *q, size_t bytes);

/* Nothing waits and nothing is taken. NULL is allowed. */
void read_queue_free(struct read_queue *q);

/* The job waits. 0 or -ENOMEM. */
MUST_CHECK int read_queue_add(struct read_queue *q, struct read_job *job);

/* The next one, which a reader works on from now on. NULL: nothing waits, or there is no reader for it. */
struct read_job *read_queue_take(struct read_queue *q);

/* One that was taken, and took so much of a reader's time, waits for another turn, before all else of its
 * connection. */
void read_queue_again(struct read_queue *q, struct read_job *job, uint64_t took_us);

/* One that was taken is done. */
void read_queue_end(struct read_queue *q, struct read_job *job, uint64_t took_us);

/* One that waits is given up. */
void read_queue_remove(struct read_queue *q, struct read_job *job);

/* How many wait. */
size_t read_queue_waiting(const struct read_queue *q);

/* For tests and for builds that check: NULL, or what does not fit together. */
const char *read_queue_check(const struct read_queue *q);

#endif
