#include "daemon/db/error.h"

#include <errno.h>

#include "daemon/db/internal.h"
#include "lib/base/log.h"

int db_error_of(sqlite3 *handle)
{
	int code = sqlite3_extended_errcode(handle), system = sqlite3_system_errno(handle);
	switch (code & 0xff) {
	case SQLITE_FULL: return ERR_DISK_FULL;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_NOTADB: return ERR_SCHEMA;
	case SQLITE_CORRUPT: return ERR_DAMAGED;
	case SQLITE_BUSY: return ERR_BUSY;
	case SQLITE_INTERRUPT: return -ECANCELED;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: break;
	default: return ERR_DATABASE;
	}
	if (code == SQLITE_IOERR_NOMEM)
		return -ENOMEM;
	/* The index of the log could not be made longer. In a commit SQLite forgets to ask the system why. */
	if (code == SQLITE_IOERR_SHMSIZE)
		return ERR_DISK_FULL;
	/* After a sync that failed nobody knows what is on disk, also where it failed for want of room. */
	bool sync = code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
	return !sync && (system == ENOSPC || system == EDQUOT) ? ERR_DISK_FULL : ERR_DATABASE;
}

int db_error(struct db *db, const char *doing)
{
	int err = db_error_of(db->handle);
	if (err != -ECANCELED)
		log_error("database: %s: %s (SQLite %d)", doing, sqlite3_errmsg(db->handle),
			  sqlite3_extended_errcode(db->handle));
	return err;
}
