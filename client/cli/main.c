/* candor - the command line: the common options, and which command runs. Each noun has a file of its own. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/base/similar.h"
#include "lib/base/streams.h"
#include "client/cli/base/cli.h"

static const struct cli_command *const commands[] = {
#define COMMAND(name) &cli_##name,
#include "client/cli/base/commands.def"
};

static void print_commands(void)
{
#define GROUP(title) puts("\n" title ":");
#define COMMAND(this) printf("  %-10s %s\n", cli_##this.name, cli_##this.summary);
#include "client/cli/base/commands.def"
}

static void print_help(void)
{
	char address[ADDRESS_TEXT_MAX];
	int err = candor_default_address(address, sizeof address);
	if (err)
		snprintf(address, sizeof address, "none: %s", cli_no_address(err));
	puts("usage: candor [OPTION...] COMMAND ...\n\n"
	     "Talks to candord, which collects labelers' reports on preferences and weights each\n"
	     "labeler by how well their reports predict the outcomes.");
	print_commands();
	printf("\nOptions, before or after the command:\n"
	       "  --server ADDR   the daemon: unix:PATH, tcp:HOST:PORT, or tls:HOST:PORT (encrypted);\n"
	       "                  default: CANDOR_SERVER, or\n"
	       "                  %s\n"
	       "  --ca FILE       for tls: trust only the CA certificates (PEM) in FILE;\n"
	       "                  default: CANDOR_CA, or the system's\n"
	       "  --cert FILE, --key FILE\n"
	       "                  for tls: your certificate and its key; default: CANDOR_CERT and\n"
	       "                  CANDOR_KEY, or none\n"
	       "  --token-file FILE\n"
	       "                  authenticate with the token on the first line of FILE; default:\n"
	       "                  CANDOR_TOKEN_FILE, or none\n"
	       "  --json          print JSON on stdout, each document on one line, with all digits\n"
	       "                  of numbers (\"| jq .\" lays it out); a failure is\n"
	       "                  {\"error\": {\"code\": ..., \"message\": ...}}\n"
	       "  --timeout S     seconds to wait for a connection (10), for answers, and for the\n"
	       "                  daemon's rate limit (60)\n"
	       "  --help          this text, or the help of a command\n"
	       "  --version       the version of this program\n"
	       "\nExit codes:\n"
	       "  0  success\n"
	       "  1  some rows were rejected (they are listed on stderr), or there was nothing to\n"
	       "     remove\n"
	       "  2  usage error, or a file that cannot be read or written\n"
	       "  3  the daemon refused the request\n"
	       "  4  the daemon could not be reached, or the connection was lost\n"
	       "\nExample:\n"
	       "  candor import birds answers.csv && candor labelers birds\n",
	       address);
}

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < CLI_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static _Noreturn void refuse_command(struct cli *c, const char *name)
{
	char hint[64];
	struct similar s = {.word = name};
	for (size_t i = 0; i < CLI_COMMANDS; i++)
		similar_try(&s, commands[i]->name);
	cli_usage(c, "unknown command \"%s\"%s", name, similar_hint(&s, "", hint, sizeof hint));
}

static void take_options(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"version", no_argument, NULL, 'V'}, {0}};
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		if (opt == 'V')
			puts("candor " CANDOR_VERSION);
		else
			print_help();
		cli_exit(c, CLI_DONE);
	}
}

/* Runs the command. */
static _Noreturn void run(struct cli *c, int argc, char **argv)
{
	optind = 0; /* getopt_long() begins anew */
	int code = c->command->run(c, argc, argv);
	candor_close(c->daemon);
	cli_print_failure(c, code);
	cli_exit(c, code);
}

/* An empty variable counts as unset. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

int main(int argc, char **argv)
{
	char default_address[ADDRESS_TEXT_MAX];
	struct cli c = {
		.argv = argv,
		.server = getenv("CANDOR_SERVER"),
		.ca = environment("CANDOR_CA"),
		.cert = environment("CANDOR_CERT"),
		.key = environment("CANDOR_KEY"),
		.token_file = environment("CANDOR_TOKEN_FILE"),
	};
	if (streams_hold())
		return CLI_USAGE;
	/* Who reads the output may go away: then the program ends without a word, whatever its caller ignores. */
	signal(SIGPIPE, SIG_DFL);
	setlocale(LC_CTYPE, ""); /* not LC_NUMERIC: numbers have a decimal point everywhere */
	cli_term_init(&c.term);
	take_options(&c, argc, argv);
	if (optind == argc)
		cli_usage(&c, "no command given");
	c.command = find_command(argv[optind]);
	if (!c.command)
		refuse_command(&c, argv[optind]);
	if (!c.server || !*c.server) {
		c.no_server = candor_default_address(default_address, sizeof default_address);
		c.server = c.no_server ? "" : default_address;
	}
	run(&c, argc - optind, argv + optind);
}
