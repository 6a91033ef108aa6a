/* stranger.h - a TLS client that libcandor is not: other versions, renegotiation, and it trusts everybody.
 * Over a connected, blocking socket, which stays the caller's. One thread. */
#ifndef CANDOR_TESTS_STRANGER_H
#define CANDOR_TESTS_STRANGER_H

#include <stdbool.h>

#include "lib/base/buf.h"

struct stranger;

enum stranger_version { STRANGER_TLS_1_1, STRANGER_TLS_1_2, STRANGER_TLS_1_3 };

/* Shakes hands, in that version and no other. */
struct stranger *stranger_new(int fd, enum stranger_version version);
void stranger_free(struct stranger *s);

/* The handshake, or the newest call, has succeeded; else stranger_fault() is what OpenSSL says about it. */
bool stranger_is_good(const struct stranger *s);
const char *stranger_fault(const struct stranger *s);

/* Asks for another handshake in the same connection. */
bool stranger_renegotiate(struct stranger *s);

/* Sends without reading anything, and without waiting: false when the socket takes no more. The socket does not block
 * afterwards. */
bool stranger_says(struct stranger *s, const void *bytes, int n);

/* The same with a message that asks the daemon for one of its own, a new key. */
bool stranger_asks_for_keys(struct stranger *s);

/* Says that nothing more will come, and can still read. */
bool stranger_ends(struct stranger *s);

/* Reads to the end, and appends what came; all NULL: it is thrown away. Whether the end was told, and did not just
 * happen. */
bool stranger_hears(struct stranger *s, struct buf *all);

/* Reads to the end: whether that was told, and did not just happen. */
bool stranger_is_told_the_end(struct stranger *s);

#endif
