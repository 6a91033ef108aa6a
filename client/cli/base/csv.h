/* csv.h - cuts CSV into records, as the bytes come.
 *
 * The form is that of RFC 4180, with any separator: a field in quotes may have separators, line ends and, doubled,
 * quotes in it. Lines end with LF or CRLF; or all of them with CR, if the first does.
 *
 * A record with wrong quoting is bad as a whole, on its first line, and the next record begins on the next line.
 * Where a quoted field of several lines ends wrongly, nobody can tell what stands within quotes from there on, so
 * that the bad record reaches to the end of the file. So does a quote that is never closed.
 *
 * Only the columns that are asked for are kept, each up to CSV_FIELD_MAX bytes; all others may have any length.
 * Pure: no I/O, no input of its own. Without memory the program ends. */
#ifndef CANDOR_CLI_CSV_H
#define CANDOR_CLI_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum { CSV_COLUMNS_MAX = 8, CSV_FIELD_MAX = 1024, CSV_HEADING_MAX = 64 * 1024 };

enum csv_result {
	CSV_MORE, /* all bytes were taken, and no record is complete */
	CSV_RECORD,
	CSV_BAD, /* a record; csv_fault() says what is wrong with it */
	CSV_END,
};

enum csv_state {
	CSV_BEGIN, /* of a field */
	CSV_PLAIN,
	CSV_QUOTED,
	CSV_QUOTE, /* in a quoted field: the field's end, or the first of two */
	CSV_LOST, /* to the end of the file */
};

enum csv_problem {
	CSV_FINE,
	CSV_STRAY_QUOTE,
	CSV_AFTER_QUOTE,
	CSV_NOT_CLOSED,
	CSV_STRAY_CR,
	CSV_STRAY_LF,
	CSV_TOO_LONG
};

enum csv_line_end { CSV_END_UNKNOWN, CSV_END_LF, CSV_END_CR };

struct csv_field {
	size_t start, len; /* in csv.text; a zero byte follows */
	bool cut; /* it was longer than CSV_FIELD_MAX */
};

struct csv {
	/* The caller's to set, between records. */
	char separator;
	bool keeps_all; /* a heading: all columns, up to CSV_HEADING_MAX bytes in all */
	uint32_t column[CSV_COLUMNS_MAX]; /* else these */
	size_t n_columns;

	/* The record that was returned. */
	uint64_t first_line, last_line; /* from 1 */
	uint32_t n_fields;
	enum csv_problem problem;
	uint64_t quote_line; /* of the quote that is not closed, or that ends wrongly */
	struct csv_field field[CSV_COLUMNS_MAX]; /* by place in column[] */
	struct buf text; /* keeps_all: all fields, one after the other, each with a zero byte */

	enum csv_state state;
	enum csv_line_end line_end;
	size_t crs; /* carriage returns that may belong to a line end */
	uint64_t line; /* of the next byte */
	bool begun; /* the record has a byte */
	struct csv_field *kept; /* where the current field is kept; NULL: nowhere */
	bool is_returned; /* the record that is held; a new one begins with the next call */
};

void csv_init(struct csv *c, uint64_t line);
void csv_free(struct csv *c);

/* Takes bytes from data[len], *used of them, up to the end of a record. is_end: no others follow. */
enum csv_result csv_next(struct csv *c, const char *data, size_t len, bool is_end, size_t *used);

/* What is wrong with the bad record, without its line. */
void csv_fault(const struct csv *c, char *out, size_t size);

#endif
