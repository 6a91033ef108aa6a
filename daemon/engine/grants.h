/* grants.h - who may do what, in memory: grants, tokens, and the rights that a peer has by them. No I/O and no clock.
 *
 * One thread, the loop's. Rows that are handed out live until the grant or the table is removed. */
#ifndef CANDOR_GRANTS_H
#define CANDOR_GRANTS_H

#include "daemon/db/rows.h"

enum {
	IDENTITY_GROUPS_MAX = 32, /* of a local peer; further ones give no rights */
	GRANTS_MAX = 16384,
	GRANTS_OF_ONE_MAX = 256, /* principal: each row of a request may be compared with all of them */
	GRANTS_GROUPS_MAX = 128, /* principals that are groups: likewise */
	TOKENS_MAX = 65536, /* revoked ones included, as names are not reused */
};

/* A right to report for some prefix only; beside the bits of enum candor_right. */
enum { GRANTS_REPORT_SOME = 64 };

/* The peer at the other end of a connection. */
struct identity {
	/* For history. The principal if is_known; else the peer is anonymous, and this is its address. */
	char name[CANDOR_NAME_MAX + 1];
	bool is_known;
	bool is_local; /* on this machine, over a Unix socket */
	bool is_owner; /* the daemon's own user, or root: may do everything */
	bool is_settled; /* it has made a request, and can no longer change its identity */
	bool is_refused; /* it failed to authenticate: the connection is to end */
	uint64_t token; /* the id of the one that it presented; 0: none */
	uint32_t n_groups, groups[IDENTITY_GROUPS_MAX];
};

const char *identity_principal(const struct identity *w);

/* A peer that has neither said who it is nor been granted anything that it asked for. */
static inline bool identity_is_stranger(const struct identity *w)
{
	return !w->is_known && !w->is_settled;
}

struct grants;

/* key: as for names_new(). 0 or -ENOMEM. */
MUST_CHECK int grants_new(struct grants **out, const uint8_t *key);
void grants_free(struct grants *g); /* NULL is allowed */

/* Memory taken. */
size_t grants_bytes(const struct grants *g);

/* ---- rights ---- */

/* In one pool; in all pools (""); or in any pool (NULL). Bits of enum candor_right, all of them if admin is among
 * them; GRANTS_REPORT_SOME if there is a grant to report for a prefix. */
unsigned grants_rights(const struct grants *g, const struct identity *w, const char *pool);

/* The grants that apply to a peer: its own, then those of its groups. A place is all zero at first. */
struct grants_place {
	size_t list;
	const struct entry *next;
};

/* The next one, or NULL. */
const struct grant_row *grants_applying(const struct grants *g, const struct identity *w, struct grants_place *place);

/* What a grant gives in the pools that it is for, before those of several are put together by grants_sum(). */
static inline unsigned grants_bits(const struct grant_row *row)
{
	return row->prefix[0] ? (unsigned)GRANTS_REPORT_SOME : row->rights;
}

static inline unsigned grants_sum(unsigned bits)
{
	return bits & CANDOR_RIGHT_ADMIN ? (unsigned)CANDOR_RIGHTS_ALL : bits;
}

/* Whether the labeler's name begins with a prefix that a grant for the pool has. */
bool grants_may_report(const struct grants *g, const struct identity *w, const char *pool, const char *labeler);

/* NULL if the token of the identity is valid, or it has none; else a sentence. */
const char *grants_token_fault(const struct grants *g, const struct identity *w, uint64_t now_ms);

/* ---- grants ---- */

/* Adds rights to a principal's in a pool and prefix, or takes them away. 1: *row is the grant as it is now, without
 * rights if it is gone, and lives until the next change. 0: unchanged. -ENOMEM or ERR_FULL. */
MUST_CHECK int grants_change(struct grants *g, const struct candor_grant *what, bool add, struct grant_row *row);

/* The rights granted to exactly this principal, pool and prefix; what->rights does not matter. */
unsigned grants_standing(const struct grants *g, const struct candor_grant *what);

/* A row from disk, with a larger id than all before. 0, -ENOMEM, ERR_FULL or ERR_HISTORY. */
MUST_CHECK int grants_restore(struct grants *g, const struct grant_row *row);

/* The first grant with an id above `after`, or NULL. */
const struct grant_row *grants_next(const struct grants *g, uint64_t after);

/* How many there are: in all, and in a pool by its own name. */
size_t grants_count(const struct grants *g);
size_t grants_count_in(const struct grants *g, const char *pool);

/* Any grant of that principal, or NULL. */
const struct grant_row *grants_of(const struct grants *g, const char *principal);

/* ---- tokens ---- */

/* A new one, or one from disk (ids are given from 1). 0, -ENOMEM, ERR_FULL, or ERR_HISTORY where the id or the name is
 * not new. */
MUST_CHECK int grants_add_token(struct grants *g, const struct token_row *row);

uint64_t grants_tokens(const struct grants *g); /* how many there are, which is the newest one's id */
struct token_row *grants_token(const struct grants *g, uint64_t id); /* NULL: none */
struct token_row *grants_find_token(const struct grants *g, const char *name); /* likewise */

/* The one with this hash that is not revoked, or NULL. Hashes are found by a part of them and then compared as a whole,
 * in a time that does not tell where they differ. */
const struct token_row *grants_match(const struct grants *g, const uint8_t hash[TOKEN_HASH_BYTES]);

void grants_revoke(struct token_row *token, uint64_t now_ms);

#endif
