#include "daemon/db/wal.h"

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

#include "lib/base/log.h"

/* https://sqlite.org/fileformat2.html#the_write_ahead_log */
enum { HEADER = 32, FRAME_HEADER = 24, PAGE_MAX = 65536, MAGIC = 0x377f0682, SECTOR = 512 };

struct wal {
	const char *path; /* of the database */
	FILE *file;
	bool big_endian; /* how the words of the checksums are read */
	uint32_t page_bytes;
	uint8_t salt[8];
	uint8_t page[PAGE_MAX];
};

struct sum {
	uint32_t s[2];
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
static struct sum add(const struct wal *w, struct sum sum, const uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		sum.s[0] += word(w, at + i) + sum.s[1];
		sum.s[1] += word(w, at + i + 4) + sum.s[0];
	}
	return sum;
}

static struct sum stored_sum(const uint8_t *at)
{
	return (struct sum){{big(at), big(at + 4)}};
}

static bool same(struct sum a, struct sum b)
{
	return a.s[0] == b.s[0] && a.s[1] == b.s[1];
}

/* ---- frames ---- */

struct frame {
	uint64_t number; /* from 0 */
	bool salted; /* it has the log's salt, and is not of its last time round */
	bool commits; /* it says so: it ends a transaction */
	uint32_t pages; /* that the database has then */
	bool whole; /* its head lies in one sector, and so is of one piece whatever befell it */
	uint32_t page; /* of the database */
	struct sum stored, computed; /* what it says of itself; what it is, if what stands before it is right */
	bool linked; /* it follows what the frame before says of itself, ... */
	bool continued; /* ... or what that one is */
};

/* The frame at the file's position, after another. False at the end. */
static bool read_frame(struct wal *w, const struct frame *before, struct frame *f)
{
	uint8_t h[FRAME_HEADER];
	uint64_t at = HEADER + f->number * (FRAME_HEADER + (uint64_t)w->page_bytes);
	if (fread(h, 1, FRAME_HEADER, w->file) < FRAME_HEADER ||
	    fread(w->page, 1, w->page_bytes, w->file) < w->page_bytes)
		return false;
	f->salted = memcmp(h + 8, w->salt, 8) == 0;
	f->pages = big(h + 4);
	f->commits = f->pages != 0;
	f->whole = at / SECTOR == (at + FRAME_HEADER - 1) / SECTOR;
	f->page = big(h);
	f->stored = stored_sum(h + 16);
	f->computed = add(w, add(w, before->stored, h, 8), w->page, w->page_bytes);
	f->linked = same(f->computed, f->stored);
	f->continued = f->linked;
	if (!same(before->stored, before->computed))
		f->continued = same(add(w, add(w, before->computed, h, 8), w->page, w->page_bytes), f->stored);
	return true;
}

/* Was f written when a commit had ended with the frame before it? That one was on the disk by then, with all before it.
 * That it ended a commit is known for certain where its checksum is right, or continued by f's. Where the one that is
 * stored is continued, it is what was written last; then its head says so too, if it was written in one piece. */
static bool follows_commit(const struct frame *before, const struct frame *f)
{
	if (!before->commits || !f->salted)
		return false;
	return f->continued || (f->linked && (before->linked || (before->salted && before->whole)));
}

struct prefix {
	uint64_t frames, committed; /* that are right, and of these, up to the last commit */
};

/* Reads all frames after `before`, which is the head of the log or its first frame: 0, or ERR_DAMAGED if commits stand
 * where SQLite does not look for them. */
static int scan(struct wal *w, struct frame before, struct prefix *p)
{
	bool right = true;
	for (struct frame f = {.number = p->frames}; read_frame(w, &before, &f); before = f, f.number++) {
		right = right && f.salted && f.linked;
		if (right) {
			p->frames++;
			p->committed = f.commits ? p->frames : p->committed;
		} else if (follows_commit(&before, &f)) {
			log_error("database: frame %" PRIu64 " of %s-wal is damaged, and the commits after it would be "
				  "lost",
				  p->frames, w->path);
			return ERR_DAMAGED;
		}
	}
	return 0;
}

/* ---- a log whose head is not one ---- */

static int damaged_head(const struct wal *w)
{
	log_error("database: the header of %s-wal is damaged, and its commits would be lost", w->path);
	return ERR_DAMAGED;
}

/* The size of a page and the database's length in pages. */
static int read_database(struct wal *w, FILE *database, uint64_t *pages)
{
	uint8_t h[18];
	if (fread(h, 1, sizeof h, database) < sizeof h || fseeko(database, 0, SEEK_END) != 0)
		return ferror(database) ? -EIO : damaged_head(w);
	w->page_bytes = (uint32_t)h[16] << 8 | h[17];
	if (w->page_bytes == 1)
		w->page_bytes = PAGE_MAX;
	if (w->page_bytes < 512 || (w->page_bytes & (w->page_bytes - 1)) != 0)
		return damaged_head(w);
	*pages = (uint64_t)ftello(database) / w->page_bytes;
	return 0;
}

/* From the last frame to the first: the first that is met of a page is what the database must have. */
static int compare_pages(struct wal *w, FILE *database, uint64_t pages, uint64_t frames)
{
	uint8_t *met = calloc(pages / 8 + 1, 1), page[PAGE_MAX], h[FRAME_HEADER];
	int err = met ? 0 : -ENOMEM;
	for (uint64_t n = frames; n > 0 && err == 0; n--) {
		off_t at = (off_t)(HEADER + (n - 1) * (FRAME_HEADER + (uint64_t)w->page_bytes));
		if (fseeko(w->file, at, SEEK_SET) != 0 || fread(h, 1, FRAME_HEADER, w->file) < FRAME_HEADER ||
		    fread(w->page, 1, w->page_bytes, w->file) < w->page_bytes) {
			err = -EIO;
			break;
		}
		uint64_t number = big(h);
		if (number < 1 || number > pages) {
			err = damaged_head(w);
			break;
		}
		if (met[number / 8] >> number % 8 & 1)
			continue;
		met[number / 8] = (uint8_t)(met[number / 8] | 1 << number % 8);
		if (fseeko(database, (off_t)((number - 1) * w->page_bytes), SEEK_SET) != 0 ||
		    fread(page, 1, w->page_bytes, database) < w->page_bytes)
			err = -EIO;
		else if (memcmp(page, w->page, w->page_bytes) != 0)
			err = damaged_head(w);
	}
	free(met);
	return err;
}

/* Could it be a frame, of a database that has so many pages? */
static bool is_likely(const struct frame *f, uint64_t pages)
{
	uint64_t most = 2 * pages + 65536;
	return f->page >= 1 && f->page <= (f->commits ? f->pages : most) && f->pages <= most;
}

/* Whether there is nothing but zeros from there to the end, or to the end of the file: 1, 0 or -EIO. */
static int has_zeros(struct wal *w, off_t from, off_t end)
{
	static const uint8_t zeros[SECTOR];
	uint8_t bytes[SECTOR];
	if (fseeko(w->file, from, SEEK_SET) != 0)
		return -EIO;
	while (from < end) {
		size_t want = end - from < SECTOR ? (size_t)(end - from) : SECTOR, n = fread(bytes, 1, want, w->file);
		if (memcmp(bytes, zeros, n) != 0)
			return 0;
		if (n < want)
			return ferror(w->file) ? -EIO : 1;
		from += SECTOR;
	}
	return 1;
}

/* Where there is neither a head nor a first frame. While zeros are written behind the log's end, a power failure may
 * leave anything there; but its first sector is on the disk before (wal_upkeep.h). And a head is on the disk before any
 * frame is written behind it. So one of the two is still zeros, or something was here that is lost. */
static int check_without_beginning(struct wal *w)
{
	int first = has_zeros(w, 0, HEADER + FRAME_HEADER);
	int rest = first == 0 ? has_zeros(w, SECTOR, INT64_MAX) : first;
	return rest < 0 ? rest : rest > 0 ? 0 : damaged_head(w);
}

/* The head is written anew when all that is in the log stands in the database, and a power failure then may leave
 * anything in its place. So what the frames hold must stand there, or it would be lost. */
static int check_frames(struct wal *w, FILE *database)
{
	uint64_t pages = 0;
	struct prefix p = {.frames = 1};
	struct frame nothing = {0}, first = {0};
	int err = read_database(w, database, &pages);
	if (err)
		return err;
	/* The first is taken on trust: what it follows is not there any more. */
	if (fseeko(w->file, HEADER + 8, SEEK_SET) != 0 || fread(w->salt, 1, 8, w->file) < 8 ||
	    fseeko(w->file, HEADER, SEEK_SET) != 0 || !read_frame(w, &nothing, &first))
		return 0;
	first.computed = first.stored;
	bool likely = is_likely(&first, pages);
	p.committed = first.commits && likely;
	err = scan(w, first, &p);
	if (err == 0)
		err = likely ? compare_pages(w, database, pages, p.committed) : check_without_beginning(w);
	return err;
}

static int check_without_head(struct wal *w)
{
	FILE *database = fopen(w->path, "re");
	if (!database)
		return errno == ENOENT ? damaged_head(w) : -errno;
	int err = check_frames(w, database);
	fclose(database);
	return err;
}

/* ---- the whole ---- */

static int check(struct wal *w)
{
	uint8_t h[HEADER];
	if (fread(h, 1, HEADER, w->file) < HEADER)
		return 0;
	struct prefix p = {0};
	struct frame head = {.stored = stored_sum(h + 24)};
	w->big_endian = big(h) == MAGIC + 1;
	w->page_bytes = big(h + 8);
	memcpy(w->salt, h + 16, 8);
	head.computed = add(w, (struct sum){0}, h, HEADER - 8);
	bool known = (big(h) | 1) == MAGIC + 1 && w->page_bytes >= 512 && w->page_bytes <= PAGE_MAX &&
		     (w->page_bytes & (w->page_bytes - 1)) == 0;
	if (known && same(head.computed, head.stored))
		return scan(w, head, &p);
	w->big_endian = false;
	return check_without_head(w);
}

int db_wal_check(const char *path)
{
	struct wal *w = calloc(1, sizeof *w);
	char *log;
	if (!w || asprintf(&log, "%s-wal", path) < 0) {
		free(w);
		return -ENOMEM;
	}
	w->path = path;
	w->file = fopen(log, "re");
	int err = w->file ? check(w) : errno == ENOENT ? 0 : -errno;
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
