#include "lib/base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/text.h"

const char *const log_level_words[] = {
	[LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_DEBUG] = "debug", NULL};
const char *const log_format_words[] = {[LOG_TEXT] = "text", [LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json", NULL};
static_assert(sizeof log_level_words / sizeof *log_level_words == LOG_DEBUG + 2, "each level has a word");
static_assert(sizeof log_format_words / sizeof *log_format_words == LOG_JSON + 2, "each format has a word");

/* What syslog calls each level. */
static const char priorities[] = {[LOG_ERROR] = '3', [LOG_WARNING] = '4', [LOG_NOTICE] = '5', [LOG_DEBUG] = '7'};
static_assert(sizeof priorities == LOG_DEBUG + 1, "each level has a priority");

static log_sink *current_sink;

void log_set_sink(log_sink *sink)
{
	current_sink = sink;
}

void log_line(enum log_level level, const char *format, ...)
{
	if (!current_sink)
		return;
	char line[LOG_LINE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	current_sink(level, line);
}

/* ---- formats ---- */

struct rendered {
	char *out; /* [LOG_RENDERED_MAX] */
	size_t len;
};

static void put(struct rendered *r, const char *text, size_t len)
{
	require(len <= LOG_RENDERED_MAX - r->len);
	memcpy(r->out + r->len, text, len);
	r->len += len;
}

static void put_text(struct rendered *r, const char *text)
{
	put(r, text, strlen(text));
}

/* Of a character that cannot stay as it is: below U+10000. */
static unsigned code_point(const uint8_t *p, size_t len)
{
	return len == 1   ? p[0]
	       : len == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
			  : (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

/* quoted: as JSON has strings, which readers of logfmt understand as well; else for people. */
static void put_escaped(struct rendered *r, const char *sentence, bool quoted)
{
	const uint8_t *p = (const uint8_t *)sentence;
	for (size_t left = strlen(sentence), step; left > 0; p += step, left -= step) {
		char escape[16];
		step = text_utf8(p, left);
		if (step == 0) {
			put_text(r, "\xef\xbf\xbd"); /* U+FFFD: not a character */
			step = 1;
		} else if (text_fault((const char *)p, step)) {
			snprintf(escape, sizeof escape, quoted ? "\\u%04x" : "\\u{%X}", code_point(p, step));
			put_text(r, escape);
		} else {
			if (quoted && (*p == '"' || *p == '\\'))
				put_text(r, "\\");
			put(r, (const char *)p, step);
		}
	}
}

static void put_time(struct rendered *r, uint64_t ms)
{
	char day[40], text[48];
	struct tm utc;
	const time_t seconds = (time_t)(ms / 1000);
	gmtime_r(&seconds, &utc);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof text, "%s.%03uZ", day, (unsigned)(ms % 1000));
	put_text(r, text);
}

static void put_as_text(struct rendered *r, const struct log_style *style, enum log_level level, uint64_t ms)
{
	if (!style->for_journal) {
		put_time(r, ms);
		put_text(r, " ");
		put_text(r, style->program);
		put_text(r, ": ");
	}
	/* The priority says it, and a notice is what most lines are. */
	if (!style->for_journal && level != LOG_NOTICE) {
		put_text(r, log_level_words[level]);
		put_text(r, ": ");
	}
}

static void put_fields(struct rendered *r, const struct log_style *style, enum log_level level, uint64_t ms)
{
	bool json = style->format == LOG_JSON;
	put_text(r, json ? "{" : "");
	if (!style->for_journal) {
		put_text(r, json ? "\"time\":\"" : "time=");
		put_time(r, ms);
		put_text(r, json ? "\"," : " ");
	}
	put_text(r, json ? "\"level\":\"" : "level=");
	put_text(r, log_level_words[level]);
	put_text(r, json ? "\",\"msg\":\"" : " msg=\"");
}

size_t log_render(const struct log_style *style, enum log_level level, uint64_t ms, const char *sentence,
		  char out[LOG_RENDERED_MAX])
{
	struct rendered r = {.out = out};
	bool quoted = style->format != LOG_TEXT;
	require(strlen(sentence) < LOG_LINE_MAX);
	if (style->for_journal) {
		const char priority[] = {'<', priorities[level], '>'};
		put(&r, priority, sizeof priority);
	}
	if (quoted)
		put_fields(&r, style, level, ms);
	else
		put_as_text(&r, style, level, ms);
	put_escaped(&r, sentence, quoted);
	put_text(&r, style->format == LOG_JSON ? "\"}\n" : quoted ? "\"\n" : "\n");
	return r.len;
}
