/* survey.h - a file is read once before anything of it is used: whether it can be used at all, whether it has the
 * scale of probabilities, whether the rows of each item stand together, and which names are in it.
 *
 * Memory is that of the distinct names, and 12 bytes for each item; it does not depend on the rows. */
#ifndef CANDOR_CLI_SURVEY_H
#define CANDOR_CLI_SURVEY_H

#include "client/cli/base/input.h"
#include "client/cli/base/progress.h"
#include "client/cli/base/rows.h"
#include "client/cli/base/names.h"

/* What a row may have beside a report: as cli_rows has it. */
enum { CLI_TAKES_OUTCOMES = 1, CLI_TAKES_MOMENTS = 2 };

struct cli_survey_item {
	uint32_t rows; /* good ones */
	uint32_t block; /* that of its first row that has one; NAMES_NONE: none */
	bool has_outcome; /* in a row of that block, or of none */
};

struct cli_survey {
	enum cli_rows_format format; /* as it was found to be */
	unsigned takes; /* CLI_TAKES_... */
	struct cli_names items, labelers, blocks;
	struct buf about; /* struct cli_survey_item by id of an item */
	uint64_t n_rows; /* good ones */
	uint64_t without_outcome; /* of these, where the file has outcomes */
	bool has_outcomes;
	bool is_apart; /* rows of other items stand between those of one */
	uint32_t apart_item; /* the first such */
	uint64_t apart_line; /* its first row that does not stand with the others */
	struct cli_ignored ignored; /* columns that nobody uses */
};

/* Reads the input to its end. 0, or an exit code after an error message; in either case the caller's to free. */
int cli_survey(struct cli_survey *s, struct cli *c, struct cli_input *input, const char *name,
	       enum cli_rows_format format, unsigned takes, struct cli_warnings *w);
void cli_survey_free(struct cli_survey *s);

const struct cli_survey_item *cli_survey_item(const struct cli_survey *s, uint32_t item);
uint32_t cli_survey_rows_of(const struct cli_survey *s, uint32_t item);

#endif
