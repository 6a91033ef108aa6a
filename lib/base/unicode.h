/* unicode.h - what Unicode knows of names: which look like others. Pure; the tables are libutf8proc's.
 *
 * Names are text without faults (text.h) of at most 255 bytes. */
#ifndef CANDOR_UNICODE_H
#define CANDOR_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNICODE_SKELETON_MAX = 20480 };

/* NULL if the name of somebody who may do something looks like no other: it is in NFC, and each of its characters
 * can be seen; the only blank is U+0020, and none stands at either end. Else a static phrase that says what is
 * wrong, to follow the name of a field. The name ends with a zero byte. */
const char *unicode_principal_fault(const char *name, size_t len);

/* The code point of a UTF-8 sequence of `len` bytes, which is well-formed. */
uint32_t unicode_code_point(const char *text, size_t len);

/* Whether a person cannot see a code point, or sees a blank that is not U+0020. */
bool unicode_is_invisible(uint32_t c);

/* Whether a name is in NFC. */
bool unicode_is_composed(const char *name, size_t len);

/* What a name has in common with those that differ from it only in blanks, case, composition, forms of a character or
 * invisible characters: its bytes, in out[], and how many there are, perhaps 0. */
size_t unicode_skeleton(const char *name, size_t len, char out[UNICODE_SKELETON_MAX]);

#endif
