#include "daemon/logger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static enum log_level loudest = LOG_NOTICE;
static struct log_style style = {.program = "candord"};
static char bar[160]; /* what is shown below the log; under stderr's lock */

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_log(enum log_level level, const char *line)
{
	char text[LOG_RENDERED_MAX];
	if (level > loudest)
		return;
	size_t len = log_render(&style, level, now_ms(), line, text);
	flockfile(stderr);
	if (bar[0])
		fputs("\r\033[K", stderr);
	fwrite(text, 1, len, stderr);
	fputs(bar, stderr);
	funlockfile(stderr);
}

bool logger_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;
	return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == device && st.st_ino == inode;
}

void logger_start(enum log_level level, enum log_format format)
{
	loudest = level;
	style.format = format;
	style.for_journal = logger_is_journal();
	log_set_sink(on_log);
}

bool logger_has_terminal(void)
{
	return isatty(STDERR_FILENO);
}

void logger_bar(const char *text)
{
	if (!logger_has_terminal())
		return;
	flockfile(stderr);
	if (bar[0])
		fputs("\r\033[K", stderr);
	snprintf(bar, sizeof bar, "%s", text ? text : "");
	fputs(bar, stderr);
	funlockfile(stderr);
}
