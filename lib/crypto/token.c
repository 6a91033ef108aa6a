#include "lib/crypto/token.h"

#include <sodium.h>
#include <string.h>

#include "lib/crypto/digest.h"
#include "lib/base/err.h"
#include "lib/base/wipe.h"

enum { RANDOM_BYTES = 32 };

static const char mark[] = "candor_"; /* so that a token that leaks can be recognised */

_Static_assert((int)TOKEN_HASH_BYTES == (int)DIGEST_BYTES, "hash size");
_Static_assert(sodium_base64_ENCODED_LEN(RANDOM_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
		       TOKEN_TEXT_BYTES - (sizeof mark - 1),
	       "token size");

void token_make(char text[TOKEN_TEXT_BYTES])
{
	uint8_t bytes[RANDOM_BYTES];
	size_t head = sizeof mark - 1;
	randombytes_buf(bytes, sizeof bytes);
	memcpy(text, mark, head);
	require(sodium_bin2base64(text + head, TOKEN_TEXT_BYTES - head, bytes, sizeof bytes,
				  sodium_base64_VARIANT_URLSAFE_NO_PADDING));
	wipe(bytes, sizeof bytes);
}

bool token_is_marked(const char *text)
{
	return strncmp(text, mark, sizeof mark - 1) == 0;
}

void token_hash(const char *text, uint8_t out[TOKEN_HASH_BYTES])
{
	struct digest d;
	digest_init(&d);
	digest_add_text(&d, "candor token 1");
	digest_add_text(&d, text);
	digest_end(&d, out);
	wipe(&d, sizeof d);
}

bool token_hash_is(const uint8_t a[TOKEN_HASH_BYTES], const uint8_t b[TOKEN_HASH_BYTES])
{
	return sodium_memcmp(a, b, TOKEN_HASH_BYTES) == 0;
}
