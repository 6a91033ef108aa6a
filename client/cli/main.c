/* candor - the command line. Which command, with what in common; everything else is one file a noun. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "client/cli/base/cli.h"

static const struct {
	const char *title; /* of the group in the list; NULL: the group goes on */
	const struct cli_command *command;
} commands[] = {
	{"The daemon", &cli_ping},
	{NULL, &cli_info},
	{NULL, &cli_backup},
	{NULL, &cli_prune},
	{"Pools and labelers", &cli_pool},
	{NULL, &cli_labelers},
	{NULL, &cli_labeler},
	{"Who may do what", &cli_grants},
	{NULL, &cli_token},
	{NULL, &cli_audit},
	{"Items, one at a time", &cli_report},
	{NULL, &cli_close},
	{NULL, &cli_resolve},
	{NULL, &cli_void},
	{NULL, &cli_query},
	{"Items, many at once", &cli_import},
	{NULL, &cli_export},
	{NULL, &cli_feed},
	{"The mechanism, without a daemon", &cli_simulate},
	{NULL, &cli_evaluate},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
	char address[ADDRESS_TEXT_MAX];
	if (candor_default_address(address, sizeof address))
		snprintf(address, sizeof address, "none: HOME is not set");
	puts("usage: candor [OPTION...] COMMAND ...\n\n"
	     "Talks to candord, which gathers labelers' reports on preferences and weighs each\n"
	     "labeler by how well its reports have foretold the outcomes.");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (commands[i].title)
			printf("\n%s:\n", commands[i].title);
		printf("  %-10s %s\n", commands[i].command->name, commands[i].command->summary);
	}
	printf("\nOptions, before or after the command:\n"
	       "  --server ADDR   unix:PATH, tcp:HOST:PORT, or tls:HOST:PORT (encrypted); else what\n"
	       "                  CANDOR_SERVER says, else\n"
	       "                  %s\n"
	       "  --ca FILE       for tls: the authorities that the daemon's certificate may be of;\n"
	       "                  else CANDOR_CA, else those that the system trusts\n"
	       "  --cert FILE, --key FILE\n"
	       "                  for tls: the certificate to show, and its key; else CANDOR_CERT\n"
	       "                  and CANDOR_KEY, else none\n"
	       "  --token-file FILE\n"
	       "                  the token to speak with is its first line; else CANDOR_TOKEN_FILE,\n"
	       "                  else none\n"
	       "  --json          one JSON document on stdout, numbers with all their digits\n"
	       "  --timeout S     seconds to wait for the connection (10), for answers, and for a rate\n"
	       "                  that the daemon limits (60)\n"
	       "  --help          this text; after a command, what is to be known about it\n"
	       "  --version       the version of this program\n"
	       "\nExit codes:\n"
	       "  0  done\n"
	       "  1  some rows were rejected, which are listed on stderr; or there was nothing to\n"
	       "     be removed\n"
	       "  2  wrong usage, or a file that cannot be read or written\n"
	       "  3  the daemon refused\n"
	       "  4  the daemon could not be reached, or went away\n"
	       "\nExample:\n"
	       "  candor import birds answers.csv && candor labelers birds\n",
	       address);
}

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].command->name, name) == 0)
			return commands[i].command;
	return NULL;
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
		exit(CLI_DONE);
	}
}

/* Where --server was not given; at the latest possible moment, since it may stand behind the command. */
static int run(struct cli *c, int argc, char **argv)
{
	optind = 0; /* getopt_long() begins anew */
	int code = c->command->run(c, argc, argv);
	candor_close(c->daemon);
	if ((fflush(stdout) || ferror(stdout)) && code == CLI_DONE) {
		cli_error(c, "what was to be printed could not be written: %m");
		code = CLI_USAGE;
	}
	return code;
}

/* Set to nothing is not set. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

int main(int argc, char **argv)
{
	char default_address[ADDRESS_TEXT_MAX];
	struct cli c = {
		.server = getenv("CANDOR_SERVER"),
		.ca = environment("CANDOR_CA"),
		.cert = environment("CANDOR_CERT"),
		.key = environment("CANDOR_KEY"),
		.token_file = environment("CANDOR_TOKEN_FILE"),
	};
	setlocale(LC_CTYPE, ""); /* not LC_NUMERIC: numbers are read and written with a point everywhere */
	cli_term_init(&c.term);
	take_options(&c, argc, argv);
	if (optind == argc)
		cli_usage(&c, "which command?");
	c.command = find_command(argv[optind]);
	if (!c.command)
		cli_usage(&c, "there is no command \"%s\"", argv[optind]);
	if (!c.server || !*c.server) {
		int err = candor_default_address(default_address, sizeof default_address);
		c.server = err ? "" : default_address;
	}
	return run(&c, argc - optind, argv + optind);
}
