#include "daemon/db/wal_upkeep.h"

#include <errno.h>
#include <stdbool.h>

#include "daemon/db/internal.h"
#include "lib/base/log.h"

enum {
	FRAME_BYTES = 24 + 4096, /* about */
	SPARE_BYTES = 256 * 1024, /* of room, when more is made */
	PIECE_BYTES = 64 * 1024,
	SECTOR_BYTES = 512,
	ROOM_BYTES = 1024 * 1024, /* made at a time */
	ROOM_MAX_BYTES = 16 * 1024 * 1024, /* a log that is longer than that has other cares */
	/* https://sqlite.org/walformat.html: the index has a part for each so many frames. */
	PART_FRAMES = 4096,
	PART_BYTES = 32768,
	PARTS_AHEAD = 3, /* 48 MiB of log, more than a commit writes */
};

/* ---- checkpoints ---- */

static int on_commit(void *arg, sqlite3 *handle, const char *name, int frames)
{
	struct db *db = arg;
	(void)handle;
	(void)name;
	db->log_frames = (uint64_t)frames;
	return SQLITE_OK;
}

void db_wal_take_over(struct db *db)
{
	sqlite3_wal_hook(db->handle, on_commit, db);
}

uint64_t db_wal_frames(const struct db *db)
{
	return db->log_frames;
}

int db_wal_checkpoint(struct db *db, uint64_t *frames, uint64_t *done)
{
	int log = 0, checkpointed = 0;
	int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &checkpointed);
	*frames = log > 0 ? (uint64_t)log : 0;
	*done = checkpointed > 0 ? (uint64_t)checkpointed : 0;
	return rc == SQLITE_OK ? 0 : db_error_of(db->handle);
}

/* ---- room ---- */

static int lengthen_index(struct db *db, uint64_t parts)
{
	sqlite3_file *file = NULL;
	int rc = sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	for (; rc == SQLITE_OK && db->log_parts < parts; db->log_parts++) {
		volatile void *part;
		rc = file->pMethods->xShmMap(file, (int)db->log_parts, PART_BYTES, 1, &part);
		if (rc != SQLITE_OK)
			break;
	}
	if (rc == SQLITE_OK)
		return 0;
	int err = rc == SQLITE_IOERR_SHMSIZE ? ERR_DISK_FULL : rc == SQLITE_NOMEM ? -ENOMEM : ERR_DATABASE;
	log_error("database: the index of the write-ahead log: %s (SQLite %d)", candor_strerror(err), rc);
	return err;
}

int db_wal_reserve_index(struct db *db)
{
	uint64_t parts = db->log_frames / PART_FRAMES + 1 + PARTS_AHEAD;
	if (db->log_parts >= parts)
		return 0;
	int err = db_run(db, SQL_BEGIN);
	if (err)
		return err;
	err = lengthen_index(db, parts);
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

static bool write_zeros(sqlite3_file *log, sqlite3_int64 from, sqlite3_int64 to)
{
	static const uint8_t zeros[PIECE_BYTES];
	/* What ended the log here must be on the disk before: zeros inside of an old log would leave half of it. */
	if (log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		return false;
	/* Of a new log the beginning comes first, so that a start can tell what zeros were being written over from what
	 * was a log (wal.c: check_without_beginning()). */
	if (from == 0 && (log->pMethods->xWrite(log, zeros, SECTOR_BYTES, 0) != SQLITE_OK ||
			  log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) != SQLITE_OK))
		return false;
	for (from = from ? from : SECTOR_BYTES; from < to; from += PIECE_BYTES) {
		sqlite3_int64 n = to - from < PIECE_BYTES ? to - from : PIECE_BYTES;
		if (log->pMethods->xWrite(log, zeros, (int)n, from) != SQLITE_OK)
			return false;
	}
	return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) == SQLITE_OK;
}

/* While nobody else can write to it. */
static void lengthen(struct db *db)
{
	sqlite3_file *log = NULL;
	sqlite3_int64 size;
	if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK || !log ||
	    !log->pMethods || log->pMethods->xFileSize(log, &size) != SQLITE_OK)
		return;
	sqlite3_int64 end = size + ROOM_BYTES < ROOM_MAX_BYTES ? size + ROOM_BYTES : ROOM_MAX_BYTES;
	if (end > size && !write_zeros(log, size, end)) {
		/* A disk that has no room for this may have some for a commit. */
		(void)log->pMethods->xTruncate(log, size);
		return;
	}
	db->log_room = end < ROOM_MAX_BYTES ? (uint64_t)end : UINT64_MAX;
}

void db_wal_make_room(struct db *db)
{
	if (db->log_frames * FRAME_BYTES + SPARE_BYTES <= db->log_room)
		return;
	if (db_run(db, SQL_BEGIN) == 0) {
		db->log_room = UINT64_MAX; /* unless it can be made, not again */
		lengthen(db);
	}
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}
