#include "lib/crypto/digest.h"

#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(struct digest), "room for libsodium's state");

static crypto_generichash_state *state_of(struct digest *d)
{
	return (crypto_generichash_state *)(void *)d->state;
}

/* libsodium's functions fail only where lengths are out of range, and these are constant. */
void digest_init(struct digest *d)
{
	crypto_generichash_init(state_of(d), NULL, 0, DIGEST_BYTES);
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
	crypto_generichash_update(state_of(d), bytes, len);
}

void digest_add_int(struct digest *d, uint64_t x)
{
	uint8_t bytes[8]; /* the least significant first */
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(x >> 8 * i);
	digest_add(d, bytes, sizeof bytes);
}

void digest_add_real(struct digest *d, double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	digest_add_int(d, bits);
}

void digest_add_text(struct digest *d, const char *text)
{
	size_t len = strlen(text);
	digest_add_int(d, len);
	digest_add(d, text, len);
}

void digest_end(struct digest *d, uint8_t out[DIGEST_BYTES])
{
	crypto_generichash_final(state_of(d), out, DIGEST_BYTES);
}
