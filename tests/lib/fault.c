#include "tests/lib/fault.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

#include "lib/base/err.h"

static struct state {
	_Atomic int kind, how;
	_Atomic bool lasting;
	_Atomic uint64_t nth; /* set last, and 0 while the others change */
	_Atomic uint64_t counts[FAULT_KINDS], injected;
} own, *shared = &own;

static _Thread_local unsigned paused;

void fault_share(void)
{
	void *memory = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	require(memory != MAP_FAILED);
	shared = memory;
}

void fault_arm(const struct fault *fault)
{
	shared->nth = 0;
	if (!fault)
		return;
	for (int i = 0; i < FAULT_KINDS; i++)
		shared->counts[i] = 0;
	shared->injected = 0;
	shared->kind = fault->kind;
	shared->how = fault->how;
	shared->lasting = fault->lasting;
	shared->nth = fault->nth;
}

uint64_t fault_count(enum fault_kind kind)
{
	return shared->counts[kind];
}

uint64_t fault_injected(void)
{
	return shared->injected;
}

void fault_pause(void)
{
	paused++;
}

void fault_resume(void)
{
	paused--;
}

void fault_reset(void)
{
	fault_arm(NULL);
	paused = 0;
}

bool fault_strikes(enum fault_kind kind, enum fault_how *how)
{
	if (paused)
		return false;
	uint64_t n = ++shared->counts[kind], nth = shared->nth;
	if (nth == 0 || shared->kind != (int)kind || !(shared->lasting ? n >= nth : n == nth))
		return false;
	shared->injected++;
	*how = (enum fault_how)shared->how;
	return true;
}

const char *fault_kind_name(enum fault_kind kind)
{
	static const char *const names[] = {
		[FAULT_READ] = "read",
		[FAULT_WRITE] = "write",
		[FAULT_SYNC] = "sync",
		[FAULT_TRUNCATE] = "truncation",
		[FAULT_SIZE] = "size",
		[FAULT_LOCK] = "lock",
		[FAULT_OPEN] = "opening",
		[FAULT_DELETE] = "deletion",
		[FAULT_ACCESS] = "access",
		[FAULT_SHM_MAP] = "mapping of shared memory",
		[FAULT_SHM_LOCK] = "shm lock",
		[FAULT_SQLITE_MEMORY] = "allocation of SQLite",
		[FAULT_UV_MEMORY] = "allocation of libuv",
		[FAULT_MEMORY] = "allocation",
	};
	_Static_assert(sizeof names / sizeof *names == FAULT_KINDS, "a name for each kind");
	return names[kind];
}

const char *fault_describe(const struct fault *fault)
{
	static const char *const hows[] = {
		[FAULT_BROKEN] = "EIO", [FAULT_NO_ROOM] = "ENOSPC", [FAULT_SHORT] = "half of it written, then ENOSPC"};
	static char text[128];
	bool of_files = fault->kind < FAULT_FILE_KINDS;
	snprintf(text, sizeof text, "%s %" PRIu64 " fails%s%s%s", fault_kind_name(fault->kind), fault->nth,
		 fault->lasting ? ", and all that follow" : "", of_files ? ": " : "", of_files ? hows[fault->how] : "");
	return text;
}
