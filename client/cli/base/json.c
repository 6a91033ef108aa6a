#include "client/cli/base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/number.h"
#include "lib/rights.h"

json_t *cli_json_real(double x)
{
	return cli_memory(isfinite(x) ? json_real(x) : json_null());
}

json_t *cli_json_count(uint64_t n)
{
	return cli_memory(json_integer((json_int_t)n));
}

static json_t *object(void)
{
	return cli_memory(json_object());
}

void cli_json_put(json_t *to, const char *key, json_t *value)
{
	if (json_object_set_new(to, key, value))
		cli_memory(NULL);
}

void cli_json_append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		cli_memory(NULL);
}

static void put_text(json_t *to, const char *key, const char *text)
{
	cli_json_put(to, key, cli_memory(json_string(text)));
}

#define TEXT(field) put_text(o, #field, from->field)
#define REAL(field) cli_json_put(o, #field, cli_json_real(from->field))
#define COUNT(field) cli_json_put(o, #field, cli_json_count(from->field))

const char *cli_rate_name(enum candor_rate rate)
{
	switch (rate) {
	case CANDOR_RATE_UNSPECIFIED: break;
	case CANDOR_ANYTIME: return "anytime";
	case CANDOR_HORIZON: return "horizon";
	case CANDOR_FIXED: return "fixed";
	}
	return "unknown";
}

const char *cli_state_name(enum candor_item_state state)
{
	switch (state) {
	case CANDOR_STATE_UNSPECIFIED: break;
	case CANDOR_OPEN: return "open";
	case CANDOR_CLOSED: return "closed";
	case CANDOR_RESOLVED: return "resolved";
	case CANDOR_VOID: return "void";
	}
	return "unknown";
}

json_t *cli_json_settings(const struct candor_settings *from)
{
	json_t *o = object();
	put_text(o, "rate", cli_rate_name(from->rate));
	REAL(c);
	REAL(beta);
	REAL(eta);
	REAL(horizon);
	REAL(share);
	REAL(entry);
	return o;
}

static json_t *best(const struct candor_best *from)
{
	json_t *o = object();
	TEXT(labeler);
	COUNT(scored);
	REAL(own_loss);
	REAL(mean_loss);
	REAL(regret);
	REAL(settled_loss);
	REAL(bound);
	return o;
}

json_t *cli_json_pool(const struct candor_pool *from)
{
	json_t *o = object();
	TEXT(name);
	cli_json_put(o, "settings", cli_json_settings(&from->settings));
	COUNT(created_at);
	COUNT(labelers);
	COUNT(open_items);
	COUNT(closed_items);
	COUNT(resolved_items);
	COUNT(void_items);
	COUNT(round);
	COUNT(epoch);
	REAL(eta);
	COUNT(scored);
	REAL(t_eff);
	REAL(total_weight);
	REAL(mean_loss);
	REAL(median_loss);
	REAL(plain_mean_loss);
	REAL(plain_median_loss);
	if (from->head)
		cli_json_put(o, "head", json_string(cli_head(from).s));
	if (from->archived)
		cli_json_put(o, "archived", json_integer((json_int_t)from->archived));
	if (from->best)
		cli_json_put(o, "best", best(from->best));
	return o;
}

static json_t *item_reports(const struct candor_item *item)
{
	json_t *rows = cli_memory(json_array());
	for (size_t i = 0; i < item->n_reports; i++) {
		const struct candor_item_report *from = &item->reports[i];
		json_t *o = object();
		TEXT(labeler);
		REAL(value);
		REAL(weight);
		cli_json_append(rows, o);
	}
	return rows;
}

json_t *cli_json_item(const struct candor_item *from)
{
	json_t *o = object();
	TEXT(item);
	put_text(o, "state", cli_state_name(from->state));
	REAL(mean);
	REAL(median);
	REAL(plain_mean);
	REAL(plain_median);
	REAL(spread);
	REAL(ess);
	COUNT(n);
	if (from->state == CANDOR_RESOLVED) {
		REAL(outcome);
		COUNT(round);
		REAL(eta);
		REAL(weighted_loss);
	}
	COUNT(opened_at);
	if (from->closed_at)
		COUNT(closed_at);
	if (from->ended_at)
		COUNT(ended_at);
	if (from->archived)
		cli_json_put(o, "archived", json_true());
	if (from->n_reports)
		cli_json_put(o, "reports", item_reports(from));
	return o;
}

json_t *cli_json_labeler(const struct candor_labeler *from)
{
	json_t *o = object();
	TEXT(name);
	REAL(weight);
	COUNT(scored);
	REAL(own_loss);
	REAL(mean_loss);
	REAL(regret);
	REAL(entry);
	return o;
}

json_t *cli_json_settlement(const struct candor_settlement *from)
{
	json_t *o = object();
	COUNT(round);
	TEXT(item);
	REAL(report);
	REAL(outcome);
	REAL(loss);
	REAL(weighted_loss);
	REAL(mean);
	REAL(eta);
	REAL(weight);
	COUNT(epoch);
	COUNT(at);
	return o;
}

json_t *cli_json_rejected(const struct candor_response *r)
{
	json_t *rows = cli_memory(json_array());
	for (size_t i = 0; i < r->n_rejected; i++) {
		const struct candor_rejected *from = &r->rejected[i];
		json_t *o = object();
		COUNT(index);
		put_text(o, "code", candor_code_name(from->code));
		TEXT(message);
		cli_json_append(rows, o);
	}
	return rows;
}

json_t *cli_json_batch(const struct candor_response *r)
{
	const struct candor_batch *from = &r->batch;
	json_t *o = object();
	COUNT(accepted);
	COUNT(duplicates);
	COUNT(revised);
	cli_json_put(o, "rejected", cli_json_rejected(r));
	return o;
}

json_t *cli_json_grant(const struct candor_grant *from)
{
	char names[RIGHTS_TEXT_MAX], *rest = names, *save;
	json_t *o = object(), *rights = cli_memory(json_array());
	TEXT(principal);
	TEXT(pool);
	TEXT(prefix);
	rights_format(from->rights, names);
	for (char *name; (name = strtok_r(rest, ",", &save)); rest = NULL)
		cli_json_append(rights, cli_memory(json_string(name)));
	cli_json_put(o, "rights", rights);
	return o;
}

json_t *cli_json_token(const struct candor_token *from)
{
	json_t *o = object();
	TEXT(name);
	COUNT(created_at);
	COUNT(expires_at);
	COUNT(revoked_at);
	return o;
}

json_t *cli_json_event(const struct candor_event *from)
{
	json_t *o = object();
	COUNT(change);
	COUNT(at);
	TEXT(by);
	TEXT(pool);
	TEXT(action);
	TEXT(subject);
	TEXT(detail);
	return o;
}

json_t *cli_json_info(const struct candor_info *from)
{
	json_t *o = object();
	TEXT(version);
	COUNT(protocol);
	COUNT(uptime_ms);
	COUNT(started_at);
	COUNT(pools);
	COUNT(labelers);
	COUNT(open_items);
	COUNT(connections);
	COUNT(committed);
	COUNT(reports);
	COUNT(settlements);
	cli_json_put(o, "read_only", json_boolean(from->read_only));
	TEXT(reason);
	COUNT(database_bytes);
	COUNT(commits);
	COUNT(memory_bytes);
	COUNT(memory_limit);
	COUNT(resident_bytes);
	COUNT(resident_items);
	TEXT(database);
	return o;
}

static void print(json_t *document, size_t flags)
{
	json_dumpf(document, stdout, flags | JSON_REAL_PRECISION(17));
	putchar('\n');
	json_decref(document);
}

void cli_json_print(json_t *document)
{
	print(document, JSON_INDENT(2));
}

void cli_json_print_line(json_t *document)
{
	print(document, JSON_COMPACT);
}
