#include "client/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int secret_file_read(const char *path, size_t most, char **out, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	*out = NULL;
	*size = 0;
	if (fd < 0)
		return -errno;
	int err = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (err == 0 && (uint64_t)st.st_size > most)
		err = -EFBIG;
	if (err == 0) {
		*size = (size_t)st.st_size;
		*out = calloc(1, *size + 1);
		err = *out ? 0 : -ENOMEM;
	}
	for (size_t done = 0; err == 0 && done < *size;) {
		ssize_t n = read(fd, *out + done, *size - done);
		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			err = -errno;
	}
	close(fd);
	return err;
}
