#include "tests/lib/fault_vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "tests/lib/fault.h"

/* The real file follows it in SQLite's memory. */
struct file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs *real_vfs, shim;

static sqlite3_file *real(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

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

static int on_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}

static int on_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
	STRIKE(FAULT_READ, SQLITE_IOERR_READ, SQLITE_IOERR_READ);
	return real(f)->pMethods->xRead(real(f), out, n, at);
}

static int on_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
	enum fault_how how;
	if (fault_strikes(FAULT_WRITE, &how)) {
		if (how == FAULT_SHORT && n > 1)
			require(real(f)->pMethods->xWrite(real(f), bytes, n / 2, at) == SQLITE_OK);
		return failure(how, SQLITE_IOERR_WRITE, SQLITE_FULL);
	}
	return real(f)->pMethods->xWrite(real(f), bytes, n, at);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	STRIKE(FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_TRUNCATE);
	return real(f)->pMethods->xTruncate(real(f), size);
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
	return real(f)->pMethods->xFileSize(real(f), size);
}

static int on_lock(sqlite3_file *f, int level)
{
	STRIKE(FAULT_LOCK, SQLITE_IOERR_LOCK, SQLITE_IOERR_LOCK);
	return real(f)->pMethods->xLock(real(f), level);
}

static int on_unlock(sqlite3_file *f, int level)
{
	return real(f)->pMethods->xUnlock(real(f), level);
}

static int on_check_reserved(sqlite3_file *f, int *out)
{
	STRIKE(FAULT_LOCK, SQLITE_IOERR_CHECKRESERVEDLOCK, SQLITE_IOERR_CHECKRESERVEDLOCK);
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int on_control(sqlite3_file *f, int what, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), what, arg);
}

static int on_sector_size(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int on_characteristics(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	STRIKE(FAULT_SHM_MAP, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMSIZE);
	return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	/* Letting go cannot fail, as far as SQLite is concerned. */
	if (flags & SQLITE_SHM_LOCK)
		STRIKE(FAULT_SHM_LOCK, SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMLOCK);
	return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *f)
{
	real(f)->pMethods->xShmBarrier(real(f));
}

static int on_shm_unmap(sqlite3_file *f, int remove)
{
	return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_reserved,
	.xFileControl = on_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_characteristics,
	.xShmMap = on_shm_map,
	.xShmLock = on_shm_lock,
	.xShmBarrier = on_shm_barrier,
	.xShmUnmap = on_shm_unmap,
};

/* ---- the file system ---- */

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	(void)vfs;
	struct file *file = (struct file *)f;
	file->base.pMethods = NULL;
	STRIKE(FAULT_OPEN, SQLITE_CANTOPEN, SQLITE_CANTOPEN);
	file->real = (sqlite3_file *)(file + 1);
	int code = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
	if (code == SQLITE_OK)
		file->base.pMethods = &methods;
	return code;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	(void)vfs;
	STRIKE(FAULT_DELETE, SQLITE_IOERR_DELETE, SQLITE_IOERR_DELETE);
	return real_vfs->xDelete(real_vfs, name, sync_dir);
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs;
	STRIKE(FAULT_ACCESS, SQLITE_IOERR_ACCESS, SQLITE_IOERR_ACCESS);
	return real_vfs->xAccess(real_vfs, name, flags, out);
}

void fault_vfs_install(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	require(real_vfs && real_vfs != &shim);
	shim = *real_vfs;
	shim.zName = "fault";
	shim.szOsFile += (int)sizeof(struct file);
	shim.xOpen = on_open;
	shim.xDelete = on_delete;
	shim.xAccess = on_access;
	require(sqlite3_vfs_register(&shim, 1) == SQLITE_OK);
}

void fault_vfs_remove(void)
{
	require(sqlite3_vfs_unregister(&shim) == SQLITE_OK);
}
