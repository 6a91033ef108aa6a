#include "tests/lib/secure.h"

#include <signal.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "tests/lib/clock.h"

enum { OPTIONS_MAX = 24 };

void secure_make(struct certs_authority *ours, const char *dir, struct secure_files *out)
{
	const struct certs_wish server = {.name = "candor.test",
					  .address = "127.0.0.1",
					  .from_days = -1,
					  .until_days = 9},
				client = {.name = "platform", .from_days = -1, .until_days = 9};
	struct certs_pair s = certs_make(ours, &server), c = certs_make(ours, &client);
	char *revoked = certs_revoke(ours, NULL);
	snprintf(out->ca, sizeof out->ca, "%s/ca.pem", dir);
	snprintf(out->cert, sizeof out->cert, "%s/cert.pem", dir);
	snprintf(out->key, sizeof out->key, "%s/key.pem", dir);
	snprintf(out->client_cert, sizeof out->client_cert, "%s/client-cert.pem", dir);
	snprintf(out->client_key, sizeof out->client_key, "%s/client-key.pem", dir);
	snprintf(out->crl, sizeof out->crl, "%s/crl.pem", dir);
	files_write_text(out->ca, certs_authority_pem(ours));
	files_write_text(out->cert, s.certificate);
	files_write_text(out->key, s.key);
	files_write_text(out->client_cert, c.certificate);
	files_write_text(out->client_key, c.key);
	files_write_text(out->crl, revoked);
	free(revoked);
	certs_free(&s);
	certs_free(&c);
}

int secure_set_up(void **state)
{
	static struct secure s;
	void *command;
	int err = command_set_up_alone(&command);
	s = (struct secure){.command = command};
	s.tls = s.command->daemon.tls;
	s.tcp = s.command->daemon.tcp;
	s.ours = certs_authority_new("ours");
	s.foreign = certs_authority_new("foreign");
	secure_make(s.ours, s.command->daemon.dir, &s.files);
	*state = &s;
	return err;
}

int secure_tear_down(void **state)
{
	static const char *const variables[] = {"CANDOR_CA", "CANDOR_CERT", "CANDOR_KEY"};
	struct secure *s = *state;
	void *command = s->command;
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	certs_authority_free(s->ours);
	certs_authority_free(s->foreign);
	return command_tear_down(&command);
}

void secure_start(struct secure *s, const char *const *options)
{
	const char *all[OPTIONS_MAX] = {"--listen",    "tcp:127.0.0.1:0", "--tls-cert",
					s->files.cert, "--tls-key",       s->files.key};
	for (size_t n = 6; options && *options && n < OPTIONS_MAX - 1; options++)
		all[n++] = *options;
	daemon_start(&s->command->daemon, all);
	require(*s->tls);
}

void secure_allow(const struct secure *s, const char *principal, unsigned rights)
{
	allow(s->command->daemon.address, principal, rights);
}

void secure_path(const struct secure *s, const char *name, char out[DAEMON_PATH_MAX])
{
	daemon_path(&s->command->daemon, name, out);
}

void secure_write(const struct secure *s, const struct certs_pair *pair, const char *cert, const char *key)
{
	char path[DAEMON_PATH_MAX];
	secure_path(s, cert, path);
	files_write_text(path, pair->certificate);
	secure_path(s, key, path);
	files_write_text(path, pair->key);
}

unsigned secure_said(const struct secure *s, const char *words)
{
	return daemon_said(&s->command->daemon, words);
}

void secure_await(const struct secure *s, const char *words, unsigned times)
{
	for (int i = 0; i < 3000 && secure_said(s, words) < times; i++)
		nap_ms(10);
	assert_true(secure_said(s, words) >= times);
}

void secure_reload(const struct secure *s)
{
	unsigned before = secure_said(s, "SIGHUP: ");
	assert_int_equal(kill(s->command->daemon.pid, SIGHUP), 0);
	secure_await(s, "SIGHUP: ", before + 1);
}

void secure_show(const struct secure *s, struct certs_authority *by, const struct certs_wish *wish)
{
	struct certs_pair pair = certs_make(by, wish);
	secure_write(s, &pair, "cert.pem", "key.pem");
	certs_free(&pair);
	secure_reload(s);
}
