#include "client/cli/base/term.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { DEFAULT_WIDTH = 80, LEAST_WIDTH = 40 };

void cli_term_init(struct cli_term *t)
{
	struct winsize size;
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool color = !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
	*t = (struct cli_term){
		.out_tty = isatty(STDOUT_FILENO),
		.err_tty = isatty(STDERR_FILENO),
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.width = DEFAULT_WIDTH,
	};
	t->out_color = t->out_tty && color;
	t->err_color = t->err_tty && color;
	if (t->out_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		t->width = size.ws_col > LEAST_WIDTH ? size.ws_col : LEAST_WIDTH;
}

const char *cli_bold(bool color)
{
	return color ? "\033[1m" : "";
}

const char *cli_red(bool color)
{
	return color ? "\033[31m" : "";
}

const char *cli_plain(bool color)
{
	return color ? "\033[0m" : "";
}

/* The character at `text`: its length in bytes, and the columns it takes. In a locale that cannot read it each byte
 * that begins a UTF-8 sequence counts as one column. */
static size_t character(const char *text, mbstate_t *state, int *columns)
{
	wchar_t wide;
	size_t len = mbrtowc(&wide, text, strlen(text), state);
	if (len == 0 || len > 4) {
		memset(state, 0, sizeof *state);
		*columns = ((unsigned char)*text & 0xc0) != 0x80;
		return 1;
	}
	int taken = wcwidth(wide);
	*columns = taken < 0 ? 1 : taken;
	return len;
}

int cli_width(const char *text)
{
	mbstate_t state = {0};
	int width = 0, columns;
	while (*text) {
		text += character(text, &state, &columns);
		width += columns;
	}
	return width;
}

size_t cli_prefix(const char *text, int columns)
{
	mbstate_t state = {0};
	size_t at = 0;
	int width = 0, more;
	while (text[at]) {
		size_t len = character(text + at, &state, &more);
		if (width + more > columns)
			break;
		width += more;
		at += len;
	}
	return at;
}
