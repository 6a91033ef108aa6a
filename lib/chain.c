#include "chain.h"

#include <assert.h>
#include <sodium/utils.h>
#include <string.h>

#include "err.h"

enum { NAME_MAX_BYTES = 255 };

static_assert(crypto_generichash_BYTES == CHAIN_BYTES, "hash size");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are hashed as memory has them");

static void add(struct chain *c, const void *bytes, size_t n)
{
	require(crypto_generichash_update(&c->state, bytes, n) == 0);
}

static void add_int(struct chain *c, uint64_t value)
{
	add(c, &value, sizeof value);
}

/* A negative zero is a zero: the two are equal, and SQLite keeps only the one. */
static double canonical(double value)
{
	return value == 0 ? 0 : value;
}

static void add_real(struct chain *c, double value)
{
	value = canonical(value);
	add(c, &value, sizeof value);
}

static void add_text(struct chain *c, const char *text)
{
	size_t len = strlen(text);
	add_int(c, len);
	add(c, text, len);
}

void chain_begin(struct chain *c, const uint8_t before[CHAIN_BYTES], const struct chain_record *r)
{
	require(crypto_generichash_init(&c->state, NULL, 0, CHAIN_BYTES) == 0);
	add_text(c, "candor settlement 1");
	add(c, before, CHAIN_BYTES);
	add_text(c, r->pool);
	add_int(c, r->round);
	add_text(c, r->item);
	add_real(c, r->outcome);
	add_real(c, r->eta);
	add_real(c, r->lbar);
	add_int(c, r->epoch);
	add_int(c, r->at);
	add_text(c, r->by);
	add_int(c, r->n);
}

void chain_report(struct chain *c, const char *labeler, size_t len, double value)
{
	/* One call instead of three: this is done for every report there ever is. */
	uint8_t bytes[sizeof(uint64_t) + NAME_MAX_BYTES + sizeof value];
	uint64_t length = len;
	value = canonical(value);
	require(len <= NAME_MAX_BYTES);
	memcpy(bytes, &length, sizeof length);
	memcpy(bytes + sizeof length, labeler, len);
	memcpy(bytes + sizeof length + len, &value, sizeof value);
	add(c, bytes, sizeof length + len + sizeof value);
}

void chain_end(struct chain *c, uint8_t out[CHAIN_BYTES])
{
	require(crypto_generichash_final(&c->state, out, CHAIN_BYTES) == 0);
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
