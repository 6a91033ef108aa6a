/* memory.h - how memory_limit is shared out, and what the system says that this process takes.
 *
 * Each share has a keeper that counts what it holds and stays within it: the engine has the pools and the batches, the
 * sessions' budget the connections, SQLite its own. What is left is for what nobody counts: the program, the
 * stacks, and free pieces between blocks of the heap. docs/architecture.md has the table. */
#ifndef CANDOR_MEMORY_H
#define CANDOR_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct memory_shares {
	size_t pools; /* labelers, items, reports; above it nothing is added */
	size_t load; /* one read of items from disk */
	size_t connections; /* what was received and not answered, answered and not taken */
	size_t batch; /* changes that wait for the disk; two such batches may exist, and each grow to twice that */
	size_t request; /* one request, unpacked, with its answer */
	size_t unsent; /* answers that one peer does not take */
	size_t frame; /* one message */
	size_t database; /* SQLite: caches, and what it works with */
};

void memory_share(uint64_t limit, struct memory_shares *out);

/* Bytes of this process in memory, as the system counts them; 0 where it does not say. */
uint64_t memory_resident(void);

/* What lies free in the heap goes back to the system. Milliseconds where it is much. */
void memory_give_back(void);

#endif
