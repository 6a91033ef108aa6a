#include "tests/lib/witness.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/pool/mechanism.h"

enum { QUERY_ITEMS = 500, SAID_MAX = 8, NOT_OURS = 255 /* a state that no item has */ };

/* ---- names ---- */

void witness_pool_name(unsigned number, uint32_t pool, char out[24])
{
	if (pool < WITNESS_SHARED_POOLS)
		snprintf(out, 24, "shared-%u", (unsigned)pool);
	else
		snprintf(out, 24, "own-%u-%u", number, (unsigned)pool);
}

static void item_name(const struct witness *w, uint32_t item, char out[24])
{
	snprintf(out, 24, "i%u-%u", w->number, (unsigned)item);
}

/* The labelers of an item follow from its number. They are others than those of the item before, and more and more. */
static uint32_t labeler_of(uint32_t item, unsigned identity)
{
	uint32_t range = 20 + item / 40;
	if (range > WITNESS_LABELERS_MAX)
		range = WITNESS_LABELERS_MAX;
	return (item % range * 7919 + identity) % range;
}

static void labeler_name(uint32_t item, unsigned identity, char out[16])
{
	snprintf(out, 16, "l%u", (unsigned)labeler_of(item, identity));
}

/* ---- life ---- */

void witness_init(struct witness *w, unsigned number, uint64_t seed)
{
	*w = (struct witness){.number = number, .n_pools = WITNESS_SHARED_POOLS};
	random_init(&w->random, seed, number + 1);
	for (uint32_t i = 0; i < WITNESS_POOLS_MAX; i++) {
		mechanism_defaults(&w->pools[i].settings);
		w->pools[i].exists = i < WITNESS_SHARED_POOLS;
		require((w->pools[i].joined = calloc(WITNESS_LABELERS_MAX, 1)));
	}
}

static void free_requests(struct witness_request *requests, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(requests[i].rows);
	free(requests);
}

void witness_free(struct witness *w)
{
	free_requests(w->requests, w->n_requests);
	free_requests(w->again, w->n_again);
	for (uint32_t i = 0; i < WITNESS_POOLS_MAX; i++)
		free(w->pools[i].joined);
	free(w->items);
	*w = (struct witness){0};
}

/* ---- what to ask ---- */

static uint32_t new_item(struct witness *w, uint32_t pool)
{
	struct witness_pool *p = &w->pools[pool];
	if (w->n_items == w->items_cap) {
		w->items_cap = w->items_cap ? 2 * w->items_cap : 1024;
		require((w->items = realloc(w->items, w->items_cap * sizeof *w->items)));
	}
	uint32_t id = (uint32_t)w->n_items++;
	struct witness_item *item = &w->items[id];
	item->pool = (uint8_t)pool;
	item->state = CANDOR_STATE_UNSPECIFIED;
	item->n = 0;
	item->outcome = 0;
	for (int i = 0; i < WITNESS_REPORTS_MAX; i++)
		item->values[i] = NAN;
	p->recent[p->n_recent < WITNESS_RECENT ? p->n_recent++ : random_below(&w->random, WITNESS_RECENT)] = id;
	return id;
}

static uint32_t some_item(struct witness *w, uint32_t pool, double chance_of_new)
{
	struct witness_pool *p = &w->pools[pool];
	if (p->n_recent == 0 || random_chance(&w->random, chance_of_new))
		return new_item(w, pool);
	return p->recent[random_below(&w->random, p->n_recent)];
}

/* Plain choices, which say again what stands, and numbers of full precision, which no other request has said. */
static double some_value(struct witness *w)
{
	return random_chance(&w->random, 0.3) ? (double)random_below(&w->random, 3) / 2 : random_unit(&w->random);
}

static size_t some_rows(struct witness *w, enum candor_request_type type)
{
	if (type != CANDOR_REQ_POST_REPORTS)
		return 1 + random_below(&w->random, 4);
	return random_chance(&w->random, 0.5) ? 1 + random_below(&w->random, 4)
					      : 1 + random_below(&w->random, WITNESS_ROWS_MAX);
}

static enum candor_request_type some_type(struct witness *w)
{
	static const struct {
		unsigned below;
		enum candor_request_type type;
	} types[] = {
		{700, CANDOR_REQ_POST_REPORTS}, {780, CANDOR_REQ_CLOSE_ITEMS}, {880, CANDOR_REQ_RESOLVE_ITEMS},
		{920, CANDOR_REQ_VOID_ITEMS},   {980, CANDOR_REQ_QUERY_ITEMS}, {992, CANDOR_REQ_UPDATE_POOL},
		{1000, CANDOR_REQ_CREATE_POOL},
	};
	size_t i = 0;
	for (uint64_t at = random_below(&w->random, 1000); at >= types[i].below;)
		i++;
	return types[i].type;
}

/* Settings of a pool are one witness's to change. */
static uint32_t own_pool(struct witness *w)
{
	uint64_t own = w->n_pools - WITNESS_SHARED_POOLS;
	if (w->number < WITNESS_SHARED_POOLS && random_below(&w->random, own + 1) == 0)
		return w->number;
	return own > 0 ? WITNESS_SHARED_POOLS + (uint32_t)random_below(&w->random, own) : WITNESS_POOLS_MAX;
}

static void invent(struct witness *w, struct witness_request *r)
{
	*r = (struct witness_request){.type = some_type(w), .pool = (uint32_t)random_below(&w->random, w->n_pools)};
	if (r->type == CANDOR_REQ_UPDATE_POOL && (r->pool = own_pool(w)) == WITNESS_POOLS_MAX)
		r->type = CANDOR_REQ_CREATE_POOL;
	if (r->type == CANDOR_REQ_CREATE_POOL) {
		r->pool = w->n_pools;
		if (w->n_pools == WITNESS_POOLS_MAX || random_chance(&w->random, 0.5))
			r->pool = (uint32_t)random_below(&w->random, w->n_pools); /* there already, mostly */
		else
			w->n_pools++;
	}
	if (r->type == CANDOR_REQ_CREATE_POOL || r->type == CANDOR_REQ_UPDATE_POOL) {
		r->settings.c = random_between(&w->random, 0.5, 2);
		if (random_chance(&w->random, 0.5))
			r->settings.entry = random_between(&w->random, 0.5, 2);
		return;
	}
	r->n = some_rows(w, r->type);
	require((r->rows = calloc(r->n, sizeof *r->rows)));
	for (size_t i = 0; i < r->n; i++) {
		r->rows[i].item = some_item(w, r->pool, r->type == CANDOR_REQ_POST_REPORTS ? 0.08 : 0.01);
		r->rows[i].identity = (uint8_t)random_below(&w->random, WITNESS_REPORTS_MAX);
		r->rows[i].value = some_value(w);
	}
}

static void write_request(struct witness *w, const struct witness_request *r, struct candor_request *out)
{
	*out = (struct candor_request){
		.type = r->type,
		.pool = w->asked.pool,
		.settings = r->settings,
		.n = r->n,
		.with_reports = true,
		.reports = w->asked.reports,
		.outcomes = w->asked.outcomes,
		.items = w->asked.items,
	};
	witness_pool_name(w->number, r->pool, w->asked.pool);
	for (size_t i = 0; i < r->n; i++) {
		const struct witness_row *row = &r->rows[i];
		const char *item = w->asked.names[i];
		item_name(w, row->item, w->asked.names[i]);
		labeler_name(row->item, row->identity, w->asked.labelers[i]);
		w->asked.items[i] = item;
		w->asked.reports[i] = (struct candor_report){item, w->asked.labelers[i], row->value};
		w->asked.outcomes[i] = (struct candor_outcome){item, row->value};
	}
}

bool witness_has_repeated(const struct witness *w)
{
	return w->next_again == w->n_again;
}

size_t witness_ask(struct witness *w, struct candor_request *out)
{
	if (w->n_requests == w->requests_cap) {
		w->requests_cap = w->requests_cap ? 2 * w->requests_cap : 256;
		require((w->requests = realloc(w->requests, w->requests_cap * sizeof *w->requests)));
	}
	struct witness_request *r = &w->requests[w->n_requests];
	if (witness_has_repeated(w)) {
		invent(w, r);
	} else {
		*r = w->again[w->next_again];
		w->again[w->next_again++].rows = NULL; /* it is the new one's */
		r->answer = (struct witness_answer){0};
	}
	write_request(w, r, out);
	w->requests_sent++;
	return w->n_requests++;
}

void witness_hear(struct witness *w, size_t index, int status, const struct candor_response *r)
{
	/* A daemon that ends says so in answer to everything; what it did before is not known then. */
	if (status || r->code == CANDOR_UNAVAILABLE)
		return;
	w->requests[index].answer = (struct witness_answer){true, r->code, r->batch, r->n_rejected};
	if (w->requests[index].type == CANDOR_REQ_QUERY_ITEMS)
		w->requests[index].answer.n_rejected = 0; /* names of items that are not there yet */
	w->requests_acknowledged++;
}

/* ---- what a request does ---- */

enum outcome { ACCEPTED, DUPLICATE, REVISED, REJECTED };

static enum outcome apply_report(struct witness_item *item, const struct witness_row *row)
{
	double *value = &item->values[row->identity];
	if (*value == row->value)
		return DUPLICATE;
	if (item->state != CANDOR_STATE_UNSPECIFIED && item->state != CANDOR_OPEN)
		return REJECTED;
	enum outcome outcome = isnan(*value) ? ACCEPTED : REVISED;
	if (outcome == ACCEPTED)
		item->n++;
	*value = row->value;
	item->state = CANDOR_OPEN;
	return outcome;
}

static enum outcome apply_close(struct witness_item *item)
{
	if (item->state == CANDOR_STATE_UNSPECIFIED || item->state == CANDOR_VOID)
		return REJECTED;
	if (item->state != CANDOR_OPEN)
		return DUPLICATE;
	item->state = CANDOR_CLOSED;
	return ACCEPTED;
}

static enum outcome apply_outcome(struct witness_item *item, double outcome)
{
	if (item->state == CANDOR_RESOLVED)
		return item->outcome == outcome ? DUPLICATE : REJECTED;
	if (item->state == CANDOR_STATE_UNSPECIFIED || item->state == CANDOR_VOID)
		return REJECTED;
	item->state = CANDOR_RESOLVED;
	item->outcome = outcome;
	return ACCEPTED;
}

static enum outcome apply_void(struct witness_item *item)
{
	if (item->state == CANDOR_VOID)
		return DUPLICATE;
	if (item->state == CANDOR_STATE_UNSPECIFIED || item->state == CANDOR_RESOLVED)
		return REJECTED;
	item->state = CANDOR_VOID;
	return ACCEPTED;
}

static enum outcome apply_row(struct witness *w, enum candor_request_type type, const struct witness_row *row)
{
	struct witness_item *item = &w->items[row->item];
	enum outcome outcome;
	switch (type) {
	case CANDOR_REQ_POST_REPORTS:
		outcome = apply_report(item, row);
		w->reports += outcome == ACCEPTED || outcome == REVISED;
		return outcome;
	case CANDOR_REQ_CLOSE_ITEMS: return apply_close(item);
	case CANDOR_REQ_RESOLVE_ITEMS:
		outcome = apply_outcome(item, row->value);
		w->settlements += outcome == ACCEPTED;
		return outcome;
	default: return apply_void(item);
	}
}

static void apply_settings(struct witness_pool *p, const struct candor_settings *given)
{
	p->settings.c = given->c;
	if (given->entry != 0)
		p->settings.entry = given->entry;
}

/* Changes what stands as the request does, and says what its answer has to be. */
static void apply(struct witness *w, struct witness_request *r)
{
	struct witness_pool *p = &w->pools[r->pool];
	bool creates = r->type == CANDOR_REQ_CREATE_POOL;
	r->expected = (struct witness_answer){.given = true};
	r->changes = false;
	if (creates == p->exists) {
		r->expected.code = creates ? CANDOR_ALREADY_EXISTS : CANDOR_NOT_FOUND;
		return;
	}
	if (creates || r->type == CANDOR_REQ_UPDATE_POOL) {
		p->exists = r->changes = true;
		apply_settings(p, &r->settings);
		return;
	}
	for (size_t i = 0; r->type != CANDOR_REQ_QUERY_ITEMS && i < r->n; i++) {
		switch (apply_row(w, r->type, &r->rows[i])) {
		case ACCEPTED: r->expected.batch.accepted++; break;
		case DUPLICATE: r->expected.batch.duplicates++; break;
		case REVISED: r->expected.batch.revised++; break;
		case REJECTED: r->expected.n_rejected++; break;
		}
	}
	r->changes = r->expected.batch.accepted + r->expected.batch.revised > 0;
}

/* ---- what stands: kept, fetched, compared ---- */

struct standing {
	uint32_t *which; /* items, each once, by pool and then by number */
	size_t n;
	struct witness_item *items;
	struct {
		bool exists;
		struct candor_settings settings;
	} pools[WITNESS_POOLS_MAX];
	uint64_t reports, settlements;
};

static void standing_free(struct standing *s)
{
	free(s->which);
	free(s->items);
}

static int by_pool_and_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* The items of all requests since the last check, or all. */
static void choose_items(const struct witness *w, bool everything, struct standing *out)
{
	uint8_t *chosen = calloc(w->n_items + 1, 1);
	uint64_t *keys = calloc(w->n_items + 1, sizeof *keys);
	require(chosen && keys);
	if (everything)
		memset(chosen, 1, w->n_items);
	for (size_t i = 0; i < w->n_requests; i++)
		for (size_t k = 0; k < w->requests[i].n; k++)
			chosen[w->requests[i].rows[k].item] = 1;
	for (size_t i = 0; i < w->n_items; i++)
		if (chosen[i])
			keys[out->n++] = (uint64_t)w->items[i].pool << 32 | i;
	qsort(keys, out->n, sizeof *keys, by_pool_and_number);
	require((out->which = calloc(out->n + 1, sizeof *out->which)));
	for (size_t i = 0; i < out->n; i++)
		out->which[i] = (uint32_t)keys[i];
	free(keys);
	free(chosen);
}

/* What the witness has of them. */
static void remember(const struct witness *w, bool everything, struct standing *out)
{
	*out = (struct standing){.reports = w->reports, .settlements = w->settlements};
	choose_items(w, everything, out);
	require((out->items = calloc(out->n + 1, sizeof *out->items)));
	for (size_t i = 0; i < out->n; i++)
		out->items[i] = w->items[out->which[i]];
	for (uint32_t i = 0; i < w->n_pools; i++) {
		out->pools[i].exists = w->pools[i].exists;
		out->pools[i].settings = w->pools[i].settings;
	}
}

static void recall(struct witness *w, const struct standing *s)
{
	for (size_t i = 0; i < s->n; i++)
		w->items[s->which[i]] = s->items[i];
	for (uint32_t i = 0; i < w->n_pools; i++) {
		w->pools[i].exists = s->pools[i].exists;
		w->pools[i].settings = s->pools[i].settings;
	}
	w->reports = s->reports;
	w->settlements = s->settlements;
}

static void read_item(uint32_t id, const struct candor_item *got, struct witness_item *out)
{
	out->state = (uint8_t)got->state;
	out->n = (uint8_t)got->n;
	out->outcome = got->state == CANDOR_RESOLVED ? got->outcome : 0;
	for (size_t i = 0; i < got->n_reports; i++) {
		unsigned long labeler = strtoul(got->reports[i].labeler + 1, NULL, 10);
		unsigned identity = 0;
		while (identity < WITNESS_REPORTS_MAX && labeler_of(id, identity) != labeler)
			identity++;
		if (identity == WITNESS_REPORTS_MAX || !isnan(out->values[identity]))
			out->state = NOT_OURS;
		else
			out->values[identity] = got->reports[i].value;
	}
}

/* Some items of one pool, as the daemon has them. */
static void fetch_some(const struct witness *w, struct candor *c, struct standing *s, size_t from, size_t n)
{
	char names[QUERY_ITEMS][24], pool[24];
	const char *items[QUERY_ITEMS];
	const struct candor_response *r;
	for (size_t i = 0; i < n; i++) {
		item_name(w, s->which[from + i], names[i]);
		items[i] = names[i];
	}
	witness_pool_name(w->number, s->items[from].pool, pool);
	const struct candor_request query = {
		.type = CANDOR_REQ_QUERY_ITEMS, .pool = pool, .n = n, .items = items, .with_reports = true};
	require(candor_call(c, &query, &r) == 0);
	require(r->code == CANDOR_OK || r->code == CANDOR_NOT_FOUND);
	/* In the order asked; those that are not known are left out. */
	for (size_t i = 0, got = 0; i < n && got < r->n; i++)
		if (strcmp(names[i], r->items[got].item) == 0)
			read_item(s->which[from + i], &r->items[got++], &s->items[from + i]);
}

static void fetch(const struct witness *w, struct candor *c, struct standing *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->items[i].state = CANDOR_STATE_UNSPECIFIED;
		s->items[i].n = 0;
		s->items[i].outcome = 0;
		for (int k = 0; k < WITNESS_REPORTS_MAX; k++)
			s->items[i].values[k] = NAN;
	}
	for (size_t from = 0, n; from < s->n; from += n) {
		for (n = 1; n < QUERY_ITEMS && from + n < s->n && s->items[from + n].pool == s->items[from].pool;)
			n++;
		fetch_some(w, c, s, from, n);
	}
	for (uint32_t i = 0; i < w->n_pools; i++) {
		char name[24];
		const struct candor_response *r;
		witness_pool_name(w->number, i, name);
		const struct candor_request get = {.type = CANDOR_REQ_GET_POOL, .pool = name};
		require(candor_call(c, &get, &r) == 0);
		require(r->code == CANDOR_OK || r->code == CANDOR_NOT_FOUND);
		s->pools[i].exists = r->code == CANDOR_OK;
		if (r->code == CANDOR_OK)
			s->pools[i].settings = r->pool.settings;
	}
}

static void say_item(const struct witness *w, uint32_t item, const char *what, double got, double want)
{
	char name[24], pool[24];
	item_name(w, item, name);
	witness_pool_name(w->number, w->items[item].pool, pool);
	fprintf(stderr, "  pool %s, item %s: %s %.17g, not %.17g\n", pool, name, what, got, want);
}

/* Rows of an item that are not as the witness has them. */
static uint64_t compare_item(const struct witness *w, uint32_t id, const struct witness_item *got, uint64_t *said)
{
	const struct witness_item *want = &w->items[id];
	uint64_t n = 0;
	if (got->state != want->state) {
		n++;
		if (said && (*said)++ < SAID_MAX)
			say_item(w, id, "state", got->state, want->state);
	} else if (got->state == CANDOR_RESOLVED && got->outcome != want->outcome) {
		n++;
		if (said && (*said)++ < SAID_MAX)
			say_item(w, id, "outcome", got->outcome, want->outcome);
	}
	if (got->n != want->n) {
		n++;
		if (said && (*said)++ < SAID_MAX)
			say_item(w, id, "number of reports", got->n, want->n);
	}
	for (unsigned i = 0; i < WITNESS_REPORTS_MAX; i++) {
		double a = got->values[i], b = want->values[i];
		if (a == b || (isnan(a) && isnan(b)))
			continue;
		n++;
		char labeler[16];
		labeler_name(id, i, labeler);
		if (said && (*said)++ < SAID_MAX)
			say_item(w, id, labeler, a, b);
	}
	return n;
}

static bool pool_differs(const struct witness *w, uint32_t i, const struct standing *got)
{
	const struct witness_pool *p = &w->pools[i];
	/* Settings of a shared pool are known to the one that sets them. */
	bool known = i >= WITNESS_SHARED_POOLS || i == w->number;
	return p->exists != got->pools[i].exists ||
	       (p->exists && known &&
		(p->settings.c != got->pools[i].settings.c || p->settings.entry != got->pools[i].settings.entry));
}

static uint64_t compare(const struct witness *w, const struct standing *got, bool say)
{
	uint64_t n = 0, said = 0;
	for (size_t i = 0; i < got->n; i++)
		n += compare_item(w, got->which[i], &got->items[i], say ? &said : NULL);
	for (uint32_t i = 0; i < w->n_pools; i++) {
		if (!pool_differs(w, i, got))
			continue;
		n++;
		if (say && said++ < SAID_MAX)
			fprintf(stderr,
				"  pool %u of witness %u: exists %d, c %.17g, entry %.17g, not %d, %.17g, %.17g\n",
				(unsigned)i, w->number, got->pools[i].exists, got->pools[i].settings.c,
				got->pools[i].settings.entry, w->pools[i].exists, w->pools[i].settings.c,
				w->pools[i].settings.entry);
	}
	return n;
}

/* ---- checking ---- */

static bool same_answer(const struct witness_answer *a, const struct witness_answer *b)
{
	return a->code == b->code && a->n_rejected == b->n_rejected && a->batch.accepted == b->batch.accepted &&
	       a->batch.duplicates == b->batch.duplicates && a->batch.revised == b->batch.revised;
}

static void say_answer(const char *whose, const struct witness_answer *a)
{
	fprintf(stderr,
		"  %s: code %d, %" PRIu64 " accepted, %" PRIu64 " duplicates, %" PRIu64 " revised, %zu rejected\n",
		whose, (int)a->code, a->batch.accepted, a->batch.duplicates, a->batch.revised, a->n_rejected);
}

/* Plays all requests and compares their answers. *least: how many requests must stand. Returns rows in wrong answers. */
static uint64_t check_answers(struct witness *w, size_t *least)
{
	size_t changed_last[WITNESS_POOLS_MAX] = {0}; /* one more than the index */
	uint64_t wrong = 0;
	*least = 0;
	for (size_t i = 0; i < w->n_requests; i++) {
		struct witness_request *r = &w->requests[i];
		apply(w, r);
		if (r->changes)
			changed_last[r->pool] = i + 1;
		if (!r->answer.given)
			continue;
		/* An answer that changes nothing still shows what its pool is at that moment. */
		if (changed_last[r->pool] > *least)
			*least = changed_last[r->pool];
		if (!same_answer(&r->answer, &r->expected)) {
			wrong += r->n > 0 ? r->n : 1;
			fprintf(stderr, "  witness %u, request %zu of %zu since the last check, type %d, %zu rows:\n",
				w->number, i + 1, w->n_requests, (int)r->type, r->n);
			say_answer("the answer", &r->answer);
			say_answer("it must be", &r->expected);
		}
	}
	return wrong;
}

static void count_item(struct witness *w, const struct witness_item *item, bool add)
{
	struct witness_pool *p = &w->pools[item->pool];
	p->items[item->state] += add ? 1 : -1;
	if (item->state == CANDOR_RESOLVED)
		p->scored += add ? item->n : -(uint64_t)item->n;
}

static void count_labeler(struct witness *w, uint32_t pool, uint32_t labeler)
{
	w->pools[pool].joined[labeler] = 1;
	if (labeler >= w->labelers)
		w->labelers = labeler + 1;
}

/* What the first m requests left, in numbers. */
static void count(struct witness *w, const struct standing *before, size_t m)
{
	for (size_t i = 0; i < before->n; i++) {
		uint32_t id = before->which[i];
		/* One that was never seen before is in no count yet. */
		if (before->items[i].state != CANDOR_STATE_UNSPECIFIED)
			count_item(w, &before->items[i], false);
		if (w->items[id].state != CANDOR_STATE_UNSPECIFIED)
			count_item(w, &w->items[id], true);
		for (unsigned identity = 0; identity < WITNESS_REPORTS_MAX; identity++)
			if (!isnan(w->items[id].values[identity]))
				count_labeler(w, w->items[id].pool, labeler_of(id, identity));
	}
	for (size_t i = 0; i < w->n_requests; i++) {
		if (w->requests[i].answer.given)
			w->rows_checked += w->requests[i].n > 0 ? w->requests[i].n : 1;
		else
			w->stood_unacknowledged += i < m && w->requests[i].changes;
	}
}

/* What was not acknowledged is to be asked again, from the first such request on: what came later may have built on it. */
static void keep_for_repeating(struct witness *w)
{
	size_t first = 0, n = 0;
	while (first < w->n_requests && w->requests[first].answer.given)
		first++;
	size_t rest = w->n_again - w->next_again;
	struct witness_request *again = calloc(w->n_requests - first + rest + 1, sizeof *again);
	require(again);
	for (size_t i = 0; i < w->n_requests; i++) {
		if (i >= first)
			again[n++] = w->requests[i];
		else
			free(w->requests[i].rows);
	}
	for (size_t i = w->next_again; i < w->n_again; i++)
		again[n++] = w->again[i];
	free(w->again);
	w->again = again;
	w->n_again = n;
	w->next_again = 0;
	w->n_requests = 0;
}

/* Requests repeated after a failure may bring an older report back, and then the newer one: what stands is the same
 * before and after. Applies all requests. */
static void find_spare(struct witness *w, const struct standing *now, size_t m)
{
	uint64_t reports = w->reports;
	w->reports_spare = 0;
	for (size_t i = m; i < w->n_requests; i++) {
		apply(w, &w->requests[i]);
		if (w->reports > reports + w->reports_spare && compare(w, now, false) == 0)
			w->reports_spare = w->reports - reports;
	}
}

/* What the first m requests leave. */
static void play(struct witness *w, const struct standing *before, size_t m)
{
	recall(w, before);
	for (size_t i = 0; i < m; i++)
		apply(w, &w->requests[i]);
}

uint64_t witness_check(struct witness *w, struct candor *c, bool everything)
{
	struct standing before, now;
	size_t least, m;
	remember(w, everything, &before);
	remember(w, everything, &now);
	fetch(w, c, &now);
	uint64_t wrong = check_answers(w, &least);
	play(w, &before, least);
	uint64_t fewest = compare(w, &now, false);
	for (size_t i = m = least; fewest > 0 && i < w->n_requests;) {
		apply(w, &w->requests[i++]);
		uint64_t n = compare(w, &now, false);
		if (n < fewest) {
			fewest = n;
			m = i;
		}
	}
	if (fewest == 0)
		find_spare(w, &now, m);
	play(w, &before, m);
	if (fewest > 0) {
		fprintf(stderr,
			"witness %u: of %zu requests since the last check at least the first %zu must stand; "
			"nearest to what does are the first %zu:\n",
			w->number, w->n_requests, least, m);
		wrong += compare(w, &now, true);
	} else if (wrong == 0) {
		count(w, &before, m);
		keep_for_repeating(w);
	}
	standing_free(&before);
	standing_free(&now);
	return wrong;
}
