#include "daemon/db/migrate.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/db/error.h"
#include "daemon/db/migrate_chain.h"
#include "daemon/db/migrate_changes.h"
#include "lib/base/log.h"
#include "lib/crypto/digest.h"

/* For steps 5 and 6. */
#define REPORTS_VIEW                                                                              \
	"CREATE VIEW reports AS"                                                                  \
	" SELECT p.name AS pool, i.name AS item, i.state AS state, l.name AS labeler,"            \
	"  json_extract(r.value, '$[1]') AS value, i.outcome AS outcome"                          \
	" FROM items i JOIN pools p ON p.id = i.pool CROSS JOIN json_each(i.reports) r"           \
	" CROSS JOIN labelers l ON l.pool = i.pool AND l.id = json_extract(r.value, '$[0]')"      \
	" UNION ALL"                                                                              \
	" SELECT p.name, o.name, 'open', l.name, r.value, NULL FROM ("                            \
	"  SELECT item, labeler, value, max(at_change) FROM ("                                    \
	"   SELECT g.item AS item, g.labeler AS labeler, g.value AS value, g.change AS at_change" \
	"   FROM report_log g CROSS JOIN open_items o ON o.id = g.item AND g.change > o.packed"   \
	"   UNION ALL"                                                                            \
	"   SELECT o.id, json_extract(k.value, '$[0]'), json_extract(k.value, '$[1]'), o.packed"  \
	"   FROM open_items o CROSS JOIN json_each(o.reports) k"                                  \
	"  ) GROUP BY item, labeler"                                                              \
	" ) r CROSS JOIN open_items o ON o.id = r.item JOIN pools p ON p.id = o.pool"             \
	" CROSS JOIN labelers l ON l.pool = o.pool AND l.id = r.labeler;"

/* For step 6: a table that many columns are added to, or that has them in another order, is made anew, and its rows are
 * copied; what pools and archives say of the forecast and of the regret bound; and the columns of old tables. */
#define MOVE(table, COLUMNS)                                                         \
	"INSERT INTO new_" table " (" COLUMNS ") SELECT " COLUMNS " FROM " table ";" \
	"DROP TABLE " table ";"                                                      \
	"ALTER TABLE new_" table " RENAME TO " table ";"
#define TRACK_COLUMNS                                                                                          \
	" forecast_loss REAL NOT NULL DEFAULT 0,"                                                              \
	" stretch INTEGER NOT NULL DEFAULT 0, stretch_eta REAL NOT NULL DEFAULT 0,"                            \
	" stretch_weight REAL NOT NULL DEFAULT 0, grown REAL NOT NULL DEFAULT 0,"                              \
	" track_c REAL NOT NULL DEFAULT 0, track_u REAL NOT NULL DEFAULT 0, track_n1 REAL NOT NULL DEFAULT 0," \
	" track_n0 REAL NOT NULL DEFAULT 0, track_a REAL NOT NULL DEFAULT 0, track_b REAL NOT NULL DEFAULT 0," \
	" track_y REAL NOT NULL DEFAULT 0, blend_plain_mean REAL NOT NULL DEFAULT 0,"                          \
	" blend_mean REAL NOT NULL DEFAULT 0, blend_regression REAL NOT NULL DEFAULT 0,"                       \
	" blend_evidence REAL NOT NULL DEFAULT 0, blend_evidence_full REAL NOT NULL DEFAULT 0"
#define OLD_POOL_COLUMNS                                                                                               \
	"id, name, created_at, rate, c, beta, eta, horizon, share, entry, round, epoch, scored, open, closed, voided," \
	" closes, total_weight, mean_loss, median_loss, plain_mean_loss, plain_median_loss"
#define OLD_ARCHIVE_COLUMNS                                                                                        \
	"pool, first, last, change, at, by, file, digest, state, hash, reports, removed, closes, labelers, epoch," \
	" scored, total_weight, mean_loss, median_loss, plain_mean_loss, plain_median_loss"
#define OLD_LABELER_COLUMNS \
	"pool, id, name, joined, joined_at, entry, weight, epoch, scored, own_loss, mean_loss, last_round, through"
#define OLD_ITEM_COLUMNS                                                                               \
	"id, pool, name, state, close_number, closed, opened_at, closed_at, ended_at, outcome, round," \
	" eta, lbar, mean, median, plain_mean, plain_median, spread, ess, n, reports, weights"

#define MOVE_POOLS MOVE("pools", OLD_POOL_COLUMNS)
#define MOVE_ARCHIVES MOVE("archives", OLD_ARCHIVE_COLUMNS)
#define MOVE_LABELERS MOVE("labelers", OLD_LABELER_COLUMNS)
#define MOVE_ITEMS MOVE("items", OLD_ITEM_COLUMNS)

/* Steps are only ever appended. Step i brings version i to version i + 1. */
static const char *const steps[] = {
	/* 1: the first tables. Columns ending in _at are milliseconds since 1970. A "change" counts everything that
	 * ever changed, over the whole database: it orders events of different tables. */
	"CREATE TABLE pools ("
	" id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" created_at INTEGER NOT NULL,"
	" rate TEXT NOT NULL, c REAL NOT NULL, beta REAL NOT NULL, eta REAL NOT NULL, horizon REAL NOT NULL,"
	" share REAL NOT NULL, entry REAL NOT NULL,"
	" round INTEGER NOT NULL, epoch INTEGER NOT NULL, scored INTEGER NOT NULL,"
	" open INTEGER NOT NULL, closed INTEGER NOT NULL, voided INTEGER NOT NULL, closes INTEGER NOT NULL,"
	" total_weight REAL NOT NULL,"
	" mean_loss REAL NOT NULL, median_loss REAL NOT NULL,"
	" plain_mean_loss REAL NOT NULL, plain_median_loss REAL NOT NULL"
	") STRICT;"

	"CREATE TABLE settings ("
	" pool INTEGER NOT NULL REFERENCES pools, change INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,"
	" rate TEXT NOT NULL, c REAL NOT NULL, beta REAL NOT NULL, eta REAL NOT NULL, horizon REAL NOT NULL,"
	" share REAL NOT NULL, entry REAL NOT NULL,"
	" PRIMARY KEY (pool, change)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE stretches ("
	" pool INTEGER NOT NULL REFERENCES pools, number INTEGER NOT NULL, epoch INTEGER NOT NULL,"
	" eta_lo REAL NOT NULL, eta_hi REAL NOT NULL, rounds INTEGER NOT NULL, floor REAL NOT NULL,"
	" share REAL NOT NULL,"
	" PRIMARY KEY (pool, number)"
	") STRICT, WITHOUT ROWID;"

	/* weight to last_round are derived, and up to date through the round in `through`; what was settled later is
	 * applied at start. */
	"CREATE TABLE labelers ("
	" pool INTEGER NOT NULL REFERENCES pools, id INTEGER NOT NULL, name TEXT NOT NULL,"
	" joined INTEGER NOT NULL, joined_at INTEGER NOT NULL, entry REAL NOT NULL,"
	" weight REAL NOT NULL, epoch INTEGER NOT NULL, scored INTEGER NOT NULL,"
	" own_loss REAL NOT NULL, mean_loss REAL NOT NULL, settled_loss REAL NOT NULL,"
	" last_round INTEGER NOT NULL, through INTEGER NOT NULL,"
	" PRIMARY KEY (pool, id)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE open_items ("
	" id INTEGER PRIMARY KEY, pool INTEGER NOT NULL REFERENCES pools, name TEXT NOT NULL,"
	" opened_at INTEGER NOT NULL,"
	" reports TEXT NOT NULL DEFAULT '[]', packed INTEGER NOT NULL DEFAULT 0"
	") STRICT;"

	/* Reports of open items in order of arrival. Rows of items that are no longer open, or that are packed, mean
	 * nothing any more and are trimmed from the old end. */
	"CREATE TABLE report_log ("
	" change INTEGER PRIMARY KEY, item INTEGER NOT NULL, labeler INTEGER NOT NULL, value REAL NOT NULL,"
	" at INTEGER NOT NULL"
	") STRICT;"

	"CREATE TABLE revisions ("
	" change INTEGER PRIMARY KEY, item INTEGER NOT NULL, labeler INTEGER NOT NULL,"
	" old REAL NOT NULL, value REAL NOT NULL, at INTEGER NOT NULL"
	") STRICT;"

	"CREATE TABLE items ("
	" id INTEGER PRIMARY KEY, pool INTEGER NOT NULL REFERENCES pools, name TEXT NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('closed', 'resolved', 'void')),"
	" close_number INTEGER, closed INTEGER NOT NULL,"
	" opened_at INTEGER NOT NULL, closed_at INTEGER NOT NULL, ended_at INTEGER,"
	" mean REAL, median REAL, plain_mean REAL, plain_median REAL, spread REAL, ess REAL,"
	" n INTEGER NOT NULL, reports TEXT NOT NULL, weights BLOB,"
	" outcome REAL, round INTEGER"
	") STRICT;"
	"CREATE UNIQUE INDEX items_by_name ON items (pool, name);"
	"CREATE UNIQUE INDEX items_by_close ON items (pool, close_number) WHERE close_number IS NOT NULL;"

	/* weights: little-endian doubles, the reporters' weights after the settlement; last_rounds: little-endian
	 * 32-bit numbers, the round in which each was last scored before. Both in the order of the item's reports. */
	"CREATE TABLE settlements ("
	" pool INTEGER NOT NULL REFERENCES pools, round INTEGER NOT NULL,"
	" item INTEGER NOT NULL REFERENCES items, outcome REAL NOT NULL,"
	" eta REAL NOT NULL, lbar REAL NOT NULL, epoch INTEGER NOT NULL,"
	" at INTEGER NOT NULL, by TEXT NOT NULL, change INTEGER NOT NULL,"
	" weights BLOB NOT NULL, last_rounds BLOB NOT NULL,"
	" UNIQUE (pool, round)"
	") STRICT;"

	"CREATE TABLE progress ("
	" one INTEGER PRIMARY KEY CHECK (one = 1),"
	" changes INTEGER NOT NULL, items INTEGER NOT NULL, reports INTEGER NOT NULL, log_rows INTEGER NOT NULL"
	") STRICT;"
	"INSERT INTO progress VALUES (1, 0, 0, 0, 0);" /* released */

	/* For people at the sqlite3 shell: every report that stands, one a row. */
	"CREATE VIEW reports AS"
	" SELECT p.name AS pool, i.name AS item, i.state AS state, l.name AS labeler,"
	"  json_extract(r.value, '$[1]') AS value, i.outcome AS outcome"
	" FROM items i JOIN pools p ON p.id = i.pool, json_each(i.reports) r"
	" JOIN labelers l ON l.pool = i.pool AND l.id = json_extract(r.value, '$[0]')"
	" UNION ALL"
	" SELECT p.name, o.name, 'open', l.name, r.value, NULL FROM ("
	"  SELECT item, labeler, value, max(at_change) FROM ("
	"   SELECT g.item AS item, g.labeler AS labeler, g.value AS value, g.change AS at_change"
	"   FROM report_log g JOIN open_items o ON o.id = g.item AND g.change > o.packed"
	"   UNION ALL"
	"   SELECT o.id, json_extract(k.value, '$[0]'), json_extract(k.value, '$[1]'), o.packed"
	"   FROM open_items o, json_each(o.reports) k"
	"  ) GROUP BY item, labeler"
	" ) r JOIN open_items o ON o.id = r.item JOIN pools p ON p.id = o.pool"
	" JOIN labelers l ON l.pool = o.pool AND l.id = r.labeler;",

	/* 2: the hash chain over settlements (lib/crypto/chain.h). */
	"ALTER TABLE settlements ADD COLUMN hash BLOB",

	/* 3: rounds that were moved out to files, and how the pool stood after the last of each. Its labelers of that
	 * moment are in checkpoints: 48 little-endian bytes each, weight, own_loss, mean_loss, settled_loss (doubles),
	 * scored, last_round, epoch, 0 (32 bits); only those of the newest archive are kept. An archived item has no
	 * reports, no weights and no settlement, but eta and lbar of it. */
	"CREATE TABLE archives ("
	" pool INTEGER NOT NULL REFERENCES pools, first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" change INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL, file TEXT NOT NULL,"
	" digest BLOB NOT NULL, state BLOB NOT NULL, hash BLOB NOT NULL,"
	" reports INTEGER NOT NULL, removed INTEGER NOT NULL,"
	" closes INTEGER NOT NULL, labelers INTEGER NOT NULL, epoch INTEGER NOT NULL, scored INTEGER NOT NULL,"
	" total_weight REAL NOT NULL,"
	" mean_loss REAL NOT NULL, median_loss REAL NOT NULL,"
	" plain_mean_loss REAL NOT NULL, plain_median_loss REAL NOT NULL,"
	" stretches INTEGER NOT NULL, stretch_epoch INTEGER NOT NULL, eta_lo REAL NOT NULL, eta_hi REAL NOT NULL,"
	" rounds INTEGER NOT NULL, floor REAL NOT NULL, share REAL NOT NULL,"
	" PRIMARY KEY (pool, last)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE checkpoints ("
	" pool INTEGER NOT NULL REFERENCES pools, first INTEGER NOT NULL, states BLOB NOT NULL,"
	" PRIMARY KEY (pool, first)"
	") STRICT;"
	"ALTER TABLE items ADD COLUMN eta REAL;"
	"ALTER TABLE items ADD COLUMN lbar REAL;",

	/* 4: who may do what, and what was done to that. rights: names, separated by commas. A token is known by the
	 * BLAKE2b-256 of its text. events has what no other table says with who did it and in which place among the
	 * others; the rest of `candor audit` is in settings and settlements, which are read backwards for it. Archives
	 * made before stand where their last round does. */
	"CREATE TABLE grants ("
	" id INTEGER PRIMARY KEY, principal TEXT NOT NULL, pool TEXT NOT NULL, prefix TEXT NOT NULL,"
	" rights TEXT NOT NULL, UNIQUE (principal, pool, prefix)"
	") STRICT;"
	"CREATE TABLE tokens ("
	" id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash BLOB NOT NULL,"
	" created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE events ("
	" change INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, pool TEXT NOT NULL,"
	" action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX events_of_pool ON events (pool, change);"
	"INSERT INTO events SELECT a.change, a.at, a.by, p.name, 'archive', a.file," /* released */
	" 'rounds ' || a.first || ' to ' || a.last FROM archives a JOIN pools p ON p.id = a.pool;"
	"CREATE INDEX settings_by_change ON settings (change);"
	"CREATE UNIQUE INDEX settlements_by_change ON settlements (change);"
	"ALTER TABLE open_items ADD COLUMN by TEXT NOT NULL DEFAULT '';",

	/* 5: the sequence of a report, NULL where it has none; packed it is [labeler,value,sequence]. The secret that a
	 * settlement's hash covers: 16 bytes, NULL in those made before. And the view looks up the labeler of each
	 * report: left to itself, SQLite goes through an item's reports for each labeler. A token could be made to
	 * expire so late that the time came back negative: it goes on expiring never. The epoch up to which new
	 * settings brought the weights of all labelers, whose rows may be older; NULL where they brought none up, and
	 * in settings made before, with which every labeler's row was written. And what happened to items:
	 * migrate_changes() adds what did so far. */
	"UPDATE tokens SET expires_at = 9223372036854775807 WHERE expires_at < 0;"
	"ALTER TABLE report_log ADD COLUMN sequence INTEGER;"
	"ALTER TABLE settlements ADD COLUMN salt BLOB;"
	"ALTER TABLE settings ADD COLUMN epoch INTEGER;"
	"CREATE TABLE item_changes ("
	" pool INTEGER NOT NULL REFERENCES pools, change INTEGER NOT NULL,"
	" item INTEGER NOT NULL REFERENCES items,"
	" state TEXT NOT NULL CHECK (state IN ('closed', 'resolved', 'void')), round INTEGER,"
	" PRIMARY KEY (pool, change)"
	") STRICT, WITHOUT ROWID;"
	"DROP VIEW reports;" REPORTS_VIEW,

	/* 6: the forecast, the regret bound that is measured, outcomes that were settled together, second verdicts.
	 * What follows from the history a replay fills in (daemon/history/upgrade.h), pool by pool; a pool of which
	 * `stretch` is 0 waits for it. Of a settlement made before, stretch, gradient and variance stay NULL. weights
	 * and last_rounds have the reports that were scored, the item's first ones. An item's block is the first round
	 * of those that were settled together with it, NULL where it was alone; and what is asked for without its
	 * reports stands before them, since they may be long. A checkpoint has 104 bytes for each labeler: weight,
	 * own_loss, mean_loss, gain, lim, m, v, n1, n0, a, b (doubles), scored, last_round, epoch, stretch (32 bits).
	 */
	"DROP TABLE stretches;"
	"ALTER TABLE settings ADD COLUMN wrong REAL NOT NULL DEFAULT 0;"
	"ALTER TABLE settings ADD COLUMN first_scored INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE settings ADD COLUMN signs TEXT NOT NULL DEFAULT 'positive';"
	"ALTER TABLE settlements ADD COLUMN stretch INTEGER;"
	"ALTER TABLE settlements ADD COLUMN gradient REAL;"
	"ALTER TABLE settlements ADD COLUMN variance REAL;"
	"DROP VIEW reports;"
	"CREATE TABLE new_pools ("
	" id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" created_at INTEGER NOT NULL,"
	" rate TEXT NOT NULL, c REAL NOT NULL, beta REAL NOT NULL, eta REAL NOT NULL, horizon REAL NOT NULL,"
	" share REAL NOT NULL, entry REAL NOT NULL, wrong REAL NOT NULL DEFAULT 0,"
	" first_scored INTEGER NOT NULL DEFAULT 0, signs TEXT NOT NULL DEFAULT 'positive',"
	" round INTEGER NOT NULL, epoch INTEGER NOT NULL, scored INTEGER NOT NULL,"
	" open INTEGER NOT NULL, closed INTEGER NOT NULL, voided INTEGER NOT NULL, closes INTEGER NOT NULL,"
	" total_weight REAL NOT NULL,"
	" mean_loss REAL NOT NULL, median_loss REAL NOT NULL,"
	" plain_mean_loss REAL NOT NULL, plain_median_loss REAL NOT NULL,"
	" rechecks INTEGER NOT NULL DEFAULT 0, disagreed INTEGER NOT NULL DEFAULT 0," TRACK_COLUMNS
	") STRICT;" MOVE_POOLS "CREATE TABLE new_archives ("
	" pool INTEGER NOT NULL REFERENCES pools, first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" change INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL, file TEXT NOT NULL,"
	" digest BLOB NOT NULL, state BLOB NOT NULL, hash BLOB NOT NULL,"
	" reports INTEGER NOT NULL, removed INTEGER NOT NULL,"
	" closes INTEGER NOT NULL, labelers INTEGER NOT NULL, epoch INTEGER NOT NULL, scored INTEGER NOT NULL,"
	" total_weight REAL NOT NULL,"
	" mean_loss REAL NOT NULL, median_loss REAL NOT NULL,"
	" plain_mean_loss REAL NOT NULL, plain_median_loss REAL NOT NULL," TRACK_COLUMNS ","
	" PRIMARY KEY (pool, last)"
	") STRICT, WITHOUT ROWID;" MOVE_ARCHIVES "DELETE FROM checkpoints;"
	"CREATE TABLE new_labelers ("
	" pool INTEGER NOT NULL REFERENCES pools, id INTEGER NOT NULL, name TEXT NOT NULL,"
	" joined INTEGER NOT NULL, joined_at INTEGER NOT NULL, entry REAL NOT NULL,"
	" weight REAL NOT NULL, epoch INTEGER NOT NULL, scored INTEGER NOT NULL,"
	" own_loss REAL NOT NULL, mean_loss REAL NOT NULL, gain REAL NOT NULL DEFAULT 0,"
	" last_round INTEGER NOT NULL, through INTEGER NOT NULL,"
	" lim REAL NOT NULL DEFAULT 0, stretch INTEGER NOT NULL DEFAULT 0,"
	" m REAL NOT NULL DEFAULT 0, v REAL NOT NULL DEFAULT 1,"
	" n1 REAL NOT NULL DEFAULT 0, n0 REAL NOT NULL DEFAULT 0, a REAL NOT NULL DEFAULT 0, b REAL NOT NULL DEFAULT 0,"
	" PRIMARY KEY (pool, id)"
	") STRICT, WITHOUT ROWID;" MOVE_LABELERS "CREATE TABLE new_items ("
	" id INTEGER PRIMARY KEY, pool INTEGER NOT NULL REFERENCES pools, name TEXT NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('closed', 'resolved', 'void')),"
	" close_number INTEGER, closed INTEGER NOT NULL,"
	" opened_at INTEGER NOT NULL, closed_at INTEGER NOT NULL, ended_at INTEGER,"
	" outcome REAL, round INTEGER, block INTEGER, eta REAL, lbar REAL,"
	" mean REAL, median REAL, plain_mean REAL, plain_median REAL, spread REAL, ess REAL, n INTEGER NOT NULL,"
	" forecast REAL, regression REAL, evidence REAL, evidence_full REAL, closed_round INTEGER,"
	" reports TEXT NOT NULL, weights BLOB"
	") STRICT;" MOVE_ITEMS "CREATE UNIQUE INDEX items_by_name ON items (pool, name);"
	"CREATE UNIQUE INDEX items_by_close ON items (pool, close_number) WHERE close_number IS NOT NULL;" REPORTS_VIEW
	"CREATE TABLE rechecks ("
	" item INTEGER PRIMARY KEY REFERENCES items, pool INTEGER NOT NULL REFERENCES pools, value REAL NOT NULL,"
	" at INTEGER NOT NULL, by TEXT NOT NULL, change INTEGER NOT NULL"
	") STRICT;"
	"CREATE UNIQUE INDEX rechecks_by_change ON rechecks (change);"
	"CREATE UNIQUE INDEX rechecks_of_pool ON rechecks (pool, change);",
};

/* What must be computed to finish a step, after its statements and in the same transaction. */
static int (*const fills[MIGRATE_VERSION])(sqlite3 *db) = {[1] = migrate_chain, [4] = migrate_changes};

static_assert(sizeof steps / sizeof *steps == MIGRATE_VERSION, "a step for each version");

static int failed(sqlite3 *db)
{
	int err = db_error_of(db);
	if (err != -ECANCELED)
		log_error("database: %s", sqlite3_errmsg(db));
	return err;
}

/* The single number that `sql` gives. */
static int number(sqlite3 *db, const char *sql, long *out)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return failed(db);
	int err = sqlite3_step(s) == SQLITE_ROW ? 0 : failed(db);
	if (err == 0)
		*out = (long)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return err;
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(db);
}

int migrate_known_header(long application, long version)
{
	if (application != MIGRATE_APPLICATION_ID || version < 0) {
		log_error("database: this is not a candor database; name another file");
		return ERR_SCHEMA;
	}
	if (version > MIGRATE_VERSION) {
		log_error("database: schema version %ld is newer than this program's %d; use a newer candord", version,
			  MIGRATE_VERSION);
		return ERR_SCHEMA;
	}
	return 0;
}

static int is_ours(sqlite3 *db, bool *empty, long *version)
{
	long application, tables;
	int err = number(db, "PRAGMA application_id", &application);
	if (err == 0)
		err = number(db, "PRAGMA user_version", version);
	if (err == 0)
		err = number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (err)
		return err;
	*empty = tables == 0 && application == 0 && *version == 0;
	return *empty ? 0 : migrate_known_header(application, *version);
}

/* Whether the row of `each` stands in the schema that `same` asks: 1, 0 or an error. */
static int has_same(sqlite3 *db, sqlite3_stmt *each, sqlite3_stmt *same)
{
	for (int i = 0; i < 3; i++)
		if (sqlite3_bind_value(same, i + 1, sqlite3_column_value(each, i)) != SQLITE_OK)
			return failed(db);
	int code = sqlite3_step(same);
	int found = code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : failed(db);
	sqlite3_reset(same);
	return found;
}

/* Each table, index and view of `model` must stand in the schema of `db`, word for word. */
static int compare(sqlite3 *db, sqlite3 *model)
{
	sqlite3_stmt *each = NULL, *same = NULL;
	int err = 0, code = SQLITE_ROW;
	if (sqlite3_prepare_v2(model, "SELECT type, name, sql FROM sqlite_schema", -1, &each, NULL) != SQLITE_OK)
		return failed(model);
	if (sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_schema WHERE type = ? AND name = ? AND sql IS ?", -1, &same,
			       NULL) != SQLITE_OK)
		err = failed(db);
	while (err == 0 && (code = sqlite3_step(each)) == SQLITE_ROW) {
		int found = has_same(db, each, same);
		if (found == 0)
			log_error("database: its %s %s is missing or was changed",
				  (const char *)sqlite3_column_text(each, 0),
				  (const char *)sqlite3_column_text(each, 1));
		err = found < 0 ? found : found == 0 ? ERR_DAMAGED : 0;
	}
	if (err == 0 && code != SQLITE_DONE)
		err = failed(model);
	sqlite3_finalize(each);
	sqlite3_finalize(same);
	return err;
}

int migrate_digest(sqlite3 *db, char hex[MIGRATE_DIGEST_HEX])
{
	struct digest d;
	uint8_t hash[DIGEST_BYTES];
	sqlite3_stmt *s;
	int code;
	if (sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name", -1, &s,
			       NULL) != SQLITE_OK)
		return failed(db);
	digest_init(&d);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		const char *sql = (const char *)sqlite3_column_text(s, 0);
		digest_add_text(&d, sql ? sql : "");
	}
	int err = code == SQLITE_DONE ? 0 : failed(db);
	sqlite3_finalize(s);
	digest_end(&d, hash);
	for (size_t i = 0; i < sizeof hash; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	return err;
}

/* What the steps make of nothing is what they must have made here, whatever else is there. */
static int check_tables(sqlite3 *db)
{
	sqlite3 *model = NULL;
	char digest[MIGRATE_DIGEST_HEX];
	int err = migrate_digest(db, digest);
	if (err || strcmp(digest, MIGRATE_DIGEST) == 0)
		return err;
	if (sqlite3_open(":memory:", &model) != SQLITE_OK)
		err = model ? failed(model) : -ENOMEM;
	for (int i = 0; i < MIGRATE_VERSION && err == 0; i++)
		err = run(model, steps[i]);
	if (err == 0)
		err = compare(db, model);
	sqlite3_close(model);
	return err;
}

/* Step `version`, within the transaction that is open. */
static int take_step(sqlite3 *db, long version)
{
	char stamp[96];
	snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %ld", MIGRATE_APPLICATION_ID,
		 version + 1);
	int err = run(db, steps[version]);
	if (err == 0 && fills[version])
		err = fills[version](db);
	return err ? err : run(db, stamp);
}

static void roll_back(sqlite3 *db)
{
	/* After some failures SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

int migrate(sqlite3 *db)
{
	bool empty;
	long version;
	int err = is_ours(db, &empty, &version);
	for (; err == 0 && version < MIGRATE_VERSION; version++) {
		err = run(db, "BEGIN IMMEDIATE");
		if (err == 0)
			err = take_step(db, version);
		if (err == 0)
			err = run(db, "COMMIT");
		if (err)
			roll_back(db);
	}
	return err ? err : check_tables(db);
}

int migrate_begin(sqlite3 *db)
{
	long version;
	int err = migrate_known(db, &version);
	if (err == 0)
		err = run(db, "BEGIN IMMEDIATE");
	for (; err == 0 && version < MIGRATE_VERSION; version++)
		err = take_step(db, version);
	if (err == 0)
		err = check_tables(db);
	if (err)
		roll_back(db);
	return err;
}

int migrate_writable(sqlite3 *db)
{
	bool empty;
	long version;
	int err = is_ours(db, &empty, &version);
	return err ? err : empty ? migrate(db) : migrate_check(db);
}

static int known(sqlite3 *db, long *version)
{
	bool empty;
	int err = is_ours(db, &empty, version);
	if (err == 0 && empty) {
		log_error("database: the file is empty");
		return ERR_SCHEMA;
	}
	return err;
}

int migrate_known(sqlite3 *db, long *version)
{
	long found;
	return known(db, version ? version : &found);
}

int migrate_check(sqlite3 *db)
{
	long version;
	int err = known(db, &version);
	if (err)
		return err;
	if (version != MIGRATE_VERSION) {
		log_error("database: its schema is older than this program's: start candord on it once, or run "
			  "`candord --upgrade` on it");
		return ERR_SCHEMA;
	}
	err = check_tables(db);
	if (err)
		return err;
	long waiting;
	err = number(db, "SELECT count(*) FROM pools WHERE stretch = 0", &waiting);
	if (err == 0 && waiting > 0) {
		log_error("database: its upgrade has not finished: start candord on it once, or run "
			  "`candord --upgrade` on it");
		err = ERR_SCHEMA;
	}
	return err;
}
