/* Files as archives. One that candor wrote gives back what was put in; no change to it goes unnoticed; and what has the
 * right digest all the same, over a stream that nobody's zlib made, is unpacked within bounds or refused. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/crypto/chain.h"
#include "daemon/offline/archive_file.h"
#include "tests/fuzz/spoil.h"

static int from, archive, to; /* files in memory */

static void fill(int fd, const void *bytes, size_t len)
{
	require(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	require(write(fd, bytes, len) == (ssize_t)len);
}

static struct buf all_of(int fd)
{
	struct buf b = {0};
	off_t size = lseek(fd, 0, SEEK_END);
	require(size >= 0 && buf_reserve(&b, (size_t)size + 1));
	require(pread(fd, b.data, (size_t)size, 0) == (ssize_t)size);
	b.len = (size_t)size;
	return b;
}

static int expand(void)
{
	fill(to, "", 0);
	return archive_file_expand(archive, to);
}

/* Written, read, spoiled. */
static void written_ones(struct meal *in)
{
	uint8_t digest[DIGEST_BYTES], found[DIGEST_BYTES];
	uint64_t bytes;
	struct meal payload = eat_bytes(in, eat_u16(in) % 512);
	fill(from, payload.data, payload.len);
	fill(archive, "", 0);
	require(archive_file_write(from, archive, NULL, NULL, digest, &bytes) == 0);
	require(archive_file_digest(archive, found) == 0 && memcmp(digest, found, sizeof digest) == 0);
	require(expand() == 0);
	struct buf out = all_of(to), file = all_of(archive), spoiled = all_of(archive);
	require(file.len == bytes);
	require(out.len == payload.len && (out.len == 0 || memcmp(out.data, payload.data, out.len) == 0));

	fuzz_spoil(&spoiled, in);
	bool same = spoiled.len == file.len && memcmp(spoiled.data, file.data, file.len) == 0;
	fill(archive, spoiled.data, spoiled.len);
	int err = archive_file_digest(archive, found);
	require(same ? err == 0 : err == ERR_MALFORMED || err == ERR_DAMAGED);
	err = expand();
	require(err == 0 || err == ERR_MALFORMED || err == ERR_DAMAGED);
	buf_free(&out);
	buf_free(&file);
	buf_free(&spoiled);
}

/* A stream of the input's own between a good head and the end that belongs to it. */
static void forged_ones(struct meal in)
{
	static const char head[] = "\x1f\x8b\x08\x10\0\0\0\0\0\xff"
				   "candor archive 1";
	static const char mark[] = "\x1f\x8b\x08\x10\0\0\0\0\0\xff"
				   "blake2b-256 ";
	static const uint8_t empty[] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	uint8_t hash[DIGEST_BYTES], found[DIGEST_BYTES];
	char hex[CHAIN_HEX];
	struct buf b = {0};
	struct digest d;
	require(buf_append(&b, head, sizeof head) == 0 && buf_append(&b, in.data, in.len) == 0);
	digest_init(&d);
	digest_add(&d, b.data, b.len);
	digest_end(&d, hash);
	chain_hex(hash, hex);
	require(buf_append(&b, mark, sizeof mark - 1) == 0 && buf_append(&b, hex, sizeof hex) == 0);
	require(buf_append(&b, empty, sizeof empty) == 0);
	fill(archive, b.data, b.len);
	require(archive_file_digest(archive, found) == 0 && memcmp(found, hash, sizeof hash) == 0);
	int err = expand();
	require(err == 0 || err == ERR_DAMAGED);
	buf_free(&b);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	from = memfd_create("candor-fuzz", MFD_CLOEXEC);
	archive = memfd_create("candor-fuzz", MFD_CLOEXEC);
	to = memfd_create("candor-fuzz", MFD_CLOEXEC);
	require(from >= 0 && archive >= 0 && to >= 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	uint8_t digest[DIGEST_BYTES];
	switch (eat_below(&in, 4)) {
	case 0: written_ones(&in); break;
	case 1: forged_ones(in); break;
	default: fill(archive, in.data, in.len); require(archive_file_digest(archive, digest) != 0 || in.len > 100);
	}
	return 0;
}
