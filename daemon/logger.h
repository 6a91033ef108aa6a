/* logger.h - candord's log on standard error: which lines, in which format, and the bar of a long job below them.
 *
 * For the process as a whole: log.h's sink has no owner. Any thread may log once logger_start() has been called, which
 * is the main thread's before it starts others; so is the bar. */
#ifndef CANDOR_LOGGER_H
#define CANDOR_LOGGER_H

#include <stdbool.h>

#include "lib/base/log.h"

/* Becomes the sink. loudest: lines of later levels are dropped. Where standard error is systemd's journal, lines have a
 * priority and no time. */
void logger_start(enum log_level loudest, enum log_format format);

/* Whether standard error is the stream that systemd says is its journal (JOURNAL_STREAM), and not, say, a file to which
 * a script in a service sends it. */
bool logger_is_journal(void);

/* Whether somebody sees a bar: standard error is a terminal. */
bool logger_has_terminal(void);

/* Shows a line below the log that the next one replaces, or takes it away ("" or NULL). Only on a terminal. */
void logger_bar(const char *text);

#endif
