/* secure.h - a real candord that speaks TLS, with everything that belongs to it: an authority, certificates, files.
 *
 * For cmocka tests, around tests/lib/command.h: secure_set_up() and secure_tear_down() go around each, and the daemon is
 * that of command, which keeps its Unix socket. Benches use secure_make() and secure_find() alone. */
#ifndef CANDOR_TESTS_SECURE_H
#define CANDOR_TESTS_SECURE_H

#include "tests/lib/certs.h"
#include "tests/lib/command.h"

struct secure_files {
	char ca[96], cert[96], key[96]; /* of the daemon, which is 127.0.0.1 and "candor.test" */
	char client_cert[96], client_key[96]; /* of "platform" */
	char crl[96]; /* with nobody on it */
};

struct secure {
	struct command *command;
	struct certs_authority *ours, *foreign;
	struct secure_files files;
	char tls[64], tcp[64]; /* the daemon's TCP address, for those who speak TLS and for those who do not */
};

/* Writes files of an authority's into a directory. */
void secure_make(struct certs_authority *ours, const char *dir, struct secure_files *out);

/* The newest address in a daemon's log: the system chose the port. False: there is none. */
bool secure_find(const struct daemon *d, char tls[64], char tcp[64]);

int secure_set_up(void **state); /* nothing is started */
int secure_tear_down(void **state);

/* candord with a TCP listener, certificate and key, and options (NULL-terminated, may be NULL). */
void secure_start(struct secure *s, const char *const *options);

/* Writes a certificate with its key to files of these names in the directory. */
void secure_write(const struct secure *s, const struct certs_pair *pair, const char *cert, const char *key);

/* "DIR/NAME", for a test's own files. */
void secure_path(const struct secure *s, const char *name, char out[96]);

/* What the daemon said so far, in out[size]. */
void secure_log(const struct secure *s, char *out, size_t size);

#endif
