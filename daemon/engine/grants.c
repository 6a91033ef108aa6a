#include "daemon/engine/grants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/pool/names.h"
#include "lib/rights.h"

/* A grant in its principal's list. */
struct entry {
	struct grant_row row;
	struct entry *next;
	uint32_t principal;
	char texts[]; /* that row points to */
};

struct group {
	uint32_t gid, principal;
};

struct grants {
	struct names *principals; /* those with grants */
	struct entry **lists; /* by principal */
	size_t lists_cap;
	struct entry **all; /* by id */
	size_t n, cap;
	uint64_t last_id;
	struct token_row **tokens; /* by id - 1 */
	struct names *token_names, *token_keys; /* to the same: by name; by a part of the hash */
	size_t n_tokens, tokens_cap;
	size_t bytes;
	struct group *groups; /* principals that are groups: few, as a rule */
	size_t n_groups, groups_cap;
};

const char *identity_principal(const struct identity *w)
{
	return w->is_known ? w->name : RIGHTS_ANONYMOUS;
}

int grants_new(struct grants **out, const uint8_t *key)
{
	struct grants *g = calloc(1, sizeof *g);
	int err = g ? names_new(&g->principals, key) : -ENOMEM;
	if (err == 0)
		err = names_new(&g->token_names, key);
	if (err == 0)
		err = names_new(&g->token_keys, key);
	if (err) {
		grants_free(g);
		return err;
	}
	g->bytes = heap_bytes(sizeof *g);
	*out = g;
	return 0;
}

void grants_free(struct grants *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++)
		free(g->all[i]);
	for (size_t i = 0; i < g->n_tokens; i++)
		free(g->tokens[i]);
	free(g->tokens);
	free(g->all);
	free(g->groups);
	free(g->lists);
	names_free(g->principals);
	names_free(g->token_names);
	names_free(g->token_keys);
	free(g);
}

size_t grants_bytes(const struct grants *g)
{
	return g->bytes + heap_bytes(g->lists_cap * sizeof *g->lists) + heap_bytes(g->cap * sizeof *g->all) +
	       heap_bytes(g->groups_cap * sizeof *g->groups) + heap_bytes(g->tokens_cap * sizeof *g->tokens) +
	       names_bytes(g->principals) + names_bytes(g->token_names) + names_bytes(g->token_keys);
}

/* ---- rights ---- */

static const struct entry *list_of(const struct grants *g, const char *principal)
{
	uint32_t i = names_find(g->principals, principal, strlen(principal));
	return i == NAMES_NONE ? NULL : g->lists[i];
}

static bool is_member(const struct identity *w, uint32_t gid)
{
	for (uint32_t i = 0; i < w->n_groups; i++)
		if (w->groups[i] == gid)
			return true;
	return false;
}

/* The lists of grants that apply to a peer: its own at 0, then those of its groups. True while there are more. */
static bool next_list(const struct grants *g, const struct identity *w, size_t *at, const struct entry **list)
{
	if (*at == 0) {
		*list = list_of(g, identity_principal(w));
		++*at;
		return true;
	}
	for (; w->n_groups > 0 && *at <= g->n_groups; ++*at)
		if (is_member(w, g->groups[*at - 1].gid)) {
			*list = g->lists[g->groups[*at - 1].principal];
			++*at;
			return true;
		}
	return false;
}

const struct grant_row *grants_applying(const struct grants *g, const struct identity *w, struct grants_place *place)
{
	while (!place->next)
		if (!next_list(g, w, &place->list, &place->next))
			return NULL;
	const struct entry *e = place->next;
	place->next = e->next;
	return &e->row;
}

/* pool: as in grants_rights(). */
static bool covers(const struct grant_row *r, const char *pool)
{
	return !pool || !r->pool[0] || strcmp(r->pool, pool) == 0;
}

unsigned grants_rights(const struct grants *g, const struct identity *w, const char *pool)
{
	if (w->is_owner)
		return CANDOR_RIGHTS_ALL;
	unsigned bits = 0;
	struct grants_place place = {0};
	for (const struct grant_row *row; (row = grants_applying(g, w, &place));)
		if (covers(row, pool))
			bits |= grants_bits(row);
	return grants_sum(bits);
}

bool grants_may_report(const struct grants *g, const struct identity *w, const char *pool, const char *labeler)
{
	struct grants_place place = {0};
	for (const struct grant_row *row; (row = grants_applying(g, w, &place));)
		if (covers(row, pool) && row->prefix[0] && strncmp(labeler, row->prefix, strlen(row->prefix)) == 0)
			return true;
	return false;
}

const char *grants_token_fault(const struct grants *g, const struct identity *w, uint64_t now_ms)
{
	if (!w->token)
		return NULL;
	const struct token_row *t = grants_token(g, w->token);
	if (!t || t->revoked_at)
		return "token revoked; ask an admin for a new one";
	return t->expires_at && t->expires_at <= now_ms ? "token expired; ask an admin for a new one" : NULL;
}

/* ---- grants ---- */

static struct entry *find(const struct grants *g, const struct candor_grant *what)
{
	uint32_t i = names_find(g->principals, what->principal, strlen(what->principal));
	for (struct entry *e = i == NAMES_NONE ? NULL : g->lists[i]; e; e = e->next)
		if (strcmp(e->row.pool, what->pool) == 0 && strcmp(e->row.prefix, what->prefix) == 0)
			return e;
	return NULL;
}

static size_t texts_size(const struct grant_row *r)
{
	return strlen(r->principal) + strlen(r->pool) + strlen(r->prefix) + 3;
}

static char *put(const char **text, char *to)
{
	size_t size = strlen(*text) + 1;
	memcpy(to, *text, size);
	*text = to;
	return to + size;
}

/* Room for one more in an array of `cap`, of which n are taken. */
static bool make_room(void *array, size_t n, size_t *cap, size_t size)
{
	void *old, *grown;
	if (n < *cap)
		return true;
	memcpy(&old, array, sizeof old);
	grown = realloc(old, (2 * *cap + 16) * size);
	if (!grown)
		return false;
	memcpy(array, &grown, sizeof grown);
	*cap = 2 * *cap + 16;
	return true;
}

static bool is_group(const char *principal)
{
	return strncmp(principal, "gid:", 4) == 0;
}

/* Its place among the principals. */
static int place(struct grants *g, const char *principal, uint32_t *out)
{
	if (!make_room(&g->groups, g->n_groups, &g->groups_cap, sizeof *g->groups))
		return -ENOMEM;
	int err = names_put(g->principals, principal, strlen(principal), out);
	if (err < 0)
		return err;
	if (!make_room(&g->lists, *out, &g->lists_cap, sizeof *g->lists)) {
		names_remove(g->principals, *out);
		return -ENOMEM;
	}
	if (err == 1) {
		g->lists[*out] = NULL;
		if (is_group(principal)) {
			g->groups[g->n_groups].gid = (uint32_t)strtoul(principal + 4, NULL, 10);
			g->groups[g->n_groups++].principal = *out;
		}
	}
	return 0;
}

/* A limit allows no further grant of that principal. */
static bool is_full(const struct grants *g, const char *principal)
{
	size_t own = 0;
	for (const struct entry *e = list_of(g, principal); e; e = e->next)
		own++;
	return g->n == GRANTS_MAX || own == GRANTS_OF_ONE_MAX ||
	       (own == 0 && is_group(principal) && g->n_groups == GRANTS_GROUPS_MAX);
}

int grants_restore(struct grants *g, const struct grant_row *row)
{
	const struct candor_grant same = {row->principal, row->pool, row->prefix, row->rights};
	size_t len = strlen(row->principal);
	if (row->id <= g->last_id || !row->rights || len < 1 || len > CANDOR_NAME_MAX || find(g, &same))
		return ERR_HISTORY;
	if (is_full(g, row->principal))
		return ERR_FULL;
	if (!make_room(&g->all, g->n, &g->cap, sizeof *g->all))
		return -ENOMEM;
	size_t size = sizeof(struct entry) + texts_size(row);
	struct entry *e = malloc(size);
	if (!e)
		return -ENOMEM;
	e->row = *row;
	put(&e->row.prefix, put(&e->row.pool, put(&e->row.principal, e->texts)));
	int err = place(g, e->row.principal, &e->principal);
	if (err) {
		free(e);
		return err;
	}
	e->next = g->lists[e->principal];
	g->lists[e->principal] = e;
	g->all[g->n++] = e;
	g->last_id = row->id;
	g->bytes += heap_bytes(size);
	return 0;
}

static void forget_principal(struct grants *g, uint32_t principal)
{
	for (size_t i = 0; i < g->n_groups; i++)
		if (g->groups[i].principal == principal)
			g->groups[i--] = g->groups[--g->n_groups];
	names_remove(g->principals, principal);
}

static void remove_entry(struct grants *g, struct entry *e)
{
	struct entry **at = &g->lists[e->principal];
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (!g->lists[e->principal])
		forget_principal(g, e->principal);
	size_t i = 0;
	while (g->all[i] != e)
		i++;
	memmove(&g->all[i], &g->all[i + 1], (--g->n - i) * sizeof *g->all);
	g->bytes -= heap_bytes(sizeof *e + texts_size(&e->row));
	free(e);
}

unsigned grants_standing(const struct grants *g, const struct candor_grant *what)
{
	const struct entry *e = find(g, what);
	return e ? e->row.rights : 0;
}

int grants_change(struct grants *g, const struct candor_grant *what, bool add, struct grant_row *row)
{
	struct entry *e = find(g, what);
	unsigned before = e ? e->row.rights : 0, after = add ? before | what->rights : before & ~what->rights;
	if (before == after)
		return 0;
	*row = (struct grant_row){e ? e->row.id : g->last_id + 1, what->principal, what->pool, what->prefix, after};
	if (!e) {
		int err = grants_restore(g, row);
		return err ? err : 1;
	}
	e->row.rights = after;
	if (!after)
		remove_entry(g, e);
	return 1;
}

const struct grant_row *grants_next(const struct grants *g, uint64_t after)
{
	size_t lo = 0, hi = g->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (g->all[mid]->row.id <= after)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < g->n ? &g->all[lo]->row : NULL;
}

size_t grants_count(const struct grants *g)
{
	return g->n;
}

size_t grants_count_in(const struct grants *g, const char *pool)
{
	size_t n = 0;
	for (size_t i = 0; i < g->n; i++)
		n += strcmp(g->all[i]->row.pool, pool) == 0;
	return n;
}

const struct grant_row *grants_of(const struct grants *g, const char *principal)
{
	const struct entry *e = list_of(g, principal);
	return e ? &e->row : NULL;
}

/* ---- tokens ---- */

enum { KEY_BYTES = 16 };

/* Both, or none. */
static int index_token(struct grants *g, const struct token_row *row)
{
	uint32_t name, key;
	int err = names_put(g->token_names, row->name, strlen(row->name), &name);
	if (err != 1)
		return err < 0 ? err : ERR_HISTORY;
	err = names_put(g->token_keys, (const char *)row->hash, KEY_BYTES, &key);
	if (err == 1) {
		require(name == g->n_tokens && key == g->n_tokens);
		return 0;
	}
	names_remove(g->token_names, name);
	return err < 0 ? err : ERR_HISTORY;
}

int grants_add_token(struct grants *g, const struct token_row *row)
{
	size_t len = strlen(row->name), size = sizeof *row + len + 1;
	if (row->id != g->n_tokens + 1 || len < 1 || len > CANDOR_NAME_MAX)
		return ERR_HISTORY;
	if (g->n_tokens == TOKENS_MAX)
		return ERR_FULL;
	if (!make_room(&g->tokens, g->n_tokens, &g->tokens_cap, sizeof *g->tokens))
		return -ENOMEM;
	struct token_row *t = malloc(size);
	int err = t ? index_token(g, row) : -ENOMEM;
	if (err) {
		free(t);
		return err;
	}
	*t = *row;
	put(&t->name, (char *)(t + 1));
	g->tokens[g->n_tokens++] = t;
	g->bytes += heap_bytes(size);
	return 0;
}

uint64_t grants_tokens(const struct grants *g)
{
	return g->n_tokens;
}

struct token_row *grants_token(const struct grants *g, uint64_t id)
{
	return id >= 1 && id <= g->n_tokens ? g->tokens[id - 1] : NULL;
}

struct token_row *grants_find_token(const struct grants *g, const char *name)
{
	uint32_t i = names_find(g->token_names, name, strlen(name));
	return i == NAMES_NONE ? NULL : g->tokens[i];
}

const struct token_row *grants_match(const struct grants *g, const uint8_t hash[TOKEN_HASH_BYTES])
{
	uint32_t i = names_find(g->token_keys, (const char *)hash, KEY_BYTES);
	if (i == NAMES_NONE || !token_hash_is(g->tokens[i]->hash, hash) || g->tokens[i]->revoked_at)
		return NULL;
	return g->tokens[i];
}

void grants_revoke(struct token_row *token, uint64_t now_ms)
{
	require(!token->revoked_at);
	token->revoked_at = now_ms;
}
