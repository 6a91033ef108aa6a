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

/* What may be another way the next time, while the daemon is started anew or is short of something. */
static bool is_passing(int err, const struct candor_response *r)
{
	/* Those above all of the library's are the system's. */
	if (err)
		return err == CANDOR_ERR_CLOSED || err > CANDOR_ERR_TOO_BIG;
	return r->code == CANDOR_UNAVAILABLE || r->code == CANDOR_RESOURCE_EXHAUSTED;
}

static int fail(struct cli_pages *p, int err)
{
	return err ? cli_unreachable(p->cli, p->n_pages > 0, err, p->cli->fault)
		   : cli_refusal(p->cli, p->response->code, p->response->message);
}

/* Once, however long it takes. */
static void say_trying(const struct cli_pages *p, int err)
{
	if (err)
		cli_error(p->cli, "lost the connection to candord at %s: %s; trying again until it is back",
			  p->cli->server, candor_strerror(err));
	else
		cli_error(p->cli, "%s; trying again", p->response->message);
}

static int ask_until_answered(struct cli_pages *p)
{
	enum { FIRST_MS = 100, LONGEST_MS = 5000 };
	for (uint64_t pause_ms = FIRST_MS;; pause_ms = pause_ms * 2 < LONGEST_MS ? pause_ms * 2 : LONGEST_MS) {
		int err = cli_try(p->cli, &p->request, &p->response);
		if (err == 0 && p->response->code == CANDOR_OK)
			return CLI_DONE;
		if (p->n_pages == 0 || !is_passing(err, p->response))
			return fail(p, err);
		if (pause_ms == FIRST_MS)
			say_trying(p, err);
		uint64_t retry_ms = err ? 0 : p->response->retry_after_ms;
		p->stopped = p->told_to_stop(retry_ms > pause_ms ? retry_ms : pause_ms);
		if (p->stopped)
			return CLI_DONE;
	}
}

static int ask(struct cli_pages *p)
{
	if (p->told_to_stop)
		return ask_until_answered(p);
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
	if (p->code || p->stopped)
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
