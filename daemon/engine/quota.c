#include "daemon/engine/quota.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/pool/names.h"

/* Levels are counted in thousandths, so that a rate per second is a whole number per millisecond. */
enum { UNIT = 1000, FIRST_ACCOUNTS = 16, EVICT_STEPS = 256 };
#define LEVEL_MIN (-((int64_t)1 << 62)) /* the largest debt */

struct account {
	int64_t levels[QUOTA_RATES]; /* at `at_ms`; more than 0: there is something left */
	uint64_t at_ms;
	uint64_t open; /* items */
	bool used;
};

struct quota {
	struct quota_limits limits;
	struct names *names; /* of principals: id - 1 */
	struct account *accounts; /* by the same */
	uint32_t cap;
	uint32_t hand; /* where to look next for an account to evict */
};

int quota_new(struct quota **out, const struct quota_limits *limits, const uint8_t *key)
{
	struct quota *q = calloc(1, sizeof *q);
	int err = q ? names_new(&q->names, key) : -ENOMEM;
	if (err) {
		free(q);
		return err;
	}
	q->limits = *limits;
	for (int i = 0; i < QUOTA_RATES; i++)
		if (q->limits.rates[i] > QUOTA_RATE_MAX)
			q->limits.rates[i] = QUOTA_RATE_MAX;
	*out = q;
	return 0;
}

void quota_free(struct quota *q)
{
	if (!q)
		return;
	names_free(q->names);
	free(q->accounts);
	free(q);
}

size_t quota_bytes(const struct quota *q)
{
	return heap_bytes(sizeof *q) + heap_bytes(q->cap * sizeof *q->accounts) + names_bytes(q->names);
}

const struct quota_limits *quota_limits(const struct quota *q)
{
	return &q->limits;
}

/* ---- buckets ---- */

static int64_t level_max(const struct quota *q, int rate)
{
	return (int64_t)(q->limits.rates[rate] * UNIT);
}

static int64_t level_at(const struct quota *q, const struct account *a, int rate, uint64_t now_ms)
{
	uint64_t a_ms = q->limits.rates[rate], elapsed = now_ms > a->at_ms ? now_ms - a->at_ms : 0;
	if (a_ms == 0)
		return 0;
	uint64_t missing = (uint64_t)level_max(q, rate) - (uint64_t)a->levels[rate];
	return elapsed > missing / a_ms ? level_max(q, rate) : a->levels[rate] + (int64_t)(elapsed * a_ms);
}

/* How long until a level that is not above 0 is. */
static uint32_t wait_for(const struct quota *q, int rate, int64_t level)
{
	uint64_t ms = (uint64_t)-level / q->limits.rates[rate] + 1;
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static int64_t pay(int64_t level, uint64_t cost)
{
	/* Levels are at most 2^50 above 0. */
	return cost < (uint64_t)(level - LEVEL_MIN) / UNIT ? level - (int64_t)(cost * UNIT) : LEVEL_MIN;
}

/* ---- accounts ---- */

/* A new account would be the same. */
static bool is_idle(const struct quota *q, const struct account *a, uint64_t now_ms)
{
	for (int i = 0; i < QUOTA_RATES; i++)
		if (q->limits.rates[i] && level_at(q, a, i, now_ms) < level_max(q, i))
			return false;
	return a->open == 0;
}

/* Looks at a bounded number: one that cannot go now may a little later. */
static bool evict(struct quota *q, uint64_t now_ms)
{
	for (int i = 0; i < EVICT_STEPS; i++) {
		uint32_t id = q->hand;
		struct account *a = &q->accounts[id];
		q->hand = (id + 1) % q->cap;
		if (!a->used || !is_idle(q, a, now_ms))
			continue;
		names_remove(q->names, id);
		a->used = false;
		return true;
	}
	return false;
}

static int grow(struct quota *q)
{
	uint32_t cap = q->cap ? 2 * q->cap : FIRST_ACCOUNTS;
	struct account *grown = realloc(q->accounts, cap * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	memset(grown + q->cap, 0, (cap - q->cap) * sizeof *grown);
	q->accounts = grown;
	q->cap = cap;
	return 0;
}

static int add(struct quota *q, const char *principal, uint64_t now_ms, uint32_t *index)
{
	if (names_count(q->names) >= QUOTA_PRINCIPALS_MAX && !evict(q, now_ms))
		return ERR_FULL;
	int err = names_count(q->names) == q->cap ? grow(q) : 0;
	if (err == 0)
		err = names_put(q->names, principal, strlen(principal), index);
	if (err < 0)
		return err;
	struct account *a = &q->accounts[*index];
	*a = (struct account){.at_ms = now_ms, .used = true};
	for (int i = 0; i < QUOTA_RATES; i++)
		a->levels[i] = level_max(q, i);
	return 0;
}

static int find(struct quota *q, const char *principal, uint64_t now_ms, uint32_t *index)
{
	*index = names_find(q->names, principal, strlen(principal));
	return *index == NAMES_NONE ? add(q, principal, now_ms, index) : 0;
}

/* ---- rates ---- */

int quota_take(struct quota *q, const char *principal, const uint64_t cost[QUOTA_RATES], uint64_t now_ms,
	       enum quota_rate *rate, uint32_t *wait_ms)
{
	uint32_t index;
	int err = find(q, principal, now_ms, &index);
	*rate = QUOTA_RATES;
	*wait_ms = err == ERR_FULL ? QUOTA_FULL_WAIT_MS : 0;
	if (err)
		return err == ERR_FULL ? 0 : err;
	struct account *a = &q->accounts[index];
	for (int i = 0; i < QUOTA_RATES; i++)
		a->levels[i] = level_at(q, a, i, now_ms);
	/* Even if the clock went back: else nothing would be given until it has caught up. */
	a->at_ms = now_ms;
	for (int i = 0; i < QUOTA_RATES; i++) {
		if (!q->limits.rates[i] || !cost[i] || a->levels[i] > 0)
			continue;
		uint32_t ms = wait_for(q, i, a->levels[i]);
		if (ms > *wait_ms) {
			*wait_ms = ms;
			*rate = i;
		}
	}
	if (*wait_ms)
		return 0;
	for (int i = 0; i < QUOTA_RATES; i++)
		if (q->limits.rates[i])
			a->levels[i] = pay(a->levels[i], cost[i]);
	return 1;
}

uint32_t quota_spent_ms(const struct quota *q, const char *principal, uint64_t now_ms)
{
	uint32_t index = names_find(q->names, principal, strlen(principal)), most = 0;
	for (int i = 0; i < QUOTA_RATES && index != NAMES_NONE; i++) {
		if (!q->limits.rates[i])
			continue;
		int64_t level = level_at(q, &q->accounts[index], i, now_ms);
		uint32_t ms = level > 0 ? 0 : wait_for(q, i, level);
		most = ms > most ? ms : most;
	}
	return most;
}

/* ---- open items ---- */

int quota_find(struct quota *q, const char *principal, uint64_t now_ms, uint32_t *id)
{
	uint32_t index;
	int err = find(q, principal, now_ms, &index);
	*id = err ? QUOTA_NOBODY : index + 1;
	return err;
}

bool quota_may_open(const struct quota *q, uint32_t id)
{
	return !q->limits.open_items || q->accounts[id - 1].open < q->limits.open_items;
}

void quota_opened(struct quota *q, uint32_t id)
{
	if (id != QUOTA_NOBODY)
		q->accounts[id - 1].open++;
}

void quota_closed(struct quota *q, uint32_t id)
{
	if (id == QUOTA_NOBODY)
		return;
	require(q->accounts[id - 1].open > 0);
	q->accounts[id - 1].open--;
}

uint64_t quota_open_items(const struct quota *q)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < q->cap; i++)
		n += q->accounts[i].open;
	return n;
}

void quota_forget_items(struct quota *q)
{
	for (uint32_t i = 0; i < q->cap; i++)
		q->accounts[i].open = 0;
}
