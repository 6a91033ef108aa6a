#include "tests/lib/samples.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct candor_report reports[] = {
	{"item-1", "anna", 0.25},
	{"item-1", "b\xc3\xb6rje", 1, INT64_MAX},
	{"item-2", "\xe6\x9d\x8e", 0},
};

static const struct candor_outcome outcomes[] = {{"item-1", 1}, {"item-2", 0.125}};

static const char *const items[] = {"item-1", "item-2", "\xf0\x9f\x90\xa6"};

static const uint8_t digests[] = "the first digest's bytes, and 32";

static const struct candor_grant grants[] = {
	{"token:t", "p1", "", CANDOR_RIGHT_READ | CANDOR_RIGHT_ADMIN},
	{"anonymous", "", "", CANDOR_RIGHTS_ALL},
	{"cert:CN=a\\20b", "p3", "pl\xc3\xa4t-", CANDOR_RIGHT_REPORT},
};

static const struct candor_grant own_grants[] = {
	{"", "p1", "", CANDOR_RIGHT_OUTCOME},
	{"", "", "plat-", CANDOR_RIGHT_REPORT},
};

static const struct candor_request requests[] = {
	{.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .client = "sampler 2.1"},
	{.id = UINT64_MAX, .type = CANDOR_REQ_INFO, .commit = true},
	{.id = 3,
	 .type = CANDOR_REQ_CREATE_POOL,
	 .pool = "p1",
	 .settings = {CANDOR_ANYTIME, 0.5, 0.25, 0.125, 7, 0.0625, 2, 0.375, 5, CANDOR_FREE, true, true}},
	{.id = 4, .type = CANDOR_REQ_UPDATE_POOL, .pool = "p2", .settings = {CANDOR_FIXED, 0, 0, 0.3, 0, 0.02, 0}},
	{.id = 25,
	 .type = CANDOR_REQ_UPDATE_POOL,
	 .pool = "p25",
	 .settings = {.signs = CANDOR_POSITIVE, .has_wrong = true, .has_scored = true}},
	{.id = 5, .type = CANDOR_REQ_LIST_POOLS, .cursor = "c5", .limit = 5},
	{.id = 6, .type = CANDOR_REQ_GET_POOL, .pool = "p6"},
	{.id = 7, .type = CANDOR_REQ_POST_REPORTS, .pool = "p7", .n = COUNT(reports), .reports = reports},
	{.id = 8, .type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p8", .n = COUNT(items), .items = items},
	{.id = 9, .type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p9", .n = COUNT(outcomes), .outcomes = outcomes},
	{.id = 26,
	 .type = CANDOR_REQ_RESOLVE_ITEMS,
	 .pool = "p26",
	 .n = COUNT(outcomes),
	 .outcomes = outcomes,
	 .together = true},
	{.id = 27, .type = CANDOR_REQ_RECHECK_ITEMS, .pool = "p27", .n = COUNT(outcomes), .outcomes = outcomes},
	{.id = 10, .type = CANDOR_REQ_VOID_ITEMS, .pool = "p10", .n = 1, .items = items},
	{.id = 11,
	 .type = CANDOR_REQ_QUERY_ITEMS,
	 .pool = "p11",
	 .n = 2,
	 .items = items,
	 .with_reports = true,
	 .reports_from = 111,
	 .reports_limit = 112,
	 .with_now = true},
	{.id = 12,
	 .type = CANDOR_REQ_LIST_LABELERS,
	 .pool = "p12",
	 .sort = CANDOR_BY_NAME,
	 .cursor = "c12",
	 .limit = 1000},
	{.id = 13,
	 .type = CANDOR_REQ_GET_LABELER,
	 .pool = "p13",
	 .labeler = "anna",
	 .history = true,
	 .cursor = "c13",
	 .limit = 13},
	{.id = 14, .type = CANDOR_REQ_LIST_ITEMS, .pool = "p14", .cursor = "c14", .limit = 14, .with_now = true},
	{.id = 15,
	 .type = CANDOR_REQ_PRUNE_POOL,
	 .pool = "p15",
	 .round = 1500,
	 .state = digests,
	 .digest = digests + 1,
	 .file = "p15.gz"},
	{.id = 16, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = "candor_16"},
	{.id = 17, .type = CANDOR_REQ_LIST_GRANTS, .pool = "p17", .cursor = "c17", .limit = 17},
	{.id = 18, .type = CANDOR_REQ_ADD_GRANT, .pool = "p1", .n = 1, .grants = grants},
	{.id = 19, .type = CANDOR_REQ_REMOVE_GRANT, .pool = "p3", .n = 1, .grants = grants + 2},
	{.id = 20,
	 .type = CANDOR_REQ_CREATE_TOKEN,
	 .name = "t20",
	 .expires_at = CANDOR_TIME_MAX,
	 .n = COUNT(own_grants),
	 .grants = own_grants},
	{.id = 21, .type = CANDOR_REQ_LIST_TOKENS, .cursor = "c21", .limit = 21},
	{.id = 22, .type = CANDOR_REQ_REVOKE_TOKEN, .name = "t22"},
	{.id = 23, .type = CANDOR_REQ_LIST_EVENTS, .pool = "p23", .cursor = "c23", .limit = 23},
	{.id = 24, .type = CANDOR_REQ_LIST_CHANGES, .pool = "p24", .cursor = "c24", .limit = 24, .wait_ms = 60000},
};

static const struct candor_best best = {"anna", 12, 1.5, 2.5, 1, 2.75, 40};

static const struct candor_rechecks rechecks = {50, 5, 0.053, 0.02, 0.125}, no_rechecks = {0, 0, 0, 0, 0};
static const double blend[CANDOR_CANDIDATES] = {5.5, 4.5, 0, -0.0, 1.25};

#define POOL_FIELDS                                                                                                \
	.settings = {CANDOR_HORIZON, 0.5, 0.25, 0.125, 7, 0.0625, 2, 0.375, 5, CANDOR_FREE}, .created_at = 101,    \
	.labelers = 102, .open_items = 103, .closed_items = 104, .resolved_items = 105, .void_items = 106,         \
	.round = 107, .epoch = 8, .eta = 0.3, .scored = 109, .t_eff = 1.1, .total_weight = 11.5, .mean_loss = 2.5, \
	.median_loss = 3.5, .plain_mean_loss = 4.5, .plain_median_loss = 5.5, .archived = 110

static const uint8_t head[CANDOR_HEAD_BYTES] = {0xca, 0, 0xff, 1};

static const struct candor_pool pools[] = {
	{.name = "p1",
	 POOL_FIELDS,
	 .best = &best,
	 .head = head,
	 .forecast_loss = 1.75,
	 .rechecks = &rechecks,
	 .n_blend = CANDOR_CANDIDATES,
	 .blend = blend},
	{.name = "p3", .rechecks = &no_rechecks},
	{.name = "p2", POOL_FIELDS},
	{.name = "empty"},
};

static const struct candor_rejected rejected[] = {
	{0, CANDOR_INVALID_ARGUMENT, "value is out of range"},
	{7, CANDOR_FAILED_PRECONDITION, "the item is closed"},
};

static const struct candor_item_report item_reports[] = {{"anna", 0.75, 1.5}, {"bea", 0.5, 0.25}};

static const struct candor_aggregates aggregates[] = {
	{0.15, 0.25, 0.35, 0.45, 0.55, 1.65, 0.75, true, 0.85, 0.95, 0},
	{.mean = 1, .ess = 2},
};

static const struct candor_item sample_items[] = {
	{"item-1",
	 CANDOR_RESOLVED,
	 0.1,
	 0.2,
	 0.3,
	 0.4,
	 0.5,
	 1.6,
	 17,
	 0.8,
	 19,
	 0.05,
	 0.06,
	 21,
	 22,
	 23,
	 COUNT(item_reports),
	 item_reports,
	 false,
	 NULL,
	 0.7,
	 true,
	 0.71,
	 0.72,
	 0.73,
	 NULL,
	 true,
	 true,
	 0.9,
	 0.25,
	 1 << 20},
	{.item = "item-2",
	 .state = CANDOR_OPEN,
	 .mean = 1,
	 .ess = 1,
	 .n = 1,
	 .opened_at = 5,
	 .now = aggregates,
	 .has_label = true},
	{.item = "item-3", .state = CANDOR_VOID, .ended_at = 6, .cursor = "c-3"},
	{.item = "item-5", .state = CANDOR_RESOLVED, .n = 3, .archived = true},
	{.item = "item-4",
	 .state = CANDOR_CLOSED,
	 .n_reports = 1,
	 .reports = item_reports + 1,
	 .now = aggregates + 1,
	 .has_recheck = true},
};

static const struct candor_labeler labelers[] = {
	{"anna", 2.5, 31, 3.25, 4.5, 1.25, 0.5, 3.5, 30},
	{"bea", 0.125, 32, 6.5, 5.5, -1, 1, -0.5, 7},
};

static const struct candor_settlement history[] = {
	{41, "item-1", 0.75, 1, 0.0625, 0.125, 0.7, 0.5, 1.25, 3, 43, digests, digests + 1, 39},
	{40, "item-2", 0.25, 0, 0.03125, 0.25, 0.6, 0.25, 1.5, 2, 42, digests + 1},
};

static const struct candor_token tokens[] = {{"t1", 1, 2, 3}, {"t2", UINT64_MAX, 0, 0}};

static const struct candor_event events[] = {
	{7, 8, "token:t x 1", "p1", "grant", "uid:7", "read"},
	{UINT64_MAX, 6, "uid:0", "", "revoke", "token:t", ""},
};

static const struct candor_response responses[] = {
	{.id = 1, .type = CANDOR_RES_NONE},
	{.id = 0, .code = CANDOR_INVALID_ARGUMENT, .message = "the frame is too long", .type = CANDOR_RES_NONE},
	{.id = 2, .type = CANDOR_RES_WELCOME, .welcome = {1, "candord 1", UINT64_MAX, UINT32_MAX, "uid:7"}},
	{.id = 3,
	 .type = CANDOR_RES_INFO,
	 .info = {"0.1", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, true, "no room left", 12, 13, 14}},
	{.id = 4, .type = CANDOR_RES_POOL, .pool = {.name = "p4", POOL_FIELDS, .best = &best}},
	{.id = 5, .type = CANDOR_RES_POOLS, .n = COUNT(pools), .pools = pools, .next = "n5"},
	{.id = 6,
	 .type = CANDOR_RES_BATCH,
	 .batch = {61, 62, 63, 64},
	 .n_rejected = COUNT(rejected),
	 .rejected = rejected},
	{.id = 7,
	 .type = CANDOR_RES_ITEMS,
	 .n = COUNT(sample_items),
	 .items = sample_items,
	 .n_rejected = 1,
	 .rejected = rejected + 1,
	 .next = "n7",
	 .more = true,
	 .rest = 71,
	 .reports_next = 72},
	{.id = 8,
	 .type = CANDOR_RES_LABELERS,
	 .n = COUNT(labelers),
	 .labelers = labelers,
	 .next = "n8",
	 .total = 81,
	 .total_weight = 82.5},
	{.id = 9,
	 .type = CANDOR_RES_LABELER,
	 .labeler = {"anna", 2.5, 31, 3.25, 4.5, 1.25, 0.5},
	 .n = COUNT(history),
	 .history = history,
	 .next = "n9",
	 .archived = true},
	{.id = 10, .type = CANDOR_RES_GRANTS, .n = COUNT(grants), .grants = grants, .next = "n10"},
	{.id = 11, .type = CANDOR_RES_NEW_TOKEN, .token = {"t11", 111, 112, 0}, .secret = "candor_11"},
	{.id = 12, .type = CANDOR_RES_TOKENS, .n = COUNT(tokens), .tokens = tokens, .next = "n12"},
	{.id = 13, .type = CANDOR_RES_EVENTS, .n = COUNT(events), .events = events, .next = "n13"},
	{.id = 14, .code = CANDOR_RESOURCE_EXHAUSTED, .message = "later", .retry_after_ms = UINT32_MAX},
};

const struct candor_request *sample_requests(size_t *n)
{
	*n = COUNT(requests);
	return requests;
}

const struct candor_response *sample_responses(size_t *n)
{
	*n = COUNT(responses);
	return responses;
}
