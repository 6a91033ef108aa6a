/* options.h - getopt_long() that takes no abbreviations, and says what is wrong.
 *
 * An abbreviation means something else once another option begins so, and `--s 0.3` must not change a setting that was
 * not named. For main(): getopt's state is the program's. */
#ifndef CANDOR_OPTIONS_H
#define CANDOR_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

/* The next option's `val`, with optarg; -1: there is none, and argv[optind] is the first operand; '?': fault[size] says
 * what is wrong with it. in_order: stops at the first operand. all: long options,
 * ended by an all-zero one, whose `val` are no '?' or ':'. */
int options_next(int argc, char **argv, bool in_order, const struct option *all, char *fault, size_t size);

#endif
