/* What a service manager is told while files answer slowly or not at all: the watchdog is not fed while a commit hangs,
 * a start on slow files says how far it is, and ends when it is told to. */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/net/server.h"
#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/files.h"
#include "tests/lib/manager.h"
#include "tests/lib/older.h"
#include "tests/lib/proof.h"
#include "tests/lib/schemas.h"
#include "tests/lib/shim_vfs.h"
#include "tests/lib/unit.h"

/* ---- files that take their time ---- */

/* Shared with the daemon, which is a child. */
static struct shared {
	_Atomic bool writes_hang; /* until it is taken back */
	_Atomic unsigned hanging; /* writes that do */
	_Atomic unsigned read_ms; /* that each read of a page takes */
} * shared;

static struct shim shim;

static int on_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
	atomic_fetch_add(&shared->hanging, atomic_load(&shared->writes_hang));
	while (atomic_load(&shared->writes_hang))
		nap_ms(1);
	return shim_real(f)->pMethods->xWrite(shim_real(f), bytes, n, at);
}

static int on_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
	nap_ms(atomic_load(&shared->read_ms));
	return shim_real(f)->pMethods->xRead(shim_real(f), out, n, at);
}

/* ---- the daemon, a child over these files ---- */

static struct manager manager = {.fd = -1};

static void on_log(enum log_level level, const char *line)
{
	fprintf(stderr, "%s%s\n", level == LOG_ERROR ? "error: " : "", line);
}

static _Noreturn void be_daemon(const struct daemon *d)
{
	static struct config config;
	enum config_command command;
	char own_dir[CONFIG_PATH_MAX], error[1024], log[DAEMON_PATH_MAX];
	const char *const args[] = {"candord", "--listen", d->address, "--db", d->db, NULL};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	daemon_path(d, "log", log);
	if (!freopen(log, "a", stderr))
		_exit(98);
	setvbuf(stderr, NULL, _IOLBF, 0);
	log_set_sink(on_log);
	if (config_load(&config, 5, (char **)(uintptr_t)args, &command, own_dir, error, sizeof error))
		_exit(97);
	exit(server_run(&config) ? 1 : 0);
}

static void start(struct daemon *d)
{
	char path[DAEMON_PATH_MAX];
	if (manager.fd < 0) {
		daemon_path(d, "notify", path);
		manager_open(&manager, path);
	}
	fflush(stdout);
	fflush(stderr);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0)
		be_daemon(d);
}

/* ---- a commit that hangs ---- */

static void await_hanging_write(void)
{
	for (int i = 0; i < 30000 && atomic_load(&shared->hanging) == 0; i++)
		nap_ms(1);
	assert_true(atomic_load(&shared->hanging) > 0);
}

static void the_watchdog_is_not_fed_while_a_commit_hangs(void **state)
{
	enum { WATCHDOG_US = 400000, ROUNDS = 3 };
	static const char hangs[] = "STATUS=a commit has been under way for ";
	struct daemon *d = *state;
	const struct candor_options impatient = {.request_timeout_ms = 2000};
	struct candor *c, *other;
	manager_watch(WATCHDOG_US);
	start(d);
	manager_await(&manager, "READY=1", NULL);
	c = daemon_connect(d);
	call_create_pool(c, "birds");
	for (int i = 0; i < ROUNDS; i++)
		manager_await(&manager, "WATCHDOG=1", NULL);

	/* Where the disk is slow, a commit before or after it may hang by itself. */
	unsigned before = daemon_said(d, "the watchdog is not fed");
	assert_int_equal(daemon_open(d, &other, d->address, &impatient), 0);
	atomic_store(&shared->writes_hang, true);
	const struct candor_response *r;
	const struct candor_report report = {.item = "q", .labeler = "ann", .value = 0.5};
	const struct candor_request request = {
		.type = CANDOR_REQ_POST_REPORTS, .pool = "birds", .n = 1, .reports = &report};
	assert_int_not_equal(candor_call(other, &request, &r), 0);
	await_hanging_write();
	/* The loop goes on, and answers; it says what is wrong, once a second and for as long as that is so. */
	manager_await(&manager, hangs, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		call_info(c);
		assert_int_equal(manager_await(&manager, hangs, "WATCHDOG=1"), 0);
	}
	assert_int_equal(daemon_said(d, "the watchdog is not fed"), before + 1);
	atomic_store(&shared->writes_hang, false);
	for (int i = 0; i < ROUNDS; i++)
		manager_await(&manager, "WATCHDOG=1", NULL);
	call_report(c, "birds", "q", "bob", 0.5);
	manager_close(&manager);
	assert_int_equal(daemon_stop(d), 0);
	assert_int_equal(daemon_said(d, "the watchdog is fed again"), daemon_said(d, "the watchdog is not fed"));
	proof_say("commits that hung, so that a watchdog was not fed", 1);
}

/* ---- a start that takes long ---- */

enum { LABELERS = 30000 };

/* A database that takes some hundred pages to read. */
static void make_large(struct daemon *d)
{
	char path[DAEMON_PATH_MAX];
	daemon_path(d, "reports.csv", path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "item,labeler,report\n");
	for (int i = 0; i < LABELERS; i++)
		fprintf(f, "q,labeler-%d,0.5\n", i);
	assert_int_equal(fclose(f), 0);
	daemon_start(d, NULL);
	const char *const argv[] = {"candor", "--server", d->address, "import", "birds", path, "--keep-open", NULL};
	call_create_pool(daemon_connect(d), "birds");
	assert_int_equal(daemon_run(argv, NULL, NULL, NULL), 0);
	assert_int_equal(daemon_stop(d), 0);
	atomic_store(&shared->read_ms, 10);
}

static void a_long_start_says_how_far_it_is_and_asks_for_time(void **state)
{
	struct daemon *d = *state;
	make_large(d);
	atomic_store(&shared->read_ms, 20);
	manager_watch(400000);
	start(d);
	unsigned said = 0, part = 0, of = 0, fed = 0;
	while (manager_next(&manager), !manager_said(&manager, "READY=1")) {
		unsigned percent, done, total;
		const char *status = manager_said(&manager, "STATUS=recovering: ");
		fed += manager_said(&manager, "WATCHDOG=1") != NULL;
		if (!status)
			continue;
		assert_int_equal(sscanf(status, "%u %%, %u of %u rows", &percent, &done, &total), 3);
		assert_true(percent <= 100 && percent >= part && done <= total && (of == 0 || total == of));
		assert_int_equal(percent, (unsigned)((double)done / total * 100));
		assert_non_null(manager_said(&manager, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS="));
		said++;
		part = percent;
		of = total;
	}
	assert_true(said > 0 && fed > 0);
	/* Every few seconds; some five hundred reads take longer. */
	assert_true(daemon_said(d, "recovering: ") > 0);
	/* Each labeler, the report of each, and the item. */
	assert_int_equal(of, 2 * LABELERS + 1);
}

static void a_long_start_ends_when_it_is_told_to(void **state)
{
	static const int ends[] = {SIGTERM, SIGINT};
	static const char *const names[] = {"SIGTERM: the start is given up", "SIGINT: the start is given up"};
	struct daemon *d = *state;
	make_large(d);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		start(d);
		manager_await(&manager, "STATUS=recovering: ", NULL);
		kill(d->pid, ends[i]);
		assert_int_equal(manager_await(&manager, "STOPPING=1", "READY=1"), 0);
		assert_int_equal(daemon_wait(d), 0);
		assert_int_equal(daemon_said(d, names[i]), 1);
		assert_int_equal(daemon_said(d, "stopped: "), i + 2); /* with that of make_large() */
	}
	/* Nothing was lost by that. */
	atomic_store(&shared->read_ms, 0);
	start(d);
	manager_await(&manager, "READY=1", NULL);
	assert_int_equal(call_get_pool(daemon_connect(d), "birds")->labelers, LABELERS);
}

/* ---- an upgrade ---- */

enum { UPGRADED_ITEMS = 1500, UPGRADED_REPORTS = 5 };

/* A database of an older schema, some hundred pages of history. */
static void make_older(struct daemon *d)
{
	char path[DAEMON_PATH_MAX], older[DAEMON_PATH_MAX];
	daemon_path(d, "reports.csv", path);
	daemon_path(d, "older", older);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "item,labeler,report,outcome\n");
	for (int i = 0; i < UPGRADED_ITEMS * UPGRADED_REPORTS; i++)
		fprintf(f, "q%d,labeler-%d,0.%d,%d\n", i / UPGRADED_REPORTS, i % UPGRADED_REPORTS + i % 7, i % 9 + 1,
			i / UPGRADED_REPORTS % 2);
	assert_int_equal(fclose(f), 0);
	daemon_start(d, NULL);
	const char *const argv[] = {"candor", "--server", d->address, "import", "birds", path, NULL};
	assert_int_equal(daemon_run(argv, NULL, NULL, NULL), 0);
	assert_int_equal(daemon_stop(d), 0);
	older_make(d->db, older);
	assert_int_equal(rename(older, d->db), 0);
}

static void an_upgrade_says_how_far_it_is_and_is_given_up_when_it_is_told_to(void **state)
{
	struct daemon *d = *state;
	make_older(d);
	atomic_store(&shared->read_ms, 10);
	for (int i = 0; i < 2; i++) {
		start(d);
		while (manager_next(&manager), !manager_said(&manager, "STATUS=upgrading: "))
			assert_null(manager_said(&manager, "READY=1"));
		assert_non_null(manager_said(&manager, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS="));
		kill(d->pid, SIGTERM);
		assert_int_equal(manager_await(&manager, "STOPPING=1", "READY=1"), 0);
		assert_int_equal(daemon_wait(d), 0);
		assert_int_equal(daemon_said(d, "SIGTERM: the start is given up"), i + 1);
		assert_int_equal(schemas_of(d->db), 5);
	}
	atomic_store(&shared->read_ms, 0);
	start(d);
	manager_await(&manager, "READY=1", NULL);
	assert_int_equal(call_get_pool(daemon_connect(d), "birds")->round, UPGRADED_ITEMS);
}

/* ---- all of them ---- */

static int tear_down(void **state)
{
	atomic_store(&shared->writes_hang, false);
	atomic_store(&shared->read_ms, 0);
	manager_close(&manager);
	return daemon_tear_down(state);
}

static int install(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return -1;
	shim_init(&shim, "slow", sizeof(struct shim_file));
	shim.methods.xWrite = on_write;
	shim.methods.xRead = on_read;
	shim_install(&shim);
	return 0;
}

static int uninstall(void **state)
{
	(void)state;
	shim_remove(&shim);
	return munmap(shared, sizeof *shared);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, daemon_set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(the_watchdog_is_not_fed_while_a_commit_hangs),
		EACH(a_long_start_says_how_far_it_is_and_asks_for_time),
		EACH(a_long_start_ends_when_it_is_told_to),
		EACH(an_upgrade_says_how_far_it_is_and_is_given_up_when_it_is_told_to),
	};
	return cmocka_run_group_tests(tests, install, uninstall);
}
