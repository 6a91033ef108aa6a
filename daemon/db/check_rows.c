/* Whether rows are as candord writes them. Each is read into its structure and held against what would be written for
 * it, column by column. So what reads like the right value and is another one is found as well, and not only what leads
 * to other weights. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/db/check.h"
#include "daemon/db/columns.h"
#include "daemon/db/pack.h"
#include "lib/base/text.h"
#include "lib/rights.h"

struct look {
	struct columns columns;
	const char *table;
	void (*found)(void *arg, const char *what);
	void *arg;
	int findings, at; /* the column that is held against the row */
	int err;
};

static void PRINTF_LIKE(2, 3) tell(struct look *l, const char *format, ...)
{
	char words[256];
	va_list args;
	if (l->findings++ >= DB_CHECK_MAX)
		return;
	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	l->found(l->arg, words);
}

/* The numbers with which the row begins tell which it is. */
static void tell_row(struct look *l, const char *what)
{
	char row[128] = "";
	size_t len = 0;
	for (int i = 0; i < 2 && sqlite3_column_type(l->columns.s, i) == SQLITE_INTEGER; i++)
		len += (size_t)snprintf(row + len, sizeof row - len, ", %s %" PRId64,
					sqlite3_column_name(l->columns.s, i),
					(int64_t)sqlite3_column_int64(l->columns.s, i));
	tell(l, "%s%s: %s", l->table, row, what);
}

/* ---- columns ---- */

static void expect(struct look *l, bool same)
{
	char what[96];
	snprintf(what, sizeof what, "%s is not as candord writes it", sqlite3_column_name(l->columns.s, l->at++));
	if (!same)
		tell_row(l, what);
}

static bool has_type(const struct look *l, int type)
{
	return sqlite3_column_type(l->columns.s, l->at) == type;
}

/* As it would be written: bytes of some type. */
static bool is(const struct look *l, int type, const void *bytes, size_t len)
{
	sqlite3_stmt *s = l->columns.s;
	return has_type(l, type) && (size_t)sqlite3_column_bytes(s, l->at) == len &&
	       (len == 0 || memcmp(sqlite3_column_blob(s, l->at), bytes, len) == 0);
}

static bool is_word(const struct look *l, const char *word)
{
	return is(l, SQLITE_TEXT, word, strlen(word));
}

static void expect_int(struct look *l, uint64_t x)
{
	expect(l, has_type(l, SQLITE_INTEGER) && (uint64_t)sqlite3_column_int64(l->columns.s, l->at) == x);
}

static void expect_text(struct look *l, const char *text)
{
	expect(l, text && is_word(l, text) && text_fault(text, strlen(text)) == NULL);
}

/* Where a value is made that the row does not have as it is stored. */
static struct buf *room(struct look *l)
{
	struct buf *b = &l->columns.db->text;
	b->len = 0;
	return b;
}

static void expect_reports(struct look *l, const struct packed_reports *r)
{
	struct buf *b = room(l);
	l->err = l->err ? l->err : pack_reports(r, b);
	expect(l, l->err || is(l, SQLITE_TEXT, b->data, b->len));
}

static void expect_states(struct look *l, const struct labeler *states, size_t n)
{
	struct buf *b = room(l);
	l->err = l->err ? l->err : pack_states(states, n, b);
	expect(l, l->err || is(l, SQLITE_BLOB, b->data, b->len));
}

static void expect_rights(struct look *l, unsigned rights)
{
	char words[RIGHTS_TEXT_MAX];
	rights_format(rights, words);
	expect(l, is_word(l, words));
}

/* A column of each kind of the row r, which was read from it; see rows.def. */
#define SAME_INTEGER(field) expect_int(l, r->field);
#define SAME_INTEGER_IF(field, condition) \
	if (condition)                    \
		SAME_INTEGER(field)       \
	else                              \
		expect(l, has_type(l, SQLITE_NULL));
#define SAME_REAL(field) expect(l, has_type(l, SQLITE_FLOAT));
#define SAME_REAL_IF(field, condition) expect(l, has_type(l, (condition) ? SQLITE_FLOAT : SQLITE_NULL));
#define SAME_REAL_HAS(field, has) SAME_REAL_IF(field, r->has)
#define SAME_TEXT(field) expect_text(l, r->field);
#define SAME_BYTES(field) expect(l, has_type(l, SQLITE_BLOB));
#define SAME_BYTES_IF(field, has) expect(l, has_type(l, r->has ? SQLITE_BLOB : SQLITE_NULL));
#define SAME_ARRAY(field, n) expect(l, has_type(l, r->field ? SQLITE_BLOB : SQLITE_NULL));
#define SAME_COUNTED(field, n) SAME_ARRAY(field, n)
#define SAME_REPORTS(field) expect_reports(l, &r->field);
#define SAME_STATES(field, n) expect_states(l, r->field, n);
#define SAME_RATE(field) expect(l, is_word(l, db_rate_word(r->field)));
#define SAME_SIGNS(field) expect(l, is_word(l, db_signs_word(r->field)));
#define SAME_ITEM_STATE(field) expect(l, is_word(l, db_state_word(r->field)));
#define SAME_RIGHTS(field) expect_rights(l, r->field);

#define SAME(column, KIND, ...) SAME_##KIND(__VA_ARGS__)

/* ---- rows ---- */

/* Whether the row could be read. Without memory nothing can be said of it. */
static bool was_read(struct look *l)
{
	struct columns *c = &l->columns;
	if (db_error_of(c->db->handle) == -ENOMEM)
		c->err = -ENOMEM;
	if (c->err == ERR_HISTORY)
		tell_row(l, "it makes no sense");
	else
		l->err = c->err;
	return c->err == 0;
}

#define DEFINE_LOOK(NAME, name, table)                  \
	static void look_at_##name(struct look *l)      \
	{                                               \
		struct columns *c = &l->columns;        \
		struct name##_row row = {0}, *r = &row; \
		NAME##_COLUMNS(GET, GET);               \
		if (was_read(l)) {                      \
			NAME##_COLUMNS(SAME, SAME);     \
		}                                       \
	}
#define BY_HAND(...)

STORED(DEFINE_LOOK, BY_HAND)

static int column_of(const struct look *l, const char *name)
{
	int i = 0;
	while (strcmp(sqlite3_column_name(l->columns.s, i), name) != 0)
		i++;
	return i;
}

/* How many reports there were is said by the item alone once they are in an archive. */
static void look_at_item(struct look *l)
{
	struct columns *c = &l->columns;
	struct item_row row = {0}, *r = &row;
	ITEM_COLUMNS(GET, GET);
	if (r->reports.sequences)
		columns_fail(c, ERR_HISTORY);
	if (!was_read(l))
		return;
	/* None are left: [] is written for them, and n is what it was. */
	const struct packed_reports reports = r->reports;
	if (r->state == CANDOR_RESOLVED && reports.n == 0 && !r->weights)
		r->reports.n = (size_t)sqlite3_column_int64(c->s, column_of(l, "n"));
	ITEM_CLOSED(SAME, SAME);
	ITEM_ENDED(SAME, SAME);
	r->reports = reports;
	ITEM_CONTENTS(SAME);
}

static void look_at_settlement(struct look *l)
{
	struct columns *c = &l->columns;
	struct settlement_row row = {0}, *r = &row;
	SETTLEMENT_COLUMNS(GET, GET);
	if (!r->weights || !r->last_round)
		columns_fail(c, ERR_HISTORY);
	if (was_read(l)) {
		SETTLEMENT_COLUMNS(SAME, SAME);
	}
}

struct stored {
	const char *table, *sql;
	void (*look)(struct look *l);
};

#define STORED_TABLE(NAME, name, table) {#table, "SELECT " NAMES(NAME##_COLUMNS) " FROM " #table, look_at_##name},

static const struct stored stored[] = {STORED(STORED_TABLE, STORED_TABLE)};

static int look_at_table(struct look *l, const struct stored *t)
{
	struct db *db = l->columns.db;
	struct columns *c = &l->columns;
	int code = SQLITE_DONE;
	if (sqlite3_prepare_v2(db->handle, t->sql, -1, &c->s, NULL) != SQLITE_OK)
		return db_error(db, t->sql);
	l->table = t->table;
	while (l->err == 0 && (code = sqlite3_step(c->s)) == SQLITE_ROW) {
		arena_reset(c->arena);
		c->next = l->at = c->err = 0;
		t->look(l);
	}
	int err = l->err ? l->err : code == SQLITE_DONE ? 0 : db_error(db, t->sql);
	sqlite3_finalize(c->s);
	return err;
}

/* ---- what rows say of each other ---- */

/* Each gives the numbers of rows that contradict another, and a number stands in what is said of it. What leads to
 * weights is not here: a replay finds that. */
static const struct {
	const char *sql, *before, *after;
} contradictions[] = {
	{"SELECT i.id FROM items i LEFT JOIN settlements s ON s.pool = i.pool AND s.round = i.round"
	 " WHERE s.item IS NOT NULL AND (i.eta IS NOT NULL OR i.lbar IS NOT NULL) OR"
	 " i.state != 'resolved' AND (i.eta IS NOT NULL OR i.lbar IS NOT NULL)",
	 "items, id ", ": it is not archived, but says how it was settled"},
	{"SELECT i.id FROM settlements s JOIN items i ON i.id = s.item WHERE i.ended_at IS NOT s.at", "items, id ",
	 ": ended_at is not when its settlement was made"},
	{"SELECT id FROM items WHERE (close_number IS NULL) != (forecast IS NULL)", "items, id ",
	 ": it must have a forecast exactly if it was closed"},
	{"SELECT x.item FROM rechecks x LEFT JOIN items i ON i.id = x.item LEFT JOIN item_changes c ON c.pool = x.pool"
	 " AND c.item = x.item AND c.state = 'resolved' WHERE i.pool IS NOT x.pool OR i.state IS NOT 'resolved'"
	 " OR c.change IS NULL OR x.change <= c.change OR x.value NOT BETWEEN 0 AND 1",
	 "rechecks, item ", ": it is not of an item that was resolved before"},
	{"SELECT g.change FROM report_log g LEFT JOIN items i ON i.id = g.item LEFT JOIN open_items o ON o.id = g.item"
	 " LEFT JOIN labelers l ON l.pool = coalesce(i.pool, o.pool) AND l.id = g.labeler WHERE l.id IS NULL",
	 "report_log, change ", ": its item or labeler does not exist"},
	{"SELECT g.change FROM report_log g JOIN revisions v ON v.change = g.change"
	 " WHERE g.item != v.item OR g.labeler != v.labeler OR g.value != v.value OR g.at != v.at",
	 "revisions, change ", ": the report is another in report_log"},
	/* Of an item that has ended, the log still says what its newest reports were, unless it was trimmed. SQLite
	 * reads the numbers here, and may miss the last bit. */
	{"SELECT max(change) FROM"
	 " (SELECT g.item AS item, g.labeler AS labeler, g.value AS value, max(g.change) AS change FROM report_log g"
	 " CROSS JOIN items i ON i.id = g.item AND i.reports != '[]' GROUP BY g.item, g.labeler"
	 " UNION ALL SELECT i.id, json_extract(r.value, '$[0]'), json_extract(r.value, '$[1]'), 0 FROM items i"
	 " CROSS JOIN json_each(CASE json_valid(i.reports) WHEN 1 THEN i.reports ELSE '[]' END) r"
	 " WHERE i.id IN (SELECT item FROM report_log))"
	 " GROUP BY item, labeler HAVING max(change) > 0 AND (count(*) < 2 OR max(value) - min(value) > 1e-12)",
	 "report_log, change ", ": its item has another report of its labeler"},
	{"SELECT c.change FROM item_changes c LEFT JOIN items i ON i.id = c.item WHERE i.pool IS NOT c.pool"
	 " OR c.state = 'closed' AND (c.change != i.closed OR i.close_number IS NULL)"
	 " OR c.state = 'resolved' AND (i.state != 'resolved' OR c.round IS NOT i.round OR c.change <= i.closed)"
	 " OR c.state = 'void' AND (i.state != 'void' OR i.close_number IS NULL AND c.change != i.closed"
	 " OR i.close_number IS NOT NULL AND c.change <= i.closed)",
	 "item_changes, change ", ": this did not happen to its item"},
	{"SELECT i.id FROM items i LEFT JOIN (SELECT item, count(*) AS n FROM item_changes GROUP BY item) c"
	 " ON c.item = i.id WHERE c.n IS NOT (i.close_number IS NOT NULL) + (i.state != 'closed')",
	 "items, id ", ": item_changes does not tell what happened to it"},
	{"SELECT s.change FROM settlements s LEFT JOIN item_changes c ON c.pool = s.pool AND c.change = s.change"
	 " WHERE c.item IS NOT s.item OR c.state != 'resolved'",
	 "settlements, change ", ": it is not in item_changes"},
	{"SELECT e.change FROM events e JOIN pools p ON p.name = e.pool LEFT JOIN item_changes c ON c.pool = p.id"
	 " AND c.change = e.change WHERE e.action IN ('close', 'void')"
	 " AND c.state IS NOT iif(e.action = 'void', 'void', 'closed')",
	 "events, change ", ": it is not in item_changes"},
	{"SELECT change FROM (SELECT change, round, lag(round, 1, 0) OVER (PARTITION BY pool ORDER BY change) AS before"
	 " FROM item_changes WHERE state = 'resolved') WHERE round != before + 1",
	 "item_changes, change ", ": its round does not follow the round before"},
	{"SELECT l.id FROM labelers l JOIN pools p ON p.id = l.pool WHERE l.through > p.round", "labelers, id ",
	 ": its state is of a round that is still to come"},
	{"SELECT (SELECT count(*) FROM report_log) AS n FROM progress WHERE log_rows != n",
	 "progress: log_rows is not ", ", which is how many report_log has"},
	{"SELECT max(coalesce((SELECT max(id) FROM items), 0), coalesce((SELECT max(id) FROM open_items), 0)) AS n"
	 " FROM progress WHERE items < n",
	 "progress: items is less than ", ", which is the id of one"},
	{"SELECT max("
	 "coalesce((SELECT max(change) FROM report_log), 0), coalesce((SELECT max(change) FROM settings), 0),"
	 " coalesce((SELECT max(closed) FROM items), 0), coalesce((SELECT max(change) FROM settlements), 0),"
	 " coalesce((SELECT max(change) FROM events), 0), coalesce((SELECT max(joined) FROM labelers), 0),"
	 " coalesce((SELECT max(change) FROM item_changes), 0), coalesce((SELECT max(change) FROM rechecks), 0),"
	 " coalesce((SELECT max(change) FROM revisions), 0)) AS n FROM progress WHERE changes < n",
	 "progress: changes is less than ", ", which was given"},
};

static int look_for(struct look *l, size_t i)
{
	struct db *db = l->columns.db;
	sqlite3_stmt *s;
	int code;
	if (sqlite3_prepare_v2(db->handle, contradictions[i].sql, -1, &s, NULL) != SQLITE_OK)
		return db_error(db, contradictions[i].sql);
	while ((code = sqlite3_step(s)) == SQLITE_ROW)
		tell(l, "%s%" PRId64 "%s", contradictions[i].before, (int64_t)sqlite3_column_int64(s, 0),
		     contradictions[i].after);
	int err = code == SQLITE_DONE ? 0 : db_error(db, contradictions[i].sql);
	sqlite3_finalize(s);
	return err;
}

int db_check_rows(struct db *db, void (*found)(void *arg, const char *what), void *arg)
{
	struct arena arena;
	struct look l = {.columns = {.db = db, .arena = &arena}, .found = found, .arg = arg};
	int err = 0;
	arena_init(&arena, SIZE_MAX / 2);
	for (size_t i = 0; i < sizeof stored / sizeof *stored && err == 0; i++)
		err = look_at_table(&l, &stored[i]);
	for (size_t i = 0; i < sizeof contradictions / sizeof *contradictions && err == 0; i++)
		err = look_for(&l, i);
	arena_free(&arena);
	return err ? err : l.findings;
}
