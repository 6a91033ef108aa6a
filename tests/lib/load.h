/* load.h - a real daemon under the load of several clients, ended in all the ways a process can be, and started again;
 * and what its clients were told (witness.h) compared with what it has then.
 *
 * One thread, but for the one that kills at a moment that has nothing to do with what the clients do. Set-up that fails
 * ends the test program; what a check finds is said on standard error and returned. */
#ifndef CANDOR_TESTS_LOAD_H
#define CANDOR_TESTS_LOAD_H

#include "tests/lib/allow.h"
#include "tests/lib/daemon.h"
#include "tests/lib/witness.h"

enum { LOAD_CLIENTS = 4 };

enum load_end {
	LOAD_KILL, /* SIGKILL */
	LOAD_STOP_AND_KILL, /* SIGTERM, and SIGKILL while it ends, or when it has */
	LOAD_DRAIN, /* none: the clients stop asking, and wait for all answers */
	LOAD_FREEZE, /* likewise, and the daemon stood still for a while (SIGSTOP, SIGCONT) */
};

struct load {
	struct daemon daemon;
	char token[TOKEN_TEXT_BYTES]; /* for those who come that way */
	struct random random;
	struct witness witnesses[LOAD_CLIENTS];
	unsigned resident_items; /* 0: as usual. Changes with each start. */
	uint64_t reports, settlements; /* that the daemon counts, as of the last check */
	pid_t backup; /* 0: none */
	bool slow_backup; /* it is told to end before it has */
	uint64_t wrong; /* what checks found */
	uint64_t rounds, kills, starts_killed, stops_killed, checks, verified, backups, whole_backups;
};

/* A fresh directory, a daemon, and the pools that all clients share. */
void load_init(struct load *l, uint64_t seed);

/* Stops the daemon if it runs and removes its directory; but where a check found something and CANDOR_TEST_KEEP is in the
 * environment it says where that is. */
void load_free(struct load *l);

/* Each client asks as fast as it is answered, or, where pace_ms is not 0, something every so many milliseconds; up to a
 * random number of requests wait at a time. So for about `ms`, and then `end`. Afterwards the daemon runs only after
 * LOAD_DRAIN and LOAD_FREEZE. */
void load_run(struct load *l, enum load_end end, double ms, uint64_t pace_ms);

/* Starts candord and kills it within some milliseconds, mostly before it listens. */
void load_kill_start(struct load *l);

void load_start(struct load *l);

/* What the daemon has against what the clients were told: what was touched since the last check, or everything; and the
 * counts of pools and of the whole. The number of rows that are wrong. The daemon runs. */
uint64_t load_check(struct load *l, bool everything);

/* candord --verify, or --verify --deep, on its database, whether it runs or not, or on a file beside it: the exit
 * status, and its words on standard error where it is not 0. */
int load_verify(struct load *l, const char *file, bool deep);

/* `candor backup` in the background, and its end, however it ended, whatever became of the daemon meanwhile: false if it
 * left a copy that does not verify, or none although it said so. One at a time. The daemon runs when it is begun. */
void load_begin_backup(struct load *l);
bool load_end_backup(struct load *l);

/* A round: load for some time, in four of twelve with a backup under way that outlives daemons; SIGKILL, mostly under load,
 * in one of eight while the daemon ends by itself; in another of eight some starts that are killed too; a start, and the
 * check of what was touched, or, where `deep` is set, of everything, with candord --verify --deep. How much is wrong. */
uint64_t load_round(struct load *l, double ms, uint64_t pace_ms, bool deep);

struct load_counts {
	uint64_t requests_sent, requests_acknowledged, rows_checked, stood_unacknowledged, items;
};

/* Over all clients. */
struct load_counts load_counts(const struct load *l);

#endif
