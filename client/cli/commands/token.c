/* candor token: new, list, revoke. A token is shown once, on standard output or in a file of the user's own. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/commands/grants.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/pages.h"
#include "lib/rights.h"
#include "client/cli/base/table.h"
#include "lib/base/text.h"
#include "lib/base/wipe.h"

enum { HOUR_MS = 3600 * 1000, DAYS_MAX = 36500 };

static uint64_t wall_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	/* A clock that was never set may be before 1970. */
	return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- new ---- */

/* "30d", "12h" or a date. */
static uint64_t parse_expiry(const struct cli *c, const char *text)
{
	char digits[16];
	size_t len = strspn(text, "0123456789");
	uint64_t n, ms;
	if (text_date(text, &ms) && ms > 0)
		return ms;
	snprintf(digits, sizeof digits, "%.*s", (int)(len < sizeof digits ? len : 0), text);
	bool days = strcmp(text + len, "d") == 0, hours = strcmp(text + len, "h") == 0;
	if ((!days && !hours) || !cli_parse_count(digits, &n) || n == 0 || n > DAYS_MAX * (hours ? 24 : 1))
		cli_usage(c,
			  "--expires is \"%s\"; it must be days or hours from now, like 30d or 12h, or a "
			  "date like 2026-12-31 "
			  "or 2026-12-31T12:00:00Z, in UTC",
			  text);
	return wall_ms() + n * (hours ? 1 : 24) * HOUR_MS;
}

/* Whether it is the name of a principal instead of a token. */
static bool has_mark(const char *name)
{
	return strncmp(name, "token:", 6) == 0;
}

struct new_token {
	const char *name, *out; /* out: a file; NULL: standard output */
	uint64_t expires_at;
	struct candor_grant grant;
};

static void parse_new(struct cli *c, int argc, char **argv, struct new_token *t)
{
	static const struct option own[] = {CLI_GRANT_OPTIONS,
					    {"expires", required_argument, NULL, 'e'},
					    {"out", required_argument, NULL, 'o'},
					    {0}};
	t->grant = (struct candor_grant){.principal = "", .pool = "", .prefix = ""};
	for (int opt; (opt = cli_option(c, argc, argv, own)) != -1;) {
		if (opt == 'e')
			t->expires_at = parse_expiry(c, optarg);
		else if (opt == 'o')
			t->out = optarg;
		else
			cli_grant_option(c, opt, &t->grant);
	}
	char **o = cli_operands(c, argc, argv, 2, argc, "NAME RIGHTS...");
	t->name = o[0];
	const char *fault = token_name_fault(t->name, strlen(t->name));
	if (!fault && has_mark(t->name))
		fault = "begins with token:; leave that out";
	if (fault)
		cli_usage(c, "NAME %s", fault);
	cli_grant_rights(c, o + 1, &t->grant);
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Bypasses stdio, which would keep a copy. */
static bool write_secret(int fd, const char *secret)
{
	return write_all(fd, secret, strlen(secret)) && write_all(fd, "\n", 1);
}

static void print_document(const struct candor_response *r, const struct new_token *t)
{
	struct cli_json d;
	cli_json_begin(&d);
	json_out_open(&d.j, '{');
	json_out_members(&d.j, json_part(cli_json_body(&d, r), "token"));
	cli_json_text(&d.j, t->out ? "file" : "secret", t->out ? t->out : r->secret);
	json_out_close(&d.j, '}');
	cli_json_print(&d);
}

/* Whether the token was written where it should be. */
static bool deliver(const struct cli *c, const struct candor_response *r, const struct new_token *t, int fd)
{
	if (t->out && (!write_secret(fd, r->secret) || fsync(fd) != 0))
		return false;
	if (c->json)
		print_document(r, t);
	else if (!t->out && !write_secret(STDOUT_FILENO, r->secret))
		return false;
	return fflush(stdout) == 0 && !ferror(stdout);
}

static void say_made(struct cli *c, const struct new_token *t)
{
	struct cli_grant_text what = cli_grant_words(&t->grant);
	cli_note("token:%s may now %s%s; it %s%s%s", t->name, what.s, cli_grant_doubt(c, &t->grant),
		 t->expires_at ? "expires " : "never expires", t->expires_at ? cli_time(t->expires_at).s : "",
		 t->expires_at ? " UTC" : "");
	if (t->out)
		cli_note("The token is in %s, which only you can read; the daemon cannot show it again.", t->out);
	else
		cli_note("The line above is the token; the daemon cannot show it again.");
}

/* A token that nobody has must not stay valid. */
static void take_back(struct cli *c, const char *name)
{
	const struct candor_request request = {.type = CANDOR_REQ_REVOKE_TOKEN, .name = name};
	const struct candor_response *response;
	if (cli_call(c, &request, &response) == CLI_DONE)
		cli_note("It has been revoked; a new one needs another name.");
	else
		cli_note("Revoke it: candor token revoke %s", name);
}

static int new_token(struct cli *c, int argc, char **argv)
{
	struct new_token t = {0};
	parse_new(c, argc, argv, &t);
	int fd = t.out ? open(t.out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	if (t.out && fd < 0)
		return cli_fail_file(c, t.out, -errno);
	const struct candor_request request = {.type = CANDOR_REQ_CREATE_TOKEN,
					       .name = t.name,
					       .expires_at = t.expires_at,
					       .n = 1,
					       .grants = &t.grant};
	const struct candor_response *r;
	int err = cli_call(c, &request, &r);
	bool is_made = !err;
	if (is_made && !deliver(c, r, &t, fd))
		err = cli_fail(c, CLI_USAGE, CANDOR_FAILED_PRECONDITION, "cannot write the token to %s: %s",
			       t.out ? t.out : "standard output", candor_strerror(-errno));
	if (is_made)
		wipe((char *)(uintptr_t)r->secret, strlen(r->secret));
	if (is_made && err)
		take_back(c, t.name);
	if (fd >= 0)
		close(fd);
	if (err && t.out)
		unlink(t.out);
	if (!err)
		say_made(c, &t);
	return err;
}

/* ---- list ---- */

static const char *state_of(const struct candor_token *t, uint64_t now_ms)
{
	if (t->revoked_at)
		return "revoked";
	return t->expires_at && t->expires_at <= now_ms ? "expired" : "active";
}

static void list_row(struct cli_table *table, const struct candor_token *t, uint64_t now_ms)
{
	cli_table_name(table, t->name);
	cli_table_cell(table, "%s", cli_time(t->created_at).s);
	cli_table_cell(table, "%s", t->expires_at ? cli_time(t->expires_at).s : "never");
	cli_table_cell(table, "%s", state_of(t, now_ms));
}

static void list_objects(struct cli_json *d, const struct candor_response *page, uint64_t now_ms)
{
	const ProtobufCMessage *const *rows;
	size_t n = json_rows(cli_json_body(d, page), &rows);
	for (size_t i = 0; i < n; i++) {
		json_out_open(&d->j, '{');
		json_out_members(&d->j, rows[i]);
		cli_json_text(&d->j, "state", state_of(&page->tokens[i], now_ms));
		json_out_close(&d->j, '}');
	}
}

static int list_tokens(struct cli *c, int argc, char **argv)
{
	static const struct cli_column columns[] = {
		{.title = "token", .shrink = true, .middle = true},
		{.title = "created (UTC)"},
		{.title = "expires (UTC)"},
		{.title = "state"},
	};
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	cli_operands(c, argc, argv, 0, 0, "");
	const struct candor_request request = {.type = CANDOR_REQ_LIST_TOKENS};
	const uint64_t now_ms = wall_ms();
	struct cli_pages p;
	struct cli_json d;
	struct cli_table table;
	cli_pages_begin(&p, c, &request, NULL, UINT64_MAX);
	cli_json_begin_list(&d, "tokens");
	cli_table_init(&table, columns, sizeof columns / sizeof *columns);
	while (cli_pages_next(&p)) {
		if (c->json)
			list_objects(&d, p.response, now_ms);
		for (size_t i = 0; !c->json && i < p.response->n; i++)
			list_row(&table, &p.response->tokens[i], now_ms);
	}
	cli_json_end_list(&d, c->json && !p.code);
	if (!p.code && !c->json && table.n == 0)
		cli_note("There are no tokens yet. `candor token new NAME RIGHTS...` creates one.");
	else if (!p.code && !c->json)
		cli_table_print(&table, &c->term, stdout);
	cli_table_free(&table);
	return p.code;
}

/* ---- revoke ---- */

static int revoke_token(struct cli *c, int argc, char **argv)
{
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	const char *name = cli_operands(c, argc, argv, 1, 1, "NAME")[0];
	const struct candor_request request = {.type = CANDOR_REQ_REVOKE_TOKEN, .name = name};
	struct candor_batch batch;
	int err = cli_batch(c, &request, NULL, &batch);
	if (err == CLI_REFUSED && has_mark(name))
		cli_note("Give the token's name without token:");
	if (!err && batch.accepted)
		cli_note("token:%s is revoked, and its grants are removed", name);
	else if (!err)
		cli_note("token:%s was already revoked", name);
	return err;
}

/* ---- which of them ---- */

static int run_token(struct cli *c, int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"new", new_token}, {"list", list_tokens}, {"revoke", revoke_token}, {0}};
	return cli_run_verb(c, argc, argv, verbs, "new, list or revoke");
}

CLI_COMMAND(token) = {
	.name = "token",
	.summary = "create, list and revoke the tokens that programs authenticate with",
	.help = "usage: candor token new NAME RIGHTS... [--pool POOL] [--labelers PREFIX]\n"
		"                        [--expires WHEN] [--out FILE]\n"
		"       candor token list\n"
		"       candor token revoke NAME\n\n"
		"`new` creates a token and prints it on stdout, only this once: the daemon keeps\n"
		"nothing but its hash. Anyone with it is token:NAME (`candor --token-file FILE`), with\n"
		"the given RIGHTS. `candor grants --help` lists the rights, and `candor grants` adds\n"
		"and removes them later. A NAME can be used only once, even after its token was\n"
		"revoked. `revoke` invalidates a token at once, on open connections too.\n\n"
		"Options:\n"
		"  --pool POOL         in this pool only (default: in all, including future ones)\n"
		"  --labelers PREFIX   report only for labelers whose names begin with PREFIX\n"
		"  --expires WHEN      30d or 12h from now, or a date like 2026-12-31, in UTC (never)\n"
		"  --out FILE          write it to FILE, which must not exist; only you can read it\n\n"
		"Example:\n"
		"  candor token new acme report --pool birds --labelers acme/ --out acme.token\n"
		"  candor --token-file acme.token report birds photo-17 acme/ann 0.8\n",
	.run = run_token,
};
