#include "daemon/db/migrate_chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/db/error.h"
#include "daemon/db/pack.h"
#include "lib/base/log.h"
#include "lib/crypto/chain.h"

struct fill {
	sqlite3 *db;
	sqlite3_stmt *pools, *labelers, *settlement, *set;
	struct arena names, reports; /* of a pool, of an item */
	const char **labeler; /* [n], in `names` */
	size_t n;
	uint8_t head[CHAIN_BYTES];
};

static int failed(const struct fill *f)
{
	log_error("database: %s", sqlite3_errmsg(f->db));
	return db_error_of(f->db);
}

/* A text that no row lacks: NULL where there was no memory for it. */
static const char *text(sqlite3_stmt *s, int column)
{
	return (const char *)sqlite3_column_text(s, column);
}

/* The names of a pool's labelers, by id. */
static int read_labelers(struct fill *f, sqlite3_int64 pool, size_t n)
{
	int code;
	arena_reset(&f->names);
	f->n = 0;
	f->labeler = arena_alloc(&f->names, n * sizeof *f->labeler);
	if (!f->labeler)
		return -ENOMEM;
	sqlite3_bind_int64(f->labelers, 1, pool);
	while ((code = sqlite3_step(f->labelers)) == SQLITE_ROW && f->n < n) {
		const char *name = text(f->labelers, 0);
		f->labeler[f->n] = name ? arena_strdup(&f->names, name) : NULL;
		if (!f->labeler[f->n++])
			return -ENOMEM;
	}
	int err = code == SQLITE_DONE ? 0 : code == SQLITE_ROW ? ERR_HISTORY : failed(f);
	sqlite3_reset(f->labelers);
	return err;
}

static int hash_reports(struct fill *f, struct chain *c, const struct packed_reports *reports)
{
	for (size_t i = 0; i < reports->n; i++) {
		uint32_t labeler = reports->labelers[i];
		size_t len = labeler < f->n ? strlen(f->labeler[labeler]) : 0;
		if (len == 0 || len > 255)
			return ERR_HISTORY;
		chain_report(c, f->labeler[labeler], len, reports->values[i]);
	}
	return 0;
}

/* One settlement's hash, from the row that `settlement` stands on. */
static int hash(struct fill *f, const char *pool)
{
	sqlite3_stmt *s = f->settlement;
	struct packed_reports reports;
	struct chain chain;
	arena_reset(&f->reports);
	const char *by = text(s, 6), *item = text(s, 7), *packed = text(s, 8);
	if (!by || !item || !packed)
		return -ENOMEM;
	int err = unpack_reports(packed, strlen(packed), &f->reports, &reports);
	if (err)
		return err;
	const struct chain_record record = {
		.pool = pool,
		.item = item,
		.round = (uint64_t)sqlite3_column_int64(s, 0),
		.outcome = sqlite3_column_double(s, 1),
		.eta = sqlite3_column_double(s, 2),
		.weighted_loss = sqlite3_column_double(s, 3),
		.epoch = (uint32_t)sqlite3_column_int64(s, 4),
		.at = (uint64_t)sqlite3_column_int64(s, 5),
		.by = by,
		.n = reports.n,
	};
	chain_begin(&chain, f->head, &record);
	err = hash_reports(f, &chain, &reports);
	chain_end(&chain, f->head);
	return err;
}

static int fill_round(struct fill *f, sqlite3_int64 pool, const char *name, sqlite3_int64 round)
{
	sqlite3_bind_int64(f->settlement, 1, pool);
	sqlite3_bind_int64(f->settlement, 2, round);
	int code = sqlite3_step(f->settlement);
	int err = code == SQLITE_ROW ? hash(f, name) : code == SQLITE_DONE ? ERR_HISTORY : failed(f);
	sqlite3_reset(f->settlement);
	if (err == ERR_HISTORY)
		log_error("database: pool %s: the settlement of round %lld is missing or invalid", name,
			  (long long)round);
	if (err)
		return err;
	sqlite3_bind_int64(f->set, 1, pool);
	sqlite3_bind_int64(f->set, 2, round);
	sqlite3_bind_blob(f->set, 3, f->head, CHAIN_BYTES, SQLITE_STATIC);
	err = sqlite3_step(f->set) == SQLITE_DONE ? 0 : failed(f);
	sqlite3_reset(f->set);
	return err;
}

static int fill_pool(struct fill *f)
{
	sqlite3_int64 pool = sqlite3_column_int64(f->pools, 0), rounds = sqlite3_column_int64(f->pools, 2);
	const char *name = text(f->pools, 1);
	memset(f->head, 0, sizeof f->head);
	if (!name)
		return -ENOMEM;
	int err = read_labelers(f, pool, (size_t)sqlite3_column_int64(f->pools, 3));
	for (sqlite3_int64 round = 1; round <= rounds && err == 0; round++)
		err = fill_round(f, pool, name, round);
	return err;
}

static int prepare(struct fill *f)
{
	const struct {
		sqlite3_stmt **to;
		const char *sql;
	} all[] = {
		{&f->pools, "SELECT id, name, round, (SELECT count(*) FROM labelers WHERE pool = pools.id) FROM pools"
			    " ORDER BY id"},
		{&f->labelers, "SELECT name FROM labelers WHERE pool = ? ORDER BY id"},
		{&f->settlement, "SELECT s.round, s.outcome, s.eta, s.lbar, s.epoch, s.at, s.by, i.name, i.reports"
				 " FROM settlements s JOIN items i ON i.id = s.item WHERE s.pool = ? AND s.round = ?"},
		{&f->set, "UPDATE settlements SET hash = ?3 WHERE pool = ?1 AND round = ?2"},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (sqlite3_prepare_v2(f->db, all[i].sql, -1, all[i].to, NULL) != SQLITE_OK)
			return failed(f);
	return 0;
}

int migrate_chain(sqlite3 *db)
{
	struct fill f = {.db = db};
	int code = SQLITE_DONE;
	arena_init(&f.names, SIZE_MAX / 2);
	arena_init(&f.reports, SIZE_MAX / 2);
	int err = prepare(&f);
	while (err == 0 && (code = sqlite3_step(f.pools)) == SQLITE_ROW)
		err = fill_pool(&f);
	if (err == 0 && code != SQLITE_DONE)
		err = failed(&f);
	sqlite3_finalize(f.pools);
	sqlite3_finalize(f.labelers);
	sqlite3_finalize(f.settlement);
	sqlite3_finalize(f.set);
	arena_free(&f.names);
	arena_free(&f.reports);
	return err;
}
