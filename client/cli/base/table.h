/* table.h - rows of text in aligned columns.
 * Cells are copied. Rows can be printed in several parts: the heading comes once, and columns keep their width. */
#ifndef CANDOR_CLI_TABLE_H
#define CANDOR_CLI_TABLE_H

#include <stdio.h>

#include "lib/base/err.h"
#include "client/cli/base/term.h"

struct cli_column {
	const char *title;
	bool right; /* aligned to the right */
	bool shrink; /* may be cut if the terminal is too narrow, */
	bool middle; /* ... in the middle: texts with different ends stay distinguishable */
	bool bar; /* its cells are numbers from 0 to 1, shown as bars over the remaining width */
};

enum { CLI_COLUMNS_MAX = 16 };

struct cli_table {
	const struct cli_column *columns;
	size_t n_columns;
	int width[CLI_COLUMNS_MAX];
	char **cells; /* row after row */
	size_t n, cap;
	bool headed;
};

/* columns must live as long as the table. */
void cli_table_init(struct cli_table *t, const struct cli_column *columns, size_t n);

/* The next cell, from left to right, row after row. */
void cli_table_cell(struct cli_table *t, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same for a name, made visible (visible.h). */
void cli_table_name(struct cli_table *t, const char *name);

/* Prints and forgets the rows so far. */
void cli_table_print(struct cli_table *t, const struct cli_term *term, FILE *to);

void cli_table_free(struct cli_table *t);

/* A bar of `fraction` (clipped to [0, 1]) of `columns` at full length: eighths of blocks, or '#'. Anything above 0
 * shows. out: at least CLI_BAR_BYTES(columns). */
#define CLI_BAR_BYTES(columns) (3 * (size_t)(columns) + 1)
void cli_bar(char *out, double fraction, int columns, bool utf8);

#endif
