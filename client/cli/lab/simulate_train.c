/* The reward models that were trained on what each scheme made of a campaign. */
#include "client/cli/base/table.h"
#include "client/cli/lab/simulate.h"

static double accuracy(const struct game_result *r, int forecast, size_t at)
{
	(void)at;
	return r->trained[forecast].accuracy;
}

static double best_of_eight(const struct game_result *r, int forecast, size_t at)
{
	(void)at;
	return r->trained[forecast].best_of_eight;
}

static double truths_accuracy(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->trained_truths.accuracy;
}

static double truths_best(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->trained_truths.best_of_eight;
}

static double posted_accuracy(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->trained_posted.accuracy;
}

static double posted_best(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->trained_posted.best_of_eight;
}

static void show_row(const struct simulation *s, struct cli_table *t, const char *name, size_t contestant,
		     simulation_measure *accuracy_of, simulation_measure *best_of, int forecast)
{
	struct quartiles right = simulation_quartiles(s, contestant, accuracy_of, forecast, 0);
	struct quartiles best = simulation_quartiles(s, contestant, best_of, forecast, 0);
	cli_table_cell(t, "%s", name);
	cli_table_cell(t, "%.3f", right.median);
	if (s->repeats > 1)
		cli_table_cell(t, "%.3f-%.3f", right.low, right.high);
	cli_table_cell(t, "%.3f", best.median);
	if (s->repeats > 1)
		cli_table_cell(t, "%.3f-%.3f", best.low, best.high);
}

void simulate_show_training(const struct simulation *s)
{
	struct cli_column columns[5] = {{.title = "trained on"}, {.title = "accuracy", .right = true}};
	size_t n = 2;
	struct cli_table t;
	if (s->repeats > 1)
		columns[n++] = (struct cli_column){.title = "quartiles", .right = true};
	columns[n++] = (struct cli_column){.title = "best of 8", .right = true};
	if (s->repeats > 1)
		columns[n++] = (struct cli_column){.title = "quartiles", .right = true};
	cli_table_init(&t, columns, n);
	for (size_t k = 0; k < s->n_contestants; k++)
		for (int f = 0; f < scheme_forecasts(s->contestants[k]->class); f++)
			show_row(s, &t, cli_forecast_name(s->contestants[k], f), k, accuracy, best_of_eight, f);
	show_row(s, &t, "posted outcomes alone", 0, posted_accuracy, posted_best, 0);
	show_row(s, &t, "the truth of all pairs", 0, truths_accuracy, truths_best, 0);
	puts("Reward models, trained on what each scheme makes of all reports at the end (and on the\n"
	     "outcome, where it was posted), then tried on fresh pairs and responses:\n");
	cli_table_print(&t, &s->cli->term, stdout);
	cli_table_free(&t);
	puts("\naccuracy: the part of fresh pairs of which a model prefers the response with the higher\n"
	     "true reward. best of 8: the true reward of its choice among 8, over that of the best.\n");
}

void simulate_put_trained(const struct simulation *s, struct json_out *j, size_t contestant, int forecast)
{
	simulation_put(s, j, "model_accuracy", contestant, accuracy, forecast);
	simulation_put(s, j, "model_best_of_eight", contestant, best_of_eight, forecast);
}

void simulate_put_limits(const struct simulation *s, struct json_out *j)
{
	cli_json_open(j, "trained_on_posted", '{');
	simulation_put(s, j, "model_accuracy", 0, posted_accuracy, 0);
	simulation_put(s, j, "model_best_of_eight", 0, posted_best, 0);
	json_out_close(j, '}');
	cli_json_open(j, "trained_on_truths", '{');
	simulation_put(s, j, "model_accuracy", 0, truths_accuracy, 0);
	simulation_put(s, j, "model_best_of_eight", 0, truths_best, 0);
	json_out_close(j, '}');
}
