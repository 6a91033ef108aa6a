/* talk.h - what tests say to a session and expect to hear from it, in short forms: requests about the pool "p" of a
 * peer's world, and assertions about the next answer. */
#ifndef CANDOR_TESTS_TALK_H
#define CANDOR_TESTS_TALK_H

#include "tests/lib/peer.h"

/* Requests. What they point to is the caller's. */
struct candor_request get_pool_request(uint64_t id);
struct candor_request update_request(uint64_t id);
struct candor_request items_request(uint64_t id, enum candor_request_type type, const char *const *item);
struct candor_request post_request(uint64_t id, const struct candor_report *row);

/* Sends one request in one push. */
void talk(struct peer_world *w, struct candor_request r);

/* The next answer is that of the request `id`, with this code. */
void assert_answer(struct peer_world *w, uint64_t id, enum candor_code code);

/* There is no answer. */
void assert_silence(struct peer_world *w);

#endif
