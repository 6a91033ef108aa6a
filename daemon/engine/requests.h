/* requests.h - how a request gets into the engine: charged, authorized, and handed to the command that carries it out.
 *
 * One table in requests.c has a row for each kind of request of lib/requests.def. One thread, the loop's. */
#ifndef CANDOR_REQUESTS_H
#define CANDOR_REQUESTS_H

#include "daemon/engine/call.h"

/* About how large the answer to a call may be, encoded, SIZE_MAX: as large as any; and what the call may take while it
 * is read on another thread. Sums over its rows. */
void engine_answer_bytes(const struct call *call, size_t *answer, size_t *elsewhere);

enum engine_outcome engine_submit(struct engine *e, struct call *call);

/* Whether a request only reads, so that it can run again where its answer cannot leave. */
bool engine_may_repeat(const struct call *call);

/* Requests that are long are done in slices (slices.h), and those that waited for something to happen go on when it has
 * (waits.h). Whether there is more to be done at once; and a slice of the first of the former, and some of the latter.
 * To be called before the loop sleeps. */
bool engine_has_more(const struct engine *e);
void engine_go_on(struct engine *e);

/* A call that will be submitted when those before it are answered: what it will need from disk may be read meanwhile.
 * Afterwards the call must be submitted or withdrawn. */
void engine_announce(struct engine *e, struct call *call);
void engine_withdraw(struct engine *e, struct call *call);

/* Nobody waits for the answer any more: what only looks something up is given up, and so is the replay of a prune. The
 * call is replied to all the same, perhaps before this returns. Whatever changes something is carried out. */
void engine_cancel(struct engine *e, struct call *call);

/* Unpacking a request costs something already. What to say to one of so many bytes without doing it: NULL, it should be
 * unpacked; or a sentence, with *code and *retry_after_ms, which is then also charged. */
const char *engine_refuse_unread(struct engine *e, const struct identity *identity, size_t bytes,
				 enum candor_code *code, uint32_t *retry_after_ms);

/* A request of so many bytes came that could not be unpacked, and was refused: it counts nevertheless. */
void engine_charge_unread(struct engine *e, const struct identity *identity, size_t bytes);

#endif
