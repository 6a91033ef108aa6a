/* With what certificates candord starts and goes on: settings, files that are wrong, files that are changed. */
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/lib/secure.h"

static const struct certs_wish good = {.name = "candor.test", .address = "127.0.0.1", .from_days = -1, .until_days = 9};

/* ---- files that change ---- */

static int ask(struct candor *c)
{
	const struct candor_request r = {.type = CANDOR_REQ_INFO};
	const struct candor_response *response;
	int err = candor_call(c, &r, &response);
	return err ? err : (int)response->code;
}

static void new_connections_get_new_certificates(void **state)
{
	struct secure *s = *state;
	char theirs[96];
	secure_path(s, "foreign.pem", theirs);
	files_write_text(theirs, certs_authority_pem(s->foreign));
	const struct candor_options ours = {.ca = s->files.ca}, foreign = {.ca = theirs};
	struct candor *old, *fresh, *none;
	secure_start(s, NULL);
	secure_allow(s, "anonymous", CANDOR_RIGHT_READ);
	assert_int_equal(daemon_open(&s->command->daemon, &old, s->tls, &ours), 0);
	assert_int_equal(daemon_open(&s->command->daemon, &none, s->tls, &foreign), CANDOR_ERR_TLS);

	secure_show(s, s->foreign, &good);
	assert_int_equal(daemon_open(&s->command->daemon, &none, s->tls, &ours), CANDOR_ERR_TLS);
	assert_int_equal(daemon_open(&s->command->daemon, &fresh, s->tls, &foreign), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(ask(old), CANDOR_OK);
		assert_int_equal(ask(fresh), CANDOR_OK);
	}
	daemon_disconnect(&s->command->daemon, old);
	assert_int_equal(ask(fresh), CANDOR_OK);
	assert_int_equal(secure_said(s, "SIGHUP: certificates reloaded for new connections"), 1);
}

static void a_wrong_file_changes_nothing(void **state)
{
	struct secure *s = *state;
	const struct candor_options ours = {.ca = s->files.ca};
	struct certs_pair other = certs_make(s->ours, &good);
	struct candor *old, *fresh;
	char words[256];
	secure_start(s, ARGS("--tls-ca", s->files.ca));
	secure_allow(s, "anonymous", CANDOR_RIGHT_READ);
	assert_int_equal(daemon_open(&s->command->daemon, &old, s->tls, &ours), 0);
	const struct {
		const char *path, *text, *setting;
	} rows[] = {
		{s->files.cert, "nonsense\n", "tls_cert"},
		{s->files.key, other.key, "tls_key"}, /* of another certificate */
		{s->files.ca, "", "tls_ca"},
		{s->files.cert, NULL, "tls_cert"}, /* not there */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char was[8192];
		files_read_text(rows[i].path, was, sizeof was);
		if (rows[i].text)
			files_write_text(rows[i].path, rows[i].text);
		else
			assert_int_equal(remove(rows[i].path), 0);
		secure_reload(s);
		snprintf(words, sizeof words, "error: SIGHUP: certificates not reloaded: %s %s: ", rows[i].setting,
			 rows[i].path);
		secure_await(s, words, 1);
		files_write_text(rows[i].path, was);
		assert_int_equal(daemon_open(&s->command->daemon, &fresh, s->tls, &ours), 0);
		assert_int_equal(ask(fresh), CANDOR_OK);
		assert_int_equal(ask(old), CANDOR_OK);
		daemon_disconnect(&s->command->daemon, fresh);
	}
	certs_free(&other);
}

/* Whom the daemon trusts is read anew too. */
static void a_revoked_client_is_served_no_longer(void **state)
{
	struct secure *s = *state;
	struct command *c = s->command;
	char pem[8192] = "";
	secure_start(s, ARGS("--tls-ca", s->files.ca, "--tls-crl", s->files.crl));
	secure_allow(s, SECURE_PLATFORM, CANDOR_RIGHT_READ);
	setenv("CANDOR_SERVER", s->tls, 1);
	setenv("CANDOR_CA", s->files.ca, 1);
	setenv("CANDOR_CERT", s->files.client_cert, 1);
	setenv("CANDOR_KEY", s->files.client_key, 1);
	assert_candor(c, 0, "info");
	FILE *f = fopen(s->files.client_cert, "r");
	assert_non_null(f);
	assert_true(fread(pem, 1, sizeof pem - 1, f) > 0);
	fclose(f);
	char *revoked = certs_revoke(s->ours, pem);
	files_write_text(s->files.crl, revoked);
	free(revoked);
	secure_reload(s);
	assert_candor(c, 4, "info");
	assert_says(c->err, "certificate revoked");
}

static void without_certificates_there_is_nothing_to_reload(void **state)
{
	struct secure *s = *state;
	daemon_start(&s->command->daemon, NULL);
	secure_reload(s);
	assert_int_equal(secure_said(s, "SIGHUP: no certificates to reload"), 1);
	assert_candor(s->command, 0, "info");
}

/* ---- settings ---- */

/* candord with these options besides the database: its exit status; what it said is in c->err. */
static int run_candord(struct secure *s, const char *const *options)
{
	struct command *c = s->command;
	const char *argv[24] = {"candord", "--db", c->daemon.db};
	for (size_t n = 3; *options; options++)
		argv[n++] = *options;
	int code = daemon_run(argv, NULL, c->out_path, c->err_path);
	FILE *f = fopen(c->err_path, "r");
	assert_non_null(f);
	c->err[fread(c->err, 1, sizeof c->err - 1, f)] = 0;
	fclose(f);
	f = fopen(c->out_path, "r");
	assert_non_null(f);
	c->out[fread(c->out, 1, sizeof c->out - 1, f)] = 0;
	fclose(f);
	return code;
}

static void settings_that_do_not_fit_are_refused(void **state)
{
	struct secure *s = *state;
	const struct secure_files *p = &s->files;
	const struct {
		const char *options[8], *says;
	} rows[] = {
		{{"--tls-cert", p->cert}, "tls_cert and tls_key require each other; tls_key is missing"},
		{{"--tls-key", p->key}, "tls_cert and tls_key require each other; tls_cert is missing"},
		{{"--tls-ca", p->ca}, "tls_ca requires tls_cert and tls_key"},
		{{"--tls-cert", p->cert, "--tls-key", p->key, "--tls-crl", p->crl}, "tls_crl requires tls_ca"},
		{{"--insecure", "maybe"}, "must be yes or no, not 'maybe'"},
		{{"--insecure", "\033[2J"}, "must be yes or no; the value contains a control character"},
		{{"--listen", "tls:127.0.0.1:0"}, "with tls_cert, tcp: and http: use TLS"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(run_candord(s, rows[i].options), 2);
		assert_says(s->command->err, rows[i].says);
	}
	assert_int_equal(run_candord(s, ARGS("--tls-cert", p->cert, "--tls-key", p->key, "--tls-ca", p->ca, "--tls-crl",
					     p->crl, "--insecure", "yes", "--check-config")),
			 0);
	assert_says(s->command->out, "insecure = yes\n");
	assert_says(s->command->out, p->crl);
	assert_int_equal(run_candord(s, ARGS("--check-config")), 0);
	assert_null(strstr(s->command->out, "tls_"));
}

static void wrong_files_are_refused_by_name(void **state)
{
	struct secure *s = *state;
	const struct secure_files *p = &s->files;
	char pipe[96], large[96], words[256];
	secure_path(s, "pipe", pipe);
	secure_path(s, "large", large);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	char *zeros = calloc(1, (1 << 20) + 1);
	memset(zeros, ' ', 1 << 20);
	files_write_text(large, zeros);
	files_write_bytes(large, zeros, (1 << 20) + 1);
	free(zeros);
	const struct {
		const char *setting, *path, *says, *options[10];
	} rows[] = {
		{"tls_cert",
		 "/nonexistent.pem",
		 "No such file or directory",
		 {"--tls-cert", "/nonexistent.pem", "--tls-key", p->key}},
		{"tls_cert", p->key, "", {"--tls-cert", p->key, "--tls-key", p->key}},
		{"tls_key", p->client_key, "key values mismatch", {"--tls-cert", p->cert, "--tls-key", p->client_key}},
		{"tls_key", p->ca, "", {"--tls-cert", p->cert, "--tls-key", p->ca}},
		{"tls_key", pipe, "not a PEM file", {"--tls-cert", p->cert, "--tls-key", pipe}},
		{"tls_key", large, "larger than 1 MiB", {"--tls-cert", p->cert, "--tls-key", large}},
		{"tls_ca", "/", "not a PEM file", {"--tls-cert", p->cert, "--tls-key", p->key, "--tls-ca", "/"}},
		{"tls_crl",
		 p->ca,
		 "",
		 {"--tls-cert", p->cert, "--tls-key", p->key, "--tls-ca", p->ca, "--tls-crl", p->ca}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(run_candord(s, rows[i].options), 1);
		snprintf(words, sizeof words, "error: cannot start: %s %s: %s", rows[i].setting, rows[i].path,
			 rows[i].says);
		assert_says(s->command->err, words);
	}
}

/* 192.0.2.1 is for documentation and nobody's: what gets so far as to bind to it fails there. */
static void without_tls_only_loopback_is_listened_to(void **state)
{
	struct secure *s = *state;
	const struct secure_files *p = &s->files;
	static const char refused[] =
		"is not loopback and would not be encrypted: set tls_cert and tls_key, or insecure = yes if this is "
		"intended";
	static const char *const addresses[] = {"tcp:0.0.0.0:0", "tcp:192.0.2.1:1", "tcp:[::]:0"};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(run_candord(s, ARGS("--listen", addresses[i])), 1);
		assert_says(s->command->err, addresses[i]);
		assert_says(s->command->err, refused);
		assert_null(strstr(s->command->err, "listening on"));
	}
	assert_int_equal(run_candord(s, ARGS("--listen", "tcp:192.0.2.1:1", "--insecure", "yes")), 1);
	assert_null(strstr(s->command->err, refused));
	assert_says(s->command->err, "is not encrypted: anyone on the network path can read");
	assert_says(s->command->err, "cannot listen on tcp:192.0.2.1:1: address not available");
	assert_int_equal(
		run_candord(s, ARGS("--listen", "tcp:192.0.2.1:1", "--tls-cert", p->cert, "--tls-key", p->key)), 1);
	assert_null(strstr(s->command->err, "encrypted"));
	assert_says(s->command->err, "cannot listen on tls:192.0.2.1:1: address not available");

	/* And loopback needs neither. */
	daemon_start(&s->command->daemon, ARGS("--listen", "tcp:127.0.0.1:0", "--insecure", "no"));
	assert_candor(s->command, 0, "info");
}

#define TLS(test) cmocka_unit_test_setup_teardown(test, secure_set_up, secure_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS(new_connections_get_new_certificates),     TLS(a_wrong_file_changes_nothing),
		TLS(a_revoked_client_is_served_no_longer),     TLS(without_certificates_there_is_nothing_to_reload),
		TLS(settings_that_do_not_fit_are_refused),     TLS(wrong_files_are_refused_by_name),
		TLS(without_tls_only_loopback_is_listened_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
