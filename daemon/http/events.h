/* events.h - what happens to a pool's items as server-sent events: page after page of list_changes, each asked for when
 * the one before has been taken, and waited for where there is none.
 *
 * An event has its change's cursor as its id, so that a client that comes back with Last-Event-ID misses nothing. For
 * exchange.c alone. Pure. */
#ifndef CANDOR_HTTP_EVENTS_H
#define CANDOR_HTTP_EVENTS_H

#include <stdbool.h>

#include "lib/base/body.h"
#include "lib/wire/envelope.h"

#define EVENTS_TYPE "text/event-stream"

enum { EVENTS_WAIT_MS = 15 * 1000, EVENTS_ROWS = 100 };

struct events;

/* Takes *fields away: what the path and the query say, as part of each request's message. after: a cursor to go on
 * from; NULL: the one among the fields, if any. 0, -ENOMEM, or ERR_MALFORMED where it cannot be a cursor. */
MUST_CHECK int events_new(struct events **out, struct buf *fields, const char *after);
void events_free(struct events *e); /* NULL is allowed */

/* Appends the message of the next request. 0 or -ENOMEM. */
MUST_CHECK int events_ask(struct events *e, struct buf *message);

/* A page; or, where it is a refusal, the last event. response: the frame's inside. 0 or an error. */
MUST_CHECK int events_take(struct events *e, const struct wire_answer *a, struct view response);

/* What is made of the pages, as the body of an answer; the events must outlive it. 0 or -ENOMEM. */
MUST_CHECK int events_body(struct events *e, struct body **out);

/* Text is there to be sent; or that this was the end. */
bool events_have_text(const struct events *e);

/* No further page is asked for. */
void events_end(struct events *e);
bool events_have_ended(const struct events *e);

size_t events_bytes(const struct events *e);

#endif
