/* One row for each kind of request says what it takes, and the functions below do nothing else by kind. To add one:
 * a row in lib/requests.def, a row here, and the function that commands.h then asks for. */
#include "daemon/engine/requests.h"

#include <errno.h>

#include "daemon/engine/access.h"
#include "daemon/engine/charge.h"
#include "daemon/engine/check.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/items.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/slices.h"
#include "daemon/engine/waits.h"

/* ---- the table ---- */

struct row {
	struct need need;
	/* Refused while nothing can be written; a reading one goes on. */
	enum { READS, WRITES } access;
	/* What is found before it runs: call->pool; and also call->items. */
	enum { ON_ENGINE, ON_POOL, ON_ITEMS } stage;
	/* How many rows its answer may have: one or none; one for each of the request; as many as it asks for. */
	enum { ANSWERS_ONE, ANSWERS_ROWS, ANSWERS_PAGE } answers;
	uint16_t row_bytes; /* of one of them, encoded, with names that are not short */
	uint16_t read_bytes; /* likewise while it is read from disk; 0: it is made of what is in memory */
	enum engine_outcome (*run)(struct engine *e, struct call *call);
};

#define ONE_ROW ANSWERS_ONE, 0, 0
#define EACH_ROW(bytes) ANSWERS_ROWS, bytes, 0
#define PAGE(bytes, read) ANSWERS_PAGE, bytes, read
#define SOME_READ (CANDOR_RIGHT_READ | CANDOR_RIGHT_READ_OPEN)
#define SOME_REPORT (CANDOR_RIGHT_REPORT | GRANTS_REPORT_SOME)

/* clang-format off */
/*                         one of these rights, where                      access  stage      answer's rows */
#define ROW_HELLO          NEEDS(0,                    NEED_NOTHING),      READS,  ON_ENGINE, ONE_ROW
#define ROW_INFO           NEEDS(ANY_RIGHT,            NEED_ANYWHERE),     READS,  ON_ENGINE, ONE_ROW
#define ROW_CREATE_POOL    NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      WRITES, ON_ENGINE, ONE_ROW
#define ROW_UPDATE_POOL    NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      WRITES, ON_POOL,   ONE_ROW
#define ROW_LIST_POOLS     NEEDS(ANY_RIGHT,            NEED_ANYWHERE),     READS,  ON_ENGINE, PAGE(520, 0)
#define ROW_GET_POOL       NEEDS(ANY_RIGHT,            NEED_IN_POOL),      READS,  ON_POOL,   ONE_ROW
#define ROW_POST_REPORTS   NEEDS(SOME_REPORT,          NEED_IN_POOL),      WRITES, ON_ITEMS,  EACH_ROW(32)
#define ROW_CLOSE_ITEMS    NEEDS(CANDOR_RIGHT_OUTCOME, NEED_IN_POOL),      WRITES, ON_ITEMS,  EACH_ROW(32)
#define ROW_RESOLVE_ITEMS  NEEDS(CANDOR_RIGHT_OUTCOME, NEED_IN_POOL),      WRITES, ON_ITEMS,  EACH_ROW(32)
#define ROW_VOID_ITEMS     NEEDS(CANDOR_RIGHT_OUTCOME, NEED_IN_POOL),      WRITES, ON_ITEMS,  EACH_ROW(32)
#define ROW_QUERY_ITEMS    NEEDS(SOME_READ,            NEED_IN_POOL),      READS,  ON_ITEMS,  EACH_ROW(480)
#define ROW_LIST_LABELERS  NEEDS(CANDOR_RIGHT_INSPECT, NEED_IN_POOL),      READS,  ON_POOL,   PAGE(320, 0)
#define ROW_GET_LABELER    NEEDS(CANDOR_RIGHT_INSPECT, NEED_IN_POOL),      READS,  ON_POOL,   PAGE(410, 600)
#define ROW_LIST_ITEMS     NEEDS(SOME_READ,            NEED_IN_POOL),      READS,  ON_POOL,   PAGE(580, 1000)
#define ROW_PRUNE_POOL     NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      WRITES, ON_POOL,   ONE_ROW
#define ROW_LIST_GRANTS    NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      READS,  ON_ENGINE, PAGE(600, 0)
#define ROW_ADD_GRANT      NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      WRITES, ON_ENGINE, ONE_ROW
#define ROW_REMOVE_GRANT   NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      WRITES, ON_ENGINE, ONE_ROW
#define ROW_CREATE_TOKEN   NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      WRITES, ON_ENGINE, ONE_ROW
#define ROW_LIST_TOKENS    NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      READS,  ON_ENGINE, PAGE(600, 0)
#define ROW_REVOKE_TOKEN   NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      WRITES, ON_ENGINE, ONE_ROW
#define ROW_LIST_EVENTS    NEEDS(CANDOR_RIGHT_ADMIN,   NEED_IN_POOL),      READS,  ON_ENGINE, PAGE(1000, 2000)
#define ROW_LIST_CHANGES   NEEDS(SOME_READ,            NEED_IN_POOL),      READS,  ON_POOL,   PAGE(530, 1000)
#define ROW_RECHECK_ITEMS  NEEDS(CANDOR_RIGHT_OUTCOME, NEED_IN_POOL),      WRITES, ON_ITEMS,  EACH_ROW(32)
/* clang-format on */

/* A kind without a row above, or without a function in commands.h, does not compile. */
#define NEEDS(rights, place)                         \
	{                                            \
		.where = (place), .one_of = (rights) \
	}
#define CANDOR_REQUEST(NAME, field, Message, ANSWER) [CANDOR_REQ_##NAME] = {ROW_##NAME, engine_##field},
static const struct row rows[CANDOR_REQ_TYPES] = {
#include "lib/requests.def"
};

/* How many rows the answer may have. */
static size_t answer_rows(const struct candor_request *r)
{
	const struct row *row = &rows[r->type];
	switch (row->answers) {
	case ANSWERS_ONE: return 0;
	case ANSWERS_ROWS: return r->n;
	case ANSWERS_PAGE: return r->type == CANDOR_REQ_GET_LABELER && !r->history ? 0 : r->limit;
	}
	return 0;
}

void engine_answer_bytes(const struct call *call, size_t *answer, size_t *elsewhere)
{
	enum { HEAD_BYTES = 4096, FAULT_BYTES = 200 };
	const struct wire_request *w = call->wire;
	const struct row *row = &rows[w->request.type];
	size_t n = w->fault ? 0 : answer_rows(&w->request);
	*answer = HEAD_BYTES + n * (row->row_bytes + (w->row_fault ? FAULT_BYTES : 0));
	*elsewhere = n * row->read_bytes;
	if (w->request.with_reports)
		*answer = SIZE_MAX;
}

/* ---- a request's way through the engine ---- */

static void await_load(struct call *call);

/* How much work it may be, up to a slice or more. */
static uint64_t likely_work(const struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	uint64_t work = r->n * ROW_WORK;
	if (r->type != CANDOR_REQ_POST_REPORTS)
		for (size_t i = 0; i < r->n && work < SLICE_WORK; i++)
			work += call->items[i] ? REPORT_WORK * (uint64_t)call->items[i]->n : 0;
	return work;
}

/* Its command, for the first time. */
static enum engine_outcome start(struct engine *e, struct call *call)
{
	const struct row *row = &rows[call->wire->request.type];
	if (row->access == WRITES &&
	    (engine_is_taken(e, call->pool) || engine_must_wait_to_write(e, likely_work(call))))
		return engine_wait_to_write(e, call);
	return row->run(e, call);
}

/* From its submission, or from the end of the load that it waited for. */
static enum engine_outcome run(struct engine *e, struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	const struct row *row = &rows[r->type];
	require(row->run && call->need == &row->need);
	/* Then memory may be empty. */
	if (e->ended)
		return engine_refuse_error(call, e->ended);
	if (!engine_authorize(e, call))
		return ENGINE_REPLIED;
	engine_begin_slice(e);
	if ((row->access == WRITES || r->commit) && (e->read_only || e->broken)) {
		e->figures.refused[REFUSED_READ_ONLY] += e->read_only != 0;
		return engine_refuse_error(call, e->read_only ? e->read_only : -ENOMEM);
	}
	if (row->stage == ON_ENGINE)
		return row->run(e, call);

	call->pool = engine_find(e, r->pool);
	if (!call->pool)
		return engine_refuse(call, CANDOR_NOT_FOUND,
				     arena_printf(call->arena, "pool '%s' does not exist; create it first", r->pool));
	if (row->stage == ON_POOL)
		return start(e, call);

	struct item **items;
	int found = engine_find_items(e, call->pool, call, &items);
	if (found < 0)
		return engine_refuse_error(call, found);
	if (found == 0) {
		await_load(call);
		return ENGINE_BLOCKED;
	}
	call->items = items;
	return start(e, call);
}

static void await_load(struct call *call)
{
	engine_await_load(call, rows[call->wire->request.type].access == READS, run);
}

/* A hello with a token is charged to the principal whose token it is: nobody else can use up what that one may send. */
static bool pays_later(const struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	return r->type == CANDOR_REQ_HELLO && !call->wire->fault && r->token[0];
}

static enum engine_outcome submit(struct engine *e, struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	/* A peer that failed to authenticate must not go on under its old identity. */
	if (call->wire->fault && r->type == CANDOR_REQ_HELLO && r->token[0])
		call->identity->is_refused = true;
	if (!call->is_paid && !pays_later(call) && !engine_charge(e, call, call->identity))
		return ENGINE_REPLIED;
	if (call->load) {
		await_load(call);
		return ENGINE_BLOCKED;
	}
	if (call->wire->fault)
		return engine_refuse(call, CANDOR_INVALID_ARGUMENT, call->wire->fault);
	/* Nobody holds a pointer to an item between calls. */
	engine_evict(e);
	return run(e, call);
}

enum engine_outcome engine_submit(struct engine *e, struct call *call)
{
	require(call->wire->request.type < CANDOR_REQ_TYPES);
	call->need = &rows[call->wire->request.type].need;
	enum engine_outcome outcome = submit(e, call);
	engine_check_event(e);
	return outcome;
}

/* What it reads it must still be allowed to read. What it has begun to write it finishes. */
static enum engine_outcome go_on(struct engine *e, struct call *call)
{
	if (!call->go_on)
		return run(e, call);
	if (rows[call->wire->request.type].access == READS && (call->cancelled || !engine_may(e, call))) {
		engine_let_go(e, call);
		if (call->cancelled)
			return engine_refuse(call, CANDOR_UNAVAILABLE, "nobody waits for the answer");
		call->go_on = NULL;
		call->progress = NULL;
		return run(e, call); /* which says why not */
	}
	return call->go_on(e, call);
}

void engine_go_on(struct engine *e)
{
	enum { WOKEN_A_TURN = 64 };
	struct call *call = engine_next_paused(e);
	if (call) {
		engine_begin_slice(e);
		go_on(e, call);
		engine_went_on(e);
	}
	for (int i = 0; i < WOKEN_A_TURN && (call = engine_next_woken(e)); i++)
		run(e, call);
	engine_check_event(e);
}

bool engine_has_more(const struct engine *e)
{
	return e->paused.first || engine_has_woken(e);
}

bool engine_may_repeat(const struct call *call)
{
	const struct wire_request *w = call->wire;
	return !w->fault && !w->row_fault && rows[w->request.type].access == READS &&
	       w->request.type != CANDOR_REQ_HELLO;
}

/* ---- what comes before it ---- */

void engine_announce(struct engine *e, struct call *call)
{
	const struct wire_request *w = call->wire;
	const struct row *row = &rows[w->request.type];
	call->need = &row->need;
	if (w->fault || row->stage != ON_ITEMS || engine_wait_ms(e, call->identity) > 0 || !engine_may(e, call))
		return;
	/* Reading ahead takes memory. */
	if (engine_memory_pressure(e) >= PRESSURE_HIGH)
		return;
	struct engine_pool *c = engine_find(e, w->request.pool);
	struct item **unused;
	/* Without memory nothing is read ahead, and the call will report that when it runs. */
	if (c && engine_find_items(e, c, call, &unused) < 0)
		call->load = NULL;
	engine_check_event(e);
}

void engine_withdraw(struct engine *e, struct call *call)
{
	engine_drop_load(call);
	engine_check_event(e);
}

void engine_cancel(struct engine *e, struct call *call)
{
	call->cancelled = true;
	/* Either may be the last of the call: it is replied to, and gone. */
	if (engine_is_waiting(call)) {
		engine_stop_waiting(e, call);
		engine_refuse_error(call, -ECANCELED);
	} else if (call->read) {
		e->ops.cancel(e->owner, call->read);
	}
	engine_check_event(e);
}

const char *engine_refuse_unread(struct engine *e, const struct identity *identity, size_t bytes,
				 enum candor_code *code, uint32_t *retry_after_ms)
{
	enum { STRANGER_BYTES = 8 * 1024 }; /* a hello with the longest token and name is a fifth of it */
	*retry_after_ms = 0;
	if (identity->is_owner)
		return NULL;
	if (bytes > STRANGER_BYTES && !(e->grants && grants_rights(e->grants, identity, NULL))) {
		*code = identity->is_known ? CANDOR_PERMISSION_DENIED : CANDOR_UNAUTHENTICATED;
		engine_charge_unread(e, identity, bytes);
		return "request too large for a peer without rights; authenticate first, or ask an admin for rights";
	}
	*retry_after_ms = engine_wait_ms(e, identity);
	if (*retry_after_ms == 0 || bytes <= STRANGER_BYTES)
		return NULL;
	*code = CANDOR_RESOURCE_EXHAUSTED;
	e->figures.refused[REFUSED_RATE_LIMIT]++;
	return "rate limit exceeded; retry later";
}

void engine_charge_unread(struct engine *e, const struct identity *identity, size_t bytes)
{
	engine_charge_refused(e, identity, bytes);
}
