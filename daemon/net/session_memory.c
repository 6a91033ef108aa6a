#include "daemon/net/session_internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/wipe.h"

/* ---- bytes ---- */

size_t session_bytes(const struct session *s)
{
	return s->base + heap_bytes(s->frame.bytes.cap) + heap_bytes(s->output.cap) + heap_bytes(s->last_word.cap) +
	       heap_bytes(s->unsent_elsewhere) + s->slot_bytes + s->reply_bytes + (s->door ? door_bytes(s->door) : 0);
}

size_t session_idle_bytes(const struct session *s)
{
	return s->base;
}

void session_count(struct session *s)
{
	size_t bytes = session_bytes(s);
	if (s->limits->budget) {
		s->limits->budget->used_bytes += bytes - s->counted;
		s->limits->budget->base_bytes += s->base - s->counted_base;
	}
	s->counted = bytes;
	s->counted_base = s->base;
}

/* Buffers that a peer filled once are not kept for the next time, or ten thousand idle connections would keep them. */
void session_trim_above(struct session *s, size_t keep_bytes)
{
	if (s->frame.bytes.cap > keep_bytes)
		frame_trim(&s->frame);
	if (s->output.len == 0 && s->output.cap > keep_bytes)
		buf_free(&s->output);
	session_count(s);
}

void session_trim(struct session *s)
{
	session_trim_above(s, 0);
}

void session_budget_free(struct session_budget *b)
{
	if (b->spare) {
		arena_free(&b->spare->arena);
		free(b->spare);
	}
	b->spare = NULL;
}

enum pressure session_budget_pressure(const struct session_budget *b)
{
	size_t bytes = b ? b->used_bytes + b->reserved_bytes : 0;
	if (!b || bytes <= b->limit_bytes / 2)
		return PRESSURE_NONE;
	if (bytes <= b->limit_bytes / 16 * 15)
		return PRESSURE_RAISED;
	return bytes <= b->limit_bytes ? PRESSURE_HIGH : PRESSURE_CRITICAL;
}

bool session_budget_takes_one(const struct session_budget *b)
{
	return session_budget_pressure(b) < PRESSURE_HIGH &&
	       (!b->base_limit_bytes || b->base_bytes <= b->base_limit_bytes);
}

void session_join_budget(struct session *s)
{
	struct session_budget *b = s->limits->budget;
	if (!b)
		return;
	s->next = b->first;
	if (b->first)
		b->first->before = s;
	b->first = s;
	b->sessions++;
}

void session_leave_budget(struct session *s)
{
	struct session_budget *b = s->limits->budget;
	if (!b)
		return;
	*(s->before ? &s->before->next : &b->first) = s->next;
	if (s->next)
		s->next->before = s->before;
	b->used_bytes -= s->counted;
	b->base_bytes -= s->counted_base;
	b->sessions--;
}

/* ---- room ---- */

enum { SMALL_BYTES = 64 * 1024, SMALL_MESSAGE_BYTES = 16 * 1024 };

bool session_is_much(const struct session *s, size_t bytes)
{
	return s->limits->budget && bytes > SMALL_BYTES && !s->identity.is_owner;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t session_answer_bytes(const struct session *s)
{
	size_t held, made;
	engine_answer_bytes(&s->queue->call, &held, &made);
	return least(held, s->limits->max_frame_bytes) +
	       least(made, s->limits->max_unpacked_bytes - s->queue->arena.used_bytes);
}

size_t session_unpacked_bytes(const struct session *s, size_t len)
{
	enum { RATIO = 8 }; /* of what is unpacked to what was sent, as a rule */
	return len <= SMALL_MESSAGE_BYTES ? len : SMALL_BYTES + least(len * RATIO, s->limits->max_frame_bytes);
}

/* Nobody else has anything that could make room. */
static bool is_alone(const struct session *s)
{
	const struct session_budget *b = s->limits->budget;
	return b->reserved_bytes == 0 && b->used_bytes - b->base_bytes <= s->counted - s->counted_base;
}

/* An eighth is left to what is small. */
static size_t leaves(const struct session_budget *b, size_t bytes)
{
	return b->limit_bytes / 8 * 7 - least(bytes, b->limit_bytes / 2);
}

/* No step takes more than the room beside the limit: what takes more than was asked
 * for here keeps others from beginning. */
static bool admits(const struct session *s, size_t bytes, bool in_turn)
{
	const struct session_budget *b = s->limits->budget;
	if (!b)
		return true;
	size_t taken = b->used_bytes + b->reserved_bytes;
	if (!session_is_much(s, bytes))
		return taken <= b->limit_bytes;
	if (!in_turn)
		return false;
	return is_alone(s) || taken <= leaves(b, bytes);
}

bool session_admits(const struct session *s, size_t bytes)
{
	return admits(s, bytes, s->resumed);
}

/* What the session has next, a request to be submitted or one to be unpacked; 0: nothing. */
static size_t next_step_bytes(const struct session *s)
{
	struct view message;
	if (!s->limits->budget || s->state >= SESSION_OVER)
		return 0;
	if (s->queue && !s->blocked)
		return session_answer_bytes(s);
	if (s->state == SESSION_OPEN && frame_peek(&s->frame, &message) == 1)
		return session_unpacked_bytes(s, message.len) + 1;
	return 0;
}

bool session_awaits_room(const struct session *s)
{
	size_t bytes = next_step_bytes(s);
	return bytes > 0 && !session_admits(s, bytes);
}

bool session_has_room(const struct session *s)
{
	size_t bytes = next_step_bytes(s);
	return bytes == 0 || admits(s, bytes, true);
}

size_t session_leaves(const struct session *s)
{
	return leaves(s->limits->budget, next_step_bytes(s));
}

bool session_awaits_much(const struct session *s)
{
	size_t bytes = next_step_bytes(s);
	return session_is_much(s, bytes) && !session_admits(s, bytes);
}

void session_reserve(struct session *s, struct slot *slot, size_t bytes)
{
	if (!s->limits->budget)
		return;
	slot->reserved = bytes;
	s->limits->budget->reserved_bytes += bytes;
}

/* ---- requests ---- */

struct slot *session_take_slot(struct session *s)
{
	struct slot *slot = s->limits->budget ? s->limits->budget->spare : NULL;
	if (slot)
		s->limits->budget->spare = NULL;
	else if ((slot = malloc(sizeof *slot)))
		arena_init(&slot->arena, s->limits->max_unpacked_bytes);
	if (!slot)
		return NULL;
	slot->session = s;
	slot->next = NULL;
	slot->bytes = slot->reserved = 0;
	slot->received_ns = s->received_ns;
	slot->call = (struct call){
		.wire = &slot->wire,
		.arena = &slot->arena,
		.identity = &s->identity,
		.peer = s->identity.name,
	};
	return slot;
}

void session_free_slot(struct session *s, struct slot *slot)
{
	struct session_budget *budget = s->limits->budget;
	s->slot_bytes -= slot->bytes;
	if (budget)
		budget->reserved_bytes -= slot->reserved;
	/* Its memory is used again as it is. */
	if (slot->wire.secret)
		wipe(slot->wire.secret, strlen(slot->wire.secret));
	if (!budget || budget->spare) {
		arena_free(&slot->arena);
		free(slot);
		return;
	}
	arena_reset(&slot->arena);
	budget->spare = slot;
}

void session_enqueue(struct session *s, struct slot *slot)
{
	slot->bytes = heap_bytes(sizeof *slot) + slot->arena.used_bytes;
	s->slot_bytes += slot->bytes;
	*s->queue_end = slot;
	s->queue_end = &slot->next;
	s->n_queued++;
}

void session_recount_slot(struct session *s, struct slot *slot)
{
	s->slot_bytes -= slot->bytes;
	slot->bytes = heap_bytes(sizeof *slot) + slot->arena.used_bytes;
	s->slot_bytes += slot->bytes;
}

/* The request alone, in an arena that holds nothing else. */
static int unpack_again(struct slot *slot)
{
	struct buf bytes = {0};
	struct wire_request again;
	struct arena arena;
	arena_init(&arena, slot->arena.budget_bytes);
	int err = wire_encode_request(&slot->wire.request, &arena, SIZE_MAX, &bytes);
	arena_free(&arena);
	size_t at = 0;
	while (err == 0 && bytes.data[at++] & 0x80)
		; /* its length */
	if (err == 0)
		err = wire_decode_request(&arena, bytes.data + at, bytes.len - at, &again);
	buf_free(&bytes);
	if (err) {
		arena_free(&arena);
		return err;
	}
	arena_free(&slot->arena);
	slot->arena = arena;
	slot->wire = again;
	return 0;
}

void session_shrink_waiting(struct session *s, struct slot *slot)
{
	enum { SMALL_ARENA_BYTES = 4096 };
	if (!engine_is_waiting(&slot->call))
		return;
	if (s->limits->budget)
		s->limits->budget->reserved_bytes -= slot->reserved;
	slot->reserved = 0;
	if (slot->arena.used_bytes > SMALL_ARENA_BYTES && unpack_again(slot))
		log_debug("a request that waits keeps its memory: out of memory");
	session_recount_slot(s, slot);
}

struct slot *session_dequeue(struct session *s)
{
	struct slot *slot = s->queue;
	s->queue = slot->next;
	if (!s->queue)
		s->queue_end = &s->queue;
	s->n_queued--;
	return slot;
}

void session_drop_queue(struct session *s)
{
	while (s->queue) {
		struct slot *slot = session_dequeue(s);
		engine_withdraw(s->engine, &slot->call);
		session_free_slot(s, slot);
	}
}

void session_add_submitted(struct session *s, struct slot *slot)
{
	slot->next = s->submitted;
	slot->before = NULL;
	if (s->submitted)
		s->submitted->before = slot;
	s->submitted = slot;
	s->n_submitted++;
}

void session_remove_submitted(struct session *s, const struct slot *slot)
{
	*(slot->before ? &slot->before->next : &s->submitted) = slot->next;
	if (slot->next)
		slot->next->before = slot->before;
	s->n_submitted--;
}

void session_cancel_submitted(struct session *s)
{
	bool was_pumping = s->pumping;
	s->pumping = true;
	for (struct slot *slot = s->submitted, *next; slot; slot = next) {
		next = slot->next;
		engine_cancel(s->engine, &slot->call);
	}
	s->pumping = was_pumping;
}

/* ---- answers that wait ---- */

static size_t reply_bytes(const struct reply *r)
{
	return heap_bytes(sizeof *r) + heap_bytes(r->bytes.cap);
}

void session_add_reply(struct session *s, struct reply *r)
{
	r->session = s;
	r->next = s->replies;
	if (s->replies)
		s->replies->before = r;
	s->replies = r;
	s->n_replies++;
	s->rows_waiting += r->rows;
	s->reply_bytes += reply_bytes(r);
}

void session_remove_reply(struct session *s, const struct reply *r)
{
	*(r->before ? &r->before->next : &s->replies) = r->next;
	if (r->next)
		r->next->before = r->before;
	s->n_replies--;
	s->rows_waiting -= r->rows;
	s->reply_bytes -= reply_bytes(r);
}

/* ---- checks ---- */

static const char *check_queue(const struct session *s)
{
	uint32_t n = 0;
	struct slot *const *end = &s->queue;
	for (const struct slot *slot = s->queue; slot; slot = slot->next, n++)
		end = (struct slot *const *)&slot->next;
	if (end != (struct slot *const *)s->queue_end)
		return "a session's queue does not end where it says";
	return n == s->n_queued ? NULL : "a session's queue is not as long as its count";
}

static const char *check_submitted(const struct session *s)
{
	uint32_t n = 0;
	bool has_blocked = !s->blocked;
	const struct slot *before = NULL;
	for (const struct slot *slot = s->submitted; slot; before = slot, slot = slot->next, n++) {
		has_blocked = has_blocked || slot == s->blocked;
		if (slot->before != before || slot->session != s)
			return "a session's request in the engine is not linked with its neighbors";
	}
	if (!has_blocked)
		return "a session is blocked by a request that the engine does not have";
	return n == s->n_submitted ? NULL : "a session's requests in the engine are not as many as their count";
}

static const char *check_replies(const struct session *s)
{
	uint32_t n = 0;
	size_t rows = 0, bytes = 0;
	const struct reply *before = NULL;
	for (const struct reply *r = s->replies; r; before = r, r = r->next, n++) {
		rows += r->rows;
		bytes += reply_bytes(r);
		if (r->before != before || r->session != s)
			return "a session's answer that waits is not linked with its neighbors";
	}
	if (n != s->n_replies)
		return "a session's answers that wait are not as many as their count";
	if (rows != s->rows_waiting)
		return "a session's rows that wait for the disk are not those of its answers";
	return bytes == s->reply_bytes ? NULL : "a session's answers that wait take other memory than its account says";
}

const char *session_check(const struct session *s)
{
	size_t bytes = 0;
	for (const struct slot *slot = s->queue; slot; slot = slot->next)
		bytes += slot->bytes;
	for (const struct slot *slot = s->submitted; slot; slot = slot->next)
		bytes += slot->bytes;
	if (bytes != s->slot_bytes)
		return "a session's requests take other memory than its account says";
	if (s->last_word.len > 0 && s->state != SESSION_ENDING && s->state != SESSION_GONE)
		return "a session keeps a last word though it is not ending";
	if (!s->owner != (s->state == SESSION_GONE))
		return "a session has an owner when it is gone, or none before";
	const char *fault = check_queue(s);
	if (!fault)
		fault = check_submitted(s);
	return fault ? fault : check_replies(s);
}

const char *session_budget_check(const struct session_budget *b)
{
	uint64_t n = 0;
	size_t bytes = 0, base = 0, reserved = 0;
	const struct session *before = NULL;
	for (const struct session *s = b->first; s; before = s, s = s->next, n++) {
		bytes += s->counted;
		base += s->counted_base;
		for (const struct slot *slot = s->submitted; slot; slot = slot->next)
			reserved += slot->reserved;
		if (s->before != before || s->limits->budget != b)
			return "a session is not linked with its neighbors in the budget";
	}
	if (n != b->sessions)
		return "a budget has other sessions than its count says";
	if (base != b->base_bytes)
		return "a budget's idle bytes are not those of its sessions";
	if (reserved != b->reserved_bytes)
		return "a budget's reservations are not those of its requests";
	return bytes == b->used_bytes ? NULL : "a budget's bytes are not those of its sessions";
}
