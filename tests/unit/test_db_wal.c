/* Logs as power failures leave them, and logs that are damaged, made frame by frame: which are taken and which refused. */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "daemon/db/wal.h"
#include "tests/lib/files.h"

enum { PAGE = 4096, HEADER = 32, FRAME = 24 + PAGE, FRAMES_MAX = 64, PAGES = 8 };

/* A log of little-endian checksums, and the database that it belongs to. */
struct log {
	char dir[64], path[96], wal[104];
	uint8_t bytes[HEADER + FRAMES_MAX * FRAME], database[PAGES * PAGE];
	size_t frames;
	uint32_t sum[2]; /* of the newest frame */
	uint32_t salt;
};

static void put(uint8_t *at, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(x >> (24 - 8 * i));
}

static void add(uint32_t sum[2], const uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint32_t words[2];
		memcpy(words, at + i, 8);
		sum[0] += words[0] + sum[1];
		sum[1] += words[1] + sum[0];
	}
}

static void write_head(struct log *l, uint32_t salt)
{
	uint8_t *h = l->bytes;
	put(h, 0x377f0682);
	put(h + 4, 3007000);
	put(h + 8, PAGE);
	put(h + 12, 0);
	put(h + 16, salt);
	put(h + 20, ~salt);
	l->sum[0] = l->sum[1] = 0;
	add(l->sum, h, 24);
	put(h + 24, l->sum[0]);
	put(h + 28, l->sum[1]);
	l->salt = salt;
	l->frames = 0;
}

static uint8_t *frame(struct log *l, size_t i)
{
	return l->bytes + HEADER + i * FRAME;
}

/* The next frame: of page 2 to PAGES, filled with a number. */
static void write_frame(struct log *l, uint8_t filling, bool commits)
{
	uint8_t *f = frame(l, l->frames);
	assert_true(l->frames < FRAMES_MAX);
	put(f, (uint32_t)(2 + l->frames % (PAGES - 1)));
	put(f + 4, commits ? PAGES : 0);
	put(f + 8, l->salt);
	put(f + 12, ~l->salt);
	memset(f + 24, filling, PAGE);
	add(l->sum, f, 8);
	add(l->sum, f + 24, PAGE);
	put(f + 16, l->sum[0]);
	put(f + 20, l->sum[1]);
	l->frames++;
}

/* A transaction of n frames that ends with a commit, or one that failed: then the next begins where it began. */
static void write_commit(struct log *l, uint8_t filling, size_t n)
{
	for (size_t i = 1; i <= n; i++)
		write_frame(l, filling, i == n);
}

static void write_failed(struct log *l, uint8_t filling, size_t n)
{
	size_t began = l->frames;
	uint32_t sum[2] = {l->sum[0], l->sum[1]};
	for (size_t i = 0; i < n; i++)
		write_frame(l, filling, false);
	l->frames = began;
	memcpy(l->sum, sum, sizeof sum);
}

/* As a checkpoint does. */
static void bring_in(struct log *l)
{
	for (size_t i = 0; i < l->frames; i++)
		memcpy(l->database + (1 + i % (PAGES - 1)) * PAGE, frame(l, i) + 24, PAGE);
}

static void save(const char *path, const uint8_t *bytes, size_t n)
{
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* The file has so many frames. */
static int check(struct log *l, size_t frames)
{
	save(l->path, l->database, sizeof l->database);
	save(l->wal, l->bytes, HEADER + frames * FRAME);
	return db_wal_check(l->path);
}

static int set_up(void **state)
{
	struct log *l = calloc(1, sizeof *l);
	assert_non_null(l);
	files_new_dir(l->dir, sizeof l->dir);
	snprintf(l->path, sizeof l->path, "%s/candor.db", l->dir);
	snprintf(l->wal, sizeof l->wal, "%s-wal", l->path);
	l->database[16] = PAGE >> 8;
	write_head(l, 7);
	*state = l;
	return 0;
}

static int tear_down(void **state)
{
	struct log *l = *state;
	unlink(l->path);
	unlink(l->wal);
	assert_int_equal(rmdir(l->dir), 0);
	free(l);
	return 0;
}

/* ---- what a power failure leaves ---- */

static void a_log_in_order_and_none_are_taken(void **state)
{
	struct log *l = *state;
	assert_int_equal(db_wal_check(l->path), 0);
	assert_int_equal(check(l, 0), 0);
	write_commit(l, 1, 3);
	write_commit(l, 2, 2);
	for (size_t i = 0; i <= l->frames; i++)
		assert_int_equal(check(l, i), 0);
}

/* Room is written with zeros before the log gets there; a power failure may leave noise among them. */
static void zeros_behind_the_end_and_a_log_of_zeros_are_taken(void **state)
{
	struct log *l = *state;
	write_commit(l, 1, 3);
	assert_int_equal(check(l, 20), 0);
	memset(frame(l, 7) + 100, 0xa5, 512);
	assert_int_equal(check(l, 20), 0);
	memset(l->bytes, 0, sizeof l->bytes);
	assert_int_equal(check(l, 20), 0);
	for (size_t at = 0; at < 6 * FRAME; at += 512) {
		memset(l->bytes + at, 0xa5, 512);
		assert_int_equal(check(l, 20), 0);
		if (at % 1024 == 0)
			memset(l->bytes + at, 0, 512);
	}
}

/* Zeros in the first sector are on the disk before others are written, and a head before frames are. */
static void noise_in_the_first_sector_and_behind_it_is_damage(void **state)
{
	struct log *l = *state;
	write_commit(l, 1, 3);
	memset(l->bytes, 0x5a, sizeof l->bytes);
	assert_int_equal(check(l, 20), ERR_DAMAGED);
	assert_int_equal(check(l, 1), ERR_DAMAGED);
	/* Shorter than a frame, it cannot have had one. */
	save(l->wal, l->bytes, FRAME);
	assert_int_equal(db_wal_check(l->path), 0);
	/* Noise in the first page of a log that goes on. */
	write_head(l, 8);
	l->frames = 0;
	for (int i = 0; i < 4; i++)
		write_commit(l, 2, 3);
	memset(l->bytes, 0x5a, 4096);
	assert_int_equal(check(l, 12), ERR_DAMAGED);
	/* Anything, as long as it is zeros where it began. */
	memset(l->bytes, 0x5a, sizeof l->bytes);
	memset(l->bytes, 0, 512);
	assert_int_equal(check(l, 20), 0);
}

static void any_part_of_the_last_commit_may_be_wanting(void **state)
{
	struct log *l = *state;
	write_commit(l, 1, 3);
	write_commit(l, 2, 4);
	for (size_t i = 3; i < 7; i++) {
		uint8_t kept[FRAME];
		memcpy(kept, frame(l, i), FRAME);
		memset(frame(l, i), 0, FRAME);
		assert_int_equal(check(l, 7), 0);
		memset(frame(l, i), 0xa5, FRAME);
		assert_int_equal(check(l, 7), 0);
		memcpy(frame(l, i), kept, FRAME);
	}
}

/* What stands behind the commit that was under way is older than it. */
static void frames_of_a_commit_that_failed_before_are_no_damage(void **state)
{
	struct log *l = *state;
	write_commit(l, 1, 2);
	write_failed(l, 2, 6);
	uint8_t old[FRAME];
	memcpy(old, frame(l, 2), FRAME);
	write_commit(l, 3, 3);
	assert_int_equal(check(l, 8), 0);
	memcpy(frame(l, 2), old, FRAME);
	assert_int_equal(check(l, 8), 0);
}

static void frames_of_the_last_time_round_are_no_damage(void **state)
{
	struct log *l = *state;
	for (int i = 0; i < 10; i++)
		write_commit(l, 1, 2);
	bring_in(l);
	write_head(l, 8);
	assert_int_equal(check(l, 20), 0);
	write_commit(l, 2, 3);
	assert_int_equal(check(l, 20), 0);
	memset(frame(l, 0), 0, FRAME);
	assert_int_equal(check(l, 20), 0);
}

/* The head of frame 41 lies in two sectors: of one came what is new, of the other what was there before. */
static void a_head_in_two_sectors_may_be_half_of_an_older_frame(void **state)
{
	struct log *l = *state;
	uint8_t old[8];
	for (int i = 0; i < 50; i++)
		write_commit(l, 1, 1);
	bring_in(l);
	memcpy(old, frame(l, 41), sizeof old);
	write_head(l, 8);
	write_commit(l, 2, 30);
	write_commit(l, 3, 20);
	memset(frame(l, 35), 0, FRAME);
	memcpy(frame(l, 41), old, sizeof old);
	assert_int_equal(check(l, 50), 0);
}

static void a_head_may_be_anything_if_the_database_has_it_all(void **state)
{
	struct log *l = *state;
	write_commit(l, 1, 5);
	write_commit(l, 2, 9);
	write_failed(l, 3, 2);
	bring_in(l);
	for (size_t cut = 0; cut < HEADER; cut += 4) {
		memset(l->bytes + cut, 0x5a, 4);
		assert_int_equal(check(l, 16), 0);
	}
	memset(l->bytes, 0, HEADER);
	assert_int_equal(check(l, 16), 0);
	assert_int_equal(check(l, 0), 0);
	l->database[3 * PAGE + 9] ^= 1;
	assert_int_equal(check(l, 16), ERR_DAMAGED);
	/* Where the file ends before it: room was given and nothing came. */
	memset(l->bytes, 0, sizeof l->bytes);
	assert_int_equal(check(l, 10), 0);
}

/* ---- damage ---- */

static void a_frame_that_is_wrong_before_a_later_commit_is_damage(void **state)
{
	struct log *l = *state;
	static const size_t places[] = {0, 9, 17, 22, 24, 2000, FRAME - 1};
	write_commit(l, 1, 3);
	write_commit(l, 2, 1);
	write_commit(l, 3, 1);
	write_commit(l, 4, 2);
	/* All but the two frames of the last commit. */
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
			uint8_t *at = frame(l, i) + places[k];
			*at ^= 0x10;
			int err = check(l, 7);
			/* Of a salt nothing can be known but from what follows: more than one commit must. */
			if (places[k] != 9 || i < 4)
				assert_int_equal(err, ERR_DAMAGED);
			*at ^= 0x10;
		}
	assert_int_equal(check(l, 7), 0);
}

static void a_head_that_is_wrong_before_commits_of_its_own_is_damage(void **state)
{
	struct log *l = *state;
	write_commit(l, 1, 3);
	for (size_t i = 0; i < HEADER; i++) {
		l->bytes[i] ^= 4;
		assert_int_equal(check(l, 3), ERR_DAMAGED);
		l->bytes[i] ^= 4;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_log_in_order_and_none_are_taken),
		TEST(zeros_behind_the_end_and_a_log_of_zeros_are_taken),
		TEST(noise_in_the_first_sector_and_behind_it_is_damage),
		TEST(any_part_of_the_last_commit_may_be_wanting),
		TEST(frames_of_a_commit_that_failed_before_are_no_damage),
		TEST(frames_of_the_last_time_round_are_no_damage),
		TEST(a_head_in_two_sectors_may_be_half_of_an_older_frame),
		TEST(a_head_may_be_anything_if_the_database_has_it_all),
		TEST(a_frame_that_is_wrong_before_a_later_commit_is_damage),
		TEST(a_head_that_is_wrong_before_commits_of_its_own_is_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
