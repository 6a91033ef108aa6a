/* fault_vfs.h - an SQLite VFS over the default one, whose operations fail as fault.h has them planned.
 *
 * All files of all connections that are opened after fault_vfs_install() go through it. A sync
 * that does not fail does nothing: no power fails here, and thousands of rounds would wait for the disk. */
#ifndef CANDOR_TESTS_FAULT_VFS_H
#define CANDOR_TESTS_FAULT_VFS_H

/* Makes it the default, and takes it away again. No connection may be open over it by then. */
void fault_vfs_install(void);
void fault_vfs_remove(void);

#endif
