#include "daemon/net/credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/file.h"
#include "lib/base/wipe.h"

enum { FILE_BYTES_MAX = 1024 * 1024, PIECES = 4 };

struct piece {
	const char *setting, *path; /* path "": not set */
	char *text, name[CONFIG_PATH_MAX + 32];
};

static int read_piece(struct piece *p, char *fault, size_t size)
{
	if (!p->path[0])
		return 0;
	snprintf(p->name, sizeof p->name, "%s %s", p->setting, p->path);
	int err = file_read_text(p->path, FILE_BYTES_MAX, &p->text);
	if (err == ERR_TOO_BIG)
		snprintf(fault, size, "%s: larger than 1 MiB", p->name);
	else if (err == ERR_MALFORMED)
		snprintf(fault, size, "%s: not a PEM file", p->name);
	else if (err)
		snprintf(fault, size, "%s: %s", p->name, candor_strerror(err));
	return err;
}

int credentials_load(const struct config *config, struct tls_context **out, char *fault, size_t size)
{
	*out = NULL;
	if (!config->tls_cert[0])
		return 0;
	struct piece *pieces = calloc(PIECES, sizeof *pieces);
	if (!pieces) {
		snprintf(fault, size, "out of memory");
		return -ENOMEM;
	}
	struct piece *cert = &pieces[0], *key = &pieces[1], *ca = &pieces[2], *crl = &pieces[3];
	*cert = (struct piece){.setting = "tls_cert", .path = config->tls_cert};
	*key = (struct piece){.setting = "tls_key", .path = config->tls_key};
	*ca = (struct piece){.setting = "tls_ca", .path = config->tls_ca};
	*crl = (struct piece){.setting = "tls_crl", .path = config->tls_crl};
	int err = 0;
	for (size_t i = 0; err == 0 && i < PIECES; i++)
		err = read_piece(&pieces[i], fault, size);
	const struct tls_identity identity = {
		.side = TLS_SERVER,
		.certificate = cert->text,
		.key = key->text,
		.authorities = ca->text,
		.revoked = crl->text,
		.from = {cert->name, key->name, ca->name, crl->name},
	};
	if (err == 0) {
		snprintf(fault, size, "out of memory");
		err = tls_context_new(out, &identity, fault, size);
	}
	if (err == 0 && tls_context_is_stale(*out))
		log_warning(
			"a revocation list in tls_crl has expired: clients with certificates from its CA are refused "
			"until it is replaced");
	if (key->text)
		wipe(key->text, strlen(key->text));
	for (size_t i = 0; i < PIECES; i++)
		free(pieces[i].text);
	free(pieces);
	return err;
}
