/* passed.h - sockets that a service manager opened and passed on (socket activation): what they are for.
 *
 * Each is a listener, beside those of the settings. Its name, which is FileDescriptorName= of its unit, says what is
 * spoken there. It is the manager's: it goes on listening when candord ends, and its file stays. */
#ifndef CANDOR_NET_PASSED_H
#define CANDOR_NET_PASSED_H

#include "daemon/manager.h"
#include "lib/address.h"

enum { PASSED_FAULT_MAX = 512 };

/* Where it listens, and what is spoken there; is_tls is not set. 0, or -EINVAL, -ENOTSOCK or another -errno and a
 * sentence in fault: it is nothing that candord could accept connections from. */
MUST_CHECK int passed_look(const struct manager_socket *s, struct address *out, char fault[PASSED_FAULT_MAX]);

#endif
