/* The tables of fields.h: each message of candor.proto, field by field. Fields are read in the order of their rows, and
 * of several faults the first is told. */
#include "lib/rights.h"
#include "lib/wire/checks.h"
#include "lib/wire/direct.h"

/* ---- how a row is written ---- */

/* Which kind a member is, of a message or of a plain structure. Enumerations are unsigned integers. */
#define KIND(member) \
	_Generic((member), \
		double: WIRE_REAL, \
		uint32_t: WIRE_U32, \
		uint64_t: WIRE_U64, \
		bool: WIRE_BOOL, \
		protobuf_c_boolean: WIRE_BOOL, \
		const char *: WIRE_TEXT, \
		char *: WIRE_TEXT, \
		const uint8_t *: WIRE_HASH, \
		ProtobufCBinaryData: WIRE_HASH)
#define IS(member, type) _Generic((member), type : 1, default : 0)
#define IN_MESSAGE(Message, field) (((Candor__V1__##Message *)0)->field)
#define IN_PLAIN(tag, member) (((struct candor_##tag *)0)->member)
/* 0; what does not hold does not compile. */
#define HOLDS(condition) (0 * sizeof(char[(condition) ? 1 : -1]))

#define AT(Message, field, tag, member) \
	.message = offsetof(Candor__V1__##Message, field), .plain = offsetof(struct candor_##tag, member)
#define MANY_AT(Message, field, tag, member, n_member)                                            \
	AT(Message, field, tag, member), .message_n = offsetof(Candor__V1__##Message, n_##field), \
					 .plain_n = offsetof(struct candor_##tag, n_member)

/* A value, a name or 32 bytes: of a message (Message, field) and of a plain structure (struct candor_tag, member). */
#define AS(Message, field, tag, member)                  \
	.name = #field, AT(Message, field, tag, member), \
	.kind = KIND(IN_PLAIN(tag, member)) + HOLDS(KIND(IN_PLAIN(tag, member)) == KIND(IN_MESSAGE(Message, field)))
#define FIELD(Message, tag, field)             \
	{                                      \
		AS(Message, field, tag, field) \
	}
#define VALUE(Message, tag, field, fault)                            \
	{                                                            \
		AS(Message, field, tag, field), .value_fault = fault \
	}
#define TEXT(Message, tag, field, fault)                            \
	{                                                           \
		AS(Message, field, tag, field), .text_fault = fault \
	}
#define HASH(Message, tag, field)                              \
	{                                                      \
		AS(Message, field, tag, field), .strict = true \
	}
#define LIMIT(Message, tag)                                                                                     \
	{                                                                                                       \
		.name = "limit", .kind = WIRE_LIMIT, AT(Message, limit, tag, limit), .value_fault = limit_fault \
	}
#define PAGE(Message, tag) TEXT(Message, tag, cursor, cursor_fault), LIMIT(Message, tag)
/* One that is `optional` in the proto; when: a function, or NULL. */
#define OPTIONAL_CASE(Message, MESSAGE, field, FIELD)                     \
	.message_case = offsetof(Candor__V1__##Message, _##field##_case), \
	.number = CANDOR__V1__##MESSAGE##___##FIELD##_##FIELD
#define OPTIONAL(Message, MESSAGE, tag, field, FIELD, when) \
	OPTIONAL_AS(Message, MESSAGE, field, FIELD, tag, field, when)
#define OPTIONAL_AS(Message, MESSAGE, field, FIELD, tag, member, when)                                             \
	{                                                                                                          \
		AS(Message, field, tag, member), .message_case = offsetof(Candor__V1__##Message, _##field##_case), \
						 .number = CANDOR__V1__##MESSAGE##___##FIELD##_##FIELD,            \
						 .is_present = when                                                \
	}
/* One whose presence a member of its own tells; when: a function that tells it instead, or NULL. */
#define FLAGGED(Message, MESSAGE, tag, field, FIELD, has, when)                                           \
	{                                                                                                 \
		AS(Message, field, tag, field), OPTIONAL_CASE(Message, MESSAGE, field, FIELD),            \
			.flag = offsetof(struct candor_##tag, has) + HOLDS(IS(IN_PLAIN(tag, has), bool)), \
			.is_present = when                                                                \
	}

#define PART(Message, tag, field, table)                                                       \
	{                                                                                      \
		.name = #field, .kind = WIRE_PART, AT(Message, field, tag, field), .of = table \
	}
#define GIVEN_PART(Message, tag, field, table)                                                                 \
	{                                                                                                      \
		.name = #field, .kind = WIRE_PART, AT(Message, field, tag, field), .of = table, .strict = true \
	}
#define LINK(Message, tag, field, table)                                                       \
	{                                                                                      \
		.name = #field, .kind = WIRE_LINK, AT(Message, field, tag, field), .of = table \
	}
#define RIGHTS(Message, tag, are_known)                                                     \
	{                                                                                   \
		.name = "rights", .kind = WIRE_RIGHTS, AT(Message, rights, tag, rights),    \
		.message_n = offsetof(Candor__V1__##Message, n_rights), .strict = are_known \
	}
/* n: the member that counts them. */
#define ROWS(Message, tag, field, n, table)                                                            \
	{                                                                                              \
		.name = #field, .kind = WIRE_ROWS, MANY_AT(Message, field, tag, field, n), .of = table \
	}
/* Of a request; each can have a fault of its own. */
#define OWN_ROWS(Message, field, table)                                                                     \
	{                                                                                                   \
		.name = #field, .kind = WIRE_ROWS, MANY_AT(Message, field, request, field, n), .of = table, \
		.own_faults = true                                                                          \
	}
#define ITEMS(Message)                                                                                      \
	.name = "items", .subject = "item", .kind = WIRE_TEXTS, MANY_AT(Message, items, request, items, n), \
	.text_fault = name_fault, .own_faults = true

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
/* A table of the rows NAME_rows, for the message whose descriptor is candor__v1__SNAKE__descriptor. */
#define TABLE(name, SNAKE, tag, ...)                                                                         \
	{                                                                                                    \
		.descriptor = &candor__v1__##SNAKE##__descriptor, .plain_size = sizeof(struct candor_##tag), \
		.rows = name##_rows, .n = COUNT(name##_rows), __VA_ARGS__                                    \
	}

/* ---- what is in requests and in answers ---- */

/* when: whether those are there that may be absent. */
#define SETTINGS(when)                                                                                                \
	FIELD(Settings, settings, rate), FIELD(Settings, settings, c), FIELD(Settings, settings, beta),               \
		FIELD(Settings, settings, eta), FIELD(Settings, settings, horizon), FIELD(Settings, settings, share), \
		FIELD(Settings, settings, entry),                                                                     \
		FLAGGED(Settings, SETTINGS, settings, wrong, WRONG, has_wrong, when),                                 \
		FLAGGED(Settings, SETTINGS, settings, scored, SCORED, has_scored, when),                              \
		FIELD(Settings, settings, signs)

static const struct wire_row request_Settings_rows[] = {
	SETTINGS(NULL),
};
static const struct wire_table request_Settings = TABLE(request_Settings, settings, settings);

static bool always(const void *plain)
{
	(void)plain;
	return true;
}

static const struct wire_row wire_settings_rows[] = {
	SETTINGS(always),
};
const struct wire_table wire_settings = TABLE(wire_settings, settings, settings);

/* names: what is checked of pool and prefix. principal: of whom it is for. are_known: whether all rights must be. */
#define GRANT(names, principal_check, are_known)                                         \
	TEXT(Grant, grant, pool, names), TEXT(Grant, grant, principal, principal_check), \
		TEXT(Grant, grant, prefix, names), RIGHTS(Grant, grant, are_known)

/* ---- requests ---- */

static const struct wire_row request_Hello_rows[] = {
	VALUE(Hello, request, protocol, protocol_fault),
	TEXT(Hello, request, client, optional_name_fault),
	{.name = "token",
	 .kind = WIRE_SECRET,
	 AT(Hello, token, request, token),
	 .max = CANDOR_TOKEN_MAX,
	 .too_many = "is too long; it must be at most 1024 bytes long"},
};
static const struct wire_table request_Hello = TABLE(request_Hello, hello, request);

static const struct wire_row request_InfoRequest_rows[] = {
	FIELD(InfoRequest, request, commit),
};
static const struct wire_table request_InfoRequest = TABLE(request_InfoRequest, info_request, request);

static const struct wire_row request_CreatePool_rows[] = {
	TEXT(CreatePool, request, pool, name_fault),
	PART(CreatePool, request, settings, &request_Settings),
};
static const struct wire_table request_CreatePool = TABLE(request_CreatePool, create_pool, request);

static const struct wire_row request_UpdatePool_rows[] = {
	TEXT(UpdatePool, request, pool, name_fault),
	PART(UpdatePool, request, settings, &request_Settings),
};
static const struct wire_table request_UpdatePool = TABLE(request_UpdatePool, update_pool, request);

static const struct wire_row request_ListPools_rows[] = {
	PAGE(ListPools, request),
};
static const struct wire_table request_ListPools = TABLE(request_ListPools, list_pools, request);

static const struct wire_row request_GetPool_rows[] = {
	TEXT(GetPool, request, pool, name_fault),
};
static const struct wire_table request_GetPool = TABLE(request_GetPool, get_pool, request);

static const struct wire_row request_Report_rows[] = {
	TEXT(Report, report, item, name_fault),
	TEXT(Report, report, labeler, name_fault),
	VALUE(Report, report, value, probability_fault),
	{AS(Report, sequence, report, sequence), OPTIONAL_CASE(Report, REPORT, sequence, SEQUENCE),
	 .value_fault = sequence_fault, .zero_fault = "is 0; it must be from 1 to 9223372036854775807, or absent"},
};
FAST_REQUEST(request_Report)
static const struct wire_table request_Report = FAST_REQUEST_TABLE(request_Report, report, report);

static const struct wire_row request_PostReports_rows[] = {
	TEXT(PostReports, request, pool, name_fault),
	OWN_ROWS(PostReports, reports, &request_Report),
};
FAST_REQUEST(request_PostReports)
static const struct wire_table request_PostReports = FAST_REQUEST_TABLE(request_PostReports, post_reports, request);

static const struct wire_row request_CloseItems_rows[] = {
	TEXT(CloseItems, request, pool, name_fault),
	{ITEMS(CloseItems)},
};
static const struct wire_table request_CloseItems = TABLE(request_CloseItems, close_items, request);

static const struct wire_row request_Outcome_rows[] = {
	TEXT(Outcome, outcome, item, name_fault),
	VALUE(Outcome, outcome, value, probability_fault),
};
static const struct wire_table request_Outcome = TABLE(request_Outcome, outcome, outcome);

static const struct wire_row request_ResolveItems_rows[] = {
	TEXT(ResolveItems, request, pool, name_fault),
	OWN_ROWS(ResolveItems, outcomes, &request_Outcome),
	FIELD(ResolveItems, request, together),
};
static const struct wire_table request_ResolveItems = TABLE(request_ResolveItems, resolve_items, request);

static const struct wire_row request_VoidItems_rows[] = {
	TEXT(VoidItems, request, pool, name_fault),
	{ITEMS(VoidItems)},
};
static const struct wire_table request_VoidItems = TABLE(request_VoidItems, void_items, request);

static const struct wire_row request_QueryItems_rows[] = {
	TEXT(QueryItems, request, pool, name_fault),
	{ITEMS(QueryItems), .max = CANDOR_PAGE_MAX, .too_many = "are too many; a query takes at most 1000"},
	{AS(QueryItems, reports, request, with_reports)},
	FIELD(QueryItems, request, reports_from),
	FIELD(QueryItems, request, reports_limit),
	{AS(QueryItems, now, request, with_now)},
};
FAST_REQUEST(request_QueryItems)
static const struct wire_table request_QueryItems = FAST_REQUEST_TABLE(request_QueryItems, query_items, request);

static const struct wire_row request_ListLabelers_rows[] = {
	TEXT(ListLabelers, request, pool, name_fault),
	VALUE(ListLabelers, request, sort, sort_fault),
	PAGE(ListLabelers, request),
};
static const struct wire_table request_ListLabelers = TABLE(request_ListLabelers, list_labelers, request);

static const struct wire_row request_GetLabeler_rows[] = {
	TEXT(GetLabeler, request, pool, name_fault),
	TEXT(GetLabeler, request, labeler, name_fault),
	FIELD(GetLabeler, request, history),
	PAGE(GetLabeler, request),
};
static const struct wire_table request_GetLabeler = TABLE(request_GetLabeler, get_labeler, request);

static const struct wire_row request_ListItems_rows[] = {
	TEXT(ListItems, request, pool, name_fault),
	PAGE(ListItems, request),
	{AS(ListItems, now, request, with_now)},
};
static const struct wire_table request_ListItems = TABLE(request_ListItems, list_items, request);

static const struct wire_row request_PrunePool_rows[] = {
	TEXT(PrunePool, request, pool, name_fault),
	HASH(PrunePool, request, state),
	HASH(PrunePool, request, digest),
	TEXT(PrunePool, request, file, name_fault),
	VALUE(PrunePool, request, round, round_fault),
};
static const struct wire_table request_PrunePool = TABLE(request_PrunePool, prune_pool, request);

static const struct wire_row request_ListGrants_rows[] = {
	TEXT(ListGrants, request, pool, optional_name_fault),
	PAGE(ListGrants, request),
};
static const struct wire_table request_ListGrants = TABLE(request_ListGrants, list_grants, request);

/* Of add_grant and remove_grant: the request is itself the one row. */
static const struct wire_row request_Grant_rows[] = {
	GRANT(optional_name_fault, principal_fault, true),
};
static const struct wire_table request_Grant =
	TABLE(request_Grant, grant, grant, .fault = whole_grant_fault, .subject = "grant",
	      .list = offsetof(struct candor_request, grants));

static const struct wire_row new_token_grant_rows[] = {
	GRANT(optional_name_fault, new_token_principal_fault, true),
};
static const struct wire_table new_token_grant =
	TABLE(new_token_grant, grant, grant, .fault = whole_grant_fault, .subject = "grant");

static const struct wire_row request_CreateToken_rows[] = {
	TEXT(CreateToken, request, name, token_name_fault),
	VALUE(CreateToken, request, expires_at, expiry_fault),
	{.name = "grants",
	 .kind = WIRE_ROWS,
	 MANY_AT(CreateToken, grants, request, grants, n),
	 .of = &new_token_grant,
	 .max = CANDOR_GRANTS_MAX,
	 .too_many = "are too many; a new token can have at most 100"},
};
static const struct wire_table request_CreateToken = TABLE(request_CreateToken, create_token, request);

static const struct wire_row request_ListTokens_rows[] = {
	PAGE(ListTokens, request),
};
static const struct wire_table request_ListTokens = TABLE(request_ListTokens, list_tokens, request);

static const struct wire_row request_RevokeToken_rows[] = {
	TEXT(RevokeToken, request, name, token_name_fault),
};
static const struct wire_table request_RevokeToken = TABLE(request_RevokeToken, revoke_token, request);

static const struct wire_row request_ListEvents_rows[] = {
	TEXT(ListEvents, request, pool, optional_name_fault),
	PAGE(ListEvents, request),
};
static const struct wire_table request_ListEvents = TABLE(request_ListEvents, list_events, request);

static const struct wire_row request_ListChanges_rows[] = {
	TEXT(ListChanges, request, pool, name_fault),
	PAGE(ListChanges, request),
	VALUE(ListChanges, request, wait_ms, wait_fault),
};
static const struct wire_table request_ListChanges = TABLE(request_ListChanges, list_changes, request);

static const struct wire_row request_RecheckItems_rows[] = {
	TEXT(RecheckItems, request, pool, name_fault),
	{.name = "rechecks",
	 .kind = WIRE_ROWS,
	 MANY_AT(RecheckItems, rechecks, request, outcomes, n),
	 .of = &request_Outcome,
	 .own_faults = true},
};
static const struct wire_table request_RecheckItems = TABLE(request_RecheckItems, recheck_items, request);

/* ---- answers ---- */

static const struct wire_row wire_status_rows[] = {
	FIELD(Status, response, code),
	TEXT(Status, response, message, text_fault),
	FIELD(Status, response, retry_after_ms),
};
const struct wire_table wire_status = TABLE(wire_status, status, response);

static const struct wire_row answer_Welcome_rows[] = {
	FIELD(Welcome, welcome, protocol),
	TEXT(Welcome, welcome, server, text_fault),
	FIELD(Welcome, welcome, max_frame_bytes),
	FIELD(Welcome, welcome, max_in_flight),
	TEXT(Welcome, welcome, principal, short_fault),
};
static const struct wire_table answer_Welcome = TABLE(answer_Welcome, welcome, welcome);

static const struct wire_row answer_Info_rows[] = {
	TEXT(Info, info, version, text_fault),
	FIELD(Info, info, protocol),
	FIELD(Info, info, uptime_ms),
	FIELD(Info, info, started_at),
	FIELD(Info, info, pools),
	FIELD(Info, info, labelers),
	FIELD(Info, info, open_items),
	FIELD(Info, info, connections),
	FIELD(Info, info, committed),
	FIELD(Info, info, reports),
	FIELD(Info, info, settlements),
	FIELD(Info, info, read_only),
	TEXT(Info, info, reason, text_fault),
	FIELD(Info, info, database_bytes),
	FIELD(Info, info, commits),
	FIELD(Info, info, resident_items),
	TEXT(Info, info, database, text_fault),
	FIELD(Info, info, memory_bytes),
	FIELD(Info, info, memory_limit),
	FIELD(Info, info, resident_bytes),
	FIELD(Info, info, loop_turns),
	FIELD(Info, info, loop_p50_us),
	FIELD(Info, info, loop_p99_us),
	FIELD(Info, info, loop_max_us),
	FIELD(Info, info, wal_bytes),
	FIELD(Info, info, recent_commits),
	FIELD(Info, info, commit_p50_us),
	FIELD(Info, info, commit_p99_us),
};
static const struct wire_table answer_Info = TABLE(answer_Info, info, info);

static const struct wire_row answer_BestLabeler_rows[] = {
	TEXT(BestLabeler, best, labeler, short_fault),
	FIELD(BestLabeler, best, scored),
	FIELD(BestLabeler, best, own_loss),
	FIELD(BestLabeler, best, mean_loss),
	FIELD(BestLabeler, best, regret),
	FIELD(BestLabeler, best, bound),
	FIELD(BestLabeler, best, gain),
};
static const struct wire_table answer_BestLabeler = TABLE(answer_BestLabeler, best_labeler, best);

static bool has_estimate(const void *plain)
{
	return ((const struct candor_rechecks *)plain)->n > 0;
}

static const struct wire_row answer_Rechecks_rows[] = {
	FIELD(Rechecks, rechecks, n),
	FIELD(Rechecks, rechecks, disagree),
	OPTIONAL(Rechecks, RECHECKS, rechecks, wrong, WRONG, has_estimate),
	OPTIONAL(Rechecks, RECHECKS, rechecks, low, LOW, has_estimate),
	OPTIONAL(Rechecks, RECHECKS, rechecks, high, HIGH, has_estimate),
};
static const struct wire_table answer_Rechecks = TABLE(answer_Rechecks, rechecks, rechecks);

static const struct wire_row answer_Pool_rows[] = {
	TEXT(Pool, pool, name, short_fault),
	PART(Pool, pool, settings, &wire_settings),
	FIELD(Pool, pool, created_at),
	FIELD(Pool, pool, labelers),
	FIELD(Pool, pool, open_items),
	FIELD(Pool, pool, closed_items),
	FIELD(Pool, pool, resolved_items),
	FIELD(Pool, pool, void_items),
	FIELD(Pool, pool, round),
	FIELD(Pool, pool, epoch),
	FIELD(Pool, pool, eta),
	FIELD(Pool, pool, scored),
	FIELD(Pool, pool, t_eff),
	FIELD(Pool, pool, total_weight),
	FIELD(Pool, pool, mean_loss),
	FIELD(Pool, pool, median_loss),
	FIELD(Pool, pool, plain_mean_loss),
	FIELD(Pool, pool, plain_median_loss),
	LINK(Pool, pool, best, &answer_BestLabeler),
	OPTIONAL(Pool, POOL, pool, head, HEAD, NULL),
	OPTIONAL(Pool, POOL, pool, archived, ARCHIVED, NULL),
	FIELD(Pool, pool, forecast_loss),
	LINK(Pool, pool, rechecks, &answer_Rechecks),
	{.name = "blend",
	 .kind = WIRE_REALS,
	 MANY_AT(Pool, blend, pool, blend, n_blend),
	 .max = CANDOR_CANDIDATES,
	 .too_many = "are not as many as there are candidates"},
};
static const struct wire_table answer_Pool = TABLE(answer_Pool, pool, pool);

static const struct wire_row answer_Pools_rows[] = {
	ROWS(Pools, response, pools, n, &answer_Pool),
	TEXT(Pools, response, next, short_fault),
};
static const struct wire_table answer_Pools = TABLE(answer_Pools, pools, response);

static const struct wire_row answer_Rejected_rows[] = {
	FIELD(Rejected, rejected, index),
	FIELD(Rejected, rejected, code),
	TEXT(Rejected, rejected, message, text_fault),
};
FAST_ANSWER(answer_Rejected)
static const struct wire_table answer_Rejected = FAST_ANSWER_TABLE(answer_Rejected, rejected, rejected);

static const struct wire_row answer_BatchResult_rows[] = {
	{AS(BatchResult, accepted, response, batch.accepted)},
	{AS(BatchResult, duplicates, response, batch.duplicates)},
	{AS(BatchResult, revised, response, batch.revised)},
	ROWS(BatchResult, response, rejected, n_rejected, &answer_Rejected),
	OPTIONAL_AS(BatchResult, BATCH_RESULT, rejected_omitted, REJECTED_OMITTED, response, batch.rejected_omitted,
		    NULL),
};
FAST_ANSWER(answer_BatchResult)
static const struct wire_table answer_BatchResult = FAST_ANSWER_TABLE(answer_BatchResult, batch_result, response);

static const struct wire_row answer_ItemReport_rows[] = {
	TEXT(ItemReport, item_report, labeler, short_fault),
	FIELD(ItemReport, item_report, value),
	OPTIONAL(ItemReport, ITEM_REPORT, item_report, weight, WEIGHT, NULL),
};
FAST_ANSWER(answer_ItemReport)
static const struct wire_table answer_ItemReport = FAST_ANSWER_TABLE(answer_ItemReport, item_report, item_report);

static bool is_resolved(const void *plain)
{
	return ((const struct candor_item *)plain)->state == CANDOR_RESOLVED;
}

static bool has_aggregates(const void *plain)
{
	return ((const struct candor_item *)plain)->ess != 0;
}

#define CANDIDATES(Message, MESSAGE, tag)                                                 \
	FLAGGED(Message, MESSAGE, tag, regression, REGRESSION, has_candidates, NULL),     \
		FLAGGED(Message, MESSAGE, tag, evidence, EVIDENCE, has_candidates, NULL), \
		FLAGGED(Message, MESSAGE, tag, evidence_full, EVIDENCE_FULL, has_candidates, NULL)

static const struct wire_row answer_Aggregates_rows[] = {
	FIELD(Aggregates, aggregates, mean),       FIELD(Aggregates, aggregates, median),
	FIELD(Aggregates, aggregates, plain_mean), FIELD(Aggregates, aggregates, plain_median),
	FIELD(Aggregates, aggregates, spread),     FIELD(Aggregates, aggregates, ess),
	FIELD(Aggregates, aggregates, forecast),   CANDIDATES(Aggregates, AGGREGATES, aggregates),
};
FAST_ANSWER(answer_Aggregates)
static const struct wire_table answer_Aggregates = FAST_ANSWER_TABLE(answer_Aggregates, aggregates, aggregates);

static const struct wire_row answer_Item_rows[] = {
	TEXT(Item, item, item, short_fault),
	VALUE(Item, item, state, state_fault),
	OPTIONAL(Item, ITEM, item, mean, MEAN, has_aggregates),
	OPTIONAL(Item, ITEM, item, median, MEDIAN, has_aggregates),
	OPTIONAL(Item, ITEM, item, plain_mean, PLAIN_MEAN, has_aggregates),
	OPTIONAL(Item, ITEM, item, plain_median, PLAIN_MEDIAN, has_aggregates),
	OPTIONAL(Item, ITEM, item, spread, SPREAD, has_aggregates),
	OPTIONAL(Item, ITEM, item, ess, ESS, has_aggregates),
	FIELD(Item, item, n),
	OPTIONAL(Item, ITEM, item, outcome, OUTCOME, is_resolved),
	OPTIONAL(Item, ITEM, item, round, ROUND, is_resolved),
	OPTIONAL(Item, ITEM, item, eta, ETA, is_resolved),
	OPTIONAL(Item, ITEM, item, weighted_loss, WEIGHTED_LOSS, is_resolved),
	FIELD(Item, item, opened_at),
	OPTIONAL(Item, ITEM, item, closed_at, CLOSED_AT, NULL),
	OPTIONAL(Item, ITEM, item, ended_at, ENDED_AT, NULL),
	ROWS(Item, item, reports, n_reports, &answer_ItemReport),
	OPTIONAL(Item, ITEM, item, archived, ARCHIVED, NULL),
	{AS(Item, cursor, item, cursor), OPTIONAL_CASE(Item, ITEM, cursor, CURSOR), .text_fault = short_fault},
	OPTIONAL(Item, ITEM, item, forecast, FORECAST, has_aggregates),
	CANDIDATES(Item, ITEM, item),
	LINK(Item, item, now, &answer_Aggregates),
	FLAGGED(Item, ITEM, item, label, LABEL, has_label, NULL),
	FLAGGED(Item, ITEM, item, recheck, RECHECK, has_recheck, NULL),
	OPTIONAL(Item, ITEM, item, block, BLOCK, NULL),
};
FAST_ANSWER(answer_Item)
static const struct wire_table answer_Item = FAST_ANSWER_TABLE(answer_Item, item, item);

static bool is_cut(const void *plain)
{
	const struct candor_response *r = plain;
	return r->rest || r->reports_next;
}

static const struct wire_row answer_Items_rows[] = {
	ROWS(Items, response, items, n, &answer_Item),
	TEXT(Items, response, next, short_fault),
	FIELD(Items, response, more),
	ROWS(Items, response, rejected, n_rejected, &answer_Rejected),
	OPTIONAL(Items, ITEMS, response, rest, REST, is_cut),
	OPTIONAL(Items, ITEMS, response, reports_next, REPORTS_NEXT, is_cut),
};
FAST_ANSWER(answer_Items)
static const struct wire_table answer_Items = FAST_ANSWER_TABLE(answer_Items, items, response);

static const struct wire_row answer_Labeler_rows[] = {
	TEXT(Labeler, labeler, name, short_fault),
	FIELD(Labeler, labeler, weight),
	FIELD(Labeler, labeler, scored),
	FIELD(Labeler, labeler, own_loss),
	FIELD(Labeler, labeler, mean_loss),
	FIELD(Labeler, labeler, regret),
	FIELD(Labeler, labeler, entry),
	FIELD(Labeler, labeler, gain),
	FIELD(Labeler, labeler, bound),
};
static const struct wire_table answer_Labeler = TABLE(answer_Labeler, labeler, labeler);

static const struct wire_row answer_Labelers_rows[] = {
	ROWS(Labelers, response, labelers, n, &answer_Labeler),
	TEXT(Labelers, response, next, short_fault),
	FIELD(Labelers, response, total),
	FIELD(Labelers, response, total_weight),
};
static const struct wire_table answer_Labelers = TABLE(answer_Labelers, labelers, response);

static const struct wire_row answer_Settlement_rows[] = {
	FIELD(Settlement, settlement, round),
	TEXT(Settlement, settlement, item, short_fault),
	FIELD(Settlement, settlement, report),
	FIELD(Settlement, settlement, outcome),
	FIELD(Settlement, settlement, loss),
	FIELD(Settlement, settlement, weighted_loss),
	FIELD(Settlement, settlement, mean),
	FIELD(Settlement, settlement, eta),
	FIELD(Settlement, settlement, weight),
	FIELD(Settlement, settlement, epoch),
	FIELD(Settlement, settlement, at),
	FIELD(Settlement, settlement, hash),
	{AS(Settlement, salt, settlement, salt), OPTIONAL_CASE(Settlement, SETTLEMENT, salt, SALT),
	 .max = CANDOR_SALT_BYTES},
	OPTIONAL(Settlement, SETTLEMENT, settlement, block, BLOCK, NULL),
};
static const struct wire_table answer_Settlement = TABLE(answer_Settlement, settlement, settlement);

static const struct wire_row answer_LabelerDetail_rows[] = {
	GIVEN_PART(LabelerDetail, response, labeler, &answer_Labeler),
	ROWS(LabelerDetail, response, history, n, &answer_Settlement),
	TEXT(LabelerDetail, response, next, short_fault),
	FIELD(LabelerDetail, response, archived),
};
static const struct wire_table answer_LabelerDetail = TABLE(answer_LabelerDetail, labeler_detail, response);

static const struct wire_row answer_Grant_rows[] = {
	GRANT(short_fault, short_fault, false),
};
static const struct wire_table answer_Grant = TABLE(answer_Grant, grant, grant);

static const struct wire_row answer_Grants_rows[] = {
	ROWS(Grants, response, grants, n, &answer_Grant),
	TEXT(Grants, response, next, short_fault),
};
static const struct wire_table answer_Grants = TABLE(answer_Grants, grants, response);

static const struct wire_row answer_Token_rows[] = {
	TEXT(Token, token, name, short_fault),
	FIELD(Token, token, created_at),
	FIELD(Token, token, expires_at),
	FIELD(Token, token, revoked_at),
};
static const struct wire_table answer_Token = TABLE(answer_Token, token, token);

static const struct wire_row answer_NewToken_rows[] = {
	GIVEN_PART(NewToken, response, token, &answer_Token),
	TEXT(NewToken, response, secret, short_fault),
};
static const struct wire_table answer_NewToken = TABLE(answer_NewToken, new_token, response);

static const struct wire_row answer_Tokens_rows[] = {
	ROWS(Tokens, response, tokens, n, &answer_Token),
	TEXT(Tokens, response, next, short_fault),
};
static const struct wire_table answer_Tokens = TABLE(answer_Tokens, tokens, response);

static const struct wire_row answer_Event_rows[] = {
	FIELD(Event, event, change),
	FIELD(Event, event, at),
	TEXT(Event, event, by, text_fault),
	TEXT(Event, event, pool, short_fault),
	TEXT(Event, event, action, short_fault),
	TEXT(Event, event, subject, short_fault),
	TEXT(Event, event, detail, text_fault),
};
static const struct wire_table answer_Event = TABLE(answer_Event, event, event);

static const struct wire_row answer_Events_rows[] = {
	ROWS(Events, response, events, n, &answer_Event),
	TEXT(Events, response, next, short_fault),
};
static const struct wire_table answer_Events = TABLE(answer_Events, events, response);

/* ---- which table is for what ---- */

const struct wire_body *wire_request_body(enum candor_request_type type)
{
	static const struct wire_body bodies[CANDOR_REQ_TYPES] = {
#define CANDOR_REQUEST(NAME, field, Message, ANSWER)                                                   \
	[CANDOR_REQ_##NAME] = {CANDOR__V1__REQUEST__BODY_##NAME +                                      \
				       HOLDS(IS(IN_MESSAGE(Request, field), Candor__V1__##Message *)), \
			       0, &request_##Message},
#include CANDOR_REQUESTS_DEF
	};
	return type > CANDOR_REQ_UNKNOWN && (unsigned)type < CANDOR_REQ_TYPES ? &bodies[type] : NULL;
}

enum candor_request_type wire_request_type(uint32_t number)
{
	static const uint8_t types[] = {
#define CANDOR_REQUEST(NAME, field, Message, ANSWER) [CANDOR__V1__REQUEST__BODY_##NAME] = CANDOR_REQ_##NAME,
#include CANDOR_REQUESTS_DEF
	};
	return number < COUNT(types) ? (enum candor_request_type)types[number] : CANDOR_REQ_UNKNOWN;
}

/* The one answer that message.h calls by another name. */
#define CANDOR__V1__RESPONSE__BODY_WELCOME CANDOR__V1__RESPONSE__BODY_HELLO

const struct wire_body *wire_answer_body(enum candor_response_type type)
{
#define IN(member) offsetof(struct candor_response, member)
#define WHOLE 0
	static const struct wire_body bodies[CANDOR_RES_TYPES] = {
#define CANDOR_ANSWER(NAME, field, Message, place)                                                      \
	[CANDOR_RES_##NAME] = {CANDOR__V1__RESPONSE__BODY_##NAME +                                      \
				       HOLDS(IS(IN_MESSAGE(Response, field), Candor__V1__##Message *)), \
			       place, &answer_##Message},
#include CANDOR_REQUESTS_DEF
	};
	return type > CANDOR_RES_NONE && (unsigned)type < CANDOR_RES_TYPES ? &bodies[type] : NULL;
}

enum candor_response_type wire_answer_type(uint32_t number)
{
	static const uint8_t types[] = {
#define CANDOR_ANSWER(NAME, field, Message, place) [CANDOR__V1__RESPONSE__BODY_##NAME] = CANDOR_RES_##NAME,
#include CANDOR_REQUESTS_DEF
	};
	return number < COUNT(types) ? (enum candor_response_type)types[number] : CANDOR_RES_NONE;
}
