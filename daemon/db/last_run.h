/* last_run.h - what a start must know of the run before it: the newest change that it acknowledged.
 *
 * SQLite takes a write-ahead log that is missing, empty or cut short for the end of history. So candord keeps a record
 * in PATH-lock, a file that it holds open all the time, and writes it anew after each commit, before anybody is told of
 * it. That is a plain write and no sync: the record on the disk may be older than the database on the disk, and never
 * newer. A start that does not find the recorded change in the database and its log refuses to go on.
 *
 * The record may be lost, with its file: then nothing is known, and nothing is refused. */
#ifndef CANDOR_LAST_RUN_H
#define CANDOR_LAST_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

enum { LAST_RUN_BOOT_BYTES = 40 };

struct last_run {
	uint64_t change; /* acknowledged; 0: none is known of */
	bool is_loose; /* the log may have commits that were not each forced to the disk (sync = normal) */
	char boot[LAST_RUN_BOOT_BYTES]; /* of the system, when it was written; "": not known */
};

/* What the file beside the database says; all zero where there is none or where it says nothing of the kind. 0, -errno
 * or -ENOMEM. */
MUST_CHECK int last_run_read(const char *path, struct last_run *out);

/* Fills `boot` in. */
void last_run_set_boot(struct last_run *r);

/* Writes the record to the file behind a descriptor, from its beginning; always as many bytes. 0 or -errno. */
MUST_CHECK int last_run_write(int fd, const struct last_run *r);

/* A power failure may have taken what the record says was acknowledged: without a sync at each commit that is so
 * wherever the system has started anew. */
bool last_run_is_void(const struct last_run *r);

#endif
