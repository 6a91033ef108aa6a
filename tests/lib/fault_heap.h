/* fault_heap.h - memory that runs out as fault.h has it planned: SQLite's, and that of all that is linked into the
 * program.
 *
 * A program that calls any of these must be linked with --wrap for each allocator (the Makefile does so for tests/fault):
 * calls inside shared libraries other than SQLite and libuv are not seen. */
#ifndef CANDOR_TESTS_FAULT_HEAP_H
#define CANDOR_TESTS_FAULT_HEAP_H

/* Before anything else: SQLite and libuv take another allocator only before they have used their own. */
void fault_heap_install(void);

#endif
