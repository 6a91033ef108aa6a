/* input.h - a file that is read several times, from its beginning.
 *
 * What cannot be read twice (a pipe, a terminal) is copied first, to its end, into a file without a name in TMPDIR
 * or /var/tmp. */
#ifndef CANDOR_CLI_INPUT_H
#define CANDOR_CLI_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cli;

struct cli_input {
	int fd;
	bool is_own; /* fd is to be closed */
	uint64_t begin, at; /* offsets in fd: of the first byte, of the next one */
	uint64_t size;
	const char *copy_dir; /* where a copy could not be made; NULL: that is not what failed */
};

/* path "-": standard input. 0, or a negative errno and then nothing was opened. */
int cli_input_open(struct cli_input *in, const char *path);

/* The same; or an exit code after an error message that calls it `name`. */
int cli_input_need(struct cli_input *in, struct cli *c, const char *path, const char *name);

/* The next bytes: how many, 0 at the end, or a negative errno. What is added to the file meanwhile is not read. */
ssize_t cli_input_read(struct cli_input *in, void *out, size_t size);

void cli_input_rewind(struct cli_input *in);
void cli_input_close(struct cli_input *in);

#endif
