/* input.h - reads a file, a pipe or a terminal on a loop.
 *
 * Regular files are read at once when asked for, since they are always ready; everything else when it has something, so
 * that a slow writer does not block the loop. */
#ifndef CANDOR_CLI_INPUT_H
#define CANDOR_CLI_INPUT_H

#include <stdbool.h>
#include <uv.h>

struct cli_input;

/* len bytes are there; 0: the end; negative: an error, and then nothing more comes. Called from cli_input_read() itself
 * or from the loop. */
typedef void cli_on_input(void *arg, const char *bytes, ssize_t len);

struct cli_input {
	int fd;
	int flags; /* of the descriptor, as they were before the loop had it */
	uint64_t size; /* of a regular file; 0: not known */
	bool polled, wanted;
	uv_poll_t poll;
	cli_on_input *on_input;
	void *arg;
};

/* path "-": standard input. 0, or a negative errno and then nothing was opened. */
int cli_input_open(struct cli_input *in, uv_loop_t *loop, const char *path, cli_on_input *on_input, void *arg);

/* Asks for one piece. */
void cli_input_read(struct cli_input *in);

/* The loop must still be run until nothing is left. */
void cli_input_close(struct cli_input *in);

#endif
