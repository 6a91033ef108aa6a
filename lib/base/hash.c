#include "lib/base/hash.h"

#include <assert.h>
#include <sodium/crypto_shorthash.h>
#include <sodium/randombytes.h>

static_assert(crypto_shorthash_KEYBYTES == HASH_KEY_BYTES, "key size");
static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "a hash is one number");

void hash_new_key(uint8_t key[HASH_KEY_BYTES])
{
	randombytes_buf(key, HASH_KEY_BYTES);
}

uint64_t hash_bytes(const uint8_t key[HASH_KEY_BYTES], const void *bytes, size_t len)
{
	uint64_t hash;
	crypto_shorthash((unsigned char *)&hash, bytes, len, key);
	return hash;
}
