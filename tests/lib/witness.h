/* witness.h - what one client asked of a daemon and what it was told; and whether that stands in the daemon's database.
 *
 * Requests of one connection take effect in the order sent, and what is on disk at any moment is the beginning of
 * history. So, however the daemon ended, there is a number m such that all that this client ever asked stands exactly as
 * its first m requests left it: no row more, no row less, none half there; and m is not less than that of any request
 * that was acknowledged and changed something, nor than that of what an acknowledged answer was based on.
 * witness_check() looks for that number among all that are allowed.
 *
 * What each answer has to say follows too: the witness knows the rules of the protocol (docs/protocol.md) for its own
 * items, and compares counts and codes. Several witnesses may work in the same pools with the same labelers, each on
 * items of its own; new ones all the time, so that each keeps some 150 bytes for each item.
 *
 * One thread. Set-up that fails ends the test program through require(). */
#ifndef CANDOR_TESTS_WITNESS_H
#define CANDOR_TESTS_WITNESS_H

#include "client/candor_async.h"
#include "lib/base/random.h"

enum {
	WITNESS_SHARED_POOLS = 3, /* all witnesses work in these; made by who starts them */
	WITNESS_POOLS_MAX = 16, /* with those that each makes for itself */
	WITNESS_REPORTS_MAX = 12, /* on an item */
	WITNESS_ROWS_MAX = 40,
	WITNESS_RECENT = 24, /* items of a pool that it works on */
	WITNESS_LABELERS_MAX = 1 << 16,
};

struct witness_item {
	uint8_t pool, state, n; /* state: enum candor_item_state; n: reports */
	double outcome, values[WITNESS_REPORTS_MAX]; /* NaN: none */
};

struct witness_pool {
	bool exists;
	struct candor_settings settings;
	uint32_t recent[WITNESS_RECENT];
	size_t n_recent;
	uint64_t items[CANDOR_VOID + 1], scored; /* that stand, by state */
	uint8_t *joined; /* of each labeler whether it has reported */
};

struct witness_row {
	uint32_t item;
	uint8_t identity; /* which of the item's reports */
	double value;
};

struct witness_answer {
	bool given;
	enum candor_code code;
	struct candor_batch batch;
	size_t n_rejected;
};

struct witness_request {
	enum candor_request_type type;
	uint32_t pool;
	size_t n;
	struct witness_row *rows;
	struct candor_settings settings;
	struct witness_answer answer, expected;
	bool changes;
};

struct witness {
	unsigned number;
	struct random random;
	struct witness_item *items;
	size_t n_items, items_cap;
	struct witness_pool pools[WITNESS_POOLS_MAX];
	uint32_t n_pools, labelers; /* of all pools: one more than the highest number */
	struct witness_request *requests; /* since the last check, in the order sent */
	size_t n_requests, requests_cap;
	struct witness_request *again; /* not acknowledged before the last check: asked again before anything new */
	size_t n_again, next_again;
	struct {
		char names[WITNESS_ROWS_MAX][24], labelers[WITNESS_ROWS_MAX][16], pool[24];
		const char *items[WITNESS_ROWS_MAX];
		struct candor_report reports[WITNESS_ROWS_MAX];
		struct candor_outcome outcomes[WITNESS_ROWS_MAX];
	} asked; /* what the last request points to */
	/* Over all checks: */
	uint64_t settlements; /* that stand */
	uint64_t reports; /* likewise, each revision too; and how many more there may be: revised and revised back */
	uint64_t reports_spare;
	uint64_t requests_sent, requests_acknowledged;
	uint64_t rows_checked; /* of acknowledged requests */
	uint64_t stood_unacknowledged; /* requests that were not acknowledged and stood */
};

/* number: under 256, another for each. */
void witness_init(struct witness *w, unsigned number, uint64_t seed);
void witness_free(struct witness *w);

void witness_pool_name(unsigned number, uint32_t pool, char out[24]);

/* The next request, to be sent at once; what it points to lives until the next call. Returns its index, for
 * witness_hear(). First what was not acknowledged before the last check, as a client does that knows that requests may
 * be repeated. */
size_t witness_ask(struct witness *w, struct candor_request *out);

/* True if all that is left to ask is new. */
bool witness_has_repeated(const struct witness *w);

/* An answer, or what became of it (a candor_on_response's status). */
void witness_hear(struct witness *w, size_t index, int status, const struct candor_response *r);

/* Compares what was touched since the last check with what the daemon has now, and everything that was ever asked where
 * `everything` is set. Returns the number of rows that are not as they have to be, and says on standard error which;
 * after anything but 0 the witness is of no more use. No request may be in flight. */
uint64_t witness_check(struct witness *w, struct candor *c, bool everything);

#endif
