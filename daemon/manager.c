#include "daemon/manager.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
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

uint64_t manager_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
