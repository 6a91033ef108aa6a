/* order.h - the rows of a file, item by item.
 *
 * Where the rows of each item stand together they come as they stand. Otherwise items come in the order of their
 * first rows, each with all its rows in their order: as many whole items as CLI_ORDER_ROWS have room for are picked
 * out of the file in one pass, then the next. Bad lines come with the first pass. */
#ifndef CANDOR_CLI_CLI_ORDER_H
#define CANDOR_CLI_CLI_ORDER_H

#include "client/cli/base/survey.h"

enum { CLI_ORDER_ROWS = 4 * 1024 * 1024 };

struct picked_row;
struct picked_place;

struct cli_order {
	const struct cli_survey *survey;
	struct cli_input *input;
	struct cli_rows rows; /* fault says what is wrong with a bad line */
	char *piece;

	/* Where they do not stand together: items low to high-1 are picked out. */
	uint32_t low, high;
	struct picked_row *picked; /* [n_picked], each item's in its place */
	size_t n_picked, at; /* at: the next to be handed out */
	struct picked_place *place; /* [high - low] where an item's rows go, while picking */
	bool is_picking;
	size_t most; /* rows in a pass */
	unsigned passes;
};

/* The survey is of the same input; both must live as long. most: CLI_ORDER_ROWS, or less for a test. */
void cli_order_init(struct cli_order *o, const struct cli_survey *survey, struct cli_input *input, size_t most);
void cli_order_free(struct cli_order *o);

/* As cli_rows_next(), but END is the last. MORE: call again; so much was read that the caller may have something else
 * to do. *err: a negative errno with FATAL where the file cannot be read, else 0. */
enum cli_rows_result cli_order_next(struct cli_order *o, struct cli_row *row, int *err);

/* How far it is, from 0 to 1. */
double cli_order_progress(const struct cli_order *o);

#endif
