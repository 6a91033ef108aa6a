/* pages.h - lists that come in pages: one request after the other, until there is no more or enough was shown. */
#ifndef CANDOR_CLI_PAGES_H
#define CANDOR_CLI_PAGES_H

#include "client/cli/base/cli.h"

struct cli_pages {
	struct cli *cli;
	struct candor_request request; /* which points to `cursor` */
	char cursor[CANDOR_NAME_MAX +
		    1]; /* of the page after those that were read; "": there is none, or none was read */
	uint64_t limit; /* rows to read, all in all */
	bool is_quiet; /* a refusal is not told */
	/* Once there was a page, a daemon that cannot be reached or does not serve just now is asked again and again:
	 * after each such wait, until it says to stop. NULL: that is a failure. */
	bool (*told_to_stop)(uint64_t ms);

	const struct candor_response *response; /* the page at hand; after a refusal, that */
	uint64_t n_pages, n_rows; /* read so far, the page at hand included */
	bool more; /* the daemon has a page after this one */
	bool stopped; /* it was told to */
	int code; /* CLI_DONE, or why it ended */
};

/* p must stay where it is. after: the cursor to begin with; NULL: from the start. Wrong usage where it is too long for
 * one. limit: UINT64_MAX for all. */
void cli_pages_begin(struct cli_pages *p, struct cli *c, const struct candor_request *request, const char *after,
		     uint64_t limit);

/* Reads the next page. false: there is none, all of `limit` was read, standard output takes no more, it was told to
 * stop, or p->code says what went wrong, which has been said. */
bool cli_pages_next(struct cli_pages *p);

/* For a list that grows at its end: asks again behind the last page. */
void cli_pages_again(struct cli_pages *p);

#endif
