/* One writer to a database, whatever it is called and whatever becomes of the file beside it; and are its files there? */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/db/lock.h"
#include "daemon/db/presence.h"
#include "tests/lib/files.h"
#include "tests/lib/unit.h"

struct fixture {
	char dir[64], db[80], lock[96], other[96];
};

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	assert_non_null(x);
	files_new_dir(x->dir, sizeof x->dir);
	snprintf(x->db, sizeof x->db, "%s/db", x->dir);
	snprintf(x->lock, sizeof x->lock, "%s-lock", x->db);
	snprintf(x->other, sizeof x->other, "%s/other", x->dir);
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;
	files_remove_dir(x->dir);
	free(x);
	return 0;
}

/* What another process is told: 0, or the error. */
static int take_elsewhere(const char *path)
{
	pid_t pid = fork();
	int status;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct db_lock l;
		int err = db_lock_take(&l, path);
		_exit(err == 0 ? 0 : err == ERR_LOCKED ? 1 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) ? ERR_LOCKED : 0;
}

static void one_process_has_it(void **state)
{
	struct fixture *x = *state;
	struct db_lock l, second;
	assert_int_equal(db_lock_is_taken(x->db), 0);
	assert_int_equal(db_lock_take(&l, x->db), 0);
	assert_int_equal(l.file_fd, -1);
	assert_int_equal(db_lock_is_taken(x->db), 1);
	assert_int_equal(take_elsewhere(x->db), ERR_LOCKED);
	assert_int_equal(db_lock_take(&second, x->db), ERR_LOCKED);
	assert_int_equal(second.beside_fd, -1);
	files_write_text(x->db, "x");
	assert_int_equal(db_lock_take_file(&l, x->db), 0);
	assert_true(l.file_fd >= 0);
	assert_int_equal(db_lock_take_file(&l, x->db), 0);
	db_lock_release(&l);
	assert_int_equal(db_lock_is_taken(x->db), 0);
	assert_int_equal(take_elsewhere(x->db), 0);
	/* What a process that ended had is free. */
	assert_int_equal(db_lock_take(&l, x->db), 0);
	db_lock_release(&l);
}

static void the_file_itself_is_locked_too(void **state)
{
	struct fixture *x = *state;
	struct db_lock l;
	files_write_text(x->db, "x");
	assert_int_equal(link(x->db, x->other), 0);
	assert_int_equal(db_lock_take(&l, x->db), 0);
	assert_int_equal(take_elsewhere(x->other), ERR_LOCKED);
	assert_int_equal(unlink(x->lock), 0);
	assert_int_equal(take_elsewhere(x->db), ERR_LOCKED);
	assert_int_equal(db_lock_is_taken(x->db), 1);
	db_lock_release(&l);
	assert_int_equal(take_elsewhere(x->other), 0);
}

static void asking_makes_no_file(void **state)
{
	struct fixture *x = *state;
	assert_int_equal(db_lock_is_taken(x->db), 0);
	assert_false(files_exists(x->lock));
	assert_false(files_exists(x->db));
}

static void a_lock_file_that_was_removed_is_made_anew(void **state)
{
	struct fixture *x = *state;
	struct db_lock l;
	struct stat held, named;
	files_write_text(x->db, "x");
	assert_int_equal(db_lock_take(&l, x->db), 0);
	int fd = l.beside_fd;
	assert_int_equal(db_lock_keep(&l, x->db), 0);
	assert_int_equal(l.beside_fd, fd);
	for (int replaced = 0; replaced < 2; replaced++) {
		assert_int_equal(unlink(x->lock), 0);
		if (replaced)
			files_write_text(x->lock, "");
		assert_int_equal(db_lock_keep(&l, x->db), 0);
		assert_int_equal(fstat(l.beside_fd, &held), 0);
		assert_int_equal(stat(x->lock, &named), 0);
		assert_int_equal(held.st_ino, named.st_ino);
		assert_int_equal(take_elsewhere(x->db), ERR_LOCKED);
	}
	/* One that somebody else has locked stays theirs, and the old one is kept. */
	assert_int_equal(rename(x->lock, x->other), 0);
	int theirs = open(x->lock, O_RDWR | O_CREAT, 0600);
	assert_true(theirs >= 0);
	assert_int_equal(flock(theirs, LOCK_EX), 0);
	fd = l.beside_fd;
	assert_int_equal(db_lock_keep(&l, x->db), ERR_LOCKED);
	assert_int_equal(l.beside_fd, fd);
	close(theirs);
	db_lock_release(&l);
}

static void no_link_is_followed_to_a_lock_file(void **state)
{
	struct fixture *x = *state;
	struct db_lock l;
	assert_int_equal(symlink("other", x->lock), 0);
	assert_int_equal(db_lock_take(&l, x->db), -ELOOP);
	assert_false(files_exists(x->other));
}

/* Somebody asks all the time whether it is taken: that alone never keeps anybody from taking it. */
static void whoever_asks_keeps_nobody_from_taking_it(void **state)
{
	struct fixture *x = *state;
	files_write_text(x->db, "x");
	files_write_text(x->lock, "");
	pid_t pid = fork();
	assert_true(pid >= 0);
	while (pid == 0) {
		if (db_lock_is_taken(x->db) < 0)
			_exit(1);
		usleep(100);
	}
	for (int i = 0; i < 200; i++) {
		struct db_lock l;
		assert_int_equal(db_lock_take(&l, x->db), 0);
		db_lock_release(&l);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- presence ---- */

static void files_that_were_moved_removed_or_replaced_are_missed(void **state)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	struct fixture *x = *state;
	struct presence p;
	char paths[3][96];
	for (size_t i = 0; i < 3; i++)
		snprintf(paths[i], sizeof paths[i], "%s%s", x->db, endings[i]);
	/* All must be there. */
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(presence_init(&p, x->db), -ENOENT);
		files_write_text(paths[i], "x");
	}
	assert_int_equal(presence_init(&p, x->db), 0);
	assert_null(presence_missing(&p));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(rename(paths[i], x->other), 0);
		assert_string_equal(presence_missing(&p), paths[i]);
		files_write_text(paths[i], "x"); /* another of that name */
		assert_string_equal(presence_missing(&p), paths[i]);
		assert_int_equal(rename(x->other, paths[i]), 0);
		assert_null(presence_missing(&p));
	}
	/* What is written to them does not matter. */
	FILE *f = fopen(paths[1], "a");
	assert_non_null(f);
	fputs("more", f);
	fclose(f);
	assert_null(presence_missing(&p));
	/* With their directory they are gone too. */
	char moved[96];
	snprintf(moved, sizeof moved, "%s-moved", x->dir);
	assert_int_equal(rename(x->dir, moved), 0);
	assert_string_equal(presence_missing(&p), paths[0]);
	assert_int_equal(rename(moved, x->dir), 0);
	assert_null(presence_missing(&p));
	presence_free(&p);
	presence_free(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_process_has_it),
		TEST(the_file_itself_is_locked_too),
		TEST(asking_makes_no_file),
		TEST(a_lock_file_that_was_removed_is_made_anew),
		TEST(no_link_is_followed_to_a_lock_file),
		TEST(whoever_asks_keeps_nobody_from_taking_it),
		TEST(files_that_were_moved_removed_or_replaced_are_missed),
	};
	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
