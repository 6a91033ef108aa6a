/* process.h - what the system says of this process. Reads /proc; where it says nothing figures are 0. One thread. */
#ifndef CANDOR_METRICS_PROCESS_H
#define CANDOR_METRICS_PROCESS_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

struct process {
	uint64_t processor_us;
	uint64_t virtual_bytes, resident_bytes;
	uint64_t max_descriptors;
};

void process_look(struct process *out);

/* Counts open descriptors by pieces, for there may be many thousand. All zero at first. */
struct descriptor_count {
	DIR *dir; /* NULL: not begun, or done */
	bool done;
	uint64_t n;
};

/* Looks at up to `most` of them. True: that was all. */
bool process_count_descriptors(struct descriptor_count *c, unsigned most);

/* Gives it up. */
void process_stop_counting(struct descriptor_count *c);

#endif
