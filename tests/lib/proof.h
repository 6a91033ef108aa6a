/* proof.h - the counts behind docs/reliability.md.
 *
 * A test that counts what it did (faults injected, crashes survived, rows checked) says each count once, under a name
 * that the table there uses; `make reliability` runs those tests at their full size and collects the counts. */
#ifndef CANDOR_TESTS_PROOF_H
#define CANDOR_TESTS_PROOF_H

#include <stdint.h>

/* How much to do: `bounded` by default, `full` where the environment has RELIABILITY=full, `sanitized` under a
 * sanitizer, which is slower by an order of magnitude. */
uint64_t proof_size(uint64_t sanitized, uint64_t bounded, uint64_t full);

/* Says on standard output "# proof: WHAT: N". */
void proof_say(const char *what, uint64_t n);

#endif
