/* Blocks of outcomes, some of which are wrong: truth, conservation, positive weights. */
#include "tests/lib/unit.h"

#include <math.h>
#include <string.h>

#include "lib/pool/mechanism.h"
#include "lib/pool/settlement.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { ITEMS_MAX = 4, LABELERS_MAX = 6, GRID = 10 };

struct block {
	size_t n_items, n;
	struct settlement_item items[ITEMS_MAX];
	struct settlement_labeler labelers[LABELERS_MAX];
	double p[ITEMS_MAX][LABELERS_MAX];
	uint32_t who[ITEMS_MAX][LABELERS_MAX];
	double eta, wrong, share;
};

/* Every labeler is on one of the items at least. */
static void draw_block(struct random *r, struct block *b)
{
	static const double wrongs[] = {0, 0.05, 0.3, 0.49}, shares[] = {1e-9, 0.02, 0.5};
	*b = (struct block){.n_items = 1 + random_below(r, ITEMS_MAX), .n = 2 + random_below(r, LABELERS_MAX - 1)};
	b->eta = random_scale(r, 1e-3, 0.5);
	b->wrong = wrongs[random_below(r, 4)];
	b->share = shares[random_below(r, 3)];
	for (uint32_t i = 0; i < b->n; i++)
		b->labelers[i].before = random_scale(r, 1e-3, 50);
	for (size_t t = 0; t < b->n_items; t++) {
		struct settlement_item *item = &b->items[t];
		item->p = b->p[t];
		item->who = b->who[t];
		for (uint32_t i = 0; i < b->n; i++) {
			if (t > 0 && random_chance(r, 0.4))
				continue;
			b->who[t][item->n] = i;
			b->p[t][item->n++] = random_chance(r, 0.4) ? (double)random_below(r, 2) : random_unit(r);
		}
		item->outcome = random_chance(r, 0.7) ? (double)random_below(r, 2) : random_unit(r);
	}
	/* Not an item without reports. */
	while (b->items[b->n_items - 1].n == 0)
		b->n_items--;
	for (size_t t = 0; t < b->n_items; t++)
		if (b->items[t].n == 0)
			b->items[t] = b->items[--b->n_items];
}

static uint32_t settle(struct block *b)
{
	return settlement_settle(b->items, b->n_items, b->labelers, b->n, b->eta, b->wrong, b->share);
}

static void blocks_conserve_weight_and_keep_it_positive(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 71);
	for (int round = 0; round < 20000; round++) {
		struct block b;
		double before = 0, after = 0;
		uint32_t most = 0;
		draw_block(&r, &b);
		uint32_t said = settle(&b);
		for (size_t i = 0; i < b.n; i++) {
			const struct settlement_labeler *l = &b.labelers[i];
			before += l->before;
			after += l->after;
			most = l->scored > most ? l->scored : most;
			assert_true(l->after > 0);
			assert_at_most(fabs(l->gain), 1 + 1e-15);
		}
		assert_int_equal(said, most);
		assert_near(after, before, 1e-12 * before);
	}
}

static void a_single_outcome_is_settled_as_its_formula_says(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 72);
	for (int round = 0; round < 5000; round++) {
		struct block b;
		double total = 0, weighted = 0;
		draw_block(&r, &b);
		b.n_items = 1;
		b.wrong = 0;
		const struct settlement_item *item = &b.items[0];
		for (size_t i = 0; i < item->n; i++) {
			total += b.labelers[i].before;
			weighted += b.labelers[i].before * mechanism_loss(item->p[i], item->outcome);
		}
		double mean = weighted / total;
		settle(&b);
		assert_same_bits(item->weighted_loss, mean);
		for (size_t i = 0; i < item->n; i++) {
			double w = b.labelers[i].before, loss = mechanism_loss(item->p[i], item->outcome);
			double want =
				(1 - b.share) * (w * (1 + b.eta * (mean - loss))) + b.share * (total / (double)item->n);
			assert_same_bits(b.labelers[i].after, want);
		}
	}
}

/* One item of n labelers: its L, and their weights w[n] become what they are after it. */
static double settle_one(size_t n, double *w, const double *p, double y, double eta, double share)
{
	struct settlement_labeler l[40];
	uint32_t who[40];
	struct settlement_item item = {.n = n, .p = p, .who = who, .outcome = y};
	assert_true(n <= 40);
	for (uint32_t i = 0; i < n; i++) {
		l[i] = (struct settlement_labeler){.before = w[i]};
		who[i] = i;
	}
	assert_int_equal(settlement_settle(&item, 1, l, n, eta, 0, share), 1);
	for (size_t i = 0; i < n; i++)
		w[i] = l[i].after;
	return item.weighted_loss;
}

static void a_settlement_worked_by_hand(void **state)
{
	/* W = 4, losses 0, 1, 1/4: L = (2*0 + 1*1 + 1/4) / 4 = 5/16. */
	double w[] = {2, 1, 1};
	const double p[] = {1, 0, 0.5};
	(void)state;
	assert_near(settle_one(3, w, p, 1, 0.5, 1e-9), 5.0 / 16, 1e-16);
	assert_near(w[0], 2 * (1 + 0.5 * 5 / 16), 1e-8);
	assert_near(w[1], 1 * (1 + 0.5 * (5.0 / 16 - 1)), 1e-8);
	assert_near(w[2], 1 * (1 + 0.5 * (5.0 / 16 - 0.25)), 1e-8);
	double v[] = {2, 1, 1};
	settle_one(3, v, p, 1, 0.5, 0.1);
	assert_near(v[1], 0.9 * (1 + 0.5 * (5.0 / 16 - 1)) + 0.1 * 4 / 3, 1e-15);
}

static void whoever_is_closer_to_the_outcome_gains_more(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 74);
	for (int round = 0; round < 5000; round++) {
		double w[40], next[40], p[40], before = 0;
		size_t n = 2 + random_below(&r, 39);
		double y = random_unit(&r), eta = random_scale(&r, 1e-6, 0.5), share = random_scale(&r, 1e-9, 0.5);
		for (size_t i = 0; i < n; i++) {
			next[i] = w[i] = random_scale(&r, 1e-9, 1e6);
			p[i] = random_chance(&r, 0.5) ? (double)random_below(&r, 2) : random_unit(&r);
			before += w[i];
		}
		settle_one(n, next, p, y, eta, share);
		for (size_t i = 0; i < n; i++) {
			assert_true(next[i] > 0 && next[i] >= share * before / (double)n * (1 - 1e-14));
			for (size_t k = 0; k < i; k++)
				if (fabs(p[i] - y) < fabs(p[k] - y) && w[i] >= w[k])
					assert_true(next[i] >= next[k]);
		}
	}
}

static void share_is_a_floor_under_every_reporter(void **state)
{
	double w[] = {1e-12, 1, 1};
	const double p[] = {0, 1, 1};
	(void)state;
	settle_one(3, w, p, 1, 0.5, 0.03);
	assert_true(w[0] >= 0.02);
	assert_true(w[0] < 0.0201);
}

static void a_sole_labeler_moves_nothing(void **state)
{
	const double p[] = {0.2};
	const uint32_t who[] = {0};
	struct settlement_item items[] = {{.n = 1, .p = p, .who = who, .outcome = 1},
					  {.n = 1, .p = p, .who = who, .outcome = 0}};
	struct settlement_labeler one = {.before = 3};
	(void)state;
	assert_int_equal(settlement_settle(items, 2, &one, 1, 0.5, 0.1, 0.5), 2);
	assert_same_bits(one.after, 3.0);
	assert_same_bits(one.gain, 0.0);
}

static void an_item_with_one_scored_report_adds_nothing(void **state)
{
	const double both[] = {1, 0}, alone[] = {0.3};
	const uint32_t two[] = {0, 1}, first[] = {0};
	struct settlement_item items[] = {{.n = 2, .p = both, .who = two, .outcome = 1},
					  {.n = 1, .p = alone, .who = first, .outcome = 0}};
	struct settlement_labeler l[] = {{.before = 1}, {.before = 1}};
	(void)state;
	assert_int_equal(settlement_settle(items, 2, l, 2, 0.5, 0, 1e-9), 2);
	/* Half as much as alone, for one of the two is scored on both. */
	assert_near(l[0].gain, 0.25, 1e-15);
	assert_near(l[1].gain, -0.25, 1e-15);
}

/* What the labeler expects of its next weight: over what it believes of all truths together, and over outcomes that are
 * posted wrong with probability b->wrong, each on its own. belief[bits]: that the truths are these. */
static double expected_weight(const struct block *b, uint32_t labeler, const double *belief)
{
	size_t all = (size_t)1 << b->n_items;
	double expected = 0;
	for (size_t truth = 0; truth < all; truth++) {
		for (size_t posted = 0; posted < all; posted++) {
			struct block now = *b;
			double chance = belief[truth];
			for (size_t t = 0; t < b->n_items; t++) {
				bool flipped = ((truth ^ posted) >> t) & 1;
				chance *= flipped ? b->wrong : 1 - b->wrong;
				now.items[t].p = now.p[t];
				now.items[t].who = now.who[t];
				now.items[t].outcome = (double)((posted >> t) & 1);
			}
			if (chance == 0)
				continue;
			settle(&now);
			expected += chance * now.labelers[labeler].after;
		}
	}
	return expected;
}

/* The labeler's reports on the block: pointers into it, and what they should be. */
static size_t reports_of(struct block *b, uint32_t labeler, const double *belief, double **reports, double *truth)
{
	size_t n = 0;
	for (size_t t = 0; t < b->n_items; t++) {
		for (size_t i = 0; i < b->items[t].n; i++) {
			if (b->who[t][i] != labeler)
				continue;
			truth[n] = 0;
			for (size_t bits = 0; bits < (size_t)1 << b->n_items; bits++)
				truth[n] += (bits >> t) & 1 ? belief[bits] : 0;
			reports[n++] = &b->p[t][i];
		}
	}
	return n;
}

static void truth_about_all_items_of_a_block_is_the_best_report(void **state)
{
	struct random r;
	size_t worse = 0, points = 0;
	(void)state;
	seed_random(&r, 73);
	for (int round = 0; round < 60; round++) {
		struct block b;
		double belief[1 << ITEMS_MAX], sum = 0, truth[ITEMS_MAX], *reports[ITEMS_MAX];
		draw_block(&r, &b);
		if (b.n_items > 3)
			b.n_items = 3;
		/* However the truths hang together. */
		for (size_t bits = 0; bits < (size_t)1 << b.n_items; bits++)
			sum += belief[bits] = random_chance(&r, 0.4) ? 0 : random_unit(&r);
		if (sum == 0)
			sum = belief[0] = 1;
		for (size_t bits = 0; bits < (size_t)1 << b.n_items; bits++)
			belief[bits] /= sum;
		for (size_t t = 0; t < b.n_items; t++) {
			/* draw_block() may have moved an item to another place. */
			memcpy(b.p[t], b.items[t].p, sizeof b.p[t]);
			memcpy(b.who[t], b.items[t].who, sizeof b.who[t]);
		}
		size_t n = reports_of(&b, 0, belief, reports, truth);
		for (size_t k = 0; k < n; k++)
			*reports[k] = truth[k];
		double best = expected_weight(&b, 0, belief);
		size_t grid = 1;
		for (size_t k = 0; k < n; k++)
			grid *= GRID + 1;
		for (size_t at = 0; at < grid; at += 1 + random_below(&r, 12)) {
			size_t rest = at;
			for (size_t k = 0; k < n; k++, rest /= GRID + 1)
				*reports[k] = (double)(rest % (GRID + 1)) / GRID;
			double expected = expected_weight(&b, 0, belief);
			assert_at_most(expected, best + 1e-12 * best);
			worse += expected < best;
			points++;
		}
	}
	print_message("# worse than the truth at %zu of %zu points\n", worse, points);
	assert_true(worse > points / 2);
}

/* ---- scored ---- */

static double weight_with_later(const char *later, double p, uint32_t scored)
{
	struct candor_settings s = history_settings(CANDOR_FIXED);
	s.scored = scored;
	struct pool *pool = history_pool(&s);
	history_report(pool, "i", "ann", 0.7);
	history_report(pool, "i", "bob", 0.4);
	history_report(pool, "i", later, p);
	history_resolve(pool, "i", 1);
	double w = history_weight(pool, "ann");
	assert_same_bits(history_weight(pool, later), scored == 2 ? 1 : history_weight(pool, later));
	assert_int_equal(pool_labeler(pool, history_labeler(pool, later))->scored, scored == 2 ? 0 : 1);
	assert_int_equal(pool_totals(pool)->scored, scored == 2 ? 2 : 3);
	/* The track learns from all. */
	assert_true(pool_labeler(pool, history_labeler(pool, later))->track.counts.n1 == 1);
	pool_free(pool);
	return w;
}

static void whoever_is_asked_later_changes_nothing_for_those_who_are_scored(void **state)
{
	(void)state;
	assert_same_bits(weight_with_later("cy", 0, 2), weight_with_later("dee", 1, 2));
	assert_true(weight_with_later("cy", 0, 0) > weight_with_later("dee", 1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_conserve_weight_and_keep_it_positive),
		cmocka_unit_test(a_single_outcome_is_settled_as_its_formula_says),
		cmocka_unit_test(a_settlement_worked_by_hand),
		cmocka_unit_test(whoever_is_closer_to_the_outcome_gains_more),
		cmocka_unit_test(share_is_a_floor_under_every_reporter),
		cmocka_unit_test(a_sole_labeler_moves_nothing),
		cmocka_unit_test(an_item_with_one_scored_report_adds_nothing),
		cmocka_unit_test(truth_about_all_items_of_a_block_is_the_best_report),
		cmocka_unit_test(whoever_is_asked_later_changes_nothing_for_those_who_are_scored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
