/* shim_vfs.h - an SQLite VFS over the default one that passes everything on, for tests that replace some of its
 * operations: fault_vfs makes them fail, power_vfs remembers what they did.
 *
 * While it is installed all files of all connections that are opened go through it. Set-up that fails ends the program
 * through require(). */
#ifndef CANDOR_TESTS_SHIM_VFS_H
#define CANDOR_TESTS_SHIM_VFS_H

#include <sqlite3.h>
#include <stddef.h>

/* What a file of the shim begins with. The real one follows in SQLite's memory. */
struct shim_file {
	sqlite3_file base;
	sqlite3_file *real;
};

struct shim {
	sqlite3_vfs vfs, *real;
	sqlite3_io_methods methods; /* of files */
};

/* file_bytes: of the structure that begins with a struct shim_file. Afterwards operations may be replaced in `vfs` and
 * `methods`, until shim_install(). The name and s must outlive the shim. */
void shim_init(struct shim *s, const char *name, size_t file_bytes);

/* Makes it the default, and takes it away again; by then no connection may be open over it. */
void shim_install(struct shim *s);
void shim_remove(struct shim *s);

/* For an xOpen that replaces this one; what it does is to open the real file. */
int shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags);

static inline sqlite3_file *shim_real(sqlite3_file *file)
{
	return ((struct shim_file *)file)->real;
}

#endif
