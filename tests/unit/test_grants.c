/* Who may do what, in memory: what grants and tokens come to for a peer, and that the table keeps to its bounds. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "daemon/engine/grants.h"
#include "lib/base/random.h"
#include "lib/rights.h"

static const uint8_t key[16] = {2, 7, 1, 8};

enum { ALL = CANDOR_RIGHTS_ALL, SOME = GRANTS_REPORT_SOME };

static int set_up(void **state)
{
	struct grants *g;
	int err = grants_new(&g, key);
	*state = g;
	return err;
}

static int tear_down(void **state)
{
	grants_free(*state);
	return 0;
}

static struct identity named(const char *name)
{
	struct identity w = {.is_known = true};
	snprintf(w.name, sizeof w.name, "%s", name);
	return w;
}

static int change(struct grants *g, bool add, const char *principal, const char *pool, const char *prefix,
		  unsigned rights)
{
	struct grant_row row;
	return grants_change(g, &(struct candor_grant){principal, pool, prefix, rights}, add, &row);
}

static void give(struct grants *g, const char *principal, const char *pool, unsigned rights)
{
	assert_int_equal(change(g, true, principal, pool, "", rights), 1);
}

static unsigned rights(const struct grants *g, const char *name, const char *pool)
{
	const struct identity w = named(name);
	return grants_rights(g, &w, pool);
}

/* ---- what they come to ---- */

static void nobody_may_do_anything_that_was_not_granted(void **state)
{
	struct grants *g = *state;
	const struct identity anonymous = {.name = "tcp:192.0.2.7"},
			      owner = {.name = "uid:7", .is_known = true, .is_owner = true};
	assert_int_equal(rights(g, "uid:8", NULL), 0);
	assert_int_equal(grants_rights(g, &anonymous, "p"), 0);
	assert_int_equal(grants_rights(g, &owner, "p"), ALL);
	assert_int_equal(grants_rights(g, &owner, ""), ALL);
	assert_int_equal(grants_rights(g, &owner, NULL), ALL);
	give(g, "uid:8", "p", CANDOR_RIGHT_READ);
	assert_int_equal(grants_rights(g, &anonymous, "p"), 0);
	assert_int_equal(rights(g, "uid:80", "p"), 0);
	assert_int_equal(rights(g, "uid:", "p"), 0);
	assert_int_equal(rights(g, "gid:8", "p"), 0);
}

static void a_grant_is_for_its_pool_or_for_all(void **state)
{
	struct grants *g = *state;
	give(g, "uid:8", "p", CANDOR_RIGHT_READ);
	give(g, "uid:8", "", CANDOR_RIGHT_REPORT);
	give(g, "uid:8", "q", CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_OUTCOME);
	assert_int_equal(rights(g, "uid:8", "p"), CANDOR_RIGHT_READ | CANDOR_RIGHT_REPORT);
	assert_int_equal(rights(g, "uid:8", "q"), CANDOR_RIGHT_REPORT | CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_OUTCOME);
	assert_int_equal(rights(g, "uid:8", "P"), CANDOR_RIGHT_REPORT);
	assert_int_equal(rights(g, "uid:8", "pp"), CANDOR_RIGHT_REPORT);
	assert_int_equal(rights(g, "uid:8", ""), CANDOR_RIGHT_REPORT);
	assert_int_equal(rights(g, "uid:8", NULL),
			 CANDOR_RIGHT_READ | CANDOR_RIGHT_REPORT | CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_OUTCOME);
}

static void an_admin_has_every_right_where_they_are_admin(void **state)
{
	struct grants *g = *state;
	give(g, "uid:8", "p", CANDOR_RIGHT_ADMIN);
	assert_int_equal(rights(g, "uid:8", "p"), ALL);
	assert_int_equal(rights(g, "uid:8", NULL), ALL);
	assert_int_equal(rights(g, "uid:8", "q"), 0);
	assert_int_equal(rights(g, "uid:8", ""), 0);
	give(g, "uid:9", "", CANDOR_RIGHT_ADMIN);
	assert_int_equal(rights(g, "uid:9", ""), ALL);
	assert_int_equal(rights(g, "uid:9", "whatever"), ALL);
}

static void an_unknown_peer_is_anonymous_whatever_its_name(void **state)
{
	struct grants *g = *state;
	struct identity w = {.name = "uid:8"};
	give(g, "uid:8", "", CANDOR_RIGHT_ADMIN);
	assert_int_equal(grants_rights(g, &w, "p"), 0);
	assert_string_equal(identity_principal(&w), "anonymous");
	give(g, "anonymous", "p", CANDOR_RIGHT_READ);
	assert_int_equal(grants_rights(g, &w, "p"), CANDOR_RIGHT_READ);
	/* And the rights of the anonymous are not those of everybody: a known peer has only its own. */
	assert_int_equal(rights(g, "uid:9", "p"), 0);
}

static void groups_give_what_they_have_to_their_members(void **state)
{
	struct grants *g = *state;
	struct identity w = named("uid:8");
	give(g, "gid:20", "p", CANDOR_RIGHT_READ);
	give(g, "gid:21", "p", CANDOR_RIGHT_INSPECT);
	assert_int_equal(change(g, true, "gid:22", "", "g-", CANDOR_RIGHT_REPORT), 1);
	give(g, "uid:8", "p", CANDOR_RIGHT_OUTCOME);
	assert_int_equal(grants_rights(g, &w, "p"), CANDOR_RIGHT_OUTCOME);
	w.groups[w.n_groups++] = 21;
	assert_int_equal(grants_rights(g, &w, "p"), CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_INSPECT);
	w.groups[w.n_groups++] = 20;
	w.groups[w.n_groups++] = 20;
	w.groups[w.n_groups++] = 99;
	w.groups[w.n_groups++] = 22;
	assert_int_equal(grants_rights(g, &w, "p"),
			 CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_READ | SOME);
	assert_true(grants_may_report(g, &w, "p", "g-x"));
	/* One that has nothing left is none any more, and the others stay. */
	assert_int_equal(change(g, false, "gid:20", "p", "", ALL), 1);
	assert_int_equal(grants_rights(g, &w, "p"), CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_INSPECT | SOME);
	give(g, "gid:99", "", CANDOR_RIGHT_ADMIN);
	assert_int_equal(grants_rights(g, &w, ""), ALL);
}

static void a_prefix_is_a_beginning_and_no_more(void **state)
{
	struct grants *g = *state;
	struct identity w = named("token:t");
	assert_int_equal(change(g, true, "token:t", "p", "plat-", CANDOR_RIGHT_REPORT), 1);
	assert_int_equal(change(g, true, "token:t", "", "\xc3\xbc", CANDOR_RIGHT_REPORT), 1);
	assert_int_equal(grants_rights(g, &w, "p"), SOME);
	assert_int_equal(grants_rights(g, &w, "q"), SOME);
	static const struct {
		const char *pool, *labeler;
		bool may;
	} rows[] = {
		{"p", "plat-", true},
		{"p", "plat-a", true},
		{"p", "plat", false},
		{"p", "Plat-a", false},
		{"p", " plat-a", false},
		{"p", "a-plat-", false},
		{"q", "plat-a", false},
		{"p",
		 "\xc3\xbc"
		 "x",
		 true},
		{"q", "\xc3\xbc", true},
		{"p", "\xc3", false},
		{"p", "other", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(grants_may_report(g, &w, rows[i].pool, rows[i].labeler), rows[i].may);
	/* A grant without a prefix is another one. */
	give(g, "token:t", "p", CANDOR_RIGHT_REPORT);
	assert_int_equal(grants_rights(g, &w, "p"), SOME | CANDOR_RIGHT_REPORT);
	assert_int_equal(change(g, false, "token:t", "p", "", CANDOR_RIGHT_REPORT), 1);
	assert_int_equal(grants_rights(g, &w, "p"), SOME);
}

/* ---- changes ---- */

static void grants_grow_and_shrink_right_by_right(void **state)
{
	struct grants *g = *state;
	struct grant_row row;
	struct candor_grant what = {"uid:8", "p", "", CANDOR_RIGHT_READ};
	assert_int_equal(grants_change(g, &what, true, &row), 1);
	uint64_t id = row.id;
	assert_int_equal(grants_change(g, &what, true, &row), 0);
	what.rights = CANDOR_RIGHT_READ | CANDOR_RIGHT_INSPECT;
	assert_int_equal(grants_change(g, &what, true, &row), 1);
	assert_true(row.id == id && row.rights == what.rights);
	assert_string_equal(row.principal, "uid:8");
	assert_string_equal(row.pool, "p");
	what.rights = CANDOR_RIGHT_OUTCOME;
	assert_int_equal(grants_change(g, &what, false, &row), 0);
	what.rights = CANDOR_RIGHT_READ | CANDOR_RIGHT_OUTCOME;
	assert_int_equal(grants_change(g, &what, false, &row), 1);
	assert_true(row.id == id && row.rights == CANDOR_RIGHT_INSPECT);
	what.rights = ALL;
	assert_int_equal(grants_change(g, &what, false, &row), 1);
	assert_true(row.id == id && row.rights == 0);
	assert_int_equal(grants_change(g, &what, false, &row), 0);
	assert_null(grants_of(g, "uid:8"));
	assert_null(grants_next(g, 0));
	/* A new one is not the old one. */
	assert_int_equal(grants_change(g, &what, true, &row), 1);
	assert_true(row.id > id);
}

static void rows_come_back_in_their_order_and_others_are_refused(void **state)
{
	struct grants *g = *state;
	const struct grant_row row = {5, "uid:8", "p", "", CANDOR_RIGHT_READ};
	assert_int_equal(grants_restore(g, &row), 0);
	struct grant_row other = row;
	assert_int_equal(grants_restore(g, &other), ERR_HISTORY); /* the same id */
	other.id = 4;
	other.pool = "q";
	assert_int_equal(grants_restore(g, &other), ERR_HISTORY); /* a smaller one */
	other = row;
	other.id = 6;
	assert_int_equal(grants_restore(g, &other), ERR_HISTORY); /* the same grant */
	other.pool = "q";
	other.rights = 0;
	assert_int_equal(grants_restore(g, &other), ERR_HISTORY);
	other.rights = CANDOR_RIGHT_READ;
	other.principal = "";
	assert_int_equal(grants_restore(g, &other), ERR_HISTORY);
	char longer[CANDOR_NAME_MAX + 2];
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = 0;
	other.principal = longer;
	assert_int_equal(grants_restore(g, &other), ERR_HISTORY);
	other.principal = "uid:9";
	other.id = 900;
	assert_int_equal(grants_restore(g, &other), 0);
	assert_int_equal(grants_next(g, 0)->id, 5);
	assert_int_equal(grants_next(g, 5)->id, 900);
	assert_null(grants_next(g, 900));
	assert_int_equal(rights(g, "uid:9", "q"), CANDOR_RIGHT_READ);
	/* What is new stands behind all of them. */
	give(g, "uid:10", "q", CANDOR_RIGHT_READ);
	assert_int_equal(grants_next(g, 900)->id, 901);
}

/* ---- against a model ---- */

enum { PRINCIPALS = 12, POOLS = 4, PREFIXES = 3, STEPS = 20000 };

static const char *const principals[PRINCIPALS] = {"anonymous", "uid:1",   "uid:2",   "uid:3",  "gid:1",  "gid:2",
						   "gid:3",     "token:a", "token:b", "cert:a", "cert:b", "gid:10"};
static const char *const pools[POOLS] = {"", "p", "q", "r"};
static const char *const prefixes[PREFIXES] = {"", "a", "ab"};

struct model {
	unsigned rights[PRINCIPALS][POOLS][PREFIXES];
};

static bool is_member(const struct identity *w, const char *principal)
{
	if (strcmp(identity_principal(w), principal) == 0)
		return true;
	for (uint32_t i = 0; i < w->n_groups; i++)
		if (strncmp(principal, "gid:", 4) == 0 && strtoul(principal + 4, NULL, 10) == w->groups[i])
			return true;
	return false;
}

static unsigned model_rights(const struct model *m, const struct identity *w, const char *pool)
{
	unsigned set = 0;
	for (size_t i = 0; i < PRINCIPALS; i++)
		for (size_t k = 0; k < POOLS && is_member(w, principals[i]); k++)
			for (size_t l = 0; l < PREFIXES; l++)
				if (m->rights[i][k][l] && (!pool || k == 0 || strcmp(pool, pools[k]) == 0))
					set |= l ? SOME : m->rights[i][k][l];
	return set & CANDOR_RIGHT_ADMIN ? ALL : set;
}

static bool model_may_report(const struct model *m, const struct identity *w, const char *pool, const char *labeler)
{
	for (size_t i = 0; i < PRINCIPALS; i++)
		for (size_t k = 0; k < POOLS && is_member(w, principals[i]); k++)
			for (size_t l = 1; l < PREFIXES; l++)
				if (m->rights[i][k][l] && (k == 0 || strcmp(pool, pools[k]) == 0) &&
				    strncmp(labeler, prefixes[l], strlen(prefixes[l])) == 0)
					return true;
	return false;
}

static void expect_as_model(const struct grants *g, const struct model *m, struct random *r)
{
	static const char *const labelers[] = {"a", "ab", "abc", "ac", "b", "ba"};
	struct identity w = named(principals[random_below(r, PRINCIPALS)]);
	w.is_known = strcmp(w.name, "anonymous") != 0;
	for (uint64_t n = random_below(r, 4); n > 0; n--)
		w.groups[w.n_groups++] = (uint32_t[]){1, 2, 3, 10, 4}[random_below(r, 5)];
	const char *pool = random_chance(r, 0.2) ? NULL : pools[random_below(r, POOLS)];
	const char *labeler = labelers[random_below(r, 6)];
	assert_int_equal(grants_rights(g, &w, pool), model_rights(m, &w, pool));
	if (pool)
		assert_int_equal(grants_may_report(g, &w, pool, labeler), model_may_report(m, &w, pool, labeler));
}

/* All rows, by id, into another table: it is the same. */
static struct grants *copy(const struct grants *g, size_t *n)
{
	struct grants *other;
	assert_int_equal(grants_new(&other, key), 0);
	*n = 0;
	for (const struct grant_row *row = NULL; (row = grants_next(g, row ? row->id : 0)); ++*n)
		assert_int_equal(grants_restore(other, row), 0);
	return other;
}

static void they_are_as_a_model_has_them(void **state)
{
	struct grants *g;
	struct model *m = calloc(1, sizeof *m);
	struct random r;
	assert_non_null(m);
	random_init(&r, 11, 0);
	assert_int_equal(grants_new(&g, key), 0);
	for (int step = 0; step < STEPS; step++) {
		size_t i = random_below(&r, PRINCIPALS), k = random_below(&r, POOLS), l = random_below(&r, PREFIXES);
		unsigned set = l ? CANDOR_RIGHT_REPORT : 1 + (unsigned)random_below(&r, ALL),
			 *has = &m->rights[i][k][l];
		bool add = random_chance(&r, step / 2000 % 2 ? 0.3 : 0.6);
		unsigned after = add ? *has | set : *has & ~set;
		assert_int_equal(change(g, add, principals[i], pools[k], prefixes[l], set), after != *has);
		*has = after;
		for (int times = 0; times < 5; times++)
			expect_as_model(g, m, &r);
		if (step % 500 == 0) {
			size_t n, want = 0;
			for (size_t at = 0; at < PRINCIPALS * POOLS * PREFIXES; at++)
				want += ((const unsigned *)m->rights)[at] != 0;
			struct grants *other = copy(g, &n);
			assert_int_equal(n, want);
			grants_free(g);
			g = other;
		}
	}
	size_t full = grants_bytes(g);
	for (const struct grant_row *row; (row = grants_next(g, 0));) {
		const struct candor_grant all = {row->principal, row->pool, row->prefix, row->rights};
		struct grant_row gone;
		assert_int_equal(grants_change(g, &all, false, &gone), 1);
	}
	assert_true(grants_bytes(g) < full);
	grants_free(g);
	free(m);
	(void)state;
}

/* ---- tokens ---- */

static struct token_row token_of(uint64_t id, const char *name)
{
	struct token_row t = {.id = id, .name = name, .created_at = 1};
	token_hash(name, t.hash);
	return t;
}

static void tokens_are_found_by_what_they_are(void **state)
{
	struct grants *g = *state;
	struct token_row a = token_of(1, "a"), b = token_of(2, "b"), again = token_of(2, "a"), late = token_of(4, "c");
	uint8_t none[TOKEN_HASH_BYTES] = {0};
	b.expires_at = 100;
	assert_int_equal(grants_add_token(g, &b), ERR_HISTORY); /* ids begin at 1 and leave none out */
	assert_int_equal(grants_add_token(g, &a), 0);
	assert_int_equal(grants_add_token(g, &again), ERR_HISTORY); /* the name is taken */
	assert_int_equal(grants_add_token(g, &b), 0);
	assert_int_equal(grants_add_token(g, &late), ERR_HISTORY);
	assert_int_equal(grants_tokens(g), 2);
	assert_null(grants_token(g, 0));
	assert_null(grants_token(g, 3));
	assert_null(grants_token(g, UINT64_MAX));
	assert_string_equal(grants_token(g, 2)->name, "b");
	assert_ptr_equal(grants_match(g, a.hash), grants_find_token(g, "a"));
	assert_null(grants_match(g, none));
	assert_null(grants_find_token(g, "c"));

	struct identity w = {.name = "token:b", .is_known = true, .token = 2};
	assert_null(grants_token_fault(g, &w, 99));
	assert_non_null(grants_token_fault(g, &w, 100));
	assert_non_null(grants_token_fault(g, &w, UINT64_MAX));
	w.token = 1;
	assert_null(grants_token_fault(g, &w, UINT64_MAX)); /* without an end */
	grants_revoke(grants_token(g, 1), 50);
	assert_non_null(grants_token_fault(g, &w, 0));
	assert_null(grants_match(g, a.hash));
	assert_non_null(grants_find_token(g, "a")); /* as a name that is used up */
	w.token = 7; /* which is none: memory was rebuilt without it */
	assert_non_null(grants_token_fault(g, &w, 0));
	w.token = 0;
	assert_null(grants_token_fault(g, &w, 0));
}

static void so_many_tokens_there_may_ever_be(void **state)
{
	struct grants *g = *state;
	char name[16];
	for (uint64_t id = 1; id <= TOKENS_MAX; id++) {
		snprintf(name, sizeof name, "t%u", (unsigned)id);
		struct token_row t = token_of(id, name);
		t.revoked_at = id % 3 == 0;
		assert_int_equal(grants_add_token(g, &t), 0);
	}
	struct token_row more = token_of(TOKENS_MAX + 1, "more"), dead = token_of(3, "t3"), live = token_of(4, "t4");
	assert_int_equal(grants_add_token(g, &more), ERR_FULL);
	assert_null(grants_match(g, dead.hash));
	assert_ptr_equal(grants_match(g, live.hash), grants_token(g, 4));
	/* One that is like another in the part by which it is found. */
	live.hash[TOKEN_HASH_BYTES - 1] ^= 1;
	assert_null(grants_match(g, live.hash));
}

static void so_many_grants_there_may_be(void **state)
{
	struct grants *g = *state;
	char principal[16], pool[16];
	for (unsigned i = 0; i < GRANTS_MAX; i++) {
		snprintf(principal, sizeof principal, "uid:%u", 100 + i / GRANTS_OF_ONE_MAX);
		snprintf(pool, sizeof pool, "p%u", i);
		give(g, principal, pool, CANDOR_RIGHT_READ);
	}
	size_t bytes = grants_bytes(g);
	assert_int_equal(grants_count(g), GRANTS_MAX);
	assert_int_equal(grants_count_in(g, "p7"), 1);
	assert_int_equal(change(g, true, "uid:8", "one more", "", CANDOR_RIGHT_READ), ERR_FULL);
	assert_int_equal(change(g, true, "uid:9", "p1", "", CANDOR_RIGHT_READ), ERR_FULL);
	assert_int_equal(rights(g, "uid:9", "p1"), 0);
	assert_null(grants_of(g, "uid:9"));
	assert_int_equal(grants_bytes(g), bytes);
	/* Those that are there may still change, and one that goes makes room, but not for a principal at its limit. */
	assert_int_equal(change(g, true, "uid:100", "p7", "", CANDOR_RIGHT_INSPECT), 1);
	assert_int_equal(change(g, false, "uid:100", "p7", "", ALL), 1);
	assert_int_equal(change(g, true, "uid:101", "p1", "", CANDOR_RIGHT_READ), ERR_FULL);
	assert_int_equal(change(g, true, "uid:9", "p1", "", CANDOR_RIGHT_READ), 1);
}

static void so_many_groups_there_may_be(void **state)
{
	struct grants *g = *state;
	char principal[16];
	for (unsigned i = 0; i < GRANTS_GROUPS_MAX; i++) {
		snprintf(principal, sizeof principal, "gid:%u", i);
		give(g, principal, "p", CANDOR_RIGHT_READ);
	}
	assert_int_equal(change(g, true, "gid:4711", "p", "", CANDOR_RIGHT_READ), ERR_FULL);
	assert_int_equal(change(g, true, "gid:3", "q", "", CANDOR_RIGHT_READ), 1);
	assert_int_equal(change(g, true, "uid:4711", "p", "", CANDOR_RIGHT_READ), 1);
	assert_int_equal(change(g, false, "gid:0", "p", "", ALL), 1);
	assert_int_equal(change(g, true, "gid:4711", "p", "", CANDOR_RIGHT_READ), 1);
}

int main(void)
{
#define GRANTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		GRANTS(nobody_may_do_anything_that_was_not_granted),
		GRANTS(a_grant_is_for_its_pool_or_for_all),
		GRANTS(an_admin_has_every_right_where_they_are_admin),
		GRANTS(an_unknown_peer_is_anonymous_whatever_its_name),
		GRANTS(groups_give_what_they_have_to_their_members),
		GRANTS(a_prefix_is_a_beginning_and_no_more),
		GRANTS(grants_grow_and_shrink_right_by_right),
		GRANTS(rows_come_back_in_their_order_and_others_are_refused),
		GRANTS(they_are_as_a_model_has_them),
		GRANTS(tokens_are_found_by_what_they_are),
		GRANTS(so_many_tokens_there_may_ever_be),
		GRANTS(so_many_grants_there_may_be),
		GRANTS(so_many_groups_there_may_be),
	};
	return cmocka_run_group_tests_name("grants", tests, NULL, NULL);
}
