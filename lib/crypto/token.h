/* token.h - bearer tokens: 256 random bits, as text. Only their hashes are stored. */
#ifndef CANDOR_TOKEN_H
#define CANDOR_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "candor_" and 43 letters, digits, '-' and '_' (base64url), and the NUL. */
enum { TOKEN_TEXT_BYTES = 7 + 43 + 1, TOKEN_HASH_BYTES = 32 };

/* A new token; the caller wipes it once it has been sent. */
void token_make(char text[TOKEN_TEXT_BYTES]);

/* Whether a text begins as every token does. */
bool token_is_marked(const char *text);

/* BLAKE2b-256 of the text. No salt and no stretching: a token is as random as its hash. */
void token_hash(const char *text, uint8_t out[TOKEN_HASH_BYTES]);

/* Compares in constant time. */
bool token_hash_is(const uint8_t a[TOKEN_HASH_BYTES], const uint8_t b[TOKEN_HASH_BYTES]);

#endif
