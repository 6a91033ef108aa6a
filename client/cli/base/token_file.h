/* token_file.h - reads the token of a command from the file that --token-file names. */
#ifndef CANDOR_CLI_TOKEN_FILE_H
#define CANDOR_CLI_TOKEN_FILE_H

#include "client/cli/base/cli.h"

/* The first line of c->token_file, which may be a pipe, to c->token, for the caller to wipe. Warns if others may read
 * the file. Wrong usage where it cannot be read or holds no token, or where the daemon's address would carry it
 * unencrypted to another machine. */
void cli_read_token(struct cli *c);

#endif
