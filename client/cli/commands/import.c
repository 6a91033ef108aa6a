/* candor import: reports and outcomes from a file, item by item in the order of the file.
 *
 * Weights at closing depend on what was settled before, and the number of labelers enters the rate. So that a file
 * always gives the same result, the daemon must see each item's reports, then its end, before the next item's
 * reports. It applies one connection's requests in order: they are all sent without waiting, up to a window.
 *
 * A request sent this way takes effect even if an earlier one that it builds on is refused. So the first request of a
 * kind, reports or ends, is sent alone and its answer awaited: a user with only one of the two rights changes
 * nothing. After a refusal nothing more is sent, and the outstanding answers are counted.
 *
 * A daemon that limits rates may delay a request. Then nothing more is sent until all answers are there; what was
 * delayed is sent again when its time has come; and from then on each answer is awaited, so that nothing can overtake
 * a delayed request again. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/candor_async.h"
#include "lib/base/arena.h"
#include "client/cli/base/cli.h"
#include "client/cli/commands/import.h"
#include "client/cli/base/input.h"
#include "client/cli/base/number.h"
#include "client/cli/base/progress.h"
#include "client/cli/base/rows.h"
#include "client/cli/commands/sent.h"

enum {
	BATCH = 256,
	WINDOW = 512,
	UNSENT_MAX_BYTES = 1024 * 1024,
	SHOW_EVERY_MS = 200,
	ARENA_BYTES = 64 * 1024 * 1024,
};

struct import {
	struct cli *cli;
	const char *path;
	bool keep_open;
	struct import_result result; /* so far */

	uv_loop_t loop;
	uv_signal_t interrupt;
	uv_timer_t timer; /* of the progress line */
	uv_timer_t pause; /* until delayed requests may be sent again */
	struct candor_client *client;
	struct cli_input input;
	struct cli_rows rows;
	struct cli_progress progress;

	/* The current item: reports not yet sent, and the outcome in its rows. */
	struct arena arena; /* of its strings; emptied with each batch */
	struct candor_report reports[BATCH];
	uint64_t lines[BATCH];
	size_t n, batches; /* batches: those of the item that were sent */
	uint64_t begun; /* items whose first row is not sent yet */
	char item[CANDOR_NAME_MAX + 1]; /* "": none */
	uint64_t first_line, outcome_line;
	bool has_outcome;
	double outcome;

	struct cli_sent
		*held; /* requests to be sent, or sent again, in order, once everything before them is answered */
	bool limited; /* the daemon has delayed one: from then on all are held */
	bool on_trial; /* the first of its kind is in flight: nothing is sent after it */
	bool reports_allowed, ends_allowed; /* the daemon has taken one */
	bool refused; /* one was, finally: only answers are awaited */
	uint64_t last_seq, pause_ms, waited_ms; /* waited_ms: since a request was last accepted */

	bool pool_asked, pool_known, input_ended, pumping, stopped, interrupted;
};

/* ---- the end ---- */

static void stop(struct import *im, int code)
{
	if (im->stopped)
		return;
	im->stopped = true;
	if (code != CLI_DONE)
		im->result.code = code;
	cli_progress_clear(&im->progress);
	cli_input_close(&im->input);
	uv_close((uv_handle_t *)&im->interrupt, NULL);
	uv_close((uv_handle_t *)&im->timer, NULL);
	uv_close((uv_handle_t *)&im->pause, NULL);
	candor_client_close(im->client, NULL, NULL);
}

static void on_interrupt(uv_signal_t *handle, int signal_number)
{
	struct import *im = handle->data;
	(void)signal_number;
	im->interrupted = true;
	im->result.may_go_on = true;
	stop(im, CLI_UNREACHABLE);
}

/* The connection failed or was lost. */
static void lose(struct import *im, int err, const char *fault)
{
	const bool was_there = im->result.answered || *candor_client_principal(im->client);
	cli_progress_clear(&im->progress);
	if (!im->refused)
		cli_unreachable(im->cli, was_there, err, fault);
	im->result.may_go_on |= was_there && !im->refused;
	stop(im, im->refused ? CLI_REFUSED : CLI_UNREACHABLE);
}

/* ---- what went wrong with a line ---- */

static void list_line(struct import *im, uint64_t line, const char *code, const char *words)
{
	if (im->result.code == CLI_DONE)
		im->result.code = CLI_ROWS;
	if (im->result.listed == IMPORT_LISTED_MAX) {
		im->result.unlisted++;
		return;
	}
	im->result.listed++;
	cli_progress_clear(&im->progress);
	cli_error(im->cli, "line %" PRIu64 ": %s%s%s", line, code, *code ? ": " : "", words);
}

static void bad_line(struct import *im, uint64_t line, const char *words)
{
	im->result.bad_lines++;
	list_line(im, line, "", words);
}

/* ---- answers ---- */

static void pump(struct import *im);

static void count_batch(struct import *im, const struct cli_sent *s, const struct candor_response *r)
{
	struct import_result *to = &im->result;
	to->items += s->items;
	if (s->request.type == CANDOR_REQ_POST_REPORTS) {
		im->reports_allowed = true;
		to->accepted += r->batch.accepted;
		to->duplicates += r->batch.duplicates;
		to->revised += r->batch.revised;
	} else {
		bool is_close = s->request.type == CANDOR_REQ_CLOSE_ITEMS;
		im->ends_allowed = true;
		*(is_close ? &to->closed : &to->resolved) += r->batch.accepted;
	}
	to->rejected += r->n_rejected + r->batch.rejected_omitted;
	im->result.unlisted += r->batch.rejected_omitted;
	if (r->batch.rejected_omitted > 0 && im->result.code == CLI_DONE)
		im->result.code = CLI_ROWS;
	for (size_t i = 0; i < r->n_rejected; i++) {
		const struct candor_rejected *row = &r->rejected[i];
		list_line(im, row->index < s->request.n ? s->lines[row->index] : 0, candor_code_name(row->code),
			  row->message);
	}
}

/* A user who may not create the pool may still be allowed to report in it. */
static bool is_pool_answer(const struct candor_response *r)
{
	return r->code == CANDOR_OK || r->code == CANDOR_ALREADY_EXISTS || r->code == CANDOR_PERMISSION_DENIED;
}

static void count_pool(struct import *im, const struct candor_response *r)
{
	im->pool_known = true;
	im->result.pool_made = r->code == CANDOR_OK;
	if (im->result.pool_made)
		cli_note("created pool \"%s\" with default settings", im->result.pool);
}

static void hold(struct import *im, struct cli_sent *s)
{
	struct cli_sent **at = &im->held;
	while (*at && (*at)->seq < s->seq)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
}

/* Whether the answer does not count, because the daemon has delayed the request, or an earlier one that this one may
 * depend on. */
static bool is_put_off(struct import *im, const struct cli_sent *s, const struct candor_response *r)
{
	uint64_t pause_ms = cli_retry_ms(im->cli, r, im->waited_ms);
	bool is_behind = im->held && im->held->seq<s->seq, is_rejected = r->n_rejected + r->batch.rejected_omitted> 0;
	if (pause_ms > im->pause_ms)
		im->pause_ms = pause_ms;
	if (pause_ms > 0)
		im->limited = true;
	else if (is_behind && r->code == CANDOR_OK && !is_rejected)
		im->result.overtaking++;
	return pause_ms > 0 || (is_behind && is_rejected);
}

/* The same request may be accepted later, once the daemon has memory or disk space. */
static bool may_pass_later(enum candor_code code)
{
	return code == CANDOR_UNAVAILABLE || code == CANDOR_RESOURCE_EXHAUSTED || code == CANDOR_INTERNAL;
}

static void take_refusal(struct import *im, const struct cli_sent *s, const struct candor_response *r)
{
	/* The first has been reported; those sent with it only repeat it. */
	if (im->refused)
		return;
	cli_progress_clear(&im->progress);
	cli_refusal(im->cli, r->code, r->message);
	bool is_end = s->request.type == CANDOR_REQ_CLOSE_ITEMS || s->request.type == CANDOR_REQ_RESOLVE_ITEMS;
	if (is_end && im->result.has_reports && r->code == CANDOR_PERMISSION_DENIED)
		cli_note("With --keep-open, items stay open and only reports are sent.");
	im->result.may_go_on = may_pass_later(r->code);
	im->refused = true;
}

static void count_answer(struct import *im, const struct cli_sent *s, const struct candor_response *r)
{
	bool creating = s->request.type == CANDOR_REQ_CREATE_POOL;
	im->result.answered = true;
	im->waited_ms = 0;
	if (creating && is_pool_answer(r))
		count_pool(im, r);
	else if (r->code != CANDOR_OK)
		take_refusal(im, s, r);
	else
		count_batch(im, s, r);
	if (im->refused && candor_client_in_flight(im->client) == 0)
		stop(im, CLI_REFUSED);
}

static void send_held(struct import *im);

static void on_answer(struct candor_client *client, int status, const struct candor_response *r, void *arg)
{
	struct cli_sent *s = arg;
	struct import *im = s->owner;
	(void)client;
	im->on_trial = false; /* it was alone */
	if (!im->stopped && !im->refused && status == 0 && is_put_off(im, s, r)) {
		hold(im, s);
		s = NULL;
	} else if (im->stopped) {
		/* The first error has been reported; others in flight would only repeat it. */
	} else if (status < 0) {
		lose(im, status, candor_client_fault(im->client));
	} else {
		count_answer(im, s, r);
	}
	if (s)
		cli_sent_free(s);
	if (im->stopped || im->refused)
		return;
	if (im->held)
		send_held(im);
	else
		pump(im);
}

/* ---- requests ---- */

static bool is_on_trial(const struct import *im, enum candor_request_type type)
{
	return type == CANDOR_REQ_POST_REPORTS  ? !im->reports_allowed
	       : type != CANDOR_REQ_CREATE_POOL ? !im->ends_allowed
						: false;
}

static void send_now(struct import *im, struct cli_sent *s)
{
	im->on_trial = is_on_trial(im, s->request.type);
	int err = candor_client_send(im->client, &s->request, on_answer, s);
	if (!err)
		return;
	cli_sent_free(s);
	lose(im, err, candor_client_fault(im->client));
}

/* A connection whose greeting was refused by the rate limit has ended. */
static void connect_anew(struct import *im)
{
	struct candor_options options;
	struct candor_client *fresh;
	cli_client_options(im->cli, &options);
	int err = candor_client_new(&fresh, &im->loop, im->cli->server, &options);
	cli_wipe_token(im->cli);
	if (err) {
		lose(im, err, "");
		return;
	}
	candor_client_close(im->client, NULL, NULL);
	im->client = fresh;
}

static void on_pause_over(uv_timer_t *timer)
{
	struct import *im = timer->data;
	cli_progress_clear(&im->progress);
	if (!*candor_client_principal(im->client))
		connect_anew(im);
	if (!im->stopped)
		send_held(im);
}

/* Sends the first held request, once no answer is outstanding and no pause is left. */
static void send_held(struct import *im)
{
	if (im->stopped || candor_client_in_flight(im->client) > 0 || uv_is_active((uv_handle_t *)&im->pause))
		return;
	if (im->pause_ms > 0) {
		uv_timer_start(&im->pause, on_pause_over, im->pause_ms, 0);
		im->waited_ms += im->pause_ms;
		im->pause_ms = 0;
		return;
	}
	struct cli_sent *s = im->held;
	im->held = s->next;
	send_now(im, s);
}

static struct cli_sent *new_sent(struct import *im, const struct candor_request *request, const uint64_t *lines)
{
	struct cli_sent *s = cli_sent_new(request, lines);
	s->owner = im;
	s->seq = ++im->last_seq;
	if (request->type == CANDOR_REQ_CREATE_POOL)
		return s;
	s->items = im->begun;
	im->begun = 0;
	return s;
}

static void send_in_turn(struct import *im, const struct candor_request *request, const uint64_t *lines)
{
	hold(im, new_sent(im, request, lines));
	send_held(im);
}

static void send_request(struct import *im, const struct candor_request *request, const uint64_t *lines)
{
	if (im->limited || im->on_trial || is_on_trial(im, request->type))
		send_in_turn(im, request, lines);
	else
		send_now(im, new_sent(im, request, lines));
}

static void send_reports(struct import *im)
{
	const struct candor_request request = {
		.type = CANDOR_REQ_POST_REPORTS, .pool = im->result.pool, .n = im->n, .reports = im->reports};
	if (im->n > 0) {
		im->result.has_reports = true;
		send_request(im, &request, im->lines);
		im->batches++;
	}
	im->n = 0;
	arena_reset(&im->arena);
}

/* Sends everything about the current item. Resolving an open item closes it first. */
static void finish_item(struct import *im)
{
	if (!*im->item)
		return;
	if (!im->keep_open) {
		const char *const name = im->item;
		const struct candor_outcome outcome = {.item = name, .value = im->outcome};
		struct candor_request end = {
			.type = CANDOR_REQ_CLOSE_ITEMS, .pool = im->result.pool, .n = 1, .items = &name};
		if (im->has_outcome) {
			end.type = CANDOR_REQ_RESOLVE_ITEMS;
			end.items = NULL;
			end.outcomes = &outcome;
		}
		const uint64_t *line = im->has_outcome ? &im->outcome_line : &im->first_line;
		send_reports(im);
		/* An item whose reports arrived only in part could be ended without the delayed part. */
		if (!im->stopped && im->batches > 1)
			send_in_turn(im, &end, line);
		else if (!im->stopped)
			send_request(im, &end, line);
	}
	*im->item = '\0';
}

static void begin_item(struct import *im, const struct cli_row *row)
{
	snprintf(im->item, sizeof im->item, "%s", row->item);
	im->first_line = row->line;
	im->has_outcome = false;
	im->batches = 0;
	im->begun++;
}

static void take_outcome(struct import *im, const struct cli_row *row)
{
	im->has_outcome = true;
	im->outcome = row->outcome;
	im->outcome_line = row->line;
}

/* Whether an outcome without a report is to be sent. */
static bool is_wanted(struct import *im, const struct cli_row *row)
{
	if (im->keep_open)
		bad_line(im, row->line, "with --keep-open, an outcome without a report cannot be sent");
	else if (!row->has_outcome)
		im->result.skipped++;
	return !im->keep_open && row->has_outcome;
}

static void take_row(struct import *im, const struct cli_row *row)
{
	if (!row->labeler && !is_wanted(im, row))
		return;
	if (strcmp(im->item, row->item) != 0) {
		finish_item(im);
		begin_item(im, row);
	} else if (row->has_outcome && im->has_outcome && row->outcome != im->outcome) {
		char words[128];
		snprintf(words, sizeof words, "the outcome is %g, but the same item has %g on line %" PRIu64,
			 row->outcome, im->outcome, im->outcome_line);
		bad_line(im, row->line, words);
		return;
	}
	if (im->stopped)
		return;
	if (row->has_outcome && !im->has_outcome)
		take_outcome(im, row);
	im->progress.count++;
	if (!row->labeler)
		return;
	im->lines[im->n] = row->line;
	im->reports[im->n++] = (struct candor_report){
		.item = cli_memory(arena_strdup(&im->arena, row->item)),
		.labeler = cli_memory(arena_strdup(&im->arena, row->labeler)),
		.value = row->report,
	};
	if (im->n == BATCH)
		send_reports(im);
}

static void ask_pool(struct import *im)
{
	const struct candor_request request = {.type = CANDOR_REQ_CREATE_POOL, .pool = im->result.pool};
	im->pool_asked = true;
	send_request(im, &request, NULL);
}

/* ---- from the file to the daemon, as far as the window lets ---- */

static bool window_full(const struct import *im)
{
	if (im->held || im->limited || im->on_trial)
		return im->held || candor_client_in_flight(im->client) > 0;
	return candor_client_in_flight(im->client) >= WINDOW ||
	       candor_client_unsent_bytes(im->client) > UNSENT_MAX_BYTES;
}

/* Reads rows while they may be sent. A pool is created only when there is a row for it. */
static void read_rows(struct import *im)
{
	while (!im->stopped && !im->input_ended && !window_full(im)) {
		struct cli_row row;
		if (im->n > 0 && !im->pool_known) {
			if (!im->pool_asked)
				ask_pool(im);
			return;
		}
		switch (cli_rows_next(&im->rows, &row)) {
		case CLI_ROWS_ROW: take_row(im, &row); break;
		case CLI_ROWS_BAD: bad_line(im, row.line, im->rows.fault); break;
		case CLI_ROWS_FATAL:
			stop(im, cli_fail(im->cli, CLI_USAGE, CANDOR_INVALID_ARGUMENT, "%s: %s", im->result.name,
					  im->rows.fault));
			break;
		case CLI_ROWS_END: im->input_ended = true; break;
		case CLI_ROWS_MORE:
			cli_input_read(&im->input);
			if (im->input.wanted)
				return;
			break;
		}
	}
}

static void pump(struct import *im)
{
	if (im->pumping || im->held || im->refused)
		return;
	im->pumping = true;
	read_rows(im);
	im->progress.done = im->rows.read_bytes;
	if (im->input_ended && !im->stopped && (im->n == 0 || im->pool_known)) {
		finish_item(im);
		send_reports(im);
		if (!im->stopped && !im->held && candor_client_in_flight(im->client) == 0)
			stop(im, CLI_DONE);
	} else if (im->input_ended && !im->stopped && !im->pool_asked) {
		ask_pool(im);
	}
	im->pumping = false;
}

static void on_input(void *arg, const char *bytes, ssize_t len)
{
	struct import *im = arg;
	if (len > 0) {
		cli_rows_push(&im->rows, bytes, (size_t)len);
	} else if (len == 0) {
		cli_rows_end(&im->rows);
	} else {
		stop(im, cli_fail_file(im->cli, im->result.name, (int)len));
	}
	if (!im->stopped)
		pump(im);
}

static void on_timer(uv_timer_t *timer)
{
	struct import *im = timer->data;
	if (uv_is_active((uv_handle_t *)&im->pause))
		cli_progress_wait(&im->progress, uv_timer_get_due_in(&im->pause));
	else
		cli_progress_show(&im->progress, uv_now(&im->loop), im->cli->term.utf8);
}

/* ---- the command ---- */

static enum cli_rows_format parse_format(const struct cli *c, const char *format, const char *path)
{
	static const char *const json[] = {".jsonl", ".ndjson", ".json"};
	const char *dot = strrchr(path, '.');
	if (format && strcmp(format, "csv") != 0 && strcmp(format, "jsonl") != 0)
		cli_usage(c, "--format is \"%s\"; it must be csv or jsonl", format);
	if (format)
		return strcmp(format, "csv") == 0 ? CLI_ROWS_CSV : CLI_ROWS_JSONL;
	for (size_t i = 0; dot && i < sizeof json / sizeof *json; i++)
		if (strcmp(dot, json[i]) == 0)
			return CLI_ROWS_JSONL;
	return dot && strcmp(dot, ".csv") == 0 ? CLI_ROWS_CSV : CLI_ROWS_AUTO;
}

/* 0, or an exit code and nothing was started. */
static int begin(struct import *im, enum cli_rows_format format)
{
	struct candor_options options;
	cli_client_options(im->cli, &options);
	uv_loop_init(&im->loop);
	int err = cli_input_open(&im->input, &im->loop, im->path, on_input, im);
	if (err) {
		cli_fail_file(im->cli, im->result.name, err);
		cli_wipe_token(im->cli);
		uv_loop_close(&im->loop);
		return CLI_USAGE;
	}
	err = candor_client_new(&im->client, &im->loop, im->cli->server, &options);
	cli_wipe_token(im->cli);
	if (err) {
		cli_unreachable(im->cli, false, err, "");
		cli_input_close(&im->input);
		uv_run(&im->loop, UV_RUN_DEFAULT);
		uv_loop_close(&im->loop);
		return CLI_UNREACHABLE;
	}
	signal(SIGPIPE, SIG_IGN);
	uv_signal_init(&im->loop, &im->interrupt);
	uv_timer_init(&im->loop, &im->timer);
	uv_timer_init(&im->loop, &im->pause);
	im->interrupt.data = im->timer.data = im->pause.data = im;
	uv_signal_start(&im->interrupt, on_interrupt, SIGINT);
	/* Not while the rows are being typed. */
	if (im->cli->term.err_tty && !isatty(im->input.fd))
		uv_timer_start(&im->timer, on_timer, SHOW_EVERY_MS, SHOW_EVERY_MS);
	cli_rows_init(&im->rows, format);
	im->rows.takes_outcomes = true;
	arena_init(&im->arena, ARENA_BYTES);
	im->progress = (struct cli_progress){.started_ms = uv_now(&im->loop), .total = im->input.size, .unit = "rows"};
	return 0;
}

static int import(struct import *im, enum cli_rows_format format)
{
	uint64_t began_ns = uv_hrtime();
	int err = begin(im, format);
	if (err)
		return err;
	pump(im);
	uv_run(&im->loop, UV_RUN_DEFAULT);
	uv_loop_close(&im->loop);
	for (struct cli_sent *s; (s = im->held);) {
		im->held = s->next;
		cli_sent_free(s);
	}
	arena_free(&im->arena);
	cli_rows_free(&im->rows);
	im->result.seconds = (double)(uv_hrtime() - began_ns + 1) / 1e9;
	import_show(im->cli, &im->result);
	if (im->interrupted) {
		/* Like any program ended by Ctrl-C: a shell then ends the loop around it too. */
		fflush(stdout);
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return im->result.code;
}

static int run_import(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {
		{"format", required_argument, NULL, 'f'}, {"keep-open", no_argument, NULL, 'k'}, {0}};
	const char *format = NULL;
	bool keep_open = false;
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		if (opt == 'f')
			format = optarg;
		else
			keep_open = true;
	}
	char **o = cli_operands(c, argc, argv, 2, 2, "POOL FILE");
	struct import *im = cli_memory(calloc(1, sizeof *im));
	im->cli = c;
	im->path = o[1];
	im->result = (struct import_result){.pool = o[0], .name = strcmp(o[1], "-") == 0 ? "standard input" : o[1]};
	im->keep_open = keep_open;
	int code = import(im, parse_format(c, format, im->path));
	free(im);
	return code;
}

CLI_COMMAND(import) = {
	.name = "import",
	.summary = "post reports and outcomes from a CSV or JSON Lines file",
	.help = "usage: candor import POOL FILE [--format csv|jsonl] [--keep-open]\n\n"
		"Posts the reports and outcomes in a file, item by item in the order of the file:\n"
		"first an item's reports, then the item is closed, and resolved if its outcome is\n"
		"known. The rows of one item must be consecutive. FILE can be - for stdin. If the pool\n"
		"does not exist, it is created with default settings.\n\n"
		"The first line of CSV names the columns: item, labeler, report, and optionally\n"
		"outcome, which is empty while unknown. JSON Lines are objects with the same names.\n"
		"The format is guessed from the file's name or first character, unless --format is\n"
		"given. With only the columns item and outcome, items are just resolved, which needs\n"
		"only the right to post outcomes; rows without an outcome are skipped.\n\n"
		"It is safe to repeat an import: what is already there is only counted. Bad lines and\n"
		"rows that the daemon rejects are listed by line number; all others are imported. If\n"
		"the daemon limits the rate, the import waits and continues.\n\n"
		"Options:\n"
		"  --format F    csv or jsonl\n"
		"  --keep-open   leave items open: neither close nor resolve them\n\n"
		"Example:\n"
		"  candor import birds answers.csv\n",
	.run = run_import,
};
