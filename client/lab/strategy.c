#include "strategy.h"

#include <stddef.h>
#include <string.h>

#include "responder.h"

/* Says what it believes. */
static double truthful(const struct strategy_view *v)
{
	return v->belief;
}

static double side_of(double belief)
{
	return belief >= 0.5 ? 1 : 0;
}

/* Says its side with full certainty, so as to count for more in an average. */
static double exaggerate(const struct strategy_view *v)
{
	return side_of(v->belief);
}

/* Says A whatever the item: the least work there is. */
static double always_a(const struct strategy_view *v)
{
	(void)v;
	return 1;
}

/* Says the opposite of what it believes. */
static double inverted(const struct strategy_view *v)
{
	return 1 - v->belief;
}

/* Says anything. */
static double spam(const struct strategy_view *v)
{
	return v->dice;
}

/* Says the side that whoever weighs most took last: the leaderboard is public, thinking is work. */
static double copycat(const struct strategy_view *v)
{
	return side_of(v->leader_last);
}

/* Earns weight by truth until it is heavy, and then says the opposite of what it believes. */
static double sleeper(const struct strategy_view *v)
{
	return v->was_heavy ? 1 - v->belief : v->belief;
}

/* A block that pushes one side, agreed upon for each item by lot. */
static double colluder(const struct strategy_view *v)
{
	return v->lot < 0.5 ? 0 : 1;
}

/* A good labeler in the first and the last third of the campaign; in the second one as sure as ever, and of nothing. */
static double drifting(const struct strategy_view *v)
{
	bool bad = v->item >= v->items / 3 && v->item < v->items - v->items / 3;
	return bad && v->dice < 0.5 ? 1 - v->belief : v->belief;
}

/* Says what maximises the weight that it expects to have some items later. */
static double responder(const struct strategy_view *v)
{
	return v->outlook ? responder_best(v->outlook, NULL) : v->belief;
}

const struct strategy strategy_truthful = {
	.name = "truthful", .summary = "reports what it believes", .report = truthful};

const struct strategy strategies[] = {
	{.name = "exaggerate", .summary = "reports 0 or 1, whichever is nearer to its belief", .report = exaggerate},
	{.name = "always-a", .summary = "reports 1, whatever the item", .report = always_a},
	{.name = "inverted", .summary = "reports the opposite of its belief", .report = inverted},
	{.name = "spam", .summary = "reports any number", .report = spam},
	{.name = "copycat",
	 .summary = "repeats the side that the heaviest labeler took last",
	 .report = copycat,
	 .copies = true},
	{.name = "sleeper", .summary = "truthful until it weighs 1.5, from then on inverted", .report = sleeper},
	{.name = "colluder", .summary = "one of a block that pushes one side, by lot per item", .report = colluder},
	{.name = "sybil",
	 .summary = "truthful: one person under all these names",
	 .report = truthful,
	 .one_person = true},
	{.name = "drifting", .summary = "good, then sure of nothing, then good again", .report = drifting},
	{.name = "responder-1",
	 .summary = "maximises its expected weight after this item",
	 .report = responder,
	 .horizon = 1},
	{.name = "responder-2",
	 .summary = "... after this and the next item it answers",
	 .report = responder,
	 .horizon = 2},
	{.name = "responder-5", .summary = "... after five items", .report = responder, .horizon = 5},
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
