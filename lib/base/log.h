/* log.h - where log lines go: one sink for the whole program.
 *
 * The sink is the only mutable global of the library; set it once, before threads start. Without one, lines are
 * dropped. A line is a sentence without newline; the sink adds the time and the format. Any thread may log. */
#ifndef CANDOR_LOG_H
#define CANDOR_LOG_H

#include "lib/base/err.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_DEBUG };

typedef void log_sink(enum log_level level, const char *line);

/* NULL: lines are dropped. */
void log_set_sink(log_sink *sink);

/* Lines longer than 1 KiB are cut. */
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
