#include "db_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

/* https://sqlite.org/fileformat2.html#the_write_ahead_log */
enum { HEADER = 32, FRAME_HEADER = 24, PAGE_MAX = 65536, MAGIC = 0x377f0682 };

struct wal {
	FILE *file;
	bool big_endian; /* how the words of the checksum are read */
	uint32_t page_bytes;
	uint8_t salt[8];
	uint32_t sum[2];
	uint8_t page[PAGE_MAX];
};

static uint32_t big(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t word(const struct wal *w, const uint8_t *at)
{
	return w->big_endian ? big(at) : __builtin_bswap32(big(at));
}

/* n: a multiple of 8. */
static void add(struct wal *w, const uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		w->sum[0] += word(w, at + i) + w->sum[1];
		w->sum[1] += word(w, at + i + 4) + w->sum[0];
	}
}

static bool all_zero(const uint8_t *at, size_t n)
{
	while (n > 0 && at[n - 1] == 0)
		n--;
	return n == 0;
}

/* 1: frames may follow; 0: none do; ERR_DAMAGED. */
static int read_header(struct wal *w, const char *path)
{
	uint8_t h[HEADER];
	if (fread(h, 1, HEADER, w->file) < HEADER)
		return 0;
	/* Room that was given to a file before its content came, as a power failure leaves it. */
	if (all_zero(h, HEADER))
		return 0;
	w->big_endian = big(h) == MAGIC + 1;
	w->page_bytes = big(h + 8);
	memcpy(w->salt, h + 16, 8);
	add(w, h, HEADER - 8);
	bool known = (big(h) | 1) == MAGIC + 1 && w->page_bytes >= 512 && w->page_bytes <= PAGE_MAX &&
		     (w->page_bytes & (w->page_bytes - 1)) == 0;
	if (known && w->sum[0] == big(h + 24) && w->sum[1] == big(h + 28))
		return 1;
	log_error("database: the head of %s is damaged: commits that it held would be lost", path);
	return ERR_DAMAGED;
}

/* What a frame is to the log. */
enum frame { NO_FRAME, STALE, WRONG, RIGHT };

static enum frame read_frame(struct wal *w, bool *commits)
{
	uint8_t h[FRAME_HEADER];
	if (fread(h, 1, FRAME_HEADER, w->file) < FRAME_HEADER ||
	    fread(w->page, 1, w->page_bytes, w->file) < w->page_bytes)
		return NO_FRAME;
	*commits = big(h + 4) != 0;
	if (memcmp(h + 8, w->salt, 8) != 0)
		return STALE; /* of the log's last time round, or its salt is what is damaged */
	add(w, h, 8);
	add(w, w->page, w->page_bytes);
	return w->sum[0] == big(h + 16) && w->sum[1] == big(h + 20) ? RIGHT : WRONG;
}

/* After the first frame that is not right: does one follow that was written when a commit had ended before it? */
static int check_frames(struct wal *w, const char *path)
{
	bool right = true, ended = false, commits = false;
	uint64_t n = 0, first = 0;
	for (enum frame f; (f = read_frame(w, &commits)) != NO_FRAME; n++) {
		if (right && f != RIGHT) {
			right = false;
			first = n;
		}
		if (right || f == STALE)
			continue;
		if (ended) {
			log_error("database: frame %" PRIu64 " of %s is damaged, and commits that follow it would be "
				  "lost",
				  first, path);
			return ERR_DAMAGED;
		}
		ended = commits;
	}
	return 0;
}

int db_wal_check(const char *path)
{
	struct wal *w = calloc(1, sizeof *w);
	char *log;
	if (!w || asprintf(&log, "%s-wal", path) < 0) {
		free(w);
		return -ENOMEM;
	}
	w->file = fopen(log, "re");
	int err = w->file ? read_header(w, log) : errno == ENOENT ? 0 : -errno;
	if (err == 1)
		err = check_frames(w, log);
	if (w->file && ferror(w->file) && err == 0)
		err = -EIO;
	if (w->file)
		fclose(w->file);
	free(log);
	free(w);
	return err;
}

static int cut(int fd, uint64_t frames)
{
	uint8_t h[HEADER];
	struct stat st;
	if (fstat(fd, &st) != 0)
		return -errno;
	off_t end = 0;
	if (frames > 0) {
		if (pread(fd, h, HEADER, 0) != HEADER)
			return -EIO;
		end = HEADER + (off_t)frames * (FRAME_HEADER + big(h + 8));
	}
	if (st.st_size <= end)
		return 0;
	return ftruncate(fd, end) == 0 && fsync(fd) == 0 ? 0 : -errno;
}

int db_wal_cut(const char *path, uint64_t frames)
{
	char *log;
	if (asprintf(&log, "%s-wal", path) < 0)
		return -ENOMEM;
	int fd = open(log, O_RDWR | O_CLOEXEC);
	int err = fd >= 0 ? cut(fd, frames) : errno == ENOENT ? 0 : -errno;
	if (fd >= 0)
		close(fd);
	free(log);
	return err;
}
