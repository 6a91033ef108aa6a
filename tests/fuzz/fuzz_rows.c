/* Any bytes as CSV or JSON lines, in any pieces: rows that are good, faults that a terminal can bear, and the same ones
 * however the file comes. */
#include <jansson.h>
#include <stdio.h>

#include "client/cli/base/rows.h"
#include "tests/fuzz/fuzz.h"
#include "lib/base/text.h"
#include "lib/message.h"

struct outcome {
	enum cli_rows_result result;
	struct cli_row row;
	char *item, *labeler, *fault;
};

struct outcomes {
	struct outcome *at;
	size_t n, cap;
};

static void check(const struct cli_rows *r, const struct cli_row *row, enum cli_rows_result result)
{
	if (result == CLI_ROWS_ROW) {
		require(name_fault(row->item, strlen(row->item)) == NULL);
		require(row->labeler || r->takes_outcomes);
		require(!row->labeler || name_fault(row->labeler, strlen(row->labeler)) == NULL);
		require(row->report >= 0 && row->report <= 1);
		require(row->sequence <= CANDOR_SEQUENCE_MAX);
		require(!row->has_outcome || (row->outcome >= 0 && row->outcome <= 1));
	} else {
		require(r->fault[0] && text_fault(r->fault, strlen(r->fault)) == NULL);
	}
}

static void keep(struct outcomes *o, const struct cli_rows *r, const struct cli_row *row, enum cli_rows_result result)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 16;
		require((o->at = realloc(o->at, o->cap * sizeof *o->at)));
	}
	bool good = result == CLI_ROWS_ROW;
	o->at[o->n++] = (struct outcome){
		.result = result,
		.row = *row,
		.item = good ? strdup(row->item) : NULL,
		.labeler = good && row->labeler ? strdup(row->labeler) : NULL,
		.fault = good ? NULL : strdup(r->fault),
	};
}

static void forget(struct outcomes *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->at[i].item);
		free(o->at[i].labeler);
		free(o->at[i].fault);
	}
	free(o->at);
}

static void read_all(struct outcomes *o, enum cli_rows_format format, bool takes_outcomes, struct meal in,
		     unsigned chance)
{
	struct cli_rows r;
	struct cli_row row;
	size_t len = in.len;
	uint64_t line = 0;
	cli_rows_init(&r, format);
	r.takes_outcomes = takes_outcomes;
	for (;;) {
		enum cli_rows_result result = cli_rows_next(&r, &row);
		require(r.read_bytes <= len);
		if (result == CLI_ROWS_END)
			break;
		if (result == CLI_ROWS_MORE) {
			require(!r.ended);
			if (in.len == 0) {
				cli_rows_end(&r);
				continue;
			}
			chance = chance * 1103515245 + 12345;
			struct meal piece = eat_bytes(&in, chance ? 1 + (chance >> 16) % 40 : in.len);
			uint8_t *exact = fuzz_exact(piece);
			cli_rows_push(&r, exact, piece.len);
			free(exact);
			continue;
		}
		check(&r, &row, result);
		keep(o, &r, &row, result);
		if (result == CLI_ROWS_FATAL)
			break;
		require(row.line >= line);
		line = row.line;
	}
	cli_rows_free(&r);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void compare(const struct outcomes *a, const struct outcomes *b)
{
	require(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct outcome *x = &a->at[i], *y = &b->at[i];
		require(x->result == y->result && same_text(x->fault, y->fault));
		require(same_text(x->item, y->item) && same_text(x->labeler, y->labeler));
		if (x->result == CLI_ROWS_FATAL)
			continue;
		require(x->row.line == y->row.line);
		if (x->result == CLI_ROWS_ROW)
			require(x->row.report == y->row.report && x->row.has_outcome == y->row.has_outcome &&
				x->row.outcome == y->row.outcome);
	}
}

/* What another parser takes for JSON is not told to be none. The other way round, jansson refuses some of it. */
static void compare_json(const struct outcomes *o, const uint8_t *bytes, size_t len)
{
	uint64_t line = 1;
	size_t next = 0;
	for (size_t at = 0; at < len; line++) {
		const uint8_t *end = memchr(bytes + at, '\n', len - at);
		const size_t n = end ? (size_t)(end - bytes) - at : len - at;
		/* jansson passes over a zero byte behind a number. */
		json_t *document =
			memchr(bytes + at, 0, n) ? NULL : json_loadb((const char *)bytes + at, n, JSON_ALLOW_NUL, NULL);
		while (next < o->n && o->at[next].row.line < line)
			next++;
		if (next < o->n && o->at[next].row.line == line && o->at[next].fault && json_is_object(document))
			require(strncmp(o->at[next].fault, "not valid JSON", 14) != 0);
		json_decref(document);
		at += n + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	struct outcomes whole = {0}, pieces = {0};
	enum cli_rows_format format = (enum cli_rows_format)eat_below(&in, 3);
	unsigned chance = eat_u16(&in) | 1u;
	/* The names of columns are hard to guess. */
	const bool takes_outcomes = chance & 4;
	const char *heading = takes_outcomes && chance & 8 ? "item,outcome\n" : "item,labeler,report,outcome\n";
	/* In one of the forms that are told from the heading. */
	char first_line[64];
	snprintf(first_line, sizeof first_line, "%s%s", chance & 16 ? "note," : "", heading);
	for (char *at = first_line; *at; at++)
		if (*at == ',')
			*at = ",,;\t"[chance >> 5 & 3];
		else if (*at == '\n' && chance & 128)
			*at = '\r';
	size_t head = chance & 2 ? strlen(first_line) : 0;
	uint8_t *bytes = malloc(head + in.len + 1);
	require(bytes);
	memcpy(bytes, first_line, head);
	if (in.len > 0)
		memcpy(bytes + head, in.data, in.len);
	in = (struct meal){bytes, head + in.len};
	read_all(&whole, format, takes_outcomes, in, 0);
	read_all(&pieces, format, takes_outcomes, in, chance);
	compare(&whole, &pieces);
	if (format == CLI_ROWS_JSONL)
		compare_json(&whole, in.data, in.len);
	forget(&whole);
	forget(&pieces);
	free(bytes);
	return 0;
}
