/* client.h - what the blocking form and the command line need of a client besides candor_async.h. Not installed. */
#ifndef CANDOR_CLIENT_H
#define CANDOR_CLIENT_H

#include <stdbool.h>

#include "lib/base/arena.h"
#include "client/candor_async.h"

/* 1: the daemon has answered the greeting, or has said why it will not go on (every request then gets that answer).
 * 0: not yet. Negative: the connection failed. */
int candor_client_greeted(const struct candor_client *client);

/* The longest request that can be sent: what the options allow, and, once greeted, what the daemon takes. */
size_t candor_client_max_request_bytes(const struct candor_client *client);

/* Within a callback: swaps the response's arena with another, so that the response outlives the callback. `mine` must
 * be empty; afterwards the caller frees it. */
void candor_client_swap_arena(struct candor_client *client, struct arena *mine);

/* The budget that `mine` must have. */
size_t candor_client_budget(const struct candor_client *client);

#endif
