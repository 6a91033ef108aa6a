/* rows.h - reads reports and outcomes from CSV or JSON lines, piece by piece.
 *
 * CSV (csv.h) has commas, semicolons or tabs between its fields, and perhaps a byte order mark, or a first line
 * "sep=;". The first record names the columns: item, labeler, report, and perhaps outcome, sequence and block, in
 * any order among others, in any case. JSON lines (jsonl.h) are objects of the same names, in lower case. An empty
 * outcome (or null, or none) says that it is not known, an empty sequence or block that there is none. Blank lines
 * are skipped. Where it is wanted, rows may also have an item and its outcome alone: without the columns labeler and
 * report, or objects without either; and moments (moment.h): time, when the item was closed, and known, when its
 * outcome becomes known, all of them numbers or all dates. Numbers may have blanks around them, and a decimal comma
 * where no comma is between fields.
 *
 * A bad record costs only itself: reading goes on with the next one. A column whose name may be a slip for one that
 * is missing is a fault, and so is such a member; all others that nobody uses are listed.
 *
 * No I/O. Memory is bounded, whatever the file. */
#ifndef CANDOR_CLI_ROWS_H
#define CANDOR_CLI_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/cli/base/columns.h"
#include "client/cli/base/csv.h"
#include "client/cli/base/jsonl.h"
#include "client/cli/base/moment.h"
#include "lib/base/buf.h"

enum { CLI_ROWS_BEGIN_MAX = 64 * 1024 /* bytes in which the first line must end, so that the separator can be told */ };

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
	uint64_t sequence; /* 0: none */
	const char *block; /* whose outcomes are settled together; NULL: none */
	double time, known; /* NaN: none */
};

enum cli_rows_result {
	CLI_ROWS_MORE, /* no complete row is left: push more, or say that it ended */
	CLI_ROWS_ROW,
	CLI_ROWS_BAD, /* row->line cannot be used; rows->fault says why */
	CLI_ROWS_END,
	CLI_ROWS_FATAL, /* the file cannot be read at all; rows->fault says why */
};

/* The numbers in a column, good and bad. */
struct cli_range {
	double low, high;
	uint64_t n, outside; /* outside: of [0, 1] by more than rounding does */
	uint64_t first_line; /* of these */
};

struct cli_rows {
	enum cli_rows_format format;
	bool takes_outcomes; /* whether rows may be outcomes alone; the caller's to set, at first, */
	bool takes_moments; /* ... and whether time and known are fields */
	enum cli_moment_form moment_form; /* of the first; NONE: there was none */
	struct buf bytes; /* that have come */
	size_t start; /* everything before it has been read */
	uint64_t read_bytes; /* of the file, up to bytes[start] */
	bool begun, ended, headed;
	struct csv csv;
	struct jsonl jsonl;
	size_t slot[CLI_FIELDS]; /* in csv.column[]; CSV_COLUMNS_MAX: none */
	uint32_t n_columns;
	char near[CLI_FIELDS][JSONL_KEY_MAX + 1]; /* members of the object that may be slips for these; "": none */
	struct cli_range reports, outcomes;
	struct cli_ignored ignored;
	char text[CSV_FIELD_MAX + 1]; /* a number */
	char fault[512];
};

/* format: as the user says, or AUTO. */
void cli_rows_init(struct cli_rows *r, enum cli_rows_format format);
void cli_rows_free(struct cli_rows *r);

/* The next bytes of the file. Copies. */
void cli_rows_push(struct cli_rows *r, const void *bytes, size_t len);
void cli_rows_end(struct cli_rows *r);

/* row's strings live until the next call. */
enum cli_rows_result cli_rows_next(struct cli_rows *r, struct cli_row *row);

/* Whether numbers of the rows read so far are outside of [0, 1], so that the file may have another scale: true, and
 * fault says so. */
bool cli_rows_have_other_scale(struct cli_rows *r);

#endif
