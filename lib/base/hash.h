/* hash.h - a keyed hash of bytes, for tables of names: SipHash-2-4.
 *
 * A peer that does not know the key cannot choose names that collide. Keys are random, so no result and no order may
 * depend on a hash. */
#ifndef CANDOR_HASH_H
#define CANDOR_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_KEY_BYTES = 16 };

/* A random key. */
void hash_new_key(uint8_t key[HASH_KEY_BYTES]);

uint64_t hash_bytes(const uint8_t key[HASH_KEY_BYTES], const void *bytes, size_t len);

#endif
