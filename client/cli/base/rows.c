#include "client/cli/base/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/number.h"
#include "lib/base/text.h"

static const char *const field_names[] = {"item", "labeler", "report", "outcome"};
_Static_assert(sizeof field_names / sizeof *field_names == CLI_FIELDS, "a name for each field");

void cli_rows_init(struct cli_rows *r, enum cli_rows_format format)
{
	*r = (struct cli_rows){.format = format, .line = 1};
}

void cli_rows_free(struct cli_rows *r)
{
	buf_free(&r->bytes);
	buf_free(&r->text);
	json_decref(r->object);
}

void cli_rows_push(struct cli_rows *r, const void *bytes, size_t len)
{
	if (r->start > 0)
		buf_consume(&r->bytes, r->start);
	r->start = 0;
	if (buf_append(&r->bytes, bytes, len))
		cli_memory(NULL);
}

void cli_rows_end(struct cli_rows *r)
{
	r->ended = true;
}

static enum cli_rows_result PRINTF_LIKE(3, 4)
	bad(struct cli_rows *r, enum cli_rows_result result, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(r->fault, sizeof r->fault, format, args);
	va_end(args);
	return result;
}

/* ---- lines and records ---- */

static size_t left(const struct cli_rows *r)
{
	return r->bytes.len - r->start;
}

static const char *here(const struct cli_rows *r)
{
	return left(r) ? (const char *)r->bytes.data + r->start : "";
}

static void advance(struct cli_rows *r, size_t len, uint64_t lines)
{
	r->start += len;
	r->read_bytes += len;
	r->line += lines;
}

/* The length of the current line with its newline, or 0 if it is not complete yet. */
static size_t line_length(const struct cli_rows *r)
{
	const char *newline = left(r) ? memchr(here(r), '\n', left(r)) : NULL;
	if (newline)
		return (size_t)(newline - here(r)) + 1;
	return r->ended ? left(r) : 0;
}

/* The same for a CSV record, which continues over a newline within quotes; *lines: how many it takes. -1: it is longer
 * than a record may be, or a quote is not closed. */
static ssize_t record_length(const struct cli_rows *r, uint64_t *lines)
{
	const char *p = here(r);
	size_t n = left(r);
	bool quoted = false;
	*lines = 0;
	for (size_t i = 0; i < n; i++) {
		if (i > CLI_ROW_MAX_BYTES)
			return -1;
		if (p[i] == '"')
			quoted = !quoted;
		*lines += p[i] == '\n';
		if (p[i] == '\n' && !quoted)
			return (ssize_t)i + 1;
	}
	if (n > CLI_ROW_MAX_BYTES || (r->ended && quoted))
		return -1;
	return r->ended ? (ssize_t)n : 0;
}

/* Drops the current line; if its end is not there yet, the part that is, and the rest when it comes. */
static void drop_line(struct cli_rows *r)
{
	size_t len = line_length(r);
	r->skipping = len == 0;
	advance(r, len ? len : left(r), len ? 1 : 0);
}

/* Bytes at the front that are blank. */
static size_t blanks(const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && memchr(" \t\r\n", text[n], 4))
		n++;
	return n;
}

/* ---- CSV ---- */

/* Takes one field from text[*at .. len) into r->text; false if the quoting is wrong. */
static bool take_field(struct cli_rows *r, const char *text, size_t len, size_t *at)
{
	size_t i = *at;
	if (i < len && text[i] == '"') {
		for (i++; i < len; i++) {
			if (text[i] == '"' && (i + 1 == len || text[i + 1] != '"'))
				break;
			i += text[i] == '"';
			if (buf_append(&r->text, text + i, 1))
				cli_memory(NULL);
		}
		if (i == len || (i + 1 < len && text[i + 1] != ','))
			return false;
		i++;
	} else {
		while (i < len && text[i] != ',' && text[i] != '"')
			i++;
		if (i < len && text[i] == '"')
			return false;
		if (buf_append(&r->text, text + *at, i - *at))
			cli_memory(NULL);
	}
	if (buf_append(&r->text, "", 1))
		cli_memory(NULL);
	*at = i;
	return true;
}

struct field {
	size_t start, len; /* in r->text */
};

/* Cuts a record into fields and remembers those of the first `most` columns. -1 if the quoting is wrong. */
static int split(struct cli_rows *r, const char *text, size_t len, struct field *fields, int most)
{
	int n = 0;
	size_t at = 0;
	r->text.len = 0;
	for (;;) {
		size_t start = r->text.len;
		if (!take_field(r, text, len, &at))
			return -1;
		if (n < most)
			fields[n] = (struct field){start, r->text.len - start - 1};
		n++;
		if (at == len)
			return n;
		at++;
	}
}

static enum cli_rows_result missing_column(struct cli_rows *r)
{
	if (r->takes_outcomes && r->column[CLI_ITEM] >= 0 && r->column[CLI_LABELER] < 0 && r->column[CLI_REPORT] < 0 &&
	    r->column[CLI_OUTCOME] >= 0)
		return CLI_ROWS_MORE;
	for (int f = CLI_ITEM; f <= CLI_REPORT; f++)
		if (r->column[f] < 0)
			return bad(r, CLI_ROWS_FATAL,
				   "the header lacks the column \"%s\"; it must name item, labeler and report, and "
				   "may name outcome%s",
				   field_names[f], r->takes_outcomes ? ", or only item and outcome" : "");
	return CLI_ROWS_MORE;
}

enum { COLUMNS_MAX = 256 };

/* MORE if the header is good. */
static enum cli_rows_result read_heading(struct cli_rows *r, const char *text, size_t len)
{
	struct field fields[COLUMNS_MAX];
	r->n_columns = split(r, text, len, fields, COLUMNS_MAX);
	if (r->n_columns < 0)
		return bad(r, CLI_ROWS_FATAL, "the header has bad quoting");
	if (r->n_columns > COLUMNS_MAX)
		return bad(r, CLI_ROWS_FATAL, "the header has %d columns; the limit is %d", r->n_columns, COLUMNS_MAX);
	for (int f = 0; f < CLI_FIELDS; f++) {
		r->column[f] = -1;
		for (int i = 0; i < r->n_columns; i++) {
			if (strcmp((const char *)r->text.data + fields[i].start, field_names[f]) != 0)
				continue;
			if (r->column[f] >= 0)
				return bad(r, CLI_ROWS_FATAL, "the header names \"%s\" twice", field_names[f]);
			r->column[f] = i;
		}
	}
	r->headed = true;
	return missing_column(r);
}

/* A probability in a field; it is quoted in a message only if that is safe on a terminal. */
static bool parse_unit(struct cli_rows *r, enum cli_field f, const char *text, size_t len, double *out)
{
	if (strlen(text) == len && cli_parse_real(text, out) && *out >= 0 && *out <= 1)
		return true;
	if (len == 0)
		bad(r, CLI_ROWS_BAD, "%s is missing; it must be a number from 0 to 1", field_names[f]);
	else if (len > 40 || text_fault(text, len))
		bad(r, CLI_ROWS_BAD, "%s is not a number from 0 to 1", field_names[f]);
	else
		bad(r, CLI_ROWS_BAD, "%s is \"%s\"; it must be a number from 0 to 1", field_names[f], text);
	return false;
}

static bool check_name(struct cli_rows *r, enum cli_field f, const char *text, size_t len)
{
	const char *fault = name_fault(text, len);
	if (fault)
		bad(r, CLI_ROWS_BAD, "%s %s", field_names[f], fault);
	return !fault;
}

static enum cli_rows_result read_record(struct cli_rows *r, const char *text, size_t len, struct cli_row *row)
{
	struct field fields[COLUMNS_MAX];
	int n = split(r, text, len, fields, COLUMNS_MAX);
	if (n < 0)
		return bad(r, CLI_ROWS_BAD,
			   "bad quoting; a quoted field must be \"...\" from comma to comma, with \"\" "
			   "for each quote inside");
	if (n != r->n_columns)
		return bad(r, CLI_ROWS_BAD, "%d field%s, but the header has %d", n, cli_plural((uint64_t)n),
			   r->n_columns);
	const char *base = (const char *)r->text.data;
#define AT(f) base + fields[r->column[f]].start, fields[r->column[f]].len
	row->item = base + fields[r->column[CLI_ITEM]].start;
	if (!check_name(r, CLI_ITEM, AT(CLI_ITEM)))
		return CLI_ROWS_BAD;
	if (r->column[CLI_LABELER] >= 0) {
		row->labeler = base + fields[r->column[CLI_LABELER]].start;
		if (!check_name(r, CLI_LABELER, AT(CLI_LABELER)) ||
		    !parse_unit(r, CLI_REPORT, AT(CLI_REPORT), &row->report))
			return CLI_ROWS_BAD;
	}
	row->has_outcome = r->column[CLI_OUTCOME] >= 0 && fields[r->column[CLI_OUTCOME]].len > 0;
	if (row->has_outcome && !parse_unit(r, CLI_OUTCOME, AT(CLI_OUTCOME), &row->outcome))
		return CLI_ROWS_BAD;
#undef AT
	return CLI_ROWS_ROW;
}

static enum cli_rows_result next_csv(struct cli_rows *r, struct cli_row *row)
{
	for (;;) {
		uint64_t lines;
		ssize_t len = record_length(r, &lines);
		row->line = r->line;
		if (len == 0)
			return r->ended ? CLI_ROWS_END : CLI_ROWS_MORE;
		if (len < 0) {
			drop_line(r);
			return bad(r, r->headed ? CLI_ROWS_BAD : CLI_ROWS_FATAL,
				   "longer than 64 KiB, or a quote is not closed");
		}
		const char *text = here(r);
		size_t bare = (size_t)len;
		bare -= bare > 0 && text[bare - 1] == '\n';
		bare -= bare > 0 && text[bare - 1] == '\r';
		if (bare == 0) {
			advance(r, (size_t)len, lines);
			continue;
		}
		bool heading = !r->headed;
		enum cli_rows_result result = heading ? read_heading(r, text, bare) : read_record(r, text, bare, row);
		/* A stray quote may have swallowed unrelated lines: they are read again. */
		if (result == CLI_ROWS_BAD && lines > 1)
			drop_line(r);
		else
			advance(r, (size_t)len, lines);
		if (!heading || result == CLI_ROWS_FATAL)
			return result;
	}
}

/* ---- JSON lines ---- */

static enum cli_rows_result read_object(struct cli_rows *r, struct cli_row *row)
{
	const char **names[] = {&row->item, &row->labeler};
	const bool is_outcome = r->takes_outcomes && json_object_get(r->object, field_names[CLI_OUTCOME]) &&
				!json_object_get(r->object, field_names[CLI_LABELER]) &&
				!json_object_get(r->object, field_names[CLI_REPORT]);
	for (int f = CLI_ITEM; f <= (is_outcome ? CLI_ITEM : CLI_LABELER); f++) {
		const json_t *name = json_object_get(r->object, field_names[f]);
		if (!json_is_string(name))
			return bad(r, CLI_ROWS_BAD, "%s is missing or not a string", field_names[f]);
		*names[f] = json_string_value(name);
		if (!check_name(r, (enum cli_field)f, *names[f], json_string_length(name)))
			return CLI_ROWS_BAD;
	}
	double *numbers[] = {&row->report, &row->outcome};
	for (int f = is_outcome ? CLI_OUTCOME : CLI_REPORT; f <= CLI_OUTCOME; f++) {
		const json_t *number = json_object_get(r->object, field_names[f]);
		if (f == CLI_OUTCOME && (!number || json_is_null(number)))
			return CLI_ROWS_ROW;
		double x = json_number_value(number);
		if (!json_is_number(number) || !(x >= 0 && x <= 1))
			return bad(r, CLI_ROWS_BAD, "%s is missing or not a number from 0 to 1", field_names[f]);
		*numbers[f - CLI_REPORT] = x;
	}
	row->has_outcome = true;
	return CLI_ROWS_ROW;
}

static enum cli_rows_result next_json(struct cli_rows *r, struct cli_row *row)
{
	for (;;) {
		size_t len = line_length(r);
		row->line = r->line;
		if (len > CLI_ROW_MAX_BYTES || (len == 0 && left(r) > CLI_ROW_MAX_BYTES)) {
			drop_line(r);
			return bad(r, CLI_ROWS_BAD, "longer than 64 KiB");
		}
		if (len == 0)
			return r->ended ? CLI_ROWS_END : CLI_ROWS_MORE;
		const char *text = here(r);
		advance(r, len, 1);
		if (blanks(text, len) == len)
			continue;
		json_error_t error;
		json_decref(r->object);
		r->object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
		if (!r->object)
			return bad(r, CLI_ROWS_BAD, "not valid JSON; the error is after %d bytes", error.position);
		if (!json_is_object(r->object))
			return bad(r, CLI_ROWS_BAD, "not a JSON object");
		row->has_outcome = false;
		return read_object(r, row);
	}
}

/* ---- where a file begins ---- */

/* Skips a byte order mark and decides on the format; false while there is not enough to decide. */
static bool begin(struct cli_rows *r)
{
	static const char mark[] = "\xef\xbb\xbf";
	if (left(r) < 3 && !r->ended)
		return false;
	/* Only one: a second is data, whenever it comes. */
	if (r->read_bytes == 0 && left(r) >= 3 && memcmp(here(r), mark, 3) == 0)
		advance(r, 3, 0);
	size_t blank = blanks(here(r), left(r));
	if (blank == left(r) && !r->ended && blank < CLI_ROW_MAX_BYTES)
		return false;
	char first = blank < left(r) ? here(r)[blank] : '\0';
	r->is_array = first == '[' && r->format != CLI_ROWS_CSV;
	if (r->format == CLI_ROWS_AUTO)
		r->format = first == '{' ? CLI_ROWS_JSONL : CLI_ROWS_CSV;
	r->begun = true;
	return true;
}

enum cli_rows_result cli_rows_next(struct cli_rows *r, struct cli_row *row)
{
	*row = (struct cli_row){0};
	if (!r->begun && !begin(r))
		return CLI_ROWS_MORE;
	if (r->is_array)
		return bad(r, CLI_ROWS_FATAL,
			   "this is a JSON array; write one object per line (jq -c '.[]' does that)");
	if (r->skipping)
		drop_line(r);
	if (r->skipping)
		return r->ended ? CLI_ROWS_END : CLI_ROWS_MORE;
	enum cli_rows_result result = r->format == CLI_ROWS_JSONL ? next_json(r, row) : next_csv(r, row);
	if (result == CLI_ROWS_END && r->format == CLI_ROWS_CSV && !r->headed)
		return bad(r, CLI_ROWS_FATAL,
			   "the file is empty; the first line must name the columns item, labeler and "
			   "report, and may name outcome");
	return result;
}
