/* memory.h - how memory_limit is divided, and how much memory this process takes.
 *
 * Each share has an owner that counts what it holds and stays within it: the engine has the pools and the batches, the
 * sessions' budget the connections, SQLite its own. The rest is for what is not counted: the program, the stacks, and
 * free space between blocks of the heap. docs/architecture.md has the table. */
#ifndef CANDOR_MEMORY_H
#define CANDOR_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct memory_shares {
	size_t pools; /* labelers, items, reports; above it nothing is added */
	size_t reads; /* reads from disk under way; one may always be */
	size_t load; /* one read of items from disk */
	size_t connections; /* requests not answered yet, answers not sent yet; and one that is just being worked on */
	size_t batch; /* changes that wait for the disk; there may be two such batches, each up to twice that */
	size_t request; /* one request, unpacked, with its answer */
	size_t unsent; /* answers that one peer does not read */
	size_t frame; /* one message */
	size_t database; /* SQLite: caches, and what it works with */
};

void memory_share(uint64_t limit, struct memory_shares *out);

/* The resident memory of this process, as the system counts it; 0 where it does not say. */
uint64_t memory_resident(void);

/* At the start, before there are threads: large blocks are the system's again as soon as they are freed, and few heaps
 * lie side by side, each with gaps of its own. */
void memory_set_up(void);

/* Returns free heap memory to the system. Takes milliseconds where it is much. */
void memory_give_back(void);

#endif
