/* reply.h - answers: sending one, refusing, and what several commands say alike.
 *
 * Each call is replied to exactly once, and may be gone as soon as a function here has returned. Strings are made in
 * the call's arena. One thread, the loop's. */
#ifndef CANDOR_REPLY_H
#define CANDOR_REPLY_H

#include "daemon/engine/state.h"

/* Sends the answer, once `change` is on disk. */
enum engine_outcome engine_reply(struct call *call, struct candor_response *r, uint64_t change);

/* Shortens a page to the rows that fit into a message: true if it did. The cursor is made afterwards. */
bool engine_shorten(const struct engine *e, struct candor_response *r);

/* Replies with an error; NULL for a sentence: there was no memory for one. */
enum engine_outcome engine_refuse(struct call *call, enum candor_code code, const char *sentence);
enum engine_outcome engine_refuse_error(struct call *call, int err);

/* Why writes are refused, and what to do about it; "" where they are not. Static. */
const char *engine_say_read_only(const struct engine *e);

/* The request's arena is used up. */
enum engine_outcome engine_refuse_large(struct call *call);

enum engine_outcome engine_refuse_cursor(struct call *call);

/* What to say where the memory for pools is used up; in the arena, or a shorter one. */
const char *engine_say_memory_full(const struct engine *e, struct arena *a);

enum engine_outcome engine_reply_pool(struct call *call, const struct engine_pool *c, unsigned rights);

/* rechecks: what out may point to. */
void engine_describe_pool(const struct engine_pool *c, unsigned rights, struct candor_pool *out,
			  struct candor_rechecks *rechecks);

/* What closing it froze, or would now, with the candidates for those who have the right to them: to be told of an item,
 * or as what it is now. */
void engine_describe_aggregate(const struct aggregate *a, unsigned rights, struct candor_item *out);
void engine_describe_now(const struct aggregate *a, unsigned rights, struct candor_aggregates *out);

/* An item that is no longer open, as it stands in the database. */
void engine_describe_row(const struct item_row *row, unsigned rights, struct candor_item *out);

void engine_describe_labeler(const struct engine_pool *c, uint32_t id, struct candor_labeler *out);

/* Cursors: a letter for the kind of listing, and n numbers in hexadecimal, joined by dashes. */
bool engine_read_cursor(const char *text, char letter, uint64_t *numbers, size_t n);
const char *engine_write_cursor(struct arena *a, char letter, const uint64_t *numbers, size_t n); /* NULL: no memory */

#endif
