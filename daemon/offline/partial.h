/* partial.h - a file that appears under its name whole and on the disk, or not at all.
 *
 * It is written as NAME.partial, held by a lock, so that whoever finds one knows whether somebody still writes it: one
 * that is left from a program that was killed is replaced, one that is being written is not. Nothing is ever
 * overwritten. What goes wrong is logged. */
#ifndef CANDOR_PARTIAL_H
#define CANDOR_PARTIAL_H

#include <stdbool.h>
#include "lib/base/err.h"

struct partial {
	char *path; /* of the partial file; NULL: there is none */
	int fd; /* open for reading and writing */
};

/* Makes TO.partial, which nobody else may read. `to` must be free, and so must be the names that a database's logs
 * would have beside it. 0, or -errno, and then nothing is left open. */
MUST_CHECK int partial_open(struct partial *p, const char *to);

/* Forces it to the disk and gives it its name, if that is still free. 0 or -errno. */
MUST_CHECK int partial_publish(struct partial *p, const char *to);

/* Closes it, and removes it where it did not get its name. */
void partial_close(struct partial *p, bool published);

#endif
