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
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/engine_internal.h"
#include "tests/fuzz/spoil.h"
#include "tests/lib/peer.h"
#include "tests/lib/rights_model.h"
#include "tests/lib/samples.h"
#include "text.h"

enum {
	PEERS = 2,
	IDS_MAX = 4096, /* requests of one peer in one input */
	INPUTS_MAX = 1500, /* of one world */
	LABELERS_MAX = 500,
	POOLS_MAX = 24,
	ROWS_MAX = 7,
	NEXT_MAX = 4,
	READS_MAX = FAKE_READS_MAX / 2,
	GRANTS_EACH = 4,
	TOKENS = 3, /* that there always are */
	TOKENS_DEAD = 5,
	TOKENS_EVER_MAX = 120,
};

static const char *const pools[] = {"p", "q", "chat", "none"};
static const char *const labelers[] = {"ann", "bob", "cat", "dan", "eve", "\xe6\x9d\x8e"};

struct talker {
	struct peer peer;
	struct frame mirror; /* what was pushed, cut by a frame of our own */
	struct arena arena;
	struct model_peer model;
	bool over; /* it broke the protocol */
};

static struct world {
	struct fake_owner f;
	struct session_room room;
	struct session_limits limits;
	struct talker talkers[PEERS];
	struct rights_model rights;
	bool limited;
	unsigned tokens; /* made to be always there; these are the first of the model's */
	char next[NEXT_MAX][CANDOR_NAME_MAX + 1]; /* cursors of this input's answers */
	unsigned n_next, relieved;
	unsigned inputs;
	bool failed; /* a commit, in this input */
	uint64_t checked; /* the newest change when weights were looked at */
} w;

/* ---- the trail ---- */

static const char trail_magic[16] = "candor's trail\n"; /* its last byte: whether there are limits */
static struct {
	uint8_t *bytes; /* NULL: none is wanted */
	size_t len, cap;
	bool wanted; /* as an input; else libFuzzer would soon find out how they begin, and make worlds all the time */
} trail;

static void trail_open(const char *path)
{
	char name[512];
	snprintf(name, sizeof name, "%s-%d", path, (int)getpid());
	trail.cap = 64 << 20;
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	require(fd >= 0 && ftruncate(fd, (off_t)trail.cap) == 0);
	trail.bytes = mmap(NULL, trail.cap, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	require(trail.bytes != MAP_FAILED);
	close(fd);
	memcpy(trail.bytes, trail_magic, sizeof trail_magic);
}

static void trail_begin(void)
{
	trail.len = sizeof trail_magic;
	if (!trail.bytes)
		return;
	trail.bytes[trail.len - 1] = w.limited;
	memset(trail.bytes + trail.len, 0, 4);
}

/* Each input with its length and one before it; 0 is the end. */
static void trail_add(const uint8_t *data, size_t len)
{
	uint32_t head = (uint32_t)len + 1;
	if (!trail.bytes || trail.cap - trail.len < len + 8)
		return;
	memcpy(trail.bytes + trail.len + 4, data, len);
	memset(trail.bytes + trail.len + 4 + len, 0, 4);
	memcpy(trail.bytes + trail.len, &head, 4);
	trail.len += 4 + len;
}

/* ---- who is there ---- */

static const struct who bases[] = {
	FAKE_OWNER,
	{.name = "uid:7", .is_known = true, .is_local = true, .n_groups = 1, .groups = {50}},
	{.name = "uid:9", .is_known = true, .is_local = true},
	{.name = "tcp:192.0.2.1:99"},
	{.name = "cert:CN=x", .is_known = true},
};

static const char *const principals[] = {"uid:7", "gid:50", "anonymous", "uid:9", "cert:CN=x"};

/* What somebody has when an input begins; that of the tokens stands last. */
static const struct candor_grant grants[] = {
	{"uid:7", "p", "", CANDOR_RIGHT_READ | CANDOR_RIGHT_INSPECT},
	{"uid:7", "p", "a", CANDOR_RIGHT_REPORT},
	{"gid:50", "q", "", CANDOR_RIGHT_REPORT | CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_READ_OPEN},
	{"cert:CN=x", "chat", "", CANDOR_RIGHT_ADMIN},
	{"", "", "", CANDOR_RIGHT_ADMIN},
	{"", "p", "", CANDOR_RIGHT_REPORT | CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_READ},
	{"", "", "b", CANDOR_RIGHT_REPORT},
};
enum { GRANTS = sizeof grants / sizeof *grants };

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
		if (err) {
			got = err;
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

static void hear(struct talker *t)
{
	struct candor_response r;
	while (peer_receive(&t->peer, &r)) {
		require(r.code == CANDOR_OK || r.message[0]);
		require(text_fault(r.message, strlen(r.message)) == NULL);
		require(r.code != CANDOR_INTERNAL);
		model_hear(&w.rights, &t->model, &r, session_is_over(t->peer.session), w.f.now_ms);
		if (r.next && r.next[0])
			snprintf(w.next[w.n_next++ % NEXT_MAX], sizeof w.next[0], "%s", r.next);
	}
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
	for (uint64_t i = 0; i < w.f.engine->n_campaigns; i++) {
		const struct pool *p = w.f.engine->campaigns[i]->pool;
		all += pool_labelers(p);
		/* Numbers of changes that were lost are given again. */
		if (w.f.engine->campaigns[i]->changed <= before && w.checked >= before)
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

static void join(struct talker *t, bool eager, const struct who *who)
{
	peer_init_as(&t->peer, &w.f, &w.limits, who);
	t->peer.eager = eager;
	frame_init(&t->mirror, w.limits.max_frame_bytes);
	arena_init(&t->arena, w.limits.max_unpacked_bytes);
	model_join(&t->model, who);
	t->over = false;
}

static void leave(struct talker *t)
{
	peer_end(&t->peer);
	frame_free(&t->mirror);
	arena_free(&t->arena);
	model_leave(&w.rights, &t->model);
}

static void hear_relief(void)
{
	while (w.relieved != w.f.relieved) {
		w.relieved = w.f.relieved;
		for (size_t i = 0; i < PEERS; i++)
			if (w.talkers[i].peer.session)
				session_resume(w.talkers[i].peer.session);
	}
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

/* Up to n bytes as a name, good or bad. */
static const char *eat_raw(struct meal *m, struct arena *a, size_t n)
{
	struct meal raw = eat_bytes(m, n);
	char *name = arena_calloc(a, 1, raw.len + 1);
	require(name);
	if (raw.len > 0)
		memcpy(name, raw.data, raw.len);
	return name;
}

static const char *eat_name(struct meal *m, struct arena *a, const char *const *names, size_t n)
{
	unsigned which = eat_byte(m);
	return which < 224 ? names[which % n] : eat_raw(m, a, which % 16);
}

/* Each input has items of its own, or all would soon be resolved; now and then one of an input before. */
static const char *eat_item(struct meal *m, struct arena *a)
{
	unsigned which = eat_byte(m), back = which >= 176 && which < 224 ? eat_byte(m) % 32 : 0;
	if (which >= 224)
		return eat_raw(m, a, which % 16);
	const char *name = arena_printf(a, "%u.%u", w.inputs - (back < w.inputs ? back : 0), which % 4);
	require(name);
	return name;
}

#define NAME(names) eat_name(m, a, names, sizeof(names) / sizeof *(names))

static double eat_value(struct meal *m)
{
	unsigned byte = eat_byte(m);
	double value = byte / 252.0; /* now and then above 1 */
	if (byte == 255) {
		struct meal raw = eat_bytes(m, sizeof value);
		if (raw.len == sizeof value)
			memcpy(&value, raw.data, raw.len);
	}
	return value;
}

static void eat_rows(struct meal *m, struct arena *a, struct candor_request *r)
{
	struct candor_report *reports = arena_calloc(a, ROWS_MAX, sizeof *reports);
	struct candor_outcome *outcomes = arena_calloc(a, ROWS_MAX, sizeof *outcomes);
	const char **names = arena_calloc(a, ROWS_MAX, sizeof *names);
	require(reports && outcomes && names);
	r->n = eat_below(m, ROWS_MAX + 1);
	for (size_t i = 0; i < r->n; i++) {
		names[i] = eat_item(m, a);
		if (r->type == CANDOR_REQ_POST_REPORTS)
			reports[i] = (struct candor_report){names[i], NAME(labelers), eat_value(m)};
		else if (r->type == CANDOR_REQ_RESOLVE_ITEMS)
			outcomes[i] = (struct candor_outcome){names[i], eat_value(m)};
	}
	r->reports = r->type == CANDOR_REQ_POST_REPORTS ? reports : NULL;
	r->outcomes = r->type == CANDOR_REQ_RESOLVE_ITEMS ? outcomes : NULL;
	r->items = r->reports || r->outcomes ? NULL : names;
}

static const char *eat_cursor(struct meal *m, struct arena *a)
{
	const char *kept[NEXT_MAX + 1] = {""};
	for (size_t i = 0; i < NEXT_MAX; i++)
		kept[i + 1] = w.next[i];
	return NAME(kept);
}

/* One that there is, one that there is no more, or none. */
static const char *eat_token(struct meal *m, struct arena *a)
{
	unsigned which = eat_byte(m);
	if (which < 96)
		return "";
	if (which >= 240)
		return eat_raw(m, a, which % 16 * 4);
	unsigned back = which % 8; /* the newest is often one of this input's */
	const struct model_token *tokens = w.rights.tokens;
	size_t i = which < 160 ? which % TOKENS : w.rights.n_tokens - 1 - back % w.rights.n_tokens;
	char *text = arena_strdup(a, tokens[i].secret);
	require(text);
	if (which >= 224)
		text[eat_byte(m) % (TOKEN_TEXT_BYTES - 1)] = (char)(1 + eat_byte(m) % 127);
	return text;
}

static const char *eat_token_name(struct meal *m, struct arena *a)
{
	unsigned which = eat_byte(m);
	if (which >= 240)
		return eat_raw(m, a, which % 16);
	if (which < 64)
		return w.rights.tokens[which % TOKENS].principal + strlen("token:");
	const char *name = arena_printf(a, "%u.%u", w.inputs, which % 3);
	require(name);
	return name;
}

static void eat_grant(struct meal *m, struct arena *a, struct candor_grant *g)
{
	static const char *const prefixes[] = {"", "", "a", "b", "\xe6"};
	*g = (struct candor_grant){.pool = eat_below(m, 3) ? NAME(pools) : "", .rights = eat_byte(m) % 65};
	g->prefix = g->rights == CANDOR_RIGHT_REPORT || g->rights > 61 ? NAME(prefixes) : "";
}

/* Of who may do what. */
static void eat_change(struct meal *m, struct arena *a, struct candor_request *r)
{
	struct candor_grant *g = arena_calloc(a, GRANTS_EACH, sizeof *g);
	require(g);
	r->grants = g;
	r->n = 1;
	if (r->type == CANDOR_REQ_CREATE_TOKEN) {
		unsigned life = eat_byte(m);
		r->name = eat_token_name(m, a);
		r->expires_at = life < 128 ? 0 : life == 255 ? 1 : w.f.now_ms + life % 32;
		r->n = eat_below(m, GRANTS_EACH);
		for (size_t i = 0; i < r->n; i++)
			eat_grant(m, a, &g[i]);
	} else if (r->type == CANDOR_REQ_REVOKE_TOKEN) {
		r->name = eat_token_name(m, a);
	} else {
		unsigned which = eat_byte(m);
		if (which < 64) {
			g[0] = grants[which % (GRANTS - TOKENS)]; /* one that stands, as a rule */
		} else {
			eat_grant(m, a, g);
			g->principal =
				which < 224 ? NAME(principals) : arena_printf(a, "token:%s", eat_token_name(m, a));
			require(g->principal);
		}
	}
}

/* A request as a client makes it, with now and then something that none would. */
static void ask(struct talker *t, struct meal *m)
{
	struct arena arena, *a = &arena;
	struct buf bytes = {0};
	arena_init(a, 1 << 20);
	/* Those of which a campaign is made come more often than they would by chance. */
	unsigned type = eat_below(m, CANDOR_REQ_TYPES + 8);
	struct candor_request r = {.type = type < CANDOR_REQ_TYPES ? (enum candor_request_type)type
					   : type % 2              ? CANDOR_REQ_POST_REPORTS
								   : CANDOR_REQ_RESOLVE_ITEMS};
	/* Mostly one of its own: what is answered is then known. */
	r.id = eat_byte(m);
	r.id = r.id < 16 ? r.id : 1000 + t->model.n;
	r.pool = NAME(pools);
	switch (r.type) {
	case CANDOR_REQ_HELLO:
		r.protocol = 1 + (eat_byte(m) >= 240);
		r.client = NAME(labelers);
		r.token = eat_token(m, a);
		break;
	case CANDOR_REQ_LIST_GRANTS:
	case CANDOR_REQ_LIST_TOKENS:
	case CANDOR_REQ_LIST_EVENTS:
		r.pool = eat_below(m, 2) ? r.pool : "";
		r.cursor = eat_cursor(m, a);
		r.limit = eat_byte(m) * 5u;
		break;
	case CANDOR_REQ_ADD_GRANT:
	case CANDOR_REQ_REMOVE_GRANT:
	case CANDOR_REQ_CREATE_TOKEN:
	case CANDOR_REQ_REVOKE_TOKEN: eat_change(m, a, &r); break;
	case CANDOR_REQ_CREATE_POOL:
	case CANDOR_REQ_UPDATE_POOL:
		r.settings.rate = (enum candor_rate)eat_below(m, 5);
		r.settings.c = eat_value(m);
		r.settings.beta = eat_value(m);
		r.settings.eta = eat_value(m);
		r.settings.horizon = eat_byte(m);
		r.settings.share = eat_value(m);
		r.settings.entry = eat_value(m);
		break;
	case CANDOR_REQ_POST_REPORTS:
	case CANDOR_REQ_CLOSE_ITEMS:
	case CANDOR_REQ_RESOLVE_ITEMS:
	case CANDOR_REQ_VOID_ITEMS:
	case CANDOR_REQ_QUERY_ITEMS:
		r.with_reports = eat_below(m, 2);
		eat_rows(m, a, &r);
		break;
	case CANDOR_REQ_PRUNE_POOL:
		r.round = eat_byte(m);
		r.file = NAME(labelers);
		r.state = r.digest = arena_calloc(a, 1, CANDOR_DIGEST_BYTES);
		break;
	default:
		r.cursor = eat_cursor(m, a);
		r.limit = eat_byte(m) * 5u;
		r.sort = (enum candor_sort)eat_below(m, 6);
		r.labeler = NAME(labelers);
		r.history = eat_below(m, 2);
	}
	require(wire_encode_request(&r, a, 1 << 20, &bytes) == 0);
	push(t, bytes.data, bytes.len);
	buf_free(&bytes);
	arena_free(a);
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
	unsigned byte = eat_byte(m), who = byte >> 1 & 7;
	/* The last address shows nothing by itself. */
	join(t, byte & 1, &bases[who < BASES ? who : 3]);
	if (who >= BASES)
		show_token(t, who - BASES);
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
	hear_relief();
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
		hear_relief();
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
	r->id = t->model.n;
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
	w.room.limit_bytes = 64 * 1024;
	w.limits = (struct session_limits){
		.max_frame_bytes = 4096,
		.max_unpacked_bytes = 1 << 22,
		.max_in_flight = 8,
		.max_unsent_bytes = 4096,
		.base_bytes = 100,
		.room = &w.room,
	};
	static const struct candor_settings fixed = {.rate = CANDOR_FIXED, .eta = 0.3, .share = 0.01};
	fake_pool(&w.f, pools[0], NULL);
	fake_pool(&w.f, pools[1], &fixed);
	tidy();
	trail_begin();
}

static void end_world(void)
{
	char *memory = fake_state(&w.f), *disk = fake_state_on_disk(&w.f);
	require(strcmp(memory, disk) == 0);
	free(memory);
	free(disk);
	fake_stop(&w.f);
	require(fake_verify(&w.f) == 0);
	session_room_free(&w.room);
	fake_deinit(&w.f);
	model_free(&w.rights);
}

static void converse(const uint8_t *data, size_t len)
{
	struct meal m = {data, len};
	struct talker *talker = &w.talkers[0];
	trail_add(data, len);
	w.inputs++;
	memset(w.next, 0, sizeof w.next);
	w.n_next = 0;
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
	require(w.room.used_bytes == 0 && w.room.sessions == 0);
	require(w.f.failed == 0);
	model_settle(&w.rights, w.f.engine->grants);
	tidy();
	uint64_t n_labelers = check_weight();
	if (w.inputs >= INPUTS_MAX || n_labelers > LABELERS_MAX || w.f.engine->n_campaigns > POOLS_MAX ||
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
