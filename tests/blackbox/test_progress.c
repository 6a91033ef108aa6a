/* How far a long job is: a bar where standard error is a terminal, and nothing of it in files and pipes of tools. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"
#include "tests/lib/files.h"
#include "tests/lib/unit.h"

/* ---- a terminal ---- */

struct terminal {
	int fd; /* the side of whoever looks at it */
	char path[64]; /* the program's side */
	int keeper; /* open as long as the terminal is, for it loses what was written when the last one closes */
	char text[65536];
	size_t len;
};

static void terminal_open(struct terminal *t)
{
	*t = (struct terminal){.fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
	assert_true(t->fd >= 0);
	assert_int_equal(grantpt(t->fd), 0);
	assert_int_equal(unlockpt(t->fd), 0);
	assert_int_equal(ptsname_r(t->fd, t->path, sizeof t->path), 0);
	t->keeper = open(t->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t->keeper >= 0);
}

static void terminal_close(struct terminal *t)
{
	close(t->keeper);
	close(t->fd);
}

/* What comes within so many ms. */
static bool terminal_read(struct terminal *t, int ms)
{
	struct pollfd ready = {.fd = t->fd, .events = POLLIN};
	if (poll(&ready, 1, ms) <= 0)
		return false;
	ssize_t n = read(t->fd, t->text + t->len, sizeof t->text - t->len - 1);
	assert_true(n > 0);
	t->len += (size_t)n;
	t->text[t->len] = 0;
	return true;
}

static void terminal_await(struct terminal *t, const char *words)
{
	while (!strstr(t->text, words))
		if (!terminal_read(t, 30000))
			fail_msg("the terminal does not say \"%s\" but: %s", words, t->text);
}

/* What is left on its last line. */
static const char *terminal_line(struct terminal *t)
{
	while (terminal_read(t, 0))
		;
	const char *line = t->text;
	for (const char *p = t->text; *p; p++)
		if (*p == '\n' || strncmp(p, "\r\033[K", 4) == 0)
			line = p + (*p == '\n' ? 1 : 4);
	return line;
}

/* ---- a database that takes a while to copy ---- */

static void make_database(struct daemon *d)
{
	daemon_start(d, NULL);
	call_create_pool(daemon_connect(d), "birds");
	assert_int_equal(daemon_stop(d), 0);
}

/* At a rate at which its bytes take about so many seconds. */
static void rate_of(const struct daemon *d, unsigned seconds, char *out, size_t size)
{
	struct stat st;
	assert_int_equal(stat(d->db, &st), 0);
	snprintf(out, size, "--backup-rate=%llu", (unsigned long long)st.st_size / seconds);
}

/* ---- tests ---- */

static void a_terminal_has_a_bar_which_is_gone_in_the_end(void **state)
{
	struct daemon *d = *state;
	static struct terminal t;
	char copy[DAEMON_PATH_MAX], rate[64];
	make_database(d);
	daemon_path(d, "copy", copy);
	rate_of(d, 2, rate, sizeof rate);
	terminal_open(&t);
	const char *const argv[] = {"candord", "--backup", copy, "--db", d->db, rate, NULL};
	pid_t pid = daemon_begin(argv, NULL, NULL, t.path);
	terminal_await(&t, "] copying: ");
	terminal_await(&t, " bytes");
	assert_int_equal(daemon_wait_for(pid), 0);
	assert_string_equal(terminal_line(&t), "");
	terminal_close(&t);
}

static void an_error_is_on_a_line_of_its_own(void **state)
{
	struct daemon *d = *state;
	static struct terminal t;
	char copy[DAEMON_PATH_MAX], rate[64];
	make_database(d);
	daemon_path(d, "copy", copy);
	rate_of(d, 60, rate, sizeof rate); /* it is not waited for */
	terminal_open(&t);
	const char *const argv[] = {"candord", "--backup", copy, "--db", d->db, rate, NULL};
	pid_t pid = daemon_begin(argv, NULL, NULL, t.path);
	terminal_await(&t, "] copying: ");
	kill(pid, SIGTERM);
	assert_int_equal(daemon_wait_for(pid), 1);
	assert_string_equal(terminal_line(&t), "");
	const char *said = strstr(t.text, "interrupted by a signal");
	assert_non_null(said);
	/* The bar was taken away before it, and nothing stands behind it. */
	while (said > t.text && said[-1] != '\r' && said[-1] != '\n')
		said--;
	assert_int_equal(strncmp(said, "\033[K2", 4), 0);
	terminal_close(&t);
	assert_false(files_exists(copy));
}

static void a_file_has_nothing_of_it(void **state)
{
	struct daemon *d = *state;
	char copy[DAEMON_PATH_MAX], err[DAEMON_PATH_MAX], text[4096], rate[64];
	make_database(d);
	daemon_path(d, "copy", copy);
	daemon_path(d, "err", err);
	rate_of(d, 2, rate, sizeof rate);
	const char *const argv[] = {"candord", "--backup", copy, "--db", d->db, rate, NULL};
	assert_int_equal(daemon_run(argv, NULL, NULL, err), 0);
	files_read_text(err, text, sizeof text);
	assert_string_equal(text, "");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, daemon_set_up, daemon_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(a_terminal_has_a_bar_which_is_gone_in_the_end),
		EACH(an_error_is_on_a_line_of_its_own),
		EACH(a_file_has_nothing_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
