/* The EM schemes against a second, slower implementation of the same model, and on data that the model made. */
#include "tests/lib/unit.h"

#include "client/lab/scheme.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { LABELERS = 9, ITEMS = 460, ANSWERS = 3, NOBODY = -1 };

static const char *const names[LABELERS] = {"L0", "L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8"};

static struct scheme *make(const struct scheme_class *class)
{
	struct scheme_options o = {history_settings(CANDOR_ANYTIME), LABELERS, names};
	struct scheme *s = NULL;
	require(class->make(&s, &o) == 0);
	return s;
}

/* ---- the model a second time: full arrays, probabilities instead of their logarithms ---- */

struct model {
	size_t items, fitted;
	int answers[ITEMS][LABELERS]; /* 0 B, 1 tie, 2 A, or NOBODY */
	long double side[ITEMS]; /* that A is true */
	bool known[ITEMS];
	long double prior; /* of A */
	long double counts[LABELERS][2][ANSWERS];
};

static long double chance(const struct model *m, int identity, int side, int answer)
{
	const long double *c = m->counts[identity][side];
	return c[answer] / (c[0] + c[1] + c[2]);
}

static long double posterior(const struct model *m, size_t item)
{
	long double a = m->prior, b = 1 - m->prior;
	for (int identity = 0; identity < LABELERS; identity++) {
		if (m->answers[item][identity] == NOBODY)
			continue;
		a *= chance(m, identity, 1, m->answers[item][identity]);
		b *= chance(m, identity, 0, m->answers[item][identity]);
	}
	return a / (a + b);
}

static long double majority(const struct model *m, size_t item)
{
	long double votes = 0, n = 0;
	for (int identity = 0; identity < LABELERS; identity++) {
		if (m->answers[item][identity] == NOBODY)
			continue;
		votes += m->answers[item][identity] * 0.5L;
		n++;
	}
	return votes / n;
}

static void count(struct model *m)
{
	long double of_a = 1;
	for (int identity = 0; identity < LABELERS; identity++)
		for (int k = 0; k < 2 * ANSWERS; k++)
			m->counts[identity][k / ANSWERS][k % ANSWERS] = 1;
	for (size_t t = 0; t < m->items; t++) {
		of_a += m->side[t];
		for (int identity = 0; identity < LABELERS; identity++) {
			if (m->answers[t][identity] == NOBODY)
				continue;
			m->counts[identity][1][m->answers[t][identity]] += m->side[t];
			m->counts[identity][0][m->answers[t][identity]] += 1 - m->side[t];
		}
	}
	m->prior = of_a / (long double)(m->items + 2);
}

/* From the majorities; at most 30 times, or until no side moves by a thousandth. */
static void fit(struct model *m)
{
	for (size_t t = 0; t < m->items; t++)
		m->side[t] = m->known[t] ? m->side[t] : majority(m, t);
	for (int i = 0; i < 30; i++) {
		long double moved = 0;
		count(m);
		for (size_t t = 0; t < m->items; t++) {
			if (m->known[t])
				continue;
			long double p = posterior(m, t);
			moved = fmaxl(moved, fabsl(p - m->side[t]));
			m->side[t] = p;
		}
		if (moved < 1e-3L)
			break;
	}
	m->fitted = m->items;
}

static double say(struct model *m)
{
	size_t item = m->items++;
	m->side[item] = m->fitted ? posterior(m, item) : majority(m, item);
	if (m->items > m->fitted + m->fitted / 200)
		fit(m);
	return (double)m->side[item];
}

static double weight(const struct model *m, int identity)
{
	long double right = m->counts[identity][1][2] + m->counts[identity][0][0];
	long double wrong = m->counts[identity][1][0] + m->counts[identity][0][2];
	return (double)(2 * right / (right + wrong));
}

/* ---- items ---- */

/* How likely a labeler is to say B, tie, A where B or A is true. */
struct character {
	double p[2][ANSWERS];
};

/* One who names the right side so often, calls a tie so often, and otherwise is wrong. */
static struct character symmetric(double right, double tie)
{
	double wrong = 1 - right - tie;
	return (struct character){{{right, tie, wrong}, {wrong, tie, right}}};
}

struct answered {
	struct scheme_item item;
	uint32_t identity[LABELERS];
	double reports[LABELERS], truth;
};

static struct answered said[ITEMS];

static double report_of(struct random *r, const struct character *c, double truth)
{
	const double *p = c->p[truth > 0.5];
	double u = random_unit(r);
	/* How far from the middle it is does not matter. */
	if (u < p[0])
		return random_between(r, 0, 0.499);
	return u < p[0] + p[1] ? 0.5 : random_between(r, 0.501, 1);
}

static void draw_items(struct random *r, const struct character *characters, double base_rate, size_t most)
{
	for (uint64_t t = 0; t < ITEMS; t++) {
		struct answered *a = &said[t];
		for (uint32_t i = 0; i < LABELERS; i++)
			a->identity[i] = i;
		random_shuffle(r, a->identity, LABELERS);
		a->truth = random_chance(r, base_rate);
		a->item = (struct scheme_item){.number = t,
					       .n = most ? 1 + random_below(r, most) : LABELERS,
					       .labelers = a->identity,
					       .reports = a->reports};
		for (size_t i = 0; i < a->item.n; i++)
			a->reports[i] = report_of(r, &characters[a->identity[i]], a->truth);
	}
}

static struct character random_character(struct random *r)
{
	struct character c;
	for (int side = 0; side < 2; side++) {
		double *p = c.p[side], sum = 0;
		for (int a = 0; a < ANSWERS; a++)
			sum += p[a] = random_unit(r) + (a == 2 * side ? 1.5 : 0);
		for (int a = 0; a < ANSWERS; a++)
			p[a] /= sum;
	}
	return c;
}

static void tell(struct model *m, const struct answered *a)
{
	for (int identity = 0; identity < LABELERS; identity++)
		m->answers[m->items][identity] = NOBODY;
	for (size_t i = 0; i < a->item.n; i++)
		m->answers[m->items][a->identity[i]] = a->reports[i] < 0.5 ? 0 : a->reports[i] > 0.5 ? 2 : 1;
}

/* ---- against the second implementation ---- */

/* Outcomes become known with a probability, `delay` items late. */
static void play_both(struct random *r, const struct scheme_class *class, double known, size_t delay)
{
	static struct model m;
	struct scheme *s = make(class);
	memset(&m, 0, sizeof m);
	for (size_t t = 0; t < ITEMS; t++) {
		double forecast;
		tell(&m, &said[t]);
		assert_int_equal(class->close(s, &said[t].item, &forecast), 0);
		assert_near(forecast, say(&m), 1e-9);
		for (uint32_t i = 0; i < LABELERS; i++)
			assert_near(class->standing(s, i), weight(&m, (int)i), 1e-9);
		if (t < delay)
			continue;
		struct answered *ended = &said[t - delay];
		if (!random_chance(r, known)) {
			class->forget(s, &ended->item);
			continue;
		}
		/* Graded now and then. */
		double outcome = random_chance(r, 0.1) ? 0.7 : ended->truth;
		assert_int_equal(class->resolve(s, &ended->item, outcome), 0);
		if (class == &scheme_dawid_skene_gold) {
			m.side[t - delay] = outcome;
			m.known[t - delay] = true;
		}
	}
	class->free(s);
}

static void draw_random_items(struct random *r)
{
	struct character characters[LABELERS];
	for (int i = 0; i < LABELERS; i++)
		characters[i] = random_character(r);
	draw_items(r, characters, random_between(r, 0.2, 0.8), LABELERS);
}

static void the_blind_fit_is_the_models(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 751);
	for (int round = 0; round < 3; round++) {
		draw_random_items(&r);
		play_both(&r, &scheme_dawid_skene, 0.5, 0);
	}
}

static void the_fit_with_gold_is_the_models_with_sides_held(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 752);
	for (int round = 0; round < 3; round++) {
		draw_random_items(&r);
		play_both(&r, &scheme_dawid_skene_gold, 0.3 + 0.3 * round, (size_t)round * 17);
	}
}

static void without_gold_both_are_the_same(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 753);
	draw_random_items(&r);
	struct scheme *a = make(&scheme_dawid_skene), *b = make(&scheme_dawid_skene_gold);
	for (int t = 0; t < 200; t++) {
		double x, y;
		assert_int_equal(a->class->close(a, &said[t].item, &x), 0);
		assert_int_equal(b->class->close(b, &said[t].item, &y), 0);
		assert_same_bits(x, y);
		assert_int_equal(a->class->resolve(a, &said[t].item, said[t].truth), 0);
		b->class->forget(b, &said[t].item);
	}
	a->class->free(a);
	b->class->free(b);
}

/* ---- what it is for ---- */

struct found {
	double fitted, counted; /* shares of sides that the scheme and the majority of answers found, later half */
	double weights[LABELERS];
};

static struct found run(const struct scheme_class *class)
{
	struct scheme *s = make(class), *plain = make(&scheme_plain);
	struct found f = {0};
	for (int t = 0; t < ITEMS; t++) {
		double forecast, means[2], sided[LABELERS];
		struct scheme_item votes = said[t].item;
		for (size_t i = 0; i < votes.n; i++)
			sided[i] = said[t].reports[i] < 0.5 ? 0 : said[t].reports[i] > 0.5 ? 1 : 0.5;
		votes.reports = sided;
		assert_int_equal(class->close(s, &said[t].item, &forecast), 0);
		assert_int_equal(plain->class->close(plain, &votes, means), 0);
		assert_int_equal(class->resolve(s, &said[t].item, said[t].truth), 0);
		if (t < ITEMS / 2)
			continue;
		f.fitted += (forecast > 0.5) == (said[t].truth > 0.5);
		f.counted += means[0] == 0.5 ? 0.5 : (means[0] > 0.5) == (said[t].truth > 0.5);
	}
	f.fitted /= ITEMS - ITEMS / 2;
	f.counted /= ITEMS - ITEMS / 2;
	for (uint32_t i = 0; i < LABELERS; i++)
		f.weights[i] = class->standing(s, i);
	class->free(s);
	plain->class->free(plain);
	return f;
}

/* Three good labelers among six who hardly know more than a coin. */
static void most_sides_are_recovered_where_a_few_are_good(void **state)
{
	struct character characters[LABELERS];
	struct random r;
	(void)state;
	seed_random(&r, 754);
	for (int i = 0; i < LABELERS; i++)
		characters[i] = i < 3 ? symmetric(0.93, 0.02) : symmetric(0.52, 0.05);
	for (int round = 0; round < 4; round++) {
		draw_items(&r, characters, 0.5, 0);
		struct found f = run(&scheme_dawid_skene);
		assert_true(f.fitted > 0.93);
		assert_true(f.fitted > f.counted + 0.03);
		for (int i = 0; i < LABELERS; i++)
			assert_near(f.weights[i], i < 3 ? 2 * 0.93 / 0.98 : 2 * 0.52 / 0.95, 0.25);
	}
}

/* Where one says "tie" of every A, and only then, its ties are evidence. */
static void a_labelers_tie_is_evidence_if_it_goes_with_a_side(void **state)
{
	struct character characters[LABELERS];
	struct random r;
	(void)state;
	seed_random(&r, 755);
	for (int i = 0; i < LABELERS; i++)
		characters[i] = symmetric(0.65, 0.05);
	characters[0] = (struct character){{{0.97, 0.03, 0}, {0.03, 0.97, 0}}};
	draw_items(&r, characters, 0.5, 0);
	struct found f = run(&scheme_dawid_skene);
	assert_true(f.fitted > 0.9 && f.fitted > f.counted);
}

/* When liars are the most, the sides come out the wrong way round; a few outcomes turn them. */
static void gold_tells_a_majority_of_liars_from_the_truth(void **state)
{
	struct character characters[LABELERS];
	struct random r;
	(void)state;
	seed_random(&r, 756);
	for (int i = 0; i < LABELERS; i++)
		characters[i] = i < 6 ? symmetric(0.15, 0) : symmetric(0.85, 0);
	draw_items(&r, characters, 0.5, 0);
	struct found blind = run(&scheme_dawid_skene), gold = run(&scheme_dawid_skene_gold);
	assert_true(blind.fitted < 0.1 && blind.counted < 0.3);
	assert_true(gold.fitted > 0.9);
	assert_true(gold.weights[0] < 0.5 && gold.weights[8] > 1.5);
	assert_true(blind.weights[0] > 1.5 && blind.weights[8] < 0.5);
}

static void a_first_item_is_its_majority_made_firmer(void **state)
{
	static const uint32_t identity[] = {0, 1, 2, 3};
	static const double reports[][4] = {{0.9, 0.6, 0.7, 0.1}, {0.2, 0, 0.9, 0.4}, {0.2, 0.9, 0.5, 0.5}};
	(void)state;
	for (int k = 0; k < 3; k++) {
		struct scheme_item item = {.number = 0, .n = 4, .labelers = identity, .reports = reports[k]};
		struct scheme *s = make(&scheme_dawid_skene);
		double forecast;
		assert_int_equal(s->class->close(s, &item, &forecast), 0);
		assert_true(k == 0 ? forecast > 0.75 : k == 1 ? forecast < 0.25 : fabs(forecast - 0.5) < 1e-12);
		s->class->free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_blind_fit_is_the_models),
		cmocka_unit_test(the_fit_with_gold_is_the_models_with_sides_held),
		cmocka_unit_test(without_gold_both_are_the_same),
		cmocka_unit_test(most_sides_are_recovered_where_a_few_are_good),
		cmocka_unit_test(a_labelers_tie_is_evidence_if_it_goes_with_a_side),
		cmocka_unit_test(gold_tells_a_majority_of_liars_from_the_truth),
		cmocka_unit_test(a_first_item_is_its_majority_made_firmer),
	};
	return cmocka_run_group_tests_name("lab_dawid_skene", tests, NULL, NULL);
}
