/* result.h - the answer to a request that changes pools and whose rows are judged one by one: good ones are applied,
 * and the answer lists the others.
 *
 * It lives in the call's arena, and from one slice to the next. The list of rejected rows has the first ones, as many
 * as an answer has room for. One thread, the loop's. */
#ifndef CANDOR_RESULT_H
#define CANDOR_RESULT_H

#include "daemon/engine/state.h"

/* What is the same for all reports of a request. */
struct post {
	bool for_all; /* labelers */
	size_t grants; /* of the peer, with which each row may be compared */
	uint32_t opener; /* for whom items that it opens count; found with the first of them */
	const char *memory_full, *one_too_many; /* sentences, made once for all rows */
};

struct result {
	struct call *call;
	size_t next; /* row */
	uint64_t now;
	struct candor_batch counts;
	struct candor_rejected *rejected; /* so that listing a row cannot fail half-way */
	size_t n_rejected, max_rejected;
	size_t room_bytes; /* left in the answer */
	struct post post; /* the command's, where it is about reports */
};

/* The one that the call has, or a new one; NULL: no memory. */
struct result *result_begin(struct engine *e, struct call *call);

enum engine_outcome result_pause(struct engine *e, struct result *r,
				 enum engine_outcome (*go_on)(struct engine *e, struct call *call));

/* Lists row i. sentence: NULL where there was no memory for one. */
void result_reject(struct result *r, size_t i, enum candor_code code, const char *sentence);

/* For result_reject(). Nothing is said of a row that will not be listed. */
#define RESULT_SENTENCE(r, ...) ((r)->counts.rejected_omitted ? NULL : arena_printf((r)->call->arena, __VA_ARGS__))

/* limit: what to say where it is a limit that was reached. */
void result_reject_error(struct result *r, size_t i, int err, const char *limit);

void result_reject_unknown(struct result *r, size_t i, const char *item);

/* True if row i was found wrong when it was decoded, and lists it. */
bool result_is_faulty(struct result *r, size_t i);

/* What one request adds to the batch is bounded, for it may name a thousand items with many thousand reports. True if
 * row i must be sent again, and lists it. */
bool result_is_too_much(const struct engine *e, struct result *r, size_t i);

/* All rows are judged: answers. */
enum engine_outcome result_finish(struct engine *e, struct result *r, struct engine_pool *c);

#endif
