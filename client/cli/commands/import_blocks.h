/* import_blocks.h - the outcomes of a file that are settled together: kept until the last item of their block was sent.
 *
 * A block is made of those items of the survey that have its name and an outcome; where that is one alone, there is no
 * block. Items come in the order of their first rows, in the block as in the file. Memory: 24 bytes for each item and
 * 48 for each block; none where the file has no blocks. */
#ifndef CANDOR_CLI_IMPORT_BLOCKS_H
#define CANDOR_CLI_IMPORT_BLOCKS_H

#include "client/cli/base/survey.h"

struct import_block {
	const char *name;
	uint32_t n, kept; /* outcomes: all, and those that have come */
	uint32_t first, last; /* items */
	uint64_t bytes; /* that its outcomes take in a request, at most */
	uint64_t reports; /* on its items: rows of the file, a revision too */
	uint64_t closed; /* of its items, by this import: the sender's to count */
};

struct import_blocks {
	const struct cli_survey *survey;
	size_t n;
	struct import_block *all; /* by id of a block; NULL: the file has none */
	struct import_kept *kept; /* by id of an item */
};

/* The survey must live as long. */
void import_blocks_init(struct import_blocks *b, const struct cli_survey *survey);
void import_blocks_free(struct import_blocks *b);

/* Whether the daemon can settle each of them: it takes requests of so many bytes, head_bytes of which are for other
 * things. False, and out[size] is a sentence on the first that it cannot. */
bool import_blocks_fit(const struct import_blocks *b, size_t head_bytes, size_t most_bytes, char *out, size_t size);

/* The block that the item's outcome is part of; NULL: it is settled by itself. */
struct import_block *import_blocks_find(const struct import_blocks *b, const char *item);

/* Keeps the outcome of one of its items, which come in their order. True: they have all come. */
bool import_blocks_keep(struct import_blocks *b, struct import_block *of, const char *item, double y, uint64_t line);

/* What was kept: [n] each, in the caller's arrays; the items' names live as long as the survey. */
void import_blocks_rows(const struct import_blocks *b, const struct import_block *of, struct candor_outcome *outcomes,
			uint64_t *lines);

/* Whether outcomes were kept of a block that is not complete: the file has changed. */
bool import_blocks_are_left(const struct import_blocks *b);

#endif
