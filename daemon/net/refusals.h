/* refusals.h - which connections were refused or cut off, counted by reason. One thread, the loop's. */
#ifndef CANDOR_NET_REFUSALS_H
#define CANDOR_NET_REFUSALS_H

#include <stdint.h>

/* ROW(NAME, "label") */
#define NET_REFUSALS(ROW)                                                               \
	ROW(MAX_CONNECTIONS, "max_connections") /* a newcomer, when all were taken */   \
	ROW(MOST_CONNECTIONS, "most_connections") /* of whoever had the most, then */   \
	ROW(UNIDENTIFIED, "unidentified") /* somebody who had not said who they are */  \
	ROW(MEMORY, "memory") /* there was none for it, or it held too much */          \
	ROW(TIMEOUT, "timeout") /* a message, an answer or a handshake took too long */ \
	ROW(TLS, "tls") /* the handshake failed, or the channel broke */

#define NET_REFUSAL_NAME(NAME, label) NET_REFUSED_##NAME,
enum net_refusal { NET_REFUSALS(NET_REFUSAL_NAME) NET_REFUSAL_COUNT };

struct refusals {
	uint64_t n[NET_REFUSAL_COUNT];
};

#endif
