/* text.h - which text a peer may send, and dates. Pure. */
#ifndef CANDOR_TEXT_H
#define CANDOR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL if `len` bytes at `text` are a line that can be shown to a person: UTF-8 without control characters (U+0000 to
 * U+001F, U+007F to U+009F) and without those that end lines or change their direction (U+2028 to U+202E, U+2066 to
 * U+2069). An empty line is one. Else a static phrase that says what is wrong, to follow the name of a field. */
const char *text_fault(const char *text, size_t len);

/* The same for the name of a pool, labeler or item: 1 to 255 bytes of such text. */
const char *name_fault(const char *name, size_t len);

/* What of a name without faults keeps a new pool, labeler or item from being called so: that it has a mark that
 * turns the direction of what is shown around it (U+061C, U+200E, U+200F, U+206A to U+206F), or a code point that
 * is no character for good (U+FDD0 to U+FDEF, and the last two of each plane). NULL: nothing. A name that is in use
 * already may have them. */
const char *new_name_fault(const char *name);

/* The length of the UTF-8 sequence at the front of `left` bytes, at least one; 0 if there is none. */
size_t text_utf8(const uint8_t *p, size_t left);

/* "YYYY-MM-DD" or "YYYY-MM-DDTHH:MM:SSZ", in UTC, from 1970 to 9999, as milliseconds since 1970. False if it is not. */
bool text_date(const char *text, uint64_t *ms);

#endif
