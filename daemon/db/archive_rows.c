#include "daemon/db/archive_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/db/internal.h"
#include "lib/base/log.h"

/* ---- private files ---- */

int db_scratch_make(struct db_scratch *s)
{
	const char *tmp = getenv("TMPDIR");
	*s = (struct db_scratch){.fd = -1};
	int len = snprintf(s->dir, sizeof s->dir, "%s/candor-XXXXXX", tmp && *tmp ? tmp : "/var/tmp");
	int err = (size_t)len >= sizeof s->dir ? -ENAMETOOLONG : mkdtemp(s->dir) ? 0 : -errno;
	if (err) {
		log_error("%s: %s; set TMPDIR to a directory with enough space", s->dir, candor_strerror(err));
		s->dir[0] = 0;
		return err;
	}
	snprintf(s->path, sizeof s->path, "%s/archive.db", s->dir);
	s->fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (s->fd >= 0)
		return 0;
	err = -errno;
	log_error("%s: %s", s->path, candor_strerror(err));
	db_scratch_free(s);
	return err;
}

static void take_names(struct db_scratch *s)
{
	if (s->path[0])
		unlink(s->path);
	if (s->dir[0])
		rmdir(s->dir);
	s->path[0] = s->dir[0] = 0;
}

int db_scratch_open(struct db_scratch *s, struct db **out)
{
	int err = db_open(out, s->path, DB_SCRATCH, DB_NORMAL);
	take_names(s);
	return err;
}

void db_scratch_free(struct db_scratch *s)
{
	take_names(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* ---- filling ---- */

#define FIRST_OF_V(column, ...) "v." #column
#define NEXT_OF_V(column, ...) ", v." #column
#define STORED_ITEM_COLUMNS(FIRST, COLUMN) ITEM_COLUMNS(FIRST, COLUMN) COLUMN(eta) COLUMN(lbar)
#define COPY(table, COLUMNS, FIRST, NEXT, rest) \
	"INSERT INTO " table " (" NAMES(COLUMNS) ") SELECT " COLUMNS(FIRST, NEXT) " FROM source." rest

/* ?1: the pool; ?2 and ?3: its first and last round; ?4: the change that settled the latter. Rounds are followed
 * through the settlements, whose index knows them: the reports of other items are not touched. */
static const char *const copies[] = {
	COPY("settings", SETTINGS_COLUMNS, FIRST_NAME, NEXT_NAME,
	     "settings WHERE pool = ?1 AND change <= ?4 ORDER BY change"),
	COPY("labelers", LABELER_COLUMNS, FIRST_NAME, NEXT_NAME,
	     "labelers WHERE pool = ?1 AND joined <= ?4 ORDER BY id"),
	COPY("archives", ARCHIVE_COLUMNS, FIRST_NAME, NEXT_NAME,
	     "archives WHERE pool = ?1 AND last < ?2 ORDER BY last"),
	COPY("checkpoints", CHECKPOINT_COLUMNS, FIRST_NAME, NEXT_NAME, "checkpoints WHERE pool = ?1 ORDER BY first"),
	COPY("items", STORED_ITEM_COLUMNS, FIRST_OF_I, NEXT_OF_I,
	     "settlements s CROSS JOIN source.items i"
	     " WHERE s.pool = ?1 AND s.round BETWEEN ?2 AND ?3 AND i.id = s.item ORDER BY s.round"),
	COPY("settlements", SETTLEMENT_COLUMNS, FIRST_NAME, NEXT_NAME,
	     "settlements WHERE pool = ?1 AND round BETWEEN ?2 AND ?3 ORDER BY round"),
	COPY("revisions", REVISION_COLUMNS, FIRST_OF_V, NEXT_OF_V,
	     "revisions v CROSS JOIN source.items i"
	     " WHERE v.change <= ?4 AND i.id = v.item AND i.pool = ?1 AND i.round BETWEEN ?2 AND ?3"
	     " ORDER BY v.change"),
	/* One row where all of it is there. */
	"SELECT 1 WHERE (SELECT count(*) FROM settlements) = ?3 - ?2 + 1 AND (SELECT count(*) FROM items) = ?3 - ?2 + 1"
	" AND ?2 = 1 + (SELECT coalesce(max(last), 0) FROM source.archives WHERE pool = ?1)"
	" AND ?4 = (SELECT change FROM settlements WHERE round = ?3)",
};

enum { COPIES = sizeof copies / sizeof *copies, STEPS_A_QUESTION = 100000 };

/* Runs one of them: 1 where it gives a row, 0 where not. */
static int run(struct db *to, const char *sql, const struct archive_row *rounds)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(to->handle, sql, -1, &s, NULL) != SQLITE_OK)
		return db_error(to, sql);
	const uint64_t bound[] = {rounds->pool, rounds->first, rounds->last, rounds->change};
	for (int i = 0; i < 4; i++)
		sqlite3_bind_int64(s, i + 1, (sqlite3_int64)bound[i]);
	int code = sqlite3_step(s);
	int result = code == SQLITE_ROW         ? 1
		     : code == SQLITE_DONE      ? 0
		     : code == SQLITE_INTERRUPT ? -ECANCELED
						: db_error(to, sql);
	sqlite3_finalize(s);
	return result;
}

static int attach(struct db *to, const char *from)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(to->handle, "ATTACH ? AS source", -1, &s, NULL) != SQLITE_OK)
		return db_error(to, "attach");
	sqlite3_bind_text(s, 1, from, -1, SQLITE_STATIC);
	int err = sqlite3_step(s) == SQLITE_DONE ? 0 : db_error(to, "attach");
	sqlite3_finalize(s);
	return err;
}

struct question {
	bool (*going_on)(void *arg);
	void *arg;
};

static int on_steps(void *arg)
{
	struct question *q = arg;
	return !q->going_on(q->arg);
}

int db_archive_fill(struct db *to, const char *from, const struct archive_row *rounds, bool (*going_on)(void *arg),
		    void *arg)
{
	struct question q = {going_on, arg};
	int err = attach(to, from);
	/* One transaction: of the source it sees one moment. */
	if (err == 0)
		err = db_begin(to);
	if (err)
		return err;
	sqlite3_progress_handler(to->handle, STEPS_A_QUESTION, on_steps, &q);
	for (size_t i = 0; i < COPIES && err == 0; i++)
		err = run(to, copies[i], rounds);
	sqlite3_progress_handler(to->handle, 0, NULL, NULL);
	err = err == 1 ? 0 : err == 0 ? ERR_HISTORY : err;
	/* Where it failed SQLite may have ended the transaction, and nobody will use what there is. */
	if (err)
		return err;
	db_end(to);
	return sqlite3_exec(to->handle, "DETACH source", NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(to, "detach");
}
