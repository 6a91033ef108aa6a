#include "client/cli/commands/import_post.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/visible.h"

enum { WINDOW = 512, UNSENT_MAX_BYTES = 1024 * 1024 };

/* ---- the end ---- */

void import_post_stop(struct import_post *p, int code)
{
	if (p->stopped)
		return;
	p->stopped = true;
	if (code != CLI_DONE)
		p->result->code = code;
	cli_progress_clear(p->progress);
	uv_close((uv_handle_t *)&p->pause, NULL);
	candor_client_close(p->client, NULL, NULL);
	p->on_stop(p->arg);
}

/* The connection failed or was lost. */
static void lose(struct import_post *p, int err, const char *fault)
{
	const bool was_there = p->result->answered || *candor_client_principal(p->client);
	cli_progress_clear(p->progress);
	if (!p->refused)
		cli_unreachable(p->cli, was_there, err, fault);
	p->result->may_go_on |= was_there && !p->refused;
	import_post_stop(p, p->refused ? CLI_REFUSED : CLI_UNREACHABLE);
}

/* ---- what went wrong with a line ---- */

void import_post_list(struct import_post *p, uint64_t line, const char *code, const char *words)
{
	if (p->result->code == CLI_DONE)
		p->result->code = CLI_ROWS;
	if (p->result->listed == IMPORT_LISTED_MAX) {
		p->result->unlisted++;
		return;
	}
	p->result->listed++;
	cli_progress_clear(p->progress);
	cli_error(p->cli, "line %" PRIu64 ": %s%s%s", line, code, *code ? ": " : "", words);
}

/* ---- answers ---- */

/* Puts rows [from, to) of a batch into one that is to be sent again. */
static void add_recheck(struct import_post *p, const struct cli_sent *s, size_t from, size_t to)
{
	struct candor_request request = s->request;
	struct candor_report *reports = cli_memory(calloc(to - from + 1, sizeof *reports));
	uint64_t *lines = cli_memory(calloc(to - from + 1, sizeof *lines));
	request.n = 0;
	for (size_t i = from; i < to; i++) {
		if (p->is_superseded(p->arg, s->lines[i]))
			continue;
		lines[request.n] = s->lines[i];
		reports[request.n++] = s->request.reports[i];
	}
	request.reports = reports;
	struct cli_sent **at = &p->recheck;
	while (*at)
		at = &(*at)->next;
	if (request.n > 0) {
		*at = cli_sent_new(&request, lines);
		(*at)->owner = p;
		(*at)->seq = s->seq;
		(*at)->is_recheck = true;
	}
	free(reports);
	free(lines);
}

/* Some of the rows after the last one listed are rejected as well. */
static void find_omitted(struct import_post *p, const struct cli_sent *s, const struct candor_response *r)
{
	const size_t n = s->request.n, listed = r->n_rejected;
	const size_t from = listed > 0 && r->rejected[listed - 1].index < n ? r->rejected[listed - 1].index + 1 : 0;
	const size_t half = from + (n - from + 1) / 2;
	if (n > 1 && s->request.type == CANDOR_REQ_POST_REPORTS) {
		add_recheck(p, s, from, half);
		add_recheck(p, s, half, n);
	} else if (from < n) {
		p->result->rejected++;
		import_post_list(p, s->lines[from], "", "rejected; the daemon's answer has no room for the reason");
	}
}

/* Items of a block are closed one by one; once they are settled they count as resolved, as others do. */
static void count_block(struct import_post *p, const struct cli_sent *s, const struct candor_response *r)
{
	if (!s->request.together) {
		s->block->closed += r->batch.accepted;
	} else if (r->batch.accepted > 0) {
		p->result->closed -= s->block->closed;
		p->result->blocks++;
	}
}

/* Refused because of its items, each of which is as it was: others may pass. */
static bool is_block_refusal(const struct cli_sent *s, const struct candor_response *r)
{
	return s->request.together && (r->code == CANDOR_INVALID_ARGUMENT || r->code == CANDOR_NOT_FOUND ||
				       r->code == CANDOR_FAILED_PRECONDITION);
}

static void reject_block(struct import_post *p, const struct cli_sent *s, const struct candor_response *r)
{
	char *words;
	p->ends_allowed = true;
	p->result->rejected += s->request.n;
	if (asprintf(&words, "block \"%s\" with its %zu outcomes was not settled: %s",
		     cli_shown(s->block->name, strlen(s->block->name)).s, s->request.n, r->message) < 0)
		words = NULL;
	import_post_list(p, s->lines[0], candor_code_name(r->code), cli_memory(words));
	free(words);
}

static void count_batch(struct import_post *p, const struct cli_sent *s, const struct candor_response *r)
{
	struct import_result *to = p->result;
	to->items += s->items;
	if (s->request.type == CANDOR_REQ_POST_REPORTS) {
		p->reports_allowed = true;
		to->accepted += r->batch.accepted;
		to->duplicates += s->is_recheck ? 0 : r->batch.duplicates;
		to->revised += r->batch.revised;
	} else {
		bool is_close = s->request.type == CANDOR_REQ_CLOSE_ITEMS;
		p->ends_allowed = true;
		*(is_close ? &to->closed : &to->resolved) += r->batch.accepted;
		if (s->block)
			count_block(p, s, r);
	}
	to->rejected += r->n_rejected;
	for (size_t i = 0; i < r->n_rejected; i++) {
		const struct candor_rejected *row = &r->rejected[i];
		const uint64_t line = row->index < s->request.n ? s->lines[row->index] : 0;
		import_post_list(p, line, candor_code_name(row->code), row->message);
		if (s->request.type == CANDOR_REQ_POST_REPORTS && row->code == CANDOR_FAILED_PRECONDITION)
			cli_warn(&to->warnings, CLI_ENDED_BEFORE, "line %" PRIu64, line);
	}
	if (r->batch.rejected_omitted > 0)
		find_omitted(p, s, r);
}

/* A user who may not create the pool may still be allowed to report in it. */
static bool is_pool_answer(const struct candor_response *r)
{
	return r->code == CANDOR_OK || r->code == CANDOR_ALREADY_EXISTS || r->code == CANDOR_PERMISSION_DENIED;
}

/* The import creates a pool that is not there, and whether it may use one shows when it does. But where it has no
 * reports, there is nothing to be done without a pool. */
static void count_look(struct import_post *p, const struct candor_response *r)
{
	p->pool_looked = true;
	p->pool_known = r->code == CANDOR_OK;
}

static bool is_look_answer(const struct import_post *p, const struct candor_response *r)
{
	return r->code == CANDOR_OK || r->code == CANDOR_PERMISSION_DENIED ||
	       (r->code == CANDOR_NOT_FOUND && p->makes_pool);
}

static void count_pool(struct import_post *p, const struct candor_response *r)
{
	p->pool_known = true;
	p->result->pool_made = r->code == CANDOR_OK;
	if (p->result->pool_made)
		cli_note("created pool \"%s\" with default settings", p->result->pool);
}

static void hold(struct import_post *p, struct cli_sent *s)
{
	struct cli_sent **at = &p->held;
	while (*at && (*at)->seq < s->seq)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
}

/* Whether the answer does not count, because the daemon has delayed the request, or an earlier one that this one may
 * depend on. */
static bool is_put_off(struct import_post *p, const struct cli_sent *s, const struct candor_response *r)
{
	uint64_t pause_ms = cli_retry_ms(p->cli, r, p->waited_ms);
	const bool is_behind = p->held && p->held->seq < s->seq;
	const bool is_rejected = r->n_rejected + r->batch.rejected_omitted > 0 || is_block_refusal(s, r);
	if (pause_ms > p->pause_ms)
		p->pause_ms = pause_ms;
	if (pause_ms > 0)
		p->limited = true;
	else if (is_behind && r->code == CANDOR_OK && !is_rejected)
		p->result->overtaking++;
	return pause_ms > 0 || (is_behind && is_rejected);
}

static bool is_end(enum candor_request_type type)
{
	return type == CANDOR_REQ_CLOSE_ITEMS || type == CANDOR_REQ_RESOLVE_ITEMS;
}

/* The same request may be accepted later, once the daemon has memory or disk space. */
static bool may_pass_later(enum candor_code code)
{
	return code == CANDOR_UNAVAILABLE || code == CANDOR_RESOURCE_EXHAUSTED || code == CANDOR_INTERNAL;
}

static void take_refusal(struct import_post *p, const struct cli_sent *s, const struct candor_response *r)
{
	/* The first has been reported; those sent with it only repeat it. */
	if (p->refused)
		return;
	cli_progress_clear(p->progress);
	cli_refusal(p->cli, r->code, r->message);
	if (is_end(s->request.type) && p->result->has_reports && r->code == CANDOR_PERMISSION_DENIED)
		cli_note("With --keep-open, items stay open and only reports are sent.");
	p->result->may_go_on = may_pass_later(r->code);
	p->refused = true;
}

static void count_answer(struct import_post *p, const struct cli_sent *s, const struct candor_response *r)
{
	bool creating = s->request.type == CANDOR_REQ_CREATE_POOL;
	p->result->answered = true;
	p->waited_ms = 0;
	if (s->request.type == CANDOR_REQ_GET_POOL && is_look_answer(p, r))
		count_look(p, r);
	else if (creating && is_pool_answer(r))
		count_pool(p, r);
	else if (is_block_refusal(s, r) && !p->refused)
		reject_block(p, s, r);
	else if (r->code != CANDOR_OK)
		take_refusal(p, s, r);
	else
		count_batch(p, s, r);
	if (p->refused && candor_client_in_flight(p->client) == 0)
		import_post_stop(p, CLI_REFUSED);
}

static void send_held(struct import_post *p);
static void send_recheck(struct import_post *p);

static void on_answer(struct candor_client *client, int status, const struct candor_response *r, void *arg)
{
	struct cli_sent *s = arg;
	struct import_post *p = s->owner;
	(void)client;
	p->on_trial = false; /* it was alone */
	if (!p->stopped && !p->refused && status == 0 && is_put_off(p, s, r)) {
		hold(p, s);
		s = NULL;
	} else if (p->stopped) {
		/* The first error has been reported; others in flight would only repeat it. */
	} else if (status < 0) {
		lose(p, status, candor_client_fault(p->client));
	} else {
		count_answer(p, s, r);
	}
	if (s)
		cli_sent_free(s);
	if (p->stopped || p->refused)
		return;
	if (p->held)
		send_held(p);
	else if (p->recheck)
		send_recheck(p);
	else
		p->on_ready(p->arg);
}

/* ---- requests ---- */

static bool is_on_trial(const struct import_post *p, enum candor_request_type type)
{
	return type == CANDOR_REQ_POST_REPORTS ? !p->reports_allowed : is_end(type) && !p->ends_allowed;
}

static void send_now(struct import_post *p, struct cli_sent *s)
{
	p->on_trial = is_on_trial(p, s->request.type);
	int err = candor_client_send(p->client, &s->request, on_answer, s);
	if (!err)
		return;
	cli_sent_free(s);
	lose(p, err, candor_client_fault(p->client));
}

/* A connection whose greeting was refused by the rate limit has ended. */
static void connect_anew(struct import_post *p)
{
	struct candor_options options;
	struct candor_client *fresh;
	cli_client_options(p->cli, &options);
	int err = candor_client_new(&fresh, p->loop, p->cli->server, &options);
	cli_wipe_token(p->cli);
	if (err) {
		lose(p, err, "");
		return;
	}
	candor_client_close(p->client, NULL, NULL);
	p->client = fresh;
}

static void on_pause_over(uv_timer_t *timer)
{
	struct import_post *p = timer->data;
	cli_progress_clear(p->progress);
	if (!*candor_client_principal(p->client))
		connect_anew(p);
	if (!p->stopped)
		send_held(p);
}

/* Sends the first held request, once no answer is outstanding and no pause is left. */
static void send_held(struct import_post *p)
{
	if (p->stopped || candor_client_in_flight(p->client) > 0 || uv_is_active((uv_handle_t *)&p->pause))
		return;
	if (p->pause_ms > 0) {
		uv_timer_start(&p->pause, on_pause_over, p->pause_ms, 0);
		p->waited_ms += p->pause_ms;
		p->pause_ms = 0;
		return;
	}
	struct cli_sent *s = p->held;
	p->held = s->next;
	send_now(p, s);
}

/* The next batch that is to be sent again, once no answer is outstanding. */
static void send_recheck(struct import_post *p)
{
	if (candor_client_in_flight(p->client) > 0)
		return;
	struct cli_sent *s = p->recheck;
	p->recheck = s->next;
	s->next = NULL;
	send_now(p, s);
}

void import_post_send(struct import_post *p, const struct candor_request *request, const uint64_t *lines,
		      uint64_t items, bool in_turn, struct import_block *block)
{
	struct cli_sent *s = cli_sent_new(request, lines);
	s->owner = p;
	s->seq = ++p->last_seq;
	s->items = items;
	s->block = block;
	if (in_turn || p->limited || p->on_trial || is_on_trial(p, request->type)) {
		hold(p, s);
		send_held(p);
	} else {
		send_now(p, s);
	}
}

bool import_post_is_full(const struct import_post *p)
{
	if (p->recheck)
		return true;
	if (p->held || p->limited || p->on_trial)
		return p->held || candor_client_in_flight(p->client) > 0;
	return candor_client_in_flight(p->client) >= WINDOW || candor_client_unsent_bytes(p->client) > UNSENT_MAX_BYTES;
}

bool import_post_is_idle(const struct import_post *p)
{
	return !p->held && !p->recheck && candor_client_in_flight(p->client) == 0;
}

int import_post_start(struct import_post *p, uv_loop_t *loop)
{
	struct candor_options options;
	cli_client_options(p->cli, &options);
	int err = candor_client_new(&p->client, loop, p->cli->server, &options);
	cli_wipe_token(p->cli);
	if (err)
		return err;
	p->loop = loop;
	uv_timer_init(loop, &p->pause);
	p->pause.data = p;
	return 0;
}

void import_post_free(struct import_post *p)
{
	for (struct cli_sent *s; (s = p->held ? p->held : p->recheck);) {
		*(p->held ? &p->held : &p->recheck) = s->next;
		cli_sent_free(s);
	}
}
