#include "daemon/db/migrate_changes.h"

#include <stddef.h>

#include "daemon/db/error.h"
#include "lib/base/log.h"

#define INSERT "INSERT INTO item_changes (pool, change, item, state, round) "

/* What is written down with its number: closings, and voids of open items; settlements; the last outcome of each
 * archive; and voids of closed items since there is an audit. */
static const char *const known[] = {
	INSERT "SELECT pool, closed, id, iif(close_number IS NULL, 'void', 'closed'), NULL FROM items",
	INSERT "SELECT pool, change, item, 'resolved', round FROM settlements",
	INSERT "SELECT a.pool, a.change, i.id, 'resolved', i.round FROM archives a"
	       " JOIN items i ON i.pool = a.pool AND i.round = a.last"
	       " WHERE NOT EXISTS (SELECT 1 FROM settlements s WHERE s.pool = a.pool AND s.round = a.last)",
	INSERT "SELECT i.pool, e.change, i.id, 'void', NULL FROM events e JOIN pools p ON p.name = e.pool"
	       " JOIN items i ON i.pool = p.id AND i.name = e.subject"
	       " WHERE e.action = 'void' AND i.state = 'void' AND i.close_number IS NOT NULL",
};

struct fill {
	sqlite3 *db;
	sqlite3_stmt *lacking, *taken, *add;
	sqlite3_int64 pool;
	int is_void; /* of this pool and kind */
	sqlite3_int64 last; /* is the number given last */
};

static int failed(const struct fill *f)
{
	log_error("database: %s", sqlite3_errmsg(f->db));
	return db_error_of(f->db);
}

/* 1: another change of an item in the pool has the number; 0: none has; or an error. */
static int is_taken(struct fill *f, sqlite3_int64 change)
{
	sqlite3_bind_int64(f->taken, 1, f->pool);
	sqlite3_bind_int64(f->taken, 2, change);
	int code = sqlite3_step(f->taken);
	int found = code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : failed(f);
	sqlite3_reset(f->taken);
	return found;
}

/* Numbers are tried only upwards, so all items together try each at most once. */
static int add_one(struct fill *f)
{
	sqlite3_stmt *s = f->lacking;
	sqlite3_int64 pool = sqlite3_column_int64(s, 0), closed = sqlite3_column_int64(s, 4);
	int is_void = sqlite3_column_int(s, 2), found;
	if (pool != f->pool || is_void != f->is_void)
		f->last = 0;
	f->pool = pool;
	f->is_void = is_void;
	f->last = (closed > f->last ? closed : f->last) + 1;
	while ((found = is_taken(f, f->last)) == 1)
		f->last++;
	if (found < 0)
		return found;
	sqlite3_bind_int64(f->add, 1, pool);
	sqlite3_bind_int64(f->add, 2, f->last);
	sqlite3_bind_value(f->add, 3, sqlite3_column_value(s, 1));
	sqlite3_bind_text(f->add, 4, is_void ? "void" : "resolved", -1, SQLITE_STATIC);
	sqlite3_bind_value(f->add, 5, sqlite3_column_value(s, 3));
	int err = sqlite3_step(f->add) == SQLITE_DONE ? 0 : failed(f);
	sqlite3_reset(f->add);
	return err;
}

static int prepare(struct fill *f)
{
	const struct {
		sqlite3_stmt **to;
		const char *sql;
	} all[] = {
		{&f->lacking, "SELECT pool, id, state = 'void', round, closed FROM items WHERE state != 'closed'"
			      " AND id NOT IN (SELECT item FROM item_changes WHERE state != 'closed')"
			      " ORDER BY pool, 3, round, closed"},
		{&f->taken, "SELECT 1 FROM item_changes WHERE pool = ? AND change = ?"},
		{&f->add, INSERT "VALUES (?, ?, ?, ?, ?)"},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (sqlite3_prepare_v2(f->db, all[i].sql, -1, all[i].to, NULL) != SQLITE_OK)
			return failed(f);
	return 0;
}

static int run(struct fill *f, const char *sql)
{
	return sqlite3_exec(f->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(f);
}

static int add_known(struct fill *f)
{
	int err = 0;
	for (size_t i = 0; i < sizeof known / sizeof *known && err == 0; i++)
		err = run(f, known[i]);
	return err;
}

/* A number that was given here must not be given again. */
static int raise_progress(struct fill *f)
{
	const char *sql = "UPDATE progress SET changes = max(changes, (SELECT coalesce(max(change), 0) FROM"
			  " item_changes))";
	return run(f, sql);
}

int migrate_changes(sqlite3 *db)
{
	struct fill f = {.db = db};
	int code = SQLITE_DONE, err = add_known(&f);
	if (err == 0)
		err = prepare(&f);
	while (err == 0 && (code = sqlite3_step(f.lacking)) == SQLITE_ROW)
		err = add_one(&f);
	if (err == 0 && code != SQLITE_DONE)
		err = failed(&f);
	sqlite3_finalize(f.lacking);
	sqlite3_finalize(f.taken);
	sqlite3_finalize(f.add);
	return err ? err : raise_progress(&f);
}
