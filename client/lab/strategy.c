#include "client/lab/strategy.h"

#include <stddef.h>
#include <string.h>

#include "client/lab/responder.h"

/* Reports what it believes. */
static double truthful(const struct strategy_view *v)
{
	return v->belief;
}

static double side_of(double belief)
{
	return belief >= 0.5 ? 1 : 0;
}

/* Reports its side with full certainty, to count for more in an average. */
static double exaggerate(const struct strategy_view *v)
{
	return side_of(v->belief);
}

/* Reports A whatever the item: the least work. */
static double always_a(const struct strategy_view *v)
{
	(void)v;
	return 1;
}

/* Reports the opposite of what it believes. */
static double inverted(const struct strategy_view *v)
{
	return 1 - v->belief;
}

/* Reports anything. */
static double spam(const struct strategy_view *v)
{
	return v->dice;
}

/* Reports the side that the heaviest labeler took last: the leaderboard is public, thinking is work. */
static double copycat(const struct strategy_view *v)
{
	return side_of(v->leader_last);
}

/* Earns weight by being truthful until it is heavy, then reports the opposite of what it believes. */
static double sleeper(const struct strategy_view *v)
{
	return v->was_heavy ? 1 - v->belief : v->belief;
}

/* A block that pushes one side, drawn at random for each item. */
static double colluder(const struct strategy_view *v)
{
	return v->lot < 0.5 ? 0 : 1;
}

/* One of a block that wants to stay heavy: truthful except on one item in ten, where the block pushes one side. */
static double stealth(const struct strategy_view *v)
{
	return v->lot < 0.05 ? 0 : v->lot < 0.1 ? 1 : v->belief;
}

/* A good labeler in the first and the last third of the campaign; in the second one as sure as ever, and of nothing. */
static double drifting(const struct strategy_view *v)
{
	bool bad = v->item >= v->items / 3 && v->item < v->items - v->items / 3;
	return bad && v->dice < 0.5 ? 1 - v->belief : v->belief;
}

/* Reports what maximises the weight that it expects to have some items later. */
static double responder(const struct strategy_view *v)
{
	return v->outlook ? responder_best(v->outlook, v->gain) : v->belief;
}

const struct strategy strategy_truthful = {.name = "truthful", .report = truthful};

const struct strategy strategies[] = {
	{.name = "exaggerate", .report = exaggerate},
	{.name = "always-a", .report = always_a},
	{.name = "inverted", .report = inverted},
	{.name = "spam", .report = spam},
	{.name = "copycat", .report = copycat, .copies = true},
	{.name = "sleeper", .report = sleeper},
	{.name = "colluder", .report = colluder},
	{.name = "stealth", .report = stealth},
	{.name = "sybil", .report = truthful, .one_person = true},
	{.name = "drifting", .report = drifting},
	{.name = "responder-1", .report = responder, .horizon = 1},
	{.name = "responder-2", .report = responder, .horizon = 2},
	{.name = "responder-5", .report = responder, .horizon = 5},
	{.name = NULL},
};

const struct strategy *strategy_find(const char *name)
{
	if (strcmp(name, strategy_truthful.name) == 0)
		return &strategy_truthful;
	for (const struct strategy *s = strategies; s->name; s++)
		if (strcmp(name, s->name) == 0)
			return s;
	return NULL;
}
