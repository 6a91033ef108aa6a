/* log.h - where log lines go, and how they are written: one sink for the whole program, three formats.
 *
 * The sink is the only mutable global of the library; set it once, before threads start. Without one, lines are
 * dropped. A line is a sentence without newline; the sink adds the time and writes it in the format that is wanted,
 * which log_render() knows. Any thread may log. */
#ifndef CANDOR_LOG_H
#define CANDOR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_LOGFMT, LOG_JSON };

/* Their names, in order; NULL after the last. */
extern const char *const log_level_words[];
extern const char *const log_format_words[];

typedef void log_sink(enum log_level level, const char *line);

/* NULL: lines are dropped. */
void log_set_sink(log_sink *sink);

/* Lines longer than 1 KiB are cut. */
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* ---- formats ---- */

enum { LOG_LINE_MAX = 1024, LOG_RENDERED_MAX = 6 * LOG_LINE_MAX + 256 /* all of it escaped, and what is around it */ };

struct log_style {
	enum log_format format;
	bool for_journal; /* systemd's: the priority in front, and no time, which it adds */
	const char *program; /* in front of the sentence, in text */
};

/* Writes a sentence of less than LOG_LINE_MAX bytes as one line, newline included, and returns its length. ms: since
 * 1970, up to the year 9999. Whatever is in the sentence, it stays one line and one value: control characters, those
 * that end lines or change their direction, and bytes that are not UTF-8 are escaped or replaced.
 *
 *   text    2026-11-30T17:49:12.123Z candord: warning: SENTENCE
 *   logfmt  time=2026-11-30T17:49:12.123Z level=warning msg="SENTENCE"
 *   json    {"time":"2026-11-30T17:49:12.123Z","level":"warning","msg":"SENTENCE"} */
size_t log_render(const struct log_style *style, enum log_level level, uint64_t ms, const char *sentence,
		  char out[LOG_RENDERED_MAX]);

#endif
