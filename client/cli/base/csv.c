#include "client/cli/base/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"

void csv_init(struct csv *c, uint64_t line)
{
	*c = (struct csv){.separator = ',', .line = line};
}

void csv_free(struct csv *c)
{
	buf_free(&c->text);
}

static void keep(struct csv *c, const char *bytes, size_t len)
{
	if (buf_append(&c->text, bytes, len))
		cli_memory(NULL);
}

static void find_fault(struct csv *c, enum csv_problem problem)
{
	if (c->problem == CSV_FINE)
		c->problem = problem;
}

/* ---- fields ---- */

static void begin_field(struct csv *c)
{
	c->state = CSV_BEGIN;
	c->kept = NULL;
	for (size_t i = 0; !c->keeps_all && i < c->n_columns; i++)
		if (c->column[i] == c->n_fields)
			c->kept = &c->field[i];
	if (c->kept)
		*c->kept = (struct csv_field){.start = c->text.len};
}

static void begin_record(struct csv *c)
{
	c->n_fields = 0;
	c->problem = CSV_FINE;
	c->first_line = c->line;
	c->text.len = 0;
	c->begun = false;
	memset(c->field, 0, sizeof c->field);
	begin_field(c);
}

static void add(struct csv *c, const char *bytes, size_t len)
{
	if (c->keeps_all && c->text.len + len > CSV_HEADING_MAX)
		find_fault(c, CSV_TOO_LONG);
	else if (c->keeps_all)
		keep(c, bytes, len);
	if (!c->kept || c->kept->cut)
		return;
	if (c->kept->len + len > CSV_FIELD_MAX) {
		c->kept->cut = true;
		len = CSV_FIELD_MAX - c->kept->len;
	}
	keep(c, bytes, len);
	c->kept->len += len;
}

static void end_field(struct csv *c)
{
	if (c->kept || c->keeps_all)
		keep(c, "", 1);
	c->n_fields++;
}

static enum csv_result end_record(struct csv *c)
{
	end_field(c);
	c->last_line = c->line;
	c->is_returned = true;
	return c->problem == CSV_FINE ? CSV_RECORD : CSV_BAD;
}

/* ---- bytes ---- */

static char line_end_byte(const struct csv *c)
{
	return c->line_end == CSV_END_CR ? '\r' : '\n';
}

/* How many of data[len] are ordinary where the lexer is. */
static size_t run_length(const struct csv *c, const char *data, size_t len)
{
	size_t n = 0;
	if (c->state == CSV_QUOTED)
		while (n < len && data[n] != '"' && data[n] != line_end_byte(c))
			n++;
	else
		while (n < len && data[n] != c->separator && data[n] != '"' && data[n] != '\n' && data[n] != '\r')
			n++;
	return n;
}

/* Something other than the end of the field follows a closing quote. */
static void end_quote_wrongly(struct csv *c)
{
	c->state = c->line > c->quote_line ? CSV_LOST : CSV_PLAIN;
	if (c->state == CSV_LOST)
		c->problem = CSV_AFTER_QUOTE;
	find_fault(c, CSV_AFTER_QUOTE);
}

static void take_quote(struct csv *c)
{
	switch (c->state) {
	case CSV_BEGIN:
		c->state = CSV_QUOTED;
		c->quote_line = c->line;
		break;
	case CSV_PLAIN: find_fault(c, CSV_STRAY_QUOTE); break;
	case CSV_QUOTED: c->state = CSV_QUOTE; break;
	case CSV_QUOTE:
		c->state = CSV_QUOTED;
		add(c, "\"", 1);
		break;
	case CSV_LOST: break;
	}
}

/* Bytes of a quoted field: how many. */
static size_t take_quoted(struct csv *c, const char *data, size_t len)
{
	size_t n = run_length(c, data, len);
	add(c, data, n);
	if (n == len)
		return n;
	if (data[n] == '"') {
		take_quote(c);
	} else {
		add(c, data + n, 1);
		c->line++;
	}
	return n + 1;
}

/* Bytes outside of quotes that end no line: how many. */
static size_t take_plain(struct csv *c, const char *data, size_t len)
{
	c->begun = true;
	if (*data == '"') {
		take_quote(c);
		return 1;
	}
	if (*data == c->separator) {
		end_field(c);
		begin_field(c);
		return 1;
	}
	if (c->state == CSV_QUOTE)
		end_quote_wrongly(c);
	else
		c->state = CSV_PLAIN;
	if (*data == '\n') {
		find_fault(c, CSV_STRAY_LF);
		return 1;
	}
	size_t n = run_length(c, data, len);
	add(c, data, n);
	return n;
}

/* Whether a line ends at a byte outside of quotes; *n of it are taken. Carriage returns wait for the byte that follows:
 * they belong to a line feed, or show, on the first line, that lines end with them alone. */
static bool ends_line(struct csv *c, char byte, size_t *n)
{
	*n = byte == '\r' || (byte == '\n' && c->line_end != CSV_END_CR);
	if (byte == '\r' && c->line_end != CSV_END_CR) {
		c->crs++;
		return false;
	}
	if (*n > 0) {
		if (byte == '\n')
			c->line_end = CSV_END_LF;
		c->crs = 0;
		return true;
	}
	if (c->crs == 0)
		return false;
	if (c->line_end == CSV_END_UNKNOWN)
		c->line_end = CSV_END_CR;
	if (c->line_end == CSV_END_CR) {
		c->crs--;
		return true;
	}
	find_fault(c, CSV_STRAY_CR);
	c->begun = true;
	c->crs = 0;
	return false;
}

static enum csv_result finish(struct csv *c)
{
	if (!c->begun)
		return CSV_END;
	if (c->state == CSV_QUOTED)
		c->problem = CSV_NOT_CLOSED;
	return end_record(c);
}

enum csv_result csv_next(struct csv *c, const char *data, size_t len, bool is_end, size_t *used)
{
	size_t i = 0, n;
	if (c->is_returned || c->first_line == 0)
		begin_record(c);
	c->is_returned = false;
	while (i < len) {
		if (c->state == CSV_LOST) {
			i = len;
		} else if (c->state == CSV_QUOTED) {
			i += take_quoted(c, data + i, len - i);
		} else if (ends_line(c, data[i], &n)) {
			i += n;
			const bool is_blank = !c->begun;
			*used = i;
			enum csv_result result = is_blank ? CSV_MORE : end_record(c);
			c->line++;
			if (!is_blank)
				return result;
			begin_record(c);
		} else if (n > 0) {
			i += n;
		} else {
			i += take_plain(c, data + i, len - i);
		}
	}
	*used = i;
	return is_end ? finish(c) : CSV_MORE;
}

void csv_fault(const struct csv *c, char *out, size_t size)
{
	static const char unread[] = "nothing from here to the end of the file was read";
	char where[64] = " on this line";
	if (c->quote_line != c->first_line)
		snprintf(where, sizeof where, " on line %" PRIu64, c->quote_line);
	const char *words = "";
	switch (c->problem) {
	case CSV_FINE: break;
	case CSV_STRAY_QUOTE:
		words = "bad quoting: a quote in a field that is not \"...\"; there, each quote must be \"\"";
		break;
	case CSV_AFTER_QUOTE:
		words = "bad quoting: text follows a closing quote; within a quoted field, each quote must be \"\"";
		break;
	case CSV_NOT_CLOSED: break;
	case CSV_STRAY_CR: words = "a carriage return within a line; a field with one must be \"...\""; break;
	case CSV_STRAY_LF:
		words = "a line feed, where lines end with a carriage return; a field with one must be \"...\"";
		break;
	case CSV_TOO_LONG: words = "longer than 64 KiB"; break;
	}
	if (c->problem == CSV_NOT_CLOSED)
		snprintf(out, size, "bad quoting: the quote%s is never closed; %s", where, unread);
	else if (c->state == CSV_LOST)
		snprintf(out, size, "bad quoting: text follows the closing quote of the field that begins%s; %s", where,
			 unread);
	else
		snprintf(out, size, "%s", words);
}
