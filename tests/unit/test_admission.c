/* Who gives way when all connections are taken. */
#include <stdlib.h>
#include <string.h>

#include "daemon/net/admission.h"
#include "lib/base/random.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

enum { PLACES = 64 };

struct fixture {
	struct admission a;
	struct place places[PLACES];
	bool is_busy[PLACES];
	size_t n;
};

/* For is_quiet(), which is told no more than the place. */
static struct fixture x;

static bool is_quiet(const struct place *p)
{
	return !x.is_busy[p - x.places];
}

static int set_up(void **state)
{
	(void)state;
	memset(&x, 0, sizeof x);
	admission_init(&x.a, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLACES; i++)
		admission_leave(&x.a, &x.places[i]);
	assert_null(admission_check(&x.a));
	admission_free(&x.a);
	return 0;
}

/* Names of addresses begin with a digit; "owner" is the owner. */
static enum holder_kind kind_of(const char *name)
{
	return *name >= '0' && *name <= '9' ? HOLDER_STRANGER
	       : strcmp(name, "owner") == 0 ? HOLDER_OWNER
					    : HOLDER_PRINCIPAL;
}

/* Comes; what is chosen goes. The number of the one that went, or -1. */
static int comes(const char *name)
{
	assert_true(x.n < PLACES);
	struct place *p = &x.places[x.n++];
	assert_int_equal(admission_enter(&x.a, p, name, kind_of(name)), 0);
	assert_null(admission_check(&x.a));
	struct place *goes = admission_choose(&x.a, p, is_quiet);
	if (!goes)
		return -1;
	admission_leave(&x.a, goes);
	assert_null(admission_check(&x.a));
	assert_null(admission_choose(&x.a, p->of ? p : NULL, is_quiet));
	return (int)(goes - x.places);
}

static void some_come(const char *name, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(comes(name), -1);
}

static void nobody_is_limited_while_there_is_room(void **state)
{
	(void)state;
	x.a.max = 8;
	some_come("ann", 8);
}

static void the_oldest_stranger_of_the_fullest_address_goes_first(void **state)
{
	(void)state;
	x.a.max = 8;
	some_come("2", 2);
	some_come("1", 4);
	some_come("3", 2);
	/* 1 has most, until all have as many; then the one that is here for longest goes. */
	assert_int_equal(comes("4"), 2);
	assert_int_equal(comes("4"), 3);
	assert_int_equal(x.a.strangers, 8);
	int went = comes("5");
	assert_true(went >= 0 && went < 10);
}

static void where_each_address_has_one_the_oldest_goes(void **state)
{
	static const char *const names[] = {"1", "2", "3", "4", "5", "6"};
	(void)state;
	x.a.max = 4;
	for (int i = 0; i < 4; i++)
		assert_int_equal(comes(names[i]), -1);
	assert_int_equal(comes(names[4]), 0);
	assert_int_equal(comes(names[5]), 1);
}

/* They can have what principals leave, and a quarter. */
static void strangers_keep_nobody_out_who_is_known(void **state)
{
	(void)state;
	x.a.max = 8;
	some_come("1", 8);
	for (int i = 0; i < 8; i++) {
		/* One comes as a stranger too, and then says who it is. */
		int went = comes("9");
		assert_true(went >= 0);
		struct place *p = &x.places[x.n - 1];
		if (p->of)
			assert_int_equal(admission_enter(&x.a, p, i % 2 ? "ann" : "bob", HOLDER_PRINCIPAL), 0);
		assert_null(admission_check(&x.a));
	}
	assert_int_equal(x.a.n, 8);
	assert_in_range(x.a.strangers, 0, 2);
}

static void a_principal_that_has_the_most_gives_way(void **state)
{
	(void)state;
	x.a.max = 8;
	some_come("ann", 6);
	some_come("bob", 2);
	/* The first one of ann's that waits for nothing. */
	x.is_busy[0] = x.is_busy[1] = true;
	assert_int_equal(comes("cleo"), 2);
	assert_int_equal(comes("1"), 3);
	assert_int_equal(comes("1"), 4);
	/* More strangers go as strangers: two are a quarter. */
	assert_int_equal(comes("1"), 9);
	/* ann has three by now, the most. Another one of hers takes nobody's place. */
	assert_int_equal(comes("ann"), 12);
	/* All busy: the last that came. */
	for (size_t i = 0; i < PLACES; i++)
		x.is_busy[i] = true;
	assert_int_equal(comes("cleo"), 5);
}

static void with_one_each_the_newcomer_is_refused(void **state)
{
	(void)state;
	x.a.max = 4;
	some_come("ann", 1);
	some_come("bob", 1);
	some_come("cleo", 1);
	some_come("dora", 1);
	assert_int_equal(comes("1"), 4);
	assert_int_equal(comes("eve"), 5);
}

static void the_owner_has_a_few_beside_all_others(void **state)
{
	(void)state;
	x.a.max = 4;
	some_come("ann", 4);
	some_come("owner", ADMISSION_FOR_OWNER);
	assert_true(admission_is_reserved(&x.a, &x.places[4]));
	assert_false(admission_owner_has_room(&x.a));
	/* These give way to nobody; further ones are like everybody's. */
	assert_int_equal(comes("bob"), 0);
	assert_int_equal(comes("owner"), 1);
	assert_int_equal(comes("owner"), 14);
	assert_false(admission_is_reserved(&x.a, &x.places[4]));
}

static void the_owner_is_not_kept_out_by_strangers(void **state)
{
	(void)state;
	x.a.max = 1;
	some_come("1", 1);
	some_come("owner", ADMISSION_FOR_OWNER);
	assert_int_equal(comes("2"), 0);
}

/* Whatever comes and goes, there are never more than may be, and whoever goes had no less than the newcomer. */
static void counts_hold_whatever_comes_and_goes(void **state)
{
	static const char *const names[] = {"1", "2", "3", "ann", "bob", "cleo", "owner"};
	enum { NAMES = sizeof names / sizeof *names };
	struct random random;
	(void)state;
	seed_random(&random, 1);
	x.a.max = 20;
	for (int step = 0; step < 20000; step++) {
		struct place *p = &x.places[random_below(&random, PLACES)];
		const char *name = names[random_below(&random, NAMES)];
		bool is_new = !p->of;
		if (!is_new && random_below(&random, 2)) {
			admission_leave(&x.a, p);
		} else {
			assert_int_equal(admission_enter(&x.a, p, name, kind_of(name)), 0);
			struct place *goes = admission_choose(&x.a, p, is_quiet);
			if (is_new && goes)
				admission_leave(&x.a, goes);
		}
		while (x.a.n > x.a.max + ADMISSION_FOR_OWNER) {
			struct place *any = &x.places[random_below(&random, PLACES)];
			admission_leave(&x.a, any);
		}
		assert_null(admission_check(&x.a));
	}
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nobody_is_limited_while_there_is_room),
		TEST(the_oldest_stranger_of_the_fullest_address_goes_first),
		TEST(where_each_address_has_one_the_oldest_goes),
		TEST(strangers_keep_nobody_out_who_is_known),
		TEST(a_principal_that_has_the_most_gives_way),
		TEST(with_one_each_the_newcomer_is_refused),
		TEST(the_owner_has_a_few_beside_all_others),
		TEST(the_owner_is_not_kept_out_by_strangers),
		TEST(counts_hold_whatever_comes_and_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
