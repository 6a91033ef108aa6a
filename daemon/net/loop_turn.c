#include "daemon/net/loop_turn.h"

#include "daemon/net/session.h"

void loop_turn_begin(struct loop_turn *t, uint64_t work)
{
	*t = (struct loop_turn){
		.number = t->number + 1,
		.until = work + LOOP_WORK,
		.holders_before = t->holders,
	};
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

unsigned loop_turn_part(struct loop_turn *t, struct holder_work *work, bool few)
{
	enum { AT_ONCE = 16 }; /* enough for a client that asks little, even if a thousand send at once */
	if (work->turn != t->number) {
		*work = (struct holder_work){.turn = t->number};
		t->holders++;
	}
	uint64_t holders = t->holders > t->holders_before ? t->holders : t->holders_before;
	uint64_t part = LOOP_WORK / holders > AT_ONCE ? LOOP_WORK / holders : AT_ONCE;
	uint64_t left = part > work->done ? part - work->done : 0;
	return (unsigned)least(left, few ? SESSION_TURN : AT_ONCE);
}
