#include "client/cli/base/pages.h"

#include <stdio.h>
#include <string.h>

void cli_pages_begin(struct cli_pages *p, struct cli *c, const struct candor_request *request, const char *after,
		     uint64_t limit)
{
	*p = (struct cli_pages){.cli = c, .request = *request, .limit = limit, .more = true};
	if (after && strlen(after) >= sizeof p->cursor)
		cli_usage(c, "--after is too long for a cursor");
	snprintf(p->cursor, sizeof p->cursor, "%s", after ? after : "");
	p->request.cursor = p->cursor;
	c->is_paging = true;
}

static int ask(struct cli_pages *p)
{
	if (!p->is_quiet)
		return cli_call(p->cli, &p->request, &p->response);
	int code = cli_ask(p->cli, &p->request, &p->response);
	return code || p->response->code == CANDOR_OK ? code : CLI_REFUSED;
}

bool cli_pages_next(struct cli_pages *p)
{
	if (!p->more || p->n_rows >= p->limit || p->code || ferror(stdout))
		return false;
	uint64_t left = p->limit - p->n_rows;
	p->request.limit = left < CANDOR_PAGE_MAX ? (uint32_t)left : CANDOR_PAGE_MAX;
	p->code = ask(p);
	if (p->code)
		return false;
	const struct candor_response *r = p->response;
	p->n_pages++;
	p->n_rows += r->n;
	snprintf(p->cursor, sizeof p->cursor, "%s", r->next);
	/* The feed has a cursor after its last page too. A page without rows would be asked for again and again. */
	p->more = r->n > 0 && (r->type == CANDOR_RES_ITEMS ? r->more : *r->next != '\0');
	return true;
}

void cli_pages_again(struct cli_pages *p)
{
	p->more = true;
}
