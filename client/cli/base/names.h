/* names.h - the names of one kind, labelers or items, in a file: a dense id for each, and which of them may be
 * slips. The first CLI_NAMES_COMPARED are compared with one another. Without memory the program ends. */
#ifndef CANDOR_CLI_CLI_NAMES_H
#define CANDOR_CLI_CLI_NAMES_H

#include <stdint.h>

#include "client/cli/base/warnings.h"
#include "lib/base/buf.h"
#include "lib/pool/names.h"

enum { CLI_NAMES_COMPARED = 1 << 20 };

struct cli_names {
	const char *what; /* "item" */
	struct names *all;
	struct names *skeletons; /* what those that look alike have in common */
	struct buf first; /* uint32_t by id of a skeleton: the first name that has it */
};

void cli_names_init(struct cli_names *n, const char *what);
void cli_names_free(struct cli_names *n);

/* The id of a name, from 0 in the order in which they come; *is_new if it is the next. */
uint32_t cli_names_put(struct cli_names *n, const char *name, struct cli_warnings *w, bool *is_new);

/* NAMES_NONE if it did not come. */
uint32_t cli_names_find(const struct cli_names *n, const char *name);

#endif
