/* The keyed hash of tables. */
#include "tests/lib/unit.h"

#include "lib/base/hash.h"

/* From the paper on SipHash: the bytes 0 to 14 under the key 0 to 15. */
static void it_is_siphash(void **state)
{
	uint8_t key[HASH_KEY_BYTES], text[15];
	(void)state;
	for (uint8_t i = 0; i < sizeof key; i++)
		key[i] = i;
	memcpy(text, key, sizeof text);
	const uint8_t want[8] = {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1};
	uint64_t hash = hash_bytes(key, text, sizeof text);
	assert_memory_equal(&hash, want, sizeof hash);
}

static void another_key_gives_other_hashes(void **state)
{
	uint8_t a[HASH_KEY_BYTES] = {0}, b[HASH_KEY_BYTES] = {0};
	(void)state;
	hash_new_key(a);
	hash_new_key(b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_true(hash_bytes(a, "name", 4) != hash_bytes(b, "name", 4));
	assert_true(hash_bytes(a, "name", 4) == hash_bytes(a, "names", 4)); /* no more than its bytes */
	assert_true(hash_bytes(a, "", 0) != hash_bytes(b, "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_siphash),
		cmocka_unit_test(another_key_gives_other_hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
