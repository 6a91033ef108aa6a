#include "daemon/net/session_internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/base/wipe.h"

/* ---- bytes ---- */

size_t session_bytes(const struct session *s)
{
	return s->base + heap_bytes(s->frame.bytes.cap) + heap_bytes(s->output.cap) + heap_bytes(s->last_word.cap) +
	       heap_bytes(s->unsent_elsewhere) + s->slot_bytes + s->reply_bytes;
}

void session_count(struct session *s)
{
	size_t bytes = session_bytes(s);
	if (s->limits->budget)
		s->limits->budget->used_bytes += bytes - s->counted;
	s->counted = bytes;
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
	if (!b || b->used_bytes <= b->limit_bytes / 2)
		return PRESSURE_NONE;
	if (b->used_bytes <= b->limit_bytes / 16 * 15)
		return PRESSURE_RAISED;
	return b->used_bytes <= b->limit_bytes ? PRESSURE_HIGH : PRESSURE_CRITICAL;
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
	b->sessions--;
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
	slot->bytes = 0;
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
	size_t bytes = 0;
	const struct session *before = NULL;
	for (const struct session *s = b->first; s; before = s, s = s->next, n++) {
		bytes += s->counted;
		if (s->before != before || s->limits->budget != b)
			return "a session is not linked with its neighbors in the budget";
	}
	if (n != b->sessions)
		return "a budget has other sessions than its count says";
	return bytes == b->used_bytes ? NULL : "a budget's bytes are not those of its sessions";
}
