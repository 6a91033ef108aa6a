/* rights_model.h - who may do what, by the words of docs/security.md and by what was asked and answered alone.
 *
 * Hears every request when it is pushed and every answer when it is taken, and says what cannot be: that something was
 * done or told for whom nothing had been granted it at any moment between the two. Asks nothing of the daemon's own
 * judgement. What is still on its way leaves open what stands: a grant is possible from the moment when somebody asks
 * for it, until its removal was answered; and certain from its answer until somebody asks for its removal.
 *
 * What cannot be ends the process through require(). One thread. */
#ifndef CANDOR_TESTS_RIGHTS_MODEL_H
#define CANDOR_TESTS_RIGHTS_MODEL_H

#include "daemon/engine/grants.h"
#include "lib/wire/wire.h"

enum { MODEL_RIGHTS = 6, MODEL_TOKENS_MAX = 60 };

/* The rights for one principal, pool and prefix. Times are numbers of moments; UINT64_MAX: not yet over, not begun. */
struct model_key {
	char *principal, *pool, *prefix;
	unsigned on; /* was answered, and not taken away for certain */
	unsigned asked[MODEL_RIGHTS]; /* so many ask for it just now */
	uint64_t since[MODEL_RIGHTS]; /* certain */
	uint64_t until[MODEL_RIGHTS]; /* possible */
};

struct model_token {
	char principal[6 + CANDOR_TOKEN_NAME_MAX + 1];
	char secret[TOKEN_TEXT_BYTES];
	uint64_t expires_at;
	uint64_t until; /* the moment when its revocation was answered */
	bool doubted; /* somebody asked for that */
};

struct rights_model {
	struct model_key *keys;
	size_t n_keys, keys_cap;
	struct model_token tokens[MODEL_TOKENS_MAX]; /* whose secret was told */
	unsigned n_tokens;
	uint64_t moment;
	uint64_t removals; /* of grants and tokens, asked for so far */
	uint64_t adds; /* of grants, likewise */
	unsigned adding, removing; /* asked for just now */
	uint64_t rows; /* of tokens, at most */
	uint64_t gone; /* removals that were answered */
};

/* A request that was pushed. */
struct model_ask {
	uint64_t id, moment, now_ms;
	enum candor_request_type type;
	const char *pool, *name;
	const char **labelers;
	struct candor_grant *grants;
	size_t n;
	uint64_t expires_at;
	bool faulty, with_reports, commit, answered;
	uint64_t adds, removals; /* that were asked for before */
	bool alone; /* none of them was on its way */
	bool vague; /* another one had the same id: which of them an answer is for is not known */
	bool shows; /* a token, which is */
	int token; /* this one of the model's; -1: none that is known */
};

/* One connection. */
struct model_peer {
	struct identity base; /* who it is without a token */
	uint64_t ids; /* whom its requests may be for: bit 0 the base, bit k + 1 the k-th token */
	struct model_ask *asks;
	size_t n, cap, first; /* those before `first` are answered */
	size_t n_answered;
	struct arena arena;
	bool has_asked; /* something else than hello */
	bool has_been_served; /* with something else than hello */
	bool is_refused; /* for its token */
};

void model_free(struct rights_model *m);

void model_join(struct model_peer *p, const struct identity *base);
void model_leave(struct rights_model *m, struct model_peer *p);

/* What the peer pushes. NULL: no request; the answer has the id 0. */
void model_push(struct rights_model *m, struct model_peer *p, const struct wire_request *w, uint64_t now_ms);

/* Its newest request can be for nobody who may do it: it must change nothing. */
bool model_is_vain(const struct rights_model *m, const struct model_peer *p);

/* is_over: the connection is now. */
void model_hear(struct rights_model *m, struct model_peer *p, const struct candor_response *r, bool is_over,
		uint64_t now_ms);

/* All answers that there are were taken, and some removal among them: what is still to be answered must be possible from
 * now on, for what was done before is answered, too. */
void model_go_on(struct rights_model *m, struct model_peer *p, uint64_t now_ms);

/* All is answered that will be, and nobody is there: what stands must be possible, and what is certain must stand. From
 * now on that is what stands. */
void model_settle(struct rights_model *m, const struct grants *g);

#endif
