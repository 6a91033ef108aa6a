/* Which names the engine lets somebody begin to use, and that names in the database stay usable. */
#include "tests/lib/fake_owner.h"
#include "tests/lib/unit.h"

#define TURNING "ann\u200e"
#define NO_CHARACTER "ann\ufffe"

static const struct candor_response *tell(struct fake_owner *f, struct candor_request r)
{
	return fake_call(f, &r);
}

static void new_items_and_labelers_are_refused_row_by_row(void **state)
{
	struct fake_owner *f = *state;
	static const struct candor_report rows[] = {
		{"a", "ann", 0.5},
		{"a", TURNING, 0.5},
		{TURNING, "ann", 0.5},
		{"a", "bob", 0.25},
		{"a", NO_CHARACTER, 1},
		{NO_CHARACTER, "ann", 1},
		{" \u200b", "\u00e9 e\u0301", 1},
	};
	fake_pool(f, "p", NULL);
	const struct candor_response *r =
		tell(f, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 7, .reports = rows});
	static const uint32_t indexes[] = {1, 2, 4, 5};
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->batch.accepted, 3);
	assert_int_equal(r->n_rejected, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(r->rejected[i].index, indexes[i]);
		assert_int_equal(r->rejected[i].code, CANDOR_INVALID_ARGUMENT);
		const char *field = strcmp(rows[indexes[i]].item, "a") == 0 ? "labeler " : "item ";
		assert_int_equal(strncmp(r->rejected[i].message, field, strlen(field)), 0);
	}
	assert_null(fake_query(f, "p", TURNING));
	r = tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_LABELERS, .pool = "p"});
	assert_int_equal(r->n, 3);
}

static void new_pools_are_refused(void **state)
{
	static const char *const names[] = {TURNING, NO_CHARACTER};
	struct fake_owner *f = *state;
	for (size_t i = 0; i < 2; i++) {
		const struct candor_response *r =
			tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = names[i]});
		assert_int_equal(r->code, CANDOR_INVALID_ARGUMENT);
		assert_int_equal(strncmp(r->message, "pool ", 5), 0);
	}
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_POOLS})->n, 0);
}

static void names_that_are_in_the_database_stay_usable(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_grant grant = {"cert:CN=x\u00a0y", "", "", CANDOR_RIGHT_READ};
	fake_pool(f, "p", NULL);
	assert_int_equal(fake_post(f, "p", "item", "labeler", 0.5), CANDOR_OK);
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT,
							 .n = 1,
							 .grants = &(struct candor_grant){"cert:CN=x", "", "",
											  CANDOR_RIGHT_READ}})
				 ->code,
			 CANDOR_OK);
	/* As an older candor has let them in. */
	fake_stop(f);
	fake_sql(f, "UPDATE pools SET name = 'pool' || char(0x200e); UPDATE labelers SET name = name || char(0x200e);"
		    "UPDATE open_items SET name = name || char(0xfffe);"
		    "UPDATE grants SET principal = 'cert:CN=x' || char(0xa0) || 'y'");
	fake_start(f);
	const char *pool = "pool\u200e", *item = "item\ufffe", *labeler = "labeler\u200e";
	assert_int_equal(fake_post(f, pool, item, labeler, 0.75), CANDOR_OK);
	assert_int_equal(fake_post(f, pool, "another", labeler, 0.75), CANDOR_OK);
	assert_int_equal(fake_post(f, pool, item, "somebody", 0.25), CANDOR_OK);
	assert_int_equal(fake_query(f, pool, item)->n, 2);
	assert_int_equal(fake_resolve(f, pool, item, 1), CANDOR_OK);
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = pool})->code,
			 CANDOR_ALREADY_EXISTS);
	struct candor_grant more = grant;
	more.rights = CANDOR_RIGHT_REPORT;
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &more})->code,
			 CANDOR_OK);
	more.rights |= CANDOR_RIGHT_READ;
	assert_int_equal(
		tell(f, (struct candor_request){.type = CANDOR_REQ_REMOVE_GRANT, .n = 1, .grants = &more})->code,
		CANDOR_OK);
	/* Who has none any more is new. */
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &more})->code,
			 CANDOR_INVALID_ARGUMENT);
}

static void principals_that_look_like_others_are_refused(void **state)
{
	static const char *const names[] = {"ann\u200b", "ann\u00a0", "a\u00adnn",  "ju\u0308rgen", " ann",
					    "ann ",      TURNING,     NO_CHARACTER, "\u3164"};
	struct fake_owner *f = *state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char principal[64];
		const struct candor_response *r =
			tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN, .name = names[i]});
		assert_int_equal(r->code, CANDOR_INVALID_ARGUMENT);
		assert_int_equal(strncmp(r->message, "name ", 5), 0);
		/* A blank at the front of the name is not at the front of the principal. */
		if (*names[i] == ' ')
			continue;
		snprintf(principal, sizeof principal, "token:%s", names[i]);
		const struct candor_grant grant = {principal, "", "", CANDOR_RIGHT_READ};
		r = tell(f, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &grant});
		assert_int_equal(r->code, CANDOR_INVALID_ARGUMENT);
		assert_int_equal(strncmp(r->message, "principal ", 10), 0);
	}
	assert_int_equal(
		tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN, .name = "J\u00fcrgen-\u738b"})->code,
		CANDOR_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(new_items_and_labelers_are_refused_row_by_row),
		TEST(new_pools_are_refused),
		TEST(names_that_are_in_the_database_stay_usable),
		TEST(principals_that_look_like_others_are_refused),
	};
	return cmocka_run_group_tests_name("new_names", tests, NULL, NULL);
}
