#include "daemon/net/turns.h"

void turns_append(struct turn_queue *q, struct turn *t)
{
	t->queue = q;
	t->next = NULL;
	t->before = q->last;
	*(q->last ? &q->last->next : &q->first) = t;
	q->last = t;
	q->n++;
}

void turns_leave(struct turn *t)
{
	struct turn_queue *q = t->queue;
	if (!q)
		return;
	*(t->before ? &t->before->next : &q->first) = t->next;
	*(t->next ? &t->next->before : &q->last) = t->before;
	t->queue = NULL;
	q->n--;
}

void turns_wait(struct turns *t, struct turn *turn)
{
	if (turn->queue)
		return;
	if (session_must_wait(turn->session))
		turns_append(&t->waiting, turn);
	else if (session_awaits_room(turn->session))
		turns_append(session_awaits_much(turn->session) ? &t->large : &t->small, turn);
	else
		turns_append(&t->ready, turn);
}

static bool may_release(const struct turns *t, const struct engine *e)
{
	return t->waiting.first && engine_pressure(e) == PRESSURE_NONE;
}

static bool has_room(const struct turn_queue *q)
{
	return q->first && session_has_room(q->first->session);
}

static void release(struct turns *t, struct turn_queue *from)
{
	struct turn *released = from->first;
	turns_leave(released);
	turns_append(&t->ready, released);
}

/* Something large goes alone, so that what it took is counted before the next goes. */
static void release_for_room(struct turns *t)
{
	while (has_room(&t->small))
		release(t, &t->small);
	if (!has_room(&t->large))
		return;
	release(t, &t->large);
	t->large_released++;
}

void turns_give(struct turns *t, const struct engine *e, const struct session_budget *b, uint64_t until)
{
	enum { LEAST = 2 }; /* that a turn counts for: the peer is read again afterwards */
	while (may_release(t, e))
		release(t, &t->waiting);
	release_for_room(t);
	uint64_t given = 0;
	do {
		struct turn *next = t->ready.first;
		if (!next)
			return;
		turns_leave(next);
		given += LEAST;
		/* If it must wait by now, it will queue with those who must. */
		session_resume(next->session);
	} while (b->work + given < until);
}

bool turns_are_due(const struct turns *t, const struct engine *e)
{
	return t->ready.first || may_release(t, e) || has_room(&t->small) || has_room(&t->large);
}

static const char *check_queue(const struct turn_queue *q)
{
	size_t n = 0;
	const struct turn *before = NULL;
	for (const struct turn *t = q->first; t; before = t, t = t->next, n++) {
		if (t->queue != q || t->before != before)
			return "a turn is not linked with its neighbors";
		if (!t->session)
			return "a turn belongs to no session";
	}
	if (q->last != before)
		return "a queue of turns does not end at its last one";
	return n == q->n ? NULL : "a queue of turns is not as long as its count";
}

const char *turns_check(const struct turns *t)
{
	const struct turn_queue *const all[] = {&t->ready, &t->waiting, &t->small, &t->large};
	const char *fault = NULL;
	for (size_t i = 0; i < sizeof all / sizeof *all && !fault; i++)
		fault = check_queue(all[i]);
	return fault;
}
