#include "daemon/db/copy.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/db/internal.h"
#include "daemon/db/read.h"

struct db_copy {
	struct db *from;
	struct db to; /* only its handle is used */
	sqlite3_backup *backup; /* NULL: it has ended */
	uint64_t page_bytes, done, total;
	struct progress_row progress;
	bool begun;
};

static int open_target(struct db_copy *c, const char *path)
{
	if (sqlite3_open_v2(path, &c->to.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return c->to.handle ? db_error(&c->to, path) : -ENOMEM;
	sqlite3_extended_result_codes(c->to.handle, 1);
	/* Whoever made the file forces it to the disk when it is whole, and throws it away if it never is. */
	const char *pragmas = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096";
	return sqlite3_exec(c->to.handle, pragmas, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(&c->to, pragmas);
}

static int read_page_bytes(struct db_copy *c)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(c->from->handle, "PRAGMA page_size", -1, &s, NULL) != SQLITE_OK)
		return db_error(c->from, "page size");
	c->page_bytes = sqlite3_step(s) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	sqlite3_finalize(s);
	return c->page_bytes ? 0 : db_error(c->from, "page size");
}

static int begin(struct db_copy *c, const char *from, const char *to)
{
	int err = db_open(&c->from, from, DB_READ_OLDER, DB_FULL);
	if (err == 0)
		err = db_begin(c->from);
	c->begun = err == 0;
	/* The first read decides on the moment. */
	if (err == 0)
		err = db_progress(c->from, &c->progress);
	if (err == 0)
		err = read_page_bytes(c);
	if (err == 0)
		err = open_target(c, to);
	if (err)
		return err;
	c->backup = sqlite3_backup_init(c->to.handle, "main", c->from->handle, "main");
	return c->backup ? 0 : db_error(&c->to, "backup");
}

int db_copy_open(struct db_copy **out, const char *from, const char *to)
{
	struct db_copy *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	int err = begin(c, from, to);
	if (err) {
		int closed = db_copy_close(c);
		return closed ? closed : err;
	}
	*out = c;
	return 0;
}

/* Only now does SQLite say whose failure it was, and in which words. */
static int end(struct db_copy *c)
{
	int code = sqlite3_backup_finish(c->backup);
	c->backup = NULL;
	if (code == SQLITE_OK)
		return 0;
	return db_error(sqlite3_errcode(c->to.handle) == SQLITE_OK ? c->from : &c->to, "copying the database");
}

int db_copy_step(struct db_copy *c, uint64_t bytes)
{
	uint64_t pages = bytes / c->page_bytes;
	int code = sqlite3_backup_step(c->backup, pages == 0 ? 1 : pages > 65536 ? 65536 : (int)pages);
	c->total = (uint64_t)sqlite3_backup_pagecount(c->backup) * c->page_bytes;
	c->done = c->total - (uint64_t)sqlite3_backup_remaining(c->backup) * c->page_bytes;
	if (code == SQLITE_OK)
		return 1;
	int err = end(c);
	return err || code == SQLITE_DONE ? err : ERR_DATABASE;
}

uint64_t db_copy_done(const struct db_copy *c)
{
	return c->done;
}

uint64_t db_copy_total(const struct db_copy *c)
{
	return c->total;
}

const struct progress_row *db_copy_progress(const struct db_copy *c)
{
	return &c->progress;
}

int db_copy_close(struct db_copy *c)
{
	if (!c)
		return 0;
	if (c->backup)
		sqlite3_backup_finish(c->backup); /* given up: nobody asks how it went */
	if (c->begun)
		db_end(c->from);
	int err = sqlite3_close(c->to.handle) == SQLITE_OK ? 0 : db_error(&c->to, "close");
	int closed = db_close(c->from);
	free(c);
	return err ? err : closed;
}
