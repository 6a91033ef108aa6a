#include "tests/lib/schemas.h"

#include <inttypes.h>

#include "lib/base/random.h"
#include "tests/lib/unit.h"

enum { ITEMS = 60, LABELERS = 9 };

/* ---- since schema 1 ---- */

static void play_items(struct fake_owner *f, const char *pool, uint64_t seed)
{
	struct random r;
	random_init(&r, seed, 0);
	for (int i = 0; i < ITEMS; i++) {
		char item[32], labeler[32];
		snprintf(item, sizeof item, "Frage %d \xc3\xbc", i);
		bool truth = random_chance(&r, 0.5);
		for (int l = 0; l < LABELERS; l++) {
			if (random_chance(&r, 0.3))
				continue;
			double accuracy = 0.5 + 0.05 * l, value = random_between(&r, 0.5, 1);
			snprintf(labeler, sizeof labeler, "labeler-%d", l);
			f->now_ms += 7;
			fake_post(f, pool, item, labeler, random_chance(&r, accuracy) == truth ? value : 1 - value);
		}
		fake_post(f, pool, item, "reviser", 0.25);
		fake_post(f, pool, item, "reviser", random_unit(&r));
		/* Outcomes come late and in another order; some never, some items are withdrawn. */
		int at = i - (int)random_below(&r, 5);
		snprintf(item, sizeof item, "Frage %d \xc3\xbc", at < 0 ? 0 : at);
		if (i % 11 == 3)
			fake_void(f, pool, item);
		else if (i % 7 == 2)
			fake_close(f, pool, item);
		else if (i % 13 != 5)
			fake_resolve(f, pool, item, i % 17 == 0 ? 0.5 : truth);
	}
}

static void update(struct fake_owner *f, const char *pool, struct candor_settings settings)
{
	const struct candor_request r = {.type = CANDOR_REQ_UPDATE_POOL, .pool = pool, .settings = settings};
	assert_int_equal(fake_call(f, &r)->code, CANDOR_OK);
}

static void play_1(struct fake_owner *f)
{
	const struct candor_settings fast = {.c = 2}, shared = {.share = 0.02, .entry = 0.5},
				     horizon = {.rate = CANDOR_HORIZON, .horizon = 500, .entry = 1},
				     fixed = {.rate = CANDOR_FIXED, .eta = 0.1, .entry = 1};
	fake_pool(f, "any time", NULL);
	fake_pool(f, "horizon", &horizon);
	play_items(f, "any time", 1);
	fake_pool(f, "fixed", &fixed);
	play_items(f, "horizon", 2);
	update(f, "any time", fast);
	update(f, "any time", shared);
	assert_int_equal(fake_post(f, "any time", "late", "newcomer", 0.75), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "any time", "late", 1), CANDOR_OK);
	play_items(f, "fixed", 3);
	assert_int_equal(fake_post(f, "any time", "still open", "newcomer", 0.125), CANDOR_OK);
}

/* ---- since schema 5 ---- */

static void post_in_sequence(struct fake_owner *f, const char *pool, const char *item, const char *labeler,
			     double value, uint64_t sequence)
{
	const struct candor_report row = {item, labeler, value, sequence};
	const struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = 1, .reports = &row};
	assert_int_equal(fake_call(f, &r)->code, CANDOR_OK);
}

/* Few answers an item, of many labelers; settings that change between epochs. */
static void play_epochs(struct fake_owner *f, const char *pool)
{
	static const struct candor_settings changes[] = {
		{.beta = 0.2},
		{.rate = CANDOR_HORIZON, .horizon = 40},
		{.rate = CANDOR_ANYTIME, .c = 0.7, .share = 0.01},
		{.rate = CANDOR_FIXED, .eta = 0.25, .entry = 3},
		{.rate = CANDOR_ANYTIME, .beta = 0.05},
	};
	struct random r;
	random_init(&r, 5, 0);
	for (int i = 0; i < 100; i++) {
		char item[32], labeler[32];
		bool truth = random_chance(&r, 0.5);
		snprintf(item, sizeof item, "epoch-%d", i);
		for (int k = 0; k < 4; k++) {
			int l = (int)random_below(&r, 8 + (uint64_t)i / 4);
			double value = random_chance(&r, 0.2) ? 0.5 : random_chance(&r, 0.4 + 0.02 * l) == truth;
			snprintf(labeler, sizeof labeler, "L%d", l);
			f->now_ms += 3;
			post_in_sequence(f, pool, item, labeler, value, 1 + random_below(&r, 3));
		}
		if (i % 20 == 19)
			update(f, pool, changes[i / 20]);
		/* In the middle of each settings' time half are closed, to be settled in the next. */
		int at = i - (i % 2) * 4;
		snprintf(item, sizeof item, "epoch-%d", at < 0 ? i : at);
		if (i % 10 == 4)
			fake_close(f, pool, item);
		else if (i % 10 == 7)
			fake_void(f, pool, item);
		else
			fake_resolve(f, pool, item, random_chance(&r, 0.1) ? random_unit(&r) : truth);
	}
}

/* All is closed before the first outcome; one of the items is withdrawn then; nothing came in for some. */
static void play_closed_first(struct fake_owner *f, const char *pool)
{
	char item[32], labeler[32];
	for (int i = 0; i < 24; i++) {
		snprintf(item, sizeof item, "first-%d", i);
		for (int l = 0; l < (i % 4 ? 5 : 1); l++) {
			snprintf(labeler, sizeof labeler, "L%d", (i + l) % 7);
			f->now_ms += 3;
			assert_int_equal(fake_post(f, pool, item, labeler, ((i * 7 + l * 3) % 11) / 10.), CANDOR_OK);
		}
		assert_int_equal(fake_close(f, pool, item), CANDOR_OK);
	}
	for (int i = 23; i >= 0; i--) {
		snprintf(item, sizeof item, "first-%d", i);
		if (i % 6 == 1)
			assert_int_equal(fake_void(f, pool, item), CANDOR_OK);
		else if (i % 5 != 0)
			assert_int_equal(fake_resolve(f, pool, item, i % 2), CANDOR_OK);
	}
}

static void play_5(struct fake_owner *f)
{
	const struct candor_settings shared = {.share = 0.003, .entry = 0.25};
	const struct candor_grant right = {"", "epochs", "L", CANDOR_RIGHT_REPORT};
	fake_pool(f, "epochs", &shared);
	fake_pool(f, "nothing in it", NULL);
	fake_pool(f, "closed first", NULL);
	fake_pool(f, "never settled", NULL);
	const struct candor_request token = {
		.type = CANDOR_REQ_CREATE_TOKEN, .name = "labelers", .n = 1, .grants = &right};
	assert_int_equal(fake_call(f, &token)->code, CANDOR_OK);
	play_epochs(f, "epochs");
	play_closed_first(f, "closed first");
	assert_int_equal(fake_post(f, "never settled", "one", "L1", 0.75), CANDOR_OK);
	assert_int_equal(fake_post(f, "never settled", "two", "L2", 0.25), CANDOR_OK);
	assert_int_equal(fake_close(f, "never settled", "one"), CANDOR_OK);
	post_in_sequence(f, "epochs", "open in sequence", "L1", 0.25, 7);
	post_in_sequence(f, "epochs", "open in sequence", "L2", 0.5, 9);
	post_in_sequence(f, "epochs", "open in sequence", "L1", 1, 8);
}

void schemas_play(struct fake_owner *f, long version)
{
	play_1(f);
	if (version >= 5)
		play_5(f);
}

/* ---- archives ---- */

static void play_rounds(struct fake_owner *f, int from, int to)
{
	struct random r;
	random_init(&r, (uint64_t)from, 7);
	for (int i = from; i < to; i++) {
		char item[32], labeler[32];
		bool truth = random_chance(&r, 0.5);
		snprintf(item, sizeof item, "%d", i);
		for (int l = 0; l < 5; l++) {
			f->now_ms += 10;
			snprintf(labeler, sizeof labeler, "L%d", (int)random_below(&r, 6 + (uint64_t)i / 10));
			fake_post(f, "p", item, labeler, random_chance(&r, 0.5 + 0.1 * l) == truth ? 0.875 : 0.25);
		}
		assert_int_equal(fake_close(f, "p", item), CANDOR_OK);
		if (i % 8 == 5)
			assert_int_equal(fake_void(f, "p", item), CANDOR_OK);
		/* The others later, in another order; some not before the archive is made. */
		snprintf(item, sizeof item, "%d", i ^ 3);
		if (i % 4 >= 2 && i % 8 != 6)
			assert_int_equal(fake_resolve(f, "p", item, random_chance(&r, 0.5)), CANDOR_OK);
		if (i % 20 == 10)
			update(f, "p", (struct candor_settings){.beta = 0.01 * (i % 7 + 1), .c = 1 + 0.1 * (i % 3)});
	}
	for (int i = from - 40; i < from; i += 4) {
		char item[32];
		snprintf(item, sizeof item, "%d", i);
		if (i >= 0 && i % 8 == 4)
			fake_resolve(f, "p", item, 1);
	}
}

static void prune(struct fake_owner *f, const char *file)
{
	struct archive_row made;
	fake_settle(f);
	assert_int_equal(fake_archive(f, "p", UINT64_MAX, file, &made), 0);
	const struct candor_request r = fake_prune_request("p", &made, strrchr(file, '/') + 1);
	assert_int_equal(fake_call(f, &r)->code, CANDOR_OK);
	fake_settle(f);
}

void schemas_play_archived(struct fake_owner *f, long version, const char *const files[SCHEMAS_ARCHIVES])
{
	(void)version;
	fake_pool(f, "beside it", NULL);
	fake_pool(f, "p", NULL);
	assert_int_equal(fake_post(f, "beside it", "one", "ann", 0.75), CANDOR_OK);
	assert_int_equal(fake_post(f, "beside it", "one", "bob", 0.125), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "beside it", "one", 1), CANDOR_OK);
	for (int i = 0; i <= SCHEMAS_ARCHIVES; i++) {
		play_rounds(f, 40 * i, 40 * (i + 1));
		if (files && i < SCHEMAS_ARCHIVES)
			prune(f, files[i]);
	}
}

long schemas_of(const char *path)
{
	uint8_t header[64];
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_msg("%s is missing: a program with that schema writes it; see tests/unit/test_upgrades.c", path);
	assert_int_equal(fread(header, 1, sizeof header, f), sizeof header);
	fclose(f);
	return (long)header[60] << 24 | (long)header[61] << 16 | (long)header[62] << 8 | header[63];
}
