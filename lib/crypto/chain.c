#include "lib/crypto/chain.h"

#include <assert.h>
#include <sodium/randombytes.h>
#include <sodium/utils.h>
#include <string.h>

#include "lib/base/err.h"

enum { NAME_MAX_BYTES = 255 };

static_assert((int)DIGEST_BYTES == (int)CHAIN_BYTES, "hash size");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a report's numbers are hashed as they are in memory");

/* Negative zero counts as zero: the two are equal, and SQLite stores only one of them. */
static double canonical(double value)
{
	return value == 0 ? 0 : value;
}

static void add_real(struct chain *c, double value)
{
	digest_add_real(&c->digest, canonical(value));
}

void chain_make_salt(uint8_t out[CHAIN_SALT_BYTES])
{
	randombytes_buf(out, CHAIN_SALT_BYTES);
}

void chain_begin(struct chain *c, const uint8_t before[CHAIN_BYTES], const struct chain_record *r)
{
	struct digest *d = &c->digest;
	require(r->salt || !r->together);
	digest_init(d);
	digest_add_text(d, r->together ? "candor settlement 3"
			   : r->salt   ? "candor settlement 2"
				       : "candor settlement 1");
	digest_add(d, before, CHAIN_BYTES);
	if (r->salt)
		digest_add(d, r->salt, CHAIN_SALT_BYTES);
	digest_add_text(d, r->pool);
	digest_add_int(d, r->round);
	digest_add_text(d, r->item);
	add_real(c, r->outcome);
	add_real(c, r->eta);
	add_real(c, r->weighted_loss);
	digest_add_int(d, r->epoch);
	digest_add_int(d, r->at);
	digest_add_text(d, r->by);
	if (r->together) {
		add_real(c, r->wrong);
		digest_add_int(d, r->block);
		digest_add_int(d, r->together);
		digest_add_int(d, r->scored);
	}
	digest_add_int(d, r->n);
}

void chain_report(struct chain *c, const char *labeler, size_t len, double value)
{
	/* One call instead of three: this runs for every report. */
	uint8_t bytes[sizeof(uint64_t) + NAME_MAX_BYTES + sizeof value];
	uint64_t length = len;
	value = canonical(value);
	require(len <= NAME_MAX_BYTES);
	memcpy(bytes, &length, sizeof length);
	memcpy(bytes + sizeof length, labeler, len);
	memcpy(bytes + sizeof length + len, &value, sizeof value);
	digest_add(&c->digest, bytes, sizeof length + len + sizeof value);
}

void chain_end(struct chain *c, uint8_t out[CHAIN_BYTES])
{
	digest_end(&c->digest, out);
}

void chain_next(const uint8_t before[CHAIN_BYTES], const struct chain_record *r, const struct pool *p,
		const struct item *item, uint8_t out[CHAIN_BYTES])
{
	struct chain c;
	struct chain_record record = *r;
	record.item = pool_item_name(p, item, NULL);
	record.n = item->n;
	chain_begin(&c, before, &record);
	for (size_t i = 0; i < item->n; i++) {
		size_t len;
		const char *labeler = pool_labeler_name(p, item_labelers(item)[i], &len);
		chain_report(&c, labeler, len, item->values[i]);
	}
	chain_end(&c, out);
}

void chain_hex(const uint8_t hash[CHAIN_BYTES], char out[CHAIN_HEX])
{
	sodium_bin2hex(out, CHAIN_HEX, hash, CHAIN_BYTES);
}

bool chain_read_hex(const char *hex, uint8_t out[CHAIN_BYTES])
{
	size_t n;
	return strlen(hex) == CHAIN_HEX - 1 &&
	       sodium_hex2bin(out, CHAIN_BYTES, hex, CHAIN_HEX - 1, NULL, &n, NULL) == 0 && n == CHAIN_BYTES;
}
