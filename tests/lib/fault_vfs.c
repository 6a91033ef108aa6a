#include "tests/lib/fault_vfs.h"

#include <errno.h>
#include <sqlite3.h>

#include "lib/base/err.h"
#include "tests/lib/fault.h"
#include "tests/lib/shim_vfs.h"

static struct shim shim;

/* What SQLite is told of a fault, as its own VFS would: the failed call's error is in errno. */
static int failure(enum fault_how how, int broken, int no_room)
{
	errno = how == FAULT_BROKEN ? EIO : ENOSPC;
	return how == FAULT_BROKEN ? broken : no_room;
}

#define STRIKE(kind, broken, no_room)                          \
	do {                                                   \
		enum fault_how how_;                           \
		if (fault_strikes(kind, &how_))                \
			return failure(how_, broken, no_room); \
	} while (0)

/* ---- files ---- */

static int on_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
	STRIKE(FAULT_READ, SQLITE_IOERR_READ, SQLITE_IOERR_READ);
	return shim_real(f)->pMethods->xRead(shim_real(f), out, n, at);
}

static int on_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
	enum fault_how how;
	if (fault_strikes(FAULT_WRITE, &how)) {
		if (how == FAULT_SHORT && n > 1)
			require(shim_real(f)->pMethods->xWrite(shim_real(f), bytes, n / 2, at) == SQLITE_OK);
		return failure(how, SQLITE_IOERR_WRITE, SQLITE_FULL);
	}
	return shim_real(f)->pMethods->xWrite(shim_real(f), bytes, n, at);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	STRIKE(FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_TRUNCATE);
	return shim_real(f)->pMethods->xTruncate(shim_real(f), size);
}

static int on_sync(sqlite3_file *f, int flags)
{
	(void)f;
	(void)flags;
	STRIKE(FAULT_SYNC, SQLITE_IOERR_FSYNC, SQLITE_IOERR_FSYNC);
	return SQLITE_OK;
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
	STRIKE(FAULT_SIZE, SQLITE_IOERR_FSTAT, SQLITE_IOERR_FSTAT);
	return shim_real(f)->pMethods->xFileSize(shim_real(f), size);
}

static int on_lock(sqlite3_file *f, int level)
{
	STRIKE(FAULT_LOCK, SQLITE_IOERR_LOCK, SQLITE_IOERR_LOCK);
	return shim_real(f)->pMethods->xLock(shim_real(f), level);
}

static int on_check_reserved(sqlite3_file *f, int *out)
{
	STRIKE(FAULT_LOCK, SQLITE_IOERR_CHECKRESERVEDLOCK, SQLITE_IOERR_CHECKRESERVEDLOCK);
	return shim_real(f)->pMethods->xCheckReservedLock(shim_real(f), out);
}

static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	STRIKE(FAULT_SHM_MAP, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMSIZE);
	return shim_real(f)->pMethods->xShmMap(shim_real(f), page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	/* Letting go cannot fail, as far as SQLite is concerned. */
	if (flags & SQLITE_SHM_LOCK)
		STRIKE(FAULT_SHM_LOCK, SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMLOCK);
	return shim_real(f)->pMethods->xShmLock(shim_real(f), offset, n, flags);
}

/* ---- the file system ---- */

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	f->pMethods = NULL;
	STRIKE(FAULT_OPEN, SQLITE_CANTOPEN, SQLITE_CANTOPEN);
	return shim_open(vfs, name, f, flags, out_flags);
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	(void)vfs;
	STRIKE(FAULT_DELETE, SQLITE_IOERR_DELETE, SQLITE_IOERR_DELETE);
	return shim.real->xDelete(shim.real, name, sync_dir);
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs;
	STRIKE(FAULT_ACCESS, SQLITE_IOERR_ACCESS, SQLITE_IOERR_ACCESS);
	return shim.real->xAccess(shim.real, name, flags, out);
}

void fault_vfs_install(void)
{
	shim_init(&shim, "fault", sizeof(struct shim_file));
	shim.methods.xRead = on_read;
	shim.methods.xWrite = on_write;
	shim.methods.xTruncate = on_truncate;
	shim.methods.xSync = on_sync;
	shim.methods.xFileSize = on_size;
	shim.methods.xLock = on_lock;
	shim.methods.xCheckReservedLock = on_check_reserved;
	shim.methods.xShmMap = on_shm_map;
	shim.methods.xShmLock = on_shm_lock;
	shim.vfs.xOpen = on_open;
	shim.vfs.xDelete = on_delete;
	shim.vfs.xAccess = on_access;
	shim_install(&shim);
}

void fault_vfs_remove(void)
{
	shim_remove(&shim);
}
