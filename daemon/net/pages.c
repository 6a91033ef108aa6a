#include "daemon/net/pages.h"

#include <errno.h>
#include <string.h>

#include "daemon/engine/watch.h"
#include "daemon/http/query.h"

/* ---- what metrics are made of ---- */

static void look(void *owner, struct metrics_daemon *out)
{
	const struct pages *p = owner;
	struct store_sizes sizes;
	store_look_at_files(p->store, &sizes);
	*out = (struct metrics_daemon){
		.began_at = p->began_at,
		.now = p->now_ms(NULL),
		.started_at = engine_started_at(p->engine),
		.lag = *p->lag,
		.database_bytes = sizes.database,
		.wal_bytes = sizes.wal,
		.disk_bytes = sizes.left,
		.memory_limit = p->config->memory_limit,
		.connections_bytes = conns_bytes(p->conns),
		.connections_max = p->conns->budget.limit_bytes,
		.sqlite_bytes = db_memory(),
	};
}

static bool listener(void *owner, size_t i, char text[ADDRESS_TEXT_MAX], uint64_t *connections)
{
	const struct pages *p = owner;
	const struct listener *l = p->listeners->first;
	while (l && i-- > 0)
		l = l->next;
	if (!l)
		return false;
	address_format(&l->address, text, ADDRESS_TEXT_MAX);
	*connections = l->connections;
	return true;
}

static bool refusal(void *owner, size_t i, const char **reason, uint64_t *n)
{
#define REASON(NAME, label) label,
	static const char *const reasons[NET_REFUSAL_COUNT] = {NET_REFUSALS(REASON)};
	const struct pages *p = owner;
	if (i >= NET_REFUSAL_COUNT)
		return false;
	*reason = reasons[i];
	*n = p->conns->shared.refused.n[i];
	return true;
}

/* ---- the pages ---- */

static int metrics(struct pages *p, const struct door_question *q, struct door_page_answer *out)
{
	out->code = engine_check_watcher(p->engine, q->who, &out->sentence);
	if (out->code != CANDOR_OK)
		return 0;
	out->status = 200;
	return metrics_new(&out->body, &p->source, q->accept, &out->type);
}

struct check {
	const char *name;
	bool good;
};

/* The checks by their names where that is asked for, else one word. */
static int tell(const struct check *checks, size_t n, bool verbose, struct door_page_answer *out)
{
	struct buf text = {0};
	bool good = true;
	int err = 0;
	for (size_t i = 0; i < n; i++) {
		good = good && checks[i].good;
		if (verbose && err == 0)
			err = buf_printf(&text, "%s: %s\n", checks[i].name, checks[i].good ? "ok" : "failed");
	}
	if (err == 0)
		err = buf_printf(&text, "%s\n", good ? "ok" : "failed");
	if (err == 0)
		err = body_of_bytes(&out->body, &text);
	buf_free(&text);
	out->status = good ? 200 : 503;
	out->type = "text/plain; charset=utf-8";
	return err;
}

/* Whoever reads this sees that the loop turns. */
static int livez(bool verbose, struct door_page_answer *out)
{
	static const struct check checks[] = {{"loop", true}};
	return tell(checks, 1, verbose, out);
}

static int readyz(struct pages *p, bool verbose, struct door_page_answer *out)
{
	const struct check checks[] = {
		{"recovered", !engine_has_failed(p->engine)},
		{"writable", !engine_why_not_writable(p->engine)},
		{"serving", !p->stopping},
	};
	return tell(checks, sizeof checks / sizeof *checks, verbose, out);
}

static int on_page(void *owner, enum door_page page, const struct door_question *q, struct door_page_answer *out)
{
	struct pages *p = owner;
	char fault[160];
	bool verbose = false;
	/* The door has refused what is no such flag. */
	if (query_flag(q->query, strlen(q->query), "verbose", &verbose, fault, sizeof fault))
		verbose = false;
	switch (page) {
	case DOOR_LIVEZ: return livez(verbose, out);
	case DOOR_READYZ: return readyz(p, verbose, out);
	case DOOR_METRICS: return metrics(p, q, out);
	case DOOR_PAGES: break;
	}
	return -EINVAL;
}

void pages_init(struct pages *p)
{
	p->source = (struct metrics_source){
		.engine = p->engine,
		.pools_max = p->config->metrics_pools,
		.look = look,
		.listener = listener,
		.refusal = refusal,
		.owner = p,
	};
	p->ops = (struct door_ops){.page = on_page, .now_ms = p->now_ms, .owner = p};
	seal_key_make(&p->ops.cookie_key);
}
