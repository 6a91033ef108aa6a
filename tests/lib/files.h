/* files.h - files as tests need them.
 * For cmocka tests and programs beside them: what fails fails the test, or ends the program. */
#ifndef CANDOR_TESTS_FILES_H
#define CANDOR_TESTS_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* The same bytes under another name, in place of what was there. False, and nothing done, where there is no such file. */
bool files_copy(const char *from, const char *to);

/* All of a file as a string into out[size]; one that is longer fails. */
void files_read_text(const char *path, char *out, size_t size);

/* In place of what was there. */
void files_write_text(const char *path, const char *text);
void files_write_bytes(const char *path, const void *bytes, size_t len);

/* There is something of that name. */
bool files_exists(const char *path);

/* A fresh directory in TMPDIR, or else in /tmp; and its removal, with all that is in it. */
void files_new_dir(char *out, size_t size);
void files_remove_dir(const char *path);

#endif
