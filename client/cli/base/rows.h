/* rows.h - reads reports and outcomes from CSV or JSON lines, piece by piece.
 *
 * CSV is RFC 4180's, with LF or CRLF and perhaps a byte order mark. The first record names the columns: item, labeler,
 * report, and perhaps outcome, in any order among others. JSON lines are objects of the same names, one a line. An
 * empty outcome (or null, or none) says that it is not known. Blank lines are skipped. Where it is wanted, rows may
 * also have an item and its outcome alone: without the columns labeler and report, or objects without either.
 *
 * A bad record costs only its line: reading goes on with the next one, even after a quote that is never closed.
 * No I/O. Memory is bounded by the longest record. */
#ifndef CANDOR_CLI_ROWS_H
#define CANDOR_CLI_ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum { CLI_ROW_MAX_BYTES = 64 * 1024 };

enum cli_rows_format {
	CLI_ROWS_AUTO, /* JSON lines if the first byte that is not blank is a brace */
	CLI_ROWS_CSV,
	CLI_ROWS_JSONL,
};

struct cli_row {
	uint64_t line; /* where it begins, from 1 */
	const char *item, *labeler; /* labeler NULL: an outcome without a report */
	double report;
	bool has_outcome;
	double outcome;
};

enum cli_rows_result {
	CLI_ROWS_MORE, /* no complete row is left: push more, or say that it ended */
	CLI_ROWS_ROW,
	CLI_ROWS_BAD, /* row->line cannot be used; rows->fault says why */
	CLI_ROWS_END,
	CLI_ROWS_FATAL, /* the file cannot be read at all; rows->fault says why */
};

enum cli_field { CLI_ITEM, CLI_LABELER, CLI_REPORT, CLI_OUTCOME, CLI_FIELDS };

struct cli_rows {
	enum cli_rows_format format;
	bool takes_outcomes; /* whether rows may be outcomes alone; the caller's to set, at first */
	struct buf bytes;
	size_t start; /* everything before it has been read */
	uint64_t line; /* of bytes[start] */
	uint64_t read_bytes; /* of the file, up to bytes[start] */
	bool begun, ended, skipping; /* skipping: to the end of a line that was too long */
	bool is_array; /* one JSON document, not lines */
	bool headed;
	int column[CLI_FIELDS]; /* -1: none */
	int n_columns;
	struct buf text; /* the current record's fields, unquoted, each with a NUL */
	json_t *object; /* the current record as JSON */
	char fault[256];
};

/* format: as the user says, or AUTO. */
void cli_rows_init(struct cli_rows *r, enum cli_rows_format format);
void cli_rows_free(struct cli_rows *r);

/* The next bytes of the file. Copies. */
void cli_rows_push(struct cli_rows *r, const void *bytes, size_t len);
void cli_rows_end(struct cli_rows *r);

/* row's strings live until the next call. */
enum cli_rows_result cli_rows_next(struct cli_rows *r, struct cli_row *row);

#endif
