/* power_vfs.h - a disk whose power can fail: the default VFS of SQLite for the test program that begins it.
 *
 * Files lie where they always lie, and everything is passed on, but nothing is forced to the disk. Of the files of one
 * directory the VFS remembers what a sync has made safe, and each write, truncation, making and removal since. When the
 * power fails nothing works any more; then power_crash() rewrites the real files as a disk might have them: what was
 * synced, and of the rest what a mode and chance say. Whoever opens them next finds real files.
 *
 * What it assumes of a disk is what SQLite assumes: a write changes no byte outside itself, and what a sync has ended
 * for stays. A name is safe once its directory was synced, which SQLite does with the first sync of a log or journal
 * that it may have made. -shm is memory, and may be anything afterwards. An fsync() of the program's own counts as
 * SQLite's do; what else is done past SQLite (making, renaming) is safe at once. One thread. Set-up that fails ends the
 * program through require(). */
#ifndef CANDOR_TESTS_POWER_VFS_H
#define CANDOR_TESTS_POWER_VFS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/random.h"

enum power_mode {
	POWER_KILLED, /* the process ends and the machine goes on: all is there */
	POWER_SYNCED, /* what was synced and no more */
	POWER_PAGES, /* and some pages of 4096 bytes of what was written since */
	POWER_SECTORS, /* the same in sectors of 512 */
	POWER_TORN, /* the same, and a sector may be zeros, noise, or be written in part */
	POWER_MODES,
};

/* Everything in `dir` (an absolute path) is safe so far. */
void power_begin(const char *dir);

/* Only when all files are closed, and the power is on. */
void power_end(void);

/* The power fails in the n-th operation from now that changes something (1: the next), which is then under way as any
 * that was not synced. 0: it does not. */
void power_arm(uint64_t n);

/* The disk is full for the n-th write from now that makes a file longer, and all such that follow. 0: there is room. */
void power_fill(uint64_t n);

/* It fails now. */
void power_cut(void);

bool power_is_off(void);

/* How many changing operations there were since power_begin(). */
uint64_t power_operations(void);

/* The files as they are after it, and the power is on again, with nothing armed. All must be closed. */
void power_crash(enum power_mode mode, struct random *random);

#endif
