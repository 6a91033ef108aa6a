/* seal.h - a short text that somebody else keeps and cannot read, change or use after its time: encrypted and
 * authenticated (XSalsa20-Poly1305) under a key that only this process has. */
#ifndef CANDOR_SEAL_H
#define CANDOR_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seal_key {
	uint8_t bytes[32];
};

/* Bytes of what a text of len bytes is sealed as, its NUL included: letters, digits, '-' and '_'. */
#define SEAL_BYTES(len) ((24 + 16 + 8 + (len)) * 4 / 3 + 4)

/* A new key, at random. */
void seal_key_make(struct seal_key *key);

/* out[size]: of SEAL_BYTES(strlen(text)) at least. expires_at: in milliseconds since 1970. */
void seal_close(const struct seal_key *key, const char *text, uint64_t expires_at, char *out, size_t size);

/* False: it was not sealed with this key, is no longer valid at now_ms, or has no room in text[size]. The caller wipes
 * the text. */
bool seal_open(const struct seal_key *key, const char *sealed, uint64_t now_ms, char *text, size_t size);

#endif
