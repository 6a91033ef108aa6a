#include "daemon/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/wipe.h"

int file_sync_dir(const char *path)
{
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	char *slash = strrchr(copy, '/');
	if (slash)
		slash[slash == copy] = 0;
	int fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) != 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	free(copy);
	return err;
}

/* len: as long as it was; one that grows meanwhile is read no further. */
static int read_all(int fd, char *text, size_t len)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = read(fd, text + done, len - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
	}
	text[done] = 0;
	return memchr(text, 0, done) ? ERR_MALFORMED : 0;
}

int file_read_text(const char *path, size_t most, char **out)
{
	/* A pipe must not be waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	int err = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : ERR_MALFORMED;
	if (err == 0 && (uint64_t)st.st_size > most)
		err = ERR_TOO_BIG;
	if (err == 0) {
		len = (size_t)st.st_size;
		text = malloc(len + 1);
		err = text ? read_all(fd, text, len) : -ENOMEM;
	}
	close(fd);
	if (err) {
		if (text)
			wipe(text, len);
		free(text);
		return err;
	}
	*out = text;
	return 0;
}
