/* rights_table.h - who may do what, in the words of docs/security.md: every request as everybody, over each transport.
 * For tests that try all of it. */
#ifndef CANDOR_TESTS_RIGHTS_TABLE_H
#define CANDOR_TESTS_RIGHTS_TABLE_H

#include "tests/lib/asks.h"

/* Who asks. */
enum role {
	PLATFORM,
	AUDITOR,
	TRAINER,
	OPERATOR,
	ADMIN, /* of all pools */
	POOL_ADMIN, /* of "p" */
	PREFIX, /* may report for labelers that begin with "plat-" */
	ELSEWHERE, /* admin of "q" and nothing in "p" */
	BARE, /* known, and nothing was granted */
	REVOKED, /* an admin's token, revoked while it was connected */
	EXPIRED, /* likewise, and its time came */
	ANONYMOUS,
	OWNER, /* the daemon's own user, on its Unix socket */
	ROLES,
};

struct rights_role {
	const char *name, *pool, *prefix; /* pool NULL: nothing is granted */
	unsigned rights;
};
extern const struct rights_role rights_roles[ROLES];

enum way { UNIX_TOKEN, TCP_TOKEN, TLS_TOKEN, TLS_CERT, UNIX_UID, UNIX_GID };

bool rights_uses_tokens(enum way way);
bool rights_is_tls(enum way way);
bool rights_is_unix(enum way way);

/* Whether there is somebody like that on such a connection. */
bool rights_exists(enum way way, enum role role);

/* want: for each role '+': it is done. 'd': PERMISSION_DENIED. 'u': UNAUTHENTICATED. 'r': the row is rejected with
 * PERMISSION_DENIED. 'n': NOT_FOUND. */
struct rights_row {
	const char *want;
	void (*make)(struct cell *c);
	const char *what;
};
extern const struct rights_row rights_rows[];
extern const size_t rights_n_rows;

enum { RIGHTS_ROWS_MAX = 64 };

#endif
