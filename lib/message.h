/* message.h - requests and responses as plain C structures.
 *
 * What candor.proto says, for C: the daemon and the client library both speak in these, and lib/wire turns them into
 * bytes and back. Field meanings, units and ranges are documented once, in candor.proto, under the same names.
 *
 * Ownership: pointers inside a message belong to whoever made it. A decoded message lives in the arena it was decoded
 * into and dies with it. Strings are NUL-terminated UTF-8, never NULL in a decoded message; where a caller fills in a
 * message, NULL reads as "".
 *
 * Most fields that candor.proto calls optional have no flag of their own: beside each stands which value says that it
 * is absent. Where every value counts there is a flag, has_FIELD. */
#ifndef CANDOR_MESSAGE_H
#define CANDOR_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The list that both enumerations of types are made from. */
#ifdef CANDOR_IN_TREE
#define CANDOR_REQUESTS_DEF "lib/requests.def"
#else
#define CANDOR_REQUESTS_DEF <candor/requests.def>
#endif

#define CANDOR_PROTOCOL 1
#define CANDOR_DIGEST_BYTES 32
#define CANDOR_NAME_MAX 255 /* bytes in the name of a pool, labeler or item */
#define CANDOR_HEAD_BYTES 32 /* of a hash in the chain of settlements */
#define CANDOR_SALT_BYTES 16 /* of a settlement's secret */
#define CANDOR_TOKEN_MAX 1024 /* bytes in a token, as it is shown */
#define CANDOR_TOKEN_NAME_MAX 200
#define CANDOR_SEQUENCE_MAX INT64_MAX /* of a report */
#define CANDOR_TIME_MAX UINT64_C(253402300799999) /* the last millisecond of the year 9999 */
#define CANDOR_GRANTS_MAX 100 /* with a new token */
#define CANDOR_PAGE_DEFAULT 100
#define CANDOR_PAGE_MAX 1000 /* rows in a page, and items in a query */
#define CANDOR_WAIT_MAX_MS 60000
#define CANDOR_BLOCK_MAX 4096 /* outcomes that are settled together, */
#define CANDOR_BLOCK_REPORTS_MAX 65535 /* ... and reports on all of their items */
#define CANDOR_CANDIDATES 5 /* that the forecast is made of */

enum candor_code {
	CANDOR_OK = 0,
	CANDOR_INVALID_ARGUMENT = 3,
	CANDOR_NOT_FOUND = 5,
	CANDOR_ALREADY_EXISTS = 6,
	CANDOR_PERMISSION_DENIED = 7,
	CANDOR_RESOURCE_EXHAUSTED = 8,
	CANDOR_FAILED_PRECONDITION = 9,
	CANDOR_INTERNAL = 13,
	CANDOR_UNAVAILABLE = 14,
	CANDOR_UNAUTHENTICATED = 16,
};

enum candor_rate {
	CANDOR_RATE_UNSPECIFIED = 0,
	CANDOR_ANYTIME = 1,
	CANDOR_HORIZON = 2,
	CANDOR_FIXED = 3,
};

enum candor_signs {
	CANDOR_SIGNS_UNSPECIFIED = 0,
	CANDOR_POSITIVE = 1,
	CANDOR_FREE = 2,
};

/* 0 in a field: not given. */
struct candor_settings {
	enum candor_rate rate;
	double c, beta, eta, horizon, share, entry;
	double wrong; /* 0 is a value of this one and the next */
	uint32_t scored;
	enum candor_signs signs;
	bool has_wrong, has_scored; /* in requests: given; in answers always */
};

enum candor_sort {
	CANDOR_BY_WEIGHT = 0,
	CANDOR_BY_REGRET = 1,
	CANDOR_BY_LOSS = 2,
	CANDOR_BY_SCORED = 3,
	CANDOR_BY_NAME = 4,
};

enum candor_item_state {
	CANDOR_STATE_UNSPECIFIED = 0,
	CANDOR_OPEN = 1,
	CANDOR_CLOSED = 2,
	CANDOR_RESOLVED = 3,
	CANDOR_VOID = 4,
};

/* Bits of a set. */
enum candor_right {
	CANDOR_RIGHT_REPORT = 1,
	CANDOR_RIGHT_OUTCOME = 2,
	CANDOR_RIGHT_READ = 4,
	CANDOR_RIGHT_READ_OPEN = 8,
	CANDOR_RIGHT_INSPECT = 16,
	CANDOR_RIGHT_ADMIN = 32,
	CANDOR_RIGHTS_ALL = 63,
};

struct candor_grant {
	const char *principal, *pool, *prefix;
	unsigned rights; /* bits of enum candor_right */
};

struct candor_report {
	const char *item, *labeler;
	double value;
	uint64_t sequence; /* 0: absent */
};

struct candor_outcome {
	const char *item;
	double value;
};

/* ---- requests ---- */

enum candor_request_type {
	CANDOR_REQ_UNKNOWN = 0,
#define CANDOR_REQUEST(NAME, field, Message, ANSWER) CANDOR_REQ_##NAME,
#include CANDOR_REQUESTS_DEF
};

enum candor_request_count {
	CANDOR_REQ_COUNT = 1
#define CANDOR_REQUEST(NAME, field, Message, ANSWER) +1
#include CANDOR_REQUESTS_DEF
};

/* How many types there are, UNKNOWN included: for arrays that are indexed by type. */
#define CANDOR_REQ_TYPES ((int)CANDOR_REQ_COUNT)

/* Which fields count depends on the type; the others are zero. */
struct candor_request {
	uint64_t id;
	enum candor_request_type type;

	const char *pool; /* all but HELLO, INFO, LIST_POOLS and those of tokens */
	const char *cursor; /* the LIST_ requests, GET_LABELER */
	uint32_t limit; /* likewise */

	uint32_t protocol; /* HELLO */
	const char *client; /* HELLO */
	const char *token; /* HELLO, text of at most CANDOR_TOKEN_MAX bytes, "" where there is none */
	struct candor_settings settings; /* CREATE_POOL, UPDATE_POOL */
	const char *labeler; /* GET_LABELER */
	bool history; /* GET_LABELER */
	bool with_reports; /* QUERY_ITEMS */
	bool with_now; /* QUERY_ITEMS, LIST_ITEMS */
	bool together; /* RESOLVE_ITEMS */
	bool commit; /* INFO: waits for a commit */
	enum candor_sort sort; /* LIST_LABELERS */
	uint64_t round; /* PRUNE_POOL, as the next three */
	const uint8_t *state, *digest; /* [CANDOR_DIGEST_BYTES] each */
	const char *file;
	const char *name; /* CREATE_TOKEN, REVOKE_TOKEN */
	uint64_t expires_at; /* CREATE_TOKEN */

	size_t n; /* rows in whichever of these the type has */
	const struct candor_report *reports; /* POST_REPORTS */
	const struct candor_outcome *outcomes; /* RESOLVE_ITEMS, RECHECK_ITEMS */
	const char *const *items; /* CLOSE_ITEMS, VOID_ITEMS, QUERY_ITEMS */
	const struct candor_grant *grants; /* CREATE_TOKEN; ADD_GRANT and REMOVE_GRANT: one */

	uint32_t reports_from, reports_limit; /* QUERY_ITEMS */
	uint64_t wait_ms; /* LIST_CHANGES */
};

/* ---- responses ---- */

struct candor_welcome {
	uint32_t protocol;
	const char *server;
	uint64_t max_frame_bytes;
	uint32_t max_in_flight;
	const char *principal;
};

struct candor_info {
	const char *version;
	uint32_t protocol;
	uint64_t uptime_ms, started_at;
	uint64_t pools, labelers, open_items, connections, committed, reports, settlements;
	bool read_only;
	const char *reason;
	uint64_t database_bytes, commits, resident_items;
	const char *database; /* its path, where the daemon tells it: on Unix sockets */
	uint64_t memory_bytes, memory_limit, resident_bytes;
	uint64_t loop_turns, loop_p50_us, loop_p99_us, loop_max_us; /* turns of the daemon's loop */
	uint64_t wal_bytes;
	uint64_t recent_commits, commit_p50_us, commit_p99_us; /* of the last minute */
};

struct candor_best {
	const char *labeler;
	uint64_t scored;
	double own_loss, mean_loss, regret, gain, bound;
};

struct candor_rechecks {
	uint64_t n, disagree;
	double wrong, low, high; /* absent if n is 0 */
};

struct candor_pool {
	const char *name;
	struct candor_settings settings;
	uint64_t created_at;
	uint64_t labelers, open_items, closed_items, resolved_items, void_items;
	uint64_t round;
	uint32_t epoch;
	double eta;
	uint64_t scored;
	double t_eff, total_weight;
	double mean_loss, median_loss, plain_mean_loss, plain_median_loss;
	const struct candor_best *best; /* NULL: none */
	uint64_t archived; /* 0: absent */
	const uint8_t *head; /* [CANDOR_HEAD_BYTES], the hash of the newest settlement; NULL: absent */
	double forecast_loss;
	const struct candor_rechecks *rechecks; /* NULL: absent */
	size_t n_blend; /* 0, or CANDOR_CANDIDATES */
	const double *blend;
};

struct candor_rejected {
	uint32_t index;
	enum candor_code code;
	const char *message;
};

struct candor_batch {
	uint64_t accepted, duplicates, revised;
	uint64_t rejected_omitted; /* beyond those listed; 0: absent */
};

struct candor_item_report {
	const char *labeler;
	double value;
	double weight; /* 0: absent */
};

struct candor_aggregates {
	double mean, median, plain_mean, plain_median, spread, ess, forecast;
	bool has_candidates; /* the next three are there */
	double regression, evidence, evidence_full;
};

struct candor_item {
	const char *item;
	enum candor_item_state state;
	double mean, median, plain_mean, plain_median, spread, ess; /* ess 0: all six are absent, and the forecast */
	uint64_t n;
	double outcome; /* in RESOLVED items, as the next three; in others absent */
	uint64_t round;
	double eta, weighted_loss;
	uint64_t opened_at;
	uint64_t closed_at, ended_at; /* 0: absent */
	size_t n_reports;
	const struct candor_item_report *reports;
	bool archived; /* false: absent */
	const char *cursor; /* in answers to LIST_CHANGES; NULL: absent */
	double forecast;
	bool has_candidates; /* the next three are there */
	double regression, evidence, evidence_full;
	const struct candor_aggregates *now; /* NULL: absent */
	bool has_label, has_recheck;
	double label, recheck;
	uint64_t block; /* 0: absent */
};

struct candor_labeler {
	const char *name;
	double weight;
	uint64_t scored;
	double own_loss, mean_loss, regret, entry, gain, bound;
};

struct candor_settlement {
	uint64_t round;
	const char *item;
	double report, outcome, loss, weighted_loss, mean, eta, weight;
	uint32_t epoch;
	uint64_t at;
	const uint8_t *hash; /* [CANDOR_HEAD_BYTES] */
	const uint8_t *salt; /* [CANDOR_SALT_BYTES]; NULL: absent */
	uint64_t block; /* 0: absent */
};

struct candor_token {
	const char *name;
	uint64_t created_at, expires_at, revoked_at;
};

struct candor_event {
	uint64_t change, at;
	const char *by, *pool, *action, *subject, *detail;
};

enum candor_response_type {
	CANDOR_RES_NONE = 0, /* a status alone */
#define CANDOR_ANSWER(NAME, field, Message, place) CANDOR_RES_##NAME,
#include CANDOR_REQUESTS_DEF
};

enum candor_response_count {
	CANDOR_RES_COUNT = 1
#define CANDOR_ANSWER(NAME, field, Message, place) +1
#include CANDOR_REQUESTS_DEF
};

/* Likewise, NONE included. */
#define CANDOR_RES_TYPES ((int)CANDOR_RES_COUNT)

/* Which fields count depends on the type; the others are zero. */
struct candor_response {
	uint64_t id;
	enum candor_code code;
	const char *message; /* "" where code is OK */
	uint32_t retry_after_ms;
	enum candor_response_type type;

	struct candor_welcome welcome;
	struct candor_info info;
	struct candor_pool pool;
	struct candor_batch batch;
	struct candor_labeler labeler;
	struct candor_token token; /* NEW_TOKEN */
	const char *secret; /* NEW_TOKEN */

	size_t n; /* rows in whichever of these the type has */
	const struct candor_pool *pools;
	const struct candor_item *items;
	const struct candor_labeler *labelers;
	const struct candor_settlement *history; /* LABELER */
	const struct candor_grant *grants;
	const struct candor_token *tokens;
	const struct candor_event *events;

	size_t n_rejected; /* BATCH, ITEMS */
	const struct candor_rejected *rejected;

	const char *next; /* POOLS, ITEMS, LABELERS, LABELER, GRANTS, TOKENS, EVENTS */
	bool more; /* ITEMS */
	uint32_t rest, reports_next; /* ITEMS; both 0: absent */
	bool archived; /* LABELER */
	uint64_t total; /* LABELERS */
	double total_weight; /* LABELERS */
};

#endif
