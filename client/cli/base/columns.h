/* columns.h - the fields of a row of a file, and which of them the name of a column or a member means. Pure. */
#ifndef CANDOR_CLI_COLUMNS_H
#define CANDOR_CLI_COLUMNS_H

#include <stddef.h>

#include "lib/base/buf.h"

enum cli_field {
	CLI_ITEM,
	CLI_LABELER,
	CLI_REPORT,
	CLI_OUTCOME,
	CLI_SEQUENCE,
	CLI_BLOCK,
	CLI_TIME, /* this and the next: only where they are asked for, see rows.h */
	CLI_KNOWN,
	CLI_FIELDS
};

const char *cli_field_name(enum cli_field f);

/* The field of exactly this name; of this name in any case, with blanks around it; or of a name that may be a slip for
 * it (nothing is taken for a slip for "time" or "known": too many words are near). CLI_FIELDS: none. */
enum cli_field cli_field_exact(const char *name, size_t len);
enum cli_field cli_field_loose(const char *name, size_t len);
enum cli_field cli_field_near(const char *name, size_t len);

/* The names of columns that nobody uses, each once, as they may be shown. */
struct cli_ignored {
	struct buf names; /* each with a zero byte */
	size_t n, beyond; /* beyond: those that were not kept, perhaps counted several times */
};

void cli_ignored_add(struct cli_ignored *ignored, const char *name, size_t len);
void cli_ignored_free(struct cli_ignored *ignored);

#endif
