/* chain.h - the hash chain over a pool's settlements: history that cannot be changed without notice.
 *
 * The hash of a settlement covers its contents and the hash before it, so whoever knows the newest one, the head, can
 * tell whether anything before it was changed, removed or reordered. The hash is BLAKE2b of 32 bytes
 * over this, where an integer is 8 bytes little-endian, a real the same of its IEEE 754 bits (of 0 for -0), and a text
 * its length as an integer and then its bytes:
 *
 *     "candor settlement 3" (text), the hash before (32 bytes; zeros for round 1), the salt (16 bytes),
 *     pool (text), round (integer), item (text), outcome, eta, L (reals), epoch, at (integers), by (text),
 *     wrong (real, the setting), the first round of its block, the number of items in the block, the number of
 *     scored reports, n (integers), and for each of n reports in order of arrival: labeler (text), value (real)
 *
 * The salt is random and secret, or a head would tell who can guess what was settled whether they are right, and there
 * is not much to be guessed. Settlements of candord before schema 6 begin with "candor settlement 2", and `by` is
 * followed by n. Those before schema 5 have no salt either: they begin with "candor settlement 1", and the hash before
 * is followed by the pool.
 *
 * No allocation, no failure. */
#ifndef CANDOR_CHAIN_H
#define CANDOR_CHAIN_H

#include "lib/crypto/digest.h"
#include "lib/pool/pool.h"

enum { CHAIN_BYTES = CANDOR_HEAD_BYTES, CHAIN_HEX = 2 * CHAIN_BYTES + 1, CHAIN_SALT_BYTES = CANDOR_SALT_BYTES };

struct chain_record {
	const uint8_t *salt; /* [CHAIN_SALT_BYTES]; NULL: it has none, and none of the next four */
	uint64_t together; /* items in its block, at least 1; 0: it has none of the next three */
	uint64_t block; /* the first round of it */
	double wrong;
	size_t scored; /* reports */
	const char *pool, *item;
	uint64_t round; /* from 1 */
	double outcome, eta, weighted_loss;
	uint32_t epoch;
	uint64_t at; /* ms since 1970 */
	const char *by; /* who posted the outcome */
	size_t n; /* reports */
};

struct chain {
	struct digest digest;
};

/* A new one. */
void chain_make_salt(uint8_t out[CHAIN_SALT_BYTES]);

/* A record's hash: its head, then each of its n reports in order, then the end. */
void chain_begin(struct chain *c, const uint8_t before[CHAIN_BYTES], const struct chain_record *r);
void chain_report(struct chain *c, const char *labeler, size_t len, double value); /* len: at most 255 */
void chain_end(struct chain *c, uint8_t out[CHAIN_BYTES]);

/* The same in one call: the reports are those of an item of the pool; r->item and r->n are taken from it. before and
 * out may be the same. */
void chain_next(const uint8_t before[CHAIN_BYTES], const struct chain_record *r, const struct pool *p,
		const struct item *item, uint8_t out[CHAIN_BYTES]);

/* As 64 lower-case hexadecimal digits and a NUL. */
void chain_hex(const uint8_t hash[CHAIN_BYTES], char out[CHAIN_HEX]);

/* The inverse; false if it is not 64 hexadecimal digits, of either case. */
bool chain_read_hex(const char *hex, uint8_t out[CHAIN_BYTES]);

#endif
