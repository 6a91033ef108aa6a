#include "client/cli/base/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024 };

static void read_piece(struct cli_input *in)
{
	char bytes[PIECE_BYTES];
	ssize_t n;
	do
		n = read(in->fd, bytes, sizeof bytes);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return;
	in->wanted = false;
	if (in->polled)
		uv_poll_stop(&in->poll);
	in->on_input(in->arg, bytes, n < 0 ? -errno : n);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct cli_input *in = poll->data;
	(void)status;
	(void)events;
	if (in->wanted)
		read_piece(in);
}

int cli_input_open(struct cli_input *in, uv_loop_t *loop, const char *path, cli_on_input *on_input, void *arg)
{
	struct stat st;
	*in = (struct cli_input){.fd = STDIN_FILENO, .on_input = on_input, .arg = arg};
	if (strcmp(path, "-") != 0)
		in->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0 || fstat(in->fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode)) {
		if (in->fd != STDIN_FILENO)
			close(in->fd);
		return -EISDIR;
	}
	if (S_ISREG(st.st_mode)) {
		in->size = (uint64_t)st.st_size;
		return 0;
	}
	/* A file that cannot be polled (/dev/null) never blocks. */
	in->flags = fcntl(in->fd, F_GETFL);
	in->polled = uv_poll_init(loop, &in->poll, in->fd) == 0;
	in->poll.data = in;
	return 0;
}

void cli_input_read(struct cli_input *in)
{
	in->wanted = true;
	if (in->polled)
		uv_poll_start(&in->poll, UV_READABLE, on_poll);
	else
		read_piece(in);
}

void cli_input_close(struct cli_input *in)
{
	in->wanted = false;
	/* libuv has made the descriptor non-blocking, and a terminal is shared with the next program. */
	if (in->polled) {
		uv_close((uv_handle_t *)&in->poll, NULL);
		fcntl(in->fd, F_SETFL, in->flags);
	}
	if (in->fd != STDIN_FILENO)
		close(in->fd);
}
