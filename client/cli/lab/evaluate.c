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
#include "client/cli/lab/workers.h"

enum { REPEATS_MAX = 10000, LISTED_MAX = 20 };

/* ---- reading ---- */

struct reader {
	struct cli *cli;
	const char *name;
	struct dataset *data;
	uint64_t bad;
};

static void bad_line(struct reader *r, uint64_t line, const char *words)
{
	if (r->bad++ < LISTED_MAX)
		cli_error(r->cli, "%s: line %" PRIu64 ": %s", r->name, line, words);
}

static void take_row(struct reader *r, const struct cli_row *row)
{
	int err = dataset_add(r->data, row->item, row->labeler, row->report, row->has_outcome ? row->outcome : NAN);
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
		cli_order_free(&order);
	}
	cli_survey_free(&survey);
	return code;
}

/* 0 or an exit code. CLI_ROWS: the file is usable except for its bad lines. */
static int read_file(struct cli *c, const char *path, struct dataset *out)
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
	const struct candor_settings settings = cli_contestant_settings(k, &e->given, dataset_t_eff(d));
	uint32_t *order = NULL;
	if (e->shuffled) {
		struct random random;
		order = cli_memory(malloc(d->n_items * sizeof *order));
		for (uint32_t i = 0; i < d->n_items; i++)
			order[i] = i;
		random_init(&random, e->seed, p.repeat);
		random_shuffle(&random, order, d->n_items);
	}
	int err = dataset_replay(d, order, k->class, &settings, done,
				 &e->files[p.file].replays[p.contestant * e->repeats + p.repeat]);
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

enum { OPT_ORDER = 1024, OPT_REPEAT, OPT_SCHEMES, OPT_DETAILS };

static const struct option own_options[] = {
	{"order", required_argument, NULL, OPT_ORDER},
	{"repeat", required_argument, NULL, OPT_REPEAT},
	{"schemes", required_argument, NULL, OPT_SCHEMES},
	{"details", no_argument, NULL, OPT_DETAILS},
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

static int evaluate(struct evaluation *e, char **paths)
{
	int code = 0;
	e->files = cli_memory(calloc(e->n_files, sizeof *e->files));
	for (size_t i = 0; i < e->n_files && code != CLI_USAGE; i++) {
		int read = read_file(e->cli, paths[i], &e->files[i].data);
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
	for (size_t i = 0; i < e->n_files; i++) {
		dataset_free(&e->files[i].data);
		free(e->files[i].replays);
	}
	free(e->files);
	return code;
}

static int run_evaluate(struct cli *c, int argc, char **argv)
{
	struct evaluation e = {.cli = c, .repeats = 1};
	const char *schemes = NULL;
	int opt;
	while ((opt = cli_option(c, argc, argv, own_options)) != -1) {
		switch (opt) {
		case OPT_ORDER: parse_order(&e, optarg); break;
		case OPT_REPEAT: e.repeats = (uint32_t)cli_count_of(c, "--repeat", optarg, 1, REPEATS_MAX); break;
		case OPT_SCHEMES: schemes = optarg; break;
		case OPT_DETAILS: e.details = true; break;
		default: cli_setting(c, opt, &e.given); break;
		}
	}
	char **paths = cli_operands(c, argc, argv, 1, 10000, "FILE");
	e.n_files = (size_t)(argc - optind);
	e.n_contestants = cli_contestants_of(c, schemes, SCHEME_IN_EVALUATE, e.contestants);
	cli_check_contest(c, &e.given, e.contestants, e.n_contestants);
	if (e.repeats > 1 && !e.shuffled)
		cli_usage(c, "--repeat needs --order shuffle:SEED; the file's own order is always the same");
	return evaluate(&e, paths);
}

CLI_COMMAND(evaluate) = {
	.name = "evaluate",
	.summary = "replay files of reports and outcomes under several schemes",
	.help = "usage: candor evaluate FILE... [OPTION...]\n\n"
		"Reads campaigns in the format of `candor import` (CSV or JSON Lines; - is stdin), and\n"
		"replays each under several schemes: an item's reports, its aggregate, its outcome,\n"
		"then the next item. Needs no daemon; uses all processors.\n\n"
		"For one file, prints every measure of each scheme and the calibration of the first;\n"
		"for several, their Brier losses, the ratios to that of the plain mean, and the\n"
		"geometric mean of those ratios.\n\n"
		"Options:\n"
		"  --details             every measure of each file, also for several files\n"
		"  --order shuffle:SEED  items in random order instead of the file's\n"
		"  --repeat R            R random orders; medians and quartiles\n"
		"  --rate, --c, --beta, --share, --entry, --eta, --horizon   the mechanism's\n"
		"                        settings, as in `candor pool create`\n"
		"  --json                everything, with all digits\n\n" CLI_CONTEST_HELP "\n"
		"Example:\n"
		"  candor evaluate answers.csv --share 0.01 --order shuffle:1 --repeat 20\n",
	.run = run_evaluate,
};
