/* An item's reports: their memory, and where a labeler's report stands among them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/pool/pool_internal.h"

enum {
	INDEX_FROM = 1024, /* reports: fewer are scanned in less time than a miss of the cache takes */
	COPIED_A_STEP = 16,
	SCANNED_A_STEP = 128,
};

/* ---- memory ---- */

static size_t reports_bytes(uint32_t cap)
{
	return heap_bytes(cap * (sizeof(double) + sizeof(uint32_t)));
}

static size_t sequences_bytes(const struct item *item)
{
	return item->sequences ? heap_bytes(item->cap * sizeof *item->sequences) : 0;
}

static size_t index_bytes(const struct item *item)
{
	return heap_bytes(item->index_slots * sizeof *item->index);
}

size_t pool_item_bytes(const struct item *item)
{
	size_t frozen = item->frozen ? heap_bytes(sizeof *item->frozen + item->n * sizeof(double)) : 0;
	size_t present = item->present ? heap_bytes(sizeof *item->present) : 0;
	return heap_bytes(sizeof *item) + reports_bytes(item->cap) + sequences_bytes(item) + index_bytes(item) +
	       frozen + present;
}

/* Values and labelers share one block: values first. */
int pool_reserve_reports(struct pool *p, struct item *item, uint32_t n)
{
	if (n <= item->cap)
		return 0;
	uint32_t cap = item->cap + item->cap / 4 + 1;
	if (cap < n)
		cap = n;
	double *block = malloc(cap * (sizeof(double) + sizeof(uint32_t)));
	uint64_t *sequences = item->sequences ? calloc(cap, sizeof *sequences) : NULL;
	if (!block || (item->sequences && !sequences)) {
		free(block);
		free(sequences);
		return -ENOMEM;
	}
	if (item->n > 0) {
		memcpy(block, item->values, item->n * sizeof(double));
		memcpy(block + cap, item_labelers(item), item->n * sizeof(uint32_t));
		p->work += item->n / COPIED_A_STEP;
	}
	if (sequences)
		memcpy(sequences, item->sequences, item->n * sizeof *sequences);
	p->item_bytes -= reports_bytes(item->cap) + sequences_bytes(item);
	free(item->values);
	free(item->sequences);
	item->values = block;
	item->sequences = sequences;
	item->cap = cap;
	p->item_bytes += reports_bytes(item->cap) + sequences_bytes(item);
	return 0;
}

int pool_reserve_sequences(struct pool *p, struct item *item)
{
	if (item->sequences)
		return 0;
	item->sequences = calloc(item->cap, sizeof *item->sequences);
	if (!item->sequences)
		return -ENOMEM;
	p->item_bytes += sequences_bytes(item);
	p->work += item->cap / SCANNED_A_STEP;
	return 0;
}

/* They order the reports of an open item and mean nothing afterwards. */
void pool_drop_sequences(struct pool *p, struct item *item)
{
	p->item_bytes -= sequences_bytes(item);
	free(item->sequences);
	item->sequences = NULL;
}

/* ---- the index ---- */

/* Keyed, so that nobody can choose labelers whose reports collide: ids are no secret. */
static uint32_t slot_of(const struct pool *p, const struct item *item, uint32_t labeler)
{
	uint64_t h = (labeler ^ p->key[0]) * (p->key[1] | 1);
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15;
	return (uint32_t)(h >> 32) & (item->index_slots - 1);
}

static void put(const struct pool *p, struct item *item, uint32_t at)
{
	uint32_t slot = slot_of(p, item, item_labelers(item)[at]);
	while (item->index[slot])
		slot = (slot + 1) & (item->index_slots - 1);
	item->index[slot] = (uint16_t)(at + 1);
}

void pool_drop_index(struct pool *p, struct item *item)
{
	p->item_bytes -= index_bytes(item);
	free(item->index);
	item->index = NULL;
	item->index_slots = 0;
}

/* One with room for `n` reports, with those that are there in it. 0 or -ENOMEM. */
static int build_index(struct pool *p, struct item *item, uint32_t n)
{
	static_assert(ITEM_REPORTS_MAX <= UINT16_MAX, "a slot has a report's place and one more");
	uint32_t slots = 2 * INDEX_FROM;
	while (slots / 4 * 3 < n)
		slots *= 2;
	uint16_t *index = calloc(slots, sizeof *index);
	if (!index)
		return -ENOMEM;
	pool_drop_index(p, item);
	item->index = index;
	item->index_slots = slots;
	p->item_bytes += index_bytes(item);
	for (uint32_t at = 0; at < item->n; at++)
		put(p, item, at);
	p->work += item->n / 2;
	return 0;
}

int pool_reserve_index(struct pool *p, struct item *item, uint32_t n)
{
	bool enough = item->index ? n <= item->index_slots / 4 * 3 : n < INDEX_FROM || p->is_frugal;
	return enough ? 0 : build_index(p, item, n);
}

void pool_index_last(struct pool *p, struct item *item)
{
	if (item->index)
		put(p, item, item->n - 1);
}

/* ---- finding ---- */

/* Eight at a time: compilers do not vectorize a loop that may end early. */
static uint32_t scan(const struct item *item, uint32_t labeler)
{
	typedef uint32_t lanes __attribute__((vector_size(32)));
	enum { LANES = sizeof(lanes) / sizeof(uint32_t), BLOCK = 8 * LANES };
	const uint32_t *labelers = item_labelers(item);
	const lanes wanted = (lanes){0} + labeler;
	uint32_t at = 0;
	for (; at + BLOCK <= item->n; at += BLOCK) {
		lanes found = {0}, block;
		for (uint32_t i = 0; i < BLOCK; i += LANES) {
			memcpy(&block, labelers + at + i, sizeof block);
			found |= (lanes)(block == wanted);
		}
		uint64_t any[sizeof found / sizeof(uint64_t)];
		memcpy(any, &found, sizeof any);
		if (any[0] | any[1] | any[2] | any[3])
			break;
	}
	while (at < item->n && labelers[at] != labeler)
		at++;
	return at;
}

uint32_t pool_find_report(const struct pool *p, const struct item *item, uint32_t labeler)
{
	if (!item->index)
		return item->n ? scan(item, labeler) : 0;
	const uint32_t *labelers = item_labelers(item);
	for (uint32_t slot = slot_of(p, item, labeler);; slot = (slot + 1) & (item->index_slots - 1)) {
		uint32_t next = item->index[slot];
		if (next == 0 || labelers[next - 1] == labeler)
			return next == 0 ? item->n : next - 1;
	}
}

uint32_t pool_place_of(struct pool *p, struct item *item, uint32_t labeler)
{
	/* Without memory for an index it is scanned. */
	if (pool_reserve_index(p, item, item->n) != 0 || !item->index)
		p->work += item->n / SCANNED_A_STEP;
	return pool_find_report(p, item, labeler);
}
