#include "daemon/net/unusable.h"

#include "lib/base/err.h"
#include "lib/base/log.h"

void unusable_say(const char *path, int err)
{
	if (err == ERR_DAMAGED || err == ERR_HISTORY)
		log_error("cannot use database %s: %s; `candord --verify --deep --db %s` shows details; see \"Repair\" "
			  "in docs/operating.md on restoring a backup",
			  path, candor_strerror(err), path);
	else if (err == ERR_SCHEMA)
		log_error("cannot use database %s: %s; use another file or a newer candord; if this candord has used "
			  "the file before, it is damaged: see \"Repair\" in docs/operating.md",
			  path, candor_strerror(err));
	else if (err == ERR_UPGRADE)
		log_error("cannot use database %s: %s; see \"Upgrading\" in docs/operating.md", path,
			  candor_strerror(err));
	else if (err == ERR_DATABASE)
		log_error("cannot use database %s: %s; see \"Repair\" in docs/operating.md", path,
			  candor_strerror(err));
	else
		log_error("cannot use database %s: %s", path, candor_strerror(err));
}
