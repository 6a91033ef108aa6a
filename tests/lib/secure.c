#include "tests/lib/secure.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/err.h"

enum { OPTIONS_MAX = 24 };

static void join(const char *dir, const char *name, char out[96])
{
	require(snprintf(out, 96, "%s/%s", dir, name) < 96);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	require(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

void secure_make(struct certs_authority *ours, const char *dir, struct secure_files *out)
{
	const struct certs_wish server = {.name = "candor.test",
					  .address = "127.0.0.1",
					  .from_days = -1,
					  .until_days = 9},
				client = {.name = "platform", .from_days = -1, .until_days = 9};
	struct certs_pair s = certs_make(ours, &server), c = certs_make(ours, &client);
	char *revoked = certs_revoke(ours, NULL);
	join(dir, "ca.pem", out->ca);
	join(dir, "cert.pem", out->cert);
	join(dir, "key.pem", out->key);
	join(dir, "client-cert.pem", out->client_cert);
	join(dir, "client-key.pem", out->client_key);
	join(dir, "crl.pem", out->crl);
	write_text(out->ca, certs_authority_pem(ours));
	write_text(out->cert, s.certificate);
	write_text(out->key, s.key);
	write_text(out->client_cert, c.certificate);
	write_text(out->client_key, c.key);
	write_text(out->crl, revoked);
	free(revoked);
	certs_free(&s);
	certs_free(&c);
}

bool secure_find(const struct daemon *d, char tls[64], char tcp[64])
{
	static const char says[] = "listening on t"; /* of either scheme */
	char path[96], line[512], rest[48] = "";
	join(d->dir, "log", path);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f)) {
		const char *at = strstr(line, says);
		if (at && (at = strchr(at, ':')))
			snprintf(rest, sizeof rest, "%.*s", (int)strcspn(at, "\n"), at);
	}
	if (f)
		fclose(f);
	snprintf(tls, 64, "tls%s", rest);
	snprintf(tcp, 64, "tcp%s", rest);
	return *rest;
}

int secure_set_up(void **state)
{
	static struct secure s;
	void *command;
	int err = command_set_up_alone(&command);
	s = (struct secure){.command = command};
	s.ours = certs_authority_new("ours");
	s.foreign = certs_authority_new("foreign");
	secure_make(s.ours, s.command->daemon.dir, &s.files);
	*state = &s;
	return err;
}

static struct command *let_go(struct secure *s)
{
	static const char *const variables[] = {"CANDOR_CA", "CANDOR_CERT", "CANDOR_KEY"};
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	certs_authority_free(s->ours);
	certs_authority_free(s->foreign);
	return s->command;
}

int secure_tear_down(void **state)
{
	void *command = let_go(*state);
	return command_tear_down(&command);
}

int secure_tear_down_alone(void **state)
{
	void *command = let_go(*state);
	return command_tear_down_alone(&command);
}

void secure_start(struct secure *s, const char *const *options)
{
	const char *all[OPTIONS_MAX] = {"--listen",    "tcp:127.0.0.1:0", "--tls-cert",
					s->files.cert, "--tls-key",       s->files.key};
	for (size_t n = 6; options && *options && n < OPTIONS_MAX - 1; options++)
		all[n++] = *options;
	daemon_start(&s->command->daemon, all);
	require(secure_find(&s->command->daemon, s->tls, s->tcp));
}

void secure_allow(const struct secure *s, const char *principal, unsigned rights)
{
	allow(s->command->daemon.address, principal, rights);
}

void secure_path(const struct secure *s, const char *name, char out[96])
{
	join(s->command->daemon.dir, name, out);
}

void secure_write(const struct secure *s, const struct certs_pair *pair, const char *cert, const char *key)
{
	char path[96];
	secure_path(s, cert, path);
	write_text(path, pair->certificate);
	secure_path(s, key, path);
	write_text(path, pair->key);
}

unsigned secure_said(const struct secure *s, const char *words)
{
	char path[96], line[1024];
	unsigned n = 0;
	secure_path(s, "log", path);
	FILE *f = fopen(path, "r");
	require(f);
	while (fgets(line, sizeof line, f))
		n += strstr(line, words) != NULL;
	fclose(f);
	return n;
}

void secure_nap(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000 * 1000}, NULL);
}

void secure_await(const struct secure *s, const char *words, unsigned times)
{
	for (int i = 0; i < 3000 && secure_said(s, words) < times; i++)
		secure_nap(10);
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
