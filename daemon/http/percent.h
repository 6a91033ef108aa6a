/* percent.h - text as it stands in a URL: %20 for a blank, %2F for a slash. Pure. */
#ifndef CANDOR_HTTP_PERCENT_H
#define CANDOR_HTTP_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

/* How '+' reads: as itself in a path, as a blank in a query string. */
enum percent_plus { PERCENT_PLUS, PERCENT_BLANK };

/* NULL if each '%' is followed by two hexadecimal digits and what it comes to is UTF-8 without NUL. Else a static
 * phrase that says what is wrong, to follow the name of what it is in. */
const char *percent_fault(const char *raw, size_t len, enum percent_plus plus);

/* How many bytes text without such a fault comes to, and those bytes, without a NUL behind them. */
size_t percent_length(const char *raw, size_t len);
void percent_decode(const char *raw, size_t len, enum percent_plus plus, char *out);

/* Whether it comes to just that text; whatever its escapes are. */
bool percent_is(const char *raw, size_t len, enum percent_plus plus, const char *text, size_t text_len);

#endif
