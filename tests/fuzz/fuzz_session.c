/* Whole conversations: two peers over one engine and its database say whatever the input makes them say, commits and
 * reads end or fail when it says so. Every request is answered once, also the last one before a peer breaks the
 * protocol; weight is conserved in each pool; when all have gone, the sessions' account is back where it was. Now and
 * then the world is renewed, and before that memory, disk and verification must agree.
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
#include "tests/lib/samples.h"
#include "text.h"

enum {
	PEERS = 2,
	IDS_MAX = 4096, /* requests of one peer in one input */
	INPUTS_MAX = 4000, /* of one world */
	LABELERS_MAX = 500,
	POOLS_MAX = 24,
	ROWS_MAX = 7,
	NEXT_MAX = 4,
	READS_MAX = FAKE_READS_MAX / 2,
};

static const char *const pools[] = {"p", "q", "chat", "none"};
static const char *const labelers[] = {"ann", "bob", "cat", "dan", "eve", "\xe6\x9d\x8e"};

struct talker {
	struct peer peer;
	struct frame mirror; /* what was pushed, cut by a frame of our own */
	struct arena arena;
	uint64_t asked[IDS_MAX], answered[IDS_MAX]; /* ids */
	size_t n_asked, n_answered;
	bool over; /* it broke the protocol */
};

static struct world {
	struct fake_owner f;
	struct session_room room;
	struct session_limits limits;
	struct talker talkers[PEERS];
	char next[NEXT_MAX][CANDOR_NAME_MAX + 1]; /* cursors of this input's answers */
	unsigned n_next, relieved;
	unsigned inputs;
	bool failed; /* a commit, in this input */
	uint64_t checked; /* the newest change when weights were looked at */
} w;

/* ---- the trail ---- */

static const char trail_magic[16] = "candor's trail\n";
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
	if (trail.bytes)
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

/* ---- the world ---- */

static void begin_world(void)
{
	struct engine_limits limits = fake_roomy_limits();
	limits.batch_bytes = 64 * 1024;
	limits.commit_bytes = 8 * 1024;
	limits.resident_items = 6;
	limits.max_frame_bytes = 4096;
	limits.max_in_flight = 8;
	memset(&w, 0, sizeof w);
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
}

/* ---- what is expected ---- */

static void expect(struct talker *t, uint64_t id)
{
	require(t->n_asked < IDS_MAX);
	t->asked[t->n_asked++] = id;
}

static void mirror(struct talker *t, const uint8_t *bytes, size_t len)
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
		expect(t, request.request.id);
	}
	if (got < 0) {
		expect(t, 0);
		t->over = true;
	}
}

static void hear(struct talker *t)
{
	struct candor_response r;
	while (peer_receive(&t->peer, &r)) {
		require(t->n_answered < t->n_asked);
		require(r.code == CANDOR_OK || r.message[0]);
		require(text_fault(r.message, strlen(r.message)) == NULL);
		require(r.code != CANDOR_INTERNAL);
		t->answered[t->n_answered++] = r.id;
		if (r.next && r.next[0])
			snprintf(w.next[w.n_next++ % NEXT_MAX], sizeof w.next[0], "%s", r.next);
	}
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void check_answers(struct talker *t)
{
	require(t->n_answered == t->n_asked);
	require(session_is_over(t->peer.session) == t->over);
	qsort(t->asked, t->n_asked, sizeof *t->asked, by_number);
	qsort(t->answered, t->n_answered, sizeof *t->answered, by_number);
	require(memcmp(t->asked, t->answered, t->n_asked * sizeof *t->asked) == 0);
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

static void join(struct talker *t, bool eager)
{
	peer_init(&t->peer, &w.f, &w.limits);
	t->peer.eager = eager;
	frame_init(&t->mirror, w.limits.max_frame_bytes);
	arena_init(&t->arena, w.limits.max_unpacked_bytes);
	t->n_asked = t->n_answered = 0;
	t->over = false;
}

static void leave(struct talker *t)
{
	peer_end(&t->peer);
	frame_free(&t->mirror);
	arena_free(&t->arena);
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
	if (t->over || t->n_asked > IDS_MAX / 2)
		return;
	mirror(t, bytes, len);
	uint8_t *exact = fuzz_exact((struct meal){bytes, len});
	peer_push(&t->peer, exact, len);
	free(exact);
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

/* A request as a client makes it, with now and then something that none would. */
static void ask(struct talker *t, struct meal *m)
{
	struct arena arena, *a = &arena;
	struct buf bytes = {0};
	arena_init(a, 1 << 20);
	/* Those of which a campaign is made come more often than they would by chance. */
	unsigned type = eat_below(m, CANDOR_REQ_PRUNE_POOL + 9);
	struct candor_request r = {.type = type <= CANDOR_REQ_PRUNE_POOL ? (enum candor_request_type)type
					   : type % 2                    ? CANDOR_REQ_POST_REPORTS
									 : CANDOR_REQ_RESOLVE_ITEMS};
	r.id = eat_byte(m);
	r.pool = NAME(pools);
	switch (r.type) {
	case CANDOR_REQ_HELLO:
		r.protocol = eat_below(m, 3);
		r.client = NAME(labelers);
		break;
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
		join(t, eat_below(m, 2));
		break;
	case 9: session_trim(t->peer.session); break;
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
			before += w.talkers[i].n_answered;
		while (engine_is_read_only(w.f.engine)) {
			engine_probe(w.f.engine);
			fake_settle(&w.f);
		}
		fake_settle(&w.f);
		hear_relief();
		for (size_t i = 0; i < PEERS; i++) {
			hear(&w.talkers[i]);
			after += w.talkers[i].n_answered;
		}
		moved = after > before || !engine_is_idle(w.f.engine);
	}
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
	for (size_t i = 0; i < PEERS; i++)
		join(&w.talkers[i], i > 0);
	while (m.len > 0)
		step(&m, &talker);
	settle();
	for (size_t i = 0; i < PEERS; i++) {
		check_answers(&w.talkers[i]);
		leave(&w.talkers[i]);
	}
	require(w.room.used_bytes == 0 && w.room.sessions == 0);
	require(w.f.failed == 0);
	uint64_t n_labelers = check_weight();
	if (w.inputs >= INPUTS_MAX || n_labelers > LABELERS_MAX || w.f.engine->n_campaigns > POOLS_MAX) {
		end_world();
		begin_world();
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	for (int i = 1; i < *argc; i++)
		trail.wanted = trail.wanted || ((*argv)[i][0] != '-' && strstr((*argv)[i], "-trail-"));
	if (getenv("FUZZ_TRAIL"))
		trail_open(getenv("FUZZ_TRAIL"));
	begin_world();
	atexit(end_world);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!trail.wanted || len < sizeof trail_magic || memcmp(data, trail_magic, sizeof trail_magic) != 0) {
		converse(data, len);
		return 0;
	}
	struct meal m = {data + sizeof trail_magic, len - sizeof trail_magic};
	end_world();
	begin_world();
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
