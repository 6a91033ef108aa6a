#include "tests/lib/peer.h"

#include <stdlib.h>

#include "lib/wire/wire.h"

static void on_wake(void *owner)
{
	struct peer *p = owner;
	require(p->session && !p->pushing);
	p->wakes++;
	p->waits = p->waits || session_wants_turn(p->session);
}

/* Takes the output away, as a connection does that begins to write. */
static void take_once(struct peer *p)
{
	struct buf *output = session_output(p->session);
	struct buf taken = *output;
	*output = (struct buf){0};
	require(frame_push(&p->input, taken.data, taken.len) == 0);
	buf_free(&taken);
	session_sent(p->session, 0);
}

static void on_send_now(void *owner)
{
	struct peer *p = owner;
	require(session_output(p->session)->len > 0);
	if (p->eager)
		take_once(p);
}

struct session_limits peer_roomy_limits(void)
{
	return (struct session_limits){
		.max_frame_bytes = 1 << 22,
		.max_unpacked_bytes = 1 << 26,
		.max_in_flight = 1024,
		.max_unsent_bytes = 1 << 23,
	};
}

void peer_init_as(struct peer *p, struct fake_owner *owner, const struct session_limits *limits,
		  const struct identity *identity)
{
	static const struct session_ops ops = {.wake = on_wake, .send_now = on_send_now};
	*p = (struct peer){.owner = owner};
	frame_init(&p->input, 1 << 30);
	arena_init(&p->arena, SIZE_MAX / 2);
	require(session_new(&p->session, owner->engine, limits, identity, &ops, p) == 0);
}

void peer_init(struct peer *p, struct fake_owner *owner, const struct session_limits *limits)
{
	const struct identity identity = FAKE_OWNER;
	peer_init_as(p, owner, limits, &identity);
}

void peer_end(struct peer *p)
{
	if (p->session)
		session_end(p->session);
	p->session = NULL;
	frame_free(&p->input);
	arena_free(&p->arena);
}

/* Nobody else is there: it has turn after turn. What wakes the peer meanwhile it need not be woken for. */
static void give_turns(struct peer *p)
{
	unsigned wakes = p->wakes;
	while (p->session && session_wants_turn(p->session) && !session_must_wait(p->session) &&
	       session_has_room(p->session))
		session_resume(p->session);
	p->wakes = wakes;
	p->waits = p->session && session_wants_turn(p->session);
}

void peer_resume(struct peer *p)
{
	if (!p->session || !p->waits || session_must_wait(p->session) || !session_has_room(p->session))
		return;
	session_resume(p->session);
	give_turns(p);
}

void peer_push(struct peer *p, const void *bytes, size_t len)
{
	p->pushing = true;
	require(session_push(p->session, bytes, len, SESSION_TURN) == 0);
	p->pushing = false;
	give_turns(p);
}

void peer_write(struct buf *bytes, const struct candor_request *r)
{
	struct arena scratch;
	arena_init(&scratch, SIZE_MAX / 2);
	require(wire_encode_request(r, &scratch, 1 << 30, bytes) == 0);
	arena_free(&scratch);
}

void peer_send(struct peer *p, const struct candor_request *r)
{
	struct buf bytes = {0};
	peer_write(&bytes, r);
	peer_push(p, bytes.data, bytes.len);
	buf_free(&bytes);
}

void peer_take(struct peer *p)
{
	/* What is taken may make room for more. */
	give_turns(p);
	while (p->session && session_output(p->session)->len > 0) {
		p->pushing = true;
		take_once(p);
		p->pushing = false;
		give_turns(p);
	}
}

int peer_receive(struct peer *p, struct candor_response *out)
{
	struct view body;
	peer_take(p);
	int got = frame_next(&p->input, &body);
	require(got >= 0);
	if (got == 0)
		return 0;
	arena_reset(&p->arena);
	require(wire_decode_response(&p->arena, body.data, body.len, out) == 0);
	return 1;
}

void peer_again(struct peer_world *w)
{
	peer_end(&w->p);
	fake_settle(&w->f);
	peer_init(&w->p, &w->f, &w->limits);
}

void peer_restart(struct peer_world *w)
{
	peer_end(&w->p);
	fake_restart(&w->f);
	peer_init(&w->p, &w->f, &w->limits);
}

int peer_set_up(void **state)
{
	struct peer_world *w = calloc(1, sizeof *w);
	struct engine_limits limits = fake_roomy_limits();
	require(w);
	fake_init(&w->f, &limits);
	fake_pool(&w->f, "p", NULL);
	w->limits = peer_roomy_limits();
	peer_init(&w->p, &w->f, &w->limits);
	*state = w;
	return 0;
}

int peer_tear_down(void **state)
{
	struct peer_world *w = *state;
	peer_end(&w->p);
	int verified = fake_end(&w->f);
	free(w);
	return verified;
}
