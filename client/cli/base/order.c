#include "client/cli/base/order.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 256 * 1024 };

struct picked_row {
	uint64_t line, sequence;
	double report, outcome; /* outcome: NaN where it is not known */
	double time, known;
	uint32_t item, labeler; /* labeler: NAMES_NONE in an outcome without a report */
	uint32_t block; /* NAMES_NONE: none */
};

struct picked_place {
	size_t next, end; /* in picked[] */
};

static void begin_reading(struct cli_order *o)
{
	cli_rows_init(&o->rows, o->survey->format);
	o->rows.takes_outcomes = o->survey->takes & CLI_TAKES_OUTCOMES;
	o->rows.takes_moments = o->survey->takes & CLI_TAKES_MOMENTS;
	cli_input_rewind(o->input);
}

void cli_order_init(struct cli_order *o, const struct cli_survey *survey, struct cli_input *input, size_t most)
{
	*o = (struct cli_order){.survey = survey, .input = input, .most = most};
	o->piece = cli_memory(malloc(PIECE_BYTES));
	begin_reading(o);
}

void cli_order_free(struct cli_order *o)
{
	cli_rows_free(&o->rows);
	free(o->piece);
	free(o->picked);
	free(o->place);
}

/* The next row as it stands in the file; MORE after a piece of it was read. */
static enum cli_rows_result next_in_file(struct cli_order *o, struct cli_row *row, int *err)
{
	const enum cli_rows_result result = cli_rows_next(&o->rows, row);
	if (result != CLI_ROWS_MORE)
		return result;
	const ssize_t n = cli_input_read(o->input, o->piece, PIECE_BYTES);
	if (n < 0) {
		*err = (int)n;
		return CLI_ROWS_FATAL;
	}
	if (n == 0)
		cli_rows_end(&o->rows);
	else
		cli_rows_push(&o->rows, o->piece, (size_t)n);
	return CLI_ROWS_MORE;
}

/* ---- picking ---- */

static uint32_t n_items(const struct cli_order *o)
{
	return names_count(o->survey->items.all);
}

/* Makes places for the rows of the items from o->high on, of one at least. False: there are none. */
static bool begin_pass(struct cli_order *o)
{
	size_t n = 0;
	o->low = o->high;
	if (o->low == n_items(o))
		return false;
	while (o->high < n_items(o)) {
		const size_t more = cli_survey_rows_of(o->survey, o->high);
		if (n > 0 && n + more > o->most)
			break;
		n += more;
		o->high++;
	}
	free(o->picked);
	free(o->place);
	o->picked = cli_memory(calloc(n, sizeof *o->picked));
	o->place = cli_memory(malloc((o->high - o->low) * sizeof *o->place));
	o->n_picked = n;
	n = 0;
	for (uint32_t i = o->low; i < o->high; i++) {
		const size_t begin = n;
		n += cli_survey_rows_of(o->survey, i);
		o->place[i - o->low] = (struct picked_place){begin, n};
	}
	if (o->passes++ > 0) {
		cli_rows_free(&o->rows);
		begin_reading(o);
	}
	o->at = 0;
	o->is_picking = true;
	return true;
}

static enum cli_rows_result has_changed(struct cli_order *o)
{
	snprintf(o->rows.fault, sizeof o->rows.fault, "the file has changed while it was read");
	return CLI_ROWS_FATAL;
}

/* False if the survey has not seen such a row. */
static bool pick(struct cli_order *o, const struct cli_row *row)
{
	const uint32_t item = cli_names_find(&o->survey->items, row->item);
	if (item != NAMES_NONE && (item < o->low || item >= o->high))
		return true;
	const uint32_t labeler = row->labeler ? cli_names_find(&o->survey->labelers, row->labeler) : NAMES_NONE;
	const uint32_t block = row->block ? cli_names_find(&o->survey->blocks, row->block) : NAMES_NONE;
	if (item == NAMES_NONE || (row->labeler && labeler == NAMES_NONE) || (row->block && block == NAMES_NONE))
		return false;
	struct picked_place *place = &o->place[item - o->low];
	if (place->next == place->end)
		return false;
	o->picked[place->next++] = (struct picked_row){
		.line = row->line,
		.sequence = row->sequence,
		.report = row->report,
		.outcome = row->has_outcome ? row->outcome : NAN,
		.item = item,
		.labeler = labeler,
		.block = block,
		.time = row->time,
		.known = row->known,
	};
	return true;
}

static bool is_complete(const struct cli_order *o)
{
	for (uint32_t i = 0; i < o->high - o->low; i++)
		if (o->place[i].next < o->place[i].end)
			return false;
	return true;
}

/* Reads on: ROW once all rows of the pass are picked. */
static enum cli_rows_result go_on_picking(struct cli_order *o, struct cli_row *row, int *err)
{
	for (;;) {
		const enum cli_rows_result result = next_in_file(o, row, err);
		switch (result) {
		case CLI_ROWS_ROW:
			if (!pick(o, row))
				return has_changed(o);
			break;
		case CLI_ROWS_BAD:
			if (o->passes == 1)
				return result;
			break;
		case CLI_ROWS_MORE:
		case CLI_ROWS_FATAL: return result;
		case CLI_ROWS_END: o->is_picking = false; return is_complete(o) ? CLI_ROWS_ROW : has_changed(o);
		}
	}
}

static void hand_out(struct cli_order *o, struct cli_row *row)
{
	const struct picked_row *p = &o->picked[o->at++];
	*row = (struct cli_row){
		.line = p->line,
		.item = names_text(o->survey->items.all, p->item, NULL),
		.labeler = p->labeler == NAMES_NONE ? NULL : names_text(o->survey->labelers.all, p->labeler, NULL),
		.report = p->report,
		.has_outcome = !isnan(p->outcome),
		.outcome = isnan(p->outcome) ? 0 : p->outcome,
		.sequence = p->sequence,
		.block = p->block == NAMES_NONE ? NULL : names_text(o->survey->blocks.all, p->block, NULL),
		.time = p->time,
		.known = p->known,
	};
}

enum cli_rows_result cli_order_next(struct cli_order *o, struct cli_row *row, int *err)
{
	*err = 0;
	if (!o->survey->is_apart)
		return next_in_file(o, row, err);
	if (!o->is_picking && o->at == o->n_picked && !begin_pass(o))
		return CLI_ROWS_END;
	if (o->is_picking) {
		const enum cli_rows_result result = go_on_picking(o, row, err);
		if (result != CLI_ROWS_ROW)
			return result;
	}
	hand_out(o, row);
	return CLI_ROWS_ROW;
}

double cli_order_progress(const struct cli_order *o)
{
	const double whole = o->input->size > 0 ? (double)o->input->size : 1;
	if (!o->survey->is_apart)
		return (double)o->rows.read_bytes / whole;
	const double items = n_items(o) > 0 ? n_items(o) : 1, n = o->n_picked > 0 ? (double)o->n_picked : 1;
	return o->low / items + (o->high - o->low) / items * (double)o->at / n;
}
