/* candor pool: create, set, list, show. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/pages.h"
#include "client/cli/base/settings.h"
#include "client/cli/base/table.h"
#include "client/cli/base/visible.h"
#include "lib/pool/forecast.h"

/* ---- create and set ---- */

/* Returns whether any was given. */
static bool parse_settings(struct cli *c, int argc, char **argv, struct candor_settings *s)
{
	static const struct option own[] = {CLI_SETTING_OPTIONS, {0}};
	int opt;
	bool given = false;
	while ((opt = cli_option(c, argc, argv, own)) != -1)
		given = cli_setting(c, opt, s) || given;
	return given;
}

static int put_pool(struct cli *c, int argc, char **argv, enum candor_request_type type, const char *done)
{
	struct candor_request request = {.type = type};
	const struct candor_response *response;
	bool given = parse_settings(c, argc, argv, &request.settings);
	request.pool = cli_operands(c, argc, argv, 1, 1, "NAME")[0];
	if (!given && type == CANDOR_REQ_UPDATE_POOL)
		cli_usage(c, "no setting given; give at least one");
	int err = cli_call(c, &request, &response);
	if (err)
		return err;
	if (c->json)
		cli_json_answer(response);
	else
		cli_note("%s pool \"%s\"", done, cli_visible(response->pool.name).s);
	return CLI_DONE;
}

/* ---- list ---- */

static void list_row(struct cli_table *t, const struct candor_pool *p)
{
	cli_table_name(t, p->name);
	cli_table_cell(t, "%s", cli_rate_name(p->settings.rate));
	cli_table_cell(t, "%s", cli_count(p->labelers).s);
	cli_table_cell(t, "%s", cli_count(p->open_items).s);
	cli_table_cell(t, "%s", cli_count(p->closed_items).s);
	cli_table_cell(t, "%s", cli_count(p->resolved_items).s);
	cli_table_cell(t, "%s", cli_mean(p->forecast_loss, p->resolved_items).s);
	cli_table_cell(t, "%s", cli_mean(p->mean_loss, p->resolved_items).s);
	cli_table_cell(t, "%s", cli_mean(p->plain_mean_loss, p->resolved_items).s);
}

static int list_pools(struct cli *c, int argc, char **argv)
{
	static const struct cli_column columns[] = {
		{.title = "pool", .shrink = true},         {.title = "rate"},
		{.title = "labelers", .right = true},      {.title = "open", .right = true},
		{.title = "closed", .right = true},        {.title = "resolved", .right = true},
		{.title = "forecast loss", .right = true}, {.title = "mean loss", .right = true},
		{.title = "plain loss", .right = true},
	};
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	cli_operands(c, argc, argv, 0, 0, "");
	const struct candor_request request = {.type = CANDOR_REQ_LIST_POOLS};
	struct cli_pages p;
	struct cli_json d;
	struct cli_table table;
	cli_pages_begin(&p, c, &request, NULL, UINT64_MAX);
	cli_json_begin_list(&d, "pools");
	cli_table_init(&table, columns, sizeof columns / sizeof *columns);
	while (cli_pages_next(&p)) {
		if (c->json)
			cli_json_rows(&d, p.response);
		for (size_t i = 0; !c->json && i < p.response->n; i++)
			list_row(&table, &p.response->pools[i]);
	}
	cli_json_end_list(&d, c->json && !p.code);
	if (!p.code && !c->json && table.n == 0)
		cli_note("There are no pools yet. `candor pool create NAME` creates one.");
	else if (!p.code && !c->json)
		cli_table_print(&table, &c->term, stdout);
	cli_table_free(&table);
	return p.code;
}

/* ---- show ---- */

static void show_settings(const struct candor_settings *s)
{
	printf("settings   rate %s", cli_rate_name(s->rate));
	if (s->rate == CANDOR_FIXED)
		printf(", eta %g", s->eta);
	else
		printf(", c %g", s->c);
	if (s->rate == CANDOR_ANYTIME)
		printf(", beta %g", s->beta);
	if (s->rate == CANDOR_HORIZON)
		printf(", horizon %g", s->horizon);
	printf(", share %g, entry %g\n", s->share, s->entry);
	printf("           wrong %g, scored %s, signs %s\n", s->wrong, s->scored ? cli_count(s->scored).s : "all",
	       cli_signs_name(s->signs));
}

/* 100 and a percent sign. */
static struct cli_text percent(double part)
{
	struct cli_text t;
	snprintf(t.s, sizeof t.s, "%.3g %%", 100 * part);
	return t;
}

/* What second verdicts say of the outcomes, beside what the pool takes them for. */
static void show_rechecks(const struct candor_pool *p)
{
	const struct candor_rechecks *r = p->rechecks;
	const double wrong = p->settings.wrong;
	if (!r)
		return;
	if (r->n == 0) {
		printf("rechecks   none, so how many outcomes are wrong is not known; the setting wrong says %s\n",
		       percent(wrong).s);
		return;
	}
	printf("rechecks   %s, %s of which disagree%s with the outcome\n", cli_count(r->n).s, cli_count(r->disagree).s,
	       r->disagree == 1 ? "s" : "");
	printf("           so %s of the outcomes are wrong, 95 %% interval %s to %s;\n", percent(r->wrong).s,
	       percent(r->low).s, percent(r->high).s);
	printf("           the setting wrong says %s, which is %s\n", percent(wrong).s,
	       wrong < r->low    ? "too low"
	       : wrong > r->high ? "too high"
				 : "within that interval");
}

static void show_losses(const struct cli *c, const struct candor_pool *p)
{
	static const struct cli_column columns[] = {{.title = "loss of the"},
						    {.title = "per item", .right = true},
						    {.title = "sum", .right = true},
						    {.title = "ratio", .right = true},
						    {.title = "how labelers count"}};
	const struct {
		const char *name, *words;
		double sum;
	} rows[] = {
		{"forecast", "by all that their reports told so far", p->forecast_loss},
		{"mean", "by their weights", p->mean_loss},
		{"median", "by their weights; nobody gains by exaggerating", p->median_loss},
		{"plain mean", "alike: plain averaging", p->plain_mean_loss},
		{"plain median", "alike", p->plain_median_loss},
	};
	struct cli_table table;
	cli_table_init(&table, columns, 5);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cli_table_cell(&table, "%s", rows[i].name);
		cli_table_cell(&table, "%s", cli_mean(rows[i].sum, p->resolved_items).s);
		cli_table_cell(&table, "%.3f", rows[i].sum);
		if (p->plain_mean_loss > 0)
			cli_table_cell(&table, "%.3f", rows[i].sum / p->plain_mean_loss);
		else
			cli_table_cell(&table, "-");
		cli_table_cell(&table, "%s", rows[i].words);
	}
	cli_table_print(&table, &c->term, stdout);
	cli_table_free(&table);
	puts("(Brier loss: 0 is perfect; always saying 0.5 costs 0.25 per item. Ratio: to plain averaging's)");
}

/* How much of a say each candidate has in the forecast. */
static void show_blend(const struct candor_pool *p)
{
	static const struct {
		const char *name;
		double prior;
	} candidates[] = {
#define CANDIDATE(NAME, name, prior) {#name, prior},
		CANDIDATES(CANDIDATE)
#undef CANDIDATE
	};
	_Static_assert(sizeof candidates / sizeof *candidates == CANDOR_CANDIDATES, "as many as there are");
	double least = INFINITY, share[CANDOR_CANDIDATES], sum = 0;
	if (p->n_blend != CANDOR_CANDIDATES)
		return;
	for (size_t i = 0; i < CANDOR_CANDIDATES; i++)
		least = fmin(least, p->blend[i]);
	for (size_t i = 0; i < CANDOR_CANDIDATES; i++)
		sum += share[i] = candidates[i].prior * exp(least - p->blend[i]);
	printf("(the forecast is made of");
	for (size_t i = 0; i < CANDOR_CANDIDATES; i++)
		printf("%s %.0f %% %s", i > 0 ? "," : "", 100 * share[i] / sum, candidates[i].name);
	puts(")");
}

static void show_best(const struct cli *c, const struct candor_best *b)
{
	const char *bold = cli_bold(c->term.out_color), *plain = cli_plain(c->term.out_color);
	printf("\nbest       %s%s%s, the labeler with the largest regret\n", bold, cli_visible(b->labeler).s, plain);
	printf("  loss     %s per item; the mean's on the same %s item%s %s\n", cli_mean(b->own_loss, b->scored).s,
	       cli_count(b->scored).s, cli_plural(b->scored), cli_mean(b->mean_loss, b->scored).s);
	printf("  regret   %s%.3f%s: %s\n", bold, b->regret, plain,
	       b->regret > 0 ? "how much smaller the loss on those would have been if only this labeler had counted"
			     : "counting only this labeler would have saved nothing");
	printf("  gain     %.3f: how much better than the others settlements found this labeler to be\n", b->gain);
	printf("  bound    %.3f: the gain never exceeds it\n", b->bound);
	if (b->gain > b->bound)
		cli_error(c,
			  "the regret bound does not hold, so the history is damaged; `candord --verify` finds where");
}

static void show(const struct cli *c, const struct candor_pool *p)
{
	const char *bold = cli_bold(c->term.out_color), *plain = cli_plain(c->term.out_color);
	printf("pool       %s%s%s\n", bold, cli_visible(p->name).s, plain);
	printf("created    %s UTC\n", cli_time(p->created_at).s);
	show_settings(&p->settings);
	printf("labelers   %s, total weight %s\n", cli_count(p->labelers).s, cli_weight(p->total_weight).s);
	printf("items      %s open, %s closed, %s resolved, %s void\n", cli_count(p->open_items).s,
	       cli_count(p->closed_items).s, cli_count(p->resolved_items).s, cli_count(p->void_items).s);
	if (p->archived)
		printf("archived   the first %s resolved items\n", cli_count(p->archived).s);
	printf("scored     %s report%s, %.1f per labeler\n", cli_count(p->scored).s, cli_plural(p->scored), p->t_eff);
	printf("learning   epoch %" PRIu32 ", the next settlement's eta is %.4g\n", p->epoch, p->eta);
	if (p->resolved_items == 0) {
		puts("\nNo item has been resolved yet, so there are no losses, and all weights are entry weights.");
		return;
	}
	if (!p->head) {
		puts("\nIts losses and its head are shown to those who may read or inspect.");
		return;
	}
	show_rechecks(p);
	printf("head       %s\n\n", cli_head(p).s);
	show_losses(c, p);
	show_blend(p);
	if (p->best)
		show_best(c, p->best);
}

static int show_pool(struct cli *c, int argc, char **argv)
{
	struct candor_request request = {.type = CANDOR_REQ_GET_POOL};
	const struct candor_response *response;
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	request.pool = cli_operands(c, argc, argv, 1, 1, "NAME")[0];
	int err = cli_call(c, &request, &response);
	if (err)
		return err;
	if (c->json)
		cli_json_answer(response);
	else
		show(c, &response->pool);
	return CLI_DONE;
}

/* ---- which of them ---- */

static int create_pool(struct cli *c, int argc, char **argv)
{
	return put_pool(c, argc, argv, CANDOR_REQ_CREATE_POOL, "created");
}

static int set_pool(struct cli *c, int argc, char **argv)
{
	return put_pool(c, argc, argv, CANDOR_REQ_UPDATE_POOL, "changed");
}

static int run_pool(struct cli *c, int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"create", create_pool}, {"set", set_pool}, {"list", list_pools}, {"show", show_pool}, {0}};
	return cli_run_verb(c, argc, argv, verbs, "create, set, list or show");
}

CLI_COMMAND(pool) = {
	.name = "pool",
	.summary = "create, set, list and show pools: labeling campaigns and their losses",
	.help = "usage: candor pool create NAME [SETTING...]\n"
		"       candor pool set NAME SETTING...\n"
		"       candor pool list\n"
		"       candor pool show NAME\n\n"
		"A pool is one labeling campaign: its labelers, their weights, its items. `show`\n"
		"prints the loss of each aggregate against the outcomes, and as a ratio to that of\n"
		"plain averaging; what rechecks say of wrong outcomes; how much better the best labeler\n"
		"alone would have done than the mean (the regret); and that labeler's gain, with the\n"
		"bound that it never exceeds.\n\n"
		"Settings hold from the next report, closing or outcome on. How fast weights learn:\n"
		"  --rate anytime   without a known end (the default)\n"
		"  --rate horizon   the number of rounds is known: --horizon\n"
		"  --rate fixed     always the same rate: --eta\n"
		"  --c X            scale of the rate, up to 100 (1)\n"
		"  --beta X         size of the soft reset at each new epoch, 1e-9 to 0.5 (0.01)\n"
		"  --eta X          the fixed rate, up to 0.5\n"
		"  --horizon T      how many times each labeler will have been scored\n"
		"  --share X        fraction of the weight that an item's reporters share equally,\n"
		"                   1e-9 to 0.5 (1e-9); 0.001 to 0.05 recovers labelers whose\n"
		"                   quality changes, but rewards those who use several names\n"
		"  --entry X        weight of labelers who join from now on (1); below 1 is\n"
		"                   probation\n\n"
		"What outcomes and reports are taken for:\n"
		"  --wrong X        part of the outcomes that is the opposite of the truth, 0 to 0.49\n"
		"                   (0). Set it where auditors or users err: otherwise hedging pays,\n"
		"                   and the forecast takes errors for facts. Rather a little too high\n"
		"                   than too low; `candor recheck` measures it\n"
		"  --scored N       only the first N reports of an item are scored; 0, the default:\n"
		"                   all. Set it to the number that every item gets in any case, where\n"
		"                   more labelers are asked because of what the first ones said:\n"
		"                   otherwise the truth is not the best report. Later reports count\n"
		"                   in aggregates and in the forecast only\n"
		"  --signs positive no report counts against its own side in the forecast (the default)\n"
		"  --signs free     who is reliably wrong is counted backwards. For panels of models\n"
		"                   only: people who are counted backwards have no reason to be honest\n\n"
		"Example:\n"
		"  candor pool create birds --share 0.01\n"
		"  candor pool set birds --wrong 0.1\n"
		"  candor pool show birds\n",
	.run = run_pool,
};
