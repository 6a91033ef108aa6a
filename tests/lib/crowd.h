/* crowd.h - connections that mean no good, by the thousand, from one thread beside the test's.
 *
 * Members are as a shape says. What is said to them is read (by the deaf only at the end) and counted. Failures to set
 * up end the test program with a sentence. */
#ifndef CANDOR_TESTS_CROWD_H
#define CANDOR_TESTS_CROWD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct crowd;

struct crowd_shape {
	unsigned deaf; /* ask as much as the daemon takes, and never read */
	unsigned drips; /* send a byte a second */
	unsigned halves; /* send half of a frame of twice half_bytes, and stop */
	size_t half_bytes;
	unsigned heavies; /* the same with heavy_bytes */
	size_t heavy_bytes;
	unsigned pipelines; /* ask `pipelined` times for quiet_pool, as fast as they are taken, and read */
	const char *quiet_pool;
	uint64_t pipelined;
	unsigned
		floods; /* post reports on more and more items, in batches of 250, as fast as they are taken, and read */
};

struct crowd_count {
	uint64_t answers; /* read by all */
	uint64_t pipelined_answers; /* of the pipelines */
	uint64_t rows_refused; /* of the floods, with RESOURCE_EXHAUSTED */
	uint64_t refused; /* connections that were ended, their last word RESOURCE_EXHAUSTED */
	uint64_t silent; /* connections that were ended with another last word, or none */
	uint64_t held; /* connections that were still there in the end */
};

/* pool: that the floods post to, and the deaf ask for; it exists. Returns when all are connected. */
struct crowd *crowd_start(const char *address, const char *pool, const struct crowd_shape *shape);

/* The pipelines have all their answers. */
int crowd_pipelines_done(const struct crowd *c);

/* Stops sending, reads what there is to read, hangs up. */
void crowd_stop(struct crowd *c, struct crowd_count *out);

#endif
