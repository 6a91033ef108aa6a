#include "tests/lib/rights_table.h"

const struct rights_role rights_roles[ROLES] = {
	{"platform", "p", "", CANDOR_RIGHT_REPORT},
	{"auditor", "p", "", CANDOR_RIGHT_OUTCOME},
	{"trainer", "p", "", CANDOR_RIGHT_READ},
	{"operator", "p", "", CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_READ_OPEN},
	{"admin", "", "", CANDOR_RIGHT_ADMIN},
	{"pool-admin", "p", "", CANDOR_RIGHT_ADMIN},
	{"prefix", "p", "plat-", CANDOR_RIGHT_REPORT},
	{"elsewhere", "q", "", CANDOR_RIGHT_ADMIN},
	{"bare", NULL, "", 0},
	{"revoked", "", "", CANDOR_RIGHT_ADMIN},
	{"expired", "", "", CANDOR_RIGHT_ADMIN},
	{"anonymous", NULL, "", 0},
	{"owner", NULL, "", 0},
};

bool rights_uses_tokens(enum way way)
{
	return way == UNIX_TOKEN || way == TCP_TOKEN || way == TLS_TOKEN;
}

bool rights_is_tls(enum way way)
{
	return way == TLS_TOKEN || way == TLS_CERT;
}

bool rights_is_unix(enum way way)
{
	return way == UNIX_TOKEN || way == UNIX_UID || way == UNIX_GID;
}

bool rights_exists(enum way way, enum role role)
{
	switch (role) {
	case REVOKED:
	case EXPIRED: return rights_uses_tokens(way);
	case ANONYMOUS: return !rights_is_unix(way);
	case OWNER: return rights_is_unix(way);
	default: return true;
	}
}

const struct rights_row rights_rows[] = {
	/*platform
	 *| auditor
	 *| | trainer
	 *| | | operator
	 *| | | | admin
	 *| | | | | pool admin
	 *| | | | | | prefix
	 *| | | | | | | elsewhere
	 *| | | | | | | | bare
	 *| | | | | | | | | revoked
	 *| | | | | | | | | | expired
	 *| | | | | | | | | | | anonymous
	 *| | | | | | | | | | | | owner */
	{"+ + + + + + + + + u u + +", ask_hello, "hello"},
	{"+ + + + + + + + d u u u +", ask_info, "info"},
	{"+ + d d + + + + d u u u +", ask_info_commit, "info, commit"},
	{"+ + + + + + + + d u u u +", ask_list_pools, "list_pools"},
	{"+ + + + + + + d d u u u +", ask_get_pool, "get_pool"},
	{"d d d d + d d + d u u u +", ask_get_other_pool, "get_pool of another"},
	{"d d d d n d d d d u u u n", ask_get_no_pool, "get_pool of none"},
	{"d d d d + d d d d u u u +", ask_create_pool, "create_pool"},
	{"d d d d + + d d d u u u +", ask_update_pool, "update_pool"},
	{"d d d d d d d d d u u u +", ask_prune_pool, "prune_pool"},
	{"+ d d d + + + d d u u u +", ask_post_own, "post_reports"},
	{"+ d d d + + r d d u u u +", ask_post_others, "post_reports, others'"},
	{"d + d d + + d d d u u u +", ask_close_items, "close_items"},
	{"d + d d + + d d d u u u +", ask_resolve_items, "resolve_items"},
	{"d + d d + + d d d u u u +", ask_recheck_items, "recheck_items"},
	{"d + d d + + d d d u u u +", ask_void_items, "void_items"},
	{"d d + + + + d d d u u u +", ask_query_settled, "query_items"},
	{"d d r + + + d d d u u u +", ask_query_open, "query_items, open"},
	{"d d d + + + d d d u u u +", ask_query_settled_reports, "..., reports"},
	{"d d d + + + d d d u u u +", ask_query_open_reports, "..., open, reports"},
	{"d d + + + + d d d u u u +", ask_list_items, "list_items"},
	{"d d + + + + d d d u u u +", ask_list_changes, "list_changes"},
	{"d d d + + + d d d u u u +", ask_list_labelers, "list_labelers"},
	{"d d d + + + d d d u u u +", ask_get_labeler, "get_labeler"},
	{"d d d + + + d d d u u u +", ask_get_labeler_history, "..., history"},
	{"d d d d + + d d d u u u +", ask_list_grants, "list_grants"},
	{"d d d d + d d d d u u u +", ask_list_all_grants, "list_grants, all"},
	{"d d d d + + d d d u u u +", ask_add_grant, "add_grant"},
	{"d d d d + d d d d u u u +", ask_add_grant_everywhere, "add_grant, all"},
	{"d d d d + + d d d u u u +", ask_remove_grant, "remove_grant"},
	{"d d d d + d d d d u u u +", ask_remove_grant_everywhere, "..., all"},
	{"d d d d + d d d d u u u +", ask_create_token, "create_token"},
	{"d d d d + d d d d u u u +", ask_list_tokens, "list_tokens"},
	{"d d d d + d d d d u u u +", ask_revoke_token, "revoke_token"},
	{"d d d d + + d d d u u u +", ask_list_events, "list_events"},
	{"d d d d + d d d d u u u +", ask_list_all_events, "list_events, all"},
};
const size_t rights_n_rows = sizeof rights_rows / sizeof *rights_rows;
