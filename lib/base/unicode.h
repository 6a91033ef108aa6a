/* unicode.h - what Unicode knows of names: which look like others. Pure; the tables are libutf8proc's.
 *
 * All take text without faults (text.h) of at most 255 bytes. */
#ifndef CANDOR_UNICODE_H
#define CANDOR_UNICODE_H

#include <stdbool.h>
#include <stddef.h>

enum { UNICODE_KEY_BYTES = 4096 };

/* NULL if the name of somebody who may do something looks like no other: it is in NFC, and each of its characters
 * can be seen; the only blank is U+0020, and none stands at either end. Else a static phrase that says what is
 * wrong, to follow the name of a field. */
const char *unicode_principal_fault(const char *name, size_t len);

/* The same key for names that differ only in case, composition, blanks or what cannot be seen, as a string. */
void unicode_key(const char *name, size_t len, char out[UNICODE_KEY_BYTES]);

/* Whether a character is one that a table must show by its number, since it would not be seen: the character at the
 * text's beginning, and in *step its length. */
bool unicode_is_invisible(const char *text, size_t len, size_t *step);

#endif
