#include "client/cli/base/progress.h"

#include <stdio.h>

#include "client/cli/base/number.h"
#include "client/cli/base/table.h"

enum { BAR = 24 };

void cli_progress_line(const struct cli_progress *p, uint64_t now_ms, bool utf8, char *out, size_t size)
{
	uint64_t elapsed_ms = now_ms > p->started_ms ? now_ms - p->started_ms : 1;
	uint64_t rate = p->count * 1000 / elapsed_ms;
	if (p->total == 0) {
		snprintf(out, size, "%s %s, %s/s, %s", cli_count(p->count).s, p->unit, cli_count(rate).s,
			 cli_duration(elapsed_ms).s);
		return;
	}
	char bar[CLI_BAR_BYTES(BAR)];
	double part = (double)p->done / (double)p->total;
	if (part > 1)
		part = 1;
	cli_bar(bar, part, BAR, utf8);
	double left_ms = part > 0 ? (double)elapsed_ms * (1 - part) / part : 0;
	snprintf(out, size, "[%s%*s] %3.0f%%  %s %s, %s/s, %s left%s%s", bar, BAR - cli_width(bar), "", 100 * part,
		 cli_count(p->count).s, p->unit, cli_count(rate).s, cli_duration((uint64_t)left_ms).s,
		 p->last ? ": " : "", p->last ? p->last : "");
}

void cli_progress_show(struct cli_progress *p, uint64_t now_ms, bool utf8)
{
	char line[256];
	cli_progress_line(p, now_ms, utf8, line, sizeof line);
	fprintf(stderr, "\r\033[K%s", line);
	p->shown = true;
}

void cli_progress_wait(struct cli_progress *p, uint64_t ms)
{
	fprintf(stderr, "\r\033[Kwaiting %s for the daemon's rate limit", cli_duration(ms).s);
	fflush(stderr);
	p->shown = true;
}

void cli_progress_clear(struct cli_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
