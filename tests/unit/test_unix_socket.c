/* The file of a Unix socket: when it is taken for one that was left behind, and when it is removed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/net/unix_socket.h"
#include "tests/lib/files.h"
#include "tests/lib/unit.h"

enum { BACKLOG = 8 };

struct fixture {
	char dir[64], path[96];
	struct unix_socket socket;
};

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	assert_non_null(x);
	files_new_dir(x->dir, sizeof x->dir);
	snprintf(x->path, sizeof x->path, "%s/sock", x->dir);
	x->socket = UNIX_SOCKET_NONE;
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;
	unix_socket_close(&x->socket, x->path);
	files_remove_dir(x->dir);
	free(x);
	return 0;
}

static bool connects(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	int err = connect(fd, (const struct sockaddr *)&at, sizeof at);
	close(fd);
	return err == 0;
}

static void the_file_is_there_while_the_socket_is(void **state)
{
	struct fixture *x = *state;
	struct stat st;
	assert_int_equal(unix_socket_open(&x->socket, x->path, BACKLOG), 0);
	assert_true(connects(x->path));
	assert_int_equal(stat(x->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	unix_socket_close(&x->socket, x->path);
	assert_false(files_exists(x->path));
	unix_socket_close(&x->socket, x->path);
}

static void what_a_killed_daemon_left_is_replaced(void **state)
{
	struct fixture *x = *state;
	assert_int_equal(unix_socket_open(&x->socket, x->path, BACKLOG), 0);
	close(x->socket.fd);
	assert_true(files_exists(x->path) && !connects(x->path));
	assert_int_equal(unix_socket_open(&x->socket, x->path, BACKLOG), 0);
	assert_true(connects(x->path));
}

static void what_is_in_use_or_is_no_socket_stays(void **state)
{
	struct fixture *x = *state;
	struct unix_socket second;
	assert_int_equal(unix_socket_open(&x->socket, x->path, BACKLOG), 0);
	assert_int_equal(unix_socket_open(&second, x->path, BACKLOG), -EADDRINUSE);
	assert_int_equal(second.fd, -1);
	assert_true(connects(x->path));
	unix_socket_close(&x->socket, x->path);

	files_write_text(x->path, "mine");
	assert_int_equal(unix_socket_open(&second, x->path, BACKLOG), -EADDRINUSE);
	unix_socket_close(&second, x->path);
	assert_true(files_exists(x->path));
}

/* Its own file was removed or moved, and another socket has its name: that one stays. */
static void the_socket_of_another_is_not_removed(void **state)
{
	struct fixture *x = *state;
	for (int moved = 0; moved < 2; moved++) {
		struct unix_socket second;
		char aside[112];
		snprintf(aside, sizeof aside, "%s-aside", x->path);
		assert_int_equal(unix_socket_open(&x->socket, x->path, BACKLOG), 0);
		assert_int_equal(moved ? rename(x->path, aside) : unlink(x->path), 0);
		assert_int_equal(unix_socket_open(&second, x->path, BACKLOG), 0);
		unix_socket_close(&x->socket, x->path);
		assert_true(connects(x->path));
		unix_socket_close(&second, x->path);
		assert_false(files_exists(x->path));
		unlink(aside);
	}
}

static void a_directory_that_another_program_holds_locked_keeps_nobody_out(void **state)
{
	struct fixture *x = *state;
	FILE *dir = fopen(x->dir, "r");
	assert_non_null(dir);
	assert_int_equal(flock(fileno(dir), LOCK_EX), 0);
	assert_int_equal(unix_socket_open(&x->socket, x->path, BACKLOG), 0);
	assert_true(connects(x->path));
	unix_socket_close(&x->socket, x->path);
	assert_false(files_exists(x->path));
	fclose(dir);
}

static void a_path_that_leads_nowhere_or_is_too_long_is_an_error(void **state)
{
	struct fixture *x = *state;
	char longer[200], missing[128];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	snprintf(missing, sizeof missing, "%s/none/sock", x->dir);
	assert_int_equal(unix_socket_open(&x->socket, longer, BACKLOG), -ENAMETOOLONG);
	assert_int_equal(unix_socket_open(&x->socket, missing, BACKLOG), -ENOENT);
	assert_int_equal(x->socket.fd, -1);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_file_is_there_while_the_socket_is),
		TEST(what_a_killed_daemon_left_is_replaced),
		TEST(what_is_in_use_or_is_no_socket_stays),
		TEST(the_socket_of_another_is_not_removed),
		TEST(a_directory_that_another_program_holds_locked_keeps_nobody_out),
		TEST(a_path_that_leads_nowhere_or_is_too_long_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
