/* Bearer tokens: their form, that none is like another, and what is kept of them. */
#include "lib/base/wipe.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/crypto/token.h"

enum { MANY = 20000, CHARS = TOKEN_TEXT_BYTES - 1 - 7 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void they_have_one_form(void **state)
{
	(void)state;
	char text[TOKEN_TEXT_BYTES];
	for (int i = 0; i < 1000; i++) {
		memset(text, 'x', sizeof text);
		token_make(text);
		assert_int_equal(strlen(text), TOKEN_TEXT_BYTES - 1);
		assert_int_equal(strncmp(text, "candor_", 7), 0);
		assert_int_equal(strspn(text + 7, letters), CHARS);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* All of their bits are random: each letter comes about as often at each place, but for the last one, which has four. */
static void no_two_are_alike(void **state)
{
	(void)state;
	static char texts[MANY][TOKEN_TEXT_BYTES];
	static unsigned seen[CHARS][64];
	for (size_t i = 0; i < MANY; i++) {
		token_make(texts[i]);
		for (size_t k = 0; k < CHARS; k++)
			seen[k][strchr(letters, texts[i][7 + k]) - letters]++;
	}
	qsort(texts, MANY, sizeof texts[0], compare);
	for (size_t i = 1; i < MANY; i++)
		assert_true(strcmp(texts[i - 1], texts[i]) != 0);
	for (size_t k = 0; k < CHARS - 1; k++)
		for (size_t c = 0; c < 64; c++)
			assert_in_range(seen[k][c], MANY / 128, MANY / 32);
	for (size_t c = 0; c < 64; c += 4)
		assert_in_range(seen[CHARS - 1][c], MANY / 32, MANY / 8);
}

static void write_hex(const uint8_t hash[TOKEN_HASH_BYTES], char out[2 * TOKEN_HASH_BYTES + 1])
{
	for (size_t i = 0; i < TOKEN_HASH_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* Databases have it: it stays as it is. */
static void the_hash_of_a_text_is_the_same_for_ever(void **state)
{
	(void)state;
	uint8_t hash[TOKEN_HASH_BYTES];
	char hex[2 * TOKEN_HASH_BYTES + 1];
	token_hash("candor_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", hash);
	write_hex(hash, hex);
	assert_string_equal(hex, "e2706b8b8aeb9d3271f099d2a37197e8e318c8f7a8154a317060a1925896b9d0");
	token_hash("", hash);
	write_hex(hash, hex);
	assert_string_equal(hex, "ca2bb8aa2226037f8635f9e413548afbcced66c3fe961fb6daa97d3deb605ff4");
}

static void texts_that_differ_anywhere_differ_in_their_hash(void **state)
{
	(void)state;
	char text[TOKEN_TEXT_BYTES];
	uint8_t hash[TOKEN_HASH_BYTES], other[TOKEN_HASH_BYTES];
	token_make(text);
	token_hash(text, hash);
	token_hash(text, other);
	assert_true(token_hash_is(hash, other));
	for (size_t i = 0; i < TOKEN_TEXT_BYTES - 1; i++) {
		text[i] ^= 1;
		token_hash(text, other);
		assert_false(token_hash_is(hash, other));
		text[i] ^= 1;
	}
	text[TOKEN_TEXT_BYTES - 2] = 0;
	token_hash(text, other);
	assert_false(token_hash_is(hash, other));
	for (size_t i = 0; i < 8 * TOKEN_HASH_BYTES; i++) {
		memcpy(other, hash, sizeof other);
		other[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(token_hash_is(hash, other));
	}
}

static void wiped_bytes_are_gone(void **state)
{
	(void)state;
	char text[TOKEN_TEXT_BYTES], zeros[TOKEN_TEXT_BYTES] = {0};
	token_make(text);
	wipe(text, sizeof text);
	assert_memory_equal(text, zeros, sizeof text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_have_one_form),
		cmocka_unit_test(no_two_are_alike),
		cmocka_unit_test(the_hash_of_a_text_is_the_same_for_ever),
		cmocka_unit_test(texts_that_differ_anywhere_differ_in_their_hash),
		cmocka_unit_test(wiped_bytes_are_gone),
	};
	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
