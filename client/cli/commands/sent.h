/* sent.h - a request of an import with copies of everything it points to, until its final answer: it may have to
 * be sent again. */
#ifndef CANDOR_CLI_SENT_H
#define CANDOR_CLI_SENT_H

#include "lib/base/arena.h"
#include "client/candor.h"

struct cli_sent {
	void *owner; /* the sender, who sets this and the five below */
	struct cli_sent *next; /* of those that are held */
	uint64_t seq;
	uint64_t items; /* whose first row is in it */
	struct import_block *block; /* that its rows are of; NULL: of none */
	bool is_recheck; /* sent again only to learn which of its rows are rejected */
	struct arena arena; /* of what the request points to */
	struct candor_request request;
	uint64_t *lines; /* the line numbers of its rows in the file */
};

/* lines: request->n of them. */
struct cli_sent *cli_sent_new(const struct candor_request *request, const uint64_t *lines);
void cli_sent_free(struct cli_sent *s);

#endif
