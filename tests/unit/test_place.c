/* Where a database really is, where it is nowhere yet, and what is refused. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/db/place.h"
#include "tests/lib/files.h"
#include "tests/lib/unit.h"

struct fixture {
	char dir[PATH_MAX], before[PATH_MAX];
};

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	char made[64];
	assert_non_null(x);
	files_new_dir(made, sizeof made);
	assert_non_null(realpath(made, x->dir));
	assert_non_null(getcwd(x->before, sizeof x->before));
	assert_int_equal(chdir(x->dir), 0);
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;
	assert_int_equal(chdir(x->before), 0);
	files_remove_dir(x->dir);
	free(x);
	return 0;
}

static void assert_at(const struct fixture *x, const char *path, const char *name)
{
	char out[PATH_MAX], expected[2 * PATH_MAX];
	snprintf(expected, sizeof expected, "%s/%s", x->dir, name);
	assert_int_equal(place_resolve(path, out, sizeof out), 0);
	assert_string_equal(out, expected);
}

static int refused(const char *path)
{
	char out[PATH_MAX];
	return place_resolve(path, out, sizeof out);
}

static void every_name_of_a_file_leads_to_it(void **state)
{
	struct fixture *x = *state;
	char full[2 * PATH_MAX];
	assert_int_equal(mkdir("disk", 0700), 0);
	files_write_text("disk/db", "x");
	assert_int_equal(symlink("disk/db", "link"), 0);
	assert_int_equal(symlink("link", "linked"), 0);
	assert_int_equal(symlink("disk", "directory"), 0);
	snprintf(full, sizeof full, "%s//disk/./db", x->dir);
	static const char *const names[] = {"disk/db", "./disk/db", "disk/../disk/db",
					    "link",    "linked",    "directory/db"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_at(x, names[i], "disk/db");
	assert_at(x, full, "disk/db");
}

static void a_file_that_is_to_be_made_has_its_place(void **state)
{
	struct fixture *x = *state;
	char out[PATH_MAX];
	assert_int_equal(mkdir("disk", 0700), 0);
	assert_int_equal(symlink("disk", "directory"), 0);
	assert_at(x, "new", "new");
	assert_at(x, "directory/new", "disk/new");
	assert_at(x, ":memory:", ":memory:");
	assert_at(x, "file:new", "file:new");
	assert_int_equal(place_resolve("/no-such-file", out, sizeof out), 0);
	assert_string_equal(out, "/no-such-file");
}

static void what_is_no_place_for_a_database_is_refused(void **state)
{
	(void)state;
	char *const long_name = calloc(1, 2 * PATH_MAX), out[16];
	assert_non_null(long_name);
	files_write_text("file", "x");
	files_write_text("one", "x");
	assert_int_equal(link("one", "two"), 0);
	assert_int_equal(symlink("away/db", "dangling"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(refused("dangling"), -ENOENT);
	assert_int_equal(refused("loop"), -ELOOP);
	assert_int_equal(refused("one"), -EINVAL);
	assert_int_equal(refused("two"), -EINVAL);
	assert_int_equal(refused("."), -EINVAL);
	assert_int_equal(refused("fifo"), -EINVAL);
	assert_int_equal(refused("/dev/null"), -EINVAL);
	assert_int_equal(refused("none/db"), -ENOENT);
	assert_int_equal(refused("file/db"), -ENOTDIR);
	assert_true(refused("none/") < 0);
	assert_true(refused("") < 0);
	memset(long_name, 'x', 2 * PATH_MAX - 1);
	assert_int_equal(refused(long_name), -ENAMETOOLONG);
	assert_int_equal(place_resolve("file", out, sizeof out), -ENAMETOOLONG);
	assert_int_equal(place_resolve("to-be-made", out, sizeof out), -ENAMETOOLONG);
	free(long_name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_name_of_a_file_leads_to_it),
		TEST(a_file_that_is_to_be_made_has_its_place),
		TEST(what_is_no_place_for_a_database_is_refused),
	};
	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
