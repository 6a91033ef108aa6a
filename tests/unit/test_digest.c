/* BLAKE2b-256 in pieces, against values that another implementation gives. */
#include "lib/crypto/chain.h"
#include "lib/crypto/digest.h"
#include "tests/lib/unit.h"

static void assert_digest(struct digest *d, const char *want)
{
	uint8_t digest[DIGEST_BYTES];
	char hex[CHAIN_HEX];
	digest_end(d, digest);
	chain_hex(digest, hex);
	assert_string_equal(hex, want);
}

static void bytes_in_pieces_have_the_digest_of_the_whole(void **state)
{
	static const char abc[] = "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";
	struct digest d;
	(void)state;
	digest_init(&d);
	digest_add(&d, "abc", 3);
	assert_digest(&d, abc);
	digest_init(&d);
	digest_add(&d, "a", 1);
	digest_add(&d, "", 0);
	digest_add(&d, "bc", 2);
	assert_digest(&d, abc);
}

static void numbers_and_texts_have_one_form(void **state)
{
	struct digest d;
	(void)state;
	digest_init(&d);
	digest_add_text(&d, "abc");
	digest_add_int(&d, 258);
	digest_add_real(&d, 0.1);
	assert_digest(&d, "492ba9b3debbb1d6243b7bd17ac1e3ea6ae80e4707213ba36ef40b62828008b2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_in_pieces_have_the_digest_of_the_whole),
		cmocka_unit_test(numbers_and_texts_have_one_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
