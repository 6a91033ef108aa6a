/* What `candor simulate` writes beside its table: campaigns that can be imported, curves, pictures. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/command.h"

/* ---- campaigns ---- */

/* The campaign that `options` give into c->file; the document of the simulation itself, the caller's. */
static json_t *write_campaign(struct command *c, const char *const *options)
{
	const char *args[32] = {"simulate", "--csv", "--schemes", "candor,plain"};
	size_t n = 4;
	for (; options[n - 4]; n++)
		args[n] = options[n - 4];
	assert_int_equal(command_run(c, NULL, args), 0);
	assert_string_equal(c->err, "");
	files_write_text(c->file, c->out);
	args[1] = "--json";
	assert_int_equal(command_run(c, NULL, args), 0);
	return command_document(c);
}

static bool is_setting(const char *option)
{
	static const char *const settings[] = {"--rate", "--eta", "--c", "--share"};
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (strcmp(option, settings[i]) == 0)
			return true;
	return false;
}

static void a_campaign_written_as_csv_comes_to_the_same_when_it_is_evaluated(void **state)
{
	struct command *c = *state;
	const char *const *const campaigns[] = {
		ARGS("--items", "150", "--seed", "3"),
		ARGS("--items", "150", "--labelers", "9", "--answers", "4", "--strategic", "sleeper:3"),
		ARGS("--items", "100", "--answers", "heavy:3", "--strategic", "copycat:0.5", "--share", "0.01"),
		ARGS("--items", "90", "--world", "switching:0.2:7", "--rate", "fixed", "--eta", "0.2"),
		ARGS("--items", "40", "--labelers", "6", "--strategic", "responder-2:2", "--c", "0.3"),
	};
	for (size_t i = 0; i < sizeof campaigns / sizeof *campaigns; i++) {
		const char *evaluate[32] = {"evaluate", c->file, "--schemes", "candor,plain", "--json"};
		size_t n = 5;
		json_t *want = write_campaign(c, campaigns[i]);
		for (const char *const *o = campaigns[i]; *o; o += 2)
			if (is_setting(*o)) {
				evaluate[n++] = o[0];
				evaluate[n++] = o[1];
			}
		assert_int_equal(command_run(c, NULL, evaluate), 0);
		json_t *got = command_document(c);
		assert_near(command_number_at(got, "files.0.items"), command_number_at(want, "campaign.items"), 0);
		assert_near(command_number_at(got, "files.0.known_outcomes"), command_number_at(want, "campaign.items"),
			    0);
		assert_near(command_number_at(got, "files.0.schemes.0.brier"),
			    command_number_at(want, "schemes.0.brier.median"), 1e-9);
		assert_near(command_number_at(got, "files.0.schemes.1.brier"),
			    command_number_at(want, "schemes.1.brier.median"), 1e-9);
		assert_near(command_number_at(got, "files.0.schemes.0.regret"),
			    command_number_at(want, "schemes.0.regret.median"), 1e-9);
		json_decref(got);
		json_decref(want);
	}
}

static void a_campaign_written_as_csv_comes_to_the_same_when_it_is_imported(void **state)
{
	struct command *c = *state;
	json_t *want = write_campaign(c, ARGS("--items", "150", "--strategic", "inverted:0.3", "--seed", "11"));
	assert_candor(c, 0, "import", "p", c->file);
	assert_candor(c, 0, "pool", "show", "p", "--json");
	assert_number(c, "resolved_items", 150);
	assert_number(c, "labelers", 20);
	assert_near(command_number(c, "mean_loss") / 150, command_number_at(want, "schemes.0.brier.median"), 1e-9);
	assert_near(command_number(c, "median_loss") / 150, command_number_at(want, "schemes.1.brier.median"), 1e-9);
	json_decref(want);
}

static void a_campaign_written_as_csv_has_the_outcomes_that_come(void **state)
{
	struct command *c = *state;
	json_decref(write_campaign(c, ARGS("--items", "200", "--labelers", "3", "--known", "0.5")));
	assert_candor(c, 0, "evaluate", c->file, "--json");
	assert_number(c, "files.0.items", 200);
	assert_near(command_number(c, "files.0.known_outcomes"), 100, 40);
	json_decref(write_campaign(c, ARGS("--items", "20", "--labelers", "3", "--known", "0")));
	assert_candor(c, 2, "evaluate", c->file);
	assert_says(c->err, "no item has an outcome");
}

static void a_campaign_as_csv_goes_with_no_other_output(void **state)
{
	struct command *c = *state;
	static const char *const others[][2] = {{"--curve", "curve.csv"}, {"--plot", "curve.svg"}, {"--repeat", "2"}};
	assert_candor(c, 2, "simulate", "--csv", "--json");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_candor(c, 2, "simulate", "--csv", others[i][0], others[i][1]);
		assert_says(c->err, "--csv");
		assert_says(c->err, others[i][0]);
		assert_string_equal(c->out, "");
	}
	assert_candor(c, 0, "simulate", "--csv", "--items", "9", "--repeat", "1");
}

static void output_that_cannot_be_written_is_an_error(void **state)
{
	struct command *c = *state;
	const char *const *const commands[] = {
		ARGS("candor", "simulate", "--csv"),
		ARGS("candor", "simulate", "--items", "9", "--json"),
		ARGS("candor", "evaluate", c->file),
	};
	files_write_text(c->file, "item,labeler,report,outcome\na,ann,1,1\n");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		assert_int_equal(daemon_run(commands[i], NULL, "/dev/full", NULL), 2);
}

/* ---- curves ---- */

static void a_curve_in_a_file_is_that_of_the_document(void **state)
{
	struct command *c = *state;
	char line[256], scheme[32];
	size_t lines = 0;
	unsigned items, last;
	double regret, low, high, say;
	assert_candor(c, 0, "simulate", "--items", "150", "--repeat", "3", "--strategic", "spam:0.2", "--schemes",
		      "candor,horizon,fixed,plain,hedge,leader", "--curve", c->file, "--json");
	json_t *o = command_document(c), *forecast, *point;
	size_t k, at;
	FILE *f = fopen(c->file, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof line, f));
	assert_string_equal(line, "scheme,items,regret,regret_q1,regret_q3,influence\n");
	json_array_foreach(json_object_get(o, "schemes"), k, forecast)
	{
		last = 0;
		json_array_foreach(json_object_get(forecast, "curve"), at, point)
		{
			assert_non_null(fgets(line, sizeof line, f));
			assert_int_equal(sscanf(line, "%31[^,],%u,%lf,%lf,%lf,%lf\n", scheme, &items, &regret, &low,
						&high, &say),
					 6);
			assert_text_at(forecast, "scheme", scheme);
			assert_true(items > last);
			assert_near(command_number_at(point, "items"), items, 0);
			assert_near(command_number_at(point, "regret"), regret, 1e-8);
			assert_near(command_number_at(point, "influence"), say, 1e-8);
			assert_true(low <= regret && regret <= high);
			last = items;
			lines++;
		}
		assert_int_equal(last, 150);
		assert_near(regret, command_number_at(forecast, "regret.median"), 1e-8);
	}
	assert_null(fgets(line, sizeof line, f));
	fclose(f);
	assert_int_equal(lines, 10 * json_array_size(command_at(o, "schemes.0.curve")));
	json_decref(o);
}

static void a_curve_that_cannot_be_written_is_an_error(void **state)
{
	struct command *c = *state;
	assert_candor(c, 2, "simulate", "--items", "20", "--curve", "/nonexistent/curve.csv");
	assert_says(c->err, "/nonexistent/curve.csv");
	assert_candor(c, 2, "simulate", "--items", "20", "--curve", c->daemon.dir);
	assert_says(c->err, c->daemon.dir);
	assert_candor(c, 2, "simulate", "--items", "20", "--curve", "/dev/full");
	assert_says(c->err, "/dev/full");
}

/* ---- pictures ---- */

static bool gnuplot_is_there(void)
{
	return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

static void assert_begins(const char *path, const char *bytes, size_t len)
{
	char got[16];
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(got, 1, len, f), len);
	assert_memory_equal(got, bytes, len);
	fclose(f);
}

static void a_curve_is_drawn_as_svg_or_png(void **state)
{
	struct command *c = *state;
	char path[128];
	if (!gnuplot_is_there())
		skip_because("gnuplot is not installed");
	snprintf(path, sizeof path, "%s/it's a \"regret\".svg", c->daemon.dir);
	assert_candor(c, 0, "simulate", "--items", "200", "--strategic", "inverted:0.3", "--plot", path);
	/* Who does better than the best labeler is not seen on a log axis. */
	assert_says(c->err, "only regret above 0 is drawn");
	assert_begins(path, "<?xml", 5);
	daemon_path(&c->daemon, "regret.png", path);
	assert_candor(c, 0, "simulate", "--items", "200", "--strategic", "inverted:0.3", "--plot", path, "--json",
		      "--schemes", "plain");
	assert_string_equal(c->err, "");
	assert_begins(path, "\x89PNG\r\n\x1a\n", 8);
	json_decref(command_document(c));
}

static void the_name_of_a_picture_is_no_part_of_a_script(void **state)
{
	struct command *c = *state;
	char path[128];
	if (!gnuplot_is_there())
		skip_because("gnuplot is not installed");
	snprintf(path, sizeof path, "%s/a'\n!touch of-a-script\n'.svg", c->daemon.dir);
	assert_candor(c, 0, "simulate", "--items", "200", "--strategic", "inverted:0.3", "--plot", path);
	assert_begins(path, "<?xml", 5);
	assert_int_equal(access("of-a-script", F_OK), -1);
}

static void a_picture_that_cannot_be_written_is_an_error_and_spoils_no_output(void **state)
{
	struct command *c = *state;
	char path[128];
	if (!gnuplot_is_there())
		skip_because("gnuplot is not installed");
	assert_candor(c, 2, "simulate", "--items", "200", "--json", "--plot", "/nonexistent/regret.svg");
	assert_says(c->err, "--plot: /nonexistent/regret.svg: No such file or directory");
	command_failed(c, "not-found", "--plot: /nonexistent/regret.svg: ");
	daemon_path(&c->daemon, "regret.png", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_candor(c, 2, "simulate", "--items", "200", "--json", "--plot", path);
	assert_says(c->err, "regret.png: Is a directory");
	command_failed(c, "failed-precondition", "regret.png: ");
}

static void a_picture_of_nothing_is_not_drawn(void **state)
{
	struct command *c = *state;
	char path[128];
	daemon_path(&c->daemon, "regret.svg", path);
	assert_candor(c, 2, "simulate", "--items", "200", "--labelers", "1", "--schemes", "candor", "--plot", path);
	assert_says(c->err, "regret.svg: no regret is above 0, and a log axis shows nothing else");
	assert_int_equal(access(path, F_OK), -1);
}

static void pictures_without_gnuplot_are_an_error_that_says_so(void **state)
{
	struct command *c = *state;
	char path[128], *before = strdup(getenv("PATH"));
	daemon_path(&c->daemon, "regret.svg", path);
	setenv("PATH", c->daemon.dir, 1);
	int code = command_run(c, NULL, ARGS("simulate", "--items", "20", "--plot", path));
	setenv("PATH", before, 1);
	free(before);
	assert_int_equal(code, 2);
	assert_says(c->err, "--plot needs gnuplot, which is not installed");
	assert_string_equal(c->out, "");
	assert_int_equal(access(path, F_OK), -1);
}

#define SIMULATE(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down)
#define BESIDE_DAEMON(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIMULATE(a_campaign_written_as_csv_comes_to_the_same_when_it_is_evaluated),
		BESIDE_DAEMON(a_campaign_written_as_csv_comes_to_the_same_when_it_is_imported),
		SIMULATE(a_campaign_written_as_csv_has_the_outcomes_that_come),
		SIMULATE(a_campaign_as_csv_goes_with_no_other_output),
		SIMULATE(output_that_cannot_be_written_is_an_error),
		SIMULATE(a_curve_in_a_file_is_that_of_the_document),
		SIMULATE(a_curve_that_cannot_be_written_is_an_error),
		SIMULATE(a_curve_is_drawn_as_svg_or_png),
		SIMULATE(the_name_of_a_picture_is_no_part_of_a_script),
		SIMULATE(a_picture_that_cannot_be_written_is_an_error_and_spoils_no_output),
		SIMULATE(a_picture_of_nothing_is_not_drawn),
		SIMULATE(pictures_without_gnuplot_are_an_error_that_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
