/* error.h - what SQLite says of a failure, as one of the errors of connection.h. */
#ifndef CANDOR_DB_ERROR_H
#define CANDOR_DB_ERROR_H

#include <sqlite3.h>

struct db;

/* The last failure of a connection. */
int db_error_of(sqlite3 *handle);

/* The same, logged with what was being done. */
int db_error(struct db *db, const char *doing);

#endif
