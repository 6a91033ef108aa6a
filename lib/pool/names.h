/* names.h - a table from names (of labelers, of items) to small dense ids.
 *
 * An open-addressed table of 4-byte slots over names kept in one byte store. Ids are assigned from 0 upward; a removed
 * name's id is reused. The hash is keyed (hash.h): a peer that does not know the key cannot make names collide.
 * Cost: 4 bytes a name and at most 10.7 for its slot, besides its bytes (rounded up to 8). One thread at a time. */
#ifndef CANDOR_NAMES_H
#define CANDOR_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"

enum { NAMES_KEY_BYTES = HASH_KEY_BYTES };
#define NAMES_NONE UINT32_MAX

struct names;

/* key: NAMES_KEY_BYTES, unpredictable where peers choose names. 0 or -ENOMEM; *out is the caller's to names_free(). */
MUST_CHECK int names_new(struct names **out, const uint8_t *key);
void names_free(struct names *n);

/* The id of a name, or NAMES_NONE. len: 1 to 255. */
uint32_t names_find(const struct names *n, const char *name, size_t len);

/* Prefetches what names_find() will read for each of `count` names. In a table larger than the caches a search is three
 * misses in a row; those of many names can overlap. */
void names_prefetch(const struct names *n, const char *const *names, size_t count);

/* Finds or adds: 1 added, 0 was there, -ENOMEM or ERR_FULL (2^28 names, or 16 GiB of them). */
MUST_CHECK int names_put(struct names *n, const char *name, size_t len, uint32_t *id);

/* The name of an id in use: NUL-terminated, valid until the id is removed. *len may be NULL. */
const char *names_text(const struct names *n, uint32_t id, size_t *len);

/* Forgets an id in use. */
void names_remove(struct names *n, uint32_t id);

/* Names held. */
uint32_t names_count(const struct names *n);

/* Bytes taken from the system. */
size_t names_bytes(const struct names *n);

#endif
