#include "client/cli/base/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/visible.h"

enum { GAP = 2, BAR_MIN = 8, BAR_MAX = 32, SHRINK_MIN = 8 };

void cli_table_init(struct cli_table *t, const struct cli_column *columns, size_t n)
{
	require(n <= CLI_COLUMNS_MAX);
	*t = (struct cli_table){.columns = columns, .n_columns = n};
	for (size_t i = 0; i < n; i++)
		t->width[i] = cli_width(columns[i].title);
}

void cli_table_cell(struct cli_table *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text;
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	cli_memory(text);
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->cells = cli_memory(realloc(t->cells, t->cap * sizeof *t->cells));
	}
	size_t column = t->n % t->n_columns;
	t->cells[t->n++] = text;
	int width = t->columns[column].bar ? 0 : cli_width(text);
	if (width > t->width[column])
		t->width[column] = width;
}

void cli_table_name(struct cli_table *t, const char *name)
{
	cli_table_cell(t, "%s", cli_visible(name).s);
}

void cli_bar(char *out, double fraction, int columns, bool utf8)
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	if (!(fraction > 0)) {
		*out = '\0';
		return;
	}
	int steps = utf8 ? 8 : 1;
	int length = (int)lround(fmin(fraction, 1) * columns * steps);
	if (length == 0)
		length = 1;
	for (int i = 0; i < length / steps; i++)
		out = stpcpy(out, utf8 ? "█" : "#");
	stpcpy(out, eighths[length % steps]);
}

/* The widest column that may still shrink, or -1. */
static int widest_of(const struct cli_table *t, const int *width)
{
	int widest = -1;
	for (size_t i = 0; i < t->n_columns; i++)
		if (t->columns[i].shrink && width[i] > SHRINK_MIN && (widest < 0 || width[i] > width[widest]))
			widest = (int)i;
	return widest;
}

/* Gives spare width to the bar, and takes missing width from the widest columns that may shrink. */
static void fit(struct cli_table *t, const struct cli_term *term, int *width)
{
	int total = -GAP, bar = -1, widest;
	for (size_t i = 0; i < t->n_columns; i++) {
		width[i] = t->columns[i].bar ? BAR_MIN : t->width[i];
		total += width[i] + GAP;
		if (t->columns[i].bar)
			bar = (int)i;
	}
	int left = term->width - total;
	if (bar >= 0 && left > 0)
		width[bar] += left < BAR_MAX - BAR_MIN ? left : BAR_MAX - BAR_MIN;
	/* Only a terminal has a right edge; a program that reads the output wants whole names. */
	for (; left < 0 && term->out_tty && (widest = widest_of(t, width)) >= 0; left++)
		width[widest]--;
}

static void cut(const char *text, int width, bool middle, bool utf8, char *out, size_t size)
{
	int after = middle ? (width - 1) / 2 : 0;
	size_t len = cli_prefix(text, width - 1 - after);
	const char *rest = text + strlen(text);
	if (after > 0)
		rest = text + cli_prefix(text, cli_width(text) - after);
	while (cli_width(rest) > after)
		rest += cli_prefix(rest, 1) ? cli_prefix(rest, 1) : cli_prefix(rest, 2);
	snprintf(out, size, "%.*s%s%s", (int)len, text, utf8 ? "…" : "~", rest);
}

static void print_cell(const struct cli_column *column, const char *text, int width, bool last,
		       const struct cli_term *term, FILE *to)
{
	char shown[CLI_VISIBLE_SIZE + 64];
	if (column->bar && text != column->title)
		cli_bar(shown, strtod(text, NULL), width, term->utf8);
	else if (column->shrink && cli_width(text) > width && term->out_tty)
		cut(text, width, column->middle, term->utf8, shown, sizeof shown);
	else
		snprintf(shown, sizeof shown, "%s", text);
	int pad = width - cli_width(shown);
	if (column->right)
		fprintf(to, "%*s%s", pad > 0 ? pad : 0, "", shown);
	else if (last)
		fputs(shown, to);
	else
		fprintf(to, "%s%*s", shown, pad > 0 ? pad : 0, "");
	if (!last)
		fprintf(to, "%*s", GAP, "");
}

void cli_table_print(struct cli_table *t, const struct cli_term *term, FILE *to)
{
	int width[CLI_COLUMNS_MAX];
	fit(t, term, width);
	if (!t->headed) {
		fputs(cli_bold(term->out_color), to);
		for (size_t i = 0; i < t->n_columns; i++)
			print_cell(&t->columns[i], t->columns[i].title, width[i], i + 1 == t->n_columns, term, to);
		fprintf(to, "%s\n", cli_plain(term->out_color));
		t->headed = true;
	}
	require(t->n % t->n_columns == 0);
	for (size_t i = 0; i < t->n; i++) {
		size_t column = i % t->n_columns;
		bool last = column + 1 == t->n_columns;
		print_cell(&t->columns[column], t->cells[i], width[column], last, term, to);
		if (last)
			putc('\n', to);
		free(t->cells[i]);
	}
	t->n = 0;
}

void cli_table_free(struct cli_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
}
