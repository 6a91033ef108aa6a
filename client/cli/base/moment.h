/* moment.h - when something was: a number of any unit, or a date, perhaps with the time of day. Pure. */
#ifndef CANDOR_CLI_MOMENT_H
#define CANDOR_CLI_MOMENT_H

#include <stdbool.h>

enum cli_moment_form { CLI_MOMENT_NONE, CLI_MOMENT_NUMBER, CLI_MOMENT_DATE };

/* For messages about text that is none. */
#define CLI_MOMENT_WANTED "a number, or a date such as 2026-11-30 or 2026-11-30T18:45:00Z"

/* Its form, and what moments of that form are ordered by: the number itself; of a date the seconds since 1970, UTC
 * where it names no offset. CLI_MOMENT_NONE: the text is no moment. */
enum cli_moment_form cli_parse_moment(const char *text, double *out);

#endif
