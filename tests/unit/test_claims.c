/* What docs/mechanism.md claims of the mechanism, on random and on adversarial histories: conservation, truth, no
 * regret, determinism, and weights that stay weights. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/pool/settlement.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { LABELERS_MAX = 64 };

/* ---- conservation ---- */

static void read_weights(const struct pool *p, double *weights)
{
	require(pool_labelers(p) <= LABELERS_MAX);
	for (uint32_t id = 0; id < pool_labelers(p); id++)
		weights[id] = pool_weight(p, id);
}

static void assert_conserved(const struct pool *p, const struct history_did *did, const double *before)
{
	double sum = 0, entries = 0;
	if (did->step == HISTORY_RESOLVED) {
		double then = 0, now = 0, after[LABELERS_MAX] = {0};
		for (size_t k = 0; k < did->n_settled; k++)
			for (size_t i = 0; i < did->settled[k].n; i++)
				after[item_labelers(did->resolved[k])[i]] = did->settled[k].weights[i];
		for (uint32_t id = 0; id < pool_labelers(p); id++) {
			then += after[id] > 0 ? before[id] : 0;
			now += after[id];
		}
		assert_near(now, then, 1e-12 * then);
	}
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		sum += pool_weight(p, id);
		entries += pool_entry(p, id);
	}
	assert_near(sum, entries, 1e-9 * entries);
	assert_near(pool_totals(p)->total_weight, entries, 1e-12 * entries);
}

static void settlements_move_weight_between_reporters_and_make_none(void **state)
{
	struct random r;
	size_t resolved = 0, updated = 0, epochs = 0;
	(void)state;
	seed_random(&r, 41);
	for (int round = 0; round < 300; round++) {
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct pool *p = history_pool(&s);
		struct history h;
		history_init(&h, &shape, random_below(&r, 1u << 30));
		for (int i = 0; i < 1500; i++) {
			double before[LABELERS_MAX];
			read_weights(p, before);
			struct history_did did = history_step(&h, p);
			assert_conserved(p, &did, before);
			resolved += did.step == HISTORY_RESOLVED;
			updated += did.step == HISTORY_UPDATED;
		}
		epochs += pool_totals(p)->epoch;
		pool_free(p);
	}
	assert_true(resolved > 1000 && updated > 100 && epochs > 100);
}

/* ---- truth ---- */

/* A reporter among others: what its next weight depends on. */
struct stake {
	size_t n, identity;
	double w[LABELERS_MAX], p[LABELERS_MAX];
	double eta, share;
};

/* What a single outcome makes of the weights. */
static void settle_one(size_t n, double *w, const double *p, double y, double eta, double share)
{
	struct settlement_labeler l[LABELERS_MAX];
	uint32_t who[LABELERS_MAX];
	struct settlement_item item = {.n = n, .p = p, .who = who, .outcome = y};
	for (uint32_t i = 0; i < n; i++) {
		l[i] = (struct settlement_labeler){.before = w[i]};
		who[i] = i;
	}
	settlement_settle(&item, 1, l, n, eta, 0, share);
	for (size_t i = 0; i < n; i++)
		w[i] = l[i].after;
}

/* The next weight that a reporter who believes in the outcome q expects from reporting p. */
static double expected_weight(const struct stake *s, double q, double p)
{
	double expected = 0;
	for (int y = 0; y <= 1; y++) {
		double w[LABELERS_MAX], reports[LABELERS_MAX];
		memcpy(w, s->w, sizeof w);
		memcpy(reports, s->p, sizeof reports);
		reports[s->identity] = p;
		settle_one(s->n, w, reports, y, s->eta, s->share);
		expected += (y ? q : 1 - q) * w[s->identity];
	}
	return expected;
}

/* A pool with a past, and a set of its labelers with reports of any kind. */
static struct stake random_stake(struct random *r)
{
	struct history_shape shape = history_random_shape(r);
	struct candor_settings settings = history_random_settings(r);
	struct pool *p = history_pool(&settings);
	struct stake s = {0};
	struct history h;
	history_init(&h, &shape, random_below(r, 1u << 30));
	for (uint64_t steps = 50 + random_below(r, 1000); steps > 0; steps--)
		history_step(&h, p);
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		if (s.n > 0 && random_chance(r, 0.4))
			continue;
		s.w[s.n] = pool_weight(p, id);
		s.p[s.n++] = random_chance(r, 0.3) ? (double)random_below(r, 2) : random_unit(r);
	}
	s.identity = random_below(r, s.n);
	s.eta = pool_eta(p);
	s.share = pool_settings(p)->share;
	pool_free(p);
	return s;
}

static void the_expected_next_weight_peaks_at_the_truth(void **state)
{
	struct random r;
	size_t strict = 0, too_flat = 0, alone = 0;
	(void)state;
	seed_random(&r, 42);
	for (int round = 0; round < 400; round++) {
		struct stake s = random_stake(&r);
		double w = s.w[s.identity], total = 0, q = (double)random_below(&r, 1001) / 1000;
		for (size_t i = 0; i < s.n; i++)
			total += s.w[i];
		double truth = expected_weight(&s, q, q), slope = (1 - s.share) * s.eta * w * (1 - w / total);
		alone += s.n == 1;
		for (int k = 0; k <= 1000; k++) {
			double p = k / 1000.0, off = (p - q) * (p - q), other = expected_weight(&s, q, p);
			assert_at_most(other, truth + 1e-9);
			if (s.n == 1) {
				assert_same_bits(other, truth);
				continue;
			}
			/* Affine in the own loss, which on average lies (p-q)^2 above the least. */
			assert_near(truth - other, slope * off, 1e-14 * (truth + total));
			if (fabs(p - q) < 0.05)
				continue;
			/* Where one reporter has next to all the weight, the peak is lower than a double can say. */
			if (slope * off > 1e-13 * truth) {
				assert_true(other < truth);
				strict++;
			} else {
				too_flat++;
			}
		}
	}
	print_message("# strictly worse at %zu points, too flat to see at %zu\n", strict, too_flat);
	assert_true(strict > 100000 && too_flat < strict / 50 && alone > 0);
}

static void truth_pays_for_graded_outcomes_too(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 43);
	for (int round = 0; round < 200; round++) {
		struct stake s = random_stake(&r);
		double ys[5], chances[5], sum = 0, belief = 0, best = 0;
		for (int k = 0; k < 5; k++) {
			ys[k] = random_unit(&r);
			sum += chances[k] = random_unit(&r);
		}
		for (int k = 0; k < 5; k++)
			belief += (chances[k] /= sum) * ys[k];
		for (int i = -1; i <= 200; i++) {
			double p = i < 0 ? belief : i / 200.0, expected = 0;
			for (int k = 0; k < 5; k++) {
				double w[LABELERS_MAX];
				memcpy(w, s.w, sizeof w);
				s.p[s.identity] = p;
				settle_one(s.n, w, s.p, ys[k], s.eta, s.share);
				expected += chances[k] * w[s.identity];
			}
			if (i < 0)
				best = expected;
			assert_at_most(expected, best + 1e-12 * (1 + best));
		}
	}
}

/* The same through a whole pool: the item is reported on, closed and resolved, and perhaps an epoch begins. */
/* wrong: out, the setting that stood then. */
static double weight_after(const struct candor_settings *settings, const struct history *h0, int steps, double p,
			   double y, double *wrong)
{
	struct pool *pool = history_pool(settings);
	struct history h = *h0;
	for (int i = 0; i < steps; i++)
		history_step(&h, pool);
	history_report(pool, "audit", "L0", p);
	history_report(pool, "audit", "L1", 0.7);
	history_report(pool, "audit", "L2", 0.1);
	history_resolve(pool, "audit", y);
	double w = pool_weight(pool, history_labeler(pool, "L0"));
	*wrong = pool_settings(pool)->wrong;
	pool_free(pool);
	return w;
}

static void truth_is_a_best_reply_in_a_whole_pool(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 44);
	for (int round = 0; round < 30; round++) {
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct history h;
		double q = (double)random_below(&r, 21) / 20, expected[21];
		int steps = (int)random_below(&r, 400);
		history_init(&h, &shape, random_below(&r, 1u << 30));
		for (int k = 0; k <= 20; k++) {
			double e, right = weight_after(&s, &h, steps, k / 20.0, 1, &e);
			double left = weight_after(&s, &h, steps, k / 20.0, 0, &e);
			/* Whoever posts errs as often as the setting says. */
			double posted = q * (1 - e) + (1 - q) * e;
			expected[k] = posted * right + (1 - posted) * left;
		}
		int at = (int)lround(q * 20);
		for (int k = 0; k <= 20; k++)
			assert_at_most(expected[k], expected[at] * (1 + 1e-12));
	}
}

/* ---- no regret ---- */

/* The largest part of its bound that the gain of any labeler takes up. */
static double tightest(const struct pool *p)
{
	double ratio = 0;
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		const struct labeler *l = pool_labeler(p, id);
		double bound = pool_bound(p, id);
		assert_at_most(l->gain, bound + 1e-9);
		if (bound > 0)
			ratio = fmax(ratio, l->gain / bound);
	}
	return ratio;
}

static void no_random_history_exceeds_the_regret_bound(void **state)
{
	struct random r;
	double ratio = 0;
	(void)state;
	seed_random(&r, 45);
	for (int round = 0; round < 300; round++) {
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct pool *p = history_pool(&s);
		struct history h;
		history_init(&h, &shape, random_below(&r, 1u << 30));
		for (int i = 0; i < 2000; i++) {
			history_step(&h, p);
			if (i % 50 == 49)
				ratio = fmax(ratio, tightest(p));
		}
		pool_free(p);
	}
	print_message("# gains reached %.2f of its bound\n", ratio);
	assert_true(ratio > 0);
}

/* Who decides the outcome, and to whose harm. */
enum adversary { CHANCE, FOR_ONE, AGAINST_THE_HEAVIEST, IN_PHASES, ADVERSARIES };

struct campaign {
	struct pool *pool;
	struct random random;
	enum adversary adversary;
	uint32_t labelers, joins_every; /* rounds */
	uint32_t delay; /* items that wait for their outcome */
	double participation, updates;
	uint32_t round, resolved;
};

static double loss_of(const struct pool *p, const struct item *item, uint32_t identity, double y, double *weighted_loss)
{
	double weighted = 0, total = 0, own = 0;
	for (uint32_t i = 0; i < item->n; i++) {
		uint32_t id = item_labelers(item)[i];
		double w = pool_weight(p, id), loss = mechanism_loss(item->values[i], y);
		weighted += w * loss;
		total += w;
		if (id == identity)
			own = loss;
	}
	*weighted_loss = weighted / total;
	return own;
}

static uint32_t victim_or_favourite(const struct campaign *c, const struct item *item)
{
	uint32_t heaviest = item_labelers(item)[0];
	switch (c->adversary) {
	case FOR_ONE: return 0;
	case IN_PHASES: return c->round / 150 % c->labelers;
	default:
		for (uint32_t i = 1; i < item->n; i++)
			if (pool_weight(c->pool, item_labelers(item)[i]) > pool_weight(c->pool, heaviest))
				heaviest = item_labelers(item)[i];
		return heaviest;
	}
}

/* The outcome that makes the favourite's regret grow most, or the heaviest lose most. */
static double outcome_of(struct campaign *c, const struct item *item)
{
	if (c->adversary == CHANCE)
		return random_chance(&c->random, 0.8) ? (double)random_below(&c->random, 2) : random_unit(&c->random);
	uint32_t identity = victim_or_favourite(c, item);
	double gain[2], weighted_loss;
	for (int y = 0; y <= 1; y++) {
		double own = loss_of(c->pool, item, identity, y, &weighted_loss);
		gain[y] = c->adversary == AGAINST_THE_HEAVIEST ? own : weighted_loss - own;
	}
	return gain[1] > gain[0];
}

static void resolve_oldest(struct campaign *c)
{
	char name[HISTORY_NAME_SIZE];
	size_t len = (size_t)snprintf(name, sizeof name, "i%u", c->resolved++);
	struct item *item = pool_find_item(c->pool, name, len);
	if (!item)
		return; /* nobody answered it */
	history_resolve(c->pool, name, outcome_of(c, item));
	pool_drop_item(c->pool, item);
}

static void play_round(struct campaign *c)
{
	char name[HISTORY_NAME_SIZE], labeler[HISTORY_NAME_SIZE];
	uint32_t joined = c->joins_every ? 2 + c->round / c->joins_every : c->labelers;
	snprintf(name, sizeof name, "i%u", c->round++);
	for (uint32_t id = 0; id < joined && id < c->labelers; id++) {
		if (!random_chance(&c->random, c->participation))
			continue;
		snprintf(labeler, sizeof labeler, "L%u", id);
		history_report(c->pool, name, labeler,
			       random_chance(&c->random, 0.7) ? (double)random_below(&c->random, 2)
							      : random_unit(&c->random));
	}
	if (random_chance(&c->random, c->updates)) {
		struct candor_settings s = history_random_settings(&c->random);
		require(pool_update(c->pool, &s) == 0);
	}
	/* A late outcome brings the others that waited: they come in bursts. */
	if (c->round - c->resolved > c->delay)
		while (c->resolved < c->round)
			resolve_oldest(c);
}

static void no_adversary_exceeds_the_regret_bound(void **state)
{
	struct random r;
	double ratio[ADVERSARIES] = {0};
	(void)state;
	seed_random(&r, 46);
	for (int round = 0; round < 240; round++) {
		struct candor_settings s = history_random_settings(&r);
		struct campaign c = {
			.pool = history_pool(&s),
			.adversary = (enum adversary)(round % ADVERSARIES),
			.labelers = 2 + (uint32_t)random_scale(&r, 1, 30),
			.joins_every = random_chance(&r, 0.4) ? 1 + (uint32_t)random_below(&r, 100) : 0,
			.delay = random_chance(&r, 0.5) ? 0 : (uint32_t)random_below(&r, 100),
			.participation = random_chance(&r, 0.5) ? 1 : random_scale(&r, 0.05, 1),
			.updates = random_chance(&r, 0.3) ? 0.01 : 0,
		};
		random_init(&c.random, random_below(&r, 1u << 30), 0);
		for (int i = 0; i < 1200; i++) {
			play_round(&c);
			if (i % 40 == 39)
				ratio[c.adversary] = fmax(ratio[c.adversary], tightest(c.pool));
		}
		pool_free(c.pool);
	}
	print_message("# regret reached %.2f (chance), %.2f (for one), %.2f (against), %.2f (phases) of its bound\n",
		      ratio[CHANCE], ratio[FOR_ONE], ratio[AGAINST_THE_HEAVIEST], ratio[IN_PHASES]);
	/* An adversary that never came near would prove little. */
	assert_true(ratio[FOR_ONE] > 0.4);
}

/* ---- determinism ---- */

static void the_same_events_give_the_same_bits_whatever_the_key_of_the_names(void **state)
{
	static const uint8_t other_key[NAMES_KEY_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct random r;
	(void)state;
	seed_random(&r, 47);
	for (int round = 0; round < 150; round++) {
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct pool *p = history_pool(&s), *q;
		struct history h, again;
		assert_int_equal(pool_new(&q, &s, other_key), 0);
		history_init(&h, &shape, random_below(&r, 1u << 30));
		again = h;
		for (int i = 0; i < 1500; i++) {
			history_step(&h, p);
			history_step(&again, q);
		}
		assert_null(history_difference(p, q, h.next_item));
		pool_free(p);
		pool_free(q);
	}
}

/* ---- weights stay weights ---- */

static void two_hundred_thousand_wrong_answers_leave_a_weight_positive_and_finite(void **state)
{
	static const struct candor_settings all[] = {
		{.rate = CANDOR_ANYTIME},
		{.rate = CANDOR_ANYTIME, .c = 100, .beta = 1e-9},
		{.rate = CANDOR_HORIZON, .horizon = 1},
		{.rate = CANDOR_FIXED, .eta = 0.5},
		{.rate = CANDOR_FIXED, .eta = 0.5, .entry = 1e-6},
		{.rate = CANDOR_FIXED, .eta = 0.5, .entry = 1e6},
		{.rate = CANDOR_FIXED, .eta = 0.5, .share = 0.5},
	};
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct candor_settings s = all[i];
		mechanism_defaults(&s);
		assert_null(mechanism_settings_fault(&s));
		struct pool *p = history_pool(&s);
		for (int k = 0; k < 200000; k++) {
			history_report(p, "i", "right", k % 2);
			history_report(p, "i", "wrong", 1 - k % 2);
			history_resolve(p, "i", k % 2);
			pool_drop_item(p, pool_find_item(p, "i", 1));
		}
		for (uint32_t id = 0; id < 2; id++) {
			double w = pool_weight(p, id);
			assert_true(isfinite(w) && isnormal(w) && w > 0);
			assert_true(isfinite(pool_bound(p, id)));
		}
		assert_near(pool_weight(p, 0) + pool_weight(p, 1), 2 * s.entry, 1e-9 * s.entry);
		/* It can come back. */
		for (int k = 0; k < 5000; k++) {
			history_report(p, "i", "right", 0);
			history_report(p, "i", "wrong", 1);
			history_resolve(p, "i", 1);
			pool_drop_item(p, pool_find_item(p, "i", 1));
		}
		assert_true(s.rate == CANDOR_ANYTIME || pool_weight(p, 1) > pool_weight(p, 0));
		pool_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settlements_move_weight_between_reporters_and_make_none),
		cmocka_unit_test(the_expected_next_weight_peaks_at_the_truth),
		cmocka_unit_test(truth_pays_for_graded_outcomes_too),
		cmocka_unit_test(truth_is_a_best_reply_in_a_whole_pool),
		cmocka_unit_test(no_random_history_exceeds_the_regret_bound),
		cmocka_unit_test(no_adversary_exceeds_the_regret_bound),
		cmocka_unit_test(the_same_events_give_the_same_bits_whatever_the_key_of_the_names),
		cmocka_unit_test(two_hundred_thousand_wrong_answers_leave_a_weight_positive_and_finite),
	};
	return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
