#include "daemon/metrics/process.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t to_us(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

void process_look(struct process *out)
{
	struct rusage usage;
	struct rlimit limit;
	unsigned long long size, resident;
	*out = (struct process){0};
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		out->processor_us = to_us(&usage.ru_utime) + to_us(&usage.ru_stime);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		out->max_descriptors = limit.rlim_cur;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f)
		return;
	if (fscanf(f, "%llu %llu", &size, &resident) == 2) {
		uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
		out->virtual_bytes = size * page;
		out->resident_bytes = resident * page;
	}
	fclose(f);
}

bool process_count_descriptors(struct descriptor_count *c, unsigned most)
{
	static const char folder[] = "/proc/self/fd";
	struct stat st;
	if (c->done)
		return true;
	/* Newer systems say how many there are. */
	if (!c->dir && stat(folder, &st) == 0 && st.st_size > 0) {
		c->n = (uint64_t)st.st_size;
		return c->done = true;
	}
	if (!c->dir && !(c->dir = opendir(folder)))
		return c->done = true;
	for (; most > 0; most--) {
		const struct dirent *entry = readdir(c->dir);
		if (!entry) {
			/* All but the one that this was read by. */
			c->n -= c->n > 0;
			process_stop_counting(c);
			return c->done = true;
		}
		c->n += entry->d_name[0] != '.';
	}
	return false;
}

void process_stop_counting(struct descriptor_count *c)
{
	if (c->dir)
		closedir(c->dir);
	c->dir = NULL;
}
