#include "lib/pool/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"

/* The bytes of names are in chunks of 8-byte cells: a length byte, the name, a NUL. An offset counts cells over
 * all chunks; cell 0 is never used, so that 0 can say "none". */
enum {
	CELL_BYTES = 8,
	CHUNK_CELLS = 1 << 17, /* 1 MiB; the first chunks use only their beginning, because most tables are small */
	FIRST_CHUNK_CELLS = 1 << 9,
	CHUNKS_MAX = 1 << 14, /* 2^31 cells: the bit above marks a free id */
	LONGEST_CELLS = (1 + 255 + 1 + CELL_BYTES - 1) / CELL_BYTES,
	IDS_MAX = 1 << 28,
	FIRST_SLOTS_LOG2 = 4,
};
#define ID_IS_FREE 0x80000000u
#define NO_FREE_ID 0x7fffffffu

/* A slot is 0 when empty; else its low `log2` bits hold an id plus one and the bits above a tag from the hash, so that
 * most other names are skipped without reading their bytes. */
struct names {
	uint8_t key[NAMES_KEY_BYTES];
	uint32_t *slots;
	unsigned log2; /* of the number of slots */
	uint32_t count;
	uint32_t *offsets; /* by id: the name's first cell, or ID_IS_FREE and the next free id */
	uint32_t ids, ids_cap; /* ids ever assigned, and space for them */
	uint32_t free_id; /* head of the list of free ids */
	uint8_t **chunks;
	size_t chunk_bytes; /* of all of them */
	uint32_t n_chunks, next_cell; /* next_cell counts within the newest chunk */
	uint32_t free_runs[LONGEST_CELLS + 1]; /* by length in cells: head of a list, linked through their bytes */
};

/* ---- the bytes of names ---- */

static uint8_t *cell(const struct names *n, uint32_t offset)
{
	return n->chunks[offset / CHUNK_CELLS] + (size_t)(offset % CHUNK_CELLS) * CELL_BYTES;
}

static uint32_t chunk_cells(uint32_t chunk)
{
	uint32_t most = CHUNK_CELLS / FIRST_CHUNK_CELLS;
	return (chunk < 16 && (uint32_t)1 << chunk < most) ? (uint32_t)FIRST_CHUNK_CELLS << chunk : CHUNK_CELLS;
}

static uint32_t cells_for(size_t len)
{
	return (uint32_t)((1 + len + 1 + CELL_BYTES - 1) / CELL_BYTES);
}

/* A run of cells for a name of `len` bytes: 0, -ENOMEM or ERR_FULL. */
static int take_cells(struct names *n, size_t len, uint32_t *offset)
{
	uint32_t cells = cells_for(len);
	if (n->free_runs[cells]) {
		*offset = n->free_runs[cells];
		memcpy(&n->free_runs[cells], cell(n, *offset), sizeof(uint32_t));
		return 0;
	}
	if (n->n_chunks == 0 || n->next_cell + cells > chunk_cells(n->n_chunks - 1)) {
		if (n->n_chunks == CHUNKS_MAX)
			return ERR_FULL;
		uint8_t **chunks = realloc(n->chunks, (n->n_chunks + 1) * sizeof *chunks);
		if (!chunks)
			return -ENOMEM;
		n->chunks = chunks;
		size_t size = (size_t)chunk_cells(n->n_chunks) * CELL_BYTES;
		if (!(chunks[n->n_chunks] = malloc(size)))
			return -ENOMEM;
		n->chunk_bytes += heap_bytes(size);
		n->next_cell = n->n_chunks++ == 0 ? 1 : 0;
	}
	*offset = (n->n_chunks - 1) * (uint32_t)CHUNK_CELLS + n->next_cell;
	n->next_cell += cells;
	return 0;
}

static void give_cells(struct names *n, uint32_t offset)
{
	uint8_t *p = cell(n, offset);
	uint32_t cells = cells_for(p[0]);
	memcpy(p, &n->free_runs[cells], sizeof(uint32_t));
	n->free_runs[cells] = offset;
}

/* ---- the table ---- */

static uint64_t hash_of(const struct names *n, const char *name, size_t len)
{
	return hash_bytes(n->key, name, len);
}

static uint32_t mask(const struct names *n)
{
	return ((uint32_t)1 << n->log2) - 1;
}

static uint32_t tag_of(const struct names *n, uint64_t hash)
{
	return (uint32_t)(hash >> 32) & ~mask(n);
}

int names_new(struct names **out, const uint8_t *key)
{
	struct names *n = calloc(1, sizeof *n);
	if (!n)
		return -ENOMEM;
	memcpy(n->key, key, NAMES_KEY_BYTES);
	n->log2 = FIRST_SLOTS_LOG2;
	n->free_id = NO_FREE_ID;
	n->slots = calloc((size_t)1 << n->log2, sizeof *n->slots);
	if (!n->slots) {
		free(n);
		return -ENOMEM;
	}
	*out = n;
	return 0;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (uint32_t i = 0; i < n->n_chunks; i++)
		free(n->chunks[i]);
	free(n->chunks);
	free(n->offsets);
	free(n->slots);
	free(n);
}

/* The slot that holds a name, or the empty one where it would go. */
static uint32_t slot_of(const struct names *n, const char *name, size_t len, uint64_t hash)
{
	uint32_t m = mask(n), tag = tag_of(n, hash), at = (uint32_t)hash & m;
	for (;; at = (at + 1) & m) {
		uint32_t slot = n->slots[at];
		if (slot == 0)
			return at;
		if ((slot & ~m) != tag)
			continue;
		const uint8_t *p = cell(n, n->offsets[(slot & m) - 1]);
		if (p[0] == len && memcmp(p + 1, name, len) == 0)
			return at;
	}
}

static void place(struct names *n, uint32_t id, uint64_t hash)
{
	uint32_t m = mask(n), at = (uint32_t)hash & m;
	while (n->slots[at])
		at = (at + 1) & m;
	n->slots[at] = tag_of(n, hash) | (id + 1);
}

/* Doubles the slots. Ids are visited in order, which reads the names' bytes nearly in order. */
static int grow_slots(struct names *n)
{
	uint32_t *slots = calloc((size_t)2 << n->log2, sizeof *slots);
	if (!slots)
		return -ENOMEM;
	free(n->slots);
	n->slots = slots;
	n->log2++;
	for (uint32_t id = 0; id < n->ids; id++) {
		if (n->offsets[id] & ID_IS_FREE)
			continue;
		const uint8_t *p = cell(n, n->offsets[id]);
		place(n, id, hash_of(n, (const char *)p + 1, p[0]));
	}
	return 0;
}

/* Space for one more id. Grows by an eighth, so that little is unused; the system moves large blocks by page. */
static int reserve_id(struct names *n)
{
	if (n->free_id != NO_FREE_ID || n->ids < n->ids_cap)
		return 0;
	if (n->ids == IDS_MAX)
		return ERR_FULL;
	uint32_t cap = n->ids_cap + n->ids_cap / 8 + 16;
	uint32_t *offsets = realloc(n->offsets, cap * sizeof *offsets);
	if (!offsets)
		return -ENOMEM;
	n->offsets = offsets;
	n->ids_cap = cap;
	return 0;
}

uint32_t names_find(const struct names *n, const char *name, size_t len)
{
	uint32_t slot = n->slots[slot_of(n, name, len, hash_of(n, name, len))];
	return slot ? (slot & mask(n)) - 1 : NAMES_NONE;
}

/* The first id in the hash's row of slots that has its tag, or NAMES_NONE: nearly always the one looked for. */
static uint32_t likely_id(const struct names *n, uint64_t hash)
{
	uint32_t m = mask(n), tag = tag_of(n, hash);
	for (uint32_t at = (uint32_t)hash & m; n->slots[at]; at = (at + 1) & m)
		if ((n->slots[at] & ~m) == tag)
			return (n->slots[at] & m) - 1;
	return NAMES_NONE;
}

void names_prefetch(const struct names *n, const char *const *names, size_t count)
{
	enum { GROUP = 16, IN_CACHE_ANYWAY = 2048 };
	if (n->count <= IN_CACHE_ANYWAY || count < 4)
		return;
	for (; count > 0; names += GROUP, count -= count < GROUP ? count : GROUP) {
		size_t k = count < GROUP ? count : GROUP;
		uint64_t hashes[GROUP];
		uint32_t ids[GROUP];
		for (size_t i = 0; i < k; i++) {
			hashes[i] = hash_of(n, names[i], strlen(names[i]));
			__builtin_prefetch(&n->slots[(uint32_t)hashes[i] & mask(n)]);
		}
		for (size_t i = 0; i < k; i++)
			if ((ids[i] = likely_id(n, hashes[i])) != NAMES_NONE)
				__builtin_prefetch(&n->offsets[ids[i]]);
		for (size_t i = 0; i < k; i++)
			if (ids[i] != NAMES_NONE)
				__builtin_prefetch(cell(n, n->offsets[ids[i]]));
	}
}

int names_put(struct names *n, const char *name, size_t len, uint32_t *id)
{
	require(len >= 1 && len <= 255);
	uint64_t hash = hash_of(n, name, len);
	uint32_t at = slot_of(n, name, len, hash), offset;
	if (n->slots[at]) {
		*id = (n->slots[at] & mask(n)) - 1;
		return 0;
	}
	int err = reserve_id(n);
	if (err == 0 && n->count + 1 > ((uint32_t)3 << n->log2) / 4)
		err = grow_slots(n);
	if (err == 0)
		err = take_cells(n, len, &offset);
	if (err)
		return err;

	uint8_t *p = cell(n, offset);
	p[0] = (uint8_t)len;
	memcpy(p + 1, name, len);
	p[1 + len] = 0;
	if (n->free_id != NO_FREE_ID) {
		*id = n->free_id;
		n->free_id = n->offsets[*id] & ~ID_IS_FREE;
	} else {
		*id = n->ids++;
	}
	n->offsets[*id] = offset;
	place(n, *id, hash);
	n->count++;
	return 1;
}

const char *names_text(const struct names *n, uint32_t id, size_t *len)
{
	require(id < n->ids && !(n->offsets[id] & ID_IS_FREE));
	const uint8_t *p = cell(n, n->offsets[id]);
	if (len)
		*len = p[0];
	return (const char *)p + 1;
}

void names_remove(struct names *n, uint32_t id)
{
	size_t len;
	const char *name = names_text(n, id, &len);
	uint32_t m = mask(n), hole = slot_of(n, name, len, hash_of(n, name, len));

	/* Linear probing without tombstones: whatever comes after the hole and may move into it, does. */
	for (uint32_t at = (hole + 1) & m; n->slots[at]; at = (at + 1) & m) {
		const uint8_t *p = cell(n, n->offsets[(n->slots[at] & m) - 1]);
		uint32_t home = (uint32_t)hash_of(n, (const char *)p + 1, p[0]) & m;
		if (((at - home) & m) >= ((at - hole) & m)) {
			n->slots[hole] = n->slots[at];
			hole = at;
		}
	}
	n->slots[hole] = 0;
	give_cells(n, n->offsets[id]);
	n->offsets[id] = ID_IS_FREE | n->free_id;
	n->free_id = id;
	n->count--;
}

uint32_t names_count(const struct names *n)
{
	return n->count;
}

size_t names_bytes(const struct names *n)
{
	return heap_bytes(sizeof *n) + heap_bytes(sizeof *n->slots << n->log2) +
	       heap_bytes(n->ids_cap * sizeof *n->offsets) + heap_bytes(n->n_chunks * sizeof *n->chunks) +
	       n->chunk_bytes;
}
