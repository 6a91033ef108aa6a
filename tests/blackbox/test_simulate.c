/* `candor simulate` as its users meet it: the same chance gives the same bytes, every option does what its help says,
 * and what it writes can be read. */
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/lab/scheme.h"
#include "tests/lib/command.h"

/* The number at `path` in what `candor simulate --json` with these options says. */
static double number_with(struct command *c, const char *path, const char *const *options)
{
	const char *args[32] = {"simulate", "--json"};
	for (size_t i = 0; options[i]; i++)
		args[2 + i] = options[i];
	int code = command_run(c, NULL, args);
	if (code)
		print_error("%s", c->err);
	assert_int_equal(code, 0);
	assert_string_equal(c->err, "");
	return command_number(c, path);
}

#define NUMBER(c, path, ...) number_with(c, path, ARGS(__VA_ARGS__))
#define CANDOR_LOSS(c, ...) NUMBER(c, "schemes.0.brier.median", "--schemes", "candor", __VA_ARGS__)

/* ---- chance ---- */

static void the_same_seed_gives_the_same_bytes_on_one_processor_or_on_all(void **state)
{
	struct command *c = *state;
	static char kept[COMMAND_TEXT_MAX];
	const char *const *args = ARGS("simulate", "--json", "--items", "60", "--labelers", "8", "--repeat", "5",
				       "--seed", "7", "--strategic", "copycat:2", "--strategic", "sleeper:0.2");
	cpu_set_t all, one;
	assert_int_equal(command_run(c, NULL, args), 0);
	snprintf(kept, sizeof kept, "%s", c->out);
	assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	int code = command_run(c, NULL, args);
	assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
	assert_int_equal(code, 0);
	assert_string_equal(c->out, kept);
}

static void seeds_differ_and_repeats_give_medians_between_quartiles(void **state)
{
	struct command *c = *state;
	static const char *const measures[] = {"brier",    "of_best",           "accuracy",
					       "log_loss", "calibration_error", "regret"};
	char path[64];
	double one = CANDOR_LOSS(c, "--items", "50", "--seed", "1"),
	       two = CANDOR_LOSS(c, "--items", "50", "--seed", "2");
	assert_true(one != two);
	assert_number(c, "seed", 2);
	assert_near(CANDOR_LOSS(c, "--items", "50"), one, 0);
	CANDOR_LOSS(c, "--items", "50", "--repeat", "9");
	assert_number(c, "repeats", 9);
	for (size_t m = 0; m < sizeof measures / sizeof *measures; m++) {
		double q[3];
		static const char *const parts[] = {"q1", "median", "q3"};
		for (size_t i = 0; i < 3; i++) {
			snprintf(path, sizeof path, "schemes.0.%s.%s", measures[m], parts[i]);
			q[i] = command_number(c, path);
		}
		assert_true(q[0] <= q[1] && q[1] <= q[2] && q[0] < q[2]);
	}
	CANDOR_LOSS(c, "--items", "9", "--seed", "9223372036854775807");
	assert_says(c->out, "\"seed\":9223372036854775807,");
	assert_candor(c, 0, "simulate", "--items", "50", "--repeat", "9");
	assert_says(c->out, "Medians of 9 campaigns.");
	assert_says(c->out, "quartiles");
}

static void no_daemon_is_contacted(void **state)
{
	struct command *c = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", c->daemon.dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_candor(c, 0, "simulate", "--items", "20");
	assert_candor(c, 0, "simulate", "--items", "20", "--csv");
	files_write_text(c->file, c->out);
	assert_candor(c, 0, "evaluate", c->file);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	close(fd);
	setenv("CANDOR_SERVER", "this is no address", 1);
	assert_candor(c, 0, "simulate", "--items", "20");
	assert_candor(c, 0, "evaluate", c->file);
}

/* ---- strategies and schemes ---- */

static void assert_plays(struct command *c, const char *strategy)
{
	char option[64];
	snprintf(option, sizeof option, "%s:3", strategy);
	double say = NUMBER(c, "schemes.0.influence.median", "--items", "30", "--labelers", "6", "--strategic", option,
			    "--schemes", "candor,plain");
	assert_true(say > 0 && say < 1);
	assert_near(command_number(c, "schemes.2.influence.median"), 0.5, 1e-12);
	assert_number(c, "campaign.strategic.0.labelers", 3);
	json_t *o = command_document(c);
	assert_text_at(o, "campaign.strategic.0.strategy", strategy);
	json_decref(o);
	/* Beside others, with few answers and late outcomes; also where there is nobody else. */
	assert_candor(c, 0, "simulate", "--items", "30", "--labelers", "9", "--answers", "2", "--strategic", option,
		      "--strategic", "copycat:0.2", "--delay", "3", "--known", "0.5", "--flipped", "0.2", "--together",
		      "4");
	assert_candor(c, 0, "simulate", "--items", "1", "--labelers", "3", "--strategic", option);
}

static void every_strategy_of_the_help_plays(void **state)
{
	struct command *c = *state;
	static char help[COMMAND_TEXT_MAX];
	char name[32];
	size_t n = 0;
	assert_candor(c, 0, "simulate", "--help");
	snprintf(help, sizeof help, "%s", c->out);
	const char *at = strstr(help, "--strategic KIND:SHARE"), *end = strstr(help, "Outcomes:");
	assert_true(at && end);
	while ((at = strstr(at, "\n    ")) && at < end) {
		at += 5;
		if (sscanf(at, "%31[a-zA-Z-]", name) != 1)
			continue;
		if (strcmp(name, "responder-H") == 0)
			continue;
		assert_plays(c, name);
		n++;
	}
	assert_true(n >= 9);
	assert_plays(c, "responder-1");
	assert_plays(c, "responder-2");
	assert_plays(c, "responder-5");
}

static void every_scheme_plays_and_those_that_cannot_learn_know_no_outcomes(void **state)
{
	struct command *c = *state;
#define NAME(name, ...) name,
	static const char *const schemes[] = {SCHEMES(NAME)};
#undef NAME
	static char help[COMMAND_TEXT_MAX];
	assert_candor(c, 0, "simulate", "--help");
	snprintf(help, sizeof help, "%s", c->out);
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		assert_says(help, schemes[i]);
		/* Late forecasts are judged where no outcome comes. */
		bool late = strcmp(schemes[i], "now") == 0;
		double loss = NUMBER(c, "schemes.0.brier.median", "--items", "80", "--schemes", schemes[i], "--known",
				     late ? "0.5" : "1");
		double blind =
			NUMBER(c, "schemes.0.brier.median", "--items", "80", "--schemes", schemes[i], "--known", "0");
		assert_true(loss > 0 && loss < 0.5);
		bool learns = strcmp(schemes[i], "plain") != 0 && strcmp(schemes[i], "majority") != 0 &&
			      strcmp(schemes[i], "ds") != 0;
		assert_true(learns == (loss != blind));
	}
	/* Without outcomes the mechanism is the plain mean, in all that it makes. */
	NUMBER(c, "campaign.items", "--items", "80", "--schemes", "forecast,candor,evidence,plain", "--known", "0");
	assert_near(command_number(c, "schemes.0.brier.median"), command_number(c, "schemes.4.brier.median"), 1e-12);
	assert_near(command_number(c, "schemes.1.brier.median"), command_number(c, "schemes.4.brier.median"), 1e-12);
	assert_near(command_number(c, "schemes.3.brier.median"), command_number(c, "schemes.4.brier.median"), 1e-12);
}

/* ---- options ---- */

static void the_campaign_is_as_its_options_say(void **state)
{
	struct command *c = *state;
	NUMBER(c, "campaign.items", "--items", "70", "--labelers", "9", "--answers", "4", "--schemes", "plain");
	assert_number(c, "campaign.items", 70);
	assert_number(c, "campaign.labelers", 9);
	assert_number(c, "campaign.answers_per_item", 4);
	assert_near(NUMBER(c, "campaign.answers_per_item", "--items", "10", "--answers", "heavy:5"), 5, 0);
	assert_near(NUMBER(c, "campaign.answers_per_item", "--items", "10", "--answers", "all"), 20, 0);

	static const char best[] = "best_loss";
	double skilled = NUMBER(c, best, "--skill", "2:3", "--schemes", "plain");
	double unskilled = NUMBER(c, best, "--skill", "0:0.2", "--schemes", "plain");
	assert_true(skilled < 0.15 && unskilled > 0.2);
	double unbiased = NUMBER(c, best, "--bias", "0", "--skill", "1", "--schemes", "plain");
	double biased = NUMBER(c, best, "--bias", "5", "--skill", "1", "--labelers", "1", "--schemes", "plain");
	assert_true(unbiased < biased);
	/* Many who err on their own know more together than many who err as one. */
	static const char mean[] = "schemes.0.brier.median";
	double apart = NUMBER(c, mean, "--correlation", "0", "--schemes", "plain");
	double together = NUMBER(c, mean, "--correlation", "1", "--schemes", "plain");
	assert_true(apart < together);
	/* Who knows nothing beyond it says how often A is right. */
	assert_near(NUMBER(c, mean, "--skill", "0", "--bias", "0", "--base-rate", "0.9", "--schemes", "plain"), 0.09,
		    0.02);
	assert_near(NUMBER(c, mean, "--skill", "0", "--bias", "0", "--schemes", "plain"), 0.25, 1e-12);
}

static void the_other_worlds_are_of_two_labelers_and_as_their_options_say(void **state)
{
	struct command *c = *state;
	/* One beside the truth by nothing is as good as the other. */
	NUMBER(c, "campaign.labelers", "--world", "hair:0", "--schemes", "candor");
	assert_number(c, "campaign.labelers", 2);
	assert_near(command_number(c, "schemes.0.regret.median"), 0, 1e-9);
	NUMBER(c, "campaign.labelers", "--world", "hair:0.3", "--schemes", "plain");
	assert_true(command_number(c, "schemes.0.of_best.median") > 1);
	/* Each right for 10 items and wrong for 10: 0.2 beside 0.5 is a loss of 0.09 or 0.49. */
	NUMBER(c, "campaign.labelers", "--world", "switching:0.2:10", "--items", "40", "--schemes", "plain");
	assert_near(command_number(c, "best_loss"), 0.29, 1e-12);
	assert_near(command_number(c, "schemes.0.brier.median"), 0.25, 1e-12);
	assert_near(NUMBER(c, "campaign.labelers", "--world", "hair:0.1", "--labelers", "7", "--items", "9"), 7, 0);
	assert_near(NUMBER(c, "campaign.labelers", "--world", "signals", "--items", "9"), 20, 0);
}

static void outcomes_come_as_late_as_seldom_and_as_wrong_as_the_options_say(void **state)
{
	struct command *c = *state;
	double at_once = CANDOR_LOSS(c, "--strategic", "inverted:0.4");
	assert_true(at_once < CANDOR_LOSS(c, "--strategic", "inverted:0.4", "--delay", "300"));
	assert_true(at_once < CANDOR_LOSS(c, "--strategic", "inverted:0.4", "--known", "0.05"));
	double unsaid = CANDOR_LOSS(c, "--strategic", "inverted:0.4", "--flipped", "0.4");
	assert_true(at_once < unsaid);
	/* The mechanism can be told; then outcomes are wrong as often, unless it is said how often they are. */
	double said = CANDOR_LOSS(c, "--strategic", "inverted:0.4", "--wrong", "0.4");
	assert_number(c, "campaign.flipped", 0.4);
	assert_number(c, "schemes.0.settings.wrong", 0.4);
	assert_true(said < unsaid);
	CANDOR_LOSS(c, "--wrong", "0.2", "--flipped", "0.1");
	assert_number(c, "campaign.flipped", 0.1);
	assert_number(c, "schemes.0.settings.wrong", 0.2);
	/* Outcomes that are all wrong make the inverted heavy. */
	double say = NUMBER(c, "schemes.0.influence.median", "--schemes", "candor", "--strategic", "inverted:0.4",
			    "--flipped", "1");
	assert_true(say > 0.5);
	/* Those that come after the end never come. */
	double never = CANDOR_LOSS(c, "--items", "50", "--known", "0");
	assert_same_bits(CANDOR_LOSS(c, "--items", "50", "--delay", "50"), never);
	assert_true(CANDOR_LOSS(c, "--items", "50", "--delay", "48") != never);
	/* Nor do they take the room for more items than there are. */
	CANDOR_LOSS(c, "--items", "3", "--labelers", "60000", "--delay", "1000000");
}

static void shares_of_strategic_labelers_are_parts_or_numbers(void **state)
{
	struct command *c = *state;
	NUMBER(c, "campaign.items", "--items", "9", "--strategic", "spam:0.25", "--strategic", "inverted:2");
	assert_number(c, "campaign.strategic.0.labelers", 5);
	assert_number(c, "campaign.strategic.1.labelers", 2);
	assert_candor(c, 2, "simulate", "--items", "9", "--strategic", "sybil:0");
	assert_says(c->err, "--strategic sybil:0 selects none of the 20 labelers");
	assert_candor(c, 2, "simulate", "--items", "9", "--strategic", "sybil:0.02");
	/* Halves of 5 are 3 and 2. */
	NUMBER(c, "campaign.items", "--items", "9", "--labelers", "5", "--strategic", "spam:0.5", "--strategic",
	       "sybil:0.5");
	assert_number(c, "campaign.strategic.0.labelers", 3);
	assert_number(c, "campaign.strategic.1.labelers", 2);
	assert_candor(c, 2, "simulate", "--items", "9", "--strategic", "spam:0.6", "--strategic", "inverted:0.6");
	assert_says(c->err, "the strategies need more labelers than there are");
	assert_candor(c, 2, "simulate", "--items", "9", "--strategic", "spam:21");
	assert_candor(c, 0, "simulate", "--items", "9", "--strategic", "spam:20");
	const char *args[32] = {"simulate", "--items", "9"};
	for (size_t i = 0; i < 9; i++) {
		args[3 + 2 * i] = "--strategic";
		args[4 + 2 * i] = "spam:1";
	}
	assert_int_equal(command_run(c, NULL, args), 2);
	assert_says(c->err, "--strategic can be given at most 8 times");
}

static void campaigns_of_one_item_or_of_nobody_truthful_have_no_strange_numbers(void **state)
{
	struct command *c = *state;
	const char *const *const campaigns[] = {
		ARGS("simulate", "--items", "1", "--labelers", "1"),
		ARGS("simulate", "--items", "1", "--labelers", "1", "--strategic", "inverted:1"),
		ARGS("simulate", "--items", "30", "--strategic", "spam:20", "--repeat", "4"),
		ARGS("simulate", "--items", "9", "--labelers", "2", "--answers", "heavy:1", "--known", "0"),
		/* The best knows it all. */
		ARGS("simulate", "--items", "2", "--skill", "10", "--bias", "10", "--repeat", "3"),
	};
	for (size_t i = 0; i < sizeof campaigns / sizeof *campaigns; i++) {
		assert_int_equal(command_run(c, NULL, campaigns[i]), 0);
		assert_string_equal(c->err, "");
		assert_null(strstr(c->out, "nan"));
		assert_null(strstr(c->out, "inf "));
	}
	assert_candor(c, 0, "simulate", "--items", "1", "--labelers", "1", "--strategic", "inverted:1");
	assert_says(c->out, "1 item, 1 labeler, including 1 inverted; ");
}

static void the_mechanism_takes_its_settings(void **state)
{
	struct command *c = *state;
	double usual = CANDOR_LOSS(c, "--items", "60");
	static const char *const settings[][2] = {{"--rate", "fixed"}, {"--rate", "horizon"}, {"--c", "0.1"},
						  {"--beta", "0.3"},   {"--share", "0.2"},    {"--share", "0.01"}};
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		assert_true(CANDOR_LOSS(c, "--items", "60", settings[i][0], settings[i][1]) != usual);
	/* The same rate under its own name. */
	double fixed = NUMBER(c, "schemes.0.brier.median", "--items", "60", "--schemes", "fixed", "--eta", "0.3");
	assert_same_bits(CANDOR_LOSS(c, "--items", "60", "--rate", "fixed", "--eta", "0.3"), fixed);
	assert_true(CANDOR_LOSS(c, "--items", "60", "--rate", "fixed", "--eta", "0.2") != fixed);
	double horizon = NUMBER(c, "schemes.0.brier.median", "--items", "60", "--schemes", "horizon", "--horizon", "9");
	assert_same_bits(CANDOR_LOSS(c, "--items", "60", "--rate", "horizon", "--horizon", "9"), horizon);
	assert_true(CANDOR_LOSS(c, "--items", "60", "--rate", "horizon") != horizon);
	/* Every setting at its ends. */
	static const char *const ends[][2] = {{"1e-9", "100"}, {"1e-9", "0.5"}, {"1e-9", "0.5"},
					      {"1e-6", "1e6"}, {"1e-9", "0.5"}, {"1", "1e15"}};
	for (int e = 0; e < 2; e++)
		assert_candor(c, 0, "simulate", "--items", "60", "--schemes", "candor,horizon,fixed", "--c", ends[0][e],
			      "--beta", ends[1][e], "--share", ends[2][e], "--entry", ends[3][e], "--eta", ends[4][e],
			      "--horizon", ends[5][e], "--strategic", "inverted:5");
}

static void wrong_values_are_refused_with_the_name_of_their_option(void **state)
{
	struct command *c = *state;
	static const char *const bad[][3] = {
		{"--items", "0", "--items"},
		{"--items", "1e3", "--items"},
		{"--items", "99999999999999999999", "--items"},
		{"--items", "1000000001", "--items"},
		{"--labelers", "0", "--labelers"},
		{"--labelers", "-5", "--labelers"},
		{"--labelers", "10000001", "--labelers"},
		{"--labelers", "70000", "65,535 labelers"},
		{"--answers", "0", "--answers"},
		{"--answers", "some", "--answers"},
		{"--answers", "heavy:", "--answers"},
		{"--answers", "21", "answers per item"},
		{"--answers", "heavy:11", "answers per item"},
		{"--skill", "nan", "--skill"},
		{"--skill", "2:1", "--skill"},
		{"--skill", "1:11", "--skill"},
		{"--bias", "-0.1", "--bias"},
		{"--correlation", "1.1", "--correlation"},
		{"--base-rate", "1", "--base-rate"},
		{"--world", "flat", "--world"},
		{"--world", "hair", "--world"},
		{"--world", "hair:0.4", "--world"},
		{"--world", "hair:0.1:2", "--world"},
		{"--world", "switching:0.1", "--world"},
		{"--world", "switching:0.1:0", "--world"},
		{"--strategic", "spam", "--strategic"},
		{"--strategic", "spam:", "--strategic"},
		{"--strategic", "spam:1.5", "--strategic"},
		{"--strategic", "spam:-1", "--strategic"},
		{"--strategic", "evil:0.1", "\"evil\""},
		{"--delay", "1000001", "--delay"},
		{"--known", "1.01", "--known"},
		{"--wrong", "nan", "--wrong"},
		{"--schemes", "candor,best", "\"best\""},
		{"--schemes", "", "--schemes"},
		{"--rate", "slow", "--rate"},
		{"--c", "0", "--c"},
		{"--beta", "inf", "--beta"},
		{"--share", "0.51", "--share"},
		{"--entry", "0", "--entry"},
		{"--eta", "0.51", "--eta"},
		{"--horizon", "0", "--horizon"},
		{"--repeat", "0", "--repeat"},
		{"--seed", "-1", "--seed"},
		{"--seed", "9223372036854775808", "--seed"},
		{"--plot", "regret.jpg", "--plot: the file name must end in .svg or .png"},
		{"--plot", "svg", "--plot"},
		{"--frob", "1", "--frob"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_candor(c, 2, "simulate", bad[i][0], bad[i][1]);
		assert_says(c->err, bad[i][2]);
		assert_says(c->err, "candor simulate --help");
		assert_string_equal(c->out, "");
	}
	assert_candor(c, 2, "simulate", "--world", "hair:0.1", "--labelers", "1");
	assert_says(c->err, "two labelers");
	assert_candor(c, 2, "simulate", "answers.csv");
	assert_says(c->err, "answers.csv");
}

#define SIMULATE(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIMULATE(the_same_seed_gives_the_same_bytes_on_one_processor_or_on_all),
		SIMULATE(seeds_differ_and_repeats_give_medians_between_quartiles),
		SIMULATE(no_daemon_is_contacted),
		SIMULATE(every_strategy_of_the_help_plays),
		SIMULATE(every_scheme_plays_and_those_that_cannot_learn_know_no_outcomes),
		SIMULATE(the_campaign_is_as_its_options_say),
		SIMULATE(the_other_worlds_are_of_two_labelers_and_as_their_options_say),
		SIMULATE(outcomes_come_as_late_as_seldom_and_as_wrong_as_the_options_say),
		SIMULATE(shares_of_strategic_labelers_are_parts_or_numbers),
		SIMULATE(campaigns_of_one_item_or_of_nobody_truthful_have_no_strange_numbers),
		SIMULATE(the_mechanism_takes_its_settings),
		SIMULATE(wrong_values_are_refused_with_the_name_of_their_option),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
