#include "client/cli/base/survey.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "client/cli/base/number.h"
#include "client/cli/base/visible.h"

enum { PIECE_BYTES = 256 * 1024, SHOW_EVERY_MS = 200 };

struct survey {
	struct cli_survey *to;
	struct cli *cli;
	const char *name; /* of the file */
	struct cli_warnings *warnings;
	struct cli_rows rows;
	struct cli_progress progress;
	uint64_t shown_ms;
	uint32_t item; /* of the row before; NAMES_NONE: there is none */
	char item_name[CANDOR_NAME_MAX + 1];
};

static void take_item(struct survey *s, const struct cli_row *row)
{
	static const struct cli_survey_item none = {.block = NAMES_NONE};
	struct cli_survey *to = s->to;
	bool is_new = false;
	if (s->item == NAMES_NONE || strcmp(s->item_name, row->item) != 0) {
		s->item = cli_names_put(&to->items, row->item, s->warnings, &is_new);
		snprintf(s->item_name, sizeof s->item_name, "%s", row->item);
		if (is_new && buf_append(&to->about, &none, sizeof none))
			cli_memory(NULL);
		if (!is_new && !to->is_apart) {
			to->is_apart = true;
			to->apart_item = s->item;
			to->apart_line = row->line;
		}
	}
}

static void take_block(struct survey *s, const struct cli_row *row)
{
	bool is_new;
	struct cli_survey_item *item = (struct cli_survey_item *)(void *)s->to->about.data + s->item;
	const uint32_t block =
		row->block ? cli_names_put(&s->to->blocks, row->block, s->warnings, &is_new) : NAMES_NONE;
	if (item->block == NAMES_NONE)
		item->block = block;
	item->rows += item->rows < UINT32_MAX;
	item->has_outcome |= row->has_outcome && (block == NAMES_NONE || block == item->block);
}

static void take_row(struct survey *s, const struct cli_row *row)
{
	bool is_new;
	take_item(s, row);
	if (row->labeler)
		cli_names_put(&s->to->labelers, row->labeler, s->warnings, &is_new);
	take_block(s, row);
	s->to->n_rows++;
	s->to->has_outcomes |= row->has_outcome;
	s->to->without_outcome += !row->has_outcome;
}

/* Takes all complete rows. 0, or an exit code after an error message. */
static int take_rows(struct survey *s)
{
	for (;;) {
		struct cli_row row;
		switch (cli_rows_next(&s->rows, &row)) {
		case CLI_ROWS_ROW: take_row(s, &row); break;
		case CLI_ROWS_BAD: break; /* it is told when its turn comes */
		case CLI_ROWS_FATAL:
			return cli_fail(s->cli, CLI_USAGE, CANDOR_INVALID_ARGUMENT, "%s: %s", s->name, s->rows.fault);
		case CLI_ROWS_END:
		case CLI_ROWS_MORE: return 0;
		}
	}
}

static void show(struct survey *s)
{
	const uint64_t now_ms = uv_hrtime() / 1000000;
	if (!s->cli->term.err_tty || now_ms < s->shown_ms + SHOW_EVERY_MS)
		return;
	s->shown_ms = now_ms;
	s->progress.done = s->rows.read_bytes;
	s->progress.count = s->to->n_rows;
	cli_progress_show(&s->progress, now_ms, s->cli->term.utf8);
}

static int read_all(struct survey *s, struct cli_input *input)
{
	char *piece = cli_memory(malloc(PIECE_BYTES));
	int code = 0;
	ssize_t n;
	do {
		n = cli_input_read(input, piece, PIECE_BYTES);
		if (n < 0) {
			code = cli_fail_file(s->cli, s->name, (int)n);
			break;
		}
		if (n == 0)
			cli_rows_end(&s->rows);
		else
			cli_rows_push(&s->rows, piece, (size_t)n);
		code = take_rows(s);
		show(s);
	} while (n > 0 && !code);
	free(piece);
	cli_progress_clear(&s->progress);
	return code;
}

int cli_survey(struct cli_survey *to, struct cli *c, struct cli_input *input, const char *name,
	       enum cli_rows_format format, unsigned takes, struct cli_warnings *w)
{
	const uint64_t now_ms = uv_hrtime() / 1000000;
	struct survey s = {.to = to, .cli = c, .name = name, .warnings = w, .item = NAMES_NONE, .shown_ms = now_ms};
	s.progress = (struct cli_progress){.started_ms = now_ms, .total = input->size, .unit = "rows checked"};
	*to = (struct cli_survey){0};
	cli_names_init(&to->items, "item");
	cli_names_init(&to->labelers, "labeler");
	cli_names_init(&to->blocks, "block");
	cli_rows_init(&s.rows, format);
	to->takes = takes;
	s.rows.takes_outcomes = takes & CLI_TAKES_OUTCOMES;
	s.rows.takes_moments = takes & CLI_TAKES_MOMENTS;
	int code = read_all(&s, input);
	to->format = s.rows.format;
	if (!code && cli_rows_have_other_scale(&s.rows))
		code = cli_fail(c, CLI_USAGE, CANDOR_INVALID_ARGUMENT, "%s: %s; nothing of the file was used", name,
				s.rows.fault);
	to->ignored = s.rows.ignored;
	s.rows.ignored = (struct cli_ignored){0};
	cli_rows_free(&s.rows);
	return code;
}

void cli_survey_free(struct cli_survey *s)
{
	cli_names_free(&s->items);
	cli_names_free(&s->labelers);
	cli_names_free(&s->blocks);
	buf_free(&s->about);
	cli_ignored_free(&s->ignored);
}

const struct cli_survey_item *cli_survey_item(const struct cli_survey *s, uint32_t item)
{
	return (const struct cli_survey_item *)(const void *)s->about.data + item;
}

uint32_t cli_survey_rows_of(const struct cli_survey *s, uint32_t item)
{
	return cli_survey_item(s, item)->rows;
}
