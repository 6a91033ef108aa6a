/* asked.h - what a method, a path and a query ask for, as text: for tests of the routes. */
#ifndef CANDOR_TESTS_ASKED_H
#define CANDOR_TESTS_ASKED_H

#include "daemon/http/routes.h"

/* "post_reports {"pool":"p","reports":[]}"; of a page its name; "404 and the sentence", and for 405 what is allowed in
 * brackets; "query: and the sentence". The caller frees it. */
char *asked(const char *method, const char *path, const char *query);

/* The text written as a segment of a path, or as a value in a query: whatever has a meaning there is escaped. The caller
 * frees it. */
char *escaped(const char *text, size_t len);

#endif
