/* candor simulate: a campaign in which labelers have beliefs and perhaps reasons to hide them, played under several
 * schemes on the same draws. It needs no daemon. */
#include "client/cli/lab/simulate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/number.h"
#include "client/cli/lab/plot.h"
#include "client/cli/base/settings.h"
#include "client/cli/lab/workers.h"

enum { REPEATS_MAX = 10000 };

/* With --train, unless told otherwise. */
enum { TRAIN_ITEMS = 2000, TRAIN_LABELERS = 41, TRAIN_FEATURES = 16 };
static const double TRAIN_KNOWN = 0.1;

/* ---- what was asked for ---- */

/* "LOW:HIGH", or one number for both. */
static void parse_range(const struct cli *c, const char *what, char *text, double lo, double hi, double *low,
			double *high)
{
	char *colon = strchr(text, ':');
	if (colon)
		*colon++ = '\0';
	*low = cli_real(c, what, text, lo, hi);
	*high = colon ? cli_real(c, what, colon, *low, hi) : *low;
}

/* "all", "K", or "heavy:K". */
static void parse_answers(const struct cli *c, const char *text, struct world_options *w)
{
	static const char heavy[] = "heavy:";
	w->participation = WORLD_SOME;
	if (strcmp(text, "all") == 0) {
		w->participation = WORLD_ALL;
		return;
	}
	if (strncmp(text, heavy, sizeof heavy - 1) == 0) {
		w->participation = WORLD_HEAVY;
		text += sizeof heavy - 1;
	}
	w->per_item = (uint32_t)cli_count_of(c, "--answers", text, 1, ITEM_REPORTS_MAX);
}

/* "signals", "hair:GAP", or "switching:GAP:PERIOD". */
static void parse_world(const struct cli *c, char *text, struct world_options *w)
{
	char *kind = strsep(&text, ":"), *gap = strsep(&text, ":"), *period = text;
	bool hair = strcmp(kind, "hair") == 0, switching = strcmp(kind, "switching") == 0;
	if ((!hair && !switching && strcmp(kind, "signals") != 0) || !gap != (!hair && !switching) ||
	    !period != !switching)
		cli_usage(c, "--world must be signals, hair:GAP or switching:GAP:PERIOD");
	w->kind = hair ? WORLD_HAIR : switching ? WORLD_SWITCHING : WORLD_SIGNALS;
	if (gap)
		w->gap = cli_real(c, "the gap of --world", gap, 0, 0.3);
	if (period)
		w->period = cli_count_of(c, "the period of --world", period, 1, UINT32_MAX);
}

/* Part of "KIND:SHARE", which waits for the number of labelers. */
struct group_asked {
	const struct strategy *strategy;
	double share; /* below 1 a part of the labelers, from 1 on their number */
};

static struct group_asked parse_group(const struct cli *c, char *text)
{
	char *colon = strchr(text, ':');
	if (!colon)
		cli_usage(c, "--strategic is \"%s\"; it must be KIND:SHARE, as in inverted:0.3", text);
	*colon++ = '\0';
	const struct strategy *s = strategy_find(text);
	if (!s)
		cli_usage(c, "--strategic: unknown strategy \"%s\"; `candor simulate --help` lists them", text);
	double share = cli_real(c, "the share of --strategic", colon, 0, 1e7);
	if (share >= 1 && share != floor(share))
		cli_usage(c,
			  "the share of --strategic is \"%s\"; it must be a fraction below 1 or a whole number of "
			  "labelers",
			  colon);
	return (struct group_asked){s, share};
}

/* Parts are rounded together, so that halves of 21 labelers are 11 and 10. */
static void set_groups(const struct cli *c, struct game_options *o, const struct group_asked *asked, size_t n)
{
	double parts = 0;
	for (size_t i = 0; i < n; i++) {
		struct game_group *g = &o->groups[i];
		double before = round(parts * o->world.labelers);
		g->strategy = asked[i].strategy;
		if (asked[i].share >= 1) {
			g->count = (uint32_t)asked[i].share;
		} else {
			parts += asked[i].share;
			g->count = (uint32_t)(round(parts * o->world.labelers) - before);
		}
		if (g->count == 0)
			cli_usage(c, "--strategic %s:%g selects none of the %u labelers", g->strategy->name,
				  asked[i].share, o->world.labelers);
	}
	o->n_groups = n;
}

/* Six for each power of ten, and the end. */
static void set_checkpoints(struct game_options *o)
{
	uint64_t last = 0;
	for (int k = 0; o->n_checkpoints + 1 < GAME_CHECKPOINTS_MAX; k++) {
		uint64_t at = (uint64_t)llround(pow(10, 1 + k / 6.0));
		if (at >= o->world.items)
			break;
		if (at > last)
			o->checkpoints[o->n_checkpoints++] = last = at;
	}
	o->checkpoints[o->n_checkpoints++] = o->world.items;
}

/* ---- playing ---- */

/* The game of a contestant: all but the stream. */
static struct game_options simulation_game(const struct simulation *s, size_t contestant)
{
	struct game_options o = s->game;
	o.class = s->contestants[contestant]->class;
	o.settings = cli_contestant_settings(s->contestants[contestant], &s->given, simulation_t_eff(s));
	return o;
}

struct game_place {
	size_t contestant;
	uint32_t repeat;
};

/* The slowest contestants are last in the list, and start first. */
static struct game_place place_of(const struct simulation *s, size_t job)
{
	return (struct game_place){s->n_contestants - 1 - job / s->repeats, (uint32_t)(job % s->repeats)};
}

static int play_one(void *arg, size_t job, atomic_uint_fast64_t *done)
{
	struct simulation *s = arg;
	struct game_place place = place_of(s, job);
	struct game_options o = simulation_game(s, place.contestant);
	o.world.stream = place.repeat;
	o.done = done;
	return game_play(&o, &s->results[place.contestant * s->repeats + place.repeat]);
}

static uint64_t items_of(void *arg, size_t job)
{
	(void)job;
	return ((const struct simulation *)arg)->game.world.items;
}

static const char *slow_name(void *arg, size_t job)
{
	const struct simulation *s = arg;
	const struct cli_contestant *k = s->contestants[place_of(s, job).contestant];
	return k->class->slow ? k->name : NULL;
}

static int play_all(struct simulation *s)
{
	const struct cli_work work = {
		.n = s->n_contestants * s->repeats, .job = play_one, .items = items_of, .slow = slow_name, .arg = s};
	s->results = cli_memory(calloc(work.n, sizeof *s->results));
	return cli_do_work(s->cli, &work);
}

/* ---- the campaign instead of the comparison ---- */

/* Where outcomes are to be settled together, they have a block. */
struct printer {
	uint64_t together, posted;
};

static void print_item(void *arg, const struct scheme_item *item, const struct world_draw *draw,
		       const char *const *names)
{
	struct printer *p = arg;
	for (size_t i = 0; i < item->n; i++) {
		printf("i%" PRIu64 ",%s,%s,", item->number, names[item->labelers[i]], cli_exact(item->reports[i]).s);
		if (draw->known)
			printf("%g", draw->outcome);
		if (p->together > 1)
			putchar(',');
		if (p->together > 1 && draw->known)
			printf("b%" PRIu64, p->posted / p->together);
		putchar('\n');
	}
	p->posted += draw->known;
}

static int fail_game(const struct simulation *s, int err)
{
	return cli_fail(s->cli, CLI_USAGE, CANDOR_INTERNAL, "the simulation failed: %s", candor_strerror(err));
}

static int print_campaign(const struct simulation *s)
{
	struct game_result result;
	struct game_options o = simulation_game(s, 0);
	struct printer printer = {.together = o.apart ? 1 : o.together};
	o.on_item = print_item;
	o.arg = &printer;
	puts(printer.together > 1 ? "item,labeler,report,outcome,block" : "item,labeler,report,outcome");
	int err = game_play(&o, &result);
	return err ? fail_game(s, err) : CLI_DONE;
}

/* ---- the command ---- */

enum {
	OPT_LABELERS = 1024,
	OPT_ITEMS,
	OPT_ANSWERS,
	OPT_SKILL,
	OPT_BIAS,
	OPT_CORRELATION,
	OPT_BASE_RATE,
	OPT_WORLD,
	OPT_STRATEGIC,
	OPT_DELAY,
	OPT_KNOWN,
	OPT_FLIPPED,
	OPT_TOGETHER,
	OPT_APART,
	OPT_TRAIN,
	OPT_FEATURES,
	OPT_SCHEMES,
	OPT_SEED,
	OPT_REPEAT,
	OPT_CURVE,
	OPT_PLOT,
	OPT_CSV,
};

static const struct option own_options[] = {
	{"labelers", required_argument, NULL, OPT_LABELERS},
	{"items", required_argument, NULL, OPT_ITEMS},
	{"answers", required_argument, NULL, OPT_ANSWERS},
	{"skill", required_argument, NULL, OPT_SKILL},
	{"bias", required_argument, NULL, OPT_BIAS},
	{"correlation", required_argument, NULL, OPT_CORRELATION},
	{"base-rate", required_argument, NULL, OPT_BASE_RATE},
	{"world", required_argument, NULL, OPT_WORLD},
	{"strategic", required_argument, NULL, OPT_STRATEGIC},
	{"delay", required_argument, NULL, OPT_DELAY},
	{"known", required_argument, NULL, OPT_KNOWN},
	{"flipped", required_argument, NULL, OPT_FLIPPED},
	{"together", required_argument, NULL, OPT_TOGETHER},
	{"apart", no_argument, NULL, OPT_APART},
	{"train", no_argument, NULL, OPT_TRAIN},
	{"features", required_argument, NULL, OPT_FEATURES},
	{"schemes", required_argument, NULL, OPT_SCHEMES},
	{"seed", required_argument, NULL, OPT_SEED},
	{"repeat", required_argument, NULL, OPT_REPEAT},
	{"curve", required_argument, NULL, OPT_CURVE},
	{"plot", required_argument, NULL, OPT_PLOT},
	{"csv", no_argument, NULL, OPT_CSV},
	CLI_SETTING_OPTIONS,
	{0},
};

struct asked {
	struct group_asked groups[GAME_GROUPS_MAX];
	size_t n_groups;
	const char *schemes;
	bool labelers, items, known, flipped, base_rate, csv;
	uint32_t features; /* 0: not given */
	const char *of_signals; /* an option that was given and works only with --world signals */
};

static const char *name_of_option(int opt)
{
	const struct option *o = own_options;
	while (o->val != opt)
		o++;
	return o->name;
}

static void take_option(struct simulation *s, struct asked *a, int opt)
{
	const struct cli *c = s->cli;
	struct world_options *w = &s->game.world;
	a->items = a->items || opt == OPT_ITEMS;
	a->known = a->known || opt == OPT_KNOWN;
	a->flipped = a->flipped || opt == OPT_FLIPPED;
	a->base_rate = a->base_rate || opt == OPT_BASE_RATE;
	if (opt == OPT_SKILL || opt == OPT_BIAS || opt == OPT_CORRELATION || opt == OPT_BASE_RATE)
		a->of_signals = name_of_option(opt);
	switch (opt) {
	case OPT_LABELERS:
		w->labelers = (uint32_t)cli_count_of(c, "--labelers", optarg, 1, 10000000);
		a->labelers = true;
		break;
	case OPT_ITEMS: w->items = cli_count_of(c, "--items", optarg, 1, 1000000000); break;
	case OPT_ANSWERS: parse_answers(c, optarg, w); break;
	case OPT_SKILL: parse_range(c, "--skill", optarg, 0, 10, &w->skill_low, &w->skill_high); break;
	case OPT_BIAS: w->bias = cli_real(c, "--bias", optarg, 0, 10); break;
	case OPT_CORRELATION: w->correlation = cli_real(c, "--correlation", optarg, 0, 1); break;
	case OPT_BASE_RATE: w->base_rate = cli_real(c, "--base-rate", optarg, 0.001, 0.999); break;
	case OPT_WORLD: parse_world(c, optarg, w); break;
	case OPT_STRATEGIC:
		if (a->n_groups == GAME_GROUPS_MAX)
			cli_usage(c, "--strategic can be given at most %d times", GAME_GROUPS_MAX);
		a->groups[a->n_groups++] = parse_group(c, optarg);
		break;
	case OPT_DELAY: s->game.delay = cli_count_of(c, "--delay", optarg, 0, GAME_DELAY_MAX); break;
	case OPT_KNOWN: w->known = cli_real(c, "--known", optarg, 0, 1); break;
	case OPT_FLIPPED: w->wrong = cli_real(c, "--flipped", optarg, 0, 1); break;
	case OPT_TOGETHER: s->game.together = cli_count_of(c, "--together", optarg, 1, GAME_TOGETHER_MAX); break;
	case OPT_APART: s->game.apart = true; break;
	case OPT_TRAIN: s->train = true; break;
	case OPT_FEATURES: a->features = (uint32_t)cli_count_of(c, "--features", optarg, 1, REWARD_FEATURES_MAX); break;
	case OPT_SCHEMES: a->schemes = optarg; break;
	case OPT_SEED: w->seed = cli_count_of(c, "--seed", optarg, 0, INT64_MAX); break;
	case OPT_REPEAT: s->repeats = (uint32_t)cli_count_of(c, "--repeat", optarg, 1, REPEATS_MAX); break;
	case OPT_CURVE: s->curve_path = optarg; break;
	case OPT_PLOT: s->plot_path = optarg; break;
	case OPT_CSV: a->csv = true; break;
	default: cli_setting(c, opt, &s->given); break;
	}
}

/* NULL, or a static sentence. */
static const char *fault_of(const struct simulation *s, const struct asked *a)
{
	for (size_t k = 0; k < s->n_contestants; k++) {
		struct game_options o = s->game;
		o.class = s->contestants[k]->class;
		if (o.class->late && o.world.known >= 1)
			return "--schemes now is judged on items whose outcome never arrives; say for which part it "
			       "does, as in --known 0.1";
		const char *fault = game_fault(&o);
		if (fault)
			return fault;
	}
	if (a->features && !s->train)
		return "--features is of the pairs that --train trains reward models on";
	if (s->game.apart && s->game.together <= 1)
		return "--apart says how outcomes that come --together are settled";
	if (s->train && a->base_rate)
		return "with --train the truth follows from features, so there is no --base-rate";
	if (s->train && a->csv)
		return "--csv writes no features, so it does not go with --train";
	if (a->of_signals && s->game.world.kind != WORLD_SIGNALS)
		return "--skill, --bias, --correlation and --base-rate apply only to the world of signals";
	if (a->csv && (s->cli->json || s->curve_path || s->plot_path || s->repeats > 1))
		return "--csv writes one campaign and nothing else: no --json, --curve, --plot or --repeat";
	return NULL;
}

/* What was not asked for. Outcomes are wrong as often as the mechanism believes, unless it is said how often. */
static void complete(struct simulation *s, const struct asked *a)
{
	struct world_options *w = &s->game.world;
	if (w->kind != WORLD_SIGNALS && !a->labelers)
		w->labelers = 2;
	if (!a->flipped)
		w->wrong = s->given.wrong;
	if (!s->train)
		return;
	w->features = a->features ? a->features : TRAIN_FEATURES;
	if (!a->items)
		w->items = TRAIN_ITEMS;
	if (!a->labelers && w->kind == WORLD_SIGNALS)
		w->labelers = TRAIN_LABELERS;
	if (!a->known)
		w->known = TRAIN_KNOWN;
}

static int run_simulate(struct cli *c, int argc, char **argv)
{
	struct simulation s = {
		.cli = c,
		.repeats = 1,
		.game.world = world_usual(1000, 20),
	};
	struct asked a = {0};
	int opt;
	while ((opt = cli_option(c, argc, argv, own_options)) != -1)
		take_option(&s, &a, opt);
	cli_operands(c, argc, argv, 0, 0, "");
	complete(&s, &a);
	set_groups(c, &s.game, a.groups, a.n_groups);
	set_checkpoints(&s.game);
	s.n_contestants = cli_contestants_of(c, a.schemes, s.train ? SCHEME_IN_TRAIN : SCHEME_IN_SIMULATE,
					     s.game.world.known < 1, s.contestants);
	struct candor_settings given = s.given;
	given.has_wrong = false; /* which has an effect on the outcomes at least */
	cli_check_contest(c, &given, s.contestants, s.n_contestants);
	const char *fault = fault_of(&s, &a);
	if (fault)
		cli_usage(c, "%s", fault);
	if (s.plot_path && plot_file_fault(s.plot_path))
		cli_usage(c, "--plot: %s", plot_file_fault(s.plot_path));
	if (a.csv)
		return print_campaign(&s);
	int code = simulate_prepare(&s);
	if (code)
		return code;
	int err = play_all(&s);
	code = err ? fail_game(&s, err) : simulate_show(&s);
	free(s.results);
	return code;
}

CLI_COMMAND(simulate) = {
	.name = "simulate",
	.summary = "simulate a campaign with strategic labelers, under several schemes",
	.help = "usage: candor simulate [OPTION...]\n\n"
		"Draws items and labelers' beliefs, lets labelers answer by their strategies, and\n"
		"compares schemes on the same draws. Needs no daemon; uses all processors.\n\n"
		"The campaign:\n"
		"  --items T             items (1000)\n"
		"  --labelers N          labelers (20)\n"
		"  --answers all|K|heavy:K   who answers an item: everybody (the default); K at\n"
		"                        random; or K, of whom a few do most of the work\n"
		"  --skill LOW:HIGH      how well a labeler tells A from B (d'), uniform in a range:\n"
		"                        0 not at all, 1 right in 69 %, 2 in 84 % (0.3:2)\n"
		"  --bias X              deviation from calibrated beliefs, in log odds (0.3)\n"
		"  --correlation R       of labelers' errors (0.2)\n"
		"  --base-rate P         how often A is right (0.5)\n"
		"  --world hair:GAP      instead: two labelers, one off the truth by GAP\n"
		"  --world switching:GAP:PERIOD   instead: one is right for PERIOD items, then\n"
		"                        the other, and so on\n\n"
		"Labelers who are not truthful, up to eight kinds:\n"
		"  --strategic KIND:SHARE   a fraction of the labelers (0.3) or their number (6)\n"
		"    exaggerate   0 or 1, whichever is closer to the belief\n"
		"    always-a     1, whatever the item\n"
		"    inverted     the opposite of the belief\n"
		"    spam         any number\n"
		"    copycat      the side that the heaviest labeler took last\n"
		"    sleeper      truthful until its weight is 1.5 (if weights are fixed, for a third\n"
		"                 of the items), inverted from then on\n"
		"    colluder     one of a group that pushes one side, drawn for each item\n"
		"    stealth      one of a group that is truthful except on one item in ten\n"
		"    sybil        truthful: one person behind all these names\n"
		"    drifting     good, then sure of nothing, then good again\n"
		"    responder-H  maximizes its expected weight after H items (1, 2 or 5), foreseeing\n"
		"                 the others' reports; truthful if the scheme has no weights\n"
		"    truthful     like all others, but listed separately\n\n"
		"Outcomes:\n"
		"  --delay D             they arrive after D more items are closed (0)\n"
		"  --known Q             fraction of them that ever arrive (1)\n"
		"  --flipped E           fraction of them that are the opposite of the truth (--wrong)\n"
		"  --together N          N come at a time, and are settled together; with --apart,\n"
		"                        one by one\n\n" CLI_CONTEST_HELP
		"  --rate, --c, --beta, --share, --entry, --eta, --horizon, --wrong, --scored, --signs\n"
		"                        the mechanism's settings, as in `candor pool create`\n\n"
		"Reward models:\n"
		"  --train               items are pairs of responses with features, and the truth\n"
		"                        follows from a linear reward: trains a model on what each\n"
		"                        scheme makes of the reports at the end. Other defaults: 2,000\n"
		"                        items, 41 labelers, --known 0.1\n"
		"  --features D          of a response (16)\n\n"
		"Output:\n"
		"  --repeat R            R campaigns; medians and quartiles (1)\n"
		"  --seed S              use other random draws (1)\n"
		"  --curve FILE          regret as a function of the number of items, as CSV\n"
		"  --plot FILE.svg|png   the same as a log-log plot, drawn by gnuplot\n"
		"  --csv                 instead: the campaign itself on stdout, ready for import, as\n"
		"                        played under the first scheme; outcomes come at once\n"
		"  --json                everything, with all digits\n\n"
		"Losses are against the truth: of all items, or, with --known below 1, of those whose\n"
		"outcome never arrives. \"of best\" is the loss relative to the average loss of the best\n"
		"labeler's beliefs.\n\n"
		"Example:\n"
		"  candor simulate --strategic inverted:0.3 --strategic spam:0.2 --repeat 20\n"
		"  candor simulate --train --strategic colluder:0.49 --repeat 20\n",
	.run = run_simulate,
};
