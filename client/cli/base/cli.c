#include "client/cli/base/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/options.h"
#include "lib/base/similar.h"
#include "lib/base/streams.h"
#include "lib/base/wipe.h"
#include "lib/address.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/progress.h"
#include "client/cli/base/token_file.h"
#include "client/cli/base/visible.h"

enum { RETRY_MS = 60 * 1000 }; /* the longest total wait of one request for the rate limit, without --timeout */

/* ---- words ---- */

static void say(const char *before, const char *format, va_list args)
{
	fputs(before, stderr);
	vfprintf(stderr, format, args);
	putc('\n', stderr);
}

void cli_note(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say("", format, args);
	va_end(args);
}

static void say_error(const struct cli *c, const char *format, va_list args)
{
	fprintf(stderr, "%scandor:%s ", cli_red(c->term.err_color), cli_plain(c->term.err_color));
	say("", format, args);
}

void cli_error(const struct cli *c, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say_error(c, format, args);
	va_end(args);
}

static char *format_text(const char *format, va_list args)
{
	char *text;
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	return cli_memory(text);
}

/* The first failure counts: later ones follow from it. */
static void remember(struct cli *c, enum candor_code code, const char *format, va_list args)
{
	if (c->failure[0])
		return;
	c->failure_code = code;
	vsnprintf(c->failure, sizeof c->failure, format, args);
}

int cli_fail(struct cli *c, enum cli_exit exit_code, enum candor_code code, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	say_error(c, format, args);
	remember(c, code, format, again);
	va_end(again);
	va_end(args);
	return (int)exit_code;
}

void cli_keep_failure(struct cli *c, enum candor_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	remember(c, code, format, args);
	va_end(args);
}

static enum candor_code code_of(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR: return CANDOR_NOT_FOUND;
	case -EEXIST: return CANDOR_ALREADY_EXISTS;
	case -EACCES:
	case -EPERM:
	case -EROFS: return CANDOR_PERMISSION_DENIED;
	case -ENOSPC:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM: return CANDOR_RESOURCE_EXHAUSTED;
	default: return CANDOR_FAILED_PRECONDITION;
	}
}

int cli_fail_file(struct cli *c, const char *what, int err)
{
	return cli_fail(c, CLI_USAGE, code_of(err), "%s: %s", what, candor_strerror(err));
}

int cli_refusal(struct cli *c, enum candor_code code, const char *message)
{
	cli_error(c, "%s: %s", candor_code_name(code), message);
	cli_keep_failure(c, code, "%s", message);
	return CLI_REFUSED;
}

/* ---- failures for programs ---- */

static void put_error(struct json_out *j, enum candor_code code, const char *message)
{
	cli_json_open(j, "error", '{');
	json_out_key(j, "code");
	json_out_code(j, code);
	cli_json_text(j, "message", message);
	json_out_close(j, '}');
}

static void print_error(enum candor_code code, const char *message)
{
	struct cli_json d;
	cli_json_begin(&d);
	json_out_open(&d.j, '{');
	put_error(&d.j, code, message);
	json_out_close(&d.j, '}');
	cli_json_print(&d);
}

void cli_print_failure(struct cli *c, int exit_code)
{
	if (c->json && exit_code > CLI_ROWS && !c->failure_told)
		print_error(c->failure[0] ? c->failure_code : CANDOR_INTERNAL,
			    c->failure[0] ? c->failure : "see standard error for what went wrong");
}

void cli_put_failure(struct cli *c, struct json_out *j)
{
	if (!c->failure[0])
		return;
	put_error(j, c->failure_code, c->failure);
	c->failure_told = true;
}

/* The mistake may come before the option. */
static bool wants_json(const struct cli *c)
{
	bool wanted = c->json;
	for (size_t i = 0; c->argv && c->argv[i]; i++)
		wanted = wanted || strcmp(c->argv[i], "--json") == 0;
	return wanted;
}

_Noreturn void cli_usage(const struct cli *c, const char *format, ...)
{
	const char *command = c->command ? c->command->name : "";
	va_list args;
	va_start(args, format);
	char *message = format_text(format, args);
	va_end(args);
	cli_error(c, "%s", message);
	cli_note("See `candor %s%s--help`.", command, *command ? " " : "");
	if (wants_json(c))
		print_error(CANDOR_INVALID_ARGUMENT, message);
	free(message);
	cli_exit(c, CLI_USAGE);
}

_Noreturn void cli_exit(const struct cli *c, int exit_code)
{
	int err = streams_finish();
	/* Who reads no more wants to hear no more. */
	if (err && err != -EPIPE)
		cli_error(c, "cannot write to standard output%s%s", err < 0 ? ": " : "",
			  err < 0 ? candor_strerror(err) : "");
	exit(err && exit_code == CLI_DONE ? CLI_USAGE : exit_code);
}

/* ---- no way to the daemon ---- */

/* Whether the fault is that a certificate's authority is not trusted. */
static bool is_distrust(const char *fault)
{
	static const char *const words[] = {"issuer", "self-signed", "self signed", "first certificate", "signature"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strstr(fault, words[i]))
			return true;
	return false;
}

static void fail_channel(struct cli *c, const char *fault)
{
	cli_fail(c, CLI_UNREACHABLE, CANDOR_UNAVAILABLE, "cannot connect to %s: %s", c->server, fault);
	if (is_distrust(fault) && c->ca)
		cli_note("Only the certificate authorities in %s are trusted (--ca or CANDOR_CA).", c->ca);
	else if (is_distrust(fault))
		cli_note("Only this system's certificate authorities are trusted; --ca FILE sets others.");
}

int cli_unreachable(struct cli *c, bool was_there, int err, const char *fault)
{
	const bool is_plain = strncmp(c->server, "tcp:", 4) == 0;
	if (err == CANDOR_ERR_TLS) {
		fail_channel(c, *fault ? fault : candor_strerror(err));
		return CLI_UNREACHABLE;
	}
	cli_fail(c, CLI_UNREACHABLE, CANDOR_UNAVAILABLE,
		 was_there ? "lost the connection to candord at %s: %s" : "cannot reach candord at %s: %s", c->server,
		 candor_strerror(err));
	if (was_there)
		return CLI_UNREACHABLE;
	if (err == -EACCES)
		cli_note("Your user is not allowed to open that socket: check the permissions of its file and of the "
			 "directories above it.");
	else if (is_plain && (err == -ECONNRESET || err == -EPIPE || err <= CANDOR_ERR_TOO_BIG))
		cli_note("If the daemon uses TLS on that port, the address must begin with tls: instead of tcp:.");
	else
		cli_note("Is it running? --server or CANDOR_SERVER sets another address.");
	return CLI_UNREACHABLE;
}

void *cli_memory(void *block)
{
	if (!block) {
		fputs("candor: out of memory\n", stderr);
		exit(CLI_USAGE);
	}
	return block;
}

/* ---- options ---- */

enum {
	OPT_SERVER = CHAR_MAX + 1000,
	OPT_JSON,
	OPT_TIMEOUT,
	OPT_CA,
	OPT_CERT,
	OPT_KEY,
	OPT_TOKEN_FILE,
	OPT_HELP,
	OPTIONS_MAX = 48
};

static const struct option common[] = {
	{"server", required_argument, NULL, OPT_SERVER},
	{"json", no_argument, NULL, OPT_JSON},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"ca", required_argument, NULL, OPT_CA},
	{"cert", required_argument, NULL, OPT_CERT},
	{"key", required_argument, NULL, OPT_KEY},
	{"token-file", required_argument, NULL, OPT_TOKEN_FILE},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static bool is_common(struct cli *c, int opt)
{
	switch (opt) {
	case OPT_SERVER: c->server = optarg; return true;
	case OPT_CA: c->ca = optarg; return true;
	case OPT_CERT: c->cert = optarg; return true;
	case OPT_KEY: c->key = optarg; return true;
	case OPT_TOKEN_FILE:
		c->token_file = optarg;
		c->token_file_given = true;
		return true;
	case OPT_JSON: c->json = true; return true;
	case OPT_TIMEOUT:
		c->timeout_ms = (uint64_t)(1000 * cli_real(c, "--timeout", optarg, 0.001, 86400));
		return true;
	case OPT_HELP:
		if (!c->command)
			return false;
		fputs(c->command->help, stdout);
		cli_exit(c, CLI_DONE);
	default: return false;
	}
}

static size_t append_options(struct option *all, size_t n, const struct option *more)
{
	for (; more && more->name; more++) {
		require(n + 1 < OPTIONS_MAX);
		all[n++] = *more;
	}
	return n;
}

int cli_option(struct cli *c, int argc, char **argv, const struct option *own)
{
	struct option all[OPTIONS_MAX] = {0};
	append_options(all, append_options(all, 0, common), own);
	char fault[512];
	int opt;
	/* Before a command, the first operand is its name; the rest is parsed by the command. */
	do
		opt = options_next(argc, argv, !c->command, all, fault, sizeof fault);
	while (is_common(c, opt));
	if (opt == '?')
		cli_usage(c, "%s", fault);
	return opt == OPT_HELP ? 'h' : opt;
}

char **cli_operands(const struct cli *c, int argc, char **argv, int least, int most, const char *what)
{
	int n = argc - optind;
	if (n < least)
		cli_usage(c, "expected %s", what);
	if (n > most)
		cli_usage(c, "unexpected argument \"%s\"%s%s", argv[optind + most], most ? " after " : "",
			  most ? what : "");
	return argv + optind;
}

int cli_run_verb(struct cli *c, int argc, char **argv, const struct cli_verb *verbs, const char *what)
{
	const char *verb = argc > 1 ? argv[1] : "";
	for (const struct cli_verb *v = verbs; v->name; v++)
		if (strcmp(verb, v->name) == 0)
			return v->run(c, argc - 1, argv + 1);
	if (*verb == '-')
		cli_option(c, argc, argv, NULL);
	char hint[64];
	struct similar s = {.word = verb};
	for (const struct cli_verb *v = verbs; v->name; v++)
		similar_try(&s, v->name);
	cli_usage(c, "expected %s%s%s%s%s", what, *verb ? ", not \"" : "", verb, *verb ? "\"" : "",
		  similar_hint(&s, "", hint, sizeof hint));
}

double cli_real(const struct cli *c, const char *what, const char *text, double lo, double hi)
{
	double x;
	if (!cli_parse_real(text, &x) || x < lo || x > hi)
		cli_usage(c, "%s is \"%s\"; it must be a number from %g to %g", what, text, lo, hi);
	return x;
}

uint64_t cli_count_of(const struct cli *c, const char *what, const char *text, uint64_t lo, uint64_t hi)
{
	uint64_t n;
	if (!cli_parse_count(text, &n) || n < lo || n > hi)
		cli_usage(c, "%s is \"%s\"; it must be a whole number from %" PRIu64 " to %" PRIu64, what, text, lo,
			  hi);
	return n;
}

/* ---- the daemon ---- */

const char *cli_no_address(int err)
{
	return err == -ENAMETOOLONG ? "the path that XDG_STATE_HOME or HOME makes is too long for a Unix socket"
				    : "neither XDG_STATE_HOME nor HOME is an absolute path";
}

void cli_client_options(struct cli *c, struct candor_options *out)
{
	struct address address;
	const char *why;
	if (!*c->server)
		cli_usage(c, "there is no default address: %s; give --server ADDR", cli_no_address(c->no_server));
	if (address_parse(c->server, &address, &why))
		cli_usage(c, "\"%s\" is not a valid address: %s", c->server, why);
	if (!c->cert != !c->key)
		cli_usage(c, "--cert and --key must be given together; %s is missing", c->cert ? "--key" : "--cert");
	if (c->token_file)
		cli_read_token(c);
	*out = (struct candor_options){
		.name = "candor/" CANDOR_VERSION,
		.connect_timeout_ms = c->timeout_ms,
		.request_timeout_ms = c->timeout_ms,
		.ca = c->ca,
		.cert = c->cert,
		.key = c->key,
		.token = c->token_file ? c->token : NULL,
	};
}

void cli_wipe_token(struct cli *c)
{
	wipe(c->token, sizeof c->token);
}

static int connect_to(struct cli *c)
{
	struct candor_options options;
	cli_client_options(c, &options);
	options.fault = c->fault;
	options.fault_size = sizeof c->fault;
	int err = candor_open(&c->daemon, c->server, &options);
	cli_wipe_token(c);
	return err;
}

uint64_t cli_retry_ms(const struct cli *c, const struct candor_response *r, uint64_t waited_ms)
{
	uint64_t most = c->timeout_ms ? c->timeout_ms : RETRY_MS;
	if (r->code != CANDOR_RESOURCE_EXHAUSTED || waited_ms + r->retry_after_ms > most)
		return 0;
	return r->retry_after_ms;
}

bool cli_pause(uint64_t ms, const sigset_t *signals)
{
	const struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
	struct pollfd out = {.fd = STDOUT_FILENO};
	int n = ppoll(&out, 1, &pause, signals);
	if (n > 0)
		raise(SIGPIPE);
	return n == 0;
}

/* A terminal shows a line meanwhile. */
static void wait_for_rate(const struct cli *c, uint64_t ms)
{
	struct cli_progress line = {0};
	const struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
	if (c->term.err_tty)
		cli_progress_wait(&line, ms);
	if (c->is_paging)
		cli_pause(ms, NULL);
	else
		nanosleep(&pause, NULL);
	cli_progress_clear(&line);
}

static void disconnect(struct cli *c)
{
	candor_close(c->daemon);
	c->daemon = NULL;
}

int cli_try(struct cli *c, const struct candor_request *request, const struct candor_response **response)
{
	/* A greeting that was refused has ended its connection. */
	if (c->daemon && !*candor_principal(c->daemon))
		disconnect(c);
	int err = c->daemon ? 0 : connect_to(c);
	if (!err)
		err = candor_call(c->daemon, request, response);
	if (err)
		disconnect(c);
	return err;
}

int cli_ask(struct cli *c, const struct candor_request *request, const struct candor_response **response)
{
	uint64_t waited_ms = 0;
	for (;;) {
		int err = c->daemon ? 0 : connect_to(c);
		if (!err)
			err = candor_call(c->daemon, request, response);
		if (err == CANDOR_ERR_TOO_BIG)
			return cli_fail(c, CLI_USAGE, CANDOR_INVALID_ARGUMENT,
					"the request is too large; ask for less at a time");
		if (err)
			return cli_unreachable(c, c->daemon, err, c->daemon ? candor_fault(c->daemon) : c->fault);
		const struct candor_response *r = *response;
		uint64_t pause_ms = cli_retry_ms(c, r, waited_ms);
		if (!pause_ms)
			return 0;
		wait_for_rate(c, pause_ms);
		waited_ms += pause_ms;
		/* The greeting was refused, and that connection has ended. */
		if (!*candor_principal(c->daemon))
			disconnect(c);
	}
}

int cli_call(struct cli *c, const struct candor_request *request, const struct candor_response **response)
{
	int err = cli_ask(c, request, response);
	if (err || (*response)->code == CANDOR_OK)
		return err;
	return cli_refusal(c, (*response)->code, (*response)->message);
}

int cli_batches_add(struct cli *c, struct cli_batches *b, const struct candor_request *request,
		    const char *const *names)
{
	const struct candor_response *response;
	int err = cli_call(c, request, &response);
	if (err)
		return err;
	size_t n = response->n_rejected;
	if (n > 0)
		b->rejected = cli_memory(realloc(b->rejected, (b->n_rejected + n) * sizeof *b->rejected));
	for (size_t i = 0; i < n; i++) {
		struct candor_rejected r = response->rejected[i];
		cli_error(c, "\"%s\": %s: %s", r.index < request->n ? cli_visible(names[r.index]).s : "?",
			  candor_code_name(r.code), r.message);
		r.index += (uint32_t)b->rows;
		r.message = cli_memory(strdup(r.message));
		b->rejected[b->n_rejected++] = r;
	}
	if (response->batch.rejected_omitted > 0)
		cli_error(c, "... and %s more", cli_count(response->batch.rejected_omitted).s);
	b->sum.accepted += response->batch.accepted;
	b->sum.duplicates += response->batch.duplicates;
	b->sum.revised += response->batch.revised;
	b->sum.rejected_omitted += response->batch.rejected_omitted;
	b->rows += request->n;
	return CLI_DONE;
}

int cli_batches_end(struct cli *c, struct cli_batches *b)
{
	const struct candor_response whole = {
		.type = CANDOR_RES_BATCH, .batch = b->sum, .n_rejected = b->n_rejected, .rejected = b->rejected};
	int code = b->n_rejected + b->sum.rejected_omitted > 0 ? CLI_ROWS : CLI_DONE;
	if (c->json)
		cli_json_answer(&whole);
	for (size_t i = 0; i < b->n_rejected; i++)
		free((void *)(uintptr_t)b->rejected[i].message);
	free(b->rejected);
	b->rejected = NULL;
	return code;
}

int cli_batch(struct cli *c, const struct candor_request *request, const char *const *names, struct candor_batch *batch)
{
	struct cli_batches b = {0};
	int err = cli_batches_add(c, &b, request, names);
	if (err)
		return err;
	err = cli_batches_end(c, &b);
	if (batch)
		*batch = b.sum;
	return err;
}
