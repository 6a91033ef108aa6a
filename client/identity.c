#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 16 * 1024 * 1024, PIECES = 3 }; /* a system's authorities in one file take some 200 KiB */

/* A regular file of at most so many bytes; *out is wiped and freed by the caller, also after an error. */
static int read_text(const char *path, char **out, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0)
		return -errno;
	int err = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (err == 0 && st.st_size > FILE_BYTES_MAX)
		err = -EFBIG;
	*size = err ? 0 : (size_t)st.st_size;
	*out = err ? NULL : calloc(1, *size + 1);
	if (err == 0 && !*out)
		err = -ENOMEM;
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

int identity_load(const struct candor_options *o, struct tls_context **out, char *fault, size_t size)
{
	const char *const paths[PIECES] = {o->cert, o->key, o->ca};
	char *texts[PIECES] = {NULL};
	size_t sizes[PIECES] = {0};
	int err = 0;
	for (size_t i = 0; err == 0 && i < PIECES; i++) {
		if (paths[i])
			err = read_text(paths[i], &texts[i], &sizes[i]);
		if (err && err != -ENOMEM) {
			snprintf(fault, size, "%s: %s", paths[i], candor_strerror(err));
			err = ERR_TLS;
		}
	}
	const struct tls_identity identity = {
		.side = TLS_CLIENT,
		.certificate = texts[0],
		.key = texts[1],
		.authorities = texts[2],
		.from = {.certificate = paths[0], .key = paths[1], .authorities = paths[2]},
	};
	if (err == 0)
		err = tls_context_new(out, &identity, fault, size);
	for (size_t i = 0; i < PIECES; i++) {
		if (texts[i])
			explicit_bzero(texts[i], sizes[i]);
		free(texts[i]);
	}
	return err;
}
