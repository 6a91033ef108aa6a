/* secure.h - a real candord that speaks TLS, with everything that belongs to it: an authority, certificates, files.
 *
 * For cmocka tests, around tests/lib/command.h: secure_set_up() and secure_tear_down() go around each, and the daemon is
 * that of command, which keeps its Unix socket. Benches use secure_make() alone. */
#ifndef CANDOR_TESTS_SECURE_H
#define CANDOR_TESTS_SECURE_H

#include "tests/lib/allow.h"
#include "tests/lib/certs.h"
#include "tests/lib/command.h"

#define SECURE_PLATFORM "cert:CN=platform"

struct secure_files {
	char ca[DAEMON_PATH_MAX], cert[DAEMON_PATH_MAX],
		key[DAEMON_PATH_MAX]; /* of the daemon, which is 127.0.0.1 and "candor.test" */
	char client_cert[DAEMON_PATH_MAX], client_key[DAEMON_PATH_MAX]; /* of "platform", which is SECURE_PLATFORM */
	char crl[DAEMON_PATH_MAX]; /* with nobody on it */
};

struct secure {
	struct command *command;
	struct certs_authority *ours, *foreign;
	struct secure_files files;
	const char *tls, *tcp; /* the daemon's TCP address, for those who speak TLS and for those who do not */
};

/* Writes files of an authority's into a directory. */
void secure_make(struct certs_authority *ours, const char *dir, struct secure_files *out);

int secure_set_up(void **state); /* nothing is started */
int secure_tear_down(void **state);

/* candord with a TCP listener, certificate and key, and options (NULL-terminated, may be NULL). */
void secure_start(struct secure *s, const char *const *options);

/* Gives a principal rights in all pools. */
void secure_allow(const struct secure *s, const char *principal, unsigned rights);

/* Writes a certificate with its key to files of these names in the directory. */
void secure_write(const struct secure *s, const struct certs_pair *pair, const char *cert, const char *key);

/* "DIR/NAME", for a test's own files. */
void secure_path(const struct secure *s, const char *name, char out[DAEMON_PATH_MAX]);

/* How often the daemon has said something that has these words in it; and waiting until it has so many times. */
unsigned secure_said(const struct secure *s, const char *words);
void secure_await(const struct secure *s, const char *words, unsigned times);

/* The daemon is told to read its files anew, and has done so or said why not. */
void secure_reload(const struct secure *s);

/* A new certificate is written to its file, and reloaded. */
void secure_show(const struct secure *s, struct certs_authority *by, const struct certs_wish *wish);

#endif
