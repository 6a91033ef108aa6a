/* The chain against values computed by other means (Python's hashlib over the layout that chain.h gives), and what each
 * part of a record does to the hash. */
#include "lib/crypto/chain.h"
#include "tests/lib/unit.h"

static const struct chain_record first = {.pool = "pool",
					  .item = "q1",
					  .round = 1,
					  .outcome = 1,
					  .eta = 0.5,
					  .weighted_loss = 0.25,
					  .epoch = 0,
					  .at = 1700000000000,
					  .by = "uid:0",
					  .n = 2};
static const uint8_t zeros[CHAIN_BYTES];

static void hash_of(const uint8_t before[CHAIN_BYTES], const struct chain_record *r, const char *labeler, double value,
		    uint8_t out[CHAIN_BYTES])
{
	struct chain c;
	chain_begin(&c, before, r);
	chain_report(&c, "ann", 3, 0.75);
	chain_report(&c, labeler, strlen(labeler), value);
	chain_end(&c, out);
}

static void it_is_what_others_compute(void **state)
{
	(void)state;
	uint8_t hash[CHAIN_BYTES], next[CHAIN_BYTES];
	char hex[CHAIN_HEX];
	hash_of(zeros, &first, "b\xc3\xbcrge", 0.125, hash);
	chain_hex(hash, hex);
	assert_string_equal(hex, "dabd198d17e9e53b3df2a92ff6eb1310aaf6c512bbe45d5fa4e3c21ece2f6841");
	const struct chain_record second = {.pool = "pool",
					    .item = "q2",
					    .round = 2,
					    .outcome = 0,
					    .eta = 0.25,
					    .weighted_loss = 0.0625,
					    .epoch = 1,
					    .at = 1700000000001,
					    .by = ""};
	struct chain c;
	chain_begin(&c, hash, &second);
	chain_end(&c, next);
	chain_hex(next, hex);
	assert_string_equal(hex, "63a19b59f5247bbe6b5094a2f9bf7e1d0997022e90b439ae79b973ac747aa46f");
}

static void a_salt_is_hashed_before_all_that_can_be_guessed(void **state)
{
	(void)state;
	uint8_t salt[CHAIN_SALT_BYTES], hash[CHAIN_BYTES], other[CHAIN_BYTES];
	char hex[CHAIN_HEX];
	struct chain_record r = first;
	for (size_t i = 0; i < sizeof salt; i++)
		salt[i] = (uint8_t)(i * 17);
	r.salt = salt;
	hash_of(zeros, &r, "b\xc3\xbcrge", 0.125, hash);
	chain_hex(hash, hex);
	assert_string_equal(hex, "e4bb18397d9be26e208a32f3522e35a9a5e46d33d922f2fba73ad25bb3bb2de2");
	for (size_t i = 0; i < 8 * sizeof salt; i++) {
		salt[i / 8] ^= (uint8_t)(1 << i % 8);
		hash_of(zeros, &r, "b\xc3\xbcrge", 0.125, other);
		assert_memory_not_equal(other, hash, CHAIN_BYTES);
		salt[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* With what is known since outcomes can be settled together, wrong, and of a part of the reports. */
static void a_block_is_hashed_with_what_decided_it(void **state)
{
	(void)state;
	uint8_t salt[CHAIN_SALT_BYTES], hash[CHAIN_BYTES], other[CHAIN_BYTES];
	char hex[CHAIN_HEX];
	struct chain_record r = first;
	for (size_t i = 0; i < sizeof salt; i++)
		salt[i] = (uint8_t)(i * 17);
	r.salt = salt;
	r.together = 3;
	r.block = 1;
	r.wrong = 0.2;
	r.scored = 1;
	hash_of(zeros, &r, "b\xc3\xbcrge", 0.125, hash);
	chain_hex(hash, hex);
	assert_string_equal(hex, "05207602fd5a2ab8d9152d3b087f3dbba21deebf39c5c91c7f331e0d9a9839b9");
	struct chain_record changed[] = {r, r, r, r};
	changed[0].together = 2;
	changed[1].block = 2;
	changed[2].wrong = nextafter(0.2, 0);
	changed[3].scored = 2;
	for (size_t i = 0; i < 4; i++) {
		hash_of(zeros, &changed[i], "b\xc3\xbcrge", 0.125, other);
		assert_memory_not_equal(other, hash, CHAIN_BYTES);
	}
}

static void no_salt_is_made_twice(void **state)
{
	(void)state;
	uint8_t salts[100][CHAIN_SALT_BYTES];
	for (size_t i = 0; i < 100; i++) {
		chain_make_salt(salts[i]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(salts[i], salts[k], CHAIN_SALT_BYTES);
	}
}

static void every_part_counts(void **state)
{
	(void)state;
	static const uint8_t other[CHAIN_BYTES] = {[31] = 1};
	uint8_t original[CHAIN_BYTES], changed[CHAIN_BYTES];
	struct chain_record r[10];
	hash_of(zeros, &first, "bob", 0.125, original);
	for (size_t i = 0; i < 10; i++)
		r[i] = first;
	r[0].pool = "poo";
	r[1].item = "q1 ";
	r[2].round = 2;
	r[3].outcome = nextafter(1, 0);
	r[4].eta = nextafter(0.5, 0);
	r[5].weighted_loss = nextafter(0.25, 0);
	r[6].epoch = 1;
	r[7].at++;
	r[8].by = "uid:1";
	r[9].n = 1;
	for (size_t i = 0; i < 10; i++) {
		hash_of(zeros, &r[i], "bob", 0.125, changed);
		assert_memory_not_equal(changed, original, CHAIN_BYTES);
	}
	hash_of(zeros, &first, "bod", 0.125, changed);
	assert_memory_not_equal(changed, original, CHAIN_BYTES);
	hash_of(zeros, &first, "bob", nextafter(0.125, 1), changed);
	assert_memory_not_equal(changed, original, CHAIN_BYTES);
	hash_of(other, &first, "bob", 0.125, changed);
	assert_memory_not_equal(changed, original, CHAIN_BYTES);
	hash_of(zeros, &first, "bob", 0.125, changed);
	assert_memory_equal(changed, original, CHAIN_BYTES);
	hash_of(zeros, &first, "bob", -0.0, original);
	hash_of(zeros, &first, "bob", 0.0, changed);
	assert_memory_equal(changed, original, CHAIN_BYTES);
}

static void an_item_of_a_pool_is_hashed_by_its_reports(void **state)
{
	(void)state;
	const struct candor_settings settings = {CANDOR_ANYTIME, 1, 0.01, 0, 0, 1e-9, 1};
	static const uint8_t key[NAMES_KEY_BYTES];
	struct pool *p;
	struct item *item;
	struct pool_reported done;
	assert_int_equal(pool_new(&p, &settings, key), 0);
	assert_int_equal(pool_add_item(p, "q1", 2, &item), 0);
	assert_int_equal(pool_report(p, item, "ann", 3, 0.75, 0, &done), POOL_ADDED);
	assert_int_equal(pool_report(p, item, "bob", 3, 0.125, 0, &done), POOL_ADDED);
	uint8_t got[CHAIN_BYTES] = {0}, want[CHAIN_BYTES];
	hash_of(zeros, &first, "bob", 0.125, want);
	struct chain_record r = first;
	r.item = NULL;
	r.n = 0;
	chain_next(got, &r, p, item, got);
	assert_memory_equal(got, want, CHAIN_BYTES);
	pool_free(p);
}

static void digits_read_back(void **state)
{
	(void)state;
	uint8_t hash[CHAIN_BYTES], back[CHAIN_BYTES];
	char hex[CHAIN_HEX];
	hash_of(zeros, &first, "bob", 0.125, hash);
	chain_hex(hash, hex);
	assert_true(chain_read_hex(hex, back));
	assert_memory_equal(back, hash, CHAIN_BYTES);
	hex[5] = 'g';
	assert_false(chain_read_hex(hex, back));
	hex[5] = 0;
	assert_false(chain_read_hex(hex, back));
	assert_false(chain_read_hex("", back));
	assert_false(chain_read_hex("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00", back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_others_compute),
		cmocka_unit_test(a_salt_is_hashed_before_all_that_can_be_guessed),
		cmocka_unit_test(a_block_is_hashed_with_what_decided_it),
		cmocka_unit_test(no_salt_is_made_twice),
		cmocka_unit_test(every_part_counts),
		cmocka_unit_test(an_item_of_a_pool_is_hashed_by_its_reports),
		cmocka_unit_test(digits_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
