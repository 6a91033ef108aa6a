#include "tests/lib/shim_vfs.h"

#include <string.h>

#include "lib/base/err.h"

/* An operation of files that only passes on. */
#define PASS_ON(name, method, parameters, ...)                      \
	static int name parameters                                  \
	{                                                           \
		sqlite3_file *real = shim_real(f);                  \
		return real->pMethods->method(real, ##__VA_ARGS__); \
	}

PASS_ON(on_close, xClose, (sqlite3_file * f))
PASS_ON(on_read, xRead, (sqlite3_file * f, void *out, int n, sqlite3_int64 at), out, n, at)
PASS_ON(on_write, xWrite, (sqlite3_file * f, const void *bytes, int n, sqlite3_int64 at), bytes, n, at)
PASS_ON(on_truncate, xTruncate, (sqlite3_file * f, sqlite3_int64 size), size)
PASS_ON(on_sync, xSync, (sqlite3_file * f, int flags), flags)
PASS_ON(on_size, xFileSize, (sqlite3_file * f, sqlite3_int64 *size), size)
PASS_ON(on_lock, xLock, (sqlite3_file * f, int level), level)
PASS_ON(on_unlock, xUnlock, (sqlite3_file * f, int level), level)
PASS_ON(on_check_lock, xCheckReservedLock, (sqlite3_file * f, int *out), out)
PASS_ON(on_control, xFileControl, (sqlite3_file * f, int what, void *arg), what, arg)
PASS_ON(on_sector_size, xSectorSize, (sqlite3_file * f))
PASS_ON(on_characteristics, xDeviceCharacteristics, (sqlite3_file * f))
PASS_ON(on_shm_map, xShmMap, (sqlite3_file * f, int page, int size, int extend, void volatile **out), page, size,
	extend, out)
PASS_ON(on_shm_lock, xShmLock, (sqlite3_file * f, int offset, int n, int flags), offset, n, flags)
PASS_ON(on_shm_unmap, xShmUnmap, (sqlite3_file * f, int remove), remove)

static void on_shm_barrier(sqlite3_file *f)
{
	shim_real(f)->pMethods->xShmBarrier(shim_real(f));
}

static const sqlite3_io_methods passing = {
	.iVersion = 2,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_lock,
	.xFileControl = on_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_characteristics,
	.xShmMap = on_shm_map,
	.xShmLock = on_shm_lock,
	.xShmBarrier = on_shm_barrier,
	.xShmUnmap = on_shm_unmap,
};

/* SQLite hands each operation of the file system the VFS, which begins the shim. */
int shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
	struct shim *s = (struct shim *)vfs;
	struct shim_file *f = (struct shim_file *)file;
	f->base.pMethods = NULL;
	f->real = (sqlite3_file *)((char *)file + (s->vfs.szOsFile - s->real->szOsFile));
	int code = s->real->xOpen(s->real, path, f->real, flags, out_flags);
	if (code == SQLITE_OK)
		f->base.pMethods = &s->methods;
	return code;
}

void shim_init(struct shim *s, const char *name, size_t file_bytes)
{
	_Static_assert(offsetof(struct shim, vfs) == 0, "a VFS is its shim");
	require(file_bytes % sizeof(void *) == 0);
	*s = (struct shim){.real = sqlite3_vfs_find(NULL), .methods = passing};
	require(s->real);
	s->vfs = *s->real;
	s->vfs.zName = name;
	s->vfs.szOsFile += (int)file_bytes;
	s->vfs.xOpen = shim_open;
}

void shim_install(struct shim *s)
{
	require(sqlite3_vfs_register(&s->vfs, 1) == SQLITE_OK);
}

void shim_remove(struct shim *s)
{
	require(sqlite3_vfs_unregister(&s->vfs) == SQLITE_OK && sqlite3_vfs_register(s->real, 1) == SQLITE_OK);
}
