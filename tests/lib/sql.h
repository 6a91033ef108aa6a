/* sql.h - SQL of a test's own, on a database that is not opened by candor.
 * For cmocka tests: what fails says why and fails the test. Each call opens the file and closes it. */
#ifndef CANDOR_TESTS_SQL_H
#define CANDOR_TESTS_SQL_H

#include <stddef.h>
#include <stdint.h>

/* Statements, and how many rows they changed. Where there is no such file it is made. */
int sql_run(const char *path, const char *statements);

/* The one number, or the one text, that a query gives. */
double sql_number(const char *path, const char *query);
void sql_text(const char *path, const char *query, char *out, size_t size);

/* How much work a query is, to its end: steps of SQLite's machine. */
uint64_t sql_steps(const char *path, const char *query);

#endif
