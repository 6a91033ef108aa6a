#include "daemon/offline/archive_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/crypto/chain.h"

#define COMMENT "candor archive 1"
#define MARK "blake2b-256 "

enum {
	GZIP = 16 + MAX_WBITS, /* for zlib: with gzip's header and checks */
	PIECE = 256 * 1024,
	/* Header, comment with its end, an empty stream, its checksum and length. */
	TRAILER_BYTES = 10 + (sizeof MARK - 1) + 2 * DIGEST_BYTES + 1 + 2 + 8,
};

/* Magic, deflate, a comment follows, no time, no hints, no system. */
#define HEADER "\x1f\x8b\x08\x10\0\0\0\0\0\xff"

/* The only second member that there is with such a digest. */
static void make_trailer(const uint8_t digest[DIGEST_BYTES], uint8_t out[TRAILER_BYTES])
{
	static const uint8_t empty[] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	char hex[CHAIN_HEX];
	uint8_t *at = out;
	chain_hex(digest, hex);
	memcpy(at, HEADER, 10);
	memcpy(at += 10, MARK, sizeof MARK - 1);
	memcpy(at += sizeof MARK - 1, hex, sizeof hex);
	memcpy(at + sizeof hex, empty, sizeof empty);
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Up to n bytes from a place: how many there were, or -errno. */
static ssize_t read_at(int fd, uint8_t *bytes, size_t n, uint64_t at)
{
	size_t got = 0;
	while (got < n) {
		ssize_t done = pread(fd, bytes + got, n - got, (off_t)(at + got));
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			break;
		got += (size_t)done;
	}
	return (ssize_t)got;
}

static int size_of(int fd, uint64_t *out)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return -errno;
	*out = (uint64_t)st.st_size;
	return 0;
}

/* ---- writing ---- */

struct writer {
	int to;
	z_stream z;
	struct digest digest;
	uint64_t bytes;
	uint8_t out[PIECE];
};

/* Lets zlib go as far as it can with what it was given. */
static int squeeze(struct writer *w, int flush)
{
	int code;
	do {
		w->z.next_out = w->out;
		w->z.avail_out = sizeof w->out;
		code = deflate(&w->z, flush);
		size_t n = sizeof w->out - w->z.avail_out;
		digest_add(&w->digest, w->out, n);
		w->bytes += n;
		int err = write_all(w->to, w->out, n);
		if (err)
			return err;
	} while (w->z.avail_out == 0);
	return code == (flush == Z_FINISH ? Z_STREAM_END : Z_OK) ? 0 : -EIO;
}

static int write_first(struct writer *w, int from, archive_file_step *step, void *arg)
{
	uint8_t in[PIECE];
	uint64_t done = 0, total = 0;
	int err = size_of(from, &total);
	while (err == 0 && done < total) {
		ssize_t n = read_at(from, in, sizeof in, done);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		w->z.next_in = in;
		w->z.avail_in = (unsigned)n;
		done += (uint64_t)n;
		err = squeeze(w, Z_NO_FLUSH);
		if (err == 0 && step)
			err = step(arg, done, total);
	}
	w->z.avail_in = 0;
	return err ? err : squeeze(w, Z_FINISH);
}

int archive_file_write(int from, int to, archive_file_step *step, void *arg, uint8_t digest[DIGEST_BYTES],
		       uint64_t *bytes)
{
	uint8_t trailer[TRAILER_BYTES];
	gz_header header = {.os = 255, .comment = (Bytef *)(uintptr_t)COMMENT};
	struct writer w = {.to = to};
	digest_init(&w.digest);
	if (deflateInit2(&w.z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	int err = deflateSetHeader(&w.z, &header) == Z_OK ? write_first(&w, from, step, arg) : -EIO;
	deflateEnd(&w.z);
	if (err)
		return err;
	digest_end(&w.digest, digest);
	make_trailer(digest, trailer);
	*bytes = w.bytes + sizeof trailer;
	return write_all(to, trailer, sizeof trailer);
}

/* ---- reading ---- */

/* How many bytes the first member has. */
static int first_size(int fd, uint64_t *out)
{
	static const uint8_t begins[] = HEADER COMMENT;
	uint8_t begin[sizeof begins];
	uint64_t size = 0;
	int err = size_of(fd, &size);
	if (err)
		return err;
	if (size < sizeof begins + TRAILER_BYTES)
		return ERR_MALFORMED;
	ssize_t n = read_at(fd, begin, sizeof begin, 0);
	if (n < 0)
		return (int)n;
	*out = size - TRAILER_BYTES;
	return (size_t)n == sizeof begins && memcmp(begin, begins, sizeof begins) == 0 ? 0 : ERR_MALFORMED;
}

int archive_file_digest(int fd, uint8_t digest[DIGEST_BYTES])
{
	uint8_t piece[PIECE], trailer[TRAILER_BYTES], found[TRAILER_BYTES];
	struct digest d;
	uint64_t size = 0;
	int err = first_size(fd, &size);
	if (err)
		return err;
	digest_init(&d);
	for (uint64_t done = 0; done < size;) {
		uint64_t left = size - done;
		ssize_t n = read_at(fd, piece, left < sizeof piece ? (size_t)left : sizeof piece, done);
		if (n <= 0)
			return n < 0 ? (int)n : ERR_MALFORMED;
		digest_add(&d, piece, (size_t)n);
		done += (uint64_t)n;
	}
	digest_end(&d, digest);
	make_trailer(digest, trailer);
	ssize_t n = read_at(fd, found, sizeof found, size);
	if (n < 0)
		return (int)n;
	if ((size_t)n == sizeof found && memcmp(found, trailer, sizeof found) == 0)
		return 0;
	/* Where the end is one, what comes before is not what it was made of. */
	return memcmp(found, HEADER MARK, 10 + sizeof MARK - 1) == 0 ? ERR_DAMAGED : ERR_MALFORMED;
}

int archive_file_expand(int fd, int to)
{
	uint8_t in[PIECE], out[PIECE];
	z_stream z = {0};
	uint64_t size = 0, done = 0;
	int err = first_size(fd, &size), code = Z_OK;
	if (err)
		return err;
	if (inflateInit2(&z, GZIP) != Z_OK)
		return -ENOMEM;
	while (err == 0 && code == Z_OK) {
		if (z.avail_in == 0 && done < size) {
			uint64_t left = size - done;
			ssize_t n = read_at(fd, in, left < sizeof in ? (size_t)left : sizeof in, done);
			if (n <= 0) {
				err = n < 0 ? (int)n : ERR_DAMAGED;
				break;
			}
			z.next_in = in;
			z.avail_in = (unsigned)n;
			done += (uint64_t)n;
		}
		z.next_out = out;
		z.avail_out = sizeof out;
		code = inflate(&z, Z_NO_FLUSH);
		if (code == Z_OK || code == Z_STREAM_END)
			err = write_all(to, out, sizeof out - z.avail_out);
	}
	/* Exactly one member, to its last byte. */
	if (err == 0 && (code != Z_STREAM_END || z.avail_in > 0 || done != size))
		err = code == Z_MEM_ERROR ? -ENOMEM : ERR_DAMAGED;
	inflateEnd(&z);
	return err;
}
