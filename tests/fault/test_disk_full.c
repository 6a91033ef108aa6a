/* A real candord on a small disk that is really full: reads go on, writes are refused with the reason, service comes back
 * by itself when there is room, what was acknowledged is there and what was refused is not.
 *
 * The disk is a tmpfs in a mount namespace of this program's own: it is gone with it, however it ends. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/command.h"
#include "tests/lib/proof.h"
#include "tests/lib/seed.h"
#include "tests/lib/wal.h"

enum { REQUESTS_MAX = 4096, ITEMS = 5, LABELERS = 40, ROWS = ITEMS * LABELERS, PAGE = 4096, PATIENCE = 3000 };

enum fate { UNSENT, ACKNOWLEDGED, REFUSED };

static struct {
	char dir[96], ballast[112];
	bool mounted;
	struct random random;
	struct candor *client;
	enum fate fates[REQUESTS_MAX];
	int n;
	uint64_t acknowledged, refused;
} disk;

/* What keeps this program from having a disk of its own; NULL: nothing. */
static const char *obstacle;

/* ---- the disk ---- */

static bool write_line(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return done;
}

/* As root, or as root of a user namespace. */
static void get_namespace(void)
{
	char map[64];
	uid_t uid = getuid();
	gid_t gid = getgid();
	if (unshare(CLONE_NEWNS) != 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
			obstacle = "mounting a small disk needs root or user namespaces";
			return;
		}
		snprintf(map, sizeof map, "0 %u 1", uid);
		bool mapped = write_line("/proc/self/uid_map", map) && write_line("/proc/self/setgroups", "deny");
		snprintf(map, sizeof map, "0 %u 1", gid);
		if (!mapped || !write_line("/proc/self/gid_map", map)) {
			obstacle = "this user cannot be root of a user namespace";
			return;
		}
	}
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		obstacle = "mounts cannot be made private here";
}

static void get_disk(struct command *c, size_t bytes)
{
	char options[64];
	snprintf(disk.dir, sizeof disk.dir, "%s/disk", c->daemon.dir);
	snprintf(disk.ballast, sizeof disk.ballast, "%s/ballast", disk.dir);
	snprintf(c->daemon.db, sizeof c->daemon.db, "%s/candor.db", disk.dir);
	snprintf(options, sizeof options, "size=%zu,mode=700", bytes);
	assert_int_equal(mkdir(disk.dir, 0700), 0);
	assert_int_equal(mount("candor-test", disk.dir, "tmpfs", MS_NOSUID | MS_NODEV, options), 0);
	disk.mounted = true;
}

static size_t room(void)
{
	struct statvfs st;
	assert_int_equal(statvfs(disk.dir, &st), 0);
	return (size_t)st.f_bavail * st.f_bsize;
}

/* The ballast grows or shrinks until so much is free, in whole pages; the daemon must be at rest. */
static void leave_room(size_t bytes)
{
	static const char page[PAGE];
	int fd = open(disk.ballast, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	off_t size = st.st_size;
	while (room() > bytes && pwrite(fd, page, PAGE, size) == PAGE)
		size += PAGE;
	if (room() < bytes && size > 0) {
		size_t back = bytes - room();
		size = (size_t)size > back ? size - (off_t)(back + PAGE - 1) / PAGE * PAGE : 0;
	}
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void make_room(void)
{
	assert_int_equal(unlink(disk.ballast), 0);
}

static int tear_down(void **state)
{
	struct command *c = *state;
	if (c->daemon.pid)
		daemon_kill(&c->daemon);
	if (disk.mounted && umount2(disk.dir, MNT_DETACH) != 0)
		return 1;
	disk.mounted = false;
	return command_tear_down(state);
}

/* ---- the client ---- */

static double value_of(int request, size_t row)
{
	return (double)(((uint64_t)request * 7919 + row * 104729) % 9973) / 9973;
}

/* A request with items of its own: five, with forty reports each. */
static enum candor_code post(void)
{
	char items[ITEMS][64], labelers[LABELERS][16];
	struct candor_report rows[ROWS];
	int n = disk.n++;
	assert_true(n < REQUESTS_MAX);
	for (size_t i = 0; i < ITEMS; i++)
		snprintf(items[i], sizeof items[i], "item number %zu of request number %d", i, n);
	for (size_t i = 0; i < LABELERS; i++)
		snprintf(labelers[i], sizeof labelers[i], "labeler %zu", i);
	for (size_t i = 0; i < ROWS; i++)
		rows[i] = (struct candor_report){items[i % ITEMS], labelers[i / ITEMS], value_of(n, i)};
	const struct candor_response *r = call_any(
		disk.client,
		(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = ROWS, .reports = rows});
	if (r->code == CANDOR_OK) {
		assert_int_equal(r->batch.accepted, ROWS);
		disk.fates[n] = ACKNOWLEDGED;
		disk.acknowledged++;
		return r->code;
	}
	disk.fates[n] = REFUSED;
	disk.refused++;

	assert_int_equal(r->code, CANDOR_UNAVAILABLE);
	assert_says(r->message, "no space left on the daemon's disk");
	return r->code;
}

static void check_request(int n)
{
	char items[ITEMS][64];
	const char *names[ITEMS];
	for (size_t i = 0; i < ITEMS; i++) {
		snprintf(items[i], sizeof items[i], "item number %zu of request number %d", i, n);
		names[i] = items[i];
	}
	const struct candor_response *r = call_any(
		disk.client,
		(struct candor_request){
			.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = ITEMS, .items = names, .with_reports = true});
	assert_int_equal(r->code, CANDOR_OK);
	if (r->n != (disk.fates[n] == ACKNOWLEDGED ? ITEMS : 0))
		print_error("request %d, fate %d: %zu items are there\n", n, (int)disk.fates[n], r->n);
	assert_int_equal(r->n, disk.fates[n] == ACKNOWLEDGED ? ITEMS : 0);
	for (size_t i = 0; i < r->n; i++) {
		assert_int_equal(r->items[i].n_reports, LABELERS);
		for (size_t k = 0; k < LABELERS; k++)
			assert_same_bits(r->items[i].reports[k].value, value_of(n, k * ITEMS + i));
	}
}

/* All that was acknowledged is there, and nothing of what was refused. */
static void check_all(void)
{
	for (int n = 0; n < disk.n; n++)
		check_request(n);
}

static bool info_says(struct command *c, const char *words)
{
	assert_candor(c, 0, "info");
	return strstr(c->out, words) != NULL;
}

/* Where a batch finds no room, what the daemon writes to ask for room may find some, and then writes are accepted again
 * until the next batch: so batches are sent until it is seen to refuse them. */
static void await_refusal(struct command *c)
{
	for (int i = 0; i < PATIENCE; i++) {
		while (post() == CANDOR_OK)
			;
		if (info_says(c, "refused: no space left for the database")) {
			/* It answers, and is no use for what writes. */
			assert_candor(c, 0, "ping");
			int code = command_run(c, NULL, ARGS("ping", "--write"));
			if (code == 0)
				continue; /* the daemon has just found some room for itself again */
			assert_int_equal(code, 3);
			assert_says(c->err, "UNAVAILABLE: no space left on the daemon's disk");
			return;
		}
	}
	fail_msg("the disk is full, and candor info never says so");
}

/* The daemon asks once a second by itself. */
static void await_service(void)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (!call_info(disk.client)->read_only)
			return;
		nap_ms(10);
	}
	fail_msg("there is room, and writes are refused all the same");
}

static void start(struct command *c)
{
	daemon_start(&c->daemon, NULL);
	disk.client = daemon_connect(&c->daemon);
}

static void stop(struct command *c)
{
	assert_int_equal(daemon_stop(&c->daemon), 0);
}

/* A daemon with a pool, on an empty disk. */
static void begin(struct command *c, size_t bytes)
{
	disk.n = 0;
	get_disk(c, bytes);
	start(c);
	call_create_pool(disk.client, "p");
}

/* ---- the tests ---- */

static void service_comes_back_by_itself_when_there_is_room(void **state)
{
	struct command *c = *state;
	if (obstacle)
		skip_because(obstacle);
	begin(c, 8 << 20);
	for (int round = 0; round < (SANITIZED ? 3 : 6); round++) {
		leave_room(random_below(&disk.random, 60) * PAGE);
		await_refusal(c);
		check_all();
		make_room();
		await_service();
		assert_true(info_says(c, "writes       accepted"));
		assert_int_equal(post(), CANDOR_OK);
		check_all();
		if (round % 2) {
			stop(c);
			assert_int_equal(daemon_verify(&c->daemon), 0);
			start(c);
			check_all();
		}
	}
	stop(c);
	assert_int_equal(daemon_verify(&c->daemon), 0);
}

static void a_daemon_that_is_stopped_while_the_disk_is_full_ends_in_order(void **state)
{
	struct command *c = *state;
	if (obstacle)
		skip_because(obstacle);
	begin(c, 8 << 20);
	for (int i = 0; i < 10; i++)
		assert_int_equal(post(), CANDOR_OK);
	leave_room(0);
	while (post() == CANDOR_OK)
		;
	stop(c);
	assert_int_equal(room(), 0);
	make_room();
	assert_int_equal(daemon_verify(&c->daemon), 0);
	start(c);
	check_all();
	assert_int_equal(post(), CANDOR_OK);
	stop(c);
	assert_int_equal(daemon_verify(&c->daemon), 0);
}

/* What a start that failed said, in c->err. False: it serves. */
static bool start_fails(struct command *c)
{
	const char *const argv[] = {"candord", "--listen", c->daemon.address, "--db", c->daemon.db, NULL};
	char said[DAEMON_PATH_MAX];
	int status;
	daemon_path(&c->daemon, "said", said);
	c->daemon.pid = daemon_spawn(argv, said);
	if (daemon_serves(&c->daemon, &status)) {
		disk.client = daemon_connect(&c->daemon);
		return false;
	}
	assert_int_equal(status, 1);
	files_read_text(said, c->err, sizeof c->err);
	return true;
}

static void a_start_on_a_full_disk_serves_reads_or_says_why_not(void **state)
{
	struct command *c = *state;
	int served = 0, refused = 0;
	if (obstacle)
		skip_because(obstacle);
	begin(c, 8 << 20);
	for (int i = 0; i < 10; i++)
		assert_int_equal(post(), CANDOR_OK);
	for (size_t pages = 0; pages < 24; pages += SANITIZED ? 4 : 1) {
		/* Stopped in order, or not: then there is a log to be brought in. */
		if (pages % 2)
			daemon_kill(&c->daemon);
		else
			assert_int_equal(daemon_stop(&c->daemon), 0);
		leave_room(pages * PAGE);
		if (start_fails(c)) {
			refused++;
			assert_says(c->err, "no space left");
		} else {
			served++;
			check_all();
			await_refusal(c);
			check_all();
		}
		make_room();
		if (!c->daemon.pid)
			start(c);
		await_service();
		check_all();
		assert_int_equal(post(), CANDOR_OK);
	}
	print_message("# %d starts served, %d said why not\n", served, refused);
	stop(c);
	assert_int_equal(daemon_verify(&c->daemon), 0);
}

/* The very first start, which makes the database. */
static void a_first_start_on_a_full_disk_leaves_nothing_in_the_way_of_the_next(void **state)
{
	struct command *c = *state;
	if (obstacle)
		skip_because(obstacle);
	get_disk(c, 4 << 20);
	disk.n = 0;
	for (size_t pages = 0; pages < 40; pages += SANITIZED ? 8 : 2) {
		leave_room(pages * PAGE);
		if (start_fails(c))
			assert_says(c->err, "no space left");
		else
			stop(c);
		make_room();
		start(c);
		stop(c);
		assert_int_equal(daemon_verify(&c->daemon), 0);
		assert_int_equal(unlink(c->daemon.db), 0);
	}
}

/* Posts until so many frames of the log are in use. */
static void fill_log(const struct command *c, size_t frames)
{
	char log[256];
	snprintf(log, sizeof log, "%s-wal", c->daemon.db);
	while (wal_used_of(log) < frames * WAL_FRAME)
		assert_int_equal(post(), CANDOR_OK);
}

/* A commit at a time, with so much room before each. */
static void creep(size_t commits, size_t pages)
{
	for (size_t i = 0; i < commits; i++) {
		leave_room(pages * PAGE);
		post();
		if (disk.fates[disk.n - 1] == REFUSED) {
			check_request(disk.n - 1);
			make_room();
			await_service();
		}
	}
}

/* A checkpoint comes after 4000 pages of log, and the database then needs room to grow. A log that grows all the same needs
 * a longer index, after 4062 pages. */
static void fill_while_the_log_has(struct command *c, size_t frames)
{
	if (obstacle)
		skip_because(obstacle);
	begin(c, 64 << 20);
	fill_log(c, frames);
	for (size_t pages = 4; pages < 64; pages += 12)
		creep(SANITIZED ? 2 : 4, pages);
	leave_room(0);
	while (post() == CANDOR_OK)
		;
	check_all();
	stop(c);
	make_room();
	assert_int_equal(daemon_verify(&c->daemon), 0);
	start(c);
	check_all();
	stop(c);
	assert_int_equal(daemon_verify(&c->daemon), 0);
}

static void no_room_for_a_checkpoint_loses_nothing(void **state)
{
	fill_while_the_log_has(*state, 3970);
}

static void no_room_for_a_checkpoint_in_a_log_that_still_has_room_loses_nothing(void **state)
{
	fill_while_the_log_has(*state, 3850);
}

/* The index of the log (-shm) grows after each 4096 pages or so of a log that cannot begin anew, since somebody reads. */
static void no_room_for_the_index_of_the_log_loses_nothing(void **state)
{
	struct command *c = *state;
	sqlite3 *reader;
	if (obstacle)
		skip_because(obstacle);
	begin(c, 64 << 20);
	assert_int_equal(post(), CANDOR_OK);
	assert_int_equal(sqlite3_open_v2(c->daemon.db, &reader, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM progress", NULL, NULL, NULL), SQLITE_OK);
	fill_log(c, 4030);
	for (int i = 0; i < 12; i++)
		creep(1, 20 + (size_t)i);
	check_all();
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	assert_int_equal(post(), CANDOR_OK);
	stop(c);
	assert_int_equal(daemon_verify(&c->daemon), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, command_set_up_alone, tear_down)

static int count(void **state)
{
	(void)state;
	if (!obstacle) {
		proof_say("batches refused on a full disk", disk.refused);
		proof_say("batches acknowledged around a full disk", disk.acknowledged);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(service_comes_back_by_itself_when_there_is_room),
		TEST(a_daemon_that_is_stopped_while_the_disk_is_full_ends_in_order),
		TEST(a_start_on_a_full_disk_serves_reads_or_says_why_not),
		TEST(a_first_start_on_a_full_disk_leaves_nothing_in_the_way_of_the_next),
		TEST(no_room_for_a_checkpoint_loses_nothing),
		TEST(no_room_for_a_checkpoint_in_a_log_that_still_has_room_loses_nothing),
		TEST(no_room_for_the_index_of_the_log_loses_nothing),
	};
	seed_random(&disk.random, 61);
	get_namespace();
	return cmocka_run_group_tests(tests, NULL, count);
}
