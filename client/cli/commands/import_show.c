#include "client/cli/commands/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"

static void say_reports(const struct import_result *r)
{
	uint64_t reports = r->accepted + r->duplicates + r->revised;
	cli_note("%s report%s: %s new, %s unchanged, %s revised", cli_count(reports).s, cli_plural(reports),
		 cli_count(r->accepted).s, cli_count(r->duplicates).s, cli_count(r->revised).s);
}

static void say_time(const struct import_result *r)
{
	/* A broken daemon may count anything. */
	double rate = (double)(r->accepted + r->duplicates + r->revised) / r->seconds;
	if (r->has_reports)
		cli_note("%.2f s, %s reports/s", r->seconds, cli_count(rate < 1e18 ? (uint64_t)rate : UINT64_MAX).s);
	else
		cli_note("%.2f s", r->seconds);
}

static void say(const struct import_result *r)
{
	if (r->unlisted > 0)
		cli_note("... and %s more", cli_count(r->unlisted).s);
	if (r->code == CLI_REFUSED && r->items + r->resolved + r->closed == 0) {
		cli_note("Nothing from %s was imported%s.", r->name,
			 r->may_go_on ? "; run the same command again" : "");
		return;
	}
	char together[96] = "";
	if (r->blocks > 0)
		snprintf(together, sizeof together, " (%s block%s of them together)", cli_count(r->blocks).s,
			 cli_plural(r->blocks));
	cli_note("%s item%s: %s newly resolved%s, %s newly closed", cli_count(r->items).s, cli_plural(r->items),
		 cli_count(r->resolved).s, together, cli_count(r->closed).s);
	if (r->has_reports)
		say_reports(r);
	if (r->rejected + r->bad_lines > 0)
		cli_note("not imported: %s row%s rejected by the daemon, %s bad line%s", cli_count(r->rejected).s,
			 cli_plural(r->rejected), cli_count(r->bad_lines).s, cli_plural(r->bad_lines));
	if (r->skipped > 0)
		cli_note("skipped: %s row%s without an outcome", cli_count(r->skipped).s, cli_plural(r->skipped));
	say_time(r);
	if (r->overtaking > 0)
		cli_note("%s request%s with later rows overtook rows that were delayed by the daemon's rate limit: "
			 "weights may differ from those in the order of the file",
			 cli_count(r->overtaking).s, cli_plural(r->overtaking));
	if (r->code > CLI_ROWS)
		cli_note("%s was imported only in part%s.", r->name,
			 r->may_go_on ? "; run the same command again to continue" : "");
}

void import_show_survey(struct cli *c, struct import_result *r)
{
	const char *name = (const char *)r->ignored->names.data;
	for (size_t i = 0; i < r->ignored->n; i++, name += strlen(name) + 1)
		fprintf(stderr, "%s\"%s\"", i > 0 ? ", " : "ignored: ", name);
	if (r->ignored->n > 0)
		fprintf(stderr, "%s\n", r->ignored->beyond > 0 ? ", and more" : "");
	if (r->without_outcome > 0)
		cli_note("%s row%s no outcome: it is not known, and an item without one is not resolved.",
			 cli_count(r->without_outcome).s, r->without_outcome == 1 ? " has" : "s have");
	cli_say_warnings(c, &r->warnings);
}

static void print_document(struct cli *c, const struct import_result *r)
{
	struct cli_json d;
	const struct {
		const char *key;
		uint64_t n;
	} counts[] = {
		{"items", r->items},     {"accepted", r->accepted}, {"duplicates", r->duplicates},
		{"revised", r->revised}, {"closed", r->closed},     {"resolved", r->resolved},
		{"blocks", r->blocks},   {"rejected", r->rejected}, {"bad_lines", r->bad_lines},
		{"skipped", r->skipped},
	};
	cli_json_begin(&d);
	json_out_open(&d.j, '{');
	cli_json_text(&d.j, "pool", r->pool);
	cli_json_bool(&d.j, "created", r->pool_made);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		cli_json_count(&d.j, counts[i].key, counts[i].n);
	cli_json_bool(&d.j, "complete", r->code <= CLI_ROWS);
	cli_json_count(&d.j, "without_outcome", r->without_outcome);
	cli_json_bool(&d.j, "regrouped", r->regrouped);
	cli_json_open(&d.j, "ignored", '[');
	const char *name = (const char *)r->ignored->names.data;
	for (size_t i = 0; i < r->ignored->n; i++, name += strlen(name) + 1)
		json_out_text(&d.j, name);
	json_out_close(&d.j, ']');
	cli_json_open(&d.j, "warnings", '[');
	cli_put_warnings(&r->warnings, &d.j);
	json_out_close(&d.j, ']');
	cli_json_real(&d.j, "seconds", r->seconds);
	cli_put_failure(c, &d.j);
	json_out_close(&d.j, '}');
	cli_json_print(&d);
}

void import_show(struct cli *c, struct import_result *r)
{
	if (!r->answered && r->code > CLI_ROWS)
		return;
	cli_say_warnings(c, &r->warnings);
	say(r);
	if (c->json)
		print_document(c, r);
}
