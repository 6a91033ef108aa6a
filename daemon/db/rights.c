/* Grants, tokens and events into the database, and the history of them out of it. */
#include "daemon/db/internal.h"
#include "lib/rights.h"

static sqlite3_stmt *bind_id(struct db *db, enum statement which, uint64_t id)
{
	sqlite3_stmt *s = db_statement(db, which);
	if (s)
		sqlite3_bind_int64(s, 1, (sqlite3_int64)id);
	return s;
}

/* The text outlives the step. A copy would need memory, and a text that finds none is NULL. */
static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

static int write_grant(struct db *db, const struct grant_row *r)
{
	char rights[RIGHTS_TEXT_MAX];
	sqlite3_stmt *s = bind_id(db, r->rights ? SQL_GRANT_SET : SQL_GRANT_REMOVE, r->id);
	if (!s)
		return db_error(db, "grant");
	if (r->rights) {
		rights_format(r->rights, rights);
		bind_text(s, 2, r->principal);
		bind_text(s, 3, r->pool);
		bind_text(s, 4, r->prefix);
		bind_text(s, 5, rights);
	}
	return db_step(db, s);
}

static int write_token(struct db *db, const struct token_row *r)
{
	sqlite3_stmt *s = bind_id(db, SQL_TOKEN, r->id);
	if (!s)
		return db_error(db, "token");
	bind_text(s, 2, r->name);
	sqlite3_bind_blob(s, 3, r->hash, sizeof r->hash, SQLITE_STATIC);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)r->created_at);
	sqlite3_bind_int64(s, 5, (sqlite3_int64)r->expires_at);
	sqlite3_bind_int64(s, 6, (sqlite3_int64)r->revoked_at);
	return db_step(db, s);
}

static int write_event(struct db *db, const struct event_row *r)
{
	sqlite3_stmt *s = bind_id(db, SQL_EVENT, r->change);
	if (!s)
		return db_error(db, "event");
	sqlite3_bind_int64(s, 2, (sqlite3_int64)r->at);
	const char *const texts[] = {r->by, r->pool, r->action, r->subject, r->detail};
	for (int i = 0; i < 5; i++)
		bind_text(s, 3 + i, texts[i]);
	return db_step(db, s);
}

int db_write_right(struct db *db, const struct change *c)
{
	switch (c->type) {
	case CHANGE_GRANT: return write_grant(db, &c->grant);
	case CHANGE_TOKEN: return write_token(db, &c->token);
	case CHANGE_EVENT: return write_event(db, &c->event);
	default: return ERR_HISTORY;
	}
}
