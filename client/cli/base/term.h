/* term.h - what is known about the terminal. Colours only on a terminal, and never with NO_COLOR. */
#ifndef CANDOR_CLI_TERM_H
#define CANDOR_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

struct cli_term {
	bool out_tty, err_tty;
	bool out_color, err_color;
	bool utf8; /* the locale's character set */
	int width; /* columns; 80 where stdout is no terminal */
};

/* Reads the environment and the locale (setlocale() must have been called). */
void cli_term_init(struct cli_term *t);

/* Control sequences, "" where `color` is false. */
const char *cli_bold(bool color);
const char *cli_red(bool color);
const char *cli_plain(bool color);

/* The columns that a text takes up. */
int cli_width(const char *text);

/* The longest prefix of `text` that takes at most `columns`: its length in bytes. */
size_t cli_prefix(const char *text, int columns);

#endif
