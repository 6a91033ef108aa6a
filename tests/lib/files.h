/* files.h - files as tests need them. What fails ends the program through require(). */
#ifndef CANDOR_TESTS_FILES_H
#define CANDOR_TESTS_FILES_H

#include <stdbool.h>

/* The same bytes under another name, in place of what was there. False, and nothing done, where there is no such file. */
bool file_copy(const char *from, const char *to);

#endif
