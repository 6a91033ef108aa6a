/* What makes a bug in the programs harder to use: how they are built, and what candord forbids itself. */
#include <ctype.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/command.h"

/* The optimised build without sanitizers is the one that is installed. */
#if defined(__OPTIMIZE__)
enum { OPTIMISED = 1 };
#else
enum { OPTIMISED = 0 };
#endif

static const char *const programs[] = {"candord", "candor"};

/* What readelf says; the caller's. NULL: there is no readelf. */
static char *readelf(const char *options, const char *program)
{
	char path[512], line[600];
	char *text = NULL;
	size_t cap = 0;
	daemon_program(program, path, sizeof path);
	snprintf(line, sizeof line, "LC_ALL=C readelf %s %s 2>/dev/null", options, path);
	FILE *out = popen(line, "re");
	assert_non_null(out);
	ssize_t len = getdelim(&text, &cap, '\0', out);
	if (pclose(out) == 0 && len > 0)
		return text;
	free(text);
	return NULL;
}

/* The line of `text` that has `words`; in line[size]. */
static bool line_with(const char *text, const char *words, char *line, size_t size)
{
	const char *at = strstr(text, words);
	if (!at)
		return false;
	while (at > text && at[-1] != '\n')
		at--;
	snprintf(line, size, "%.*s", (int)strcspn(at, "\n"), at);
	return true;
}

#define NEED_RELEASE()                                                                           \
	do {                                                                                     \
		if (!OPTIMISED || SANITIZED)                                                     \
			skip_because("only the release variant is built so");                    \
		char *try_ = readelf("-h", "candord");                                           \
		if (!try_)                                                                       \
			skip_because("there is no readelf; it comes with the package binutils"); \
		free(try_);                                                                      \
	} while (0)

static void addresses_are_chosen_at_start(void **state)
{
	(void)state;
	NEED_RELEASE();
	for (size_t i = 0; i < 2; i++) {
		char line[256], *text = readelf("-hdW", programs[i]);
		assert_true(line_with(text, "Type:", line, sizeof line));
		assert_says(line, "DYN");
		assert_true(line_with(text, "(FLAGS_1)", line, sizeof line));
		assert_says(line, "PIE");
		free(text);
	}
}

static void linked_addresses_are_read_only_from_the_start(void **state)
{
	(void)state;
	NEED_RELEASE();
	for (size_t i = 0; i < 2; i++) {
		char line[256], *text = readelf("-ldW", programs[i]);
		assert_says(text, "GNU_RELRO");
		assert_true(line_with(text, "(FLAGS_1)", line, sizeof line));
		assert_says(line, "NOW");
		assert_null(strstr(text, "TEXTREL"));
		assert_null(strstr(text, "RUNPATH"));
		assert_null(strstr(text, "RPATH"));
		free(text);
	}
}

static void no_memory_is_both_written_and_run(void **state)
{
	(void)state;
	NEED_RELEASE();
	for (size_t i = 0; i < 2; i++) {
		char line[256], *text = readelf("-lW", programs[i]);
		assert_true(line_with(text, "GNU_STACK", line, sizeof line));
		assert_says(line, " RW ");
		assert_null(strstr(text, "RWE"));
		assert_null(strstr(text, "WE "));
		free(text);
	}
}

static void calls_that_can_overrun_are_the_checked_ones(void **state)
{
	(void)state;
	NEED_RELEASE();
	for (size_t i = 0; i < 2; i++) {
		char *text = readelf("--dyn-syms -W", programs[i]);
		assert_says(text, "__stack_chk_fail");
		assert_says(text, "__snprintf_chk");
		assert_says(text, "__memcpy_chk");
		/* Not one of them as it would be without _FORTIFY_SOURCE. */
		assert_null(strstr(text, " sprintf@"));
		assert_null(strstr(text, " vsnprintf@"));
		free(text);
	}
}

/* Each file that went in was compiled so: the compiler says it in what debuggers read. */
static void every_function_guards_its_stack_and_its_jumps(void **state)
{
	(void)state;
	NEED_RELEASE();
	for (size_t i = 0; i < 2; i++) {
		char *text = readelf("--debug-dump=info -W", programs[i]);
		size_t files = 0;
		for (const char *at = text; at && (at = strstr(at, "DW_AT_producer")); at += strcspn(at, "\n")) {
			char line[1024];
			assert_true(line_with(at, "DW_AT_producer", line, sizeof line));
			if (!strstr(line, "GNU C")) {
				free(text);
				skip_because("this compiler does not write down its options");
			}
			assert_says(line, "-fstack-protector-strong");
			assert_says(line, "-fstack-clash-protection");
#if defined(__x86_64__) || defined(__i386__)
			assert_says(line, "-fcf-protection=full");
#endif
			files++;
		}
		free(text);
		if (files == 0)
			skip_because("the programs are without what debuggers read");
		assert_true(files > 20);
	}
}

static void candord_dumps_no_core(void **state)
{
	struct command *c = *state;
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/%d/limits", (int)c->daemon.pid);
	files_read_text(path, c->out, COMMAND_TEXT_MAX);
	assert_true(line_with(c->out, "Max core file size", line, sizeof line));
	char *at = line + strlen("Max core file size");
	assert_int_equal(strtoul(at, &at, 10), 0);
	while (isspace((unsigned char)*at))
		at++;
	/* It could not allow itself one again. */
	assert_true(isdigit((unsigned char)*at));
	assert_int_equal(strtoul(at, NULL, 10), 0);
}

enum { NOBODY = 65534 };

/* A child that is not root, who may look into everything and whose own candord would not show what is asked here. */
static pid_t fork_as_nobody(void)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0 && getuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
		_exit(77);
	return pid;
}

static void no_other_process_can_read_candords_memory(void **state)
{
	struct command *c = *state;
	struct daemon *d = &c->daemon;
	char program[512], path[64];
	struct stat about;
	int status;
	daemon_program("candord", program, sizeof program);
	pid_t pid = fork_as_nobody();
	if (pid == 0)
		_exit(access(program, X_OK) == 0 ? 0 : 77);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		skip_because("another user than root cannot run what was built here");

	assert_int_equal(getuid() == 0 ? chown(d->dir, NOBODY, NOBODY) : 0, 0);
	pid = fork_as_nobody();
	if (pid == 0) {
		execl(program, program, "--listen", d->address, "--db", d->db, (char *)NULL);
		_exit(77);
	}
	d->pid = pid;
	daemon_await(d);
	/* The system gives what is in a process to its user, and to root where it wants to be private. */
	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_uid, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_chosen_at_start),
		cmocka_unit_test(linked_addresses_are_read_only_from_the_start),
		cmocka_unit_test(no_memory_is_both_written_and_run),
		cmocka_unit_test(calls_that_can_overrun_are_the_checked_ones),
		cmocka_unit_test(every_function_guards_its_stack_and_its_jumps),
		cmocka_unit_test_setup_teardown(candord_dumps_no_core, command_set_up, command_tear_down),
		cmocka_unit_test_setup_teardown(no_other_process_can_read_candords_memory, command_set_up_alone,
						command_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
