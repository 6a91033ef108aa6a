/* token.h - bearer tokens: 256 random bits, as text. Only the hash of one is ever kept. */
#ifndef CANDOR_TOKEN_H
#define CANDOR_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "candor_" and 43 letters, digits, '-' and '_' (base64url), and the NUL. */
enum { TOKEN_TEXT_BYTES = 7 + 43 + 1, TOKEN_HASH_BYTES = 32 };

/* A new one; the caller wipes it when it has been told. */
void token_make(char text[TOKEN_TEXT_BYTES]);

/* Whether a text begins as all of them do. */
bool token_is_marked(const char *text);

/* BLAKE2b-256 of the text. No salt and no stretching: what is hashed is as random as the hash. */
void token_hash(const char *text, uint8_t out[TOKEN_HASH_BYTES]);

/* In a time that does not tell where they differ. */
bool token_hash_is(const uint8_t a[TOKEN_HASH_BYTES], const uint8_t b[TOKEN_HASH_BYTES]);

#endif
