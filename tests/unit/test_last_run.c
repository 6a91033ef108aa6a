/* The record of the run before: what is written is read, and what is no record says nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/db/last_run.h"
#include "tests/lib/files.h"
#include "tests/lib/unit.h"

struct fixture {
	char dir[64], db[80], lock[96];
};

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	assert_non_null(x);
	files_new_dir(x->dir, sizeof x->dir);
	snprintf(x->db, sizeof x->db, "%s/db", x->dir);
	snprintf(x->lock, sizeof x->lock, "%s-lock", x->db);
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

static void put(const struct fixture *x, const struct last_run *r)
{
	int fd = open(x->lock, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(last_run_write(fd, r), 0);
	close(fd);
}

static struct last_run get(const struct fixture *x)
{
	struct last_run r = {.change = 99};
	assert_int_equal(last_run_read(x->db, &r), 0);
	return r;
}

static void assert_says_nothing(const struct fixture *x)
{
	struct last_run r = get(x);
	assert_int_equal(r.change, 0);
	assert_false(r.is_loose);
	assert_string_equal(r.boot, "");
	assert_true(last_run_is_void(&r));
}

static void what_is_written_is_read(void **state)
{
	struct fixture *x = *state;
	static const uint64_t changes[] = {UINT64_MAX, 0, 1, 1234567890123};
	off_t size = 0;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		for (int loose = 0; loose < 2; loose++) {
			struct last_run r = {.change = changes[i], .is_loose = loose};
			struct stat st;
			if (i % 2)
				last_run_set_boot(&r);
			put(x, &r);
			struct last_run back = get(x);
			assert_int_equal(back.change, r.change);
			assert_int_equal(back.is_loose, r.is_loose);
			assert_string_equal(back.boot, r.boot);
			/* Written in place, always as long. */
			assert_int_equal(stat(x->lock, &st), 0);
			assert_true(size == 0 || st.st_size == size);
			size = st.st_size;
		}
	}
}

static void what_is_no_record_says_nothing(void **state)
{
	struct fixture *x = *state;
	struct last_run r = {.change = 7};
	char text[256];
	assert_says_nothing(x); /* no file */
	files_write_text(x->lock, "");
	assert_says_nothing(x);
	files_write_text(x->lock, "something else\n");
	assert_says_nothing(x);
	put(x, &r);
	files_read_text(x->lock, text, sizeof text);
	assert_int_equal(get(x).change, 7);
	/* Cut anywhere. */
	for (size_t len = strlen(text); len-- > 0;) {
		text[len] = 0;
		files_write_text(x->lock, text);
		assert_says_nothing(x);
	}
	memset(text, 'c', sizeof text - 1);
	text[255] = 0;
	files_write_text(x->lock, text);
	assert_says_nothing(x);
}

static void a_file_of_candor_0_1_says_that_the_log_is_loose(void **state)
{
	struct fixture *x = *state;
	files_write_text(x->lock, "sync=normal\n");
	struct last_run r = get(x);
	assert_true(r.is_loose);
	assert_true(last_run_is_void(&r));
}

static void what_cannot_be_read_or_written_is_an_error(void **state)
{
	struct fixture *x = *state;
	struct last_run r;
	assert_int_equal(mkdir(x->lock, 0700), 0);
	assert_int_equal(last_run_read(x->db, &r), -EISDIR);
	int fd = open("/dev/full", O_RDWR);
	assert_true(fd >= 0);
	r = (struct last_run){.change = 1};
	assert_int_equal(last_run_write(fd, &r), -ENOSPC);
	close(fd);
	assert_int_equal(last_run_write(-1, &r), -EBADF);
}

static void only_a_loose_log_of_another_boot_is_excused(void **state)
{
	struct last_run r = {.change = 5};
	(void)state;
	assert_false(last_run_is_void(&r));
	r.is_loose = true;
	assert_true(last_run_is_void(&r)); /* not known when */
	last_run_set_boot(&r);
	assert_true(r.boot[0]);
	assert_false(last_run_is_void(&r));
	r.boot[0] = r.boot[0] == '0' ? '1' : '0';
	assert_true(last_run_is_void(&r));
	r.is_loose = false;
	assert_false(last_run_is_void(&r));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(what_is_no_record_says_nothing),
		TEST(a_file_of_candor_0_1_says_that_the_log_is_loose),
		TEST(what_cannot_be_read_or_written_is_an_error),
		TEST(only_a_loose_log_of_another_boot_is_excused),
	};
	return cmocka_run_group_tests_name("last_run", tests, NULL, NULL);
}
