#include "client/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/wipe.h"
#include "client/secret_file.h"

enum { FILE_BYTES_MAX = 16 * 1024 * 1024, PIECES = 3 }; /* all authorities of a system in one file take about 200 KiB */

int identity_load(const struct candor_options *o, struct tls_context **out, char *fault, size_t size)
{
	const char *const paths[PIECES] = {o->cert, o->key, o->ca};
	char *texts[PIECES] = {NULL};
	size_t sizes[PIECES] = {0};
	int err = 0;
	for (size_t i = 0; err == 0 && i < PIECES; i++) {
		if (paths[i])
			err = secret_file_read(paths[i], FILE_BYTES_MAX, &texts[i], &sizes[i]);
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
			wipe(texts[i], sizes[i]);
		free(texts[i]);
	}
	return err;
}
