#include "daemon/db/presence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/log.h"

static const char *const endings[PRESENCE_FILES] = {"", "-wal", "-shm"};

int presence_init(struct presence *p, const char *path)
{
	struct stat st;
	*p = (struct presence){0};
	for (int i = 0; i < PRESENCE_FILES; i++) {
		if (asprintf(&p->paths[i], "%s%s", path, endings[i]) < 0) {
			p->paths[i] = NULL;
			presence_free(p);
			return -ENOMEM;
		}
		if (stat(p->paths[i], &st) != 0) {
			int err = -errno;
			log_error("%s: %s", p->paths[i], candor_strerror(err));
			presence_free(p);
			return err;
		}
		p->files[i].dev = st.st_dev;
		p->files[i].ino = st.st_ino;
	}
	return 0;
}

const char *presence_missing(const struct presence *p)
{
	for (int i = 0; i < PRESENCE_FILES; i++) {
		struct stat st;
		if (stat(p->paths[i], &st) == 0) {
			if (st.st_dev != p->files[i].dev || st.st_ino != p->files[i].ino)
				return p->paths[i];
		} else if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
			return p->paths[i];
		}
	}
	return NULL;
}

void presence_free(struct presence *p)
{
	for (int i = 0; i < PRESENCE_FILES; i++)
		free(p->paths[i]);
	*p = (struct presence){0};
}
