/* What looks at an owner's database from outside: the offline tools, and SQL. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/offline/archive.h"
#include "daemon/offline/backup.h"
#include "daemon/offline/upgrade.h"
#include "daemon/offline/verify.h"
#include "tests/lib/fake_owner.h"

struct silence {
	int terminal;
};

static void silence_begin(struct silence *s)
{
	fflush(stdout);
	s->terminal = dup(STDOUT_FILENO);
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	require(s->terminal >= 0 && nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0);
	close(nowhere);
}

static void silence_end(const struct silence *s)
{
	fflush(stdout);
	require(dup2(s->terminal, STDOUT_FILENO) >= 0);
	close(s->terminal);
}

int fake_verify_with(const struct fake_owner *f, const char *const *archives, size_t n)
{
	struct silence s;
	silence_begin(&s);
	int err = verify(&(struct verify_job){.path = f->path, .archives = archives, .n_archives = n});
	silence_end(&s);
	return err;
}

int fake_verify(const struct fake_owner *f)
{
	return fake_verify_with(f, NULL, 0);
}

int fake_upgrade_with(const struct fake_owner *f, const char *const *archives, size_t n)
{
	struct silence s;
	silence_begin(&s);
	int err = offline_upgrade(&(struct offline_upgrade){.db = f->path, .archives = archives, .n_archives = n});
	silence_end(&s);
	return err;
}

int fake_restore(const struct fake_owner *f, const char *from, const char *const *archives, size_t n)
{
	struct silence s;
	silence_begin(&s);
	int err = backup_restore(&(struct backup){.from = from, .to = f->path, .archives = archives, .n_archives = n});
	silence_end(&s);
	return err;
}

int fake_backup(const struct fake_owner *f, const char *to)
{
	struct silence s;
	silence_begin(&s);
	int err = backup_make(&(struct backup){.from = f->path, .to = to});
	silence_end(&s);
	return err;
}

int fake_archive(const struct fake_owner *f, const char *pool, uint64_t before, const char *to,
		 struct archive_row *made)
{
	struct silence s;
	silence_begin(&s);
	int err = archive_make(&(struct archive_job){.db = f->path, .pool = pool, .to = to, .before = before}, made);
	silence_end(&s);
	return err;
}

struct candor_request fake_prune_request(const char *pool, const struct archive_row *made, const char *file)
{
	return (struct candor_request){
		.type = CANDOR_REQ_PRUNE_POOL,
		.pool = pool,
		.round = made->last,
		.state = made->state,
		.digest = made->digest,
		.file = file,
	};
}

static sqlite3 *open_shell(const struct fake_owner *f)
{
	sqlite3 *db;
	require(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
	return db;
}

void fake_sql(const struct fake_owner *f, const char *sql)
{
	sqlite3 *db = open_shell(f);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		abort();
	}
	require(sqlite3_close(db) == SQLITE_OK);
}

double fake_number(const struct fake_owner *f, const char *sql)
{
	sqlite3 *db = open_shell(f);
	sqlite3_stmt *s;
	double value = 0;
	require(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
	if (sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_double(s, 0);
	sqlite3_finalize(s);
	require(sqlite3_close(db) == SQLITE_OK);
	return value;
}
