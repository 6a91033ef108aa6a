/* import.h - the result of an import, and how it is shown. */
#ifndef CANDOR_CLI_IMPORT_H
#define CANDOR_CLI_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "client/cli/base/columns.h"
#include "client/cli/base/warnings.h"

enum { IMPORT_LISTED_MAX = 20 }; /* rejected rows and bad lines that are listed one by one */

/* Counts cover what the daemon has answered. */
struct import_result {
	const char *pool, *name; /* name: of the file, for people */
	int code; /* exit code */
	bool answered; /* the daemon has said something */
	bool pool_made, has_reports;
	bool may_go_on; /* running the same command again may do the rest */
	uint64_t blocks; /* settled together, of those resolved */
	uint64_t items, accepted, duplicates, revised, closed, resolved, rejected;
	uint64_t bad_lines;
	uint64_t listed, unlisted; /* of these and of the rejected rows: up to the limit, and beyond it or not known */
	uint64_t skipped; /* rows without a report and without an outcome */
	uint64_t overtaking; /* requests that took effect before delayed ones */
	uint64_t without_outcome; /* rows, where the file has outcomes */
	bool regrouped; /* the rows of an item did not stand together */
	const struct cli_ignored *ignored; /* columns */
	struct cli_warnings warnings;
	double seconds;
};

/* What was found before anything was sent, on stderr. */
void import_show_survey(struct cli *c, struct import_result *r);

/* On stderr, and with --json as a document on stdout, with the error if it failed. Nothing if nothing was asked. */
void import_show(struct cli *c, struct import_result *r);

#endif
