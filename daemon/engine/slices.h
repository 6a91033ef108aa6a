/* slices.h - requests that are more work than fits into one turn of the loop: they are done in slices.
 *
 * A command counts its work in steps (state.h). When its slice is over it pauses: it keeps what it has done so far in
 * its call, and the owner has it go on in later turns (engine_go_on() in requests.h), each request in its turn. Between
 * two slices other requests are carried out.
 *
 * What a request changes is one batch's, whole: while one that has changed something is paused, no batch goes out.
 * So there is one such writer at a time, and after a batch had to wait for it the next one starts only when that is
 * handed over. Requests that are short go on meanwhile. Nor does one begin that is large, if there is much in the batch
 * already. What a reading request tells is each row's state at the moment that it was looked at.
 *
 * One thread, the loop's. */
#ifndef CANDOR_SLICES_H
#define CANDOR_SLICES_H

#include "daemon/engine/state.h"

/* Of a slice, in steps: about a millisecond. A slice ends with the first row that goes above it; the largest row
 * there is, an item with 65,535 reports, takes five such slices to be closed and some ten to be settled. */
enum { SLICE_WORK = 65536 };

void engine_begin_slice(struct engine *e);

/* Whether a command should pause. c: the pool that it works on, or NULL. */
bool engine_slice_is_over(struct engine *e, struct engine_pool *c);

/* The same for one that writes: false where it cannot pause because another does. */
bool engine_may_pause_writing(struct engine *e, const struct call *call);

/* The command pauses, and go_on is called in a later turn, which may pause again. The items of the call, [n], stay in
 * memory. */
enum engine_outcome engine_pause(struct engine *e, struct call *call, size_t n,
				 enum engine_outcome (*go_on)(struct engine *e, struct call *call));

/* The same for a command that writes. */
enum engine_outcome engine_pause_writing(struct engine *e, struct call *call, size_t n,
					 enum engine_outcome (*go_on)(struct engine *e, struct call *call));

/* The same, and until it is done nobody else writes to its pool, and those who would tell about the pool as a whole
 * wait: what it has checked stays so, and what it does is seen whole. */
enum engine_outcome engine_pause_alone(struct engine *e, struct call *call, size_t n,
				       enum engine_outcome (*go_on)(struct engine *e, struct call *call));

/* Whether a command on that pool must wait for such a one; c NULL: on any. */
bool engine_is_taken(const struct engine *e, const struct engine_pool *c);

/* The command is done. To be called before it replies if it may have paused. */
void engine_let_go(struct engine *e, struct call *call);

/* A command that writes, and may be so much work, must wait: for another one, if it may be more than a slice; for the
 * next batch, if what is in this one takes a while already. Then it is kept, and will start anew. */
bool engine_must_wait_to_write(const struct engine *e, uint64_t work);
enum engine_outcome engine_wait_to_write(struct engine *e, struct call *call);

/* Whether a batch may be handed over; where not, it will be before another long request starts to write. */
bool engine_may_hand_over(struct engine *e);

/* One that paused, or waited, has gone on: perhaps the next one that waits to write may start. */
void engine_went_on(struct engine *e);

/* A batch was handed over. */
void engine_handed_over(struct engine *e);

/* The next one in the queue of those that paused, which leaves it; NULL: none. */
struct call *engine_next_paused(struct engine *e);

/* Memory was given up, and will be rebuilt: what paused starts anew. Returns the one that had changed something, which
 * is to be refused, or NULL. */
struct call *engine_restart_paused(struct engine *e);

bool engine_has_paused(const struct engine *e); /* or waits to write */

/* For builds that check. */
void engine_slices_check(const struct engine *e);

#endif
