/* candor evaluate: replays real campaigns from files under several schemes, without a daemon. */
#include "client/cli/lab/evaluate.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/number.h"
#include "lib/base/random.h"
#include "client/cli/base/order.h"
#include "client/cli/base/settings.h"
#include "client/cli/base/visible.h"
#include "client/cli/lab/workers.h"

enum { REPEATS_MAX = 10000, LISTED_MAX = 20, DELAY_MAX = 1000000000, TOGETHER_MAX = 1000000000 };

/* The orders of repetitions are drawn in the streams below it. */
static const uint64_t AUDIT_STREAM = UINT64_C(1) << 32;

/* ---- reading ---- */

struct reader {
	struct cli *cli;
	const char *name;
	struct dataset *data;
	uint64_t bad;
	bool has_dates; /* its moments are dates */
};

static void bad_line(struct reader *r, uint64_t line, const char *words)
{
	if (r->bad++ < LISTED_MAX)
		cli_error(r->cli, "%s: line %" PRIu64 ": %s", r->name, line, words);
}

static void take_row(struct reader *r, const struct cli_row *row)
{
	const char *field = NULL;
	int err = dataset_add(r->data, row->item, row->labeler, row->report, row->has_outcome ? row->outcome : NAN);
	if (err == 0)
		err = dataset_place(r->data, row->block, row->time, row->known, &field);
	if (field) {
		char words[80];
		snprintf(words, sizeof words, "%s differs from the one on an earlier line of the same item", field);
		bad_line(r, row->line, words);
		return;
	}
	if (err == ERR_CONFLICT)
		bad_line(r, row->line, "the outcome differs from the one on an earlier line of the same item");
	else if (err == ERR_FULL)
		bad_line(r, row->line, "the item already has 65,535 reports, the most an item can have");
	else if (err == -ENOMEM)
		cli_memory(NULL);
	else if (err)
		bad_line(r, row->line, candor_strerror(err));
}

/* Takes all rows, item by item. 0, or an exit code after an error message. */
static int take_rows(struct reader *r, struct cli_order *order)
{
	for (;;) {
		struct cli_row row;
		int err;
		switch (cli_order_next(order, &row, &err)) {
		case CLI_ROWS_ROW: take_row(r, &row); break;
		case CLI_ROWS_BAD: bad_line(r, row.line, order->rows.fault); break;
		case CLI_ROWS_FATAL:
			if (err)
				return cli_fail_file(r->cli, r->name, err);
			return cli_fail(r->cli, CLI_USAGE, CANDOR_INVALID_ARGUMENT, "%s: %s", r->name,
					order->rows.fault);
		case CLI_ROWS_END: return 0;
		case CLI_ROWS_MORE: break;
		}
	}
}

static int read_input(struct reader *r, struct cli_input *input)
{
	struct cli_survey survey;
	struct cli_order order;
	struct cli_warnings warnings = {0};
	int code = cli_survey(&survey, r->cli, input, r->name, CLI_ROWS_AUTO, CLI_TAKES_MOMENTS, &warnings);
	if (!code) {
		cli_say_warnings(r->cli, &warnings);
		cli_order_init(&order, &survey, input, CLI_ORDER_ROWS);
		code = take_rows(r, &order);
		r->has_dates = order.rows.moment_form == CLI_MOMENT_DATE;
		cli_order_free(&order);
	}
	cli_survey_free(&survey);
	return code;
}

/* 0 or an exit code. */
static int check_moments(struct reader *r, bool shuffled)
{
	const struct dataset *d = r->data;
	uint64_t item;
	const char *fault = replay_fault(d, &item);
	if (shuffled && (d->n_times > 0 || d->n_known_at > 0))
		cli_note("%s: in random order the columns time and known are not used", r->name);
	if (!shuffled && d->n_known_at > 0 && d->n_times == 0 && r->has_dates)
		return cli_fail(r->cli, CLI_USAGE, CANDOR_INVALID_ARGUMENT,
				"%s: the column known has dates, so there must be a column time, which says when each "
				"item was closed; without it, known is the number of items that were closed before",
				r->name);
	if (fault && !shuffled)
		return cli_fail(r->cli, CLI_USAGE, CANDOR_INVALID_ARGUMENT, "%s: item \"%s\" %s", r->name,
				cli_visible(names_text(d->item_names, (uint32_t)item, NULL)).s, fault);
	return 0;
}

/* 0 or an exit code. CLI_ROWS: the file is usable except for its bad lines. */
static int read_file(struct cli *c, const char *path, bool shuffled, struct dataset *out)
{
	struct reader r = {.cli = c, .name = strcmp(path, "-") == 0 ? "standard input" : path, .data = out};
	struct cli_input input;
	int code = cli_input_need(&input, c, path, r.name);
	if (code)
		return code;
	if (dataset_init(out))
		cli_memory(NULL);
	code = read_input(&r, &input);
	cli_input_close(&input);
	if (r.bad > LISTED_MAX)
		cli_note("... and %s more", cli_count(r.bad - LISTED_MAX).s);
	if (dataset_finish(out))
		cli_memory(NULL);
	if (!code)
		code = check_moments(&r, shuffled);
	if (!code && out->n_known == 0)
		code = cli_fail(c, CLI_USAGE, CANDOR_FAILED_PRECONDITION,
				"%s: no item has an outcome, so there is nothing to evaluate", r.name);
	return code ? code : r.bad ? CLI_ROWS : 0;
}

/* ---- replaying ---- */

struct place {
	size_t file, contestant;
	uint32_t repeat;
};

/* The slowest contestants are last in the list, and start first. */
static struct place place_of(const struct evaluation *e, size_t job)
{
	size_t files = job / e->repeats;
	return (struct place){
		.repeat = (uint32_t)(job % e->repeats),
		.file = files % e->n_files,
		.contestant = e->n_contestants - 1 - files / e->n_files,
	};
}

static int replay_one(void *arg, size_t job, atomic_uint_fast64_t *done)
{
	struct evaluation *e = arg;
	struct place p = place_of(e, job);
	const struct dataset *d = &e->files[p.file].data;
	const struct cli_contestant *k = e->contestants[p.contestant];
	struct replay_options o = e->replay;
	uint32_t *order = NULL;
	o.class = k->class;
	o.settings = cli_contestant_settings(k, &e->given, evaluation_t_eff(e, d));
	o.seed = e->seed;
	o.stream = AUDIT_STREAM + p.repeat;
	o.done = done;
	if (e->shuffled) {
		struct random random;
		order = cli_memory(malloc(d->n_items * sizeof *order));
		for (uint32_t i = 0; i < d->n_items; i++)
			order[i] = i;
		random_init(&random, e->seed, p.repeat);
		random_shuffle(&random, order, d->n_items);
	}
	o.order = order;
	int err = replay_dataset(d, &o, &e->files[p.file].replays[p.contestant * e->repeats + p.repeat]);
	free(order);
	return err;
}

static uint64_t items_of(void *arg, size_t job)
{
	const struct evaluation *e = arg;
	return e->files[place_of(e, job).file].data.n_items;
}

static const char *slow_name(void *arg, size_t job)
{
	const struct evaluation *e = arg;
	const struct cli_contestant *k = e->contestants[place_of(e, job).contestant];
	return k->class->slow ? k->name : NULL;
}

static int replay_all(struct evaluation *e)
{
	const struct cli_work work = {.n = e->n_files * e->n_contestants * e->repeats,
				      .job = replay_one,
				      .items = items_of,
				      .slow = slow_name,
				      .arg = e};
	for (size_t i = 0; i < e->n_files; i++)
		e->files[i].replays = cli_memory(calloc(e->n_contestants * e->repeats, sizeof *e->files[i].replays));
	return cli_do_work(e->cli, &work);
}

/* ---- the command ---- */

enum {
	OPT_ORDER = 1024,
	OPT_REPEAT,
	OPT_SCHEMES,
	OPT_DETAILS,
	OPT_TOGETHER,
	OPT_APART,
	OPT_DELAY,
	OPT_AUDITED,
	OPT_FLIPPED,
	OPT_SEED,
};

static const struct option own_options[] = {
	{"order", required_argument, NULL, OPT_ORDER},
	{"repeat", required_argument, NULL, OPT_REPEAT},
	{"schemes", required_argument, NULL, OPT_SCHEMES},
	{"details", no_argument, NULL, OPT_DETAILS},
	{"together", required_argument, NULL, OPT_TOGETHER},
	{"apart", no_argument, NULL, OPT_APART},
	{"delay", required_argument, NULL, OPT_DELAY},
	{"audited", required_argument, NULL, OPT_AUDITED},
	{"flipped", required_argument, NULL, OPT_FLIPPED},
	{"seed", required_argument, NULL, OPT_SEED},
	CLI_SETTING_OPTIONS,
	{0},
};

static void parse_order(struct evaluation *e, const char *text)
{
	static const char shuffle[] = "shuffle:";
	if (strcmp(text, "file") == 0)
		return;
	if (strncmp(text, shuffle, sizeof shuffle - 1) != 0)
		cli_usage(e->cli, "--order is \"%s\"; it must be file or shuffle:SEED", text);
	e->shuffled = true;
	e->seed = cli_count_of(e->cli, "the seed of --order", text + sizeof shuffle - 1, 0, INT64_MAX);
}

/* The last part of a path, for tables. */
static const char *short_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (strcmp(path, "-") == 0)
		return "standard input";
	return slash && slash[1] ? slash + 1 : path;
}

/* The largest part of its regret bound that any labeler's gain took. NaN where no scheme has one. */
static double evaluation_bound_used(const struct evaluation *e)
{
	double most = NAN;
	for (size_t i = 0; i < e->n_files; i++)
		for (size_t k = 0; k < e->n_contestants * e->repeats; k++)
			most = fmax(most, e->files[i].replays[k].bound_used);
	return most;
}

static int evaluate(struct evaluation *e, char **paths)
{
	int code = 0;
	e->files = cli_memory(calloc(e->n_files, sizeof *e->files));
	for (size_t i = 0; i < e->n_files && code != CLI_USAGE; i++) {
		int read = read_file(e->cli, paths[i], e->shuffled, &e->files[i].data);
		e->files[i].name = short_name(paths[i]);
		e->files[i].path = paths[i];
		if (read)
			code = read;
	}
	int err = code == CLI_USAGE ? 0 : replay_all(e);
	if (err)
		code = cli_fail(e->cli, CLI_USAGE, CANDOR_INTERNAL, "the replay failed: %s", candor_strerror(err));
	if (code != CLI_USAGE)
		evaluate_show(e);
	if (code != CLI_USAGE && evaluation_bound_used(e) > 1)
		code = cli_fail(e->cli, CLI_USAGE, CANDOR_INTERNAL,
				"the regret bound does not hold; please report this, with the command and the file");
	for (size_t i = 0; i < e->n_files; i++) {
		dataset_free(&e->files[i].data);
		free(e->files[i].replays);
	}
	free(e->files);
	return code;
}

/* What was asked for that replays do not have. */
struct asked {
	const char *schemes;
	bool seed;
};

static void take_option(struct evaluation *e, struct asked *a, int opt)
{
	struct cli *c = e->cli;
	struct replay_options *r = &e->replay;
	switch (opt) {
	case OPT_ORDER: parse_order(e, optarg); break;
	case OPT_REPEAT: e->repeats = (uint32_t)cli_count_of(c, "--repeat", optarg, 1, REPEATS_MAX); break;
	case OPT_SCHEMES: a->schemes = optarg; break;
	case OPT_DETAILS: e->details = true; break;
	case OPT_TOGETHER: r->together = cli_count_of(c, "--together", optarg, 1, TOGETHER_MAX); break;
	case OPT_APART: r->apart = true; break;
	case OPT_DELAY: r->delay = cli_count_of(c, "--delay", optarg, 0, DELAY_MAX); break;
	case OPT_AUDITED: r->unaudited = 1 - cli_real(c, "--audited", optarg, 0, 1); break;
	case OPT_FLIPPED: r->flipped = cli_real(c, "--flipped", optarg, 0, 1); break;
	case OPT_SEED:
		e->seed = cli_count_of(c, "--seed", optarg, 0, INT64_MAX);
		a->seed = true;
		break;
	default: cli_setting(c, opt, &e->given); break;
	}
}

/* Wrong usage where options do not go together. */
static void check_options(const struct evaluation *e, const struct asked *a)
{
	const struct replay_options *r = &e->replay;
	const bool drawn = r->unaudited > 0 || r->flipped > 0;
	if (a->seed && e->shuffled)
		cli_usage(e->cli, "--order shuffle:SEED has a seed, which is that of all that is drawn: no --seed");
	if (a->seed && !drawn)
		cli_usage(e->cli, "--seed has no effect: nothing is drawn without --audited, --flipped or --order "
				  "shuffle:SEED");
	if (e->repeats > 1 && !e->shuffled && !drawn)
		cli_usage(e->cli, "--repeat needs --order shuffle:SEED, --audited or --flipped: a file's own order is "
				  "always the same");
	for (size_t k = 0; k < e->n_contestants; k++)
		if (e->contestants[k]->class->late && r->unaudited <= 0)
			cli_usage(e->cli,
				  "--schemes: %s is judged on items that are not audited; say which part is, as in "
				  "--audited 0.1",
				  e->contestants[k]->name);
}

static int run_evaluate(struct cli *c, int argc, char **argv)
{
	struct evaluation e = {.cli = c, .repeats = 1, .seed = 1};
	struct asked a = {0};
	int opt;
	while ((opt = cli_option(c, argc, argv, own_options)) != -1)
		take_option(&e, &a, opt);
	char **paths = cli_operands(c, argc, argv, 1, 10000, "FILE");
	e.n_files = (size_t)(argc - optind);
	e.n_contestants = cli_contestants_of(c, a.schemes, SCHEME_IN_EVALUATE, e.replay.unaudited > 0, e.contestants);
	cli_check_contest(c, &e.given, e.contestants, e.n_contestants);
	check_options(&e, &a);
	return evaluate(&e, paths);
}

CLI_COMMAND(evaluate) = {
	.name = "evaluate",
	.summary = "replay files of reports and outcomes under several schemes",
	.help = "usage: candor evaluate FILE... [OPTION...]\n\n"
		"Reads campaigns in the format of `candor import` (CSV or JSON Lines; - is stdin), and\n"
		"replays each under several schemes: an item's reports, its aggregates, its outcome,\n"
		"then the next item. Needs no daemon; uses all processors.\n\n"
		"A column block names the outcomes that are settled together. A column known says when\n"
		"an outcome became known, as a date or a number, and a column time in the same form\n"
		"when the item was closed; without time, known counts the items closed before.\n\n"
		"For one file, prints every measure of each scheme and the calibration of the first;\n"
		"for several, their Brier losses, the ratios to that of the plain mean, and the\n"
		"geometric mean of those ratios.\n\n"
		"Options:\n"
		"  --details             every measure of each file, also for several files\n"
		"  --order shuffle:SEED  items in random order instead of the file's\n"
		"  --repeat R            R random orders or draws; medians and quartiles\n"
		"  --seed S              other draws, where there is no shuffle (1)\n"
		"  --rate, --c, --beta, --share, --entry, --eta, --horizon, --wrong, --scored, --signs\n"
		"                        the mechanism's settings, as in `candor pool create`\n"
		"  --json                everything, with all digits\n\n"
		"Outcomes come as the file says, or at once, unless these say otherwise:\n"
		"  --together N          N at a time, settled together, whatever the column block says\n"
		"  --apart               what comes together is settled one by one\n"
		"  --delay D             after D more items are closed\n"
		"  --audited Q           only a part Q of them, drawn at random; losses are then those\n"
		"                        on the other items with known outcomes\n"
		"  --flipped E           a part E of them, drawn at random, is the opposite of the known\n"
		"                        one, against which losses are; see --wrong\n\n" CLI_CONTEST_HELP "\n"
		"Example:\n"
		"  candor evaluate answers.csv --share 0.01 --order shuffle:1 --repeat 20\n"
		"  candor evaluate answers.csv --audited 0.1 --repeat 20\n",
	.run = run_evaluate,
};
