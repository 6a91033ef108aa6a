/* digest.h - BLAKE2b-256 of bytes that come in pieces. Pure; no allocation. */
#ifndef CANDOR_DIGEST_H
#define CANDOR_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32 };

struct digest {
	_Alignas(64) uint8_t state[384]; /* libsodium's */
};

void digest_init(struct digest *d);
void digest_add(struct digest *d, const void *bytes, size_t len);

/* Integers as eight bytes, least significant first; reals by their bits. */
void digest_add_int(struct digest *d, uint64_t x);
void digest_add_real(struct digest *d, double x);

/* Its length, then its bytes. */
void digest_add_text(struct digest *d, const char *text);

/* Afterwards only digest_init(). */
void digest_end(struct digest *d, uint8_t out[DIGEST_BYTES]);

#endif
