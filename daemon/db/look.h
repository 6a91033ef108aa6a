/* look.h - whether a start could use a database, as far as can be told without touching it.
 *
 * For --check-config, which may run beside a daemon that has the database, and first of all at every start. What only
 * shows when a database is opened is for prepare.h. */
#ifndef CANDOR_DB_LOOK_H
#define CANDOR_DB_LOOK_H

#include "lib/base/err.h"

/* path: as place_resolve() has it; the file need not be there. The directory and the files can be written, the database
 * was not lost, and is no other program's or a newer candor's. Reads and locks for a moment, and changes nothing. 0,
 * ERR_DAMAGED or ERR_SCHEMA (logged), or -errno (logged), -ENOMEM. */
MUST_CHECK int db_look(const char *path);

#endif
