/* wal_upkeep.h - what the writer's connection does for its write-ahead log beside commits.
 *
 * Of a connection that writes, each commit that finds the log long brings it into the database, and all who wait for
 * the commit wait for that too. db_wal_take_over() ends this: from then on somebody else sees to it
 * (checkpointer.h). Other connections, programs without threads among them, are as SQLite makes them. */
#ifndef CANDOR_WAL_UPKEEP_H
#define CANDOR_WAL_UPKEEP_H

#include <stdint.h>

#include "daemon/db/connection.h"

/* No commit of this connection brings the log into the database any more. */
void db_wal_take_over(struct db *db);

/* The log's length after the newest commit of this connection. */
uint64_t db_wal_frames(const struct db *db);

/* Brings into the database what no reader holds back, while others go on reading and writing. *frames: the length of
 * the log, *done: what of that is in the database; if it is all, the next commit begins the log anew, unless
 * somebody still reads in it. Where another does the same at this time it is ERR_BUSY. */
MUST_CHECK int db_wal_checkpoint(struct db *db, uint64_t *frames, uint64_t *done);

/* The index of the log (-shm) grows with the log. Where it cannot, a commit fails when all of it is in the log
 * already, and a start that makes the index anew would find what was refused. So room is made before the commit
 * begins. ERR_DISK_FULL, or another error: nothing should be committed. Only between transactions. */
MUST_CHECK int db_wal_reserve_index(struct db *db);

/* A sync costs twice as much while the file grows. So that it does not, zeros are written behind the log and synced,
 * some time before it gets there. Readers of a log take them for its end. In a new log the first sector is on the disk
 * before the rest is written. What cannot be done is not needed: there are no errors. Only between transactions. */
void db_wal_make_room(struct db *db);

#endif
