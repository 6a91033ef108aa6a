/* commands.h - the functions that carry requests out, one for each row of lib/requests.def.
 *
 * engine_post_reports() and so on, in write.c and outcomes.c (what changes pools), read.c (what is answered from
 * memory), history.c and changes.c (what is answered from disk), prune.c and grants_commands.c.
 *
 * Each is called when the peer may do what it asks for. call->pool is then the pool that the request names, and
 * call->items the items, as the kind's row in requests.c says. One thread, the loop's. */
#ifndef CANDOR_COMMANDS_H
#define CANDOR_COMMANDS_H

#include "daemon/engine/call.h"

#define CANDOR_REQUEST(NAME, field, Message, ANSWER) \
	enum engine_outcome engine_##field(struct engine *e, struct call *call);
#include "lib/requests.def"

#endif
