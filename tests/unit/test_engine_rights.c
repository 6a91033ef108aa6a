/* Rights in the engine and in sessions: tokens and grants count from the moment they are given to the moment they are
 * taken away, whatever is under way then; they are kept as all state is; and who did what is told. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "client/candor.h"
#include "daemon/engine/grants.h"
#include "tests/lib/peer.h"

static const struct identity from_afar = {.name = "tcp:192.0.2.7"};

/* ---- what an admin does ---- */

static const struct candor_response *tell(struct fake_owner *f, struct candor_request r)
{
	return fake_call(f, &r);
}

static struct candor_grant grant_of(const char *principal, const char *pool, unsigned rights)
{
	return (struct candor_grant){principal, pool, "", rights};
}

static enum candor_code change_grant(struct fake_owner *f, enum candor_request_type type, struct candor_grant grant)
{
	return tell(f, (struct candor_request){.type = type, .n = 1, .grants = &grant})->code;
}

static enum candor_code grant(struct fake_owner *f, const char *principal, const char *pool, unsigned rights)
{
	return change_grant(f, CANDOR_REQ_ADD_GRANT, grant_of(principal, pool, rights));
}

static enum candor_code withdraw(struct fake_owner *f, const char *principal, const char *pool, unsigned rights)
{
	return change_grant(f, CANDOR_REQ_REMOVE_GRANT, grant_of(principal, pool, rights));
}

static void new_token(struct fake_owner *f, const char *name, unsigned rights, uint64_t expires_at,
		      char secret[TOKEN_TEXT_BYTES])
{
	const struct candor_grant g = {.rights = rights};
	const struct candor_response *r = tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN,
									  .name = name,
									  .expires_at = expires_at,
									  .n = rights != 0,
									  .grants = &g});
	assert_int_equal(r->code, CANDOR_OK);
	assert_string_equal(r->token.name, name);
	assert_true(r->token.expires_at == expires_at && r->token.created_at == f->now_ms && !r->token.revoked_at);
	assert_int_equal(strlen(r->secret), TOKEN_TEXT_BYTES - 1);
	snprintf(secret, TOKEN_TEXT_BYTES, "%s", r->secret);
}

static enum candor_code revoke_token(struct fake_owner *f, const char *name)
{
	return tell(f, (struct candor_request){.type = CANDOR_REQ_REVOKE_TOKEN, .name = name})->code;
}

/* Without letting anything else happen: it is in force, and nobody is told yet. */
static struct ask *revoke_at_once(struct fake_owner *f, const char *name)
{
	struct ask *a = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_REVOKE_TOKEN, .name = name});
	assert_true(a->replied);
	assert_int_equal(a->answer.code, CANDOR_OK);
	return a;
}

/* ---- what others ask ---- */

static void become_known(struct peer *p, const char *secret)
{
	struct candor_response r;
	peer_send(p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = secret});
	assert_int_equal(peer_receive(p, &r), 1);
	assert_int_equal(r.code, CANDOR_OK);
}

static struct peer *known(struct peer_world *w, const char *secret)
{
	peer_end(&w->p);
	peer_init_as(&w->p, &w->f, &w->limits, &from_afar);
	become_known(&w->p, secret);
	return &w->p;
}

static struct candor_request query(uint64_t id, const char *const *item)
{
	return (struct candor_request){.id = id, .type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .items = item};
}

static void expect(struct peer *p, uint64_t id, enum candor_code code)
{
	struct candor_response r;
	assert_int_equal(peer_receive(p, &r), 1);
	if (r.id != id || r.code != code)
		fail_msg("answer %u: %s %s", (unsigned)r.id, candor_code_name(r.code), r.message);
}

static void expect_end(struct peer *p)
{
	struct candor_response r;
	assert_int_equal(peer_receive(p, &r), 0);
	assert_true(session_is_over(p->session));
	/* Nor is anything taken any more. */
	peer_send(p, &(struct candor_request){.id = 99, .type = CANDOR_REQ_INFO});
	fake_settle(p->owner);
	assert_int_equal(peer_receive(p, &r), 0);
}

/* ---- the end of a token ---- */

/* Three kinds of requests are on their way when it is revoked: one waits for the disk, others behind it in the queue. */
static void a_revoked_token_is_worth_nothing_to_what_waits_already(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char secret[TOKEN_TEXT_BYTES];
	const char *item = "never seen";
	const struct candor_report row = {"written", "ann", 1};
	new_token(f, "t", CANDOR_RIGHT_ADMIN, 0, secret);
	struct peer *p = known(w, secret);
	struct candor_request ask = query(2, &item);
	peer_send(p, &ask);
	peer_send(p, &(struct candor_request){
			     .id = 3, .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	peer_send(p, &(struct candor_request){.id = 4, .type = CANDOR_REQ_CREATE_POOL, .pool = "another"});
	assert_true(f->n_reads > 0);
	struct ask *a = revoke_at_once(f, "t");
	fake_settle(f);
	ask_free(a);
	expect(p, 2, CANDOR_UNAUTHENTICATED);
	expect_end(p);
	assert_null(fake_query(f, "p", "written"));
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "another"})->code,
			 CANDOR_NOT_FOUND);
}

static void a_revoked_token_is_told_nothing_that_is_still_being_read(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char secret[TOKEN_TEXT_BYTES], name[16];
	assert_int_equal(fake_post(f, "p", "a", "ann", 1), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "p", "a", 1), CANDOR_OK);
	const struct candor_request reads[] = {
		{.id = 2, .type = CANDOR_REQ_LIST_ITEMS, .pool = "p"},
		{.id = 2, .type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "ann", .history = true},
		{.id = 2, .type = CANDOR_REQ_LIST_EVENTS},
	};
	for (size_t i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "t%zu", i);
		new_token(f, name, CANDOR_RIGHT_ADMIN, 0, secret);
		struct peer *p = known(w, secret);
		peer_send(p, &reads[i % 3]);
		assert_int_equal(f->n_reads, 1);
		/* Whether it has seen the disk already or not. */
		if (i < 3)
			fake_read_work(f, 0);
		struct ask *a = revoke_at_once(f, name);
		fake_settle(f);
		ask_free(a);
		expect(p, 2, CANDOR_UNAUTHENTICATED);
		expect_end(p);
	}
}

static void a_withdrawn_right_ends_answers_and_not_the_connection(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char secret[TOKEN_TEXT_BYTES];
	const char *item = "never seen";
	new_token(f, "t", CANDOR_RIGHT_READ, 0, secret);
	struct peer *p = known(w, secret);
	peer_send(p, &(struct candor_request){.id = 2, .type = CANDOR_REQ_LIST_ITEMS, .pool = "p"});
	struct candor_request ask = query(3, &item);
	peer_send(p, &ask);
	const struct candor_grant gone = grant_of("token:t", "", CANDOR_RIGHT_READ);
	struct ask *a = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_REMOVE_GRANT, .n = 1, .grants = &gone});
	assert_int_equal(a->answer.batch.accepted, 1);
	fake_settle(f);
	ask_free(a);
	expect(p, 2, CANDOR_PERMISSION_DENIED);
	expect(p, 3, CANDOR_PERMISSION_DENIED);
	assert_false(session_is_over(p->session));
	assert_int_equal(grant(f, "token:t", "p", CANDOR_RIGHT_READ), CANDOR_OK);
	peer_send(p, &(struct candor_request){.id = 4, .type = CANDOR_REQ_GET_POOL, .pool = "p"});
	expect(p, 4, CANDOR_OK);
}

static void a_token_ends_when_its_time_comes(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char secret[TOKEN_TEXT_BYTES];
	new_token(f, "t", CANDOR_RIGHT_ADMIN, f->now_ms + 100, secret);
	struct peer *p = known(w, secret);
	f->now_ms += 99;
	peer_send(p, &(struct candor_request){.id = 2, .type = CANDOR_REQ_INFO});
	expect(p, 2, CANDOR_OK);
	f->now_ms += 1;
	peer_send(p, &(struct candor_request){.id = 3, .type = CANDOR_REQ_INFO});
	expect(p, 3, CANDOR_UNAUTHENTICATED);
	expect_end(p);
	/* Nor is it a token for anybody else. */
	peer_end(p);
	peer_init_as(p, f, &w->limits, &from_afar);
	peer_send(p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = secret});
	expect(p, 1, CANDOR_UNAUTHENTICATED);
	expect_end(p);
	assert_int_equal(
		tell(f,
		     (struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN, .name = "late", .expires_at = f->now_ms})
			->code,
		CANDOR_INVALID_ARGUMENT);
}

/* ---- its beginning ---- */

static void a_token_comes_before_anything_else(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char first[TOKEN_TEXT_BYTES], second[TOKEN_TEXT_BYTES];
	struct candor_response r;
	new_token(f, "first", CANDOR_RIGHT_READ, 0, first);
	new_token(f, "second", CANDOR_RIGHT_ADMIN, 0, second);
	struct peer *p = known(w, first);
	struct candor_request hello = {.id = 2, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = second};
	peer_send(p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_INFO});
	expect(p, 1, CANDOR_OK);
	peer_send(p, &hello);
	expect(p, 2, CANDOR_FAILED_PRECONDITION);
	expect_end(p);
	/* Nor is anything done that was sent behind it, in whose name ever. */
	peer_end(p);
	p = known(w, first);
	hello.token = "candor_none";
	peer_send(p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_INFO});
	peer_send(p, &hello);
	peer_send(p, &(struct candor_request){.id = 3, .type = CANDOR_REQ_INFO});
	expect(p, 1, CANDOR_OK);
	expect(p, 2, CANDOR_FAILED_PRECONDITION);
	expect_end(p);
	/* A hello without one changes nothing. */
	peer_end(p);
	p = known(w, first);
	hello.token = "";
	peer_send(p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_INFO});
	expect(p, 1, CANDOR_OK);
	peer_send(p, &hello);
	assert_int_equal(peer_receive(p, &r), 1);
	assert_string_equal(r.welcome.principal, "token:first");
	peer_send(p, &(struct candor_request){.id = 3, .type = CANDOR_REQ_CREATE_POOL, .pool = "x"});
	expect(p, 3, CANDOR_PERMISSION_DENIED);

	/* Whom nothing was done for may still say who it is. */
	peer_end(p);
	peer_init_as(p, f, &w->limits, &from_afar);
	peer_send(p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_INFO});
	expect(p, 1, CANDOR_UNAUTHENTICATED);
	hello.token = second;
	peer_send(p, &hello);
	assert_int_equal(peer_receive(p, &r), 1);
	assert_string_equal(r.welcome.principal, "token:second");
}

static void a_token_that_is_none_ends_the_connection(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char good[TOKEN_TEXT_BYTES], almost[TOKEN_TEXT_BYTES], longer[TOKEN_TEXT_BYTES + 1];
	new_token(f, "t", CANDOR_RIGHT_ADMIN, 0, good);
	snprintf(almost, TOKEN_TEXT_BYTES, "%s", good);
	almost[TOKEN_TEXT_BYTES - 2] ^= 1;
	snprintf(longer, sizeof longer, "%sA", good);
	/* Also for those who need none. */
	static const struct identity whom[] = {{.name = "tcp:192.0.2.7"}, FAKE_OWNER};
	const char *const wrong[] = {almost, longer, "x", good + 1, "candor_", "t", "token:t"};
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
			struct buf bytes = {0};
			peer_end(&w->p);
			peer_init_as(&w->p, f, &w->limits, &whom[k]);
			peer_write(&bytes,
				   &(struct candor_request){
					   .id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = wrong[i]});
			peer_write(&bytes,
				   &(struct candor_request){.id = 2, .type = CANDOR_REQ_CREATE_POOL, .pool = "stolen"});
			peer_push(&w->p, bytes.data, bytes.len);
			buf_free(&bytes);
			fake_settle(f);
			expect(&w->p, 1, CANDOR_UNAUTHENTICATED);
			expect_end(&w->p);
		}
	}
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "stolen"})->code,
			 CANDOR_NOT_FOUND);
}

/* What comes in one breath with the token is its bearer's, on whatever connection. */
static void changes_by_a_token_are_recorded_under_its_name(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char secret[TOKEN_TEXT_BYTES], pool[16], sql[160];
	static const struct identity whom[] = {
		{.name = "tcp:192.0.2.7"}, {.name = "cert:CN=x", .is_known = true}, FAKE_OWNER};
	static const char *const clients[] = {"", "teller 1", "teller 2"};
	const char *item = "a";
	const struct candor_outcome outcome = {"b", 1};
	const struct candor_report rows[] = {{"a", "ann", 1}, {"b", "ann", 1}};
	new_token(f, "bearer", CANDOR_RIGHT_ADMIN, 0, secret);
	for (size_t i = 0; i < 3; i++) {
		struct buf bytes = {0};
		snprintf(pool, sizeof pool, "pool%zu", i);
		const struct candor_grant g = grant_of("uid:7", pool, CANDOR_RIGHT_READ);
		const struct candor_request requests[] = {
			{.type = CANDOR_REQ_HELLO, .protocol = 1, .client = clients[i], .token = secret},
			{.type = CANDOR_REQ_CREATE_POOL, .pool = pool},
			{.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = 2, .reports = rows},
			{.type = CANDOR_REQ_VOID_ITEMS, .pool = pool, .n = 1, .items = &item},
			{.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = pool, .n = 1, .outcomes = &outcome},
			{.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &g},
		};
		for (size_t k = 0; k < 6; k++) {
			struct candor_request r = requests[k];
			r.id = k + 1;
			peer_write(&bytes, &r);
		}
		peer_end(&w->p);
		peer_init_as(&w->p, f, &w->limits, &whom[i]);
		peer_push(&w->p, bytes.data, bytes.len);
		buf_free(&bytes);
		fake_settle(f);
		for (uint64_t id = 1; id <= 6; id++)
			expect(&w->p, id, CANDOR_OK);
		snprintf(sql, sizeof sql,
			 "SELECT count(*) FROM (SELECT by FROM settings UNION ALL SELECT by FROM settlements UNION ALL"
			 " SELECT by FROM events) WHERE by = 'token:bearer%s%s'",
			 clients[i][0] ? " " : "", clients[i]);
		assert_near(fake_number(f, sql), 4, 0);
		const struct candor_response *r =
			tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_EVENTS, .pool = pool});
		assert_int_equal(r->n, 4);
		for (size_t k = 0; k < 4; k++)
			assert_int_equal(strncmp(r->events[k].by, "token:bearer", 12), 0);
	}
	assert_near(fake_number(f, "SELECT count(*) FROM open_items WHERE by <> 'token:bearer'"), 0, 0);
}

/* ---- what is kept ---- */

static void expect_principal(struct peer_world *w, const char *secret, const char *principal)
{
	struct candor_response r;
	peer_end(&w->p);
	peer_init_as(&w->p, &w->f, &w->limits, &from_afar);
	peer_send(&w->p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = secret});
	assert_int_equal(peer_receive(&w->p, &r), 1);
	if (principal)
		assert_string_equal(r.welcome.principal, principal);
	else
		assert_int_equal(r.code, CANDOR_UNAUTHENTICATED);
	peer_end(&w->p);
}

/* All grants and tokens, as the daemon tells of them: the caller's. */
static char *picture(struct fake_owner *f)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	const struct candor_response *r =
		tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_GRANTS, .limit = 1000});
	for (size_t i = 0; i < r->n; i++)
		fprintf(out, "%s %s %s %u\n", r->grants[i].principal, r->grants[i].pool, r->grants[i].prefix,
			r->grants[i].rights);
	r = tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_TOKENS, .limit = 1000});
	for (size_t i = 0; i < r->n; i++)
		fprintf(out, "%s %lu %lu %lu\n", r->tokens[i].name, r->tokens[i].created_at, r->tokens[i].expires_at,
			r->tokens[i].revoked_at);
	fclose(out);
	return text;
}

static void expect_picture(struct fake_owner *f, const char *want)
{
	char *got = picture(f);
	assert_string_equal(got, want);
	free(got);
}

static void grants_and_tokens_survive_a_restart(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char kept[TOKEN_TEXT_BYTES], dead[TOKEN_TEXT_BYTES];
	const struct candor_grant some = {"uid:7", "p", "plat-", CANDOR_RIGHT_REPORT};
	new_token(f, "kept", CANDOR_RIGHT_READ, f->now_ms + 1000, kept);
	new_token(f, "dead", CANDOR_RIGHT_READ, 0, dead);
	assert_int_equal(grant(f, "anonymous", "", CANDOR_RIGHT_READ | CANDOR_RIGHT_INSPECT), CANDOR_OK);
	assert_int_equal(grant(f, "token:kept", "p", CANDOR_RIGHT_ADMIN), CANDOR_OK);
	assert_int_equal(change_grant(f, CANDOR_REQ_ADD_GRANT, some), CANDOR_OK);
	assert_int_equal(grant(f, "gid:9", "q", CANDOR_RIGHT_OUTCOME), CANDOR_OK);
	assert_int_equal(withdraw(f, "anonymous", "", CANDOR_RIGHT_INSPECT), CANDOR_OK);
	assert_int_equal(withdraw(f, "gid:9", "q", CANDOR_RIGHTS_ALL), CANDOR_OK);
	assert_int_equal(grant(f, "gid:9", "q", CANDOR_RIGHT_READ), CANDOR_OK);
	assert_int_equal(revoke_token(f, "dead"), CANDOR_OK);
	char *want = picture(f);
	assert_null(strstr(want, "token:dead"));
	assert_non_null(strstr(want, "uid:7 p plat- 1\n"));
	for (int i = 0; i < 3; i++) {
		peer_end(&w->p);
		fake_restart(f);
		expect_picture(f, want);
		expect_principal(w, kept, "token:kept");
		expect_principal(w, dead, NULL);
	}
	free(want);
	/* A name is used once, also by those that are gone. */
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN, .name = "dead"})->code,
			 CANDOR_ALREADY_EXISTS);
	assert_int_equal(grant(f, "token:dead", "", CANDOR_RIGHT_READ), CANDOR_NOT_FOUND);
	assert_int_equal(grant(f, "token:never", "", CANDOR_RIGHT_READ), CANDOR_NOT_FOUND);
	assert_int_equal(fake_verify(f), 0);
}

static void changes_that_could_not_be_written_are_taken_back(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char old[TOKEN_TEXT_BYTES], lost[TOKEN_TEXT_BYTES];
	const struct candor_grant given = {.pool = "p", .rights = CANDOR_RIGHT_READ},
				  to_all = grant_of("anonymous", "", CANDOR_RIGHT_ADMIN),
				  less = grant_of("token:old", "", CANDOR_RIGHT_READ);
	new_token(f, "old", CANDOR_RIGHT_READ | CANDOR_RIGHT_REPORT, 0, old);
	char *want = picture(f);
	const struct candor_request requests[] = {
		{.type = CANDOR_REQ_CREATE_TOKEN, .name = "lost", .n = 1, .grants = &given},
		{.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &to_all},
		{.type = CANDOR_REQ_REMOVE_GRANT, .n = 1, .grants = &less},
		{.type = CANDOR_REQ_REVOKE_TOKEN, .name = "old"},
	};
	static const int errors[] = {ERR_DISK_FULL, -ENOMEM};
	for (size_t k = 0; k < 2; k++) {
		struct ask *asks[4];
		for (size_t i = 0; i < 4; i++) {
			asks[i] = fake_ask(f, &requests[i]);
			assert_true(asks[i]->replied && !asks[i]->settled);
			assert_int_equal(asks[i]->answer.code, CANDOR_OK);
		}
		snprintf(lost, TOKEN_TEXT_BYTES, "%s", asks[0]->answer.secret);
		assert_true(fake_tick(f));
		fake_commit(f, errors[k]);
		for (size_t i = 0; i < 4; i++) {
			assert_true(asks[i]->settled);
			assert_int_equal(asks[i]->err, errors[k]);
			ask_free(asks[i]);
		}
		engine_probe(f->engine); /* there is room again */
		if (f->batch)
			fake_commit(f, 0);
		expect_picture(f, want);
		expect_principal(w, old, "token:old");
		expect_principal(w, lost, NULL);
		assert_near(fake_number(f, "SELECT count(*) FROM events WHERE action IN ('revoke', 'withdraw')"), 0, 0);
	}
	free(want);
	new_token(f, "lost", CANDOR_RIGHT_READ, 0, lost);
	expect_principal(w, lost, "token:lost");
}

/* With as many grants as it has room for, less one. */
static void a_token_comes_with_all_of_its_grants_or_is_none(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	enum { EACH = CANDOR_GRANTS_MAX, LEFT = 1 };
	struct candor_grant grants[EACH];
	char pools[EACH][16], name[16], secret[TOKEN_TEXT_BYTES];
	for (size_t i = 0; i < EACH; i++) {
		snprintf(pools[i], sizeof pools[i], "pool %zu", i);
		grants[i] = (struct candor_grant){.pool = pools[i], .rights = CANDOR_RIGHT_READ};
	}
	struct candor_request r = {.type = CANDOR_REQ_CREATE_TOKEN, .name = name, .grants = grants};
	size_t n = 0;
	for (unsigned k = 0; n < GRANTS_MAX - LEFT; k++, n += r.n) {
		r.n = GRANTS_MAX - LEFT - n < EACH ? GRANTS_MAX - LEFT - n : EACH;
		snprintf(name, sizeof name, "t%u", k);
		assert_int_equal(fake_call(f, &r)->code, CANDOR_OK);
	}
	assert_near(fake_number(f, "SELECT count(*) FROM grants"), GRANTS_MAX - LEFT, 0);
	double events = fake_number(f, "SELECT count(*) FROM events"),
	       tokens = fake_number(f, "SELECT count(*) FROM tokens");
	size_t bytes = engine_bytes(f->engine);
	r.name = "too-much";
	r.n = LEFT + 1;
	assert_int_equal(fake_call(f, &r)->code, CANDOR_RESOURCE_EXHAUSTED);
	assert_near(fake_number(f, "SELECT count(*) FROM grants"), GRANTS_MAX - LEFT, 0);
	assert_near(fake_number(f, "SELECT count(*) FROM events"), events, 0);
	assert_near(fake_number(f, "SELECT count(*) FROM tokens"), tokens, 0);
	assert_true(engine_bytes(f->engine) < bytes + 65536);
	/* It has not been there; and with less it can be. */
	assert_int_equal(grant(f, "token:too-much", "p", CANDOR_RIGHT_READ), CANDOR_NOT_FOUND);
	new_token(f, "just", CANDOR_RIGHT_READ, 0, secret);
	assert_int_equal(grant(f, "uid:7", "p", CANDOR_RIGHT_READ), CANDOR_RESOURCE_EXHAUSTED);
	assert_int_equal(revoke_token(f, "just"), CANDOR_OK);
	assert_int_equal(grant(f, "uid:7", "p", CANDOR_RIGHT_READ), CANDOR_OK);
	/* All of it comes back. */
	peer_end(&w->p);
	fake_restart(f);
	assert_int_equal(grant(f, "uid:7", "q", CANDOR_RIGHT_READ), CANDOR_RESOURCE_EXHAUSTED);
}

/* ---- lists ---- */

/* Pages of every size have each row once, in order, and the last one says that it is the last. names[n], in order. */
static void expect_pages(struct fake_owner *f, struct candor_request r, const char *const *names, size_t n)
{
	for (uint32_t limit = 1; limit <= n + 1; limit++) {
		char cursor[64] = "";
		size_t seen = 0;
		do {
			r.cursor = cursor;
			r.limit = limit;
			const struct candor_response *answer = fake_call(f, &r);
			assert_int_equal(answer->code, CANDOR_OK);
			assert_true(answer->n <= limit && seen + answer->n <= n);
			for (size_t i = 0; i < answer->n; i++)
				assert_string_equal(answer->grants ? answer->grants[i].principal
								   : answer->tokens[i].name,
						    names[seen + i]);
			seen += answer->n;
			snprintf(cursor, sizeof cursor, "%s", answer->next);
		} while (*cursor);
		assert_int_equal(seen, n);
	}
}

static void grants_and_tokens_are_listed_page_by_page(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char secret[TOKEN_TEXT_BYTES];
	static const char *const tokens[] = {"b", "a", "c", "d"};
	static const char *const all[] = {"uid:1", "uid:2", "uid:4", "gid:5", "anonymous"};
	static const char *const of_p[] = {"uid:1", "uid:4", "anonymous"};
	static const char *const wrong[] = {"g", "t", "g1-2", "x1", "g 1", "g-1", "t0x1", "g10000000000000000", "1"};
	for (size_t i = 0; i < 4; i++)
		new_token(f, tokens[i], 0, 0, secret);
	assert_int_equal(revoke_token(f, "a"), CANDOR_OK);
	assert_int_equal(grant(f, "uid:1", "p", CANDOR_RIGHT_READ), CANDOR_OK);
	assert_int_equal(grant(f, "uid:2", "q", CANDOR_RIGHT_READ), CANDOR_OK);
	assert_int_equal(grant(f, "uid:3", "p", CANDOR_RIGHT_READ), CANDOR_OK);
	assert_int_equal(grant(f, "uid:4", "", CANDOR_RIGHT_READ), CANDOR_OK);
	assert_int_equal(grant(f, "gid:5", "q", CANDOR_RIGHT_READ), CANDOR_OK);
	assert_int_equal(withdraw(f, "uid:3", "p", CANDOR_RIGHT_READ), CANDOR_OK);
	assert_int_equal(grant(f, "anonymous", "p", CANDOR_RIGHT_READ), CANDOR_OK);
	expect_pages(f, (struct candor_request){.type = CANDOR_REQ_LIST_TOKENS}, tokens, 4);
	expect_pages(f, (struct candor_request){.type = CANDOR_REQ_LIST_GRANTS}, all, 5);
	expect_pages(f, (struct candor_request){.type = CANDOR_REQ_LIST_GRANTS, .pool = "p"}, of_p, 3);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		static const enum candor_request_type types[] = {CANDOR_REQ_LIST_GRANTS, CANDOR_REQ_LIST_TOKENS};
		for (size_t k = 0; k < 2; k++)
			assert_int_equal(tell(f, (struct candor_request){.type = types[k], .cursor = wrong[i]})->code,
					 CANDOR_INVALID_ARGUMENT);
	}
	static const char *const far[] = {"gffffffffffffffff", "tffffffffffffffff"};
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_GRANTS, .cursor = far[0]})->n, 0);
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_TOKENS, .cursor = far[1]})->n, 0);
}

/* Others' pools stand between those of one's own, before and behind them. */
static void pools_are_listed_as_if_there_were_no_others(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	char secret[TOKEN_TEXT_BYTES], name[16];
	new_token(f, "t", 0, 0, secret);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "pool%d", i);
		fake_pool(f, name, NULL);
		if (i % 5 == 2)
			assert_int_equal(grant(f, "token:t", name, CANDOR_RIGHT_READ), CANDOR_OK);
	}
	struct peer *p = known(w, secret);
	for (uint32_t limit = 1; limit <= 5; limit++) {
		char cursor[64] = "";
		int next = 2;
		do {
			struct candor_response r;
			peer_send(p, &(struct candor_request){
					     .id = 2, .type = CANDOR_REQ_LIST_POOLS, .cursor = cursor, .limit = limit});
			assert_int_equal(peer_receive(p, &r), 1);
			assert_int_equal(r.code, CANDOR_OK);
			assert_true(r.n > 0 && r.n <= limit);
			for (size_t i = 0; i < r.n; i++, next += 5) {
				snprintf(name, sizeof name, "pool%d", next);
				assert_string_equal(r.pools[i].name, name);
			}
			snprintf(cursor, sizeof cursor, "%s", r.next);
		} while (*cursor);
		assert_int_equal(next, 22);
	}
}

static void a_secret_is_in_no_file(void **state)
{
	struct peer_world *w = *state;
	struct fake_owner *f = &w->f;
	static const char *const suffixes[] = {"", "-wal"};
	char secret[TOKEN_TEXT_BYTES], path[128];
	new_token(f, "hidden", CANDOR_RIGHT_ADMIN, 0, secret);
	struct peer *p = known(w, secret);
	peer_send(p, &(struct candor_request){.id = 2, .type = CANDOR_REQ_CREATE_POOL, .pool = "x"});
	fake_settle(f);
	expect(p, 2, CANDOR_OK);
	bool has_name = false;
	for (size_t i = 0; i < 2; i++) {
		static char text[1 << 22];
		snprintf(path, sizeof path, "%s%s", f->path, suffixes[i]);
		FILE *file = fopen(path, "rb");
		assert_non_null(file);
		size_t n = fread(text, 1, sizeof text, file);
		assert_true(n < sizeof text);
		fclose(file);
		has_name = has_name || memmem(text, n, "token:hidden", 12);
		assert_null(memmem(text, n, secret + 7, 20));
		assert_null(memmem(text, n, "candor_", 7));
	}
	assert_true(has_name);
}

int main(void)
{
#define RIGHTS(test) cmocka_unit_test_setup_teardown(test, peer_set_up, peer_tear_down)
	const struct CMUnitTest tests[] = {
		RIGHTS(a_revoked_token_is_worth_nothing_to_what_waits_already),
		RIGHTS(a_revoked_token_is_told_nothing_that_is_still_being_read),
		RIGHTS(a_withdrawn_right_ends_answers_and_not_the_connection),
		RIGHTS(a_token_ends_when_its_time_comes),
		RIGHTS(a_token_comes_before_anything_else),
		RIGHTS(a_token_that_is_none_ends_the_connection),
		RIGHTS(changes_by_a_token_are_recorded_under_its_name),
		RIGHTS(grants_and_tokens_survive_a_restart),
		RIGHTS(changes_that_could_not_be_written_are_taken_back),
		RIGHTS(a_token_comes_with_all_of_its_grants_or_is_none),
		RIGHTS(grants_and_tokens_are_listed_page_by_page),
		RIGHTS(pools_are_listed_as_if_there_were_no_others),
		RIGHTS(a_secret_is_in_no_file),
	};
	return cmocka_run_group_tests_name("engine_rights", tests, NULL, NULL);
}
