#include "daemon/net/turns.h"

static void append(struct turn_queue *q, struct turn *t)
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
	if (!turn->queue)
		append(session_must_wait(turn->session) ? &t->waiting : &t->ready, turn);
}

static bool may_release(const struct turns *t, const struct engine *e)
{
	return t->waiting.first && engine_pressure(e) == PRESSURE_NONE;
}

void turns_give(struct turns *t, const struct engine *e)
{
	while (may_release(t, e)) {
		struct turn *released = t->waiting.first;
		turns_leave(released);
		append(&t->ready, released);
	}
	struct turn *next = t->ready.first;
	if (!next)
		return;
	turns_leave(next);
	/* If it must wait by now, it will queue with those who must. */
	session_resume(next->session);
}

bool turns_are_due(const struct turns *t, const struct engine *e)
{
	return t->ready.first || may_release(t, e);
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
	const char *fault = check_queue(&t->ready);
	return fault ? fault : check_queue(&t->waiting);
}
