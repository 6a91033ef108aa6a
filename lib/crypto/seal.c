#include "lib/crypto/seal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/base/wipe.h"

enum {
	NONCE = crypto_secretbox_NONCEBYTES,
	MAC = crypto_secretbox_MACBYTES,
	TIME = 8,
	TEXT_MAX = 1024,
	VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};
static_assert(sizeof(struct seal_key) == crypto_secretbox_KEYBYTES, "key size");
static_assert(NONCE + MAC + TIME == 24 + 16 + 8, "what SEAL_BYTES counts");

void seal_key_make(struct seal_key *key)
{
	randombytes_buf(key->bytes, sizeof key->bytes);
}

void seal_close(const struct seal_key *key, const char *text, uint64_t expires_at, char *out, size_t size)
{
	uint8_t plain[TIME + TEXT_MAX], box[NONCE + MAC + sizeof plain];
	size_t len = strlen(text);
	require(len <= TEXT_MAX);
	for (int i = 0; i < TIME; i++)
		plain[i] = (uint8_t)(expires_at >> 8 * i);
	memcpy(plain + TIME, text, len);
	randombytes_buf(box, NONCE);
	require(crypto_secretbox_easy(box + NONCE, plain, TIME + len, box, key->bytes) == 0);
	require(sodium_bin2base64(out, size, box, NONCE + MAC + TIME + len, VARIANT));
	wipe(plain, sizeof plain);
}

bool seal_open(const struct seal_key *key, const char *sealed, uint64_t now_ms, char *text, size_t size)
{
	uint8_t plain[TIME + TEXT_MAX], box[NONCE + MAC + sizeof plain];
	size_t n = 0;
	if (sodium_base642bin(box, sizeof box, sealed, strlen(sealed), NULL, &n, NULL, VARIANT) != 0 ||
	    n < NONCE + MAC + TIME || crypto_secretbox_open_easy(plain, box + NONCE, n - NONCE, box, key->bytes) != 0)
		return false;
	uint64_t expires_at = 0;
	for (int i = 0; i < TIME; i++)
		expires_at |= (uint64_t)plain[i] << 8 * i;
	size_t len = n - NONCE - MAC - TIME;
	bool good = now_ms < expires_at && len < size;
	if (good) {
		memcpy(text, plain + TIME, len);
		text[len] = 0;
	}
	wipe(plain, sizeof plain);
	return good;
}
