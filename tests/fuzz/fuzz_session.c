/* Whole conversations: two peers over one engine and its database say whatever the input makes them say, commits and
 * reads end or fail when it says so. Who they are is the input's choice too: the daemon's own user, somebody with grants,
 * somebody without, whoever shows a token. Every request is answered once, also the last one before a peer breaks the
 * protocol, but for those behind a token that is none; nothing is done and told but what tests/lib/rights_model.h has as
 * granted; weight is conserved in each pool; when all have gone, the sessions' account is back where it was. Now and then
 * the world is renewed, each second one with limits, and before that memory, disk and verification must agree.
 *
 * A world lives for many inputs, so the last one alone may not show again what broke. With FUZZ_TRAIL=PATH all inputs
 * since the world began stand in the file PATH-PID, which is itself an input, for a program that is called with
 * its name: it begins a world and goes through it. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "daemon/engine/state.h"
#include "tests/fuzz/people.h"
#include "tests/fuzz/spoil.h"
#include "tests/fuzz/trail.h"
#include "tests/lib/peer.h"
#include "tests/lib/samples.h"
#include "lib/base/text.h"

enum {
	PEERS = 2,
	IDS_MAX = 4096, /* requests of one peer in one input */
	INPUTS_MAX = 1500, /* of one world */
	LABELERS_MAX = 500,
	POOLS_MAX = 24,
	READS_MAX = FAKE_READS_MAX / 2,
	TOKENS_DEAD = 5,
	TOKENS_EVER_MAX = 120,
};

struct talker {
	struct peer peer;
	struct frame mirror; /* what was pushed, cut by a frame of our own */
	struct arena arena;
	struct model_peer model;
	bool over; /* it broke the protocol */
};

static struct world {
	struct fake_owner f;
	struct session_budget budget;
	struct session_limits limits;
	struct talker talkers[PEERS];
	struct rights_model rights;
	bool limited;
	unsigned tokens; /* made to be always there; these are the first of the model's */
	unsigned inputs;
	bool failed; /* a commit, in this input */
	uint64_t checked; /* the newest change when weights were looked at */
} w;

/* ---- what is expected ---- */

static void mirror(struct talker *t, const uint8_t *bytes, size_t len, bool *vain)
{
	struct view message;
	struct wire_request request;
	int got;
	require(frame_push(&t->mirror, bytes, len) == 0);
	while ((got = frame_next(&t->mirror, &message)) == 1) {
		arena_reset(&t->arena);
		int err = wire_decode_request(&t->arena, message.data, message.len, &request);
		require(err == 0 || err == ERR_MALFORMED);
		/* Without an id it is nothing that could be answered. */
		if (err || request.request.id == 0) {
			got = ERR_MALFORMED;
			break;
		}
		model_push(&w.rights, &t->model, &request, w.f.now_ms);
		*vain = *vain && model_is_vain(&w.rights, &t->model);
	}
	if (got < 0) {
		model_push(&w.rights, &t->model, NULL, w.f.now_ms);
		t->over = true;
	}
}

static void take(struct talker *t)
{
	struct candor_response r;
	while (peer_receive(&t->peer, &r)) {
		require(r.code == CANDOR_OK || r.message[0]);
		require(text_fault(r.message, strlen(r.message)) == NULL);
		require(r.code != CANDOR_INTERNAL);
		model_hear(&w.rights, &t->model, &r, session_is_over(t->peer.session), w.f.now_ms);
		if (r.next && r.next[0])
			snprintf(eaten.next[eaten.n_next++ % NEXT_MAX], sizeof eaten.next[0], "%s", r.next);
	}
}

static void hear(struct talker *t)
{
	uint64_t gone = w.rights.gone;
	take(t);
	if (w.rights.gone == gone)
		return;
	for (size_t i = 0; i < PEERS; i++)
		if (w.talkers[i].peer.session)
			take(&w.talkers[i]);
	for (size_t i = 0; i < PEERS; i++)
		if (w.talkers[i].peer.session)
			model_go_on(&w.rights, &w.talkers[i].model, w.f.now_ms);
}

static void check_answers(struct talker *t)
{
	const struct model_peer *m = &t->model;
	require(session_is_over(t->peer.session) == (t->over || m->is_refused));
	require(m->n_answered == m->n || m->is_refused);
}

/* Of the pools that have changed. Returns how many labelers there are. */
static uint64_t check_weight(void)
{
	uint64_t all = 0, before = w.checked;
	w.checked = w.f.engine->progress.changes;
	for (uint64_t i = 0; i < w.f.engine->n_pools; i++) {
		const struct pool *p = w.f.engine->pools[i]->pool;
		all += pool_labelers(p);
		/* Numbers of changes that were lost are given again. */
		if (w.f.engine->pools[i]->changed <= before && w.checked >= before)
			continue;
		double sum = 0, total = pool_totals(p)->total_weight;
		for (uint32_t id = 0; id < pool_labelers(p); id++) {
			double weight = pool_weight(p, id);
			require(weight > 0 && isfinite(weight));
			sum += weight;
		}
		require(fabs(sum - total) <= 1e-9 * total);
	}
	return all;
}

/* ---- what happens ---- */

static void join(struct talker *t, bool eager, const struct identity *identity)
{
	peer_init_as(&t->peer, &w.f, &w.limits, identity);
	t->peer.eager = eager;
	frame_init(&t->mirror, w.limits.max_frame_bytes);
	arena_init(&t->arena, w.limits.max_unpacked_bytes);
	model_join(&t->model, identity);
	t->over = false;
}

static void leave(struct talker *t)
{
	peer_end(&t->peer);
	frame_free(&t->mirror);
	arena_free(&t->arena);
	model_leave(&w.rights, &t->model);
}

static void resume_held(void)
{
	for (size_t i = 0; i < PEERS; i++)
		peer_resume(&w.talkers[i].peer);
}

static void push(struct talker *t, const uint8_t *bytes, size_t len)
{
	/* A connection would not read from it either. */
	if (t->over || session_is_over(t->peer.session) || t->model.n > IDS_MAX / 2)
		return;
	bool vain = session_is_quiet(t->peer.session);
	uint64_t changes = w.f.engine->progress.changes;
	mirror(t, bytes, len, &vain);
	uint8_t *exact = fuzz_exact((struct meal){bytes, len});
	peer_push(&t->peer, exact, len);
	free(exact);
	require(!vain || w.f.engine->progress.changes == changes);
}

static void push_framed(struct talker *t, const uint8_t *bytes, size_t len)
{
	struct buf framed = {0};
	uint8_t head[FRAME_HEAD_MAX];
	require(buf_append(&framed, head, frame_head(len, head)) == 0 && buf_append(&framed, bytes, len) == 0);
	push(t, framed.data, framed.len);
	buf_free(&framed);
}

static void ask(struct talker *t, struct meal *m)
{
	struct arena a;
	struct buf bytes = {0};
	arena_init(&a, 1 << 20);
	eaten.now_ms = w.f.now_ms;
	const struct candor_request r = eat_request(m, &a, 1000 + t->model.n);
	require(wire_encode_request(&r, &a, 1 << 20, &bytes) == 0);
	push(t, bytes.data, bytes.len);
	buf_free(&bytes);
	arena_free(&a);
}

/* A good request with some bytes changed. */
static void ask_spoiled(struct talker *t, struct meal *m)
{
	size_t n;
	const struct candor_request *samples = sample_requests(&n);
	struct arena scratch;
	struct buf bytes = {0};
	arena_init(&scratch, 1 << 20);
	require(wire_encode_request(&samples[eat_below(m, (unsigned)n)], &scratch, 1 << 20, &bytes) == 0);
	fuzz_spoil(&bytes, m);
	push(t, bytes.data, bytes.len);
	buf_free(&bytes);
	arena_free(&scratch);
}

static void end_commit(int err)
{
	if (!fake_tick(&w.f))
		return;
	/* A probe that finds no memory would end the service. */
	if (err && engine_is_read_only(w.f.engine))
		err = ERR_DISK_FULL;
	fake_commit(&w.f, err);
}

/* Says hello with a token that there always is. */
static void show_token(struct talker *t, unsigned which)
{
	struct buf bytes = {0};
	const struct candor_request r = {.id = 999,
					 .type = CANDOR_REQ_HELLO,
					 .protocol = CANDOR_PROTOCOL,
					 .token = w.rights.tokens[which].secret};
	peer_write(&bytes, &r);
	push(t, bytes.data, bytes.len);
	buf_free(&bytes);
}

static void join_somebody(struct talker *t, struct meal *m)
{
	enum { BASES = sizeof bases / sizeof *bases };
	unsigned byte = eat_byte(m), identity = byte >> 1 & 7;
	/* The last address shows nothing by itself. */
	join(t, byte & 1, &bases[identity < BASES ? identity : 3]);
	if (identity >= BASES)
		show_token(t, identity - BASES);
}

static void step(struct meal *m, struct talker **talker)
{
	struct talker *t = *talker;
	struct meal raw;
	w.f.now_ms++;
	switch (eat_below(m, 16)) {
	case 0:
		raw = eat_bytes(m, eat_byte(m));
		push(t, raw.data, raw.len);
		break;
	case 1:
		raw = eat_bytes(m, eat_byte(m));
		push_framed(t, raw.data, raw.len);
		break;
	case 2: ask_spoiled(t, m); break;
	case 3: end_commit(0); break;
	case 4:
		/* Memory is then rebuilt from the database, which takes long: once an input. */
		end_commit(w.failed ? 0 : eat_below(m, 2) ? ERR_DISK_FULL : -ENOMEM);
		w.failed = true;
		break;
	case 5:
		if (w.f.n_reads > 0)
			fake_read_done(&w.f, eat_byte(m) % w.f.n_reads);
		break;
	case 6: hear(t); break;
	case 7: *talker = t == &w.talkers[0] ? &w.talkers[1] : &w.talkers[0]; break;
	case 8:
		while (w.f.n_reads > READS_MAX)
			fake_read_done(&w.f, 0);
		leave(t);
		join_somebody(t, m);
		break;
	case 9:
		session_trim(t->peer.session);
		w.f.now_ms += eat_byte(m) * 8u;
		break;
	default: ask(t, m);
	}
	resume_held();
}

/* Until nothing is left to be said by anybody. */
static void settle(void)
{
	for (bool moved = true; moved;) {
		size_t before = 0, after = 0;
		for (size_t i = 0; i < PEERS; i++)
			before += w.talkers[i].model.n_answered;
		while (engine_is_read_only(w.f.engine)) {
			engine_probe(w.f.engine);
			fake_settle(&w.f);
		}
		fake_settle(&w.f);
		resume_held();
		for (size_t i = 0; i < PEERS; i++) {
			hear(&w.talkers[i]);
			after += w.talkers[i].model.n_answered;
		}
		moved = after > before || !engine_is_idle(w.f.engine);
	}
}

/* ---- the world ---- */

static void tell(struct talker *t, struct candor_request *r)
{
	struct buf bytes = {0};
	r->id = t->model.n + 1;
	peer_write(&bytes, r);
	push(t, bytes.data, bytes.len);
	buf_free(&bytes);
}

/* One of those that everybody finds. */
static struct candor_grant nth_grant(size_t i)
{
	struct candor_grant g = grants[i];
	if (i >= GRANTS - TOKENS)
		g.principal = w.rights.tokens[i - (GRANTS - TOKENS)].principal;
	return g;
}

static bool is_wanted(const struct grant_row *row)
{
	for (size_t i = 0; i < GRANTS; i++) {
		struct candor_grant g = nth_grant(i);
		if (strcmp(row->principal, g.principal) == 0 && strcmp(row->pool, g.pool) == 0 &&
		    strcmp(row->prefix, g.prefix) == 0)
			return row->rights == g.rights;
	}
	return false;
}

/* Nobody has asked for a change, or it came to nothing. */
static bool is_tidy(const struct grants *g)
{
	uint64_t after = 0, live = 0;
	size_t n = 0;
	if (w.tokens < TOKENS)
		return false;
	for (const struct grant_row *row; (row = grants_next(g, after)); after = row->id, n++)
		if (!is_wanted(row))
			return false;
	for (uint64_t id = 1; id <= grants_tokens(g); id++)
		live += !grants_token(g, id)->revoked_at;
	return n == GRANTS && live == TOKENS;
}

/* A token that there is always to be, where it is not there. */
static void make_tokens(struct talker *t)
{
	for (int i = 0; i < TOKENS; i++) {
		struct model_token *token = &w.rights.tokens[i];
		char name[32];
		if (w.tokens >= TOKENS && !token->doubted)
			continue;
		snprintf(name, sizeof name, "standing.%u", w.tokens++);
		struct candor_request r = {
			.type = CANDOR_REQ_CREATE_TOKEN, .name = name, .n = 1, .grants = &grants[GRANTS - TOKENS + i]};
		tell(t, &r);
		settle();
		struct model_token *made = &w.rights.tokens[w.rights.n_tokens - 1], old = *token;
		*token = *made;
		*made = old;
	}
}

/* Each input finds the same grants and tokens. */
static void tidy(void)
{
	struct talker *t = &w.talkers[0];
	const struct grants *g = w.f.engine->grants;
	if (is_tidy(g))
		return;
	join(t, false, &bases[0]);
	make_tokens(t);
	for (uint64_t id = 1; id <= grants_tokens(g); id++) {
		const struct token_row *token = grants_token(g, id);
		struct candor_request r = {.type = CANDOR_REQ_REVOKE_TOKEN, .name = token->name};
		if (!token->revoked_at && strncmp(token->name, "standing.", 9) != 0)
			tell(t, &r);
	}
	uint64_t after = 0;
	for (const struct grant_row *row; (row = grants_next(g, after));) {
		const struct candor_grant gone = {row->principal, row->pool, row->prefix, row->rights};
		struct candor_request r = {.type = CANDOR_REQ_REMOVE_GRANT, .pool = gone.pool, .n = 1, .grants = &gone};
		after = row->id;
		if (!is_wanted(row))
			tell(t, &r);
	}
	for (size_t i = 0; i < GRANTS; i++) {
		const struct candor_grant want = nth_grant(i);
		struct candor_request r = {.type = CANDOR_REQ_ADD_GRANT, .pool = want.pool, .n = 1, .grants = &want};
		if (grants_standing(g, &want) != want.rights)
			tell(t, &r);
	}
	settle();
	require(t->model.n_answered == t->model.n);
	leave(t);
	model_settle(&w.rights, w.f.engine->grants);
	/* Some that are revoked are kept: they may still be shown. */
	while (w.rights.n_tokens > TOKENS + TOKENS_DEAD) {
		w.rights.n_tokens--;
		memmove(&w.rights.tokens[TOKENS], &w.rights.tokens[TOKENS + 1],
			(w.rights.n_tokens - TOKENS) * sizeof w.rights.tokens[0]);
	}
}

static void begin_world(bool limited)
{
	struct engine_limits limits = fake_roomy_limits();
	limits.batch_bytes = 64 * 1024;
	limits.commit_bytes = 8 * 1024;
	limits.resident_items = 6;
	limits.max_frame_bytes = 4096;
	limits.max_in_flight = 8;
	limits.database = "/a/path";
	if (limited)
		limits.quota = (struct quota_limits){{20, 30, 4000}, 6};
	memset(&w, 0, sizeof w);
	w.limited = limited;
	fake_init(&w.f, &limits);
	/* Nobody is let go here, so it must not be used up: whoever waited for room would wait for ever. */
	w.budget.limit_bytes = 1 << 20;
	w.limits = (struct session_limits){
		.max_frame_bytes = 4096,
		.max_unpacked_bytes = 1 << 22,
		.max_in_flight = 8,
		.max_unsent_bytes = 4096,
		.base_bytes = 100,
		.budget = &w.budget,
	};
	static const struct candor_settings fixed = {.rate = CANDOR_FIXED, .eta = 0.3, .share = 0.01};
	fake_pool(&w.f, pools[0], NULL);
	fake_pool(&w.f, pools[1], &fixed);
	tidy();
	trail_begin(limited);
}

static void end_world(void)
{
	char *memory = fake_state(&w.f), *disk = fake_state_on_disk(&w.f);
	require(strcmp(memory, disk) == 0);
	free(memory);
	free(disk);
	fake_stop(&w.f);
	require(fake_verify(&w.f) == 0);
	session_budget_free(&w.budget);
	fake_deinit(&w.f);
	model_free(&w.rights);
}

static void converse(const uint8_t *data, size_t len)
{
	struct meal m = {data, len};
	struct talker *talker = &w.talkers[0];
	trail_add(data, len);
	w.inputs++;
	memset(&eaten, 0, sizeof eaten);
	eaten.input = w.inputs;
	eaten.rights = &w.rights;
	w.failed = false;
	w.f.now_ms += 2000; /* nothing is left to pay */
	for (size_t i = 0; i < PEERS; i++)
		join_somebody(&w.talkers[i], &m);
	while (m.len > 0)
		step(&m, &talker);
	settle();
	for (size_t i = 0; i < PEERS; i++) {
		check_answers(&w.talkers[i]);
		leave(&w.talkers[i]);
	}
	require(w.budget.used_bytes == 0 && w.budget.sessions == 0);
	require(w.f.failed == 0);
	model_settle(&w.rights, w.f.engine->grants);
	tidy();
	uint64_t n_labelers = check_weight();
	if (w.inputs >= INPUTS_MAX || n_labelers > LABELERS_MAX || w.f.engine->n_pools > POOLS_MAX ||
	    grants_tokens(w.f.engine->grants) > TOKENS_EVER_MAX) {
		bool limited = w.limited;
		end_world();
		begin_world(!limited);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	for (int i = 1; i < *argc; i++)
		trail.wanted = trail.wanted || ((*argv)[i][0] != '-' && strstr((*argv)[i], "-trail-"));
	if (getenv("FUZZ_TRAIL"))
		trail_open(getenv("FUZZ_TRAIL"));
	begin_world(false);
	atexit(end_world);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!trail.wanted || len < sizeof trail_magic || memcmp(data, trail_magic, sizeof trail_magic - 1) != 0) {
		converse(data, len);
		return 0;
	}
	struct meal m = {data + sizeof trail_magic, len - sizeof trail_magic};
	end_world();
	begin_world(data[sizeof trail_magic - 1]);
	while (m.len >= 4) {
		uint32_t size;
		memcpy(&size, eat_bytes(&m, 4).data, 4);
		if (size == 0)
			break;
		struct meal input = eat_bytes(&m, size - 1);
		uint8_t *exact = fuzz_exact(input);
		converse(exact, input.len);
		free(exact);
	}
	return 0;
}
