#include "tests/lib/files.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

bool files_copy(const char *from, const char *to)
{
	char bytes[65536];
	FILE *in = fopen(from, "re");
	if (!in) {
		assert_true(errno == ENOENT);
		return false;
	}
	FILE *out = fopen(to, "we");
	assert_true(out);
	for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
		assert_true(fwrite(bytes, 1, n, out) == n);
	assert_true(!ferror(in) && fclose(in) == 0 && fclose(out) == 0);
	return true;
}

void files_read_text(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	if (!f)
		print_error("%s: %s\n", path, strerror(errno));
	assert_non_null(f);
	size_t n = fread(out, 1, size - 1, f);
	assert_true(n < size - 1);
	out[n] = 0;
	fclose(f);
}

void files_write_bytes(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

void files_write_text(const char *path, const char *text)
{
	files_write_bytes(path, text, strlen(text));
}

bool files_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

void files_new_dir(char *out, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	int len = snprintf(out, size, "%s/candor-test-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	if (len >= (int)size || !mkdtemp(out))
		print_error("%s: %s\n", out, len >= (int)size ? "TMPDIR is too long" : strerror(errno));
	assert_true(files_exists(out));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void files_remove_dir(const char *path)
{
	if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS))
		print_error("%s: %s\n", path, strerror(errno));
	assert_false(files_exists(path));
}
