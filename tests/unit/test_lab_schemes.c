/* The schemes that learn from outcomes or not at all, through their interface; Dawid and Skene's has its own program. */
#include "tests/lib/unit.h"

#include <glob.h>
#include <stdlib.h>

#include "client/cli/lab/contest.h"
#include "client/lab/scheme.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { LABELERS = 14, ITEMS = 160 };

static const char *const names[LABELERS] = {"L0", "L1", "L2", "L3",  "L4",  "L5",  "L6",
					    "L7", "L8", "L9", "L10", "L11", "L12", "L13"};

/* Of each row of SCHEMES; the mechanism is there once a rate. */
#define CLASS(name, class, ...) &class,
#define CLASS_NAME(name, class, ...) #class,
static const struct scheme_class *const classes[] = {SCHEMES(CLASS)};
static const char *const class_names[] = {SCHEMES(CLASS_NAME)};
enum { CLASSES = sizeof classes / sizeof *classes };

static struct scheme *make(const struct scheme_class *class, const struct candor_settings *settings)
{
	struct candor_settings usual = history_settings(CANDOR_ANYTIME);
	struct scheme_options o = {settings ? *settings : usual, LABELERS, names};
	struct scheme *s = NULL;
	require(class->make(&s, &o) == 0);
	require(s->class == class);
	return s;
}

/* An item, and what a labeler's report on it was. */
struct entry {
	struct scheme_item item;
	uint32_t identity[LABELERS];
	double reports[LABELERS], outcome;
	bool known;
};

static struct entry entries[ITEMS];

static double random_report(struct random *r, uint32_t identity, double outcome)
{
	switch (identity % 4) {
	case 0: return fabs(outcome - 0.3 * random_unit(r));
	case 1: return random_unit(r);
	case 2: return (double)random_below(r, 3) / 2;
	default: return random_chance(r, 0.7) ? outcome : 1 - outcome;
	}
}

/* Some of the labelers, in any order. */
static void draw_entry(struct random *r, struct entry *e, uint64_t number)
{
	for (uint32_t i = 0; i < LABELERS; i++)
		e->identity[i] = i;
	random_shuffle(r, e->identity, LABELERS);
	e->outcome = random_chance(r, 0.8) ? (double)random_below(r, 2) : random_unit(r);
	e->known = random_chance(r, 0.8);
	e->item = (struct scheme_item){
		.number = number, .n = 1 + random_below(r, LABELERS), .labelers = e->identity, .reports = e->reports};
	for (size_t i = 0; i < e->item.n; i++)
		e->reports[i] = random_report(r, e->identity[i], e->outcome);
}

static void draw_entries(struct random *r)
{
	for (uint64_t t = 0; t < ITEMS; t++)
		draw_entry(r, &entries[t], t);
}

static void close_item(struct scheme *s, struct entry *e, double *forecasts)
{
	require(s->class->close(s, &e->item, forecasts) == 0);
}

static void resolve(struct scheme *s, struct entry *e)
{
	require(s->class->resolve(s, &e->item, e->outcome) == 0);
}

static void end_item(struct scheme *s, struct entry *e)
{
	if (e->known)
		resolve(s, e);
	else
		s->class->forget(s, &e->item);
}

/* ---- what holds for all ---- */

static void names_of_schemes_and_of_forecasts_are_their_own(void **state)
{
	const char *seen[CLI_FORECASTS_MAX];
	size_t n = 0;
	(void)state;
	for (size_t k = 0; k < CLI_CONTESTANTS_MAX; k++) {
		const struct cli_contestant *row = &cli_contestants[k];
		assert_non_null(row->class->forecasts[0]);
		for (size_t i = 0; i < k; i++) {
			assert_string_not_equal(row->name, cli_contestants[i].name);
			if (row->class != cli_contestants[i].class)
				assert_string_not_equal(row->class->name, cli_contestants[i].class->name);
		}
		for (int f = 0; f < scheme_forecasts(row->class); f++) {
			const char *name = cli_forecast_name(row, f);
			assert_non_null(name);
			for (size_t i = 0; i < n; i++)
				assert_string_not_equal(name, seen[i]);
			seen[n++] = name;
		}
	}
}

/* Of each scheme in the sources there is a row, and so it is declared, played, tested and in the help. */
static void every_scheme_has_a_row(void **state)
{
	glob_t files;
	size_t found = 0;
	(void)state;
	assert_int_equal(glob("client/lab/*.c", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char line[256], name[64];
		FILE *f = fopen(files.gl_pathv[i], "r");
		assert_non_null(f);
		while (fgets(line, sizeof line, f)) {
			size_t k = 0;
			if (sscanf(line, "const struct scheme_class %63[a-z0-9_] =", name) != 1)
				continue;
			while (k < CLASSES && strcmp(class_names[k], name) != 0)
				k++;
			if (k == CLASSES)
				fail_msg("%s: %s has no row in SCHEMES, client/lab/scheme.h", files.gl_pathv[i], name);
			found++;
		}
		fclose(f);
	}
	assert_true(found >= 6);
	globfree(&files);
}

static void the_help_begins_each_scheme_with_its_name(void **state)
{
#define HELP(name, class, rate, median, defaults, help) {name, help},
	static const struct {
		const char *name, *help;
	} rows[] = {SCHEMES(HELP)};
#undef HELP
	(void)state;
	for (size_t k = 0; k < CLASSES; k++) {
		size_t len = strlen(rows[k].name);
		assert_memory_equal(rows[k].help, "  ", 2);
		assert_memory_equal(rows[k].help + 2, rows[k].name, len);
		assert_int_equal(rows[k].help[2 + len], ' ');
		assert_int_equal(rows[k].help[strlen(rows[k].help) - 1], '\n');
	}
}

static void everybody_begins_with_the_same_say(void **state)
{
	(void)state;
	for (size_t k = 0; k < CLASSES; k++) {
		struct scheme *s = make(classes[k], NULL);
		for (uint32_t i = 0; i < LABELERS; i++)
			assert_same_bits(s->class->standing(s, i), 1);
		s->class->free(s);
	}
}

static void forecasts_and_weights_stay_in_their_ranges(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 731);
	draw_entries(&r);
	for (size_t k = 0; k < CLASSES; k++) {
		struct scheme *s = make(classes[k], NULL);
		for (int t = 0; t < ITEMS; t++) {
			double forecasts[SCHEME_FORECASTS_MAX] = {-1, -1};
			close_item(s, &entries[t], forecasts);
			for (int f = 0; f < SCHEME_FORECASTS_MAX; f++)
				assert_true(s->class->forecasts[f] ? forecasts[f] >= 0 && forecasts[f] <= 1
								   : forecasts[f] == -1);
			end_item(s, &entries[t]);
			for (uint32_t i = 0; i < LABELERS; i++) {
				double w = s->class->standing(s, i);
				assert_true(w > 0 && isfinite(w));
			}
		}
		s->class->free(s);
	}
}

/* Whether one outcome turned into its opposite makes a difference to anything that follows. */
static bool listens(const struct scheme_class *class)
{
	struct scheme *a = make(class, NULL), *b = make(class, NULL);
	bool differs = false;
	for (int t = 0; t < ITEMS; t++) {
		double f[SCHEME_FORECASTS_MAX] = {0}, g[SCHEME_FORECASTS_MAX] = {0};
		struct entry copy = entries[t];
		copy.item.labelers = copy.identity;
		copy.item.reports = copy.reports;
		copy.outcome = t == 40 ? 1 - copy.outcome : copy.outcome;
		close_item(a, &entries[t], f);
		close_item(b, &copy, g);
		differs = differs || memcmp(f, g, sizeof f) != 0;
		assert_true(!differs || t > 40);
		end_item(a, &entries[t]);
		end_item(b, &copy);
		for (uint32_t i = 0; i < LABELERS; i++)
			differs = differs || class->standing(a, i) != class->standing(b, i);
	}
	class->free(a);
	class->free(b);
	return differs;
}

static void only_the_blind_never_look_at_an_outcome(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 732);
	draw_entries(&r);
	while (entries[40].item.n < LABELERS / 2)
		draw_entry(&r, &entries[40], 40);
	entries[40].known = true;
	entries[40].outcome = 1;
	for (size_t k = 0; k < CLASSES; k++)
		assert_true(listens(classes[k]) == (classes[k] != &scheme_plain && classes[k] != &scheme_majority &&
						    classes[k] != &scheme_dawid_skene));
}

static void an_outcome_that_never_comes_changes_nothing(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 733);
	draw_entries(&r);
	for (size_t k = 0; k < CLASSES; k++) {
		if (classes[k]->slow) /* what EM knows grows with every item */
			continue;
		struct scheme *s = make(classes[k], NULL);
		for (int t = 0; t < ITEMS; t++) {
			double forecasts[SCHEME_FORECASTS_MAX], before[LABELERS];
			for (uint32_t i = 0; i < LABELERS; i++)
				before[i] = s->class->standing(s, i);
			close_item(s, &entries[t], forecasts);
			for (uint32_t i = 0; i < LABELERS; i++)
				assert_same_bits(s->class->standing(s, i), before[i]);
			if (entries[t].known) {
				resolve(s, &entries[t]);
				continue;
			}
			s->class->forget(s, &entries[t].item);
			for (uint32_t i = 0; i < LABELERS; i++)
				assert_same_bits(s->class->standing(s, i), before[i]);
		}
		s->class->free(s);
	}
}

static void a_step_keeps_the_sum_and_is_no_settlement(void **state)
{
	struct random r;
	size_t steps = 0, with_steps = 0;
	(void)state;
	seed_random(&r, 734);
	draw_entries(&r);
	for (size_t k = 0; k < CLASSES; k++) {
		struct scheme *s = make(classes[k], NULL);
		with_steps += s->class->step != NULL;
		for (int t = 0; t < ITEMS && s->class->step; t++) {
			struct entry *e = &entries[t];
			double forecasts[SCHEME_FORECASTS_MAX], w[LABELERS], before[LABELERS], sum = 0, after = 0;
			close_item(s, e, forecasts);
			for (size_t i = 0; i < e->item.n; i++)
				sum += w[i] = before[i] = s->class->standing(s, e->identity[i]);
			s->class->step(s, e->item.n, w, e->reports, e->outcome);
			for (size_t i = 0; i < e->item.n; i++) {
				assert_true(w[i] > 0);
				assert_same_bits(s->class->standing(s, e->identity[i]), before[i]);
				after += w[i];
			}
			assert_near(after, sum, 1e-12 * sum);
			resolve(s, e);
			steps++;
		}
		s->class->free(s);
	}
	assert_true(steps == with_steps * ITEMS && scheme_candor.step && scheme_hedge.step);
}

/* ---- candor ---- */

/* Closes one item in the scheme and the same in the pool. */
static void close_in_both(struct scheme *s, struct pool *p, struct entry *e)
{
	double forecasts[SCHEME_FORECASTS_MAX];
	char name[HISTORY_NAME_SIZE];
	close_item(s, e, forecasts);
	snprintf(name, sizeof name, "%u", (unsigned)e->item.number);
	for (size_t i = 0; i < e->item.n; i++)
		assert_int_equal(history_report(p, name, names[e->identity[i]], e->reports[i]), POOL_ADDED);
	struct item *item = history_item(p, name);
	assert_int_equal(pool_close(p, item), 0);
	assert_same_bits(forecasts[0], item->frozen->aggregate.mean);
	assert_same_bits(forecasts[1], item->frozen->aggregate.median);
}

static void end_in_both(struct scheme *s, struct pool *p, struct entry *e)
{
	char name[HISTORY_NAME_SIZE];
	snprintf(name, sizeof name, "%u", (unsigned)e->item.number);
	if (e->known)
		history_resolve(p, name, e->outcome);
	pool_drop_item(p, history_item(p, name));
	end_item(s, e);
}

/* Items wait up to `waits` others for their end, and come to it in any order. */
static void play_in_both(struct random *r, const struct candor_settings *settings, size_t waits)
{
	struct scheme *s = make(&scheme_candor, settings);
	struct pool *p = history_pool(settings);
	uint32_t waiting[ITEMS];
	size_t n = 0, next = 0;
	draw_entries(r);
	while (next < ITEMS || n > 0) {
		if (next < ITEMS && n <= waits) {
			waiting[n++] = (uint32_t)next;
			close_in_both(s, p, &entries[next++]);
		} else {
			size_t k = random_below(r, n);
			end_in_both(s, p, &entries[waiting[k]]);
			waiting[k] = waiting[--n];
		}
		for (uint32_t i = 0; i < LABELERS; i++) {
			uint32_t id = pool_find_labeler(p, names[i], strlen(names[i]));
			assert_same_bits(s->class->standing(s, i),
					 id == NAMES_NONE ? 1 : pool_weight(p, id) / pool_entry(p, id));
		}
		assert_null(history_difference(scheme_pool(s), p, 0));
		assert_same_bits(pool_eta(scheme_pool(s)), pool_eta(p));
	}
	assert_true(pool_items(scheme_pool(s)) == 0);
	s->class->free(s);
	pool_free(p);
}

static void the_candor_scheme_is_a_pool_to_the_last_bit(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 735);
	for (int round = 0; round < 40; round++) {
		struct candor_settings settings = history_random_settings(&r);
		play_in_both(&r, &settings, 0);
		play_in_both(&r, &settings, random_below(&r, 40));
	}
}

static void a_candor_step_is_the_settlement_that_follows(void **state)
{
	struct random r;
	size_t same = 0;
	(void)state;
	seed_random(&r, 736);
	for (int round = 0; round < 40; round++) {
		struct candor_settings settings = history_random_settings(&r);
		/* The step is that of outcomes that are right, with all reports scored. */
		settings.wrong = 0;
		settings.scored = 0;
		struct scheme *s = make(&scheme_candor, &settings);
		draw_entries(&r);
		for (int t = 0; t < ITEMS; t++) {
			struct entry *e = &entries[t];
			double forecasts[SCHEME_FORECASTS_MAX], w[LABELERS];
			close_item(s, e, forecasts);
			unsigned epoch = pool_totals(scheme_pool(s))->epoch;
			for (size_t i = 0; i < e->item.n; i++)
				w[i] = s->class->standing(s, e->identity[i]);
			s->class->step(s, e->item.n, w, e->reports, e->outcome);
			resolve(s, e);
			if (pool_totals(scheme_pool(s))->epoch != epoch)
				continue; /* and a soft reset came with it */
			for (size_t i = 0; i < e->item.n; i++)
				assert_near(s->class->standing(s, e->identity[i]), w[i], 1e-13 * w[i]);
			same++;
		}
		s->class->free(s);
	}
	assert_true(same > 40 * ITEMS * 3 / 4);
}

static void only_the_mechanism_has_a_pool(void **state)
{
	(void)state;
	for (size_t k = 0; k < CLASSES; k++) {
		struct scheme *s = make(classes[k], NULL);
		assert_true((scheme_pool(s) != NULL) == classes[k]->mechanism);
		s->class->free(s);
	}
}

/* ---- plain ---- */

static void plain_is_the_mean_and_the_lower_median(void **state)
{
	static const struct {
		size_t n;
		double reports[5], mean, median;
	} cases[] = {
		{1, {0.3}, 0.3, 0.3},
		{2, {0.9, 0.1}, 0.5, 0.1},
		{3, {1, 0, 0.25}, 1.25 / 3, 0.25},
		{4, {0, 1, 1, 0.5}, 0.625, 0.5},
		{5, {0.2, 0.9, 0.9, 0.1, 0.8}, 0.58, 0.8},
	};
	(void)state;
	struct scheme *s = make(&scheme_plain, NULL);
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		static const uint32_t identity[] = {4, 2, 0, 1, 3};
		double forecasts[2];
		struct scheme_item item = {
			.number = k, .n = cases[k].n, .labelers = identity, .reports = cases[k].reports};
		assert_int_equal(s->class->close(s, &item, forecasts), 0);
		assert_near(forecasts[0], cases[k].mean, 1e-15);
		assert_near(forecasts[1], cases[k].median, 0);
		assert_int_equal(s->class->resolve(s, &item, 1), 0);
		for (uint32_t i = 0; i < LABELERS; i++)
			assert_same_bits(s->class->standing(s, i), 1);
	}
	s->class->free(s);
}

/* ---- hedge ---- */

/* Weights by multiplication, outcome by outcome, where the scheme keeps a sum in the exponent. */
static long double hedge_forecast(const long double *w, const struct entry *e)
{
	long double sum = 0, total = 0;
	for (size_t i = 0; i < e->item.n; i++) {
		sum += w[e->identity[i]] * e->reports[i];
		total += w[e->identity[i]];
	}
	return sum / total;
}

/* Weights times exp(-loss / 2), and then scaled so that what the reporters weigh together stays. */
static void hedge_settle(long double *w, const struct entry *e)
{
	long double before = 0, after = 0;
	for (size_t i = 0; i < e->item.n; i++) {
		long double off = (long double)e->reports[i] - e->outcome;
		before += w[e->identity[i]];
		after += w[e->identity[i]] *= expl(-off * off / 2);
	}
	for (size_t i = 0; i < e->item.n; i++)
		w[e->identity[i]] *= before / after;
}

static void hedge_is_multiplicative_weights(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 737);
	for (int round = 0; round < 40; round++) {
		struct scheme *s = make(&scheme_hedge, NULL);
		size_t delay = random_below(&r, 10);
		long double w[LABELERS];
		draw_entries(&r);
		for (int i = 0; i < LABELERS; i++)
			w[i] = 1;
		for (size_t t = 0; t < ITEMS + delay; t++) {
			double forecast;
			if (t < ITEMS) {
				close_item(s, &entries[t], &forecast);
				assert_near(forecast, (double)hedge_forecast(w, &entries[t]), 1e-11);
			}
			if (t >= delay) {
				end_item(s, &entries[t - delay]);
				if (entries[t - delay].known)
					hedge_settle(w, &entries[t - delay]);
			}
			for (uint32_t i = 0; i < LABELERS; i++)
				assert_near(s->class->standing(s, i) / (double)w[i], 1, 1e-10);
		}
		s->class->free(s);
	}
}

static void a_hedge_step_is_the_settlement_that_follows(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 738);
	struct scheme *s = make(&scheme_hedge, NULL);
	draw_entries(&r);
	for (int t = 0; t < ITEMS; t++) {
		struct entry *e = &entries[t];
		double forecast, w[LABELERS];
		close_item(s, e, &forecast);
		for (size_t i = 0; i < e->item.n; i++)
			w[i] = s->class->standing(s, e->identity[i]);
		s->class->step(s, e->item.n, w, e->reports, e->outcome);
		resolve(s, e);
		for (size_t i = 0; i < e->item.n; i++)
			assert_near(s->class->standing(s, e->identity[i]) / w[i], 1, 1e-11);
	}
	s->class->free(s);
}

/* Everybody answers everything: then the theorem holds for every sequence, adversarial ones too. */
static void the_regret_of_hedge_is_at_most_twice_the_logarithm_of_labelers(void **state)
{
	struct random r;
	double most = 0;
	(void)state;
	seed_random(&r, 739);
	for (int round = 0; round < 60; round++) {
		struct scheme *s = make(&scheme_hedge, NULL);
		double own[LABELERS] = {0}, loss = 0, best = INFINITY;
		for (uint64_t t = 0; t < 1000; t++) {
			struct entry *e = &entries[0];
			double forecast;
			draw_entry(&r, e, t);
			e->item.n = LABELERS;
			/* Coins; one who is always right among others who never are; and all kinds. */
			for (size_t i = 0; i < LABELERS; i++)
				e->reports[i] = round % 3 == 0   ? (double)random_below(&r, 2)
						: round % 3 == 1 ? fabs((e->identity[i] > 0) - e->outcome)
								 : random_report(&r, e->identity[i], e->outcome);
			close_item(s, e, &forecast);
			/* The adversary takes the side that the forecast is further from. */
			if (round % 3 == 0)
				e->outcome = forecast < 0.5;
			loss += (forecast - e->outcome) * (forecast - e->outcome);
			for (size_t i = 0; i < LABELERS; i++)
				own[e->identity[i]] += (e->reports[i] - e->outcome) * (e->reports[i] - e->outcome);
			resolve(s, e);
		}
		for (int i = 0; i < LABELERS; i++)
			best = fmin(best, own[i]);
		assert_at_most(loss - best, 2 * log(LABELERS) + 1e-9);
		most = fmax(most, loss - best);
		s->class->free(s);
	}
	assert_true(most > 1);
}

static void the_worst_labeler_of_a_hedge_keeps_a_weight_that_a_double_can_hold(void **state)
{
	static const uint32_t identity[] = {0, 1};
	static const double reports[] = {1, 0};
	struct scheme *s = make(&scheme_hedge, NULL);
	double forecast;
	(void)state;
	for (uint64_t t = 0; t < 3000; t++) {
		struct scheme_item item = {.number = t, .n = 2, .labelers = identity, .reports = reports};
		assert_int_equal(s->class->close(s, &item, &forecast), 0);
		assert_int_equal(s->class->resolve(s, &item, 1), 0);
		assert_true(s->class->standing(s, 1) > 1e-140 && s->class->standing(s, 0) < 1e140);
	}
	assert_near(forecast, 1, 1e-15);
	assert_true(s->class->standing(s, 1) < 1e-120);
	s->class->free(s);
}

/* ---- leader ---- */

static double mean_loss_so_far(uint32_t identity, size_t items)
{
	double sum = 0.25, n = 1;
	for (size_t t = 0; t < items; t++) {
		for (size_t i = 0; i < entries[t].item.n && entries[t].known; i++) {
			if (entries[t].identity[i] == identity) {
				double off = entries[t].reports[i] - entries[t].outcome;
				sum += off * off;
				n++;
			}
		}
	}
	return sum / n;
}

static void leader_says_what_the_best_so_far_says(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 740);
	for (int round = 0; round < 20; round++) {
		struct scheme *s = make(&scheme_leader, NULL);
		size_t ties = 0;
		draw_entries(&r);
		for (size_t t = 0; t < ITEMS; t++) {
			const struct entry *e = &entries[t];
			double best = INFINITY, sum = 0, n = 0, forecast;
			for (size_t i = 0; i < e->item.n; i++)
				best = fmin(best, mean_loss_so_far(e->identity[i], t));
			for (size_t i = 0; i < e->item.n; i++) {
				if (mean_loss_so_far(e->identity[i], t) == best) {
					sum += e->reports[i];
					n++;
				}
			}
			ties += n > 1;
			close_item(s, &entries[t], &forecast);
			assert_near(forecast, sum / n, 1e-15);
			end_item(s, &entries[t]);
			for (uint32_t i = 0; i < LABELERS; i++)
				assert_near(s->class->standing(s, i) * mean_loss_so_far(i, t + 1), 0.25, 1e-13);
		}
		assert_true(ties < ITEMS / 2); /* at first nobody has a record */
		s->class->free(s);
	}
}

static void unknown_and_undecided_labelers_tie(void **state)
{
	static const uint32_t first[] = {0, 1}, both[] = {0, 2, 1};
	static const double undecided[] = {0.5, 0}, reports[] = {0.9, 0.2, 0.7};
	struct scheme_item one = {.number = 0, .n = 2, .labelers = first, .reports = undecided};
	struct scheme_item two = {.number = 1, .n = 3, .labelers = both, .reports = reports};
	struct scheme *s = make(&scheme_leader, NULL);
	double forecast;
	(void)state;
	assert_int_equal(s->class->close(s, &one, &forecast), 0);
	assert_near(forecast, 0.25, 0);
	assert_int_equal(s->class->resolve(s, &one, 1), 0);
	assert_int_equal(s->class->close(s, &two, &forecast), 0);
	assert_near(forecast, 0.55, 1e-15);
	s->class->free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_schemes_and_of_forecasts_are_their_own),
		cmocka_unit_test(every_scheme_has_a_row),
		cmocka_unit_test(the_help_begins_each_scheme_with_its_name),
		cmocka_unit_test(everybody_begins_with_the_same_say),
		cmocka_unit_test(forecasts_and_weights_stay_in_their_ranges),
		cmocka_unit_test(only_the_blind_never_look_at_an_outcome),
		cmocka_unit_test(an_outcome_that_never_comes_changes_nothing),
		cmocka_unit_test(a_step_keeps_the_sum_and_is_no_settlement),
		cmocka_unit_test(the_candor_scheme_is_a_pool_to_the_last_bit),
		cmocka_unit_test(a_candor_step_is_the_settlement_that_follows),
		cmocka_unit_test(only_the_mechanism_has_a_pool),
		cmocka_unit_test(plain_is_the_mean_and_the_lower_median),
		cmocka_unit_test(hedge_is_multiplicative_weights),
		cmocka_unit_test(a_hedge_step_is_the_settlement_that_follows),
		cmocka_unit_test(the_regret_of_hedge_is_at_most_twice_the_logarithm_of_labelers),
		cmocka_unit_test(the_worst_labeler_of_a_hedge_keeps_a_weight_that_a_double_can_hold),
		cmocka_unit_test(leader_says_what_the_best_so_far_says),
		cmocka_unit_test(unknown_and_undecided_labelers_tie),
	};
	return cmocka_run_group_tests_name("lab_schemes", tests, NULL, NULL);
}
