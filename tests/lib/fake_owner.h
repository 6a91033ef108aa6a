/* fake_owner.h - an engine over a real database, in hands that do nothing by themselves.
 *
 * Stands where the server and the store stand: keeps the batch that the engine hands over until the test commits it or
 * lets it fail, and the reads until the test works on them and ends them, in any order. The clock is a field. All on
 * one thread. Set-up that fails ends the test program through require(). */
#ifndef CANDOR_TESTS_FAKE_OWNER_H
#define CANDOR_TESTS_FAKE_OWNER_H

#include <stdio.h>

#include "daemon/engine/engine.h"

enum { FAKE_READS_MAX = 1024 };

struct fake_read {
	struct read_job *job;
	bool worked; /* it has seen the disk, and the engine does not know yet */
};

struct fake_owner {
	char dir[64], path[96];
	struct engine_limits limits;
	struct db *writer, *loop_db, *reader;
	struct engine *engine; /* NULL: not running */
	uint64_t now_ms; /* on both clocks, */
	int64_t clock_set_ms; /* ... but that of people was set forward by so much */
	const struct batch *batch; /* handed over; NULL: the store is free */
	struct fake_read reads[FAKE_READS_MAX];
	size_t n_reads;
	bool refuse_reads; /* no read can be started: the job ends at once with -ENOMEM */
	int failed; /* what the engine said last; 0: nothing */
	struct ask *called; /* of the newest fake_call() */
};

/* A request in the engine's hands, and its answer. */
struct ask {
	struct call call;
	struct identity identity; /* the daemon's own user, until the test says otherwise */
	struct wire_request wire;
	struct arena arena;
	struct waiter waiter;
	struct fake_owner *owner;
	enum engine_outcome outcome;
	bool replied;
	uint64_t change; /* that the answer depends on */
	bool settled; /* the answer may leave, or never will: */
	int err; /* why not */
	struct arena answer_arena;
	struct candor_response answer;
};

/* Limits that nothing runs into. */
struct engine_limits fake_roomy_limits(void);

/* A fresh directory and database, and an engine on it. */
void fake_init(struct fake_owner *f, const struct engine_limits *limits);

/* A fresh directory, with nothing in it or a copy of the files of another database, and nothing started. */
void fake_place(struct fake_owner *f, const struct engine_limits *limits);
void fake_place_copy(struct fake_owner *f, const struct fake_owner *of);

/* A copy of its files, as a crash at this moment would leave them, under another path. */
void fake_copy_to(const struct fake_owner *f, const char *path);

/* Finishes what is in flight, ends the engine, removes the directory. */
void fake_deinit(struct fake_owner *f);

/* The same, and the database is verified: 0 if all agrees. */
int fake_end(struct fake_owner *f);

/* The two halves of a restart. fake_stop() finishes what is in flight. */
void fake_stop(struct fake_owner *f);
void fake_start(struct fake_owner *f);

/* What both do with a database that is older; arg: the owner. */
int fake_upgrade(void *arg, struct db *db);

/* fake_start() that may fail: then the error, and nothing is open. */
int fake_try_start(struct fake_owner *f);

/* The same as candord starts, the log checked and emptied, with a sync of its choice. */
MUST_CHECK int fake_start_as_candord(struct fake_owner *f, enum db_sync sync);

/* Both, after which the limits are those of f->limits. */
void fake_restart(struct fake_owner *f);

/* Around cmocka tests, whose state is the owner: an engine with roomy limits and nothing in it; in the end the
 * database is verified. */
int fake_set_up(void **state);
int fake_tear_down(void **state);

/* Ends the engine without finishing: whatever is not on disk is lost. */
void fake_crash(struct fake_owner *f);

/* ---- durability, step by step ---- */

/* Lets the engine hand over a batch; true if one is with the store now. */
bool fake_tick(struct fake_owner *f);

/* Ends the commit of that batch. err 0: it is written, and what comes of it is told; else nothing is written and the
 * engine is told err. */
void fake_commit(struct fake_owner *f, int err);

/* The i-th of the reads in flight (in order of their start) sees the disk. */
void fake_read_work(struct fake_owner *f, size_t i);

/* ... and its end is told; before that it sees the disk, if it has not. */
void fake_read_done(struct fake_owner *f, size_t i);

/* Ticks, commits and ends reads until nothing is left to be done but to wait for what may happen. */
void fake_settle(struct fake_owner *f);

/* ---- calls ---- */

/* Somebody who may do everything. */
#define FAKE_OWNER ((struct identity){.name = "uid:0", .is_known = true, .is_local = true, .is_owner = true})

/* Submits a request as a client would have sent it; ask_free() when it was replied to. */
struct ask *fake_ask(struct fake_owner *f, const struct candor_request *r);

/* One report, and one outcome. */
struct ask *fake_ask_post(struct fake_owner *f, const char *pool, const char *item, const char *labeler, double value);
struct ask *fake_ask_resolve(struct fake_owner *f, const char *pool, const char *item, double outcome);

/* The two halves of fake_ask(), for what is announced first. */
struct ask *fake_prepare(struct fake_owner *f, const struct candor_request *r);
void fake_submit(struct ask *a);
void ask_free(struct ask *a);

/* Submits a request and settles everything. The answer lives until the next fake_call(). An answer that never left
 * because its commit failed is a failure of the test. */
const struct candor_response *fake_call(struct fake_owner *f, const struct candor_request *r);

/* The same from somebody else; what becomes of them is in *identity. */
const struct candor_response *fake_call_as(struct fake_owner *f, struct identity *identity,
					   const struct candor_request *r);

/* Short forms of fake_call(). Those of one row return it where it was rejected, else CANDOR_OK. */
void fake_pool(struct fake_owner *f, const char *pool, const struct candor_settings *settings); /* NULL: defaults */
enum candor_code fake_post(struct fake_owner *f, const char *pool, const char *item, const char *labeler, double value);
enum candor_code fake_close(struct fake_owner *f, const char *pool, const char *item);
enum candor_code fake_resolve(struct fake_owner *f, const char *pool, const char *item, double outcome);
enum candor_code fake_void(struct fake_owner *f, const char *pool, const char *item);

/* One item as a query with its reports gives it; NULL: not known. Lives as an answer of fake_call(). */
const struct candor_item *fake_query(struct fake_owner *f, const char *pool, const char *item);

/* ---- looking at it ---- */

/* All that memory must have again after a restart, as text with every number to its last bit: pools, settings, totals,
 * labelers, open items with their reports, grants, tokens, counters. Only when idle. The caller frees it. */
char *fake_state(struct fake_owner *f);

/* The same as a fresh engine on the same file has it. */
char *fake_state_on_disk(struct fake_owner *f);

/* The pools' part of it, for any pool: settings, totals, labelers. */
void fake_describe_pool(const struct pool *p, FILE *out);

/* verify() on the database, without its words. */
int fake_verify(const struct fake_owner *f);

/* The same together with archives, [n]. */
int fake_verify_with(const struct fake_owner *f, const char *const *archives, size_t n);

/* The other offline tools on the database, which does not run, without their words: offline_upgrade(), backup_restore()
 * and backup_make(). */
int fake_upgrade_with(const struct fake_owner *f, const char *const *archives, size_t n);
int fake_restore(const struct fake_owner *f, const char *from, const char *const *archives, size_t n);
int fake_backup(const struct fake_owner *f, const char *to);

/* archive_make() of a pool's rounds before a time, without its words; to: in the owner's directory. */
int fake_archive(const struct fake_owner *f, const char *pool, uint64_t before, const char *to,
		 struct archive_row *made);

/* What the daemon is told of such an archive; its answer lives as one of fake_call(). */
struct candor_request fake_prune_request(const char *pool, const struct archive_row *made, const char *file);

/* Any statements on the database, by a connection of their own. */
void fake_sql(const struct fake_owner *f, const char *sql);

/* The number that a query gives; 0 where it gives nothing. */
double fake_number(const struct fake_owner *f, const char *sql);

#endif
