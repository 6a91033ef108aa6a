/* The kill test for as long as one likes: load, kills, restarts, backups, checks.
 *
 *   SOAK_MINUTES=60 soak
 *
 * On a terminal one line that is kept up to date, else a line every few minutes; the counts at the end. Ends with 1 as
 * soon as something is not as it was acknowledged, and leaves the daemon's directory then. SIGINT and SIGTERM end it
 * early, with all that is due at the end. */
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "tests/lib/clock.h"
#include "tests/lib/load.h"
#include "tests/lib/seed.h"

enum { LINE_EVERY_S = 180, DEEP_EVERY_S = 600 };

static volatile sig_atomic_t told_to_end;

static void on_signal(int signum)
{
	(void)signum;
	told_to_end = 1;
}

/* ---- what it takes ---- */

struct size {
	double first, last, most; /* MiB */
};

static void note(struct size *s, double now)
{
	if (s->most == 0)
		s->first = now;
	s->last = now;
	s->most = fmax(s->most, now);
}

static double file_mib(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (double)st.st_size / (1 << 20) : 0;
}

/* ---- the run ---- */

struct soak {
	struct load load;
	double begun_s, until_s, said_s, deep_s;
	struct size daemon, database;
	bool terminal;
};

static void say(struct soak *s)
{
	struct load_counts c = load_counts(&s->load);
	double now = clock_s();
	if (!s->terminal && now < s->said_s + LINE_EVERY_S)
		return;
	s->said_s = now;
	printf("%s%4.0f min: %" PRIu64 " kills, %" PRIu64 " acknowledged requests, %" PRIu64
	       " rows checked, 0 lost; daemon %.0f MiB, database %.0f MiB%s",
	       s->terminal ? "\r" : "", (now - s->begun_s) / 60, s->load.kills, c.requests_acknowledged, c.rows_checked,
	       s->daemon.last, s->database.last, s->terminal ? "\033[K" : "\n");
	fflush(stdout);
}

/* Mostly at a pace that makes an hour's history one of some hundred thousand items; sometimes as fast as it goes. */
static uint64_t soak_round(struct soak *s)
{
	struct load *l = &s->load;
	bool flood = random_below(&l->random, 10) == 0, deep = clock_s() > s->deep_s;
	if (deep)
		s->deep_s = clock_s() + DEEP_EVERY_S;
	/* First without an end, so that there is something to be measured. */
	load_run(l, random_below(&l->random, 20) == 0 ? LOAD_FREEZE : LOAD_DRAIN, random_scale(&l->random, 100, 20000),
		 20);
	note(&s->daemon, daemon_resident_kib(l->daemon.pid) / 1024);
	note(&s->database, file_mib(l->daemon.db));
	uint64_t wrong = load_check(l, false);
	if (wrong > 0)
		return wrong;
	return flood ? load_round(l, random_scale(&l->random, 1, 200), 0, deep)
		     : load_round(l, random_scale(&l->random, 1, 4000), 10, deep);
}

static int soak_end(struct soak *s)
{
	struct load *l = &s->load;
	uint64_t wrong = load_check(l, true);
	struct load_counts c = load_counts(l);
	if (wrong == 0)
		wrong = daemon_stop(&l->daemon) != 0 || load_verify(l, l->daemon.db, true) != 0;
	printf("%s%" PRIu64 " rounds in %.0f minutes\n", s->terminal ? "\r\033[K" : "", l->rounds,
	       (clock_s() - s->begun_s) / 60);
	printf("  processes killed              %" PRIu64 " (%" PRIu64 " while starting, %" PRIu64 " while stopping)\n",
	       l->kills, l->starts_killed, l->stops_killed);
	printf("  requests                      %" PRIu64 ", acknowledged %" PRIu64 "; %" PRIu64
	       " stood without an answer\n",
	       c.requests_sent, c.requests_acknowledged, c.stood_unacknowledged);
	printf("  items                         %" PRIu64 "\n", c.items);
	printf("  backups                       %" PRIu64 ", whole %" PRIu64 "\n", l->backups, l->whole_backups);
	printf("  databases verified            %" PRIu64 "\n", l->verified);
	printf("  daemon's memory               first %.1f MiB, last %.1f, most %.1f\n", s->daemon.first,
	       s->daemon.last, s->daemon.most);
	printf("  database                      first %.1f MiB, last %.1f, most %.1f\n", s->database.first,
	       s->database.last, s->database.most);
	printf("  acknowledged rows checked     %" PRIu64 "\n", c.rows_checked);
	printf("  acknowledged rows lost        %" PRIu64 "\n", wrong);
	return wrong > 0;
}

int main(void)
{
	static struct soak s;
	const char *minutes = getenv("SOAK_MINUTES");
	double length = minutes ? strtod(minutes, NULL) : 60;
	if (!(length > 0)) {
		fprintf(stderr, "soak: SOAK_MINUTES is '%s'; it must be a number of minutes above 0\n", minutes);
		return 2;
	}
	/* A daemon that does not start is evidence too. */
	setenv("CANDOR_TEST_KEEP", "1", 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	s.terminal = isatty(STDOUT_FILENO);
	s.begun_s = s.said_s = clock_s();
	s.until_s = s.begun_s + 60 * length;
	s.deep_s = s.begun_s + DEEP_EVERY_S;
	load_init(&s.load, seed_of_test((uint64_t)time(NULL)));
	uint64_t wrong = 0;
	while (!told_to_end && wrong == 0 && clock_s() < s.until_s) {
		wrong = soak_round(&s);
		say(&s);
	}
	if (wrong == 0)
		wrong = (uint64_t)soak_end(&s);
	s.load.wrong += wrong;
	load_free(&s.load);
	if (wrong > 0)
		fprintf(stderr, "soak: %" PRIu64 " rows are not as they were acknowledged\n", wrong);
	return wrong > 0;
}
