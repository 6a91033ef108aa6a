#include "daemon/db/columns.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon/db/pack.h"
#include "lib/base/log.h"
#include "lib/rights.h"

void columns_fail(struct columns *c, int err)
{
	if (c->err == 0 || err == -ENOMEM)
		c->err = err;
}

uint64_t columns_int(struct columns *c, uint64_t max)
{
	/* SQLite's numbers have a sign. */
	sqlite3_int64 x = sqlite3_column_int64(c->s, c->next++);
	if (x < 0 || (uint64_t)x > max)
		columns_fail(c, ERR_HISTORY);
	return (uint64_t)x;
}

double columns_real(struct columns *c)
{
	double x = sqlite3_column_double(c->s, c->next++);
	if (!isfinite(x))
		columns_fail(c, ERR_HISTORY);
	return x;
}

bool columns_real_if(struct columns *c, double *out)
{
	bool has = sqlite3_column_type(c->s, c->next) != SQLITE_NULL;
	*out = columns_real(c);
	return has;
}

const char *columns_word(struct columns *c)
{
	return (const char *)sqlite3_column_text(c->s, c->next++);
}

const char *columns_text(struct columns *c)
{
	const char *text = columns_word(c);
	char *copy = arena_strdup(c->arena, text ? text : "");
	if (!copy)
		columns_fail(c, -ENOMEM);
	return copy;
}

const void *columns_array(struct columns *c, size_t n, size_t size)
{
	int at = c->next++;
	const void *blob = sqlite3_column_blob(c->s, at);
	if (sqlite3_column_type(c->s, at) == SQLITE_NULL)
		return NULL;
	if ((size_t)sqlite3_column_bytes(c->s, at) != n * size) {
		columns_fail(c, ERR_HISTORY);
		return NULL;
	}
	void *copy = arena_alloc(c->arena, n * size);
	if (!copy)
		columns_fail(c, -ENOMEM);
	else if (n > 0)
		memcpy(copy, blob, n * size);
	return copy;
}

const void *columns_counted(struct columns *c, size_t *n, size_t size)
{
	*n = (size_t)sqlite3_column_bytes(c->s, c->next) / size;
	return columns_array(c, *n, size);
}

void columns_bytes(struct columns *c, uint8_t *out, size_t size)
{
	int at = c->next++;
	if (sqlite3_column_type(c->s, at) == SQLITE_BLOB && (size_t)sqlite3_column_bytes(c->s, at) == size)
		memcpy(out, sqlite3_column_blob(c->s, at), size);
	else
		columns_fail(c, ERR_HISTORY);
}

bool columns_bytes_if(struct columns *c, uint8_t *out, size_t size)
{
	if (sqlite3_column_type(c->s, c->next) != SQLITE_NULL) {
		columns_bytes(c, out, size);
		return true;
	}
	c->next++;
	return false;
}

void columns_reports(struct columns *c, struct packed_reports *out)
{
	const char *text = (const char *)sqlite3_column_text(c->s, c->next);
	size_t len = (size_t)sqlite3_column_bytes(c->s, c->next++);
	int err = text ? unpack_reports(text, len, c->arena, out) : ERR_HISTORY;
	if (err)
		columns_fail(c, err);
}

void columns_states(struct columns *c, const struct labeler **states, size_t *n)
{
	const void *bytes = sqlite3_column_blob(c->s, c->next);
	int err = unpack_states(bytes, (size_t)sqlite3_column_bytes(c->s, c->next++), c->arena, states, n);
	if (err)
		columns_fail(c, err);
}

enum candor_item_state columns_state(struct columns *c)
{
	enum candor_item_state state = db_state_of(columns_word(c));
	if (state == CANDOR_STATE_UNSPECIFIED)
		columns_fail(c, ERR_HISTORY);
	return state;
}

void columns_rights(struct columns *c, unsigned *out)
{
	const char *rights = columns_word(c);
	if (!rights || !rights_parse(rights, out))
		columns_fail(c, ERR_HISTORY);
}

void columns_check_null(struct columns *c, bool has_value)
{
	if ((sqlite3_column_type(c->s, c->next - 1) != SQLITE_NULL) != has_value)
		columns_fail(c, ERR_HISTORY);
}

int columns_error(const struct columns *c)
{
	/* SQLite says so only here when it had no memory for a column. */
	if (db_error_of(c->db->handle) == -ENOMEM)
		return -ENOMEM;
	if (c->err == ERR_HISTORY)
		log_error("database: invalid row, read by: %s", sqlite3_sql(c->s));
	return c->err;
}
