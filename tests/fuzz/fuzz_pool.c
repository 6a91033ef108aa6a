/* Events in any order on one pool: weight is conserved, no labeler gains more than the regret bound says, and aggregates
 * lie among their reports. */
#include <math.h>

#include "lib/pool/mechanism.h"
#include "lib/pool/pool.h"
#include "tests/fuzz/fuzz.h"

enum { ITEMS = 6 };

static const struct candor_settings settings[] = {
	{.rate = CANDOR_ANYTIME},
	{.rate = CANDOR_ANYTIME, .c = 100, .beta = 0.5, .share = 0.5, .entry = 1e6},
	{.rate = CANDOR_HORIZON, .horizon = 10},
	{.rate = CANDOR_FIXED, .eta = 0.5, .share = 0.1},
	{.rate = CANDOR_FIXED, .eta = 1e-9, .entry = 1e-6},
	{.rate = CANDOR_ANYTIME, .c = 1e-9, .beta = 1e-9, .share = 1e-9},
	{.rate = CANDOR_ANYTIME, .wrong = 0.49, .scored = 1},
	{.rate = CANDOR_FIXED, .eta = 0.5, .wrong = 0.2, .scored = 2, .signs = CANDOR_FREE},
};

static double eat_unit(struct meal *in)
{
	unsigned byte = eat_byte(in);
	if (byte < 128)
		return byte / 127.0;
	double x = eat_u16(in) / 65535.0;
	return byte < 160 ? x * x * x * x * x * x : x;
}

static void check_pool(struct pool *p)
{
	const struct pool_totals *t = pool_totals(p);
	double sum = 0;
	uint64_t scored = 0;
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		double w = pool_weight(p, id);
		const struct labeler *l = pool_labeler(p, id);
		require(isfinite(w) && w > 0);
		sum += w;
		scored += l->scored;
		double bound = pool_bound(p, id);
		/* Of what is divided by rates as small as 1e-9, less is exact. */
		require(l->gain <= bound * (1 + 1e-9) + 1e-6);
		require(l->own_loss >= 0 && l->own_loss <= l->scored);
		size_t len;
		const char *name = pool_labeler_name(p, id, &len);
		require(pool_find_labeler(p, name, len) == id);
	}
	/* A block counts each labeler once. */
	require(scored >= t->scored);
	require(t->track.u > 0 && t->track.u <= 0.1 && t->disagreed <= t->rechecks);
	require(fabs(sum - t->total_weight) <= 1e-9 * t->total_weight);
	double eta = pool_eta(p);
	require(eta > 0 && eta <= 0.5);
	uint32_t best = pool_best(p);
	for (uint32_t id = 0; id < pool_labelers(p); id++)
		require(pool_labeler(p, id)->scored == 0 || pool_regret(p, id) <= pool_regret(p, best));
}

static void check_item(struct pool *p, struct item *item)
{
	struct aggregate a;
	const double *weights;
	double lo = 1, hi = 0;
	if (item->n == 0)
		return;
	require(pool_item_aggregate(p, item, &a, &weights) == 0 && a.n == item->n);
	for (uint32_t i = 0; i < item->n; i++) {
		lo = fmin(lo, item->values[i]);
		hi = fmax(hi, item->values[i]);
		require(weights[i] > 0);
	}
	require(a.mean >= lo - 1e-12 && a.mean <= hi + 1e-12 && a.plain_mean >= lo - 1e-12 &&
		a.plain_mean <= hi + 1e-12);
	require(a.median >= lo && a.median <= hi && a.plain_median >= lo && a.plain_median <= hi);
	require(a.spread >= 0 && a.spread <= (hi - lo) / 2 + 1e-7);
	require(a.ess > 0 && a.ess <= item->n * (1 + 1e-9));
	require(!item->sequences || item->state == CANDOR_OPEN);
}

static struct item *some_item(struct pool *p, struct meal *in)
{
	char name = (char)('a' + eat_below(in, ITEMS));
	struct item *item = pool_find_item(p, &name, 1);
	if (!item)
		require(pool_add_item(p, &name, 1, &item) == 0);
	return item;
}

static bool may_resolve(const struct item *item)
{
	return item->state == CANDOR_OPEN || item->state == CANDOR_CLOSED;
}

/* Up to four outcomes that hang together, perhaps two of one item. */
static void block(struct pool *p, struct meal *in)
{
	struct item *items[4];
	double y[4];
	struct pool_settled settled[4];
	size_t n = 1 + eat_below(in, 4);
	bool good = true;
	for (size_t i = 0; i < n; i++) {
		items[i] = some_item(p, in);
		y[i] = eat_unit(in);
		good = good && may_resolve(items[i]);
		for (size_t k = 0; k < i; k++)
			good = good && items[k] != items[i];
	}
	uint64_t round = pool_totals(p)->round;
	int err = pool_resolve_together(p, items, y, n, settled);
	require((err == 0) == good && (err == 0 || err == ERR_STATE || err == ERR_CONFLICT));
	require(pool_totals(p)->round == round + (good ? n : 0));
	for (size_t i = 0; i < n && good; i++) {
		require(settled[i].round == round + 1 + i && settled[i].lesson.variance >= 0.25);
		require(settled[i].block == (n > 1 ? round + 1 : 0));
		check_item(p, items[i]);
	}
}

/* What does not change the settlement: second verdicts, what an item is now, its label. */
static void ask(struct pool *p, struct meal *in, struct item *item)
{
	struct aggregate now, frozen;
	double label;
	int err = pool_recheck(p, item, eat_unit(in));
	require(err == (item->state == CANDOR_RESOLVED ? err : ERR_STATE));
	err = pool_item_label(p, item, &label);
	require(err == ERR_STATE || (err == 0 && label >= 0 && label <= 1));
	if (!may_resolve(item))
		return;
	require(pool_item_now(p, item, &now, NULL) == 0 && pool_close(p, item) <= 0);
	/* Unless it was closed before. */
	require(pool_item_aggregate(p, item, &frozen, NULL) == 0);
	require(now.forecast >= 0 && now.forecast <= 1 && frozen.forecast >= 0 && frozen.forecast <= 1);
}

static void event(struct pool *p, struct meal *in)
{
	struct item *item = some_item(p, in);
	enum candor_item_state before = item->state;
	struct pool_reported reported;
	struct pool_settled settled;
	struct candor_settings s;
	unsigned what = eat_below(in, 18);
	int err;
	if (what < 9) {
		char labeler[2] = {(char)('A' + eat_below(in, 20)), 0};
		uint32_t n = item->n;
		double value = eat_unit(in);
		uint64_t sequence = what < 6 ? 0 : eat_byte(in) % 8;
		size_t bytes = pool_bytes(p);
		bool grows = pool_would_grow(p, item, labeler, 1, sequence);
		err = pool_report(p, item, labeler, 1, value, sequence, &reported);
		require(err == POOL_ADDED || err == POOL_DUPLICATE || err == POOL_REVISED || err == POOL_RENUMBERED ||
			err == ERR_STATE);
		require(item->n == n + (err == POOL_ADDED) && (grows || pool_bytes(p) == bytes));
		require(grows || err != POOL_ADDED);
		require(err != POOL_RENUMBERED || sequence > 0);
		require(err != ERR_STATE || before > CANDOR_OPEN);
	} else if (what == 9) {
		err = pool_close(p, item);
		require(before == CANDOR_OPEN ? err == 0 && item->state == CANDOR_CLOSED : err == ERR_STATE);
	} else if (what < 13) {
		uint64_t round = pool_totals(p)->round;
		err = pool_resolve(p, item, eat_unit(in), &settled);
		require((err == 0) == (before == CANDOR_OPEN || before == CANDOR_CLOSED));
		require(err ? err == ERR_STATE || err == ERR_CONFLICT
			    : settled.round == round + 1 && settled.weighted_loss >= -0.49 &&
					settled.weighted_loss <= 1);
	} else if (what == 13) {
		err = pool_void(p, item);
		require((err == 0) == (before == CANDOR_OPEN || before == CANDOR_CLOSED));
	} else if (what == 14) {
		if (item->state != CANDOR_OPEN) {
			pool_drop_item(p, item);
			return;
		}
	} else if (what == 15) {
		block(p, in);
		return;
	} else if (what == 16) {
		ask(p, in, item);
	} else {
		s = settings[eat_below(in, sizeof settings / sizeof *settings)];
		mechanism_defaults(&s);
		require(pool_update(p, &s) == 0);
	}
	check_item(p, item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t key[NAMES_KEY_BYTES] = {1};
	struct meal in = {data, len};
	struct candor_settings s = settings[eat_below(&in, sizeof settings / sizeof *settings)];
	struct pool *p;
	mechanism_defaults(&s);
	require(mechanism_settings_fault(&s) == NULL);
	require(pool_new(&p, &s, key) == 0);
	for (unsigned n = 1; in.len > 0; n++) {
		event(p, &in);
		if (n % 16 == 0 || in.len == 0)
			check_pool(p);
	}
	pool_free(p);
	return 0;
}
