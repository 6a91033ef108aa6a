#include "tests/lib/manager.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/unit.h"

enum { PATIENCE_MS = 30000 };

void manager_open(struct manager *m, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	*m = (struct manager){.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	assert_true(m->fd >= 0 && len < sizeof at.sun_path);
	memcpy(at.sun_path, path, len);
	if (path[0] == '@')
		at.sun_path[0] = 0;
	else
		snprintf(m->path, sizeof m->path, "%s", path);
	assert_int_equal(
		bind(m->fd, (const struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		0);
	setenv("NOTIFY_SOCKET", path, 1);
}

void manager_watch(uint64_t us)
{
	char text[32];
	snprintf(text, sizeof text, "%llu", (unsigned long long)us);
	if (us)
		setenv("WATCHDOG_USEC", text, 1);
	else
		unsetenv("WATCHDOG_USEC");
}

void manager_close(struct manager *m)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (m->fd >= 0)
		close(m->fd);
	if (m->path[0])
		unlink(m->path);
	*m = (struct manager){.fd = -1};
}

bool manager_hears(struct manager *m, int ms)
{
	struct pollfd ready = {.fd = m->fd, .events = POLLIN};
	if (poll(&ready, 1, ms) <= 0)
		return false;
	ssize_t len = recv(m->fd, m->message, sizeof m->message - 1, 0);
	assert_true(len >= 0);
	m->message[len] = 0;
	return true;
}

const char *manager_next(struct manager *m)
{
	if (!manager_hears(m, PATIENCE_MS))
		fail_msg("the manager waits in vain; the last it heard is \"%s\"", m->message);
	return m->message;
}

const char *manager_said(const struct manager *m, const char *assignment)
{
	size_t len = strlen(assignment);
	for (const char *line = m->message; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, assignment, len) == 0)
			return line + len;
	}
	return NULL;
}

unsigned manager_await(struct manager *m, const char *assignment, const char *counted)
{
	unsigned n = 0;
	while (manager_next(m), !manager_said(m, assignment))
		n += counted && manager_said(m, counted);
	return n;
}
