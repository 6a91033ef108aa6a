/* How outcomes come, as `candor evaluate` and `candor simulate` are told: together, late, in part, wrong; and what is
 * trained on a campaign. */
#include "tests/lib/campaign.h"
#include "tests/lib/command.h"

/* The loss of a scheme in c->file with options. */
static double loss_with(struct command *c, const char *scheme, const char *const *options)
{
	const char *args[24] = {"evaluate", c->file, "--json", "--schemes", scheme};
	for (size_t i = 0; options[i]; i++)
		args[5 + i] = options[i];
	int code = command_run(c, NULL, args);
	if (code)
		print_error("%s", c->err);
	assert_int_equal(code, 0);
	return command_number(c, "files.0.schemes.0.brier");
}

#define LOSS(c, scheme, ...) loss_with(c, scheme, ARGS(__VA_ARGS__))

static void a_column_block_is_what_together_would_be(void **state)
{
	struct command *c = *state;
	char text[4096], plain[4096];
	size_t at = 0, end = 0;
	static const char *const head = "item,labeler,report,outcome";
	at += (size_t)snprintf(text + at, sizeof text - at, "%s,block\n", head);
	end += (size_t)snprintf(plain + end, sizeof plain - end, "%s\n", head);
	for (int i = 0; i < 24; i++)
		for (int l = 0; l < 3; l++) {
			const char *rest = l == 0 ? "0.9,1" : l == 1 ? "0.4,1" : "0.5,1";
			at += (size_t)snprintf(text + at, sizeof text - at, "i%d,L%d,%s,b%d\n", i, l, rest, i / 4);
			end += (size_t)snprintf(plain + end, sizeof plain - end, "i%d,L%d,%s\n", i, l, rest);
		}
	files_write_text(c->file, plain);
	double alone = LOSS(c, "forecast", NULL), four = LOSS(c, "forecast", "--together", "4");
	assert_true(alone != four);
	files_write_text(c->file, text);
	assert_same_bits(LOSS(c, "forecast", NULL), four);
	assert_same_bits(LOSS(c, "forecast", "--together", "1"), alone);
	/* Apart, they still come late. */
	double apart = LOSS(c, "forecast", "--apart");
	assert_true(apart != four && apart != alone);
}

static void outcomes_come_by_date(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, "item,labeler,report,outcome,time,known\n"
				  "a,x,0.9,1,2026-01-01,2026-01-15\na,y,0.2,1,2026-01-01,2026-01-15\n"
				  "b,x,0.8,1,2026-01-08,\nb,y,0.4,1,2026-01-08,\n"
				  "c,x,0.7,1,2026-01-15,2026-02-01\nc,y,0.3,1,,\n");
	double dated = LOSS(c, "candor", NULL);
	files_write_text(c->file, "item,labeler,report,outcome,known\n"
				  "a,x,0.9,1,2\na,y,0.2,1,\nb,x,0.8,1,\nb,y,0.4,1,\nc,x,0.7,1,\nc,y,0.3,1,9\n");
	assert_same_bits(LOSS(c, "candor", NULL), dated);
	assert_true(LOSS(c, "candor", "--delay", "1") != dated);

	files_write_text(c->file, "item,labeler,report,outcome,known\na,x,0.9,1,2026-01-15\n");
	assert_candor(c, 2, "evaluate", c->file);
	assert_says(c->err, "the column known has dates, so there must be a column time");
	files_write_text(c->file, "item,labeler,report,outcome,time,known\na,x,0.9,1,5,4\n");
	assert_candor(c, 2, "evaluate", c->file);
	assert_says(c->err, "item \"a\" has an outcome that was known before the item was closed");
	files_write_text(c->file, "item,labeler,report,outcome,block\na,x,0.9,1,p\na,y,0.9,1,q\n");
	assert_candor(c, 1, "evaluate", c->file);
	assert_says(c->err, "line 3: block differs from the one on an earlier line of the same item");
}

static void only_a_part_may_be_audited(void **state)
{
	struct command *c = *state;
	campaign_write(c->file, 200, 12);
	double frozen = LOSS(c, "forecast", "--audited", "0.2");
	double n = command_number(c, "files.0.schemes.0.n");
	double now = LOSS(c, "now", "--audited", "0.2");
	assert_true(now < frozen);
	assert_near(command_number(c, "files.0.schemes.0.n"), n, 0);
	assert_true(LOSS(c, "now", "--audited", "0.2", "--seed", "2") != now);
	/* now takes part by itself where it can be judged. */
	assert_candor(c, 0, "evaluate", c->file, "--audited", "0.2", "--repeat", "3");
	assert_says(c->out, "Medians of 3 draws.\n20 % of the outcomes are posted; losses are on the other items.\n");
	assert_says(c->out, "\nnow-mean ");
	assert_candor(c, 0, "evaluate", c->file);
	assert_null(strstr(c->out, "now-mean"));
	assert_candor(c, 2, "evaluate", c->file, "--schemes", "now");
	assert_says(c->err, "as in --audited 0.1");
	assert_candor(c, 2, "simulate", "--schemes", "now");
	assert_says(c->err, "as in --known 0.1");
}

static void wrong_outcomes_hurt_less_where_the_mechanism_is_told(void **state)
{
	struct command *c = *state;
	assert_candor(c, 0, "simulate", "--csv", "--items", "400", "--labelers", "12");
	files_write_text(c->file, c->out);
	double right = LOSS(c, "forecast", NULL), unsaid = LOSS(c, "forecast", "--flipped", "0.3");
	double said = LOSS(c, "forecast", "--flipped", "0.3", "--wrong", "0.3");
	assert_true(right < said && said < unsaid);
	assert_number(c, "files.0.schemes.0.settings.wrong", 0.3);
	assert_number(c, "outcomes.flipped", 0.3);
}

static void options_without_an_effect_are_refused(void **state)
{
	struct command *c = *state;
	static const struct {
		const char *args[5], *says;
	} bad[] = {
		{{"--seed", "3"}, "--seed has no effect"},
		{{"--repeat", "3"}, "--repeat needs --order shuffle:SEED, --audited or --flipped"},
		{{"--together", "0"}, "--together"},
		{{"--audited", "2"}, "--audited"},
		{{"--flipped", "-1"}, "--flipped"},
		{{"--wrong", "0.5"}, "--wrong"},
		{{"--signs", "both"}, "it must be positive or free"},
		{{"--signs", "free", "--schemes", "candor"}, "--signs has no effect"},
		{{"--scored", "2", "--schemes", "plain"}, "--scored has no effect"},
	};
	campaign_write(c->file, 5, 13);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *args[8] = {"evaluate", c->file};
		for (size_t k = 0; bad[i].args[k]; k++)
			args[2 + k] = bad[i].args[k];
		assert_int_equal(command_run(c, NULL, args), 2);
		assert_says(c->err, bad[i].says);
	}
	assert_candor(c, 2, "simulate", "--apart");
	assert_says(c->err, "--together");
	assert_candor(c, 2, "simulate", "--features", "4");
	assert_says(c->err, "--train");
	assert_candor(c, 2, "simulate", "--train", "--base-rate", "0.3");
	assert_candor(c, 2, "simulate", "--train", "--csv");
	assert_candor(c, 2, "simulate", "--train", "--world", "hair:0.1");
}

/* What comes together in a simulation is written with its block. */
static void a_campaign_of_blocks_is_written_with_them(void **state)
{
	struct command *c = *state;
	const char *const *args = ARGS("simulate", "--csv", "--items", "60", "--labelers", "5", "--together", "7",
				       "--known", "0.6", "--schemes", "candor");
	assert_int_equal(command_run(c, NULL, args), 0);
	assert_says(c->out, "item,labeler,report,outcome,block\n");
	assert_says(c->out, ",b3\n");
	files_write_text(c->file, c->out);
	double from_file = LOSS(c, "candor", NULL);
	assert_same_bits(LOSS(c, "candor", "--together", "7"), from_file);
}

static void reward_models_are_trained(void **state)
{
	struct command *c = *state;
	assert_candor(c, 0, "simulate", "--train", "--items", "300", "--labelers", "21", "--strategic", "colluder:0.49",
		      "--repeat", "3", "--json");
	assert_number(c, "campaign.features", 16);
	assert_number(c, "campaign.known", 0.1);
	json_t *o = command_document(c);
	assert_text_at(o, "schemes.0.scheme", "forecast");
	double forecast = command_number_at(o, "schemes.0.model_accuracy.median");
	double low = command_number_at(o, "schemes.0.model_accuracy.q1");
	double truths = command_number_at(o, "trained_on_truths.model_accuracy.median");
	assert_true(low <= forecast && forecast > 0.6 && forecast <= truths + 0.05);
	size_t n = json_array_size(json_object_get(o, "schemes"));
	char path[64];
	snprintf(path, sizeof path, "schemes.%zu.scheme", n - 1);
	assert_text_at(o, path, "majority");
	snprintf(path, sizeof path, "schemes.%zu.model_accuracy.median", n - 1);
	assert_true(command_number_at(o, path) < forecast);
	json_decref(o);
	assert_candor(c, 0, "simulate", "--train", "--items", "100", "--labelers", "9");
	assert_says(c->out, "posted outcomes alone");
	assert_says(c->out, "the truth of all pairs");
	assert_says(c->out, "no labeler's gain came above ");
}

#define ALONE(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(a_column_block_is_what_together_would_be),
		ALONE(outcomes_come_by_date),
		ALONE(only_a_part_may_be_audited),
		ALONE(wrong_outcomes_hurt_less_where_the_mechanism_is_told),
		ALONE(options_without_an_effect_are_refused),
		ALONE(a_campaign_of_blocks_is_written_with_them),
		ALONE(reward_models_are_trained),
	};
	return cmocka_run_group_tests_name("how outcomes come", tests, NULL, NULL);
}
