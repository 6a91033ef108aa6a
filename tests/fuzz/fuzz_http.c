/* Any bytes as HTTP, cut anywhere: the same answers as when all come at once. What a door submits are requests of the
 * protocol, each within its limit, and what it says is HTTP: one answer for each request, and nothing behind an end. */
#include "daemon/http/door.h"
#include "lib/wire/envelope.h"
#include "lib/wire/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/http.h"

enum { FRAME_MAX = 2048, STEPS_MAX = 100000 };

/* A session that answers at once, or later. */
struct host {
	struct door *door;
	struct buf submitted, answers;
	struct buf said;
	unsigned requests;
	unsigned pages; /* of changes: the third is waited for, and never comes */
};

static int on_submit(void *owner, const void *frame, size_t len)
{
	struct host *h = owner;
	return buf_append(&h->submitted, frame, len);
}

static int on_forget(void *owner)
{
	const struct host *h = owner;
	require(h->submitted.len == 0);
	return 0;
}

static const struct identity *who(void *owner)
{
	(void)owner;
	return NULL;
}

/* What a session would say: of most kinds that nothing is there, so that each answer is short. */
static void answer(struct host *h, const struct wire_request *w)
{
	struct arena arena;
	struct buf frame = {0};
	const char *fault = w->fault;
	struct candor_response r = {.id = w->request.id, .type = wire_answer_of(w->request.type), .next = ""};
	r.welcome = (struct candor_welcome){.protocol = 1, .server = "x", .principal = "x"};
	r.info = (struct candor_info){.version = "x", .reason = "", .database = ""};
	r.pool.name = r.labeler.name = r.token.name = r.secret = "x";
	if (fault)
		r = (struct candor_response){.id = w->request.id, .code = CANDOR_INVALID_ARGUMENT, .message = fault};
	else if (r.type == CANDOR_RES_POOL)
		r = (struct candor_response){.id = w->request.id, .code = CANDOR_NOT_FOUND, .message = "none"};
	arena_init(&arena, 1 << 20);
	require(wire_encode_response(&r, &arena, SIZE_MAX, &frame) == 0);
	arena_free(&arena);
	door_answer(h->door, &frame);
	require(!frame.data);
}

/* Answers all that was submitted: whole frames, none longer than it may be. */
static void serve(struct host *h)
{
	while (h->submitted.len > 0) {
		struct frame frames;
		struct view message;
		struct arena arena;
		struct wire_request w;
		frame_init(&frames, FRAME_MAX);
		require(frame_push(&frames, h->submitted.data, h->submitted.len) == 0);
		require(frame_next(&frames, &message) == 1);
		arena_init(&arena, 1 << 20);
		require(wire_decode_request(&arena, message.data, message.len, &w) == 0 && w.request.id > 0);
		buf_consume(&h->submitted, frame_span(h->submitted.data, h->submitted.len));
		h->requests++;
		if (w.request.type != CANDOR_REQ_LIST_CHANGES || ++h->pages < 3)
			answer(h, &w);
		arena_free(&arena);
		frame_free(&frames);
	}
}

static void go_on(struct host *h)
{
	unsigned steps = 0;
	do {
		serve(h);
		require(door_step(h->door, 0, true, &h->said) == 0);
		require(++steps < STEPS_MAX);
	} while (h->submitted.len > 0 || (door_has_step(h->door, 0, true) && !door_is_over(h->door)));
}

/* cut: the longest piece in which the bytes come. */
static void play(const uint8_t *bytes, size_t len, size_t cut, struct host *h)
{
	static const struct door_host ops = {.submit = on_submit, .forget = on_forget, .who = who};
	static const struct door_limits limits = {.max_frame_bytes = FRAME_MAX};
	*h = (struct host){0};
	require(door_new(&h->door, &limits, &ops, h) == 0);
	for (size_t at = 0; at < len && !door_is_over(h->door);) {
		size_t n = cut < len - at ? cut : len - at;
		if (door_wants_bytes(h->door)) {
			require(door_push(h->door, bytes + at, n, &h->said) == 0);
			at += n;
		}
		go_on(h);
	}
	door_finish(h->door, 400, "the end");
	go_on(h);
	if (!door_is_over(h->door))
		door_close(h->door, NULL);
	require(door_is_quiet(h->door));
	door_free(h->door);
	buf_free(&h->submitted);
}

/* Answers one behind the other, up to the first that ends the connection. HEAD has none in the corpus' grammar of pieces, so
 * what follows one is not looked at. */
static void check_said(const struct buf *said, bool has_head)
{
	size_t at = 0, n;
	struct http_answer a;
	while (!has_head && at < said->len) {
		n = http_cut(said->data + at, said->len - at, false, true, &a);
		require(n > 0 && a.status >= 100 && a.status < 600);
		at += n;
		require(!a.closes || at == said->len);
		http_answer_free(&a);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal m = {data, len};
	size_t cut = 1 + eat_byte(&m) % 64;
	struct host whole, parts;
	bool has_head = m.len > 0 && memmem(m.data, m.len, "HEAD", 4);
	play(m.data, m.len, SIZE_MAX, &whole);
	play(m.data, m.len, cut, &parts);
	check_said(&whole.said, has_head);
	require(whole.said.len == parts.said.len && whole.requests == parts.requests);
	require(whole.said.len == 0 || memcmp(whole.said.data, parts.said.data, whole.said.len) == 0);
	buf_free(&whole.said);
	buf_free(&parts.said);
	return 0;
}
