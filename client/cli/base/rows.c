#include "client/cli/base/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/foreign.h"
#include "client/cli/base/number.h"
#include "client/cli/base/visible.h"
#include "lib/base/text.h"

_Static_assert((int)CLI_FIELDS <= (int)CSV_COLUMNS_MAX && (int)CLI_FIELDS <= (int)JSONL_MEMBERS_MAX,
	       "each field can be kept");

/* A number that is further outside of [0, 1] is of another scale, or a slip; one that is not may come of a sum. */
#define ROUNDING 1e-6

static int on_key(void *arg, const char *key, size_t len);

void cli_rows_init(struct cli_rows *r, enum cli_rows_format format)
{
	*r = (struct cli_rows){.format = format};
	csv_init(&r->csv, 1);
	jsonl_init(&r->jsonl, on_key, r);
}

void cli_rows_free(struct cli_rows *r)
{
	buf_free(&r->bytes);
	csv_free(&r->csv);
	jsonl_free(&r->jsonl);
	cli_ignored_free(&r->ignored);
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

static size_t left(const struct cli_rows *r)
{
	return r->bytes.len - r->start;
}

static const char *here(const struct cli_rows *r)
{
	return left(r) ? (const char *)r->bytes.data + r->start : "";
}

static void advance(struct cli_rows *r, size_t len)
{
	r->start += len;
	r->read_bytes += len;
}

/* ---- values ---- */

static void note_number(struct cli_rows *r, enum cli_field f, double x, uint64_t line)
{
	struct cli_range *range = f == CLI_REPORT ? &r->reports : &r->outcomes;
	if (range->n == 0 || x < range->low)
		range->low = x;
	if (range->n == 0 || x > range->high)
		range->high = x;
	range->n++;
	if (x >= -ROUNDING && x <= 1 + ROUNDING)
		return;
	if (range->outside++ == 0)
		range->first_line = line;
}

static const char *wanted_number(enum cli_field f)
{
	return f == CLI_OUTCOME ? "a number from 0 to 1, or empty while it is not known" : "a number from 0 to 1";
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Copies a number to r->text, without the blanks around it. Its length. */
static size_t bare_number(struct cli_rows *r, const char *text, size_t len)
{
	for (; len > 0 && is_blank(*text); len--)
		text++;
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	memcpy(r->text, text, len);
	r->text[len] = '\0';
	return len;
}

static bool take_number(struct cli_rows *r, enum cli_field f, const char *text, size_t len, uint64_t line, double *out)
{
	len = bare_number(r, text, len);
	char *comma = strchr(r->text, ',');
	const bool may_be_point = r->format == CLI_ROWS_CSV && r->csv.separator != ',';
	if (comma && may_be_point)
		*comma = '.';
	double x;
	if (strlen(r->text) == len && cli_parse_real(r->text, &x)) {
		note_number(r, f, x, line);
		*out = x + 0.0; /* -0 is 0 */
		if (x >= 0 && x <= 1)
			return true;
	}
	const struct cli_shown shown = cli_shown(text, strnlen(text, CSV_FIELD_MAX));
	if (len == 0)
		bad(r, CLI_ROWS_BAD, "%s is missing; it must be %s", cli_field_name(f), wanted_number(f));
	else if (comma && !may_be_point && strspn(r->text, "0123456789+-,") == len)
		bad(r, CLI_ROWS_BAD,
		    "%s is \"%s\", with a decimal comma; it must be a number from 0 to 1, with a point",
		    cli_field_name(f), shown.s);
	else
		bad(r, CLI_ROWS_BAD, "%s is \"%s\"; it must be %s", cli_field_name(f), shown.s, wanted_number(f));
	return false;
}

static bool take_sequence(struct cli_rows *r, const char *text, size_t len, uint64_t *out)
{
	len = bare_number(r, text, len);
	if (strlen(r->text) == len && cli_parse_count(r->text, out) && *out >= 1 && *out <= CANDOR_SEQUENCE_MAX)
		return true;
	bad(r, CLI_ROWS_BAD, "sequence is \"%s\"; it must be a whole number from 1 to %" PRIu64 ", or empty",
	    cli_shown(text, strnlen(text, CSV_FIELD_MAX)).s, (uint64_t)CANDOR_SEQUENCE_MAX);
	return false;
}

static bool take_name(struct cli_rows *r, enum cli_field f, const char *text, size_t len, const char **out)
{
	const char *fault = name_fault(text, len);
	if (fault)
		bad(r, CLI_ROWS_BAD, "%s %s", cli_field_name(f), fault);
	*out = text;
	return !fault;
}

/* Whether a field is one here. */
static bool is_taken(const struct cli_rows *r, enum cli_field f)
{
	return f < CLI_FIELDS && (r->takes_moments || (f != CLI_TIME && f != CLI_KNOWN));
}

/* An empty text is none. */
static bool take_moment(struct cli_rows *r, enum cli_field f, const char *text, size_t len, double *out)
{
	const enum cli_moment_form before = r->moment_form;
	len = bare_number(r, text, len);
	if (len == 0)
		return true;
	const enum cli_moment_form form = strlen(r->text) == len ? cli_parse_moment(r->text, out) : CLI_MOMENT_NONE;
	if (before == CLI_MOMENT_NONE)
		r->moment_form = form;
	if (form != CLI_MOMENT_NONE && form == r->moment_form)
		return true;
	*out = NAN;
	const struct cli_shown shown = cli_shown(text, strnlen(text, CSV_FIELD_MAX));
	if (form == CLI_MOMENT_NONE)
		bad(r, CLI_ROWS_BAD, "%s is \"%s\"; it must be %s, or empty", cli_field_name(f), shown.s,
		    CLI_MOMENT_WANTED);
	else
		bad(r, CLI_ROWS_BAD, "%s is \"%s\", but the first moment in the file is %s; all must be of one form",
		    cli_field_name(f), shown.s, before == CLI_MOMENT_DATE ? "a date" : "a number");
	return false;
}

bool cli_rows_have_other_scale(struct cli_rows *r)
{
	for (int f = CLI_REPORT; f <= CLI_OUTCOME; f++) {
		const struct cli_range *range = f == CLI_REPORT ? &r->reports : &r->outcomes;
		if (range->outside == 0)
			continue;
		bad(r, CLI_ROWS_FATAL,
		    "%s goes from %g to %g; it must be a number from 0 to 1, and %s row%s outside, the first on line "
		    "%" PRIu64 "; convert the column to 0 to 1, or correct what is wrong",
		    cli_field_name((enum cli_field)f), range->low, range->high, cli_count(range->outside).s,
		    range->outside == 1 ? " is" : "s are", range->first_line);
		return true;
	}
	return false;
}

/* ---- the heading of CSV ---- */

/* How many columns of a first line can be understood, if this is between them. */
static size_t understood(const char *line, size_t len, char separator)
{
	size_t n = 0, begin = 0;
	bool quoted = false;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && line[i] == '"')
			quoted = !quoted;
		if (i < len && (quoted || line[i] != separator))
			continue;
		size_t from = begin, to = i;
		if (to - from >= 2 && line[from] == '"' && line[to - 1] == '"') {
			from++;
			to--;
		}
		n += cli_field_near(line + from, to - from) != CLI_FIELDS;
		begin = i + 1;
	}
	return n;
}

static char separator_of(const char *line, size_t len)
{
	static const char separators[] = ",;\t";
	char best = ',';
	size_t most = 0;
	for (size_t i = 0; i < sizeof separators - 1; i++) {
		const size_t n = understood(line, len, separators[i]);
		if (n > most) {
			most = n;
			best = separators[i];
		}
	}
	return best;
}

/* The first columns that are not used, as "; it also has "a", "b"", or "". */
static void list_others(const struct cli_rows *r, char *out, size_t size)
{
	enum { LISTED = 4 };
	const char *name = (const char *)r->ignored.names.data;
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < r->ignored.n && i < LISTED && at < size; i++, name += strlen(name) + 1)
		at += (size_t)snprintf(out + at, size - at, "%s\"%s\"", i > 0 ? ", " : "; it also has ", name);
}

static enum cli_rows_result missing_column(struct cli_rows *r)
{
	const size_t none = CSV_COLUMNS_MAX, *slot = r->slot;
	char others[200];
	const char *or_outcomes = r->takes_outcomes ? ", or only item and outcome" : "";
	bool is_outcomes = r->takes_outcomes && slot[CLI_ITEM] != none && slot[CLI_LABELER] == none &&
			   slot[CLI_REPORT] == none && slot[CLI_OUTCOME] != none;
	for (int f = 0; f < CLI_TIME; f++) {
		const char *name = cli_field_name((enum cli_field)f), *near = r->near[f];
		const bool is_needed = f <= (is_outcomes ? CLI_ITEM : CLI_REPORT);
		if (slot[f] != none || (!is_needed && !*near))
			continue;
		list_others(r, others, sizeof others);
		if (is_needed && !*near)
			return bad(
				r, CLI_ROWS_FATAL,
				"the header lacks the column \"%s\"%s; it must name item, labeler and report, and "
				"may name outcome, sequence and block%s, with commas, semicolons or tabs between them",
				name, others, or_outcomes);
		return bad(
			r, CLI_ROWS_FATAL,
			"the header lacks the column \"%s\", but has \"%s\"; did you mean \"%s\"? Correct that name%s",
			name, cli_shown(near, strlen(near)).s, name,
			is_needed ? "" : ", or choose one that is not so similar");
	}
	return CLI_ROWS_MORE;
}

/* A column of the heading: false if its name is a fault. */
static bool take_column(struct cli_rows *r, const char *name, size_t len)
{
	const enum cli_field f = cli_field_loose(name, len), near = cli_field_near(name, len);
	struct csv *c = &r->csv;
	if (!is_taken(r, f)) {
		if (near != CLI_FIELDS && !*r->near[near])
			snprintf(r->near[near], sizeof r->near[near], "%s", name);
		cli_ignored_add(&r->ignored, name, len);
		return true;
	}
	if (r->slot[f] != CSV_COLUMNS_MAX) {
		bad(r, CLI_ROWS_FATAL, "the header names \"%s\" twice", cli_field_name(f));
		return false;
	}
	r->slot[f] = c->n_columns;
	c->column[c->n_columns++] = r->n_columns;
	return true;
}

/* MORE if the heading is good. */
static enum cli_rows_result read_heading(struct cli_rows *r)
{
	const char *text = (const char *)r->csv.text.data;
	for (int f = 0; f < CLI_FIELDS; f++)
		r->slot[f] = CSV_COLUMNS_MAX;
	/* A zero byte in a name only makes two of it, and the numbers of fields differ. */
	for (size_t at = 0; at < r->csv.text.len; r->n_columns++) {
		const size_t len = strlen(text + at);
		if (!take_column(r, text + at, len))
			return CLI_ROWS_FATAL;
		at += len + 1;
	}
	r->csv.keeps_all = false;
	r->headed = true;
	return missing_column(r);
}

/* ---- CSV ---- */

static const char *text_of(const struct cli_rows *r, enum cli_field f, size_t *len)
{
	const struct csv_field *field = &r->csv.field[r->slot[f]];
	*len = field->len;
	return (const char *)r->csv.text.data + field->start;
}

static bool has_column(const struct cli_rows *r, enum cli_field f)
{
	return r->slot[f] != CSV_COLUMNS_MAX;
}

/* Its block, and the moments. */
static enum cli_rows_result read_place(struct cli_rows *r, struct cli_row *row)
{
	size_t len;
	const char *text;
	if (has_column(r, CLI_BLOCK)) {
		text = text_of(r, CLI_BLOCK, &len);
		if (bare_number(r, text, len) > 0 && !take_name(r, CLI_BLOCK, text, len, &row->block))
			return CLI_ROWS_BAD;
	}
	for (int f = CLI_TIME; f <= CLI_KNOWN; f++) {
		if (!has_column(r, (enum cli_field)f))
			continue;
		text = text_of(r, (enum cli_field)f, &len);
		if (!take_moment(r, (enum cli_field)f, text, len, f == CLI_TIME ? &row->time : &row->known))
			return CLI_ROWS_BAD;
	}
	return CLI_ROWS_ROW;
}

static enum cli_rows_result read_record(struct cli_rows *r, struct cli_row *row)
{
	size_t len;
	const char *text;
	if (r->csv.n_fields != r->n_columns)
		return bad(r, CLI_ROWS_BAD, "%" PRIu32 " field%s, but the header has %" PRIu32, r->csv.n_fields,
			   cli_plural(r->csv.n_fields), r->n_columns);
	text = text_of(r, CLI_ITEM, &len);
	if (!take_name(r, CLI_ITEM, text, len, &row->item))
		return CLI_ROWS_BAD;
	if (has_column(r, CLI_LABELER)) {
		text = text_of(r, CLI_LABELER, &len);
		if (!take_name(r, CLI_LABELER, text, len, &row->labeler))
			return CLI_ROWS_BAD;
		text = text_of(r, CLI_REPORT, &len);
		if (!take_number(r, CLI_REPORT, text, len, row->line, &row->report))
			return CLI_ROWS_BAD;
	}
	if (has_column(r, CLI_SEQUENCE)) {
		text = text_of(r, CLI_SEQUENCE, &len);
		if (bare_number(r, text, len) > 0 && !take_sequence(r, text, len, &row->sequence))
			return CLI_ROWS_BAD;
	}
	if (has_column(r, CLI_OUTCOME)) {
		text = text_of(r, CLI_OUTCOME, &len);
		row->has_outcome = bare_number(r, text, len) > 0;
		if (row->has_outcome && !take_number(r, CLI_OUTCOME, text, len, row->line, &row->outcome))
			return CLI_ROWS_BAD;
	}
	return read_place(r, row);
}

static enum cli_rows_result next_csv(struct cli_rows *r, struct cli_row *row)
{
	for (;;) {
		size_t used;
		const enum csv_result result = csv_next(&r->csv, here(r), left(r), r->ended, &used);
		const enum cli_rows_result worst = r->headed ? CLI_ROWS_BAD : CLI_ROWS_FATAL;
		advance(r, used);
		row->line = r->csv.first_line;
		switch (result) {
		case CSV_MORE: return CLI_ROWS_MORE;
		case CSV_END: return CLI_ROWS_END;
		case CSV_BAD: csv_fault(&r->csv, r->fault, sizeof r->fault); return worst;
		case CSV_RECORD: break;
		}
		if (r->headed)
			return read_record(r, row);
		const enum cli_rows_result heading = read_heading(r);
		if (heading == CLI_ROWS_FATAL)
			return heading;
	}
}

/* ---- JSON lines ---- */

static int on_key(void *arg, const char *key, size_t len)
{
	struct cli_rows *r = arg;
	const enum cli_field f = cli_field_exact(key, len);
	if (is_taken(r, f))
		return (int)f;
	const enum cli_field near = cli_field_near(key, len);
	if (near == CLI_FIELDS)
		cli_ignored_add(&r->ignored, key, len);
	else
		snprintf(r->near[near], sizeof r->near[near], "%.*s", (int)len, key);
	return -1;
}

static const char *kind_name(enum jsonl_kind kind)
{
	switch (kind) {
	case JSONL_MISSING: return "missing";
	case JSONL_STRING: return "a string";
	case JSONL_NUMBER: return "a number";
	case JSONL_TRUE: return "true";
	case JSONL_FALSE: return "false";
	case JSONL_NULL: return "null";
	case JSONL_ARRAY: return "a list";
	case JSONL_MAP: return "an object";
	}
	return "";
}

static const char *json_text(const struct cli_rows *r, const struct jsonl_value *v)
{
	return v->kind == JSONL_STRING || v->kind == JSONL_NUMBER ? (const char *)r->jsonl.text.data + v->start : "";
}

/* A member is missing, or of another kind than it must be. */
static enum cli_rows_result wrong_kind(struct cli_rows *r, enum cli_field f, const char *wanted)
{
	const struct jsonl_value *v = &r->jsonl.value[f];
	const char *name = cli_field_name(f), *text = json_text(r, v);
	if (v->kind == JSONL_NUMBER)
		return bad(r, CLI_ROWS_BAD, "%s is the number %s; it must be %s", name, cli_shown(text, v->len).s,
			   wanted);
	if (v->kind == JSONL_STRING)
		return bad(r, CLI_ROWS_BAD, "%s is the string \"%s\"; it must be %s", name, cli_shown(text, v->len).s,
			   wanted);
	return bad(r, CLI_ROWS_BAD, "%s is %s; it must be %s", name, kind_name(v->kind), wanted);
}

static bool take_string(struct cli_rows *r, enum cli_field f, const char **out)
{
	const struct jsonl_value *v = &r->jsonl.value[f];
	if (v->kind != JSONL_STRING) {
		wrong_kind(r, f, "a string");
		return false;
	}
	if (v->is_broken) {
		bad(r, CLI_ROWS_BAD, "%s has half of a surrogate pair, which is no character", cli_field_name(f));
		return false;
	}
	return take_name(r, f, json_text(r, v), v->cut ? JSONL_TEXT_MAX : v->len, out);
}

static bool take_real(struct cli_rows *r, enum cli_field f, uint64_t line, double *out)
{
	const struct jsonl_value *v = &r->jsonl.value[f];
	if (v->kind == JSONL_NUMBER)
		return take_number(r, f, json_text(r, v), v->len, line, out);
	wrong_kind(r, f,
		   f == CLI_OUTCOME ? "a number from 0 to 1, or null while it is not known" : "a number from 0 to 1");
	return false;
}

static bool take_whole(struct cli_rows *r, uint64_t *out)
{
	const struct jsonl_value *v = &r->jsonl.value[CLI_SEQUENCE];
	if (v->kind == JSONL_MISSING || v->kind == JSONL_NULL)
		return true;
	if (v->kind == JSONL_NUMBER)
		return take_sequence(r, json_text(r, v), v->len, out);
	wrong_kind(r, CLI_SEQUENCE, "a whole number from 1");
	return false;
}

static bool is_none(const struct jsonl_value *v)
{
	return v->kind == JSONL_MISSING || v->kind == JSONL_NULL;
}

static bool take_member_moment(struct cli_rows *r, enum cli_field f, double *out)
{
	const struct jsonl_value *v = &r->jsonl.value[f];
	if (is_none(v))
		return true;
	if ((v->kind == JSONL_NUMBER || v->kind == JSONL_STRING) && !v->is_broken && !v->cut)
		return take_moment(r, f, json_text(r, v), v->len, out);
	wrong_kind(r, f, CLI_MOMENT_WANTED ", or null");
	return false;
}

/* Its block, and the moments. */
static enum cli_rows_result read_member_place(struct cli_rows *r, struct cli_row *row)
{
	if (!is_none(&r->jsonl.value[CLI_BLOCK]) && !take_string(r, CLI_BLOCK, &row->block))
		return CLI_ROWS_BAD;
	if (!take_member_moment(r, CLI_TIME, &row->time) || !take_member_moment(r, CLI_KNOWN, &row->known))
		return CLI_ROWS_BAD;
	return CLI_ROWS_ROW;
}

static enum cli_rows_result read_object(struct cli_rows *r, struct cli_row *row)
{
	const struct jsonl_value *v = r->jsonl.value;
	for (int f = 0; f < CLI_FIELDS; f++) {
		if (*r->near[f] && v[f].kind != JSONL_MISSING)
			cli_ignored_add(&r->ignored, r->near[f], strlen(r->near[f]));
		else if (*r->near[f])
			return bad(r, CLI_ROWS_BAD, "the object has \"%s\", but no \"%s\"; did you mean that?",
				   cli_shown(r->near[f], strlen(r->near[f])).s, cli_field_name((enum cli_field)f));
	}
	const bool is_outcome = r->takes_outcomes && v[CLI_OUTCOME].kind != JSONL_MISSING &&
				v[CLI_LABELER].kind == JSONL_MISSING && v[CLI_REPORT].kind == JSONL_MISSING;
	if (!take_string(r, CLI_ITEM, &row->item))
		return CLI_ROWS_BAD;
	if (!is_outcome &&
	    (!take_string(r, CLI_LABELER, &row->labeler) || !take_real(r, CLI_REPORT, row->line, &row->report)))
		return CLI_ROWS_BAD;
	if (!take_whole(r, &row->sequence))
		return CLI_ROWS_BAD;
	row->has_outcome = !is_none(&v[CLI_OUTCOME]);
	if (row->has_outcome && !take_real(r, CLI_OUTCOME, row->line, &row->outcome))
		return CLI_ROWS_BAD;
	return read_member_place(r, row);
}

static enum cli_rows_result next_json(struct cli_rows *r, struct cli_row *row)
{
	if (r->jsonl.is_returned)
		memset(r->near, 0, sizeof r->near);
	size_t used;
	const enum jsonl_result result = jsonl_next(&r->jsonl, here(r), left(r), r->ended, &used);
	advance(r, used);
	row->line = r->jsonl.first_line;
	switch (result) {
	case JSONL_MORE: return CLI_ROWS_MORE;
	case JSONL_END: return CLI_ROWS_END;
	case JSONL_BAD: return bad(r, CLI_ROWS_BAD, "%s", r->jsonl.fault);
	case JSONL_OBJECT: break;
	}
	return read_object(r, row);
}

/* ---- where a file begins ---- */

static size_t blanks(const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && memchr(" \t\r\n", text[n], 4))
		n++;
	return n;
}

/* The first line that is not empty, from *at on; its length. */
static size_t first_line(const char *text, size_t len, size_t *at)
{
	*at = 0;
	while (*at < len && (text[*at] == '\r' || text[*at] == '\n'))
		++*at;
	size_t n = 0;
	while (*at + n < len && text[*at + n] != '\r' && text[*at + n] != '\n')
		n++;
	return n;
}

/* A first line "sep=;" as spreadsheets write it: true, and it is passed over. Its end is left, as an empty line. */
static bool take_separator(struct cli_rows *r, const char *line, size_t len)
{
	if (len != 5 || strncasecmp(line, "sep=", 4) != 0)
		return false;
	r->csv.separator = line[4];
	advance(r, 5);
	return true;
}

/* MORE if nothing is wrong with the file's beginning, or too little is there to tell; then begun is not set. */
static enum cli_rows_result begin(struct cli_rows *r)
{
	static const char mark[] = "\xef\xbb\xbf";
	if (left(r) < CLI_FOREIGN_BYTES && !r->ended)
		return CLI_ROWS_MORE;
	/* Only one: a second is data, whenever it comes. */
	if (r->read_bytes == 0 && left(r) >= 3 && memcmp(here(r), mark, 3) == 0)
		advance(r, 3);
	const char *foreign = cli_foreign(here(r), left(r));
	if (foreign)
		return bad(r, CLI_ROWS_FATAL, "this is %s", foreign);
	const size_t blank = blanks(here(r), left(r));
	size_t at, len = first_line(here(r), left(r), &at);
	const bool is_whole = r->ended || (at + len < left(r) && blank < left(r)) || left(r) > CLI_ROWS_BEGIN_MAX;
	if (!is_whole)
		return CLI_ROWS_MORE;
	const char first = blank < left(r) ? here(r)[blank] : '\0';
	if (first == '[' && r->format != CLI_ROWS_CSV)
		return bad(r, CLI_ROWS_FATAL,
			   "this is a JSON array; write one object per line (jq -c '.[]' does that)");
	if (r->format == CLI_ROWS_AUTO)
		r->format = first == '{' ? CLI_ROWS_JSONL : CLI_ROWS_CSV;
	r->csv.keeps_all = true;
	r->begun = true;
	if (r->format == CLI_ROWS_CSV && !take_separator(r, here(r) + at, at == 0 ? len : 0))
		r->csv.separator = separator_of(here(r) + at, len);
	if (r->format == CLI_ROWS_CSV && !strchr(",;\t|", r->csv.separator))
		return bad(r, CLI_ROWS_FATAL,
			   "the first line is \"sep=%s\"; what is between fields must be , ; | or a tab",
			   cli_shown(&r->csv.separator, 1).s);
	return CLI_ROWS_MORE;
}

enum cli_rows_result cli_rows_next(struct cli_rows *r, struct cli_row *row)
{
	*row = (struct cli_row){.time = NAN, .known = NAN};
	if (!r->begun) {
		const enum cli_rows_result result = begin(r);
		if (result != CLI_ROWS_MORE || !r->begun)
			return result;
	}
	enum cli_rows_result result = r->format == CLI_ROWS_JSONL ? next_json(r, row) : next_csv(r, row);
	if (result == CLI_ROWS_END && r->format == CLI_ROWS_CSV && !r->headed)
		return bad(r, CLI_ROWS_FATAL,
			   "the file is empty; the first line must name the columns item, labeler and "
			   "report, and may name outcome, sequence and block");
	return result;
}
