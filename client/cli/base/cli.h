/* cli.h - what the commands of candor share: options, talking to the daemon, messages and exit codes.
 *
 * Data goes to stdout and messages to stderr, so that output can be piped. With --json a command prints one JSON
 * document (feed, audit, export and `labeler --history`: one a line), with all digits of its numbers. If it fails,
 * the last line is {"error":{"code","message"}}, or a document of its own has that as a member.
 *
 * Wrong usage ends the program where it is found, before anything was opened. A command returns its exit code. */
#ifndef CANDOR_CLI_H
#define CANDOR_CLI_H

#include <getopt.h>
#include <signal.h>

#include "client/candor.h"
#include "lib/base/err.h"
#include "lib/wire/json.h"
#include "client/cli/base/term.h"

enum cli_exit {
	CLI_DONE = 0,
	CLI_ROWS = 1, /* some rows were rejected (listed on stderr), or there was nothing to remove */
	CLI_USAGE = 2, /* wrong usage, or a file that cannot be read or written */
	CLI_REFUSED = 3, /* the daemon refused the request */
	CLI_UNREACHABLE = 4, /* the daemon could not be reached, or the connection was lost */
};

struct cli;

struct cli_command {
	const char *name;
	const char *summary; /* for the list in `candor --help`; begins in lower case */
	const char *help; /* all that `candor NAME --help` says */
	int (*run)(struct cli *c, int argc, char **argv); /* argv[0] is the command's name */
};

#define COMMAND(name) extern const struct cli_command cli_##name;
#include "client/cli/base/commands.def"

/* Defines a command: CLI_COMMAND(ping) = {...}. One without a row in commands.def does not compile, and a row without
 * a definition does not link. */
#define CLI_COMMAND(name)                                                                             \
	_Static_assert(CLI_LISTED_##name >= 0, #name " needs a row in client/cli/base/commands.def"); \
	const struct cli_command cli_##name

enum cli_listed {
#define COMMAND(name) CLI_LISTED_##name,
#include "client/cli/base/commands.def"
	CLI_COMMANDS /* how many */
};

struct cli {
	char *const *argv; /* of the program, ended by NULL */
	const char *server; /* address of the daemon; "": none was given, and there is no default */
	int no_server; /* why, from candor_default_address() */
	bool json;
	bool is_paging; /* it prints page after page, for a reader */
	uint64_t timeout_ms; /* 0: the library's defaults */
	const char *ca, *cert, *key; /* for tls: addresses; NULL: not given */
	const char *token_file; /* NULL: not given */
	bool token_file_given; /* by an option; else by the environment */
	bool token_taken; /* from a pipe or a terminal, which cannot be read again */
	char token[CANDOR_TOKEN_MAX + 1]; /* from cli_client_options() until cli_wipe_token() */
	char fault[512]; /* of the channel of cli_call(), if it failed because of that */
	struct cli_term term;
	const struct cli_command *command; /* the one being run; NULL: none yet */
	struct candor *daemon; /* NULL until the first cli_call() */

	/* Why the command fails: the first error that was reported, cut to this length; "": none was. */
	enum candor_code failure_code;
	char failure[2048];
	bool failure_told; /* in a document that was printed */
};

/* ---- options ---- */

/* The next option of a command: its `val` and optarg; or -1, and then argv[optind] is the first operand. The
 * common options (--server, --json, --timeout, --ca, --cert, --key, --token-file, --help) are handled here.
 * own: ends with an all-zero option, may be NULL. */
int cli_option(struct cli *c, int argc, char **argv, const struct option *own);

/* After the options: the operands, ended by NULL, from `least` to `most` of them. what: their names, for the
 * message. */
char **cli_operands(const struct cli *c, int argc, char **argv, int least, int most, const char *what);

/* `candor NOUN VERB ...`: a command's verbs, ended by an all-zero one. */
struct cli_verb {
	const char *name;
	int (*run)(struct cli *c, int argc, char **argv); /* argv[0] is the verb */
};

/* Runs the one that argv[1] names. what: a list of all for the error message, like "list or show". */
int cli_run_verb(struct cli *c, int argc, char **argv, const struct cli_verb *verbs, const char *what);

/* Reports what is wrong, refers to the help, and exits with CLI_USAGE. */
_Noreturn void cli_usage(const struct cli *c, const char *format, ...) PRINTF_LIKE(2, 3);

/* Ends the program: with CLI_USAGE in place of CLI_DONE if standard output could not be written, which it says. */
_Noreturn void cli_exit(const struct cli *c, int exit_code);

/* A number given by the user; wrong usage unless it is from lo to hi. what: "--beta" or "Y". */
double cli_real(const struct cli *c, const char *what, const char *text, double lo, double hi);
uint64_t cli_count_of(const struct cli *c, const char *what, const char *text, uint64_t lo, uint64_t hi);

/* ---- messages ---- */

/* A line on stderr; an error begins with "candor: ". */
void cli_note(const char *format, ...) PRINTF_LIKE(1, 2);
void cli_error(const struct cli *c, const char *format, ...) PRINTF_LIKE(2, 3);

/* Reports why the command fails, and keeps it for --json. Returns exit_code. */
int cli_fail(struct cli *c, enum cli_exit exit_code, enum candor_code code, const char *format, ...) PRINTF_LIKE(4, 5);

/* Only keeps it: it has been reported. */
void cli_keep_failure(struct cli *c, enum candor_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* cli_fail() with CLI_USAGE, for a file that cannot be used: "WHAT: why". err: a negative errno. */
int cli_fail_file(struct cli *c, const char *what, int err);

/* ... with CLI_REFUSED, for a refusal: "CODE: sentence" on stderr. */
int cli_refusal(struct cli *c, enum candor_code code, const char *message);

/* ... with CLI_UNREACHABLE, for a daemon that could not be reached, or, with was_there, whose connection was lost; also
 * says what to do. fault: from candor_client_fault() or the like. */
int cli_unreachable(struct cli *c, bool was_there, int err, const char *fault);

/* With --json: prints {"error":...} if the command failed and no document has said so. */
void cli_print_failure(struct cli *c, int exit_code);

/* Writes the member "error" into the open object if the command has failed so far. */
void cli_put_failure(struct cli *c, struct json_out *j);

/* Checks an allocation; without memory the program ends here. */
void *cli_memory(void *block);

/* ---- the daemon ---- */

/* Why there is no default address: a phrase for an error of candor_default_address(). */
const char *cli_no_address(int err);

/* The options for a client; wrong usage if the address is invalid or the token cannot be read. Wipe the token once the
 * client exists. */
void cli_client_options(struct cli *c, struct candor_options *out);
void cli_wipe_token(struct cli *c);

/* Waits for so long, with this mask of signals (NULL: the one that is set); but where nobody reads standard output any
 * more, the program ends, as it would at its next line. False: a signal came. */
bool cli_pause(uint64_t ms, const sigset_t *signals);

/* How long to wait before a refused request is sent again, after waited_ms so far. 0 if it was not refused by a rate
 * limit, or if the total would exceed --timeout. */
uint64_t cli_retry_ms(const struct cli *c, const struct candor_response *response, uint64_t waited_ms);

/* Once, and without a word: 0 if *response is the daemon's answer, whatever its code; else an error of candor_open() or
 * candor_call(), after which the next attempt connects anew. */
MUST_CHECK int cli_try(struct cli *c, const struct candor_request *request, const struct candor_response **response);

/* 0: *response is the daemon's answer, whatever its code. Else an exit code after an error message. What a rate limit
 * refuses is sent again when its time has come. */
MUST_CHECK int cli_ask(struct cli *c, const struct candor_request *request, const struct candor_response **response);

/* The same if only code OK will do: any other is reported and returns CLI_REFUSED; then *response is the refusal. */
MUST_CHECK int cli_call(struct cli *c, const struct candor_request *request, const struct candor_response **response);

/* What several batches came to that are one to whoever asked. All zero at first. */
struct cli_batches {
	struct candor_batch sum;
	struct candor_rejected *rejected; /* their messages too */
	size_t n_rejected, rows; /* so far */
};

/* Sends the next of them, lists its rejected rows on stderr by `names`. An exit code. */
MUST_CHECK int cli_batches_add(struct cli *c, struct cli_batches *b, const struct candor_request *request,
			       const char *const *names);

/* With --json prints what they came to on stdout; the rest is freed, the sum stays. An exit code. */
int cli_batches_end(struct cli *c, struct cli_batches *b);

/* Sends a batch, lists rejected rows on stderr by `names`, the request's items, and with --json prints the result on
 * stdout. *batch may be NULL. An exit code. */
int cli_batch(struct cli *c, const struct candor_request *request, const char *const *names,
	      struct candor_batch *batch);

#endif
