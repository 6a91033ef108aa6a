#include "daemon/manager.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

void manager_tell(const char *format, ...)
{
	char message[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	int sent = sd_notify(false, message);
	(void)sent;
}

uint64_t manager_watchdog_us(void)
{
	uint64_t us;
	return sd_watchdog_enabled(false, &us) > 0 ? us : 0;
}

int manager_sockets(struct manager_socket out[MANAGER_SOCKETS_MAX])
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(false, &names);
	for (int i = 0; i < n; i++) {
		if (i < MANAGER_SOCKETS_MAX) {
			out[i].fd = SD_LISTEN_FDS_START + i;
			snprintf(out[i].name, sizeof out[i].name, "%s", names[i]);
		}
		free(names[i]);
	}
	free(names);
	return n > MANAGER_SOCKETS_MAX ? -E2BIG : n;
}

uint64_t manager_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
