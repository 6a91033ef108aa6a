/* foreign.h - tells files that are no text from their first bytes. Pure. */
#ifndef CANDOR_CLI_FOREIGN_H
#define CANDOR_CLI_FOREIGN_H

#include <stddef.h>

enum { CLI_FOREIGN_BYTES = 16 }; /* that must be there, if the file has as many */

/* NULL, or what the file is and what to do about it, to follow "this is". */
const char *cli_foreign(const char *bytes, size_t len);

#endif
