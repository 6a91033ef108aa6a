/* candor import: reports and outcomes from a file, item by item.
 *
 * Weights at closing depend on what was settled before, and the number of labelers enters the rate. So that a file
 * always gives the same result, the daemon must see each item's reports, then its end, before the next item's
 * reports. The file is read twice: first all of it (cli_survey.h), and only if it can be used something is sent;
 * then item by item (cli_order.h). */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/cli/base/cli.h"
#include "client/cli/base/number.h"
#include "client/cli/base/visible.h"
#include "client/cli/commands/import.h"
#include "client/cli/base/order.h"
#include "client/cli/commands/import_post.h"
#include "lib/base/arena.h"

enum {
	BATCH = 256,
	REQUEST_BYTES = 64, /* at most, of a request beside its names */
	ROW_BYTES = 48, /* likewise, of a report in it */
	REJECTED_BYTES = 200, /* at most, of a rejected row in an answer, unless it quotes a long name */
	TURN_MS = 50, /* after so long without anything sent, the loop has its turn */
	SHOW_EVERY_MS = 200,
	PARTS = 1000000, /* of the progress */
	ARENA_BYTES = 64 * 1024 * 1024,
};

/* What a labeler reported last. */
struct answer {
	uint64_t item; /* of all that were begun; 0: none */
	uint64_t line;
	double value;
};

struct import {
	struct cli *cli;
	const char *path;
	bool keep_open;
	struct import_result result; /* so far */

	struct cli_input input;
	struct cli_survey survey;
	struct cli_order order;
	struct import_blocks blocks;
	struct answer *answers; /* by id of a labeler */
	struct buf superseded; /* a bit by line: a later row has its item and labeler, and another report */

	uv_loop_t loop;
	uv_signal_t interrupt;
	uv_timer_t timer; /* of the progress line */
	uv_idle_t more; /* active while reading goes on though the loop had its turn */
	struct cli_progress progress;
	struct import_post post;

	/* The current item: reports not yet sent, and the outcome in its rows. */
	struct arena arena; /* of its strings; emptied with each batch */
	struct candor_report reports[BATCH];
	uint64_t lines[BATCH];
	size_t n, bytes, batches; /* batches: those of the item that were sent */
	size_t most, most_bytes; /* in a batch */
	uint64_t begun; /* items whose first row is not sent yet */
	uint64_t n_begun; /* ... and all so far */
	char item[CANDOR_NAME_MAX + 1]; /* "": none */
	uint64_t first_line, outcome_line;
	bool has_outcome;
	double outcome;

	bool pool_looked, pool_asked, reading, input_ended, pumping, interrupted;
};

static void bad_line(struct import *im, uint64_t line, const char *words)
{
	im->result.bad_lines++;
	import_post_list(&im->post, line, "", words);
}

/* ---- requests ---- */

static void send_request(struct import *im, const struct candor_request *request, const uint64_t *lines, bool in_turn,
			 struct import_block *block)
{
	const bool is_of_items = request->type != CANDOR_REQ_CREATE_POOL && request->type != CANDOR_REQ_GET_POOL;
	const uint64_t items = is_of_items ? im->begun : 0;
	im->begun -= items;
	import_post_send(&im->post, request, lines, items, in_turn, block);
}

static void send_reports(struct import *im)
{
	const struct candor_request request = {
		.type = CANDOR_REQ_POST_REPORTS, .pool = im->result.pool, .n = im->n, .reports = im->reports};
	if (im->n > 0) {
		im->result.has_reports = true;
		send_request(im, &request, im->lines, false, NULL);
		im->batches++;
	}
	im->n = 0;
	im->bytes = 0;
	arena_reset(&im->arena);
}

/* block: that its outcome is part of; NULL: none. An item whose reports arrived only in part could be ended without the
 * delayed part. */
static void close_item(struct import *im, const uint64_t *line, struct import_block *block)
{
	const char *const name = im->item;
	const struct candor_request end = {
		.type = CANDOR_REQ_CLOSE_ITEMS, .pool = im->result.pool, .n = 1, .items = &name};
	send_request(im, &end, line, im->batches > 1, block);
}

/* Resolving an open item closes it first. */
static void resolve_item(struct import *im)
{
	const struct candor_outcome outcome = {.item = im->item, .value = im->outcome};
	const struct candor_request end = {
		.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = im->result.pool, .n = 1, .outcomes = &outcome};
	send_request(im, &end, &im->outcome_line, im->batches > 1, NULL);
}

static void resolve_block(struct import *im, struct import_block *block)
{
	struct candor_outcome *outcomes = cli_memory(calloc(block->n, sizeof *outcomes));
	uint64_t *lines = cli_memory(calloc(block->n, sizeof *lines));
	import_blocks_rows(&im->blocks, block, outcomes, lines);
	const struct candor_request end = {
		.type = CANDOR_REQ_RESOLVE_ITEMS,
		.pool = im->result.pool,
		.n = block->n,
		.outcomes = outcomes,
		.together = true,
	};
	send_request(im, &end, lines, false, block);
	free(outcomes);
	free(lines);
}

/* Sends everything about the current item. One whose outcome is part of a block is closed where it stands, so that its
 * aggregates are those of that moment, and settled with the last item of the block. */
static void finish_item(struct import *im)
{
	if (!*im->item)
		return;
	struct import_block *block = im->has_outcome ? import_blocks_find(&im->blocks, im->item) : NULL;
	if (!im->keep_open)
		send_reports(im);
	if (im->keep_open || im->post.stopped) {
		/* It stays as it is. */
	} else if (!im->has_outcome) {
		close_item(im, &im->first_line, NULL);
	} else if (!block) {
		resolve_item(im);
	} else {
		if (im->batches > 0)
			close_item(im, &im->first_line, block);
		if (import_blocks_keep(&im->blocks, block, im->item, im->outcome, im->outcome_line) &&
		    !im->post.stopped)
			resolve_block(im, block);
	}
	*im->item = '\0';
}

static void ask_pool(struct import *im)
{
	const struct candor_request request = {.type = CANDOR_REQ_CREATE_POOL, .pool = im->result.pool};
	im->pool_asked = true;
	send_request(im, &request, NULL, false, NULL);
}

/* Of a file with blocks: before anything is sent the daemon tells how long a request may be. */
static void look_at_pool(struct import *im)
{
	const struct candor_request request = {.type = CANDOR_REQ_GET_POOL, .pool = im->result.pool};
	im->pool_looked = true;
	send_request(im, &request, NULL, false, NULL);
}

/* False: the daemon cannot settle one of them, which ends the import. */
static bool do_blocks_fit(struct import *im)
{
	char words[512];
	if (import_blocks_fit(&im->blocks, REQUEST_BYTES + strlen(im->result.pool),
			      candor_client_max_request_bytes(im->post.client), words, sizeof words))
		return true;
	import_post_stop(&im->post, cli_fail(im->cli, CLI_USAGE, CANDOR_RESOURCE_EXHAUSTED,
					     "%s: %s. Nothing was imported", im->result.name, words));
	return false;
}

/* How much goes into one batch: its request and an answer that rejects all of it must be messages that the daemon takes
 * and makes. It has said by now how long they may be. */
static void size_batches(struct import *im)
{
	const size_t longest = candor_client_max_request_bytes(im->post.client);
	const size_t head = REQUEST_BYTES + strlen(im->result.pool);
	im->most_bytes = longest > head ? longest - head : 0;
	im->most = longest / REJECTED_BYTES < BATCH ? longest / REJECTED_BYTES : BATCH;
	im->most += im->most == 0;
}

/* ---- rows ---- */

static void begin_item(struct import *im, const struct cli_row *row)
{
	snprintf(im->item, sizeof im->item, "%s", row->item);
	im->first_line = row->line;
	im->has_outcome = false;
	im->batches = 0;
	im->begun++;
	im->n_begun++;
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

static bool is_superseded(void *arg, uint64_t line)
{
	const struct import *im = arg;
	return line / 8 < im->superseded.len && im->superseded.data[line / 8] >> line % 8 & 1;
}

static void supersede(struct import *im, uint64_t line)
{
	struct buf *b = &im->superseded;
	const size_t more = line / 8 + 1 > b->len ? line / 8 + 1 - b->len : 0;
	uint8_t *at = buf_reserve(b, more);
	memset(cli_memory(at), 0, more);
	b->len += more;
	b->data[line / 8] |= (uint8_t)(1u << line % 8);
}

/* Says so if the labeler has answered on this item before, otherwise. */
static void compare_answer(struct import *im, const struct cli_row *row)
{
	const uint32_t labeler = cli_names_find(&im->survey.labelers, row->labeler);
	if (labeler == NAMES_NONE)
		return; /* the file is changing */
	struct answer *before = &im->answers[labeler];
	const bool is_other = before->item == im->n_begun && before->value != row->report;
	if (is_other)
		supersede(im, before->line);
	if (is_other && row->sequence == 0)
		cli_warn(&im->result.warnings, CLI_SEVERAL_ANSWERS, "\"%s\" on \"%s\", lines %" PRIu64 " and %" PRIu64,
			 cli_shown(row->labeler, strlen(row->labeler)).s, cli_shown(row->item, strlen(row->item)).s,
			 before->line, row->line);
	*before = (struct answer){im->n_begun, row->line, row->report};
}

static void take_report(struct import *im, const struct cli_row *row)
{
	const size_t bytes = ROW_BYTES + strlen(row->item) + strlen(row->labeler);
	if (im->post.pool_known && bytes > im->most_bytes) {
		bad_line(im, row->line, "longer than the daemon takes; its operator can raise max_frame_bytes");
		return;
	}
	compare_answer(im, row);
	if (im->n > 0 && (im->n == im->most || im->bytes + bytes > im->most_bytes))
		send_reports(im);
	im->lines[im->n] = row->line;
	im->bytes += bytes;
	im->reports[im->n++] = (struct candor_report){
		.item = cli_memory(arena_strdup(&im->arena, row->item)),
		.labeler = cli_memory(arena_strdup(&im->arena, row->labeler)),
		.value = row->report,
		.sequence = row->sequence,
	};
	if (im->n == im->most)
		send_reports(im);
}

/* Whether the row says that its item is of another block than an earlier one did, which is told. */
static bool is_of_other_block(struct import *im, const struct cli_row *row)
{
	const uint32_t item = row->block ? cli_names_find(&im->survey.items, row->item) : NAMES_NONE;
	if (item == NAMES_NONE)
		return false;
	const uint32_t block = cli_survey_item(&im->survey, item)->block;
	if (block == NAMES_NONE || block == cli_names_find(&im->survey.blocks, row->block))
		return false;
	char words[128 + 2 * sizeof(struct cli_shown)];
	const char *first = names_text(im->survey.blocks.all, block, NULL);
	snprintf(words, sizeof words, "the block is \"%s\", but an earlier row of the same item has \"%s\"",
		 cli_shown(row->block, strlen(row->block)).s, cli_shown(first, strlen(first)).s);
	bad_line(im, row->line, words);
	return true;
}

static void take_row(struct import *im, const struct cli_row *row)
{
	if (is_of_other_block(im, row) || (!row->labeler && !is_wanted(im, row)))
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
	if (im->post.stopped)
		return;
	if (row->has_outcome && !im->has_outcome)
		take_outcome(im, row);
	im->progress.count++;
	if (!row->labeler)
		return;
	take_report(im, row);
}

/* ---- from the file to the daemon, as far as the window lets ---- */

static void on_more(uv_idle_t *more);

/* Reads rows while they may be sent. A pool is created only when there is a row for it. */
static void read_rows(struct import *im)
{
	const uint64_t began_ms = uv_hrtime() / 1000000;
	if (im->blocks.n > 0 && !im->keep_open && !im->post.pool_looked) {
		if (!im->pool_looked)
			look_at_pool(im);
		return;
	}
	if (!im->reading && !im->keep_open && !do_blocks_fit(im))
		return;
	im->reading = true;
	while (!im->post.stopped && !im->input_ended && !import_post_is_full(&im->post)) {
		struct cli_row row;
		int err;
		if (im->n > 0 && !im->post.pool_known) {
			if (!im->pool_asked)
				ask_pool(im);
			return;
		}
		if (im->post.pool_known && im->most_bytes == 0)
			size_batches(im);
		switch (cli_order_next(&im->order, &row, &err)) {
		case CLI_ROWS_ROW: take_row(im, &row); break;
		case CLI_ROWS_BAD: bad_line(im, row.line, im->order.rows.fault); break;
		case CLI_ROWS_FATAL:
			import_post_stop(&im->post, err ? cli_fail_file(im->cli, im->result.name, err)
							: cli_fail(im->cli, CLI_USAGE, CANDOR_INVALID_ARGUMENT,
								   "%s: %s", im->result.name, im->order.rows.fault));
			break;
		case CLI_ROWS_END: im->input_ended = true; break;
		case CLI_ROWS_MORE:
			if (uv_hrtime() / 1000000 < began_ms + TURN_MS)
				break;
			uv_idle_start(&im->more, on_more);
			return;
		}
	}
}

static void pump(struct import *im)
{
	if (im->pumping || im->post.held || im->post.refused)
		return;
	im->pumping = true;
	read_rows(im);
	im->progress.done = (uint64_t)(PARTS * cli_order_progress(&im->order));
	if (im->input_ended && !im->post.stopped && (im->n == 0 || im->post.pool_known)) {
		finish_item(im);
		send_reports(im);
		if (!im->post.stopped && import_blocks_are_left(&im->blocks))
			import_post_stop(&im->post,
					 cli_fail(im->cli, CLI_USAGE, CANDOR_INVALID_ARGUMENT,
						  "%s: the file has changed while it was read", im->result.name));
		if (!im->post.stopped && import_post_is_idle(&im->post))
			import_post_stop(&im->post, CLI_DONE);
	} else if (im->input_ended && !im->post.stopped && !im->pool_asked) {
		ask_pool(im);
	}
	im->pumping = false;
}

static void on_ready(void *arg)
{
	pump(arg);
}

static void on_more(uv_idle_t *more)
{
	uv_idle_stop(more);
	pump(more->data);
}

static void on_timer(uv_timer_t *timer)
{
	struct import *im = timer->data;
	if (uv_is_active((uv_handle_t *)&im->post.pause))
		cli_progress_wait(&im->progress, uv_timer_get_due_in(&im->post.pause));
	else
		cli_progress_show(&im->progress, uv_now(&im->loop), im->cli->term.utf8);
}

static void on_interrupt(uv_signal_t *handle, int signal_number)
{
	struct import *im = handle->data;
	(void)signal_number;
	im->interrupted = true;
	im->result.may_go_on = true;
	import_post_stop(&im->post, CLI_UNREACHABLE);
}

static void on_stop(void *arg)
{
	struct import *im = arg;
	uv_close((uv_handle_t *)&im->interrupt, NULL);
	uv_close((uv_handle_t *)&im->timer, NULL);
	uv_close((uv_handle_t *)&im->more, NULL);
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

/* Reads the file for the first time, and says what is remarkable. 0 or an exit code. */
static int survey(struct import *im, enum cli_rows_format format)
{
	struct import_result *r = &im->result;
	int code = cli_survey(&im->survey, im->cli, &im->input, r->name, format, CLI_TAKES_OUTCOMES, &r->warnings);
	const struct cli_survey *s = &im->survey;
	if (code)
		return code;
	r->ignored = &s->ignored;
	r->regrouped = s->is_apart;
	r->without_outcome = s->has_outcomes ? s->without_outcome : 0;
	import_show_survey(im->cli, r);
	if (s->is_apart)
		cli_note("The rows of an item do not stand together (\"%s\" again on line %" PRIu64
			 "): they are sent item by item.",
			 cli_shown(names_text(s->items.all, s->apart_item, NULL),
				   strlen(names_text(s->items.all, s->apart_item, NULL)))
				 .s,
			 s->apart_line);
	im->answers = cli_memory(calloc(names_count(s->labelers.all) + 1, sizeof *im->answers));
	cli_order_init(&im->order, s, &im->input, CLI_ORDER_ROWS);
	import_blocks_init(&im->blocks, s);
	return 0;
}

/* Sends what is in it. */
static void post(struct import *im)
{
	uv_loop_init(&im->loop);
	im->post = (struct import_post){
		.cli = im->cli,
		.result = &im->result,
		.progress = &im->progress,
		.on_ready = on_ready,
		.on_stop = on_stop,
		.is_superseded = is_superseded,
		.arg = im,
		.makes_pool = names_count(im->survey.labelers.all) > 0,
	};
	int err = import_post_start(&im->post, &im->loop);
	if (err) {
		im->result.code = cli_unreachable(im->cli, false, err, "");
		uv_loop_close(&im->loop);
		return;
	}
	signal(SIGPIPE, SIG_IGN);
	uv_signal_init(&im->loop, &im->interrupt);
	uv_timer_init(&im->loop, &im->timer);
	uv_idle_init(&im->loop, &im->more);
	im->interrupt.data = im->timer.data = im->more.data = im;
	uv_signal_start(&im->interrupt, on_interrupt, SIGINT);
	if (im->cli->term.err_tty)
		uv_timer_start(&im->timer, on_timer, SHOW_EVERY_MS, SHOW_EVERY_MS);
	im->progress = (struct cli_progress){.started_ms = uv_now(&im->loop), .total = PARTS, .unit = "rows"};
	pump(im);
	uv_run(&im->loop, UV_RUN_DEFAULT);
	uv_loop_close(&im->loop);
	import_post_free(&im->post);
}

static int import(struct import *im, enum cli_rows_format format)
{
	const uint64_t began_ns = uv_hrtime();
	int code = cli_input_need(&im->input, im->cli, im->path, im->result.name);
	if (code)
		return code;
	code = survey(im, format);
	if (!code) {
		arena_init(&im->arena, ARENA_BYTES);
		im->most = BATCH;
		post(im);
		arena_free(&im->arena);
		im->result.seconds = (double)(uv_hrtime() - began_ns + 1) / 1e9;
		import_show(im->cli, &im->result);
		code = im->result.code;
		cli_order_free(&im->order);
		import_blocks_free(&im->blocks);
		free(im->answers);
		buf_free(&im->superseded);
	}
	cli_survey_free(&im->survey);
	cli_input_close(&im->input);
	if (im->interrupted) {
		/* Like any program ended by Ctrl-C: a shell then ends the loop around it too. */
		fflush(stdout);
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return code;
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
		"Posts the reports and outcomes in a file, item by item: first an item's reports, then\n"
		"the item is closed, and resolved if its outcome is known. Items come in the order of\n"
		"their first rows. FILE can be - for stdin. If the pool does not exist, it is created\n"
		"with default settings.\n\n"
		"The first line of CSV names the columns: item, labeler, report, and optionally\n"
		"outcome, which is empty while it is not known, sequence (see `candor report`), and\n"
		"block. Commas, semicolons or tabs stand between the fields. JSON Lines are objects with\n"
		"the same names. The format is guessed from the file's name or first character, unless\n"
		"--format is given. With only the columns item and outcome, items are just resolved,\n"
		"which needs only the right to post outcomes; rows without an outcome are skipped.\n\n"
		"Outcomes whose rows have the same block are settled as one (see `candor resolve`),\n"
		"wherever they stand: each item is closed in its turn, and when the last item of the\n"
		"block was, all are resolved together, in the order of the file. Items without an\n"
		"outcome are not part of it. If a block cannot be settled it is listed like a rejected\n"
		"row. One that does not fit into a request is an error before anything is sent.\n\n"
		"The file is read twice (a pipe is copied first, to its end): nothing is sent of one\n"
		"that cannot be used, or whose numbers go beyond 0 to 1. Columns that are not used, and\n"
		"what may be a mistake, such as names that differ only in case, are listed.\n\n"
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
