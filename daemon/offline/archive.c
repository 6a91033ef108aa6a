#include "daemon/offline/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/db/archive_rows.h"
#include "daemon/db/prepare.h"
#include "daemon/db/write.h"
#include "daemon/history/checkpoint.h"
#include "daemon/history/replay.h"
#include "daemon/offline/archive_file.h"
#include "daemon/offline/interrupt.h"
#include "daemon/offline/partial.h"
#include "daemon/progress.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"

enum { SHOWN_MAX = 20, SHOW_NS = 100 * 1000 * 1000, ROUNDS_A_STEP = 256 };

struct making {
	const struct archive_job *job;
	struct interrupt interrupt;
	bool interrupted;
	uint64_t shown_ns;
	struct progress bar; /* where no program reads what is printed; of what it is doing: */
	const char *doing; /* "replayed" or "packed"; NULL: nothing yet */
	struct db *db;
	uint64_t pool;
	struct archive_row rounds; /* that go; in the end with the state after them */
	uint64_t differences;
	uint64_t bytes;
};

/* ---- what the user sees and says ---- */

/* A signal that came counts for all who ask. */
static bool going_on(void *arg)
{
	struct making *m = arg;
	m->interrupted = m->interrupted || interrupt_came(&m->interrupt);
	return !m->interrupted;
}

static int stops(void *arg)
{
	return !going_on(arg);
}

static void show_bar(struct making *m, const char *what, uint64_t done, uint64_t total)
{
	bool packs = strcmp(what, "packed") == 0;
	if (!m->doing || strcmp(m->doing, what) != 0)
		progress_begin(&m->bar, packs ? "packing" : "replaying", packs ? "bytes" : "rounds", false);
	m->doing = what;
	progress_show(&m->bar, done, total);
	if (done >= total)
		progress_end(&m->bar);
}

static int show(struct making *m, const char *what, uint64_t done, uint64_t total)
{
	struct timespec t;
	if (!going_on(m))
		return -ECANCELED;
	clock_gettime(CLOCK_MONOTONIC, &t);
	uint64_t now_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	if (!m->job->progress) {
		show_bar(m, what, done, total);
		return 0;
	}
	if (done < total && now_ns - m->shown_ns < SHOW_NS)
		return 0;
	m->shown_ns = now_ns;
	printf("%s %" PRIu64 " %" PRIu64 "\n", what, done, total);
	if (fflush(stdout) == 0)
		return 0;
	log_error("%s: aborted: progress reader is gone", m->job->to);
	return -ECANCELED;
}

static void on_difference(void *arg, const char *sentence)
{
	struct making *m = arg;
	if (m->differences++ < SHOWN_MAX)
		log_error("pool %s: %s", m->job->pool, sentence);
}

/* ---- which rounds ---- */

static int find_pool(struct making *m)
{
	struct db_cursor *cursor;
	const struct pool_row *row;
	int err = db_cursor_open(m->db, DB_POOLS, 0, 0, &cursor);
	if (err)
		return err;
	while ((err = db_cursor_next(cursor, (const void **)&row)) == 1) {
		if (strcmp(row->name, m->job->pool) == 0) {
			m->pool = row->id;
			break;
		}
	}
	db_cursor_close(cursor);
	if (err == 0)
		log_error("%s: pool '%s' does not exist", m->job->db, m->job->pool);
	return err < 0 ? err : err == 0 ? -ENOENT : 0;
}

/* rounds.first and rounds.last; none where the latter is the smaller one. */
static int find_rounds(struct making *m)
{
	struct archive_row newest = {0};
	struct arena a;
	arena_init(&a, SIZE_MAX / 2);
	int err = find_pool(m);
	int found = err ? err : db_archive(m->db, &a, m->pool, &newest);
	arena_free(&a);
	if (found < 0)
		return found;
	m->rounds = (struct archive_row){.pool = m->pool, .first = newest.last + 1};
	return db_round_before(m->db, m->pool, newest.last, m->job->before, &m->rounds.last);
}

static int count_reports(struct making *m)
{
	struct db_cursor *cursor;
	const struct settled_row *row;
	int err = db_cursor_open(m->db, DB_SETTLEMENTS, m->pool, m->rounds.first, &cursor);
	if (err)
		return err;
	while ((err = db_cursor_next(cursor, (const void **)&row)) == 1 && row->settlement.round <= m->rounds.last) {
		m->rounds.reports += row->item.reports.n;
		if (!going_on(m)) {
			err = -ECANCELED;
			break;
		}
	}
	db_cursor_close(cursor);
	return err < 0 ? err : 0;
}

/* ---- the content ---- */

/* As they stood after the last round. */
static int write_state(struct db *to, const struct making *m, const struct pool_row *pool, const struct replay *r)
{
	const struct pool *p = replay_pool(r);
	struct batch b;
	batch_init(&b);
	bool room = batch_add(&b, CHANGE_POOL, pool);
	int err = 0;
	for (uint32_t id = 0; id < pool_labelers(p) && room && err == 0; id++) {
		const struct labeler_row row = {
			.pool = m->pool, .id = id, .state = *pool_labeler(p, id), .through = m->rounds.last};
		room = batch_add(&b, CHANGE_LABELER, &row);
		if (room && id % CHECKPOINT_LABELERS == CHECKPOINT_LABELERS - 1) {
			err = db_write(to, &b);
			batch_reset(&b);
		}
	}
	const struct progress_row progress = {.changes = m->rounds.change, .reports = m->rounds.reports};
	room = room && batch_add(&b, CHANGE_PROGRESS, &progress);
	if (err == 0)
		err = room ? db_write(to, &b) : -ENOMEM;
	batch_free(&b);
	return err;
}

static int fill(struct making *m, struct db *to, const struct replay *r)
{
	const struct pool *p = replay_pool(r);
	const struct pool_totals *t = pool_totals(p);
	struct db_cursor *cursor;
	const struct pool_row *row;
	int err = db_archive_fill(to, m->job->db, &m->rounds, going_on, m);
	if (err)
		return err;
	err = db_cursor_open(m->db, DB_POOLS, 0, m->pool, &cursor);
	if (err)
		return err;
	int got = db_cursor_next(cursor, (const void **)&row);
	if (got == 1) {
		struct pool_row pool = *row;
		pool.settings = *pool_settings(p);
		pool.totals = *t;
		pool.totals.open = pool.totals.closed = pool.totals.voided = 0;
		pool.closes = replay_closes(r);
		err = write_state(to, m, &pool, r);
	}
	db_cursor_close(cursor);
	return got == 1 ? err : got < 0 ? got : ERR_HISTORY;
}

/* To the last round, which says what the state is. */
static int replay_rounds(struct making *m, struct replay *r)
{
	int err = 0;
	uint64_t before = m->rounds.first - 1, total = m->rounds.last - before;
	/* A step may end inside a block, and is then longer. */
	for (uint64_t done = 0; done + ROUNDS_A_STEP < total && err == 0;) {
		err = replay_run_past(r, before + done + ROUNDS_A_STEP);
		if (err)
			break;
		done = pool_totals(replay_pool(r))->round - before;
		err = show(m, "replayed", done < total ? done : total, total);
	}
	if (err == 0)
		err = replay_run(r, m->rounds.last);
	if (err == 0)
		err = show(m, "replayed", total, total);
	if (err == 0 && replay_differences(r) > 0)
		err = ERR_HISTORY;
	if (err)
		return err;
	checkpoint_describe(replay_pool(r), replay_closes(r), replay_head(r), &m->rounds);
	m->rounds.change = replay_change(r);
	m->rounds.reports = replay_reports(r);
	return 0;
}

static int on_packed(void *arg, uint64_t done, uint64_t total)
{
	return show(arg, "packed", done, total);
}

static int pack(struct making *m, struct replay *r, const struct partial *file)
{
	struct db_scratch scratch;
	struct db *content;
	int err = db_scratch_make(&scratch);
	if (err)
		return err;
	err = db_scratch_open(&scratch, &content);
	if (err == 0) {
		err = fill(m, content, r);
		int closed = db_close(content);
		err = err ? err : closed;
	}
	if (err == 0)
		err = archive_file_write(scratch.fd, file->fd, on_packed, m, m->rounds.digest, &m->bytes);
	db_scratch_free(&scratch);
	return err;
}

/* What reads back must be what was written. */
static int check(const struct making *m, const struct partial *file)
{
	uint8_t digest[DIGEST_BYTES];
	int err = archive_file_digest(file->fd, digest);
	return err == 0 && memcmp(digest, m->rounds.digest, DIGEST_BYTES) != 0 ? ERR_DAMAGED : err;
}

static int replay_and_pack(struct making *m, const struct partial *file)
{
	uint8_t key[HASH_KEY_BYTES];
	const struct replay_source source = {
		.name = m->job->pool,
		.id = m->pool,
		.db = m->db,
		.key = key,
		.goes_on = going_on,
		.differs = on_difference,
		.arg = m,
	};
	struct replay *r;
	hash_new_key(key);
	int err = replay_new(&r, &source);
	if (err)
		return err;
	err = replay_rounds(m, r);
	if (err == 0)
		err = pack(m, r, file);
	replay_free(r);
	return err ? err : check(m, file);
}

static int write_file(struct making *m)
{
	struct partial file;
	int err = partial_open(&file, m->job->to);
	if (err)
		return err;
	err = replay_and_pack(m, &file);
	if (err && err != -ECANCELED)
		log_error("no archive was written: %s", candor_strerror(err));
	if (err == 0)
		err = partial_publish(&file, m->job->to);
	partial_close(&file, err == 0);
	return err;
}

static void summarize(const struct making *m)
{
	const struct archive_row *r = &m->rounds;
	char digest[CHAIN_HEX], state[CHAIN_HEX];
	chain_hex(r->digest, digest);
	chain_hex(r->state, state);
	if (r->last < r->first)
		printf(m->job->progress ? "nothing\n" : "nothing: no round before that date is left to archive\n");
	else if (m->job->progress)
		printf("done %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s %s\n", r->first, r->last, r->reports,
		       m->bytes, digest, state);
	else if (!m->job->to)
		printf("rounds %" PRIu64 " to %" PRIu64 " with %" PRIu64 " reports would be archived\n", r->first,
		       r->last, r->reports);
	else
		printf("%s: rounds %" PRIu64 " to %" PRIu64 " with %" PRIu64 " reports, %" PRIu64
		       " bytes, BLAKE2b %s\n",
		       m->job->to, r->first, r->last, r->reports, m->bytes, digest);
}

static int make(struct making *m)
{
	int err = db_begin(m->db);
	if (err)
		return err;
	db_watch(m->db, stops, m);
	err = find_rounds(m);
	if (err == 0 && m->rounds.first <= m->rounds.last)
		err = m->job->to ? write_file(m) : count_reports(m);
	db_end(m->db);
	return err;
}

int archive_make(const struct archive_job *job, struct archive_row *made)
{
	struct making m = {.job = job};
	int err = db_check_at_rest(job->db);
	if (err == 0)
		err = db_open(&m.db, job->db, DB_READ, DB_FULL);
	if (err) {
		log_error("%s: %s", job->db, candor_strerror(err));
		return err;
	}
	interrupt_begin(&m.interrupt);
	err = make(&m);
	progress_end(&m.bar);
	interrupt_end(&m.interrupt);
	int closed = db_close(m.db);
	if (err == 0)
		err = closed;
	if (err == -ECANCELED && m.interrupted)
		log_error("%s: interrupted; no archive was written", job->db);
	if (err == 0)
		summarize(&m);
	if (made)
		*made = m.rounds;
	return err;
}

/* ---- reading ---- */

struct opened {
	const char *file;
	uint8_t digest[DIGEST_BYTES];
	uint64_t pool, first, last;
	struct db *db;
	int fd;
};

struct archives {
	size_t n;
	struct opened *opened; /* [n] by pool, then by round */
	struct db **dbs; /* [n] likewise */
};

static int refuse(const char *file, int err)
{
	if (err == ERR_MALFORMED || err == ERR_DAMAGED)
		printf("%s: %s\n", file,
		       err == ERR_MALFORMED ? "not an archive, or truncated" : "damaged: its digest does not match");
	else if (err != ERR_HISTORY)
		log_error("%s: %s", file, candor_strerror(err));
	return err == ERR_MALFORMED ? ERR_DAMAGED : err;
}

/* Which rounds of which pool they are, the database must say. */
static int look_up(struct db *db, uint64_t pool, const char *name, struct archives *a)
{
	struct db_cursor *cursor = NULL;
	const struct archive_row *row;
	int err = db_cursor_open(db, DB_ARCHIVES, pool, 0, &cursor), got = 0;
	while (err == 0 && (got = db_cursor_next(cursor, (const void **)&row)) == 1) {
		bool found = false;
		for (size_t i = 0; i < a->n; i++) {
			struct opened *o = &a->opened[i];
			if (memcmp(o->digest, row->digest, DIGEST_BYTES) != 0)
				continue;
			if (found) {
				printf("%s: given twice\n", o->file);
				err = ERR_HISTORY;
			}
			o->pool = pool;
			o->first = row->first;
			o->last = row->last;
			found = true;
		}
		/* Whoever has one must have all that came after it. */
		if (!found && archives_of(a, pool, NULL) > 0) {
			printf("pool %s: rounds %" PRIu64 " to %" PRIu64
			       " are in archive %s, which was not given with --archive\n",
			       name, row->first, row->last, row->file);
			err = ERR_HISTORY;
		}
	}
	db_cursor_close(cursor);
	return err ? err : got < 0 ? got : 0;
}

static int look_all_up(struct db *db, struct archives *a)
{
	struct db_cursor *cursor = NULL;
	const struct pool_row *row;
	int err = db_cursor_open(db, DB_POOLS, 0, 0, &cursor), got = 0;
	while (err == 0 && (got = db_cursor_next(cursor, (const void **)&row)) == 1)
		err = look_up(db, row->id, row->name, a);
	db_cursor_close(cursor);
	for (size_t i = 0; i < a->n && err == 0 && got == 0; i++) {
		if (a->opened[i].pool)
			continue;
		printf("%s: a valid archive, but not of this database\n", a->opened[i].file);
		err = ERR_HISTORY;
	}
	return err ? err : got;
}

static int open_one(struct opened *o)
{
	struct db_scratch scratch;
	int err = db_scratch_make(&scratch);
	if (err)
		return err;
	err = archive_file_expand(o->fd, scratch.fd);
	if (err == 0)
		err = db_scratch_open(&scratch, &o->db);
	db_scratch_free(&scratch);
	return err ? refuse(o->file, err) : 0;
}

static int compare(const void *a, const void *b)
{
	const struct opened *x = a, *y = b;
	if (x->pool != y->pool)
		return x->pool < y->pool ? -1 : 1;
	return x->last < y->last ? -1 : x->last > y->last;
}

static int open_all(struct archives *a, struct db *db, const char *const *files)
{
	int err = 0;
	for (size_t i = 0; i < a->n && err == 0; i++) {
		struct opened *o = &a->opened[i];
		o->file = files[i];
		o->fd = open(files[i], O_RDONLY | O_CLOEXEC);
		err = o->fd < 0 ? -errno : archive_file_digest(o->fd, o->digest);
		if (err)
			err = refuse(files[i], err);
	}
	/* Only what the database knows by its digest is opened at all. */
	if (err == 0)
		err = look_all_up(db, a);
	if (err == 0 && a->n > 0)
		qsort(a->opened, a->n, sizeof *a->opened, compare);
	for (size_t i = 0; i < a->n && err == 0; i++) {
		err = open_one(&a->opened[i]);
		a->dbs[i] = a->opened[i].db;
	}
	return err;
}

int archives_open(struct archives **out, struct db *db, const char *const *files, size_t n)
{
	struct archives *a = calloc(1, sizeof *a);
	if (!a)
		return -ENOMEM;
	a->opened = calloc(n + 1, sizeof *a->opened);
	a->dbs = calloc(n + 1, sizeof *a->dbs);
	for (size_t i = 0; a->opened && i < n; i++)
		a->opened[i].fd = -1;
	a->n = a->opened ? n : 0;
	int err = a->opened && a->dbs ? open_all(a, db, files) : -ENOMEM;
	if (err) {
		int closed = archives_close(a);
		return closed ? closed : err;
	}
	*out = a;
	return 0;
}

size_t archives_of(const struct archives *a, uint64_t pool, struct db *const **out)
{
	size_t n = 0;
	for (size_t i = 0; i < a->n; i++) {
		if (a->opened[i].pool != pool)
			continue;
		if (n++ == 0 && out)
			*out = &a->dbs[i];
	}
	return n;
}

int archives_close(struct archives *a)
{
	int err = 0;
	if (!a)
		return 0;
	for (size_t i = 0; i < a->n; i++) {
		int closed = db_close(a->opened[i].db);
		err = err ? err : closed;
		if (a->opened[i].fd >= 0)
			close(a->opened[i].fd);
	}
	free(a->opened);
	free(a->dbs);
	free(a);
	return err;
}
