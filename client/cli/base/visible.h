/* visible.h - names as people can tell them apart. Pure.
 *
 * A name may have characters that nobody sees, or begin with a blank: in a table it would look like another. JSON and
 * CSV have names as they are. */
#ifndef CANDOR_CLI_VISIBLE_H
#define CANDOR_CLI_VISIBLE_H

#include <stddef.h>

enum { CLI_VISIBLE_SIZE = 4096 };

/* By value, so that it can stand in an argument list: printf("%s", cli_visible(name).s). */
struct cli_visible {
	char s[CLI_VISIBLE_SIZE];
};

/* What cannot be seen, and what turns the direction of text, as \u{200B}; blanks at either end as \u{20}; a byte that
 * is not UTF-8 as \x{FF}. So that nothing else looks like one of these, \u{5C} stands for a \ that one could begin
 * with. Text of more than some 4,000 bytes is cut, and ends with "...". */
struct cli_visible cli_visible(const char *name);

struct cli_shown {
	char s[128];
};

/* The same of any bytes, for a message: it is cut earlier, and in a name that is not in NFC accents that are characters
 * of their own are \u{301}, so that it does not look like the one that is. */
struct cli_shown cli_shown(const char *text, size_t len);

#endif
