#include "daemon/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/logger.h"

enum { BAR = 16, BAR_MS = 200, LOG_MS = 5000 };

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* From 0 to `of`. What was counted beforehand may have grown since. */
static unsigned part(uint64_t done, uint64_t total, unsigned of)
{
	return done >= total ? of : (unsigned)((double)done / (double)total * of);
}

void progress_begin(struct progress *p, const char *doing, const char *unit, bool is_logged)
{
	*p = (struct progress){.doing = doing, .unit = unit, .is_logged = is_logged, .began_ms = now_ms()};
	p->shown_ms = p->began_ms;
}

void progress_text(const struct progress *p, uint64_t done, uint64_t total, char out[PROGRESS_TEXT_MAX])
{
	if (total)
		snprintf(out, PROGRESS_TEXT_MAX, "%s: %u %%, %" PRIu64 " of %" PRIu64 " %s", p->doing,
			 part(done, total, 100), done < total ? done : total, total, p->unit);
	else
		snprintf(out, PROGRESS_TEXT_MAX, "%s: %" PRIu64 " %s", p->doing, done, p->unit);
}

static void show_bar(const struct progress *p, uint64_t done, uint64_t total, uint64_t took_ms)
{
	static const char full[BAR + 1] = "################";
	char text[PROGRESS_TEXT_MAX], line[PROGRESS_TEXT_MAX + 96], left[32] = "";
	progress_text(p, done, total, text);
	if (done > 0 && done < total)
		snprintf(left, sizeof left, ", %.0f s left",
			 (double)took_ms / (double)done * (double)(total - done) / 1000);
	if (total)
		snprintf(line, sizeof line, "[%-*.*s] %s%s", BAR, (int)part(done, total, BAR), full, text, left);
	logger_bar(total ? line : text);
}

void progress_show(struct progress *p, uint64_t done, uint64_t total)
{
	char text[PROGRESS_TEXT_MAX];
	bool terminal = logger_has_terminal();
	uint64_t now = now_ms();
	if (now - p->shown_ms < (terminal ? BAR_MS : LOG_MS) || (!terminal && !p->is_logged))
		return;
	p->shown_ms = now;
	if (terminal) {
		show_bar(p, done, total, now - p->began_ms);
		return;
	}
	progress_text(p, done, total, text);
	log_notice("%s", text);
}

void progress_end(struct progress *p)
{
	(void)p;
	logger_bar("");
}
