#include "daemon/net/session_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/base/log.h"

enum {
	QUEUE_MAX = 64,
	KEPT_BYTES = 128 * 1024, /* of a buffer that is not needed just now but was lately */
	SEND_NOW_BYTES = 2048,
	ROWS_A_UNIT = 4,
	STEPS_A_UNIT = 128, /* of the engine's work */
	ANSWER_BYTES_A_UNIT = 1024,
	REPEATED_BYTES = 64 * 1024, /* of a request that is kept until its answer can leave */
	ROWS_A_BULK = 256, /* a peer with so many rows waiting for the disk can itself wait */
};

/* A session that is further on stays there. */
static void move_to(struct session *s, enum session_state state)
{
	if (state > s->state)
		s->state = state;
}

static bool is_over(const struct session *s)
{
	return s->state >= SESSION_OVER;
}

static void release_if_gone(struct session *s)
{
	if (s->state < SESSION_GONE || session_in_flight(s) > 0 || s->pumping || s->quiet_io)
		return;
	session_leave_budget(s);
	frame_free(&s->frame);
	buf_free(&s->output);
	buf_free(&s->last_word);
	door_free(s->door);
	free(s->transport);
	free(s->named_peer);
	free(s);
}

static void wake(struct session *s)
{
	if (s->state < SESSION_GONE && !s->quiet_io && !s->pumping)
		s->ops->wake(s->owner);
}

static size_t unsent(const struct session *s)
{
	return s->output.len + s->unsent_elsewhere;
}

/* Where memory is short, a session with more than an even share takes nothing new before what it has is answered and
 * sent. One that holds only the beginning of a frame goes on: only the rest of the frame can free it. */
static bool holds_too_much(const struct session *s)
{
	const struct session_budget *b = s->limits->budget;
	return session_budget_pressure(b) >= PRESSURE_RAISED && (session_in_flight(s) > 0 || unsent(s) > 0) &&
	       s->counted - s->base > b->limit_bytes / 2 / b->sessions;
}

static void measure(struct session *s)
{
	const struct session_limits *l = s->limits;
	session_count(s);
	if (session_in_flight(s) >= l->max_in_flight || unsent(s) >= l->max_unsent_bytes || holds_too_much(s))
		s->pressure = PRESSURE_HIGH;
	else if (session_in_flight(s) <= l->max_in_flight / 2 && unsent(s) <= l->max_unsent_bytes / 2)
		s->pressure = PRESSURE_NONE;
}

/* ---- answers ---- */

/* Appends an answer to the output, or hands it to the door; the frame is empty afterwards. */
static int put(struct session *s, struct buf *frame)
{
	int err = 0;
	if (s->door)
		door_answer(s->door, frame);
	else
		err = buf_append(&s->output, frame->data, frame->len);
	buf_free(frame);
	return err;
}

/* As session_encode(). */
static int encode_to_output(struct session *s, const struct candor_response *r, struct arena *scratch)
{
	struct buf frame = {0};
	if (!s->door)
		return session_encode(s, r, scratch, &s->output);
	int said = session_encode(s, r, scratch, &frame), err = said < 0 ? said : put(s, &frame);
	return err ? err : said;
}

/* Takes nothing more from the peer. What it asked for before is done and answered, and `last` follows; NULL: nothing
 * does. */
static void end(struct session *s, const struct candor_response *last)
{
	struct arena scratch;
	if (s->state >= SESSION_ENDING)
		return;
	move_to(s, SESSION_ENDING);
	arena_init(&scratch, 4096);
	if (last && session_encode(s, last, &scratch, &s->last_word) < 0)
		buf_free(&s->last_word); /* without memory for an error the connection ends without one */
	arena_free(&scratch);
}

/* Sends an error that belongs to no call. */
static void say_error(struct session *s, const struct candor_response *r)
{
	struct arena scratch;
	arena_init(&scratch, 4096);
	if (encode_to_output(s, r, &scratch) < 0)
		end(s, NULL);
	arena_free(&scratch);
}

static void say(struct session *s, uint64_t id, enum candor_code code, const char *sentence)
{
	const struct candor_response r = {.id = id, .code = code, .message = sentence};
	say_error(s, &r);
}

static void say_last(struct session *s, uint64_t id, enum candor_code code, const char *sentence)
{
	const struct candor_response r = {.id = id, .code = code, .message = sentence};
	end(s, &r);
}

/* All that still came has come. */
static void end_if_done(struct session *s)
{
	if (s->door && door_is_over(s->door)) {
		end(s, NULL);
		session_cancel_submitted(s); /* what a stream waits for */
	}
	/* What came and was not taken in will not be. */
	if (s->state == SESSION_STOPPED && s->door && session_in_flight(s) == 0)
		door_close(s->door, "the daemon is stopping: try again later");
	if (s->state != SESSION_ENDING)
		return;
	frame_free(&s->frame);
	if (session_in_flight(s) > 0)
		return;
	if (s->last_word.len > 0 && put(s, &s->last_word))
		log_debug("a connection ends without a reason: out of memory");
	buf_free(&s->last_word);
	if (s->door)
		door_close(s->door, "out of memory: try again later"); /* of what will not be answered */
	if (!s->door || door_is_over(s->door))
		move_to(s, SESSION_OVER);
}

static void pump(struct session *s);
static void on_reply(struct call *call, const struct candor_response *response, uint64_t change);

/* Keeps a request that only reads behind its answer. A long one is for its peer to repeat. */
static void keep_request(struct reply *r, struct slot *slot)
{
	r->answer = r->bytes.len;
	if (slot->call.bytes > REPEATED_BYTES || !engine_may_repeat(&slot->call))
		return;
	int err = wire_encode_request(&slot->wire.request, &slot->arena, REPEATED_BYTES, &r->bytes);
	(void)err; /* without memory the peer repeats it */
}

/* What was read went with a commit that failed, and what was asked has an answer all the same. False: the peer must ask
 * again. */
static bool repeat(struct session *s, const struct reply *r)
{
	const uint8_t *at = r->bytes.data + r->answer, *end_of_it = r->bytes.data + r->bytes.len;
	struct slot *slot = at < end_of_it ? session_take_slot(s) : NULL;
	if (!slot)
		return false;
	while (*at++ & 0x80)
		; /* its length */
	slot->call.reply = on_reply;
	slot->call.bytes = (size_t)(end_of_it - at);
	slot->call.is_paid = true;
	slot->received_ns = r->received_ns;
	if (wire_decode_request(&slot->arena, at, slot->call.bytes, &slot->wire)) {
		session_free_slot(s, slot);
		return false;
	}
	session_enqueue(s, slot);
	return true;
}

/* What to say of a request whose commit failed. */
static const char *say_undone(int err, enum candor_code *code)
{
	*code = err == -ENOMEM ? CANDOR_RESOURCE_EXHAUSTED : CANDOR_UNAVAILABLE;
	if (err == -ENOMEM)
		return "out of memory: nothing was changed; try again later";
	if (err == ERR_DISK_FULL)
		return "no space left on the daemon's disk: nothing was changed; retry when space has been freed";
	if (err == ERR_BUSY)
		return "the daemon's database is locked by another program: nothing was changed; retry later";
	/* What was written before the failure may be on disk, and count after the next start. */
	*code = CANDOR_INTERNAL;
	return "failed to write the database, and shutting down: outcome unknown, safe to retry";
}

static void on_durable(struct waiter *w, int err)
{
	struct reply *r = (struct reply *)w;
	struct session *s = r->session;
	session_remove_reply(s, r);
	enum candor_code code = r->code;
	const char *undone = err ? say_undone(err, &code) : NULL;
	bool wanted = s->state < SESSION_REFUSED;
	bool repeated =
		wanted && (err == ERR_DISK_FULL || err == ERR_BUSY) && repeat(s, r); /* pump() goes on with it */
	if (!repeated)
		engine_count_answer(s->engine, r->type, code, r->received_ns);
	if (!undone)
		r->bytes.len = r->answer;
	if (wanted && !undone && put(s, &r->bytes))
		end(s, NULL);
	else if (wanted && undone && !repeated)
		say(s, r->id, code, undone);
	buf_free(&r->bytes);
	free(r);
	pump(s);
}

/* Holds an answer back until `change` is on disk. */
static void hold(struct session *s, const struct candor_response *response, struct slot *slot, uint64_t change)
{
	struct reply *r = calloc(1, sizeof *r);
	int said = r ? session_encode(s, response, &slot->arena, &r->bytes) : -ENOMEM;
	if (said < 0) {
		/* The peer must not wait for an answer that never comes. */
		free(r);
		end(s, NULL);
		return;
	}
	r->waiter.on_durable = on_durable;
	r->id = response->id;
	r->type = slot->wire.request.type;
	r->code = said == 1 ? CANDOR_RESOURCE_EXHAUSTED : response->code;
	r->received_ns = slot->received_ns;
	r->rows = slot->wire.request.n;
	keep_request(r, slot);
	session_add_reply(s, r);
	engine_wait(s->engine, change, &r->waiter);
}

/* last: the connection ends with it. */
static void answer(struct session *s, const struct candor_response *response, struct slot *slot, bool last)
{
	int said = 0;
	if (last)
		end(s, response);
	else if (s->state < SESSION_REFUSED && (said = encode_to_output(s, response, &slot->arena)) < 0)
		end(s, NULL);
	engine_count_answer(s->engine, slot->wire.request.type, said == 1 ? CANDOR_RESOURCE_EXHAUSTED : response->code,
			    slot->received_ns);
}

static void on_reply(struct call *call, const struct candor_response *response, uint64_t change)
{
	struct slot *slot = (struct slot *)call;
	struct session *s = slot->session;
	/* A peer that failed to authenticate hears so last, and what it asked for afterwards is not done. It may turn
	 * out long after the request was taken. */
	if (s->identity.is_refused)
		session_drop_queue(s);
	bool last = s->identity.is_refused && s->state < SESSION_ENDING;
	if (!last && s->state < SESSION_REFUSED && change > engine_committed_change(s->engine))
		hold(s, response, slot, change);
	else
		answer(s, response, slot, last);
	if (s->blocked == slot)
		s->blocked = NULL;
	session_remove_submitted(s, slot);
	session_free_slot(s, slot);
	pump(s);
}

/* ---- requests ---- */

/* The stream cannot be read on. */
static void refuse_stream(struct session *s, int err)
{
	char sentence[160] = "malformed frame: its length is not a varint below 2^32; closing";
	if (err == ERR_TOO_BIG)
		snprintf(sentence, sizeof sentence, "frame too long: the limit is %zu bytes; closing",
			 s->limits->max_frame_bytes);
	engine_count_answer(s->engine, CANDOR_REQ_UNKNOWN, CANDOR_INVALID_ARGUMENT, s->received_ns);
	say_last(s, 0, CANDOR_INVALID_ARGUMENT, sentence);
}

/* A message that could not be decoded. A peer that meant to authenticate must not go on as somebody else. */
static void refuse_message(struct session *s, int err, uint64_t id, bool may_be_hello)
{
	bool malformed = err == ERR_MALFORMED || err == ERR_PROTOCOL;
	engine_count_answer(s->engine, CANDOR_REQ_UNKNOWN,
			    malformed ? CANDOR_INVALID_ARGUMENT : CANDOR_RESOURCE_EXHAUSTED, s->received_ns);
	if (err == ERR_MALFORMED)
		say_last(s, 0, CANDOR_INVALID_ARGUMENT, "malformed frame: not a candor.v1.Request; closing");
	else if (err == ERR_PROTOCOL)
		say_last(s, 0, CANDOR_INVALID_ARGUMENT, "id is missing or 0; it must be at least 1; closing");
	else
		(id == 0 || may_be_hello ? say_last : say)(s, id, CANDOR_RESOURCE_EXHAUSTED,
							   "the request unpacks to more than max_unpacked_bytes; send "
							   "fewer rows");
}

/* Whether it was refused for its size alone: the daemon does not decode what it will refuse. */
static bool refuse_unread(struct session *s, const struct view *message)
{
	enum candor_code code = CANDOR_OK;
	uint32_t retry_after_ms = 0;
	/* The identity may depend on what is still in the queue. */
	if (s->queue)
		return false;
	const char *why = engine_refuse_unread(s->engine, &s->identity, message->len, &code, &retry_after_ms);
	if (!why)
		return false;
	bool may_be_hello;
	const struct candor_response r = {
		.id = wire_peek_id(message->data, message->len, &may_be_hello),
		.code = code,
		.message = why,
		.retry_after_ms = retry_after_ms,
	};
	engine_count_answer(s->engine, CANDOR_REQ_UNKNOWN, code, s->received_ns);
	if (r.id == 0 || retry_after_ms == 0 || may_be_hello)
		end(s, &r);
	else
		say_error(s, &r);
	return true;
}

/* Decodes a request into the queue. */
static void take_request(struct session *s, const struct view *message)
{
	if (refuse_unread(s, message))
		return;
	struct slot *slot = session_take_slot(s);
	if (!slot) {
		end(s, NULL);
		return;
	}
	slot->call.reply = on_reply;
	int err = wire_decode_request(&slot->arena, message->data, message->len, &slot->wire);
	/* It may contain a token, and these bytes are not needed again. */
	if (err == 0 && slot->wire.request.type == CANDOR_REQ_HELLO)
		frame_wipe(&s->frame, *message);
	/* An answer with this id would be taken for the last word, so it is that. */
	if (err == 0 && slot->wire.request.id == 0)
		err = ERR_PROTOCOL;
	if (err) {
		bool may_be_hello;
		uint64_t id = slot->wire.request.id;
		wire_peek_id(message->data, message->len, &may_be_hello);
		session_free_slot(s, slot);
		engine_charge_unread(s->engine, &s->identity, message->len);
		refuse_message(s, err, id, may_be_hello);
		return;
	}
	slot->call.bytes = message->len;
	session_enqueue(s, slot);
	if (s->blocked) {
		engine_announce(s->engine, &slot->call);
		session_recount_slot(s, slot);
	}
}

/* The identity may change. */
static enum engine_outcome submit_hello(struct session *s, struct slot *slot)
{
	char client[CANDOR_NAME_MAX + 1];
	snprintf(client, sizeof client, "%s", slot->wire.request.client);
	enum engine_outcome outcome = engine_submit(s->engine, &slot->call);
	session_take_name(s, client);
	return outcome;
}

/* The slot may be gone if the answer is there already. */
static enum engine_outcome submit(struct session *s, struct slot *slot)
{
	const struct wire_request *w = &slot->wire;
	/* The peer's name is the one it has by now, not the one it had when this was taken in. */
	slot->call.peer = s->named_peer ? s->named_peer : s->identity.name;
	return w->request.type == CANDOR_REQ_HELLO && !w->fault ? submit_hello(s, slot)
								: engine_submit(s->engine, &slot->call);
}

/* At RAISED those with much waiting for the disk wait, at HIGH all but the owner, who must get in while a commit takes
 * long. */
bool session_must_wait(const struct session *s)
{
	enum pressure most = s->identity.is_owner ? PRESSURE_CRITICAL : PRESSURE_HIGH;
	return engine_pressure(s->engine) >= (s->rows_waiting >= ROWS_A_BULK ? PRESSURE_RAISED : most);
}

/* The queue has a first. What has been taken in is submitted at HIGH, too: it is in memory already. */
static bool may_submit(const struct session *s)
{
	return (s->rows_waiting < ROWS_A_BULK || engine_pressure(s->engine) < PRESSURE_RAISED) &&
	       session_admits(s, session_answer_bytes(s));
}

static void submit_queue(struct session *s)
{
	while (s->queue && !s->blocked && !s->identity.is_refused && s->spent < SESSION_TURN && may_submit(s)) {
		size_t bytes = session_answer_bytes(s);
		s->resumed = s->resumed && !session_is_much(s, bytes);
		struct slot *slot = session_dequeue(s);
		session_reserve(s, slot, bytes);
		s->blocked = slot;
		session_add_submitted(s, slot);
		uint64_t before = engine_work(s->engine), rows = slot->wire.request.n / ROWS_A_UNIT;
		enum engine_outcome outcome = submit(s, slot);
		/* on_reply() has cleared `blocked` if the answer is there already. What is answered later may be with a
		 * reader by now, in whose hands the arena is; unless it waits for something to happen. */
		if (s->blocked == slot && outcome == ENGINE_LATER) {
			s->blocked = NULL;
			session_shrink_waiting(s, slot);
		} else if (s->blocked == slot)
			session_recount_slot(s, slot);
		session_count(s);
		uint64_t work = (engine_work(s->engine) - before) / STEPS_A_UNIT;
		session_spend(s, 1 + (work > rows ? work : rows));
	}
}

static bool may_take(const struct session *s)
{
	return s->state == SESSION_OPEN && s->n_queued < QUEUE_MAX && s->pressure < PRESSURE_HIGH &&
	       s->spent < SESSION_TURN && !session_must_wait(s);
}

static bool door_may_read(const struct session *s)
{
	return s->state == SESSION_OPEN && s->pressure < PRESSURE_HIGH;
}

bool session_wants_turn(const struct session *s)
{
	if (is_over(s) || (s->spent < SESSION_TURN && !session_must_wait(s) && !s->lacked_room))
		return false;
	if (s->door && door_has_step(s->door, unsent(s), door_may_read(s)))
		return true;
	bool submits = s->queue && !s->blocked;
	bool takes = frame_pending(&s->frame) > 0 && s->n_queued < QUEUE_MAX && s->pressure < PRESSURE_HIGH &&
		     s->state == SESSION_OPEN;
	return submits || takes;
}

/* All that came in full is taken. */
static void refuse_rest(struct session *s)
{
	if (frame_pending(&s->frame) > 0)
		say_last(s, 0, CANDOR_INVALID_ARGUMENT, s->incomplete);
	else
		end(s, NULL);
}

/* Takes as many of the requests that have come as the limits let it. */
static void take_frames(struct session *s)
{
	submit_queue(s);
	measure(s);
	while (may_take(s)) {
		struct view message;
		int got = frame_peek(&s->frame, &message);
		if (got == 1 && !session_admits(s, session_unpacked_bytes(s, message.len)))
			break;
		got = frame_next(&s->frame, &message);
		if (got < 0)
			refuse_stream(s, got);
		if (got == 0 && s->incomplete && !s->door)
			refuse_rest(s);
		if (got <= 0)
			break;
		s->frames++;
		size_t before = s->output.len;
		take_request(s, &message);
		submit_queue(s);
		if (s->output.len > before)
			session_spend(s, (s->output.len - before) / ANSWER_BYTES_A_UNIT);
		if (s->output.len >= SEND_NOW_BYTES && s->unsent_elsewhere == 0 && s->state < SESSION_GONE)
			s->ops->send_now(s->owner);
		measure(s);
	}
}

/* One piece of an answer, or one request that has come. False: there is nothing to do just now. */
static bool step_door(struct session *s)
{
	size_t work;
	if (!s->door || s->state >= SESSION_OVER || s->spent >= SESSION_TURN ||
	    !door_has_step(s->door, unsent(s), door_may_read(s)))
		return false;
	if (door_step(s->door, unsent(s), door_may_read(s), &s->output, &work))
		log_debug("a connection ends without a reason: out of memory");
	session_spend(s, 1 + work / ANSWER_BYTES_A_UNIT);
	return true;
}

static void pump(struct session *s)
{
	if (s->pumping)
		return;
	s->pumping = true;
	do {
		take_frames(s);
		end_if_done(s);
	} while (step_door(s));
	end_if_done(s);
	s->pumping = s->resumed = false;
	s->lacked_room = session_awaits_room(s);
	session_trim_above(s, session_budget_pressure(s->limits->budget) >= PRESSURE_RAISED ? 0 : KEPT_BYTES);
	require_sound(session_check(s));
	wake(s);
	release_if_gone(s);
}

/* ---- the connection's side ---- */

int session_new(struct session **out, struct engine *engine, const struct session_limits *limits,
		const struct identity *peer, const struct session_ops *ops, void *owner)
{
	struct session *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	*s = (struct session){.engine = engine, .limits = limits, .ops = ops, .owner = owner, .identity = *peer};
	s->queue_end = &s->queue;
	frame_init(&s->frame, limits->max_frame_bytes);
	s->conn_bytes = limits->base_bytes;
	s->base = heap_bytes(sizeof *s) + s->conn_bytes;
	session_join_budget(s);
	session_count(s);
	*out = s;
	return 0;
}

void session_set_peer(struct session *s, const struct identity *peer)
{
	/* Calls and the name that the client gives itself build upon it. */
	require(s->frames == 0);
	s->identity = *peer;
}

const struct identity *session_identity(const struct session *s)
{
	return &s->identity;
}

void session_set_base(struct session *s, size_t bytes)
{
	s->base += bytes - s->conn_bytes;
	s->conn_bytes = bytes;
	session_count(s);
}

/* For the connection, which may send in the middle of a push, and may end then. */
static void pump_quietly(struct session *s)
{
	bool was_quiet = s->quiet_io;
	s->quiet_io = true;
	pump(s);
	s->quiet_io = was_quiet;
	release_if_gone(s);
}

int session_push(struct session *s, const void *bytes, size_t len, unsigned at_once)
{
	if (s->state >= SESSION_ENDING)
		return 0;
	int err = s->door ? door_push(s->door, bytes, len, &s->output) : frame_push(&s->frame, bytes, len);
	if (err)
		return err;
	s->received_ns = engine_now_ns(s->engine);
	s->spent = at_once < SESSION_TURN ? SESSION_TURN - at_once : 0;
	pump_quietly(s);
	return 0;
}

struct buf *session_output(struct session *s)
{
	return &s->output;
}

void session_sent(struct session *s, size_t still_unsent)
{
	s->unsent_elsewhere = still_unsent;
	pump_quietly(s);
}

bool session_wants_bytes(const struct session *s)
{
	if (s->door && !door_wants_bytes(s->door))
		return false;
	return s->state == SESSION_OPEN && !s->incomplete && s->pressure < PRESSURE_HIGH && s->n_queued < QUEUE_MAX &&
	       !session_wants_turn(s);
}

bool session_awaits_rest(const struct session *s)
{
	return (s->door ? door_awaits_rest(s->door) : frame_pending(&s->frame) > 0) && may_take(s);
}

size_t session_part_bytes(const struct session *s)
{
	return session_awaits_rest(s) ? frame_pending(&s->frame) : 0;
}

uint64_t session_frames(const struct session *s)
{
	return s->door ? door_progress(s->door) : s->frames;
}

bool session_is_quiet(const struct session *s)
{
	return session_in_flight(s) == 0 && (!s->door || door_is_quiet(s->door));
}

bool session_is_over(const struct session *s)
{
	return is_over(s);
}

void session_resume(struct session *s)
{
	s->spent = 0;
	s->resumed = true;
	pump(s);
}

void session_finish(struct session *s, bool in_time)
{
	s->incomplete = in_time ? "incomplete frame: the connection ended in the middle of it; closing"
				: "incomplete frame: the rest of it did not come in time; closing";
	if (s->door)
		door_finish(s->door, in_time ? 400 : 408,
			    in_time ? "the connection ended in the middle of the request"
				    : "the rest of the request did not come in time");
	pump_quietly(s);
}

void session_refuse(struct session *s, enum candor_code code, const char *sentence)
{
	/* What an HTTP client has not read may be the answer to what it sent before. */
	bool may_speak = !s->door || unsent(s) == 0;
	session_drop_queue(s);
	frame_free(&s->frame);
	buf_free(&s->output);
	buf_free(&s->last_word);
	if (!s->door)
		say(s, 0, code, sentence);
	else if (!may_speak || !door_refuse(s->door, code, sentence, &s->output))
		buf_free(&s->output);
	move_to(s, SESSION_REFUSED);
	session_cancel_submitted(s);
	session_count(s);
}

void session_stop(struct session *s)
{
	move_to(s, SESSION_STOPPED);
	if (s->door)
		door_close(s->door, NULL);
	session_cancel_submitted(s);
	pump(s);
}

void session_end(struct session *s)
{
	s->owner = NULL;
	move_to(s, SESSION_GONE);
	session_drop_queue(s);
	session_cancel_submitted(s);
	release_if_gone(s);
}
