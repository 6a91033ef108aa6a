#include "daemon/engine/result.h"

#include <errno.h>

#include "daemon/engine/reply.h"
#include "daemon/engine/slices.h"

struct result *result_begin(struct engine *e, struct call *call)
{
	enum { SHORTEST_BYTES = 12 }; /* of a row of the list */
	struct result *r = call->progress;
	if (r)
		return r;
	size_t most = e->limits.max_frame_bytes / SHORTEST_BYTES, n = call->wire->request.n;
	r = arena_alloc(call->arena, sizeof *r);
	struct candor_rejected *rejected = arena_alloc(call->arena, (n < most ? n : most) * sizeof *rejected);
	if (!r || !rejected)
		return NULL;
	*r = (struct result){
		.call = call,
		.now = e->ops.now_ms(e->owner),
		.rejected = rejected,
		.max_rejected = n < most ? n : most,
		.room_bytes = e->limits.max_frame_bytes - WIRE_ANSWER_BYTES,
	};
	return call->progress = r;
}

enum engine_outcome result_pause(struct engine *e, struct result *r,
				 enum engine_outcome (*go_on)(struct engine *e, struct call *call))
{
	return engine_pause_writing(e, r->call, r->call->wire->request.n, go_on);
}

void result_reject(struct result *r, size_t i, enum candor_code code, const char *sentence)
{
	const struct candor_rejected row = {(uint32_t)i, code, sentence ? sentence : "rejected"};
	size_t bytes = wire_rejected_bytes(&row);
	if (r->counts.rejected_omitted || r->n_rejected == r->max_rejected || bytes > r->room_bytes) {
		r->counts.rejected_omitted++;
		return;
	}
	r->room_bytes -= bytes;
	r->rejected[r->n_rejected++] = row;
}

bool result_is_faulty(struct result *r, size_t i)
{
	const char *const *fault = r->call->wire->row_fault;
	if (!fault || !fault[i])
		return false;
	result_reject(r, i, CANDOR_INVALID_ARGUMENT, fault[i]);
	return true;
}

void result_reject_error(struct result *r, size_t i, int err, const char *limit)
{
	result_reject(r, i, CANDOR_RESOURCE_EXHAUSTED, err == ERR_FULL ? limit : candor_strerror(err));
}

void result_reject_unknown(struct result *r, size_t i, const char *item)
{
	result_reject(r, i, CANDOR_NOT_FOUND,
		      RESULT_SENTENCE(r, "item '%s' does not exist: nothing was reported on it", item));
}

bool result_is_too_much(const struct engine *e, struct result *r, size_t i)
{
	if (engine_batch_pressure(e) < PRESSURE_CRITICAL)
		return false;
	result_reject(
		r, i, CANDOR_RESOURCE_EXHAUSTED,
		"this request has more changes than can wait for the disk; send this row again, with fewer rows per "
		"request");
	return true;
}

static void count_reports(struct figures *f, const struct result *r)
{
	f->reports[REPORT_ACCEPTED] += r->counts.accepted;
	f->reports[REPORT_DUPLICATE] += r->counts.duplicates;
	f->reports[REPORT_REVISED] += r->counts.revised;
	f->reports[REPORT_REJECTED] += r->n_rejected + r->counts.rejected_omitted;
}

enum engine_outcome result_finish(struct engine *e, struct result *r, struct engine_pool *c)
{
	c->activity += r->call->wire->request.n;
	engine_measure(e, c);
	engine_note_write(e, r->call->wire->request.n);
	engine_let_go(e, r->call);
	if (r->call->wire->request.type == CANDOR_REQ_POST_REPORTS)
		count_reports(&e->figures, r);
	struct candor_response response = {
		.type = CANDOR_RES_BATCH,
		.batch = r->counts,
		.n_rejected = r->n_rejected,
		.rejected = r->rejected,
	};
	return engine_reply(r->call, &response, c->changed);
}
