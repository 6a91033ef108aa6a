/* Numbers of JSON: to the last bit what the C library reads and writes. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/wire/json_number.h"
#include "tests/lib/seed.h"

enum { ROUNDS = 200000 };

static uint64_t bits_of(double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

static void assert_read(const char *text)
{
	struct json_number n;
	assert_true(json_number_read((const uint8_t *)text, strlen(text), &n));
	if (bits_of(n.real) != bits_of(strtod(text, NULL)))
		print_error("%s is read as %a\n", text, n.real);
	assert_true(bits_of(n.real) == bits_of(strtod(text, NULL)));
}

/* Writes as "%.17g" does, but for the exponent's zeros and the point; and it reads back as the same number. */
static void assert_written(double x)
{
	char got[JSON_NUMBER_MAX + 1], plain[64], want[70];
	struct json_number n;
	size_t len = json_number_write(x, got);
	got[len] = '\0';
	snprintf(plain, sizeof plain, "%.17g", x);
	snprintf(want, sizeof want, "%s%s", plain, strchr(plain, '.') ? "" : ".0");
	if (!strchr(plain, 'e'))
		assert_string_equal(got, want);
	assert_true(json_number_read((const uint8_t *)got, len, &n));
	assert_true(bits_of(n.real) == bits_of(x));
	assert_read(got);
}

static void edges_are_written_and_read(void **state)
{
	(void)state;
	const double edges[] = {0,
				1,
				0.1,
				1e-4,
				9.9999999999999991e-5,
				1e15,
				999999999999999.9,
				9.9999999999999982,
				0.99999999999999989,
				99999999999999.98,
				4503599627370496.5,
				5e-324,
				2.2250738585072014e-308,
				1.7976931348623157e308,
				9007199254740992,
				1e22,
				1e23};
	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
		assert_written(edges[i]);
		assert_written(-edges[i]);
		assert_written(nextafter(edges[i], 1e308));
		assert_written(nextafter(edges[i], -1));
	}
}

static void any_number_is_written_and_read(void **state)
{
	(void)state;
	struct random chance;
	seed_random(&chance, 7);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t bits = random_bits(&chance);
		double x;
		memcpy(&x, &bits, sizeof x);
		if (isfinite(x) && i % 8 == 0)
			assert_written(x);
		assert_written((double)(random_bits(&chance) >> 11) * 0x1p-53);
		assert_written(ldexp((double)(random_bits(&chance) >> 11), (int)(random_bits(&chance) % 70) - 70));
		assert_written((double)(random_bits(&chance) % 1000001) / 1000);
	}
}

static void any_text_is_read_as_the_nearest_number(void **state)
{
	(void)state;
	struct random chance;
	seed_random(&chance, 7);
	for (int i = 0; i < ROUNDS; i++) {
		char text[JSON_NUMBER_MAX];
		unsigned long long a = random_bits(&chance) >> random_bits(&chance) % 64, b = random_bits(&chance);
		snprintf(text, sizeof text, "%llu.%llu", a, b);
		assert_read(text);
		snprintf(text, sizeof text, "0.%0*llu", (int)(b % 25) + 1, a);
		assert_read(text);
		snprintf(text, sizeof text, "-%lluE%d", a, (int)(b % 60) - 40);
		assert_read(text);
		/* Half way between two doubles, and beside it. */
		snprintf(text, sizeof text, "%llu.0", (UINT64_C(1) << 53 | b >> 11) * 2 + 1);
		assert_read(text);
		snprintf(text, sizeof text, "%llu.5", (UINT64_C(1) << 52 | b >> 12));
		assert_read(text);
		snprintf(text, sizeof text, "%llu.50000000000000000001", (UINT64_C(1) << 52 | b >> 12));
		assert_read(text);
	}
}

static void what_is_whole_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_whole, is_negative;
		uint64_t magnitude;
	} cases[] = {
		{"0", true, false, 0},
		{"-0", true, true, 0},
		{"18446744073709551615", true, false, UINT64_MAX},
		{"18446744073709551616", false, false, 0},
		{"9999999999999999999", true, false, UINT64_C(9999999999999999999)},
		{"1e3", true, false, 1000},
		{"1.50e2", true, false, 150},
		{"-2.0", true, true, 2},
		{"0.5", false, false, 0},
		{"9007199254740992.0", true, false, UINT64_C(1) << 53},
		{"1e17", false, false, 0},
		{"1e999999999999999999999", false, false, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_number n;
		assert_true(json_number_read((const uint8_t *)cases[i].text, strlen(cases[i].text), &n));
		assert_int_equal(n.is_whole, cases[i].is_whole);
		assert_int_equal(n.is_negative, cases[i].is_negative);
		if (n.is_whole)
			assert_true(n.magnitude == cases[i].magnitude);
	}
}

static void what_is_no_number_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {"",     "-",   "+1", "01",  "-01", "1.",  ".5", "1.e1",  "1e", "1e+",
					    "1e1.", "--1", "1-", "0x1", "inf", "nan", "1 ", "1e1e1", "00"};
	struct json_number n;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_false(json_number_read((const uint8_t *)cases[i], strlen(cases[i]), &n));
	char text[JSON_NUMBER_MAX];
	memset(text, '1', sizeof text);
	assert_false(json_number_read((const uint8_t *)text, sizeof text, &n));
	assert_true(json_number_read((const uint8_t *)text, sizeof text - 1, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges_are_written_and_read),
		cmocka_unit_test(any_number_is_written_and_read),
		cmocka_unit_test(any_text_is_read_as_the_nearest_number),
		cmocka_unit_test(what_is_whole_is_told),
		cmocka_unit_test(what_is_no_number_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
