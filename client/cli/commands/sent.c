#include "client/cli/commands/sent.h"

#include <stdlib.h>

#include "client/cli/base/cli.h"

enum { SENT_ARENA_BYTES = 64 * 1024 * 1024 };

static const char *copy_text(struct cli_sent *s, const char *text)
{
	return cli_memory(arena_strdup(&s->arena, text));
}

static void *copy_array(struct cli_sent *s, size_t size)
{
	return cli_memory(arena_alloc(&s->arena, s->request.n * size));
}

/* What the request points to, since it may have to be sent again. */
static void copy_rows(struct cli_sent *s)
{
	struct candor_request *r = &s->request;
	struct candor_report *reports = r->reports ? copy_array(s, sizeof *reports) : NULL;
	struct candor_outcome *outcomes = r->outcomes ? copy_array(s, sizeof *outcomes) : NULL;
	const char **items = r->items ? copy_array(s, sizeof *items) : NULL;
	for (size_t i = 0; i < r->n; i++) {
		if (reports)
			reports[i] = (struct candor_report){copy_text(s, r->reports[i].item),
							    copy_text(s, r->reports[i].labeler), r->reports[i].value,
							    r->reports[i].sequence};
		if (outcomes)
			outcomes[i] = (struct candor_outcome){copy_text(s, r->outcomes[i].item), r->outcomes[i].value};
		if (items)
			items[i] = copy_text(s, r->items[i]);
	}
	r->reports = reports;
	r->outcomes = outcomes;
	r->items = items;
}

struct cli_sent *cli_sent_new(const struct candor_request *request, const uint64_t *lines)
{
	struct cli_sent *s = cli_memory(malloc(sizeof *s));
	*s = (struct cli_sent){.request = *request};
	arena_init(&s->arena, SENT_ARENA_BYTES);
	s->lines = copy_array(s, sizeof *lines);
	for (size_t i = 0; i < request->n; i++)
		s->lines[i] = lines[i];
	copy_rows(s);
	return s;
}

void cli_sent_free(struct cli_sent *s)
{
	arena_free(&s->arena);
	free(s);
}
