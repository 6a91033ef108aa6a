/* Databases that are not what was written to them: candord refuses them in one line that says what to do, or verification
 * finds it, or nothing has changed; and nothing crashes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lib/base/buf.h"
#include "tests/lib/campaign.h"
#include "tests/lib/command.h"
#include "tests/lib/seed.h"
#include "tests/lib/sql.h"
#include "tests/lib/wal.h"

enum { PAGE = 4096, PATIENCE = 6000 /* tries, 10 ms apart */ };

/* ---- files ---- */

struct bytes {
	unsigned char *at;
	size_t n;
};

static struct bytes load(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	struct bytes b = {malloc((size_t)st.st_size + 1), (size_t)st.st_size};
	FILE *f = fopen(path, "r");
	assert_non_null(b.at);
	assert_non_null(f);
	assert_int_equal(fread(b.at, 1, b.n, f), b.n);
	fclose(f);
	return b;
}

static struct bytes copy_of(const struct bytes *b)
{
	struct bytes copy = {malloc(b->n + 1), b->n};
	assert_non_null(copy.at);
	memcpy(copy.at, b->at, b->n);
	return copy;
}

static void remove_all(const char *db)
{
	static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < 4; i++) {
		char path[256];
		snprintf(path, sizeof path, "%s%s", db, endings[i]);
		if (remove(path) != 0)
			assert_int_equal(errno, ENOENT);
	}
}

/* ---- the state ---- */

static int append_row(void *arg, int n, char **values, char **names)
{
	struct buf *out = arg;
	(void)names;
	for (int i = 0; i < n; i++)
		if (buf_append(out, values[i], strlen(values[i])) || buf_append(out, i + 1 < n ? "," : "\n", 1))
			return 1;
	return 0;
}

/* What the history says and what follows from it, as text: the caller's. Not in it is what stands in the database once
 * and follows from nothing: times, who posted, labelers' names, and what belongs to items that were never closed. */
static char *state_of(const char *path)
{
	static const char *const parts[] = {
		"SELECT quote(id), quote(name), quote(rate), quote(c), quote(beta), quote(eta), quote(horizon), quote(share),"
		" quote(entry), quote(round), quote(epoch), quote(scored), quote(open), quote(closed), quote(voided),"
		" quote(closes), quote(total_weight), quote(mean_loss), quote(median_loss), quote(plain_mean_loss),"
		" quote(plain_median_loss), quote(forecast_loss), quote(stretch), quote(stretch_eta), quote(stretch_weight),"
		" quote(grown), quote(track_c), quote(track_u), quote(track_n1), quote(track_n0), quote(track_a),"
		" quote(track_b), quote(track_y), quote(blend_plain_mean), quote(blend_mean), quote(blend_regression),"
		" quote(blend_evidence), quote(blend_evidence_full), quote(rechecks), quote(disagreed), quote(wrong),"
		" quote(first_scored), quote(signs) FROM pools ORDER BY id",
		"SELECT quote(pool), quote(rate), quote(c), quote(beta), quote(eta), quote(horizon), quote(share),"
		" quote(entry), quote(wrong), quote(first_scored), quote(signs) FROM settings ORDER BY pool, change",
		"SELECT quote(pool), quote(id), quote(entry), quote(weight), quote(epoch), quote(scored), quote(own_loss),"
		" quote(mean_loss), quote(gain), quote(lim), quote(stretch), quote(m), quote(v), quote(n1), quote(n0),"
		" quote(a), quote(b), quote(last_round) FROM labelers ORDER BY pool, id",
		"SELECT quote(id), quote(pool), quote(name), quote(state), quote(close_number), quote(mean), quote(median),"
		" quote(plain_mean), quote(plain_median), quote(spread), quote(ess), quote(n), quote(reports),"
		" quote(weights), quote(outcome), quote(round), quote(block), quote(forecast), quote(regression),"
		" quote(evidence), quote(evidence_full), quote(closed_round) FROM items WHERE close_number IS NOT NULL ORDER BY id",
		"SELECT quote(pool), quote(round), quote(item), quote(outcome), quote(eta), quote(lbar), quote(epoch),"
		" quote(weights), quote(last_rounds), quote(stretch), quote(gradient), quote(variance)"
		" FROM settlements ORDER BY pool, round",
		"SELECT quote(pool), quote(item), quote(value) FROM rechecks ORDER BY item",
	};
	sqlite3 *db;
	struct buf out = {0};
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		assert_int_equal(sqlite3_exec(db, parts[i], append_row, &out, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	char *text = strndup((const char *)out.data, out.len);
	buf_free(&out);
	assert_non_null(text);
	return text;
}

/* Two pools, with items in every state and a change of settings. */
static void make_history(struct command *c)
{
	daemon_start(&c->daemon, NULL);
	campaign_write(c->file, 60, 11);
	assert_candor(c, 0, "import", "one", c->file);
	assert_candor(c, 0, "pool", "set", "one", "--c", "0.7", "--entry", "0.5");
	campaign_write(c->file, 90, 12);
	assert_candor(c, 1, "import", "one", c->file);
	command_fill(c);
	assert_candor(c, 0, "report", "one", "open-1", "late-comer", "0.25");
	assert_candor(c, 0, "report", "one", "open-2", "late-comer", "0.75");
}

/* ---- candord on a damaged database ---- */

/* The last line of a text. */
static const char *last_line(const char *text)
{
	const char *line = text;
	for (const char *at = text; (at = strchr(at, '\n')) && at[1]; line = ++at)
		;
	return line;
}

enum came_to { REFUSED, SERVED };

/* Starts candord on it; where it serves, asks it for everything and stops it. Its words are in c->err. It must end with
 * 0 or 1 and nothing else. */
static enum came_to try_to_serve(struct command *c, const char *db)
{
	const char *const argv[] = {"candord", "--listen", c->daemon.address, "--db", db, NULL};
	char log[DAEMON_PATH_MAX];
	int status;
	daemon_path(&c->daemon, "damaged.err", log);
	if (remove(log) != 0)
		assert_int_equal(errno, ENOENT);
	c->daemon.pid = daemon_spawn(argv, log);
	enum came_to came_to = daemon_serves(&c->daemon, &status) ? SERVED : REFUSED;
	if (came_to == SERVED) {
		static const char *const pools[] = {"one", "p"};
		for (size_t i = 0; i < 2; i++) {
			command_run(c, NULL, ARGS("labelers", pools[i]));
			command_run(c, NULL, ARGS("pool", "show", pools[i]));
			command_run(c, NULL, ARGS("query", pools[i], "a", "open", "open-1", "--reports"));
			command_run(c, NULL, ARGS("labeler", pools[i], "ann", "--history"));
			command_run(c, NULL, ARGS("export", pools[i]));
		}
		status = daemon_stop(&c->daemon);
	}
	files_read_text(log, c->err, COMMAND_TEXT_MAX);
	bool decent = status == 0 || status == 1;
	if (!decent || (came_to == REFUSED && status == 0))
		print_error("%s", c->err);
	assert_true(decent);
	assert_true(came_to == SERVED || status == 1);
	return came_to;
}

static int verify_deep(struct command *c, const char *db)
{
	int status = command_candord(c, ARGS("--verify", "--deep", "--db", db));
	if (status > 1)
		print_error("%s%s", c->out, c->err);
	assert_in_range(status, 0, 1);
	return status;
}

static void assert_refused_with_advice(struct command *c, const char *db, const char *naming)
{
	assert_int_equal(try_to_serve(c, db), REFUSED);
	assert_says(c->err, naming);
	assert_says(last_line(c->err), "cannot use database");
	assert_says(last_line(c->err), "Repair");
}

/* ---- chance ---- */

static void random_noise(struct random *r, unsigned char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (unsigned char)random_below(r, 256);
}

/* Damages it in one place, in one of the ways in which disks and people do: a phrase that says how. */
static const char *damage(struct random *r, struct bytes *b)
{
	size_t pages = b->n / PAGE, page = random_below(r, pages) * PAGE;
	unsigned char *at = b->at + page, *header = at + (page == 0 ? 100 : 0);
	unsigned char bit = (unsigned char)(1 << random_below(r, 8));
	switch (random_below(r, 9)) {
	case 0: b->n = random_below(r, b->n); return "truncated";
	case 1: b->n = page; return "truncated at a page";
	case 2: memset(at, 0, PAGE); return "a page of zeros";
	case 3: random_noise(r, at, PAGE); return "a page of noise";
	case 4: random_noise(r, at + random_below(r, 8) * 512, 512); return "a sector of noise";
	case 5: b->at[random_below(r, 100)] ^= bit; return "a bit of the file's header";
	case 6: header[random_below(r, 48)] ^= bit; return "a bit of a page's header";
	case 7: memcpy(at, b->at + random_below(r, pages) * PAGE, PAGE); return "a page in the place of another";
	default: b->at[random_below(r, b->n)] ^= bit; return "a bit";
	}
}

/* How many characters two texts have in common at their beginning. */
static size_t common_length(const char *a, const char *b)
{
	size_t n = 0;
	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

/* The beginning of the line that a character stands in. */
static const char *line_at(const char *text, size_t at)
{
	while (at > 0 && text[at - 1] != '\n')
		at--;
	return text + at;
}

static void damage_is_refused_or_found_or_has_changed_nothing(void **state)
{
	struct command *c = *state;
	struct random random;
	char bad[DAEMON_PATH_MAX];
	int refused = 0, found = 0, unchanged = 0;
	seed_random(&random, 46);
	make_history(c);
	assert_int_equal(daemon_stop(&c->daemon), 0);
	struct bytes original = load(c->daemon.db);
	char *was = state_of(c->daemon.db);
	daemon_path(&c->daemon, "bad.db", bad);
	for (int i = 0; i < (SANITIZED ? 60 : 250); i++) {
		struct bytes b = copy_of(&original);
		const char *how = damage(&random, &b);
		remove_all(bad);
		files_write_bytes(bad, b.at, b.n);
		bool sound = verify_deep(c, bad) == 0;
		if (sound) {
			char *is = state_of(bad);
			size_t at = common_length(is, was);
			if (is[at] || was[at])
				print_error("# round %d, %s: verified, but changed: \"%.200s\" was \"%.200s\"\n", i,
					    how, line_at(is, at), line_at(was, at));
			assert_string_equal(is, was);
			free(is);
		}
		remove_all(bad);
		files_write_bytes(bad, b.at, b.n);
		enum came_to came_to = try_to_serve(c, bad);
		if (came_to == REFUSED)
			assert_says(last_line(c->err), "Repair");
		refused += came_to == REFUSED;
		found += came_to == SERVED && !sound;
		unchanged += came_to == SERVED && sound;
		free(b.at);
	}
	print_message("# %d refused, %d served and found by --verify, %d unchanged\n", refused, found, unchanged);
	assert_true(refused > 0 && found > 0 && unchanged > 0);
	free(was);
	free(original.at);
}

/* ---- the write-ahead log ---- */

/* Where the last commit begins in a log. */
static size_t last_commit(const struct bytes *wal)
{
	size_t begins = WAL_HEADER, next = WAL_HEADER;
	for (size_t at = WAL_HEADER; at + WAL_FRAME <= wal->n; at += WAL_FRAME) {
		bool commits = wal->at[at + 4] | wal->at[at + 5] | wal->at[at + 6] | wal->at[at + 7];
		if (commits) {
			begins = next;
			next = at + WAL_FRAME;
		}
	}
	return begins;
}

static void put_log(const char *db, const struct bytes *b, const struct bytes *wal)
{
	char path[256];
	remove_all(db);
	snprintf(path, sizeof path, "%s-wal", db);
	files_write_bytes(db, b->at, b->n);
	files_write_bytes(path, wal->at, wal->n);
}

static void a_damaged_log_is_refused_where_commits_would_be_lost(void **state)
{
	struct command *c = *state;
	struct random random;
	char bad[DAEMON_PATH_MAX], path[256];
	seed_random(&random, 47);
	make_history(c);
	daemon_kill(&c->daemon);
	snprintf(path, sizeof path, "%s-wal", c->daemon.db);
	daemon_path(&c->daemon, "bad.db", bad);
	struct bytes db = load(c->daemon.db), wal = load(path);
	wal.n = wal_used(wal.at, wal.n);
	size_t last = last_commit(&wal);
	assert_true(last > 20 * WAL_FRAME);
	put_log(bad, &db, &wal);
	assert_int_equal(verify_deep(c, bad), 0);
	for (int i = 0; i < (SANITIZED ? 15 : 40); i++) {
		struct bytes b = copy_of(&wal);
		size_t at = random_below(&random, last);
		b.at[at] ^= (unsigned char)(1 << random_below(&random, 8));
		put_log(bad, &db, &b);
		if (verify_deep(c, bad) == 0)
			print_error("# a bit of byte %zu of %zu\n", at, wal.n);
		assert_int_equal(verify_deep(c, bad), 1);
		assert_refused_with_advice(c, bad, "-wal");
		free(b.at);
	}
	struct bytes noise = copy_of(&wal);
	random_noise(&random, noise.at, noise.n);
	put_log(bad, &db, &noise);
	assert_refused_with_advice(c, bad, "-wal");
	free(noise.at);
	free(db.at);
	free(wal.at);
}

static void a_last_commit_torn_by_a_power_failure_is_not_damage(void **state)
{
	struct command *c = *state;
	struct random random;
	char bad[DAEMON_PATH_MAX], path[256];
	seed_random(&random, 48);
	make_history(c);
	daemon_kill(&c->daemon);
	snprintf(path, sizeof path, "%s-wal", c->daemon.db);
	daemon_path(&c->daemon, "bad.db", bad);
	struct bytes db = load(c->daemon.db), wal = load(path);
	wal.n = wal_used(wal.at, wal.n);
	size_t last = last_commit(&wal);
	for (int i = 0; i < 10; i++) {
		struct bytes b = copy_of(&wal);
		size_t at = last + random_below(&random, wal.n - last);
		if (i % 2)
			b.n = at;
		else
			b.at[at] ^= (unsigned char)(1 << random_below(&random, 8));
		put_log(bad, &db, &b);
		assert_int_equal(try_to_serve(c, bad), SERVED);
		assert_int_equal(verify_deep(c, bad), 0);
		free(b.at);
	}
	free(db.at);
	free(wal.at);
}

/* ---- one by one ---- */

static void a_missing_table_index_or_view_is_named(void **state)
{
	struct command *c = *state;
	static const struct {
		const char *sql, *naming;
	} missing[] = {
		{"DROP TABLE revisions", "table revisions"},
		{"DROP INDEX items_by_close", "index items_by_close"},
		{"DROP VIEW reports", "view reports"},
		{"DROP TABLE settlements; CREATE TABLE settlements (x)", "table settlements"},
		{"DELETE FROM progress", "contradicts"},
	};
	make_history(c);
	assert_int_equal(daemon_stop(&c->daemon), 0);
	struct bytes original = load(c->daemon.db);
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
		remove_all(c->daemon.db);
		files_write_bytes(c->daemon.db, original.at, original.n);
		sql_run(c->daemon.db, missing[i].sql);
		assert_refused_with_advice(c, c->daemon.db, missing[i].naming);
		assert_int_equal(verify_deep(c, c->daemon.db), 1);
	}
	remove_all(c->daemon.db);
	files_write_bytes(c->daemon.db, original.at, original.n);
	free(original.at);
}

static void a_lost_database_is_not_silently_begun_anew(void **state)
{
	struct command *c = *state;
	char kept[256];
	struct stat st;
	make_history(c);
	daemon_kill(&c->daemon);
	snprintf(kept, sizeof kept, "%s-wal", c->daemon.db);
	struct bytes db = load(c->daemon.db), wal = load(kept);
	assert_true(wal.n > 0);
	/* The file has gone, its log has not. */
	assert_int_equal(remove(c->daemon.db), 0);
	assert_refused_with_advice(c, c->daemon.db, "-wal exists");
	assert_int_equal(stat(kept, &st), 0);
	assert_int_equal(st.st_size, wal.n);
	/* The file is empty, with its log and without. */
	files_write_bytes(c->daemon.db, "", 0);
	assert_refused_with_advice(c, c->daemon.db, "-wal exists");
	assert_int_equal(stat(kept, &st), 0);
	remove_all(c->daemon.db);
	files_write_bytes(c->daemon.db, "", 0);
	assert_refused_with_advice(c, c->daemon.db, "empty");
	/* Put back, both are what they were. */
	remove_all(c->daemon.db);
	files_write_bytes(c->daemon.db, db.at, db.n);
	files_write_bytes(kept, wal.at, wal.n);
	assert_int_equal(try_to_serve(c, c->daemon.db), SERVED);
	assert_int_equal(verify_deep(c, c->daemon.db), 0);
	free(db.at);
	free(wal.at);
}

#define DAMAGE(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down_spoiled)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DAMAGE(damage_is_refused_or_found_or_has_changed_nothing),
		DAMAGE(a_damaged_log_is_refused_where_commits_would_be_lost),
		DAMAGE(a_last_commit_torn_by_a_power_failure_is_not_damage),
		DAMAGE(a_missing_table_index_or_view_is_named),
		DAMAGE(a_lost_database_is_not_silently_begun_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
