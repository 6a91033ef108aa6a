/* `candor evaluate` as its users meet it: real and random campaigns against what the daemon makes of them, options,
 * orders, tables. */

#include "tests/lib/campaign.h"
#include "tests/lib/command.h"

/* Two graded outcomes, one that is not known, three labelers. */
static const char small[] = "item,labeler,report,outcome\n"
			    "a,ann,1,0.9\na,bob,0.25,0.9\na,cat,0,0.9\n"
			    "b,ann,0.1,0.2\nb,bob,0.3,0.2\n"
			    "c,ann,0.3333333333333333,\nc,cat,0.7,\n"
			    "d,ann,0.8,1\nd,bob,0.4,1\n";

/* ---- the figures ---- */

static void real_data_comes_to_the_known_figures(void **state)
{
	struct command *c = *state;
	static struct known_campaign known[CAMPAIGNS_MAX];
	const char *args[CAMPAIGNS_MAX + 5] = {"evaluate"};
	size_t n = campaigns_known(known), at = 1;
	if (n == 0)
		skip_because("there is no folder with real data beside the project");
	for (size_t i = 0; i < n; i++)
		args[at++] = known[i].path;
	args[at++] = "--schemes";
	args[at++] = "candor,plain,forecast,forecast-free,regression,evidence,evidence_full";
	args[at++] = "--json";
	assert_int_equal(command_run(c, NULL, args), 0);
	assert_string_equal(c->err, "");
	json_t *o = command_document(c);
	assert_int_equal(json_array_size(json_object_get(o, "files")), n);
	for (size_t i = 0; i < n; i++) {
		const struct known_campaign *k = &known[i];
		const json_t *f = json_array_get(json_object_get(o, "files"), i);
		assert_text_at(f, "file", k->path);
		assert_int_equal(command_number_at(f, "known_outcomes"), k->resolved);
		const struct {
			const char *scheme;
			double loss;
		} want[] = {{"forecast", k->forecast_loss},
			    {"forecast-free", k->forecast_free_loss},
			    {"candor", k->mean_loss},
			    {"candor-med", k->median_loss},
			    {"regression", k->regression_loss},
			    {"evidence", k->evidence_loss},
			    {"evidence_full", k->evidence_full_loss},
			    {"mean", k->plain_mean_loss},
			    {"median", k->plain_median_loss}};
		for (size_t s = 0; s < sizeof want / sizeof *want; s++) {
			char path[64];
			snprintf(path, sizeof path, "schemes.%zu.scheme", s);
			assert_text_at(f, path, want[s].scheme);
			snprintf(path, sizeof path, "schemes.%zu.brier", s);
			assert_figure(command_number_at(f, path), want[s].loss);
		}
		/* No labeler's gain comes above its bound. */
		assert_at_most(command_number_at(f, "schemes.0.bound_used"), 1);
		assert_at_most(command_number_at(f, "schemes.0.gain"), command_number_at(f, "schemes.0.bound"));
		assert_text_at(f, "schemes.0.heaviest", k->heaviest);
		assert_text_at(f, "schemes.0.lightest", k->lightest);
		assert_figure(command_number_at(f, "schemes.0.heaviest_weight"), k->heaviest_weight);
		assert_figure(command_number_at(f, "schemes.0.lightest_weight"), k->lightest_weight);
	}
	assert_at_most(command_number_at(o, "geometric_mean_ratio_to_mean.forecast"), 0.615);
	json_decref(o);
}

/* What the daemon makes of c->file under settings (NULL-terminated options), and what evaluate does. */
static void assert_same_as_the_daemon(struct command *c, const char *pool, const char *const *settings)
{
	const char *create[24] = {"pool", "create", pool},
		   *evaluate[24] = {"evaluate", c->file, "--schemes", "candor,plain", "--json"};
	for (size_t i = 0; settings[i]; i++)
		create[3 + i] = evaluate[5 + i] = settings[i];
	assert_int_equal(command_run(c, NULL, create), 0);
	command_run(c, NULL, ARGS("import", pool, c->file));
	assert_candor(c, 0, "pool", "show", pool, "--json");
	json_t *want = command_document(c);
	assert_candor(c, 0, "labelers", pool, "--limit", "1000", "--json");
	json_t *labelers = command_document(c);
	command_run(c, NULL, evaluate);
	json_t *got = command_document(c);
	const json_t *f = command_at(got, "files.0");

	double resolved = command_number_at(want, "resolved_items");
	assert_same_bits(command_number_at(f, "known_outcomes"), resolved);
	assert_same_bits(command_number_at(f, "items"), resolved + command_number_at(want, "closed_items"));
	assert_same_bits(command_number_at(f, "labelers"), command_number_at(want, "labelers"));
	assert_same_bits(command_number_at(f, "t_eff"), command_number_at(want, "t_eff"));
	assert_same_bits(command_number_at(f, "schemes.0.brier"), command_number_at(want, "mean_loss") / resolved);
	assert_same_bits(command_number_at(f, "schemes.1.brier"), command_number_at(want, "median_loss") / resolved);
	assert_same_bits(command_number_at(f, "schemes.2.brier"),
			 command_number_at(want, "plain_mean_loss") / resolved);
	assert_same_bits(command_number_at(f, "schemes.3.brier"),
			 command_number_at(want, "plain_median_loss") / resolved);
	const json_t *list = json_object_get(labelers, "labelers");
	const json_t *last = json_array_get(list, json_array_size(list) - 1);
	assert_text_at(f, "schemes.0.heaviest", json_string_value(command_at(list, "0.name")));
	assert_same_bits(command_number_at(f, "schemes.0.heaviest_weight"), command_number_at(list, "0.weight"));
	assert_text_at(f, "schemes.0.lightest", json_string_value(json_object_get(last, "name")));
	assert_same_bits(command_number_at(f, "schemes.0.lightest_weight"), command_number_at(last, "weight"));
	json_decref(got);
	evaluate[3] = "forecast";
	command_run(c, NULL, evaluate);
	got = command_document(c);
	assert_text_at(got, "files.0.schemes.0.scheme", "forecast");
	assert_same_bits(command_number_at(got, "files.0.schemes.0.brier"),
			 command_number_at(want, "forecast_loss") / resolved);
	json_decref(got);
	json_decref(labelers);
	json_decref(want);
}

static void a_file_comes_to_what_the_daemon_makes_of_it_to_the_last_bit(void **state)
{
	struct command *c = *state;
	campaign_write(c->file, SANITIZED ? 60 : 300, 8);
	assert_same_as_the_daemon(c, "default", ARGS(NULL));
	assert_same_as_the_daemon(c, "slow", ARGS("--c", "0.2", "--beta", "0.05"));
	assert_same_as_the_daemon(c, "shared", ARGS("--share", "0.02", "--entry", "0.5"));
	assert_same_as_the_daemon(c, "fixed", ARGS("--rate", "fixed", "--eta", "0.3"));
	assert_same_as_the_daemon(c, "told", ARGS("--wrong", "0.2", "--scored", "5"));
	assert_same_as_the_daemon(c, "horizon", ARGS("--rate", "horizon", "--horizon", "200", "--c", "2"));
}

static void a_file_with_blocks_comes_to_what_the_daemon_makes_of_it(void **state)
{
	struct command *c = *state;
	assert_candor(c, 0, "simulate", "--csv", "--items", "120", "--labelers", "8", "--together", "7", "--known",
		      "0.8", "--answers", "5");
	files_write_text(c->file, c->out);
	assert_same_as_the_daemon(c, "blocks", ARGS(NULL));
	assert_same_as_the_daemon(c, "wrong-blocks", ARGS("--wrong", "0.1", "--share", "0.02"));
}

static void a_file_with_bad_and_repeated_rows_comes_to_what_the_daemon_makes_of_it(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, "item,labeler,report,outcome\n"
				  "a,ann,1,1\na,bob,0.25,\na,ann,0.6,1\n" /* ann changes her mind */
				  "b,bob,0.1,0\nb,ann,no,0\nb,eve,0.3,1\n" /* no report; another outcome */
				  "a,dan,0.5,1\n" /* apart from the others on a */
				  "c,ann,0.9,\n"
				  "d,cat,0.7,1\nd,bob,0.4,1\n");
	assert_same_as_the_daemon(c, "p", ARGS(NULL));
}

static void the_measures_of_a_small_campaign_equal_those_computed_by_hand(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, "item,labeler,report,outcome\n"
				  "a,ann,1,1\na,bob,0.5,1\n" /* mean 0.75 */
				  "b,ann,0.8,0\nb,bob,0.2,0\n" /* mean 0.5 */
				  "c,ann,0.4,\n");
	assert_candor(c, 0, "evaluate", c->file, "--schemes", "plain", "--json");
	json_t *o = command_document(c);
	const json_t *mean = command_at(o, "files.0.schemes.0");
	assert_text_at(mean, "scheme", "mean");
	assert_near(command_number_at(mean, "n"), 2, 0);
	assert_near(command_number_at(mean, "brier"), (0.0625 + 0.25) / 2, 1e-15);
	assert_near(command_number_at(mean, "ratio_to_mean"), 1, 0);
	assert_near(command_number_at(mean, "accuracy"), 0.75, 0);
	assert_near(command_number_at(mean, "log_loss"), -(log(0.75) + log(0.5)) / 2, 1e-12);
	assert_near(command_number_at(mean, "calibration_error"), (0.25 + 0.5) / 2, 1e-15);
	assert_text_at(mean, "best_labeler", "bob");
	assert_near(command_number_at(mean, "best_labeler_loss"), (0.25 + 0.04) / 2, 1e-15);
	assert_near(command_number_at(mean, "regret"), 0.3125 - 0.29, 1e-15);
	assert_near(command_number_at(o, "files.0.items"), 3, 0);
	assert_near(command_number_at(o, "files.0.reports"), 5, 0);
	assert_near(command_number_at(o, "files.0.t_eff"), 2, 0);
	assert_near(command_number_at(mean, "calibration.5.n"), 1, 0);
	assert_near(command_number_at(mean, "calibration.7.outcome"), 1, 0);
	json_decref(o);
}

static void every_scheme_of_the_help_can_be_chosen(void **state)
{
	struct command *c = *state;
	static const char *const forecasts[][2] = {{"candor", "candor candor-med"},
						   {"horizon", "horizon horizon-med"},
						   {"fixed", "fixed fixed-med"},
						   {"plain", "mean median"},
						   {"hedge", "hedge"},
						   {"leader", "leader"},
						   {"ds", "ds"},
						   {"ds-gold", "ds-gold"}};
	files_write_text(c->file, small);
	for (size_t i = 0; i < sizeof forecasts / sizeof *forecasts; i++) {
		char names[64];
		int len = 0;
		assert_candor(c, 0, "evaluate", "--help");
		assert_says(c->out, forecasts[i][0]);
		assert_candor(c, 0, "evaluate", c->file, "--json", "--schemes", forecasts[i][0]);
		json_t *o = command_document(c), *row;
		size_t k;
		json_array_foreach((json_t *)(uintptr_t)command_at(o, "files.0.schemes"), k, row)
		{
			len += snprintf(names + len, sizeof names - (size_t)len, "%s%s", k ? " " : "",
					json_string_value(json_object_get(row, "scheme")));
			assert_true(command_number_at(row, "brier") >= 0 && command_number_at(row, "brier") <= 1);
		}
		assert_string_equal(names, forecasts[i][1]);
		json_decref(o);
	}
	assert_candor(c, 0, "evaluate", c->file, "--schemes", "plain,candor,plain");
	assert_true(strstr(c->out, "\ncandor ") < strstr(c->out, "\nmean "));
}

/* ---- options ---- */

static void options_out_of_range_are_refused_by_name(void **state)
{
	struct command *c = *state;
	static const char *const bad[][3] = {
		{"--rate", "slow", "--rate"},
		{"--c", "0", "--c"},
		{"--c", "nan", "--c"},
		{"--beta", "0.51", "--beta"},
		{"--share", "-0.1", "--share"},
		{"--share", "0.6", "--share"},
		{"--entry", "1e7", "--entry"},
		{"--eta", "1", "--eta"},
		{"--horizon", "0.5", "--horizon"},
		{"--repeat", "0", "--repeat"},
		{"--repeat", "10001", "--repeat"},
		{"--repeat", "2", "--order shuffle"},
		{"--order", "random", "--order"},
		{"--order", "shuffle", "--order"},
		{"--order", "shuffle:", "--order"},
		{"--order", "shuffle:-1", "--order"},
		{"--order", "shuffle:9223372036854775808", "--order"},
		{"--order", "shuffle:99999999999999999999", "--order"},
		{"--schemes", "candor,best", "\"best\""},
		{"--schemes", "", "--schemes"},
		{"--schemes", "candor,", "--schemes"},
		{"--frob", "1", "--frob"},
	};
	files_write_text(c->file, small);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_candor(c, 2, "evaluate", c->file, bad[i][0], bad[i][1]);
		assert_says(c->err, bad[i][2]);
		assert_says(c->err, "candor evaluate --help");
		assert_string_equal(c->out, "");
	}
}

/* ---- orders ---- */

static json_t *shuffled(struct command *c, const char *order, const char *repeat)
{
	assert_candor(c, 0, "evaluate", c->file, "--json", "--order", order, "--repeat", repeat);
	return command_document(c);
}

static void the_same_seed_gives_the_same_order_and_another_seed_another(void **state)
{
	struct command *c = *state;
	static char kept[COMMAND_TEXT_MAX];
	campaign_write(c->file, 30, 9);
	json_t *one = shuffled(c, "shuffle:5", "1");
	snprintf(kept, sizeof kept, "%s", c->out);
	json_decref(shuffled(c, "shuffle:5", "1"));
	assert_string_equal(c->out, kept);
	json_t *other = shuffled(c, "shuffle:6", "1");
	assert_candor(c, 0, "evaluate", c->file, "--json");
	json_t *unshuffled = command_document(c);
	const double losses[] = {command_number_at(one, "files.0.schemes.0.brier"),
				 command_number_at(other, "files.0.schemes.0.brier"),
				 command_number_at(unshuffled, "files.0.schemes.0.brier")};
	assert_true(losses[0] != losses[1] && losses[1] != losses[2] && losses[2] != losses[0]);
	/* What has no memory knows no order; sums have one. */
	assert_text_at(one, "files.0.schemes.7.scheme", "mean");
	assert_near(command_number_at(one, "files.0.schemes.7.brier"),
		    command_number_at(unshuffled, "files.0.schemes.7.brier"), 1e-14);
	assert_near(command_number_at(one, "seed"), 5, 0);
	/* The largest number that JSON's readers take. */
	json_decref(shuffled(c, "shuffle:9223372036854775807", "1"));
	assert_says(c->out, "\"seed\":9223372036854775807,");
	assert_text_at(one, "order", "shuffle");
	assert_text_at(unshuffled, "order", "file");
	json_decref(one);
	json_decref(other);
	json_decref(unshuffled);
}

static void repeats_give_medians_between_their_quartiles(void **state)
{
	struct command *c = *state;
	static const char *const measures[] = {"brier", "accuracy", "log_loss", "calibration_error", "regret"};
	char path[32];
	campaign_write(c->file, 30, 9);
	json_t *single = shuffled(c, "shuffle:5", "1"), *o = shuffled(c, "shuffle:5", "7"), *row;
	size_t k;
	assert_near(command_number_at(o, "repeats"), 7, 0);
	json_array_foreach((json_t *)(uintptr_t)command_at(o, "files.0.schemes"), k, row)
	{
		for (size_t m = 0; m < sizeof measures / sizeof *measures; m++) {
			double median = command_number_at(row, measures[m]);
			snprintf(path, sizeof path, "%s_q1", measures[m]);
			assert_at_most(command_number_at(row, path), median);
			snprintf(path, sizeof path, "%s_q3", measures[m]);
			assert_at_most(median, command_number_at(row, path));
		}
	}
	assert_true(command_number_at(o, "files.0.schemes.0.brier_q1") <
		    command_number_at(o, "files.0.schemes.0.brier_q3"));
	/* A single order has no quartiles. */
	assert_null(command_at(single, "files.0.schemes.0.brier_q1"));
	json_decref(single);
	json_decref(o);
	assert_candor(c, 0, "evaluate", c->file, "--order", "shuffle:5", "--repeat", "7");
	assert_says(c->out, "Medians of 7 orders.");
	assert_says(c->out, "quartiles");
}

/* ---- tables ---- */

/* The words of the line of c->out after `from` that begins with `first`, into words[]. How many. */
static size_t line_words(const char *from, const char *first, char *line, size_t size, char *words[], size_t most)
{
	char begins[160], *save, *rest = line;
	snprintf(begins, sizeof begins, "\n%s ", first);
	const char *at = strstr(from, begins);
	assert_non_null(at);
	at += strlen(begins);
	snprintf(line, size, "%.*s", (int)strcspn(at, "\n"), at);
	size_t n = 0;
	for (char *word; n < most && (word = strtok_r(rest, " ", &save)); rest = NULL)
		words[n++] = word;
	return n;
}

static void one_file_is_a_table_of_measures_and_a_calibration(void **state)
{
	struct command *c = *state;
	char line[256], want[32], *words[8];
	files_write_text(c->file, small);
	assert_candor(c, 0, "evaluate", c->file, "--json");
	double loss = command_number(c, "files.0.schemes.0.brier");
	assert_candor(c, 0, "evaluate", c->file);
	assert_string_equal(c->err, "");
	assert_null(strchr(c->out, '\033'));
	assert_says(c->out, "answers: 4 items, 3 with known outcomes; 3 labelers, 9 reports\n");
	assert_int_equal(line_words(c->out, "forecast", line, sizeof line, words, 8), 7);
	snprintf(want, sizeof want, "%.4f", loss);
	assert_string_equal(words[0], want);
	line_words(c->out, "mean", line, sizeof line, words, 8);
	assert_string_equal(words[1], "1.000");
	assert_says(c->out, "Calibration of forecast:");
	assert_says(c->out, "best labeler ");
	assert_candor(c, 0, "evaluate", c->file, "--schemes", "hedge");
	assert_says(c->out, "Calibration of hedge:");
	assert_null(strstr(c->out, "\n\n\n"));
}

static void several_files_are_tables_of_losses_and_ratios_with_their_geometric_mean(void **state)
{
	struct command *c = *state;
	char other[128], line[2][256], want[32], *words[32];
	files_write_text(c->file, small);
	snprintf(other, sizeof other, "%s-other", c->file);
	campaign_write(other, 20, 10);
	assert_candor(c, 0, "evaluate", c->file, other, "--json");
	json_t *o = command_document(c);
	assert_candor(c, 0, "evaluate", c->file, other);
	assert_string_equal(c->err, "");
	const char *ratios = strstr(c->out, "Relative to the plain mean:");
	assert_non_null(ratios);
	/* As many columns as fit beside each other, then the others. */
	size_t n = line_words(ratios, "geometric mean", line[0], sizeof line[0], words, 16);
	assert_true(n >= 5);
	ratios = strstr(strstr(ratios, "geometric mean"), "\n\n");
	n += line_words(ratios, "geometric mean", line[1], sizeof line[1], words + n, 16);
	assert_null(strstr(strstr(ratios, "geometric mean") + 1, "geometric mean"));
	assert_int_equal(n, json_array_size(command_at(o, "files.0.schemes")));
	for (size_t k = 0; k < n; k++) {
		char path[64];
		double logs = 0;
		for (int f = 0; f < 2; f++) {
			snprintf(path, sizeof path, "files.%d.schemes.%zu.brier", f, k);
			double loss = command_number_at(o, path);
			snprintf(path, sizeof path, "files.%d.schemes.7.brier", f);
			logs += log(loss / command_number_at(o, path));
		}
		snprintf(path, sizeof path, "files.0.schemes.%zu.scheme", k);
		const char *scheme = json_string_value(command_at(o, path));
		snprintf(path, sizeof path, "geometric_mean_ratio_to_mean.%s", scheme);
		assert_near(command_number_at(o, path), exp(logs / 2), 1e-12);
		snprintf(want, sizeof want, "%.3f", exp(logs / 2));
		assert_string_equal(words[k], want);
	}
	json_decref(o);
	/* --details puts each file's measures before them; without the plain mean there is nothing to hold against. */
	assert_candor(c, 0, "evaluate", c->file, other, "--details");
	assert_says(c->out, "answers: 4 items");
	assert_says(c->out, "answers-other: 20 items");
	assert_says(c->out, "geometric mean");
	assert_candor(c, 0, "evaluate", c->file, other, "--schemes", "candor,hedge");
	assert_null(strstr(c->out, "geometric mean"));
}

static void a_file_that_everybody_knew_does_not_hide_the_ratios_of_the_others(void **state)
{
	struct command *c = *state;
	char other[128], line[256], *words[16];
	files_write_text(c->file, "item,labeler,report,outcome\na,ann,1,1\na,bob,1,1\n");
	snprintf(other, sizeof other, "%s-other", c->file);
	files_write_text(other, small);
	assert_candor(c, 0, "evaluate", c->file, other, "--schemes", "candor,plain");
	const char *ratios = strstr(c->out, "Relative to the plain mean:");
	assert_non_null(ratios);
	line_words(ratios, "answers-other", line, sizeof line, words, 16);
	assert_string_equal(words[2], "1.000");
	line_words(ratios, "answers", line, sizeof line, words, 16);
	assert_string_equal(words[0], "-");
	assert_null(strstr(c->out, "nan"));
}

#define EVALUATE(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down)
#define BESIDE_DAEMON(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EVALUATE(real_data_comes_to_the_known_figures),
		BESIDE_DAEMON(a_file_comes_to_what_the_daemon_makes_of_it_to_the_last_bit),
		BESIDE_DAEMON(a_file_with_blocks_comes_to_what_the_daemon_makes_of_it),
		BESIDE_DAEMON(a_file_with_bad_and_repeated_rows_comes_to_what_the_daemon_makes_of_it),
		EVALUATE(the_measures_of_a_small_campaign_equal_those_computed_by_hand),
		EVALUATE(every_scheme_of_the_help_can_be_chosen),
		EVALUATE(options_out_of_range_are_refused_by_name),
		EVALUATE(the_same_seed_gives_the_same_order_and_another_seed_another),
		EVALUATE(repeats_give_medians_between_their_quartiles),
		EVALUATE(one_file_is_a_table_of_measures_and_a_calibration),
		EVALUATE(several_files_are_tables_of_losses_and_ratios_with_their_geometric_mean),
		EVALUATE(a_file_that_everybody_knew_does_not_hide_the_ratios_of_the_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
