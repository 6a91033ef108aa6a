#include "tests/lib/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

uint64_t proof_size(uint64_t sanitized, uint64_t bounded, uint64_t full)
{
	const char *asked = getenv("RELIABILITY");
	if (asked && strcmp(asked, "full") == 0)
		return full;
	return SANITIZED ? sanitized : bounded;
}

void proof_say(const char *what, uint64_t n)
{
	printf("# proof: %s: %" PRIu64 "\n", what, n);
	fflush(stdout);
}
