#include "tests/lib/trace.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pool/pool.h"
#include "lib/base/text.h"

/* A block names each of its items in a word. */
enum { WORDS_MAX = 1 << 14, VALUES_MAX = WORDS_MAX, KEY_MAX = 32 };

static const double RELATIVE = 1e-9, FLOOR = 1e-12, WEIGHT_FLOOR = 1e-15;

/* What an event came to, for the expectations behind it. */
struct value {
	char key[KEY_MAX];
	double got, floor;
};

struct replay {
	const char *name;
	FILE *messages;
	FILE *values_to; /* NULL: nobody wants them */
	struct trace_counts *counts;
	size_t line;
	struct pool *pool; /* NULL before the first `pool` line */

	/* Of the line at hand. */
	char *words[WORDS_MAX];
	size_t n_words;
	size_t arrow; /* which word is `->`; n_words where there is none */
	struct value values[VALUES_MAX];
	size_t n_values;
};

static void say(const struct replay *r, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(const struct replay *r, const char *format, ...)
{
	va_list args;
	fprintf(r->messages, "%s:%zu: ", r->name, r->line);
	va_start(args, format);
	vfprintf(r->messages, format, args);
	va_end(args);
	fputc('\n', r->messages);
}

static bool malformed(struct replay *r, const char *word, const char *what)
{
	say(r, "malformed: '%s' %s", word, what);
	r->counts->malformed++;
	return false;
}

static bool refused(struct replay *r, const char *why)
{
	say(r, "%s %s: refused: %s", r->words[0], r->words[1], why);
	r->counts->failed++;
	return false;
}

static bool parse_number(struct replay *r, const char *text, double *out)
{
	char *end;
	*out = strtod(text, &end);
	return (end != text && *end == '\0' && isfinite(*out)) || malformed(r, text, "is not a number");
}

static bool parse_probability(struct replay *r, const char *text, double *out)
{
	return parse_number(r, text, out) && ((*out >= 0 && *out <= 1) || malformed(r, text, "is not from 0 to 1"));
}

static bool is_name(struct replay *r, const char *word)
{
	const char *fault = name_fault(word, strlen(word));
	return !fault || malformed(r, word, fault);
}

/* Cuts "key=number" in place. */
static bool parse_pair(struct replay *r, char *word, const char **key, double *value)
{
	char *equals = strchr(word, '=');
	if (!equals || equals == word)
		return malformed(r, word, "is not KEY=NUMBER");
	*equals = '\0';
	*key = word;
	return parse_number(r, equals + 1, value);
}

static void value(struct replay *r, const char *key, double got, double floor)
{
	require(r->n_values < VALUES_MAX);
	struct value *v = &r->values[r->n_values++];
	*v = (struct value){.got = got, .floor = floor};
	snprintf(v->key, sizeof v->key, "%s", key);
}

static void numbered(struct replay *r, const char *key, size_t number, double got, double floor)
{
	value(r, "", got, floor);
	struct value *v = &r->values[r->n_values - 1];
	snprintf(v->key, sizeof v->key, "%s%zu", key, number);
}

/* ---- events: false where the line is malformed or the pool refused it ---- */

static bool set_rate(struct replay *r, struct candor_settings *s, const char *text)
{
	if (strcmp(text, "anytime") == 0)
		s->rate = CANDOR_ANYTIME;
	else if (strcmp(text, "horizon") == 0)
		s->rate = CANDOR_HORIZON;
	else if (strcmp(text, "fixed") == 0)
		s->rate = CANDOR_FIXED;
	else
		return malformed(r, text, "is not a rate: anytime, horizon or fixed");
	return true;
}

static bool set_signs(struct replay *r, struct candor_settings *s, const char *text)
{
	if (strcmp(text, "positive") == 0)
		s->signs = CANDOR_POSITIVE;
	else if (strcmp(text, "free") == 0)
		s->signs = CANDOR_FREE;
	else
		return malformed(r, text, "is not one of positive and free");
	return true;
}

static bool set_number(struct replay *r, struct candor_settings *s, char *word)
{
	double scored = s->scored;
	const struct {
		const char *key;
		double *field;
	} fields[] = {
		{"c", &s->c},         {"beta", &s->beta},   {"eta", &s->eta},     {"horizon", &s->horizon},
		{"share", &s->share}, {"entry", &s->entry}, {"wrong", &s->wrong}, {"scored", &scored},
	};
	const char *key;
	double number;
	if (!parse_pair(r, word, &key, &number))
		return false;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (strcmp(key, fields[i].key) != 0)
			continue;
		*fields[i].field = number;
		if (!(scored >= 0 && scored <= UINT32_MAX && scored == floor(scored)))
			return malformed(r, word, "is not a whole number");
		s->scored = (uint32_t)scored;
		return true;
	}
	return malformed(r, key, "is not a setting of a pool");
}

/* The settings of the line, into *s. */
static bool set_all(struct replay *r, struct candor_settings *s)
{
	for (size_t i = 1; i < r->arrow; i++) {
		char *word = r->words[i];
		bool good = strncmp(word, "rate=", 5) == 0    ? set_rate(r, s, word + 5)
			    : strncmp(word, "signs=", 6) == 0 ? set_signs(r, s, word + 6)
							      : set_number(r, s, word);
		if (!good)
			return false;
	}
	mechanism_defaults(s);
	const char *fault = mechanism_settings_fault(s);
	return !fault || malformed(r, r->words[0], fault);
}

static bool start_pool(struct replay *r)
{
	static const uint8_t key[NAMES_KEY_BYTES] = {1};
	struct candor_settings s = {0};

	/* Whatever comes of this line, later events are not the old pool's. */
	pool_free(r->pool);
	r->pool = NULL;
	if (!set_all(r, &s))
		return false;
	int err = pool_new(&r->pool, &s, key);
	return err == 0 || malformed(r, r->words[0], candor_strerror(err));
}

/* A new rate begins with the defaults of what belongs to it. */
static bool change_settings(struct replay *r)
{
	struct candor_settings s = *pool_settings(r->pool);
	for (size_t i = 1; i < r->arrow; i++)
		if (strncmp(r->words[i], "rate=", 5) == 0)
			s.c = s.beta = s.eta = s.horizon = 0;
	if (!set_all(r, &s))
		return false;
	int err = pool_update(r->pool, &s);
	return err == 0 || refused(r, candor_strerror(err));
}

static bool report(struct replay *r)
{
	const char *name = r->words[1], *labeler = r->words[2];
	struct pool_reported reported;
	double p;
	if (!is_name(r, name) || !is_name(r, labeler) || !parse_probability(r, r->words[3], &p))
		return false;
	struct item *item = pool_find_item(r->pool, name, strlen(name));
	int err = item ? 0 : pool_add_item(r->pool, name, strlen(name), &item);
	if (err == 0)
		err = pool_report(r->pool, item, labeler, strlen(labeler), p, 0, &reported);
	return err >= 0 || refused(r, candor_strerror(err));
}

static struct item *item_of(struct replay *r, const char *name)
{
	struct item *item = pool_find_item(r->pool, name, strlen(name));
	if (!item)
		refused(r, "nothing was reported on such an item");
	return item;
}

static struct item *item_at(struct replay *r)
{
	return item_of(r, r->words[1]);
}

static void aggregates(struct replay *r, const struct aggregate *a)
{
	value(r, "mean", a->mean, FLOOR);
	value(r, "median", a->median, FLOOR);
	value(r, "plain_mean", a->plain_mean, FLOOR);
	value(r, "plain_median", a->plain_median, FLOOR);
	value(r, "spread", a->spread, FLOOR);
	value(r, "ess", a->ess, FLOOR);
	value(r, "n", (double)a->n, 0);
	value(r, "regression", a->regression, FLOOR);
	value(r, "evidence", a->evidence, FLOOR);
	value(r, "evidence_full", a->evidence_full, FLOOR);
	value(r, "forecast", a->forecast, FLOOR);
}

static bool close_item(struct replay *r)
{
	struct item *item = item_at(r);
	if (!item)
		return false;
	int err = item->frozen ? 0 : pool_close(r->pool, item);
	if (err)
		return refused(r, candor_strerror(err));
	aggregates(r, &item->frozen->aggregate);
	return true;
}

static bool item_now(struct replay *r)
{
	struct aggregate a;
	struct item *item = item_at(r);
	if (!item)
		return false;
	if (item->state != CANDOR_OPEN && item->state != CANDOR_CLOSED)
		return refused(r, "it is neither open nor closed");
	int err = pool_item_now(r->pool, item, &a, NULL);
	if (err)
		return refused(r, candor_strerror(err));
	aggregates(r, &a);
	return true;
}

static bool label_item(struct replay *r)
{
	double label;
	struct item *item = item_at(r);
	if (!item)
		return false;
	int err = pool_item_label(r->pool, item, &label);
	if (err)
		return refused(r, candor_strerror(err));
	value(r, "label", label, FLOOR);
	return true;
}

static bool resolve_item(struct replay *r)
{
	double y;
	if (!parse_probability(r, r->words[2], &y))
		return false;
	struct item *item = item_at(r);
	struct pool_settled settled;
	if (!item)
		return false;
	int err = pool_resolve(r->pool, item, y, &settled);
	if (err)
		return refused(r, candor_strerror(err));
	value(r, "eta", settled.eta, FLOOR);
	value(r, "lbar", settled.weighted_loss, FLOOR);
	return true;
}

/* How many of the block's items any one labeler is scored on. */
static uint32_t most_scored(struct item *const *items, const struct pool_settled *done, size_t n)
{
	uint32_t most = 0;
	for (size_t t = 0; t < n; t++) {
		for (size_t i = 0; i < done[t].n; i++) {
			uint32_t count = 0;
			for (size_t s = 0; s < n; s++)
				for (size_t k = 0; k < done[s].n; k++)
					count += item_labelers(items[s])[k] == item_labelers(items[t])[i];
			most = count > most ? count : most;
		}
	}
	return most;
}

static bool resolve_block(struct replay *r, struct item **items, double *y, struct pool_settled *done, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *word = r->words[1 + i], *equals = strrchr(word, '=');
		if (!equals || equals == word)
			return malformed(r, word, "is not ITEM=Y");
		*equals = '\0';
		if (!parse_probability(r, equals + 1, &y[i]) || !(items[i] = item_of(r, word)))
			return false;
	}
	int err = pool_resolve_together(r->pool, items, y, n, done);
	if (err)
		return refused(r, candor_strerror(err));
	value(r, "eta", done[0].eta, FLOOR);
	value(r, "m", most_scored(items, done, n), 0);
	for (size_t i = 0; i < n; i++)
		numbered(r, "lbar", i, done[i].weighted_loss, FLOOR);
	return true;
}

static bool resolve_together(struct replay *r)
{
	size_t n = r->arrow - 1;
	if (n == 0)
		return malformed(r, r->words[0], "names no item");
	struct item **items = calloc(n, sizeof(struct item *));
	double *y = calloc(n, sizeof *y);
	struct pool_settled *done = calloc(n, sizeof *done);
	bool good = items && y && done && resolve_block(r, items, y, done, n);
	free(items);
	free(y);
	free(done);
	return good;
}

static bool recheck_item(struct replay *r)
{
	double y;
	struct item *item = parse_probability(r, r->words[2], &y) ? item_at(r) : NULL;
	int err = item ? pool_recheck(r->pool, item, y) : 0;
	return item && (err >= 0 || refused(r, candor_strerror(err)));
}

static bool count_rechecks(struct replay *r)
{
	const struct recheck_estimate e = pool_rechecks(r->pool);
	value(r, "n", (double)e.n, 0);
	value(r, "disagree", (double)e.disagree, 0);
	value(r, "wrong", e.wrong, FLOOR);
	value(r, "low", e.low, FLOOR);
	value(r, "high", e.high, FLOOR);
	return true;
}

static bool void_item(struct replay *r)
{
	struct item *item = item_at(r);
	int err = item ? pool_void(r->pool, item) : 0;
	return item && (err == 0 || refused(r, candor_strerror(err)));
}

static bool weigh_labeler(struct replay *r)
{
	uint32_t id = pool_find_labeler(r->pool, r->words[1], strlen(r->words[1]));
	if (id == NAMES_NONE)
		return refused(r, "no such labeler has reported");
	const struct labeler *l = pool_labeler(r->pool, id);
	value(r, "w", pool_weight(r->pool, id), WEIGHT_FLOOR * pool_entry(r->pool, id));
	value(r, "regret", pool_regret(r->pool, id), FLOOR * fmax(1, l->mean_loss + l->own_loss));
	value(r, "scored", l->scored, 0);
	value(r, "gain", l->gain, FLOOR * fmax(1, l->scored));
	value(r, "bound", pool_bound(r->pool, id), FLOOR);
	return true;
}

static void counts(struct replay *r, const struct outcome_counts *c)
{
	value(r, "n1", c->n1, FLOOR);
	value(r, "n0", c->n0, FLOOR);
	value(r, "a", c->a, FLOOR);
	value(r, "b", c->b, FLOOR);
}

static bool track_labeler(struct replay *r)
{
	uint32_t id = pool_find_labeler(r->pool, r->words[1], strlen(r->words[1]));
	if (id == NAMES_NONE)
		return refused(r, "no such labeler has reported");
	const struct track *t = &pool_labeler(r->pool, id)->track;
	value(r, "m", t->m, FLOOR);
	value(r, "v", t->v, FLOOR);
	counts(r, &t->counts);
	return true;
}

static bool track_pool(struct replay *r)
{
#define BLEND_KEY(NAME, name, prior) "blend_" #name,
	static const char *const keys[] = {CANDIDATES(BLEND_KEY)};
	const struct pool_track *t = &pool_totals(r->pool)->track;
	value(r, "C", t->c, FLOOR);
	value(r, "U", t->u, FLOOR);
	value(r, "Y", t->y, FLOOR);
	counts(r, &t->counts);
	for (size_t k = 0; k < N_CANDIDATES; k++)
		value(r, keys[k], t->blend[k], FLOOR);
	return true;
}

static bool tell_state(struct replay *r)
{
	const struct pool_totals *t = pool_totals(r->pool);
	value(r, "round", (double)t->round, 0);
	value(r, "settled", (double)t->scored, 0);
	value(r, "epoch", t->epoch, 0);
	value(r, "labelers", pool_labelers(r->pool), 0);
	return true;
}

static bool sum_losses(struct replay *r)
{
	const struct pool_totals *t = pool_totals(r->pool);
	value(r, "mean", t->mean_loss, FLOOR);
	value(r, "median", t->median_loss, FLOOR);
	value(r, "plain_mean", t->plain_mean_loss, FLOOR);
	value(r, "plain_median", t->plain_median_loss, FLOOR);
	value(r, "forecast", t->forecast_loss, FLOOR);
	return true;
}

static const struct event {
	const char *verb;
	size_t args;
	bool more; /* any number of words after them */
	bool (*run)(struct replay *r);
} events[] = {
	{"pool", 0, true, start_pool},
	{"settings", 0, true, change_settings},
	{"report", 3, false, report},
	{"close", 1, false, close_item},
	{"now", 1, false, item_now},
	{"label", 1, false, label_item},
	{"resolve", 2, false, resolve_item},
	{"together", 0, true, resolve_together},
	{"void", 1, false, void_item},
	{"recheck", 2, false, recheck_item},
	{"rechecks", 0, false, count_rechecks},
	{"weight", 1, false, weigh_labeler},
	{"track", 1, false, track_labeler},
	{"pool-track", 0, false, track_pool},
	{"pool-loss", 0, false, sum_losses},
	{"pool-state", 0, false, tell_state},
};

/* ---- lines ---- */

static void expect(struct replay *r, char *word)
{
	const char *key;
	double want;
	if (!parse_pair(r, word, &key, &want))
		return;
	for (size_t i = 0; i < r->n_values; i++) {
		const struct value *v = &r->values[i];
		if (strcmp(v->key, key) != 0)
			continue;
		r->counts->expectations++;
		if (fabs(v->got - want) <= fmax(RELATIVE * fabs(want), v->floor))
			return;
		say(r, "%s%s%s: %s: got %.15g, want %.15g", r->words[0], r->arrow > 1 ? " " : "",
		    r->arrow > 1 ? r->words[1] : "", key, v->got, want);
		r->counts->failed++;
		return;
	}
	r->counts->unknown++;
}

/* Cuts the line into words, up to a comment. A name may begin with '#' too, so a comment begins only where no argument
 * is due any more. */
static const struct event *split(struct replay *r, char *line)
{
	const struct event *event = NULL;
	char *rest = line;
	r->n_words = r->n_values = 0;
	for (char *word; (word = strtok_r(rest, " \t\r\n\v\f", &rest));) {
		if (word[0] == '#' && (!event || r->n_words > event->args))
			break;
		if (r->n_words == WORDS_MAX) {
			malformed(r, word, "is one word too many");
			return NULL;
		}
		r->words[r->n_words++] = word;
		for (size_t i = 0; !event && i < sizeof events / sizeof *events; i++)
			if (strcmp(events[i].verb, word) == 0)
				event = &events[i];
		if (!event) {
			malformed(r, word, "is not an event");
			return NULL;
		}
	}
	return event;
}

static void run_line(struct replay *r, char *line)
{
	const struct event *event = split(r, line);
	if (!event)
		return;
	for (r->arrow = 1; r->arrow < r->n_words && strcmp(r->words[r->arrow], "->") != 0;)
		r->arrow++;
	if (event->more ? r->arrow < 1 + event->args : r->arrow != 1 + event->args) {
		malformed(r, r->words[0], "has the wrong number of arguments");
		return;
	}
	if (!r->pool && event->run != start_pool) {
		malformed(r, r->words[0], "stands before any pool");
		return;
	}
	if (!event->run(r))
		return;
	for (size_t i = 0; i < r->n_values && r->values_to; i++)
		fprintf(r->values_to, "%zu %s %a\n", r->line, r->values[i].key, r->values[i].got);
	for (size_t i = r->arrow + 1; i < r->n_words; i++)
		expect(r, r->words[i]);
}

int trace_check(FILE *in, const char *name, FILE *messages, FILE *values, struct trace_counts *out)
{
	struct replay r = {.name = name, .messages = messages, .values_to = values, .counts = out};
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	*out = (struct trace_counts){0};
	errno = 0;
	while ((len = getline(&line, &cap, in)) >= 0) {
		r.line++;
		if (strlen(line) != (size_t)len)
			malformed(&r, line, "ends in a NUL byte");
		else
			run_line(&r, line);
	}
	int err = feof(in) ? 0 : errno ? -errno : -EIO;
	/* Also one that expects only what its events do not have. */
	if (err == 0 && out->expectations + out->failed + out->malformed == 0) {
		fprintf(messages, "%s: it expects nothing, so it could not fail\n", name);
		out->failed++;
	}
	free(line);
	pool_free(r.pool);
	return err;
}
