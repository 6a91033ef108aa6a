/* Labelers' rows on disk are older than their weights. What settlements and changes of settings made of them since is
 * found by a start, to the last bit, and by a replay. */
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/state.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

enum { LABELERS = 40, ROUNDS = SANITIZED ? 60 : 200 };

/* Rows as of an older epoch than the one up to which a change of settings brought every weight. */
#define OLDER_ROWS                                     \
	"SELECT count(*) FROM labelers WHERE epoch < " \
	"(SELECT coalesce(max(epoch), 0) FROM settings)"

static void report(struct fake_owner *f, struct random *r, const char *item)
{
	char labeler[16];
	uint64_t first = random_below(r, LABELERS), n = 4 + random_below(r, 8);
	for (uint64_t i = 0; i < n; i++) {
		snprintf(labeler, sizeof labeler, "L%u", (unsigned)((first + i) % LABELERS));
		assert_int_equal(fake_post(f, "p", item, labeler, random_unit(r)), CANDOR_OK);
	}
}

static void play_round(struct fake_owner *f, struct random *r, unsigned round)
{
	char item[16];
	snprintf(item, sizeof item, "i%u", round);
	report(f, r, item);
	assert_int_equal(fake_resolve(f, "p", item, random_chance(r, 0.5)), CANDOR_OK);
}

/* A few items that are settled together, some of them closed before, and a second verdict on one. */
static void play_block(struct fake_owner *f, struct random *r, unsigned round)
{
	enum { MOST = 5 };
	struct candor_outcome rows[MOST];
	char items[MOST][40];
	size_t n = 2 + random_below(r, MOST - 1);
	for (size_t i = 0; i < n; i++) {
		snprintf(items[i], sizeof items[i], "b%u-%zu", round, i);
		report(f, r, items[i]);
		if (random_chance(r, 0.3))
			assert_int_equal(fake_close(f, "p", items[i]), CANDOR_OK);
		rows[i] = (struct candor_outcome){items[i], random_chance(r, 0.5)};
	}
	const struct candor_request block = {
		.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .together = true, .n = n, .outcomes = rows};
	assert_int_equal(fake_call(f, &block)->code, CANDOR_OK);
	rows[0].value = random_chance(r, 0.5);
	const struct candor_request recheck = {.type = CANDOR_REQ_RECHECK_ITEMS, .pool = "p", .n = 1, .outcomes = rows};
	assert_int_equal(fake_call(f, &recheck)->batch.accepted, 1);
}

/* All of them, once: then their rows are there. */
static void play_first_round(struct fake_owner *f)
{
	char labeler[16];
	for (unsigned i = 0; i < LABELERS; i++) {
		snprintf(labeler, sizeof labeler, "L%u", i);
		assert_int_equal(fake_post(f, "p", "first", labeler, i % 3 / 2.0), CANDOR_OK);
	}
	assert_int_equal(fake_resolve(f, "p", "first", 1), CANDOR_OK);
}

/* Until the pool has just come to an epoch; from round `*next` on. */
static void play_to_epoch(struct fake_owner *f, struct random *r, unsigned *next, unsigned epoch)
{
	if (*next == 0) {
		fake_pool(f, "p", NULL);
		play_first_round(f);
	}
	while (pool_totals(f->engine->pools[0]->pool)->epoch < epoch)
		play_round(f, r, (*next)++);
}

/* With which weights are brought up, while rows are older. */
static void set_beta(struct fake_owner *f, double beta)
{
	const struct candor_request q = {.type = CANDOR_REQ_UPDATE_POOL, .pool = "p", .settings = {.beta = beta}};
	assert_int_equal(fake_call(f, &q)->code, CANDOR_OK);
	assert_true(fake_number(f, OLDER_ROWS) > 0);
}

static struct candor_request change(struct random *r)
{
	struct candor_request q = {.type = CANDOR_REQ_UPDATE_POOL, .pool = "p"};
	if (random_chance(r, 0.2)) {
		q.settings = (struct candor_settings){.rate = CANDOR_FIXED, .eta = random_between(r, 0.01, 0.4)};
		return q;
	}
	q.settings = (struct candor_settings){
		.rate = CANDOR_ANYTIME,
		.c = random_between(r, 0.2, 2),
		.beta = random_between(r, 0.01, 0.5),
		.entry = random_between(r, 0.5, 2),
		.has_wrong = true,
		.wrong = random_chance(r, 0.5) ? random_between(r, 0, 0.4) : 0,
		.has_scored = true,
		.scored = (uint32_t)random_below(r, 8),
		.signs = random_chance(r, 0.5) ? CANDOR_FREE : CANDOR_POSITIVE,
	};
	return q;
}

static void assert_state(struct fake_owner *f, const char *want)
{
	char *got = fake_state(f);
	assert_string_equal(got, want);
	free(got);
}

/* What is on disk now, read by a start and by one that is to come after a crash. */
static void assert_found_again(struct fake_owner *f)
{
	char *now = fake_state(f), *disk = fake_state_on_disk(f);
	assert_string_equal(disk, now);
	fake_crash(f);
	fake_start(f);
	assert_state(f, now);
	free(now);
	free(disk);
}

static void weights_are_found_again_after_any_change_of_settings(void **state)
{
	uint64_t older = 0;
	(void)state;
	for (uint64_t game = 0; game < 4; game++) {
		struct fake_owner f;
		struct random r;
		struct engine_limits limits = fake_roomy_limits();
		seed_random(&r, 70 + game);
		fake_init(&f, &limits);
		fake_pool(&f, "p", NULL);
		play_first_round(&f);
		for (unsigned round = 0; round < ROUNDS; round++) {
			play_round(&f, &r, round);
			if (random_chance(&r, 0.2))
				play_block(&f, &r, round);
			if (random_chance(&r, 0.1)) {
				const struct candor_request q = change(&r);
				assert_int_equal(fake_call(&f, &q)->code, CANDOR_OK);
				older += (uint64_t)fake_number(&f, OLDER_ROWS);
				assert_found_again(&f);
			}
			if (random_chance(&r, 0.05))
				assert_found_again(&f);
		}
		assert_int_equal(fake_end(&f), 0);
	}
	assert_true(older > 4 * LABELERS);
}

/* Either the weights as they were, or as the change left them. */
static void a_crash_leaves_a_change_of_settings_whole_or_not_at_all(void **state)
{
	const struct candor_request q = {.type = CANDOR_REQ_UPDATE_POOL, .pool = "p", .settings = {.beta = 0.25}};
	struct fake_owner *f = *state;
	struct random r;
	unsigned next = 0;
	seed_random(&r, 75);
	play_to_epoch(f, &r, &next, 2);
	for (int is_written = 0; is_written < 2; is_written++) {
		char *want = fake_state(f);
		struct ask *a = fake_ask(f, &q);
		assert_true(a->replied && a->answer.code == CANDOR_OK);
		assert_true(fake_tick(f));
		if (is_written) {
			fake_commit(f, 0);
			assert_true(a->settled && a->err == 0);
			free(want);
			want = fake_state(f);
			assert_true(fake_number(f, OLDER_ROWS) > 0);
		}
		fake_crash(f);
		ask_free(a);
		fake_start(f);
		assert_state(f, want);
		assert_int_equal(fake_verify(f), 0);
		free(want);
	}
}

/* Written one after another: at last nothing is left to be brought up. */
static void rows_follow_with_what_is_settled(void **state)
{
	struct fake_owner *f = *state;
	struct random r;
	unsigned next = 0;
	seed_random(&r, 76);
	play_to_epoch(f, &r, &next, 2);
	set_beta(f, 0.25);
	for (unsigned end = next + LABELERS; next < end; next++)
		play_round(f, &r, next);
	assert_int_equal((int)fake_number(f, OLDER_ROWS), 0);
}

/* What a start goes by is held against the history. */
static void a_changed_epoch_is_found(void **state)
{
	static const char *const changes[] = {
		"UPDATE settings SET epoch = epoch - 1 WHERE epoch = (SELECT max(epoch) FROM settings)",
		"UPDATE settings SET epoch = NULL WHERE epoch = (SELECT max(epoch) FROM settings)",
		"UPDATE settings SET epoch = epoch + 1 WHERE epoch = (SELECT max(epoch) FROM settings)",
		"UPDATE settings SET epoch = 1 WHERE epoch IS NULL",
		"UPDATE labelers SET weight = weight * 1.5 WHERE id = (SELECT id FROM labelers WHERE epoch < "
		"(SELECT max(epoch) FROM settings) LIMIT 1)",
	};
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct fake_owner f;
		struct random r;
		struct engine_limits limits = fake_roomy_limits();
		unsigned next = 0;
		seed_random(&r, 77);
		fake_init(&f, &limits);
		play_to_epoch(&f, &r, &next, 2);
		set_beta(&f, 0.25);
		play_to_epoch(&f, &r, &next, 3);
		set_beta(&f, 0.125);
		assert_int_equal(fake_verify(&f), 0);
		fake_sql(&f, changes[i]);
		if (fake_verify(&f) != ERR_HISTORY)
			fail_msg("%s: it was not found", changes[i]);
		fake_deinit(&f);
	}
}

static void epochs_that_make_no_sense_are_refused(void **state)
{
	struct fake_owner *f = *state;
	struct random r;
	unsigned next = 0;
	seed_random(&r, 78);
	play_to_epoch(f, &r, &next, 2);
	set_beta(f, 0.25);
	play_to_epoch(f, &r, &next, 3);
	set_beta(f, 0.125);
	fake_stop(f);
	fake_sql(f, "UPDATE settings SET epoch = 4 WHERE epoch = 2");
	assert_int_equal(fake_try_start(f), ERR_HISTORY);
	fake_sql(f, "UPDATE settings SET epoch = 63 WHERE epoch = 4");
	assert_int_equal(fake_try_start(f), ERR_HISTORY);
	fake_sql(f,
		 "UPDATE settings SET epoch = 2 WHERE epoch = 63; UPDATE labelers SET epoch = epoch + 4 WHERE id = 7");
	assert_int_equal(fake_try_start(f), ERR_HISTORY);
	fake_sql(f,
		 "UPDATE labelers SET epoch = epoch - 4 WHERE id = 7; UPDATE settings SET epoch = 4 WHERE epoch = 3");
	assert_int_equal(fake_try_start(f), ERR_HISTORY);
	fake_sql(f, "UPDATE settings SET epoch = 3 WHERE epoch = 4");
	fake_start(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_found_again_after_any_change_of_settings),
		TEST(a_crash_leaves_a_change_of_settings_whole_or_not_at_all),
		TEST(rows_follow_with_what_is_settled),
		cmocka_unit_test(a_changed_epoch_is_found),
		TEST(epochs_that_make_no_sense_are_refused),
	};
	return cmocka_run_group_tests_name("lag", tests, NULL, NULL);
}
