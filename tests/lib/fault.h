/* fault.h - the n-th operation of a kind fails: which, and how.
 *
 * The plan alone. fault_vfs.h has the shim that asks it for files, fault_heap.h the one for memory. One plan a process,
 * or one for it and its children. Faults strike every thread but those that have paused them: a test pauses around what
 * is its own. Any thread may call all of these. */
#ifndef CANDOR_TESTS_FAULT_H
#define CANDOR_TESTS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
	FAULT_READ,
	FAULT_WRITE,
	FAULT_SYNC,
	FAULT_TRUNCATE,
	FAULT_SIZE,
	FAULT_LOCK,
	FAULT_OPEN,
	FAULT_DELETE,
	FAULT_ACCESS,
	FAULT_SHM_MAP,
	FAULT_SHM_LOCK,
	FAULT_FILE_KINDS,
	FAULT_SQLITE_MEMORY = FAULT_FILE_KINDS, /* what SQLite asks for */
	FAULT_UV_MEMORY, /* libuv */
	FAULT_MEMORY, /* what is linked into the program */
	FAULT_KINDS,
};

enum fault_how {
	FAULT_BROKEN, /* EIO */
	FAULT_NO_ROOM, /* ENOSPC */
	FAULT_SHORT, /* writes: half of the bytes, and then no room */
};

struct fault {
	enum fault_kind kind;
	enum fault_how how; /* of files */
	uint64_t nth; /* from 1; 0: none fails, all are counted */
	bool lasting; /* and all of the kind that follow */
};

/* Before anything is armed: the plan and the counts are one for this process and those that it forks. */
void fault_share(void);

/* Counts from zero. NULL: nothing fails from now on, and the counts stay. */
void fault_arm(const struct fault *fault);

/* Operations of the kind since fault_arm(), those that failed included. */
uint64_t fault_count(enum fault_kind kind);

/* Faults since fault_arm(). */
uint64_t fault_injected(void);

/* For this thread; nests. fault_reset() ends what a failed test has left. */
void fault_pause(void);
void fault_resume(void);
void fault_reset(void);

/* "the 3rd write fails for want of room, and all that follow", until the next call. */
const char *fault_describe(const struct fault *fault);
const char *fault_kind_name(enum fault_kind kind);

/* For shims: an operation of the kind is about to happen. True: it fails, in the way of *how. */
bool fault_strikes(enum fault_kind kind, enum fault_how *how);

#endif
