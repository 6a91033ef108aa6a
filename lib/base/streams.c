#include "lib/base/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

int streams_hold(void)
{
	/* Each the wrong way round, so that reading and writing fail: what cannot be written must not seem to be. */
	static const int flags[] = {[STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDONLY};
	for (int fd = 0; fd < (int)(sizeof flags / sizeof *flags); fd++) {
		/* The lowest that is free: those below are taken. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
			return errno ? -errno : -EBADF;
	}
	return 0;
}

int streams_finish(void)
{
	errno = 0;
	bool failed = ferror(stdout) != 0;
	if (fflush(stdout) != 0 || fclose(stdout) != 0)
		return errno ? -errno : -EIO;
	return failed;
}
