/* sent.h - a request of an import with copies of all that it points to, until it is answered for good: it may have to
 * be sent again. */
#ifndef CANDOR_CLI_SENT_H
#define CANDOR_CLI_SENT_H

#include "lib/base/arena.h"
#include "client/candor.h"

struct cli_sent {
	void *owner; /* whoever sends it; this and the three below are the owner's to set */
	struct cli_sent *next; /* of those that are held */
	uint64_t seq;
	uint64_t items; /* of which it has the first row */
	struct arena arena; /* of what the request points to */
	struct candor_request request;
	uint64_t *lines; /* where its rows stand in the file */
};

/* lines: request->n of them. */
struct cli_sent *cli_sent_new(const struct candor_request *request, const uint64_t *lines);
void cli_sent_free(struct cli_sent *s);

#endif
