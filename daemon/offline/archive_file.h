/* archive_file.h - the form of an archive: a gzip file that knows its own digest.
 *
 * Two gzip members, so that `gunzip` gives what was put in. The first, with the comment "candor archive 1", holds it;
 * the second is empty and has the comment "blake2b-256 DIGEST", in hexadecimal, of all bytes of the first. So every bit
 * of the file is accounted for: the first member by the digest, the second by being written in only one way. No I/O
 * but through the descriptors given; one thread. */
#ifndef CANDOR_ARCHIVE_FILE_H
#define CANDOR_ARCHIVE_FILE_H

#include "lib/crypto/digest.h"
#include "lib/base/err.h"

/* Asked now and then, with how many of the bytes to be read have been read: anything but 0 ends the work with it. */
typedef int archive_file_step(void *arg, uint64_t done, uint64_t total);

/* Writes an archive of all of `from` to `to`, both from their beginnings. 0, -errno, or what `step` said. */
MUST_CHECK int archive_file_write(int from, int to, archive_file_step *step, void *arg, uint8_t digest[DIGEST_BYTES],
				  uint64_t *bytes);

/* The digest of an archive, if it is one and whole: 0, ERR_MALFORMED (no archive, or cut short), ERR_DAMAGED (not what
 * was written), -errno. */
MUST_CHECK int archive_file_digest(int fd, uint8_t digest[DIGEST_BYTES]);

/* Writes what is in an archive to `to`. As archive_file_digest(), which is to be asked before. */
MUST_CHECK int archive_file_expand(int fd, int to);

#endif
