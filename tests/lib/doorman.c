#include "tests/lib/doorman.h"

#include "lib/wire/envelope.h"
#include "lib/wire/wire.h"
#include "tests/lib/fault.h"

enum { STEPS_MAX = 100000 };

static int on_submit(void *owner, const void *frame, size_t len)
{
	struct doorman *h = owner;
	return buf_append(&h->submitted, frame, len);
}

static int on_forget(void *owner)
{
	const struct doorman *h = owner;
	require(h->submitted.len == 0);
	return 0;
}

static const struct identity *who(void *owner)
{
	(void)owner;
	return NULL;
}

/* What a session would say: of most kinds that nothing is there, so that each answer is short. */
static void answer(struct doorman *h, const struct wire_request *w)
{
	struct arena arena;
	struct buf frame = {0};
	struct candor_response r = {.id = w->request.id, .type = wire_answer_of(w->request.type), .next = ""};
	r.welcome = (struct candor_welcome){.protocol = 1, .server = "x", .principal = "x"};
	r.info = (struct candor_info){.version = "x", .reason = "", .database = ""};
	r.pool.name = r.labeler.name = r.token.name = r.secret = "x";
	if (w->fault)
		r = (struct candor_response){.id = w->request.id, .code = CANDOR_INVALID_ARGUMENT, .message = w->fault};
	else if (r.type == CANDOR_RES_POOL)
		r = (struct candor_response){.id = w->request.id, .code = CANDOR_NOT_FOUND, .message = "none"};
	fault_pause();
	arena_init(&arena, 1 << 20);
	require(wire_encode_response(&r, &arena, SIZE_MAX, &frame) == 0);
	arena_free(&arena);
	fault_resume();
	door_answer(h->door, &frame);
	require(!frame.data);
}

/* Answers the first of what was submitted: a whole frame, no longer than it may be. */
static void serve_one(struct doorman *h)
{
	struct frame frames;
	struct view message;
	struct arena arena;
	struct wire_request w;
	fault_pause();
	frame_init(&frames, DOORMAN_FRAME_MAX);
	require(frame_push(&frames, h->submitted.data, h->submitted.len) == 0);
	require(frame_next(&frames, &message) == 1);
	arena_init(&arena, 1 << 20);
	require(wire_decode_request(&arena, message.data, message.len, &w) == 0 && w.request.id > 0);
	buf_consume(&h->submitted, frame_span(h->submitted.data, h->submitted.len));
	fault_resume();
	h->requests++;
	if (w.request.type != CANDOR_REQ_LIST_CHANGES || ++h->pages < 3)
		answer(h, &w);
	arena_free(&arena);
	frame_free(&frames);
}

static void go_on(struct doorman *h)
{
	unsigned steps = 0;
	size_t work;
	do {
		/* Of a door that has given up part of a frame may be left. */
		while (h->submitted.len > 0 && !door_is_over(h->door))
			serve_one(h);
		if (door_step(h->door, 0, true, &h->said, &work))
			h->is_starved = true;
		h->work += work;
		require(++steps < STEPS_MAX);
	} while (!door_is_over(h->door) && (h->submitted.len > 0 || door_has_step(h->door, 0, true)));
}

int doorman_open(struct doorman *h)
{
	static const struct door_host ops = {.submit = on_submit, .forget = on_forget, .who = who};
	static const struct door_limits limits = {.max_frame_bytes = DOORMAN_FRAME_MAX};
	*h = (struct doorman){0};
	return door_new(&h->door, &limits, &ops, h);
}

void doorman_play(struct doorman *h, const void *bytes, size_t len, size_t cut)
{
	for (size_t at = 0; at < len && !door_is_over(h->door) && !h->is_starved;) {
		size_t n = cut < len - at ? cut : len - at;
		/* What comes behind a stream that waits is not taken. */
		if (!door_wants_bytes(h->door))
			break;
		h->is_starved = door_push(h->door, (const uint8_t *)bytes + at, n, &h->said) != 0;
		at += n;
		go_on(h);
	}
	door_finish(h->door, 400, "the end");
	go_on(h);
	if (!door_is_over(h->door))
		door_close(h->door, NULL);
	require(door_is_quiet(h->door));
}

void doorman_close(struct doorman *h)
{
	door_free(h->door);
	buf_free(&h->submitted);
	h->door = NULL;
}
