#include "tests/lib/unit.h"

#include <stdlib.h>

#include "tests/lib/seed.h"

/* Bounds hold for next to every seed: a right generator breaks one of them in a million runs. */
static const double KOLMOGOROV = 2.7;

static double chi_square_limit(double degrees)
{
	return degrees + 7 * sqrt(2 * degrees) + 12;
}

/* How far the counts of n kinds that should be equally many are from it. */
static double chi_square(const uint64_t *counts, size_t n)
{
	double total = 0, sum = 0;
	for (size_t i = 0; i < n; i++)
		total += (double)counts[i];
	for (size_t i = 0; i < n; i++)
		sum += ((double)counts[i] - total / (double)n) * ((double)counts[i] - total / (double)n);
	return sum / (total / (double)n);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The Kolmogorov-Smirnov distance of u[n], which it sorts, from an even spread over [0, 1], times sqrt(n). */
static double distance_from_even(double *u, size_t n)
{
	double most = 0;
	qsort(u, n, sizeof *u, ascending);
	for (size_t i = 0; i < n; i++)
		most = fmax(most, fmax(u[i] - (double)i / (double)n, (double)(i + 1) / (double)n - u[i]));
	return most * sqrt((double)n);
}

static double normal_share_below(double x)
{
	return erfc(-x / sqrt(2)) / 2;
}

/* ---- the same everywhere and always ---- */

/* From another implementation of ChaCha20: key = seed, stream, block, 0 in 8 bytes each, nonce "LibsodiumDRG". */
static void the_first_numbers_are_those_of_chacha20(void **state)
{
	static const struct {
		uint64_t seed, stream, numbers[3], last, next_block[2];
	} cases[] = {
		{0,
		 0,
		 {0x736f87d0128f1fa1, 0xdec2146ed28f2d6d, 0xc6101727e363f188},
		 0x5b63a5ae501b1c1b,
		 {0xb7969ede5d8c7cdb, 0xf33473cce5ceafb7}},
		{1,
		 2,
		 {0x106cafd5b71e658a, 0x2598755491d6e145, 0xbd3b8644d65d9e74},
		 0xdd1240d0d06e03ca,
		 {0x415ac5a607ad7cbc, 0x122af1c53758d084}},
		{UINT64_MAX,
		 2147483653,
		 {0x30d2e0c65f0459e6, 0xe822793417b80fef, 0x39e3262ae399b863},
		 0x0ef55dc1535e9e1a,
		 {0xfc1c3ba1d66110f5, 0x12d8099bc2202667}},
	};
	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct random r;
		random_init(&r, cases[k].seed, cases[k].stream);
		for (int i = 0; i < 3; i++)
			assert_true(random_bits(&r) == cases[k].numbers[i]);
		for (int i = 3; i < RANDOM_BLOCK - 1; i++)
			random_bits(&r);
		assert_true(random_bits(&r) == cases[k].last);
		assert_true(random_bits(&r) == cases[k].next_block[0]);
		assert_true(random_bits(&r) == cases[k].next_block[1]);
	}
}

/* What each function makes of them; whoever changes it changes every simulation that was ever printed. */
static void values_derived_from_the_first_numbers_stay_the_same(void **state)
{
	struct random r;
	uint32_t order[6] = {0, 1, 2, 3, 4, 5};
	uint8_t bytes[4];
	(void)state;
	random_init(&r, 1, 2);
	assert_same_bits(random_unit(&r), 0x1.06cafd5b71e60p-4);
	assert_same_bits(random_between(&r, -3, 5), -0x1.d33c555b71490p+0);
	assert_true(random_below(&r, 1000) == 739);
	/* log() and sqrt() may differ in the last bit between libraries. */
	assert_near(random_normal(&r), -0.41579656595130005, 1e-14);
	assert_near(random_normal(&r), -0.9736655871079677, 1e-14);
	assert_near(random_scale(&r, 0.01, 100), 0.05872612894252427, 1e-12);
	random_bytes(&r, bytes, sizeof bytes);
	assert_memory_equal(bytes, ((const uint8_t[]){44, 238, 154, 149}), sizeof bytes);
	random_shuffle(&r, order, 6);
	assert_memory_equal(order, ((const uint32_t[]){5, 1, 4, 2, 0, 3}), sizeof order);
}

static void the_same_seed_and_stream_give_the_same_numbers(void **state)
{
	struct random seeds;
	(void)state;
	seed_random(&seeds, 701);
	for (int round = 0; round < 50; round++) {
		uint64_t seed = random_bits(&seeds), stream = random_bits(&seeds);
		struct random a, b;
		memset(&a, 0xa5, sizeof a);
		memset(&b, 0x5a, sizeof b);
		random_init(&a, seed, stream);
		random_init(&b, seed, stream);
		for (int i = 0; i < 3 * RANDOM_BLOCK; i++)
			assert_true(random_bits(&a) == random_bits(&b));
		for (int i = 0; i < 100; i++)
			assert_same_bits(random_normal(&a), random_normal(&b));
	}
}

static int ascending_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void other_streams_and_seeds_give_other_numbers(void **state)
{
	enum { EACH = 300, STREAMS = 40 };
	static uint64_t numbers[2 * STREAMS * EACH];
	uint64_t seed = seed_of_test(702);
	size_t n = 0;
	(void)state;
	for (uint64_t k = 0; k < 2 * STREAMS; k++) {
		struct random r;
		/* Seed 5's stream 0 is not stream 5 of seed 0. */
		random_init(&r, seed + (k < STREAMS ? 0 : k), k < STREAMS ? k : 0);
		for (int i = 0; i < EACH; i++)
			numbers[n++] = random_bits(&r);
	}
	qsort(numbers, n, sizeof *numbers, ascending_numbers);
	for (size_t i = 1; i < n; i++)
		assert_true(numbers[i] != numbers[i - 1]);
}

static void streams_of_a_seed_have_nothing_to_do_with_each_other(void **state)
{
	enum { N = 20000, STREAMS = 8 };
	static double x[STREAMS][N];
	uint64_t seed = seed_of_test(703);
	(void)state;
	for (uint64_t k = 0; k < STREAMS; k++) {
		struct random r;
		random_init(&r, seed, k);
		for (int i = 0; i < N; i++)
			x[k][i] = random_unit(&r) - 0.5;
	}
	for (int k = 0; k < STREAMS; k++) {
		for (int m = 0; m < k; m++) {
			double sum = 0;
			for (int i = 0; i < N; i++)
				sum += x[k][i] * x[m][i];
			assert_near(12 * sum / N, 0, 5.5 / sqrt(N));
		}
	}
}

static void a_copy_goes_on_as_its_original(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 704);
	for (int round = 0; round < 300; round++) {
		/* In the middle of a block, and of a pair of normal numbers. */
		for (uint64_t i = random_below(&r, 200); i > 0; i--)
			random_bits(&r);
		if (random_chance(&r, 0.5))
			random_normal(&r);
		struct random copy = r;
		for (int i = 0; i < 200; i++) {
			assert_same_bits(random_normal(&copy), random_normal(&r));
			assert_true(random_bits(&copy) == random_bits(&r));
		}
	}
}

/* ---- spread as they should be ---- */

static void every_bit_is_set_half_the_time(void **state)
{
	enum { N = 40000 };
	struct random r;
	uint64_t set[64] = {0}, alike[64] = {0}, before = 0;
	(void)state;
	seed_random(&r, 705);
	for (int i = 0; i < N; i++) {
		uint64_t x = random_bits(&r);
		for (int bit = 0; bit < 64; bit++) {
			set[bit] += x >> bit & 1;
			alike[bit] += ~(x ^ before) >> bit & 1;
		}
		before = x;
	}
	for (int bit = 0; bit < 64; bit++) {
		assert_near((double)set[bit], N / 2.0, 6 * sqrt(N) / 2);
		assert_near((double)alike[bit], N / 2.0, 6 * sqrt(N) / 2);
	}
}

static void unit_numbers_are_even_in_0_to_1(void **state)
{
	enum { N = 200000 };
	static double u[N];
	struct random r;
	double sum = 0, squares = 0, neighbours = 0;
	(void)state;
	seed_random(&r, 706);
	for (int i = 0; i < N; i++) {
		u[i] = random_unit(&r);
		assert_true(u[i] >= 0 && u[i] < 1);
		assert_true(u[i] * 0x1p53 == floor(u[i] * 0x1p53));
		sum += u[i];
		squares += (u[i] - 0.5) * (u[i] - 0.5);
		neighbours += i ? (u[i] - 0.5) * (u[i - 1] - 0.5) : 0;
	}
	assert_near(sum / N, 0.5, 5.5 / sqrt(12.0 * N));
	assert_near(squares / N, 1 / 12.0, 5.5 / sqrt(180.0 * N));
	assert_near(12 * neighbours / N, 0, 5.5 / sqrt(N));
	assert_at_most(distance_from_even(u, N), KOLMOGOROV);
}

static void normal_numbers_have_mean_0_and_variance_1_and_the_bell(void **state)
{
	enum { N = 200000 };
	static double x[N];
	struct random r;
	double sum = 0, squares = 0, cubes = 0, pairs = 0, neighbours = 0;
	(void)state;
	seed_random(&r, 707);
	for (int i = 0; i < N; i++) {
		x[i] = random_normal(&r);
		sum += x[i];
		squares += x[i] * x[i];
		cubes += x[i] * x[i] * x[i];
		/* Both of a pair come from the same point in the plane, and still are independent. */
		if (i % 2)
			pairs += x[i] * x[i - 1];
		else if (i)
			neighbours += x[i] * x[i - 1];
	}
	assert_near(sum / N, 0, 5.5 / sqrt(N));
	assert_near(squares / N, 1, 5.5 * sqrt(2.0 / N));
	assert_near(cubes / N, 0, 5.5 * sqrt(15.0 / N));
	assert_near(2 * pairs / N, 0, 5.5 / sqrt(N / 2.0));
	assert_near(2 * neighbours / N, 0, 5.5 / sqrt(N / 2.0));
	for (int i = 0; i < N; i++)
		x[i] = normal_share_below(x[i]);
	assert_at_most(distance_from_even(x, N), KOLMOGOROV);
}

static void normal_pairs_have_independent_sizes_too(void **state)
{
	enum { N = 100000 };
	struct random r;
	double sum = 0;
	(void)state;
	seed_random(&r, 708);
	for (int i = 0; i < N; i++) {
		double x = random_normal(&r), y = random_normal(&r);
		sum += (x * x - 1) * (y * y - 1) / 2;
	}
	assert_near(sum / N, 0, 6 / sqrt(N));
}

static void numbers_between_are_even_and_on_a_scale_even_in_the_logarithm(void **state)
{
	enum { N = 50000 };
	static double u[N], v[N];
	struct random r;
	(void)state;
	seed_random(&r, 709);
	for (int i = 0; i < N; i++) {
		double between = random_between(&r, -2, 6), scaled = random_scale(&r, 1e-3, 1e5);
		assert_true(between >= -2 && between <= 6);
		assert_true(scaled >= 1e-3 * (1 - 1e-14) && scaled <= 1e5 * (1 + 1e-14));
		u[i] = (between + 2) / 8;
		v[i] = (log10(scaled) + 3) / 8;
	}
	assert_at_most(distance_from_even(u, N), KOLMOGOROV);
	assert_at_most(distance_from_even(v, N), KOLMOGOROV);
	assert_same_bits(random_between(&r, 0.25, 0.25), 0.25);
	assert_near(random_scale(&r, 7, 7), 7, 1e-14);
}

static void numbers_below_n_are_even(void **state)
{
	static const uint64_t sizes[] = {2, 3, 7, 10, 64, 100, 1000};
	struct random r;
	(void)state;
	seed_random(&r, 710);
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		uint64_t counts[1000] = {0}, n = sizes[k];
		for (uint64_t i = 0; i < 20000 + 100 * n; i++) {
			uint64_t x = random_below(&r, n);
			assert_true(x < n);
			counts[x]++;
		}
		assert_at_most(chi_square(counts, n), chi_square_limit((double)(n - 1)));
	}
}

static void one_is_the_least_and_2_to_the_32_the_most_to_draw_below(void **state)
{
	struct random r;
	uint64_t counts[64] = {0}, every_bit = 0;
	(void)state;
	seed_random(&r, 711);
	for (int i = 0; i < 1000; i++)
		assert_true(random_below(&r, 1) == 0);
	for (int i = 0; i < 20000; i++) {
		uint64_t x = random_below(&r, 1ull << 32);
		assert_true(x >> 32 == 0);
		every_bit |= x;
		counts[x >> 26]++;
	}
	assert_true(every_bit == UINT32_MAX);
	assert_at_most(chi_square(counts, 64), chi_square_limit(63));
}

static void chances_come_true_as_often_as_they_say(void **state)
{
	enum { N = 50000 };
	static const double chances[] = {0.01, 0.3, 0.5, 0.95};
	struct random r;
	(void)state;
	seed_random(&r, 712);
	for (size_t k = 0; k < sizeof chances / sizeof *chances; k++) {
		double p = chances[k], came = 0;
		for (int i = 0; i < N; i++)
			came += random_chance(&r, p);
		assert_near(came / N, p, 5.5 * sqrt(p * (1 - p) / N));
	}
	for (int i = 0; i < 10000; i++) {
		assert_false(random_chance(&r, 0));
		assert_true(random_chance(&r, 1));
	}
}

static void random_bytes_are_even_and_stay_within_their_room(void **state)
{
	enum { N = 100000 };
	static uint8_t bytes[N + 2];
	struct random r;
	uint64_t counts[256] = {0};
	(void)state;
	seed_random(&r, 713);
	bytes[0] = bytes[N + 1] = 77;
	random_bytes(&r, bytes + 1, N);
	assert_int_equal(bytes[0], 77);
	assert_int_equal(bytes[N + 1], 77);
	for (int i = 1; i <= N; i++)
		counts[bytes[i]]++;
	assert_at_most(chi_square(counts, 256), chi_square_limit(255));
	random_bytes(&r, bytes, 0);
	assert_int_equal(bytes[0], 77);
}

/* ---- shuffling ---- */

static void a_shuffle_is_a_permutation(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 714);
	for (int round = 0; round < 500; round++) {
		uint32_t array[200], seen[200] = {0};
		size_t n = random_below(&r, 200);
		for (uint32_t i = 0; i < 200; i++)
			array[i] = i;
		random_shuffle(&r, array, n);
		for (size_t i = 0; i < n; i++) {
			assert_true(array[i] < n);
			assert_true(seen[array[i]]++ == 0);
		}
		for (uint32_t i = (uint32_t)n; i < 200; i++)
			assert_int_equal(array[i], i);
	}
}

static void every_order_of_four_is_as_likely_as_any_other(void **state)
{
	struct random r;
	uint64_t counts[256] = {0}, orders[24];
	size_t n = 0;
	(void)state;
	seed_random(&r, 715);
	for (int i = 0; i < 48000; i++) {
		uint32_t a[4] = {0, 1, 2, 3};
		random_shuffle(&r, a, 4);
		counts[a[0] << 6 | a[1] << 4 | a[2] << 2 | a[3]]++;
	}
	for (int k = 0; k < 256; k++) {
		if (counts[k] > 0) {
			assert_true(n < 24);
			orders[n++] = counts[k];
		}
	}
	assert_true(n == 24);
	assert_at_most(chi_square(orders, 24), chi_square_limit(23));
}

static void everyone_comes_to_every_place_equally_often(void **state)
{
	enum { N = 20 };
	struct random r;
	static uint64_t counts[N][N];
	(void)state;
	seed_random(&r, 716);
	for (int i = 0; i < 20000; i++) {
		uint32_t a[N];
		for (uint32_t k = 0; k < N; k++)
			a[k] = k;
		random_shuffle(&r, a, N);
		for (uint32_t k = 0; k < N; k++)
			counts[k][a[k]]++;
	}
	for (int k = 0; k < N; k++)
		assert_at_most(chi_square(counts[k], N), chi_square_limit(N - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_numbers_are_those_of_chacha20),
		cmocka_unit_test(values_derived_from_the_first_numbers_stay_the_same),
		cmocka_unit_test(the_same_seed_and_stream_give_the_same_numbers),
		cmocka_unit_test(other_streams_and_seeds_give_other_numbers),
		cmocka_unit_test(streams_of_a_seed_have_nothing_to_do_with_each_other),
		cmocka_unit_test(a_copy_goes_on_as_its_original),
		cmocka_unit_test(every_bit_is_set_half_the_time),
		cmocka_unit_test(unit_numbers_are_even_in_0_to_1),
		cmocka_unit_test(normal_numbers_have_mean_0_and_variance_1_and_the_bell),
		cmocka_unit_test(normal_pairs_have_independent_sizes_too),
		cmocka_unit_test(numbers_between_are_even_and_on_a_scale_even_in_the_logarithm),
		cmocka_unit_test(numbers_below_n_are_even),
		cmocka_unit_test(one_is_the_least_and_2_to_the_32_the_most_to_draw_below),
		cmocka_unit_test(chances_come_true_as_often_as_they_say),
		cmocka_unit_test(random_bytes_are_even_and_stay_within_their_room),
		cmocka_unit_test(a_shuffle_is_a_permutation),
		cmocka_unit_test(every_order_of_four_is_as_likely_as_any_other),
		cmocka_unit_test(everyone_comes_to_every_place_equally_often),
	};
	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
