#include "daemon/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

void memory_share(uint64_t limit, struct memory_shares *out)
{
	enum { LARGEST_ITEM_BYTES = 4 * 1024 * 1024 }; /* as text and as numbers: an item must be readable at all */
	size_t l = limit > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)limit;
	*out = (struct memory_shares){
		.pools = l / 8 * 3,
		.reads = l / 16,
		.load = l / 64 > LARGEST_ITEM_BYTES ? l / 64 : LARGEST_ITEM_BYTES,
		.connections = l / 16 * 5,
		.batch = l / 32,
		.request = l / 32,
		.unsent = l / 32,
		.frame = l / 32,
		.database = l / 8,
	};
}

uint64_t memory_resident(void)
{
	unsigned long long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu", &total, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void memory_set_up(void)
{
	enum { LARGE_BYTES = 128 * 1024, KEPT_BYTES = 1024 * 1024, HEAPS = 2 };
	/* Once set, these do not grow with the blocks that are freed. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_ARENA_MAX, HEAPS);
}

void memory_give_back(void)
{
	malloc_trim(0);
}
