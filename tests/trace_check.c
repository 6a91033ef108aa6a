/* trace_check - replays traces of the mechanism: does the library give the numbers that they expect? */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/trace.h"

enum { EXIT_FAILED = 1, EXIT_BAD = 2 };

static const char usage[] =
	"usage: trace_check [--values] FILE...\n"
	"\n"
	"Replays each trace (one event a line, what must come out after `->`) and compares to 1e-9.\n"
	"\n"
	"  -v, --values  also print all that the events come to, in hexadecimal: LINE KEY VALUE\n"
	"  -h, --help    this text\n"
	"\n"
	"Exit status: 0 all that is expected holds; 1 something does not; 2 a file cannot be read or a\n"
	"line of it is malformed.\n"
	"\n"
	"Example: trace_check tests/vectors/*.trace\n";

static int check_file(const char *path, FILE *values)
{
	struct trace_counts counts;
	FILE *in = fopen(path, "re");
	int err = in ? trace_check(in, path, stdout, values, &counts) : -errno;
	if (in)
		fclose(in);
	if (err) {
		fprintf(stderr, "trace_check: %s: %s\n", path, candor_strerror(err));
		return EXIT_BAD;
	}
	printf("%s: %" PRIu64 " expectations, %" PRIu64 " failed", path, counts.expectations, counts.failed);
	if (counts.unknown)
		printf(", %" PRIu64 " unknown keys passed over", counts.unknown);
	if (counts.malformed)
		printf(", %" PRIu64 " malformed lines", counts.malformed);
	putchar('\n');
	return counts.malformed ? EXIT_BAD : counts.failed ? EXIT_FAILED : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'}, {"values", no_argument, NULL, 'v'}, {0}};
	FILE *values = NULL;
	int option;
	while ((option = getopt_long(argc, argv, "hv", options, NULL)) != -1) {
		if (option == 'v') {
			values = stdout;
			continue;
		}
		if (option != 'h') {
			fputs("Try 'trace_check --help'.\n", stderr);
			return EXIT_BAD;
		}
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return EXIT_BAD;
	}
	int worst = EXIT_SUCCESS;
	for (int i = optind; i < argc; i++) {
		int status = check_file(argv[i], values);
		if (status > worst)
			worst = status;
	}
	return worst;
}
