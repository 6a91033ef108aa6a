/* cli.h - what the commands of candor share: options, the conversation with the daemon, words and exit codes.
 *
 * Data goes to stdout and words to stderr, so that output can be piped. With --json a command prints one JSON document
 * (feed, audit, export and `labeler --history`: one a line) and its numbers have all their digits.
 *
 * Wrong usage ends the program where it is found, before anything was opened. A command returns its exit code. */
#ifndef CANDOR_CLI_H
#define CANDOR_CLI_H

#include <getopt.h>

#include "client/candor.h"
#include "lib/base/err.h"
#include "client/cli/base/term.h"

enum cli_exit {
	CLI_DONE = 0,
	CLI_ROWS = 1, /* some rows were rejected, which are listed on stderr; or there was nothing to be removed */
	CLI_USAGE = 2, /* wrong usage, or a file that cannot be read or written */
	CLI_REFUSED = 3, /* the daemon refused the request */
	CLI_UNREACHABLE = 4, /* the daemon could not be reached, or went away */
};

struct cli;

struct cli_command {
	const char *name;
	const char *summary; /* for the list in `candor --help`; begins in lower case */
	const char *help; /* all that `candor NAME --help` says */
	int (*run)(struct cli *c, int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct cli_command cli_ping, cli_info, cli_pool, cli_report, cli_close, cli_resolve, cli_void, cli_query,
	cli_labelers, cli_labeler, cli_feed, cli_import, cli_export, cli_backup, cli_prune, cli_grants, cli_token,
	cli_audit, cli_simulate, cli_evaluate;

struct cli {
	const char *server; /* address of the daemon */
	bool json;
	uint64_t timeout_ms; /* 0: the library's defaults */
	const char *ca, *cert, *key; /* for tls: addresses; NULL: not given */
	const char *token_file; /* NULL: not given */
	bool token_file_given; /* as an option; else by the environment */
	bool token_taken; /* from what gives it once: a pipe, a terminal */
	char token[CANDOR_TOKEN_MAX + 1]; /* from cli_client_options() until cli_wipe_token() */
	char fault[512]; /* of the channel of cli_call(), where that was why it failed */
	struct cli_term term;
	const struct cli_command *command; /* that is being run; NULL: none yet */
	struct candor *daemon; /* NULL until the first cli_call() */
};

/* ---- options ---- */

/* The next option of a command: its `val` and optarg; or -1, and then argv[optind] is the first operand. Options that
 * all commands have (--server, --json, --timeout, --ca, --cert, --key, --token-file, --help) are taken care of here.
 * own: ends with an all-zero option, may be NULL. */
int cli_option(struct cli *c, int argc, char **argv, const struct option *own);

/* After the options: the operands, a NULL behind them, not fewer than `least` nor more than `most`. what: their names,
 * for the message. */
char **cli_operands(const struct cli *c, int argc, char **argv, int least, int most, const char *what);

/* `candor NOUN VERB ...`: a command's verbs, ended by an all-zero one. */
struct cli_verb {
	const char *name;
	int (*run)(struct cli *c, int argc, char **argv); /* argv[0] is the verb */
};

/* Runs the one that argv[1] names. what: all of them, for the message if it names none: "list or show". */
int cli_run_verb(struct cli *c, int argc, char **argv, const struct cli_verb *verbs, const char *what);

/* Says what is wrong and where help is, and exits with CLI_USAGE. */
_Noreturn void cli_usage(const struct cli *c, const char *format, ...) PRINTF_LIKE(2, 3);

/* A number the user gave; wrong usage unless it is one from lo to hi. what: "--beta" or "Y". */
double cli_real(const struct cli *c, const char *what, const char *text, double lo, double hi);
uint64_t cli_count_of(const struct cli *c, const char *what, const char *text, uint64_t lo, uint64_t hi);

/* ---- words ---- */

/* A line on stderr; with "candor: " before it where something went wrong. */
void cli_note(const char *format, ...) PRINTF_LIKE(1, 2);
void cli_error(const struct cli *c, const char *format, ...) PRINTF_LIKE(2, 3);

/* "CODE: sentence" of a refusal. */
void cli_refusal(const struct cli *c, enum candor_code code, const char *message);

/* That the daemon could not be reached, or, where it had been there, went away; with what to do about it. fault: of
 * candor_client_fault() or the like. */
void cli_unreachable(const struct cli *c, bool was_there, int err, const char *fault);

/* Checks an allocation; without memory the program ends here. */
void *cli_memory(void *block);

/* ---- the daemon ---- */

/* What a client is made with; wrong usage where the address is none or the token cannot be had. Once the client is made
 * the token is to be wiped. */
void cli_client_options(struct cli *c, struct candor_options *out);
void cli_wipe_token(struct cli *c);

/* How long to wait before a request that was refused is sent again, given how long this was waited for it already: 0
 * where it was not refused for a rate, or where all of it would be longer than --timeout. */
uint64_t cli_retry_ms(const struct cli *c, const struct candor_response *response, uint64_t waited_ms);

/* 0: *response is the daemon's answer, whatever its code. Else an exit code, and what happened has been said. What is
 * refused for a rate is sent again when its time has come. */
MUST_CHECK int cli_ask(struct cli *c, const struct candor_request *request, const struct candor_response **response);

/* The same where only code OK will do: any other is told, and the exit code is CLI_REFUSED; *response is the refusal
 * then. */
MUST_CHECK int cli_call(struct cli *c, const struct candor_request *request, const struct candor_response **response);

/* Sends a batch, lists the rows that were rejected on stderr by `names`, the request's items, and with --json prints
 * the result on stdout. *batch may be NULL. An exit code. */
int cli_batch(struct cli *c, const struct candor_request *request, const char *const *names,
	      struct candor_batch *batch);

#endif
