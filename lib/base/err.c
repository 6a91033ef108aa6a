#include "lib/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *candor_strerror(int err)
{
	switch (err) {
	case 0: return "success";
	case ERR_TOO_BIG: return "frame longer than the limit";
	case ERR_MALFORMED: return "malformed message";
	case ERR_BUDGET: return "message unpacks to more memory than it may take";
	case ERR_FULL: return "a fixed capacity is used up";
	case ERR_STATE: return "the item's state forbids it";
	case ERR_DATABASE: return "the database failed";
	case ERR_DISK_FULL: return "no room left for the database";
	case ERR_SCHEMA: return "not a candor database, or a newer one";
	case ERR_LOCKED: return "another candord has this database";
	case ERR_ADDRESS: return "not an address";
	case ERR_CONFLICT: return "another outcome stands already";
	case ERR_CLOSED: return "the connection ended before the answer came";
	case ERR_PROTOCOL: return "the peer broke the protocol";
	case ERR_HISTORY: return "the history contradicts itself";
	case ERR_DAMAGED: return "the database is damaged";
	case ERR_TLS: return "the encrypted channel failed";
	case -4095: return "end of file"; /* libuv's UV_EOF, the one it does not take from errno that a reader meets */
	}
	if (err <= -3000 && err >= -3014)
		return "the host name cannot be resolved"; /* libuv's UV_EAI_* */
	const char *known = err < 0 ? strerrordesc_np(-err) : NULL;
	return known ? known : "unknown error";
}

void require_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition);
	abort();
}
