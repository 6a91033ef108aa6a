#include "daemon/db/write.h"

#include <endian.h>
#include <errno.h>

#include "daemon/db/internal.h"
#include "daemon/db/pack.h"
#include "daemon/db/wal.h"
#include "daemon/db/words.h"
#include "lib/base/log.h"
#include "lib/rights.h"

#if __BYTE_ORDER != __LITTLE_ENDIAN
#error "blobs are written as memory has them, which must be little-endian"
#endif

/* ---- binding ---- */

/* Values are bound one after the other. What SQLite could not bind shows when the statement steps. */
struct binder {
	struct db *db;
	sqlite3_stmt *s;
	int next;
	bool made; /* db->text has been used, for one value of this row */
	int err; /* why that value could not be made */
};

static int begin(struct binder *b, struct db *db, enum statement which)
{
	*b = (struct binder){.db = db, .next = 1};
	return db_statement(db, which, &b->s);
}

static int end(struct binder *b)
{
	return b->err ? b->err : db_step(b->db, b->s);
}

static void put_int(struct binder *b, uint64_t x)
{
	sqlite3_bind_int64(b->s, b->next++, (sqlite3_int64)x);
}

static void put_real(struct binder *b, double x)
{
	sqlite3_bind_double(b->s, b->next++, x);
}

static void put_null(struct binder *b)
{
	sqlite3_bind_null(b->s, b->next++);
}

/* The text lives in the batch, which outlives the step. (A copy would need memory, and a text that finds none is
 * NULL.) */
static void put_text(struct binder *b, const char *text)
{
	sqlite3_bind_text(b->s, b->next++, text, -1, SQLITE_STATIC);
}

static void put_blob(struct binder *b, const void *bytes, size_t size)
{
	if (bytes)
		sqlite3_bind_blob64(b->s, b->next++, bytes, size, SQLITE_STATIC);
	else
		put_null(b);
}

/* Where a value is made that the row does not have as it is stored. */
static struct buf *room(struct binder *b)
{
	require(!b->made);
	b->made = true;
	b->db->text.len = 0;
	return &b->db->text;
}

static void put_reports(struct binder *b, const struct packed_reports *r)
{
	struct buf *text = room(b);
	b->err = pack_reports(r, text);
	if (b->err == 0)
		sqlite3_bind_text(b->s, b->next++, (const char *)text->data, (int)text->len, SQLITE_STATIC);
}

static void put_states(struct binder *b, const struct labeler *states, size_t n)
{
	struct buf *bytes = room(b);
	b->err = pack_states(states, n, bytes);
	if (b->err == 0)
		put_blob(b, bytes->data, bytes->len);
}

static void put_rights(struct binder *b, unsigned rights)
{
	char *words = (char *)buf_reserve(room(b), RIGHTS_TEXT_MAX);
	b->err = words ? 0 : -ENOMEM;
	if (b->err == 0) {
		rights_format(rights, words);
		put_text(b, words);
	}
}

/* A column of each kind, from the row r into the binder b; see rows.def. */
#define PUT_INTEGER(field) put_int(&b, r->field);
#define PUT_INTEGER_IF(field, condition) \
	if (condition)                   \
		put_int(&b, r->field);   \
	else                             \
		put_null(&b);
#define PUT_REAL(field) put_real(&b, r->field);
#define PUT_REAL_IF(field, condition)   \
	if (condition)                  \
		put_real(&b, r->field); \
	else                            \
		put_null(&b);
#define PUT_REAL_HAS(field, has) PUT_REAL_IF(field, r->has)
#define PUT_TEXT(field) put_text(&b, r->field);
#define PUT_BYTES(field) put_blob(&b, r->field, sizeof r->field);
#define PUT_BYTES_IF(field, has) put_blob(&b, r->has ? r->field : NULL, sizeof r->field);
#define PUT_ARRAY(field, n) put_blob(&b, r->field, (n) * sizeof *r->field);
#define PUT_COUNTED(field, n) PUT_ARRAY(field, n)
#define PUT_REPORTS(field) put_reports(&b, &r->field);
#define PUT_STATES(field, n) put_states(&b, r->field, n);
#define PUT_RATE(field) put_text(&b, db_rate_word(r->field));
#define PUT_SIGNS(field) put_text(&b, db_signs_word(r->field));
#define PUT_ITEM_STATE(field) put_text(&b, db_state_word(r->field));
#define PUT_RIGHTS(field) put_rights(&b, r->field);

#define PUT(column, KIND, ...) PUT_##KIND(__VA_ARGS__)

/* ---- rows ---- */

#define DEFINE_WRITE(NAME, name, table, how)                               \
	static int write_##name(struct db *db, const struct name##_row *r) \
	{                                                                  \
		struct binder b;                                           \
		int err = begin(&b, db, SQL_INSERT_##NAME);                \
		if (err)                                                   \
			return err;                                        \
		NAME##_COLUMNS(PUT, PUT);                                  \
		return end(&b);                                            \
	}
#define BY_HAND(...)

CHANGES(DEFINE_WRITE, BY_HAND, BY_HAND)

static int write_pool(struct db *db, const struct pool_row *r)
{
	struct binder b;
	int err = begin(&b, db, SQL_SET_POOL);
	if (err)
		return err;
	POOL_COLUMNS(PUT, PUT);
	return end(&b);
}

static int write_labeler(struct db *db, const struct labeler_row *r)
{
	struct binder b;
	int err = begin(&b, db, r->name ? SQL_ADD_LABELER : SQL_SET_LABELER);
	if (err)
		return err;
	if (r->name) {
		LABELER_COLUMNS(PUT, PUT);
	} else {
		LABELER_STATE(PUT, PUT);
		LABELER_KEY(PUT, PUT);
	}
	return end(&b);
}

static int write_open_item(struct db *db, const struct open_item_row *r)
{
	struct binder b;
	int err = begin(&b, db, r->name ? SQL_ADD_OPEN_ITEM : SQL_PACK_OPEN_ITEM);
	if (err)
		return err;
	if (r->name) {
		OPEN_ITEM_OPENED(PUT, PUT);
	} else {
		OPEN_ITEM_PACKED(PUT, PUT);
		put_int(&b, r->id);
	}
	return end(&b);
}

/* One that has a single number to bind. */
static int write_number(struct db *db, enum statement which, uint64_t number)
{
	struct binder b;
	int err = begin(&b, db, which);
	if (err)
		return err;
	put_int(&b, number);
	return end(&b);
}

static int write_item(struct db *db, const struct item_row *r)
{
	struct binder b;
	int err = write_number(db, SQL_REMOVE_OPEN_ITEM, r->id);
	if (err == 0)
		err = begin(&b, db, SQL_ADD_ITEM);
	if (err)
		return err;
	ITEM_COLUMNS(PUT, PUT);
	return end(&b);
}

static int write_item_ended(struct db *db, const struct item_row *r)
{
	struct binder b;
	int err = begin(&b, db, SQL_END_ITEM);
	if (err)
		return err;
	ITEM_ENDED(PUT, PUT);
	put_int(&b, r->id);
	return end(&b);
}

static int write_trim(struct db *db, const struct trim_row *r)
{
	return write_number(db, SQL_TRIM, r->change);
}

static int write_progress(struct db *db, const struct progress_row *r)
{
	struct binder b;
	int err = begin(&b, db, SQL_SET_PROGRESS);
	if (err)
		return err;
	PROGRESS_COLUMNS(PUT, PUT);
	return end(&b);
}

static int write_grant(struct db *db, const struct grant_row *r)
{
	struct binder b;
	if (r->rights == 0)
		return write_number(db, SQL_REMOVE_GRANT, r->id);
	int err = begin(&b, db, SQL_SET_GRANT);
	if (err)
		return err;
	GRANT_COLUMNS(PUT, PUT);
	return end(&b);
}

/* ?1: the pool; ?2 and ?3 from where to where, in rounds or, with ?4, in changes. */
static int remove_rows(struct db *db, enum statement which, uint64_t pool, uint64_t from, uint64_t to, uint64_t change)
{
	sqlite3_stmt *s;
	int err = db_statement(db, which, &s);
	if (err)
		return err;
	const uint64_t numbers[] = {pool, from, to, change};
	for (int i = 0; i < sqlite3_bind_parameter_count(s); i++)
		sqlite3_bind_int64(s, i + 1, (sqlite3_int64)numbers[i]);
	return db_step(db, s);
}

static int write_removal(struct db *db, const struct removal_row *r)
{
	bool rounds = r->first <= r->last;
	int err = rounds ? remove_rows(db, SQL_REMOVE_REPORTS, r->pool, r->first, r->last, 0) : 0;
	if (err == 0 && rounds)
		err = remove_rows(db, SQL_REMOVE_SETTLEMENTS, r->pool, r->first, r->last, 0);
	if (err == 0 && r->above < r->change)
		err = remove_rows(db, SQL_REMOVE_REVISIONS, r->pool, r->last, r->above, r->change);
	return err || !r->done ? err : remove_rows(db, SQL_REMOVED, r->pool, r->last, 0, 0);
}

#define WRITE(NAME, function, member) \
	case CHANGE_##NAME:           \
		return write_##function(db, &c->member);
#define WRITE_IT(NAME, name, ...) WRITE(NAME, name, name)
#define WRITE_AGAIN(NAME, name, function) WRITE(NAME, function, name)

static int write_change(struct db *db, const struct change *c)
{
	switch (c->type) {
		CHANGES(WRITE_IT, WRITE_IT, WRITE_AGAIN)
	}
	return ERR_HISTORY;
}

int db_write_within(struct db *db, const struct batch *b)
{
	int err = 0;
	for (const struct change *c = b->first; c && err == 0; c = c->next)
		err = write_change(db, c);
	return err;
}

int db_write(struct db *db, const struct batch *b)
{
	int err = db_run(db, SQL_BEGIN);
	if (err == 0)
		err = db_write_within(db, b);
	if (err == 0)
		err = db_run(db, SQL_COMMIT);
	/* After some failures SQLite has rolled back by itself. */
	if (err && !sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	db_check_end(db, err == 0);
	return err;
}

/* ---- the write-ahead log ---- */

/* Whoever else has the database open keeps the log's index alive. A writer that was killed when a commit was in the log
 * and not in the index then leaves one that nobody sees, until the index is made anew from the log: after clients were
 * told that it is absent it would be there. What lies behind the index's end is the writer's alone, so this one
 * takes it away. */
static int cut_log(struct db *db, uint64_t frames)
{
	const char *path = sqlite3_db_filename(db->handle, "main");
	int err = db_run(db, SQL_BEGIN);
	if (err)
		return err;
	err = db_wal_cut(path, frames);
	sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

int db_empty_log(struct db *db)
{
	/* A reader that will be long is not waited for. */
	sqlite3_busy_timeout(db->handle, 0);
	int frames = 0, rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, &frames, NULL);
	sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
	if ((rc & 0xff) == SQLITE_BUSY)
		return frames < 0 ? 0 : cut_log(db, (uint64_t)frames);
	int err = rc == SQLITE_OK ? 0 : db_error(db, "wal_checkpoint");
	return err == ERR_DISK_FULL ? 0 : err;
}
