#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/pool/names.h"
#include "tests/lib/seed.h"

enum { CELL_BYTES = 8 };

static struct names *table(uint8_t key_byte)
{
	uint8_t key[NAMES_KEY_BYTES] = {key_byte};
	struct names *n = NULL;
	assert_int_equal(names_new(&n, key), 0);
	return n;
}

static uint32_t put(struct names *n, const char *name, int expected)
{
	uint32_t id = NAMES_NONE;
	assert_int_equal(names_put(n, name, strlen(name), &id), expected);
	return id;
}

static void ids_are_given_from_0_upward_and_names_are_found(void **state)
{
	struct names *n = table(1);
	size_t len;
	(void)state;
	assert_int_equal(names_count(n), 0);
	assert_int_equal(names_find(n, "a", 1), NAMES_NONE);
	assert_int_equal(put(n, "a", 1), 0);
	assert_int_equal(put(n, "b", 1), 1);
	assert_int_equal(put(n, "ab", 1), 2);
	assert_int_equal(put(n, "a", 0), 0);
	assert_int_equal(names_count(n), 3);
	assert_int_equal(names_find(n, "ab", 2), 2);
	assert_int_equal(names_find(n, "abc", 2), 2);
	assert_int_equal(names_find(n, "abc", 3), NAMES_NONE);
	assert_string_equal(names_text(n, 2, &len), "ab");
	assert_int_equal(len, 2);
	assert_string_equal(names_text(n, 0, NULL), "a");
	names_free(n);
	names_free(NULL);
}

static void names_of_every_length_are_kept_byte_for_byte(void **state)
{
	struct names *n = table(2);
	char name[256];
	size_t len;
	uint32_t id;
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t k = 1; k <= 255; k++) {
			name[0] = (char)k; /* bytes that are no letters are names here too */
			memset(name + (k > 1), 'a' + round, k - (k > 1));
			assert_int_equal(names_put(n, name, k, &id), 1);
		}
	}
	for (uint32_t i = 0; i < names_count(n); i++) {
		const char *text = names_text(n, i, &len);
		assert_int_equal(len, i % 255 + 1);
		assert_true(len == 1 || (uint8_t)text[0] == len);
		assert_int_equal(text[len], 0);
		assert_int_equal(names_find(n, text, len), i);
	}
	names_free(n);
}

static void a_removed_name_is_gone_and_its_id_is_given_again(void **state)
{
	struct names *n = table(3);
	(void)state;
	put(n, "a", 1);
	uint32_t b = put(n, "b", 1);
	uint32_t c = put(n, "c", 1);
	names_remove(n, b);
	assert_int_equal(names_find(n, "b", 1), NAMES_NONE);
	assert_int_equal(names_find(n, "c", 1), c);
	assert_int_equal(names_count(n), 2);
	assert_int_equal(put(n, "d", 1), b);
	assert_int_equal(put(n, "b", 1), 3);
	names_remove(n, 0);
	names_remove(n, 3);
	uint32_t x = put(n, "x", 1), y = put(n, "y", 1);
	assert_true((x == 0 && y == 3) || (x == 3 && y == 0));
	names_free(n);
}

/* ---- against a model: an array of who has which id ---- */

enum { MODEL_NAMES = 3000 };

struct model {
	struct names *names;
	uint32_t ids[MODEL_NAMES]; /* NAMES_NONE where it is not in the table */
	uint32_t count, most;
};

/* Names of many lengths, and many that differ in their last byte only. */
static size_t model_name(uint32_t number, char *out)
{
	int len = snprintf(out, 256, "%0*u-%u", 1 + (int)(number % 60 * 4), number / 7, number % 7);
	return (size_t)len;
}

static void model_step(struct model *m, struct random *r, double removes)
{
	char name[256];
	uint32_t number = (uint32_t)random_below(r, MODEL_NAMES), id;
	size_t len = model_name(number, name);
	assert_int_equal(names_find(m->names, name, len), m->ids[number]);
	if (m->ids[number] != NAMES_NONE && random_chance(r, removes)) {
		names_remove(m->names, m->ids[number]);
		m->ids[number] = NAMES_NONE;
		m->count--;
		return;
	}
	bool was = m->ids[number] != NAMES_NONE;
	assert_int_equal(names_put(m->names, name, len, &id), !was);
	if (was) {
		assert_int_equal(id, m->ids[number]);
		return;
	}
	m->ids[number] = id;
	m->count++;
	if (m->count > m->most)
		m->most = m->count;
	/* Ids stay dense: none is beyond what was ever needed at a time. */
	assert_true(id < m->most);
}

static void random_changes_agree_with_a_simple_model(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 91);
	for (int round = 0; round < 6; round++) {
		struct model m = {.names = table((uint8_t)round)};
		for (size_t i = 0; i < MODEL_NAMES; i++)
			m.ids[i] = NAMES_NONE;
		for (int i = 0; i < 60000; i++)
			model_step(&m, &r, i / 10000 % 2 ? 0.9 : 0.3);
		assert_int_equal(names_count(m.names), m.count);
		for (uint32_t i = 0; i < MODEL_NAMES; i++) {
			char name[256];
			size_t len = model_name(i, name), got;
			assert_int_equal(names_find(m.names, name, len), m.ids[i]);
			if (m.ids[i] == NAMES_NONE)
				continue;
			assert_memory_equal(names_text(m.names, m.ids[i], &got), name, len + 1);
			assert_int_equal(got, len);
		}
		names_free(m.names);
	}
}

static void names_that_come_and_go_do_not_make_it_grow(void **state)
{
	struct names *n = table(4);
	char name[32];
	uint32_t ids[1000];
	size_t settled = 0;
	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		if (i >= 1000)
			names_remove(n, ids[i % 1000]);
		int len = snprintf(name, sizeof name, "item-%06u", i);
		assert_int_equal(names_put(n, name, (size_t)len, &ids[i % 1000]), 1);
		assert_true(ids[i % 1000] < 1000);
		if (i == 2000)
			settled = names_bytes(n);
	}
	assert_int_equal(names_bytes(n), settled);
	names_free(n);
}

static size_t labeler_name(uint32_t number, char *out, size_t size)
{
	return (size_t)snprintf(out, size, "labeler-%u-%.*s", number, (int)(number % 23), "abcdefghijklmnopqrstuvw");
}

static void a_million_names_take_at_most_16_bytes_each_beside_their_bytes(void **state)
{
	enum { NAMES = 1000000, CHUNK_BYTES = 1 << 20 };
	struct names *n = table(5);
	char name[64];
	double bytes = 0, worst = 0;
	(void)state;
	for (uint32_t i = 0; i < NAMES; i++) {
		uint32_t id;
		size_t len = labeler_name(i, name, sizeof name);
		assert_int_equal(names_put(n, name, len, &id), 1);
		assert_int_equal(id, i);
		bytes += (double)((1 + len + 1 + CELL_BYTES - 1) / CELL_BYTES * CELL_BYTES);
		/* Of the newest chunk a part is still free, and of each a few bytes at its end stay so. */
		double each = ((double)names_bytes(n) - bytes - CHUNK_BYTES - bytes / 10000) / (i + 1);
		if (i > 1000)
			worst = fmax(worst, each);
	}
	print_message("# at most %.2f bytes a name\n", worst);
	assert_at_most(worst, 16);
	for (uint32_t i = 0; i < NAMES; i += 97) {
		size_t len = labeler_name(i, name, sizeof name);
		assert_int_equal(names_find(n, name, len), i);
	}
	assert_int_equal(names_find(n, "labeler-1000000-", 16), NAMES_NONE);
	names_free(n);
}

static void the_key_decides_nothing_that_can_be_seen(void **state)
{
	struct names *a = table(6), *b = table(7);
	char name[32];
	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		size_t len = (size_t)snprintf(name, sizeof name, "n%u", i * 7919 % 3001);
		uint32_t id, other;
		int put_a = names_put(a, name, len, &id), put_b = names_put(b, name, len, &other);
		assert_int_equal(put_a, put_b);
		assert_int_equal(id, other);
		if (i % 3 == 0) {
			names_remove(a, id);
			names_remove(b, other);
		}
	}
	names_free(a);
	names_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_given_from_0_upward_and_names_are_found),
		cmocka_unit_test(names_of_every_length_are_kept_byte_for_byte),
		cmocka_unit_test(a_removed_name_is_gone_and_its_id_is_given_again),
		cmocka_unit_test(random_changes_agree_with_a_simple_model),
		cmocka_unit_test(names_that_come_and_go_do_not_make_it_grow),
		cmocka_unit_test(a_million_names_take_at_most_16_bytes_each_beside_their_bytes),
		cmocka_unit_test(the_key_decides_nothing_that_can_be_seen),
	};
	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
