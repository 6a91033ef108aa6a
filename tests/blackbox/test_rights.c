/* Every request as everybody, over each transport, by the protocol and over HTTP, to the real daemon: who is to be served
 * is, and who is not hears the right refusal, changes nothing and learns nothing. tests/lib/rights_table.c says what is
 * expected. */
#include <grp.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/clock.h"
#include "tests/lib/rights_table.h"
#include "tests/lib/secure.h"
#include "tests/lib/web.h"
#include "daemon/http/routes.h"
#include "lib/wire/wire.h"

static void the_table_has_every_request(void **state)
{
	bool has[CANDOR_REQ_TYPES] = {[CANDOR_REQ_UNKNOWN] = true};
	(void)state;
	for (size_t i = 0; i < rights_n_rows; i++) {
		struct cell c = {.pool = "p"};
		rights_rows[i].make(&c);
		has[c.request.type] = true;
		assert_int_equal(strlen(rights_rows[i].want), 2 * ROLES - 1);
	}
	for (size_t type = 0; type < CANDOR_REQ_TYPES; type++)
		if (!has[type])
			fail_msg("no row of this table asks %s", candor_request_name((enum candor_request_type)type));
}

/* ---- the world ---- */

enum { ADDRESS_MAX = 192 };

/* Who asks: by the protocol, or over HTTP. */
struct asker {
	struct candor *c; /* NULL: over HTTP */
	struct web web;
};

struct world {
	struct secure *s;
	enum way way;
	bool is_http;
	uint64_t expiry; /* of the token that expires */
	struct candor *owner; /* who sets up and looks */
	sqlite3 *db;
	struct asker peers[ROLES], expiring[RIGHTS_ROWS_MAX];
	char secrets[ROLES][TOKEN_TEXT_BYTES];
	unsigned cells;
};

static const struct candor_response *call(struct candor *c, const struct candor_request *r)
{
	const struct candor_response *answer;
	assert_int_equal(candor_call(c, r, &answer), 0);
	return answer;
}

/* NULL: the connection has ended without an answer. */
static const struct candor_response *ask(struct asker *a, const struct candor_request *r)
{
	const struct candor_response *answer;
	if (!a->c)
		return web_call(&a->web, r);
	return candor_call(a->c, r, &answer) == 0 ? answer : NULL;
}

static const struct candor_response *ask_and_hear(struct asker *a, const struct candor_request *r)
{
	const struct candor_response *answer = ask(a, r);
	assert_non_null(answer);
	return answer;
}

static const struct candor_response *do_as_owner(struct world *w, struct candor_request r)
{
	const struct candor_response *answer = call(w->owner, &r);
	if (answer->code || answer->n_rejected)
		fail_msg("set-up: %s", answer->code ? answer->message : answer->rejected[0].message);
	return answer;
}

static void report_as_owner(struct world *w, const char *pool, const char *item, const char *labeler, double value)
{
	const struct candor_report row = {item, labeler, value};
	do_as_owner(w, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = 1, .reports = &row});
}

/* "p" has an item that is settled and one that is open; "hide" is a pool in which only admins of all have rights. */
static void fill(struct world *w)
{
	static const char *const pools[] = {"p", "q", "hide"};
	const struct candor_outcome outcome = {"settled", 1};
	for (size_t i = 0; i < 3; i++)
		do_as_owner(w, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = pools[i]});
	report_as_owner(w, "p", "settled", "plat-a", 0.9);
	report_as_owner(w, "p", "settled", "other", 0.2);
	do_as_owner(w, (struct candor_request){
			       .type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = &outcome});
	report_as_owner(w, "p", "open", "plat-a", 0.75);
	report_as_owner(w, "p", "open", "other", 0.5);
}

static uid_t user_of(enum way way, enum role role)
{
	return way == UNIX_UID ? 60000 + (uid_t)role : 65534;
}

static gid_t group_of(enum role role)
{
	return 61000 + (gid_t)role;
}

static void principal_of(enum way way, enum role role, char out[64])
{
	if (way == UNIX_UID)
		snprintf(out, 64, "uid:%u", (unsigned)user_of(way, role));
	else if (way == UNIX_GID)
		snprintf(out, 64, "gid:%u", (unsigned)group_of(role));
	else
		snprintf(out, 64, way == TLS_CERT ? "cert:CN=%s" : "token:%s", rights_roles[role].name);
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void make_principal(struct world *w, enum role role)
{
	char principal[64];
	struct candor_grant grant = {.pool = rights_roles[role].pool,
				     .prefix = rights_roles[role].prefix,
				     .rights = rights_roles[role].rights};
	bool granted = rights_roles[role].pool != NULL;
	principal_of(w->way, role, principal);
	if (rights_uses_tokens(w->way)) {
		const struct candor_request r = {
			.type = CANDOR_REQ_CREATE_TOKEN,
			.name = rights_roles[role].name,
			.expires_at = role == EXPIRED ? w->expiry : 0,
			.n = granted,
			.grants = &grant,
		};
		snprintf(w->secrets[role], TOKEN_TEXT_BYTES, "%s", do_as_owner(w, r)->secret);
	} else if (granted) {
		grant.principal = principal;
		do_as_owner(w, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &grant});
	}
}

/* For the kernel the caller is somebody else, as long as it connects. */
static void become(enum way way, enum role role)
{
	gid_t group = group_of(role), other = 65534;
	/* A group counts as the first one and as one of many. */
	bool first = role % 2 == 0;
	assert_int_equal(setgroups(way == UNIX_GID && !first, &group), 0);
	assert_int_equal(setegid(way == UNIX_GID && first ? group : other), 0);
	assert_int_equal(seteuid(user_of(way, role)), 0);
}

static void become_root(void)
{
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(setgroups(0, NULL), 0);
}

static const char *address_of(const struct world *w, char out[ADDRESS_MAX])
{
	const struct daemon *d = &w->s->command->daemon;
	const char *address = rights_is_unix(w->way) ? d->address : rights_is_tls(w->way) ? w->s->tls : w->s->tcp;
	snprintf(out, ADDRESS_MAX, "%s", w->is_http ? d->http : address);
	if (w->is_http && rights_is_unix(w->way))
		snprintf(out, ADDRESS_MAX, "unix:%s/web", d->dir);
	return out;
}

static void open_web(struct asker *a, const char *address, const struct candor_options *o)
{
	const struct web_options options = {.token = o->token, .ca = o->ca, .cert = o->cert, .key = o->key};
	struct http_answer first;
	web_open(&a->web, address, &options);
	if (!o->token)
		return;
	/* The token is shown, while it counts. */
	assert_true(web_ask(&a->web, "GET", "/v1/info", "", NULL, &first));
	assert_true(first.status == 200 || first.status == 403);
	http_answer_free(&first);
}

static void connect_as(const struct world *w, enum role role, struct asker *out)
{
	struct daemon *d = &w->s->command->daemon;
	struct candor_options options = {.ca = rights_is_tls(w->way) ? w->s->files.ca : NULL};
	char cert[DAEMON_PATH_MAX], key[DAEMON_PATH_MAX], address[ADDRESS_MAX];
	bool stranger = (w->way == UNIX_UID || w->way == UNIX_GID) && role != OWNER;
	*out = (struct asker){.c = NULL};
	if (rights_uses_tokens(w->way) && role != ANONYMOUS && role != OWNER)
		options.token = w->secrets[role];
	if (w->way == TLS_CERT && role != ANONYMOUS) {
		const struct certs_wish wish = {.name = rights_roles[role].name, .from_days = -1, .until_days = 9};
		struct certs_pair pair = certs_make(w->s->ours, &wish);
		secure_write(w->s, &pair, "role-cert.pem", "role-key.pem");
		certs_free(&pair);
		secure_path(w->s, "role-cert.pem", cert);
		secure_path(w->s, "role-key.pem", key);
		options.cert = cert;
		options.key = key;
	}
	address_of(w, address);
	if (stranger)
		become(w->way, role);
	if (w->is_http)
		open_web(out, address, &options);
	int err = w->is_http ? 0 : daemon_open(d, &out->c, address, &options);
	if (stranger)
		become_root();
	assert_int_equal(err, 0);
}

static void disconnect(struct world *w, struct asker *a)
{
	if (a->c)
		daemon_disconnect(&w->s->command->daemon, a->c);
	else if (w->is_http)
		web_close(&a->web);
	a->c = NULL;
}

static void begin(struct world *w, struct secure *s, enum way way, bool is_http)
{
	struct daemon *d = &s->command->daemon;
	char web[DAEMON_PATH_MAX + 16];
	*w = (struct world){.s = s, .way = way, .is_http = is_http};
	snprintf(web, sizeof web, "http+unix:%s/web", d->dir);
	if (rights_is_tls(way)) {
		secure_start(s, ARGS("--tls-ca", s->files.ca, "--listen", "http:127.0.0.1:0", "--listen", web));
	} else {
		daemon_start(d, ARGS("--listen", "tcp:127.0.0.1:0", "--listen", "http:127.0.0.1:0", "--listen", web));
		assert_true(*d->tcp);
	}
	if (way == UNIX_UID || way == UNIX_GID) {
		/* As an operator would who lets others in. */
		assert_int_equal(chmod(d->dir, 0711), 0);
		assert_int_equal(chmod(d->address + strlen("unix:"), 0777), 0);
		assert_int_equal(chmod(web + strlen("http+unix:"), 0777), 0);
	}
	w->owner = daemon_connect(d);
	assert_int_equal(sqlite3_open_v2(d->db, &w->db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	fill(w);
	for (enum role role = 0; role < OWNER; role++)
		if (rights_exists(way, role) && role != ANONYMOUS && role != EXPIRED)
			make_principal(w, role);
	uint64_t start = now_ms();
	for (enum role role = 0; role < ROLES; role++)
		if (rights_exists(way, role) && role != EXPIRED)
			connect_as(w, role, &w->peers[role]);
	if (!rights_exists(way, EXPIRED))
		return;
	/* It lives long enough for all who show it until then, for whom it takes as long each. */
	w->expiry = now_ms() + 2000 + 10 * (now_ms() - start);
	make_principal(w, EXPIRED);
	for (size_t i = 0; i < rights_n_rows; i++)
		connect_as(w, EXPIRED, &w->expiring[i]);
}

static void end(struct world *w)
{
	for (enum role role = 0; role < ROLES; role++)
		if (w->is_http && rights_exists(w->way, role) && role != EXPIRED)
			disconnect(w, &w->peers[role]);
	for (size_t i = 0; i < rights_n_rows && w->is_http && rights_exists(w->way, EXPIRED); i++)
		disconnect(w, &w->expiring[i]);
	assert_int_equal(sqlite3_close(w->db), SQLITE_OK);
}

/* ---- what there is ---- */

/* How often the database has been written to, as SQLite tells those who only read. */
static int writes(struct world *w)
{
	sqlite3_stmt *q;
	assert_int_equal(sqlite3_prepare_v2(w->db, "PRAGMA data_version", -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	int n = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	return n;
}

/* All that a refused request could have changed, in memory and on disk, as text: the caller's. */
static char *picture(struct world *w)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	const struct candor_info i = do_as_owner(w, (struct candor_request){.type = CANDOR_REQ_INFO})->info;
	fprintf(out, "%d %lu %lu %lu %lu %lu %lu\n", writes(w), i.committed, i.pools, i.labelers, i.open_items,
		i.reports, i.settlements);
	const struct candor_response *r =
		do_as_owner(w, (struct candor_request){.type = CANDOR_REQ_LIST_POOLS, .limit = 1000});
	for (size_t k = 0; k < r->n; k++)
		fprintf(out, "%s %a %lu %lu %lu %lu\n", r->pools[k].name, r->pools[k].settings.c,
			r->pools[k].open_items, r->pools[k].closed_items, r->pools[k].void_items, r->pools[k].archived);
	r = do_as_owner(w, (struct candor_request){.type = CANDOR_REQ_LIST_GRANTS, .limit = 1000});
	for (size_t k = 0; k < r->n; k++)
		fprintf(out, "%s %s %s %u\n", r->grants[k].principal, r->grants[k].pool, r->grants[k].prefix,
			r->grants[k].rights);
	r = do_as_owner(w, (struct candor_request){.type = CANDOR_REQ_LIST_TOKENS, .limit = 1000});
	for (size_t k = 0; k < r->n; k++)
		fprintf(out, "%s %lu\n", r->tokens[k].name, r->tokens[k].revoked_at);
	fclose(out);
	return text;
}

/* ---- what is told ---- */

static bool may_inspect(enum role role)
{
	return role == OPERATOR || role == ADMIN || role == POOL_ADMIN || role == OWNER;
}

static void expect_no_more_than_own_pools(struct world *w, enum role role, const struct candor_response *r)
{
	if (role == ADMIN || role == OWNER) {
		assert_true(r->n >= 3);
		return;
	}
	assert_int_equal(r->n, 1);
	assert_string_equal(r->pools[0].name, role == ELSEWHERE ? "q" : "p");
	assert_string_equal(r->next, "");
	/* Nor does a page that ends there say that others follow. */
	r = ask_and_hear(&w->peers[role], &(struct candor_request){.type = CANDOR_REQ_LIST_POOLS, .limit = 1});
	assert_int_equal(r->n, 1);
	assert_string_equal(r->next, "");
}

/* An answer that was given has in it what its receiver may see. */
static void expect_no_more_than_granted(struct world *w, enum role role, const struct cell *c,
					const struct candor_response *r)
{
	switch (c->request.type) {
	case CANDOR_REQ_INFO:
		assert_int_equal(r->info.database[0] != 0, rights_is_unix(w->way));
		if (role != ADMIN && role != OWNER) {
			assert_int_equal(r->info.pools, 1);
			assert_int_equal(r->info.open_items > 0, role != ELSEWHERE);
		}
		break;
	case CANDOR_REQ_LIST_POOLS: expect_no_more_than_own_pools(w, role, r); break;
	case CANDOR_REQ_GET_POOL:
		if (strcmp(c->request.pool, "p") == 0)
			assert_int_equal(r->pool.best != NULL, may_inspect(role));
		break;
	case CANDOR_REQ_QUERY_ITEMS:
		assert_int_equal(r->n, 1);
		assert_int_equal(r->items[0].n_reports, c->request.with_reports ? 2 : 0);
		break;
	case CANDOR_REQ_LIST_ITEMS:
	case CANDOR_REQ_LIST_CHANGES:
		assert_true(r->n > 0);
		for (size_t i = 0; i < r->n; i++)
			assert_true(r->items[i].state != CANDOR_OPEN && r->items[i].n_reports == 0);
		break;
	case CANDOR_REQ_LIST_GRANTS:
		for (size_t i = 0; i < r->n && c->request.pool; i++)
			assert_true(!r->grants[i].pool[0] || strcmp(r->grants[i].pool, c->request.pool) == 0);
		break;
	case CANDOR_REQ_LIST_EVENTS:
		assert_true(r->n > 0);
		for (size_t i = 0; i < r->n && c->request.pool; i++)
			assert_string_equal(r->events[i].pool, c->request.pool);
		break;
	default: break;
	}
}

/* ---- a cell of the table ---- */

static void make_cell(struct world *w, const struct rights_row *row, const char *pool, struct cell *c)
{
	*c = (struct cell){.number = w->cells++, .pool = pool};
	snprintf(c->name, sizeof c->name, "name-%u", c->number);
	row->make(c);
}

/* What it is about is there. */
static void prepare(struct world *w, const struct cell *c)
{
	switch (c->request.type) {
	case CANDOR_REQ_CLOSE_ITEMS:
	case CANDOR_REQ_RESOLVE_ITEMS:
	case CANDOR_REQ_VOID_ITEMS: report_as_owner(w, c->pool, c->name, "plat-a", 0.25); break;
	case CANDOR_REQ_REMOVE_GRANT:
		do_as_owner(w, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &c->grant});
		break;
	case CANDOR_REQ_REVOKE_TOKEN:
		do_as_owner(w, (struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN, .name = c->name});
		break;
	default: break;
	}
}

static enum candor_code code_of(char want, const struct cell *c)
{
	switch (want) {
	case 'd': return CANDOR_PERMISSION_DENIED;
	case 'u': return CANDOR_UNAUTHENTICATED;
	case 'n': return CANDOR_NOT_FOUND;
	case 'r': return CANDOR_OK;
	default: return c->done;
	}
}

static void expect_answer(struct world *w, enum role role, const struct rights_row *row, const struct cell *c,
			  char want, const struct candor_response *r)
{
	if (r->code != code_of(want, c))
		fail_msg("%s as %s: %s %s", row->what, rights_roles[role].name, candor_code_name(r->code), r->message);
	if (r->code) {
		assert_true(r->message[0] != 0);
		assert_int_equal(r->type, CANDOR_RES_NONE);
		assert_int_equal(r->n + r->n_rejected, 0);
	} else if (want == 'r') {
		assert_int_equal(r->n, 0);
		assert_int_equal(r->n_rejected, 1);
		assert_int_equal(r->rejected[0].code, CANDOR_PERMISSION_DENIED);
		assert_int_equal(r->batch.accepted + r->batch.duplicates + r->batch.revised, 0);
	} else {
		assert_int_equal(r->n_rejected, 0);
		expect_no_more_than_granted(w, role, c, r);
	}
}

/* A peer that connected while its token was valid. */
static void connect_revoked(struct world *w, enum role role)
{
	char name[32];
	const struct candor_grant grant = {.rights = CANDOR_RIGHT_ADMIN};
	snprintf(name, sizeof name, "revoked-%u", w->cells++);
	const struct candor_request create = {.type = CANDOR_REQ_CREATE_TOKEN, .name = name, .n = 1, .grants = &grant},
				    revoke = {.type = CANDOR_REQ_REVOKE_TOKEN, .name = name};
	snprintf(w->secrets[role], TOKEN_TEXT_BYTES, "%s", do_as_owner(w, create)->secret);
	disconnect(w, &w->peers[role]);
	connect_as(w, role, &w->peers[role]);
	do_as_owner(w, revoke);
}

static void try_cell(struct world *w, size_t i, enum role role)
{
	struct cell c;
	char want = rights_rows[i].want[2 * role];
	struct asker *peer = role == EXPIRED ? &w->expiring[i] : &w->peers[role];
	make_cell(w, &rights_rows[i], "p", &c);
	if (w->is_http && routes_socket_only(c.request.type))
		return;
	if (role == REVOKED)
		connect_revoked(w, role);
	prepare(w, &c);
	bool changes = want == '+' && c.done == CANDOR_OK;
	char *before = changes ? NULL : picture(w);
	expect_answer(w, role, &rights_rows[i], &c, want, ask_and_hear(peer, &c.request));
	char *after = changes ? NULL : picture(w);
	if (!changes)
		assert_string_equal(before, after);
	free(before);
	free(after);
	if (role == REVOKED || role == EXPIRED) {
		/* And that was the last word. */
		const struct candor_request again = {.type = CANDOR_REQ_INFO};
		const struct candor_response *r = ask(peer, &again);
		assert_true(!r || r->code == CANDOR_UNAUTHENTICATED);
	}
}

/* ---- what is not there ---- */

static void mask(const char *text, const char *pool, char out[512])
{
	size_t n = 0;
	for (; *text && n < 511; text++) {
		if (strncmp(text, pool, strlen(pool)) == 0) {
			out[n++] = '*';
			text += strlen(pool) - 1;
		} else {
			out[n++] = *text;
		}
	}
	out[n] = 0;
}

/* A pool in which one has no rights, and one that does not exist, are refused in the same words. */
static void expect_the_hidden_to_be_as_the_missing(struct world *w, enum role role)
{
	static const char *const pools[2] = {"hide", "none"};
	for (size_t i = 0; i < rights_n_rows; i++) {
		char said[2][512];
		struct cell c;
		for (int k = 0; k < 2; k++) {
			make_cell(w, &rights_rows[i], pools[k], &c);
			c.number = 7;
			if (!c.names_pool || (w->is_http && routes_socket_only(c.request.type))) {
				c.names_pool = false;
				continue;
			}
			const struct candor_response *r = ask_and_hear(&w->peers[role], &c.request);
			assert_int_equal(r->code,
					 role == ANONYMOUS ? CANDOR_UNAUTHENTICATED : CANDOR_PERMISSION_DENIED);
			mask(r->message, pools[k], said[k]);
		}
		if (c.names_pool)
			assert_string_equal(said[0], said[1]);
	}
}

/* ---- what only HTTP has ---- */

/* Further routes of some requests, and pages. As in rights_table.h; '0': it is done, and there is nothing to be said. */
static const struct page {
	const char *want, *method, *target;
} pages[] = {
	{"d d + + + + d d d u u u +", "GET", "/v1/pools/p/items/settled"},
	{"d d d + + + d d d u u u +", "GET", "/v1/pools/p/items/open"},
	{"d d d + + + d d d u u u +", "GET", "/v1/pools/p/items/settled?reports=true"},
	{"d d d + + + d d d u u u +", "GET", "/v1/pools/p/items/open?reports=true"},
	{"d d n n n n d d d u u u n", "GET", "/v1/pools/p/items/nothing"},
	{"d d d + + + d d d u u u +", "GET", "/v1/pools/p/labelers/plat-a/history"},
	{"d d d d + d d d d u u u +", "GET", "/metrics"},
	{"+ + + + + + + + + + + + +", "GET", "/v1/openapi.json"},
	{"+ + + + + + + + + + + + +", "GET", "/livez"},
	{"+ + + + + + + + + + + + +", "GET", "/readyz"},
	{"0 0 0 0 0 0 0 0 0 0 0 0 0", "DELETE", "/v1/session"},
};
enum { PAGES = sizeof pages / sizeof *pages };

static unsigned status_of(char want)
{
	switch (want) {
	case 'd': return 403;
	case 'u': return 401;
	case 'n': return 404;
	case '0': return 204;
	default: return 200;
	}
}

static void every_route_is_tried(void **state)
{
	size_t n;
	const struct route *all = routes_all(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct route_match m;
		/* The first of a kind has its row in rights_table.c. A cookie is for a token that is shown. */
		bool tried = !all[i].name || all[i].page == ROUTE_SESSION_BEGIN;
		for (size_t k = 0; k < PAGES && !tried; k++) {
			char path[128];
			snprintf(path, sizeof path, "%.*s", (int)strcspn(pages[k].target, "?"), pages[k].target);
			tried = routes_find(pages[k].method, path, &m) == 0 && m.route == &all[i];
		}
		if (!tried)
			fail_msg("no row of this table asks for %s %s", routes_method(&all[i]), all[i].path);
	}
}

static void try_page(struct world *w, const struct page *page, enum role role)
{
	const char want = page->want[2 * role];
	const struct web_options late = {.token = w->secrets[role],
					 .ca = rights_is_tls(w->way) ? w->s->files.ca : NULL};
	char address[ADDRESS_MAX];
	struct web own, *web = &w->peers[role].web;
	struct http_answer answer;
	bool is_late = role == REVOKED || role == EXPIRED;
	if (is_late)
		web_open(web = &own, address_of(w, address), &late);
	assert_true(web_ask(web, page->method, page->target, "", NULL, &answer));
	if (answer.status != status_of(want))
		fail_msg("%s %s as %s: %u", page->method, page->target, rights_roles[role].name, answer.status);
	assert_true(want == '0' ? answer.body.len == 0 : answer.body.len > 0);
	assert_int_equal(answer.closes, is_late && want == 'u');
	http_answer_free(&answer);
	if (is_late)
		web_close(&own);
}

static void try_all(struct secure *s, enum way way, bool is_http)
{
	static struct world w;
	begin(&w, s, way, is_http);
	/* The slowest to come is the end of a token's life. */
	while (rights_exists(way, EXPIRED) && now_ms() <= w.expiry)
		nap_ms(50);
	for (size_t i = 0; i < rights_n_rows; i++)
		for (enum role role = 0; role < ROLES; role++)
			if (rights_exists(way, role))
				try_cell(&w, i, role);
	for (enum role role = 0; role < ROLES; role++)
		if (rights_exists(way, role) && role != ADMIN && role != OWNER && role != REVOKED && role != EXPIRED)
			expect_the_hidden_to_be_as_the_missing(&w, role);
	for (size_t i = 0; i < PAGES && is_http; i++)
		for (enum role role = 0; role < ROLES; role++)
			if (rights_exists(way, role))
				try_page(&w, &pages[i], role);
	end(&w);
}

#define EVERYBODY(name, way, is_http)          \
	static void name(void **state)         \
	{                                      \
		try_all(*state, way, is_http); \
	}
#define EVERYBODY_HERE(name, way, is_http)                                      \
	static void name(void **state)                                          \
	{                                                                       \
		if (geteuid() != 0) {                                           \
			skip_because("only root can connect as somebody else"); \
		}                                                               \
		try_all(*state, way, is_http);                                  \
	}

EVERYBODY(everybody_over_a_unix_socket_with_a_token, UNIX_TOKEN, false)
EVERYBODY(everybody_over_tcp_with_a_token, TCP_TOKEN, false)
EVERYBODY(everybody_over_tls_with_a_token, TLS_TOKEN, false)
EVERYBODY(everybody_over_tls_with_a_certificate, TLS_CERT, false)
EVERYBODY_HERE(everybody_as_a_user_of_this_machine, UNIX_UID, false)
EVERYBODY_HERE(everybody_as_a_group_of_this_machine, UNIX_GID, false)
EVERYBODY(everybody_over_http_on_a_unix_socket_with_a_token, UNIX_TOKEN, true)
EVERYBODY(everybody_over_http_with_a_token, TCP_TOKEN, true)
EVERYBODY(everybody_over_https_with_a_token, TLS_TOKEN, true)
EVERYBODY(everybody_over_https_with_a_certificate, TLS_CERT, true)
EVERYBODY_HERE(everybody_over_http_as_a_user_of_this_machine, UNIX_UID, true)
EVERYBODY_HERE(everybody_over_http_as_a_group_of_this_machine, UNIX_GID, true)

#define RIGHTS(test) cmocka_unit_test_setup_teardown(test, secure_set_up, secure_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_has_every_request),
		cmocka_unit_test(every_route_is_tried),
		RIGHTS(everybody_over_a_unix_socket_with_a_token),
		RIGHTS(everybody_over_tcp_with_a_token),
		RIGHTS(everybody_over_tls_with_a_token),
		RIGHTS(everybody_over_tls_with_a_certificate),
		RIGHTS(everybody_as_a_user_of_this_machine),
		RIGHTS(everybody_as_a_group_of_this_machine),
		RIGHTS(everybody_over_http_on_a_unix_socket_with_a_token),
		RIGHTS(everybody_over_http_with_a_token),
		RIGHTS(everybody_over_https_with_a_token),
		RIGHTS(everybody_over_https_with_a_certificate),
		RIGHTS(everybody_over_http_as_a_user_of_this_machine),
		RIGHTS(everybody_over_http_as_a_group_of_this_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
