/* json_string.h - strings as they stand in JSON: where one ends, and what it says. Pure; any thread. */
#ifndef CANDOR_JSON_STRING_H
#define CANDOR_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Behind the closing quote of a string whose opening one came before `at`; NULL where it is not here. *is_escaped: the
 * byte before `at` was a backslash that counts; kept for the next piece. */
const uint8_t *json_string_end(const uint8_t *at, const uint8_t *end, bool *is_escaped);

/* What is wrong with a string, and at which of its bytes. */
struct json_string_fault {
	const char *what;
	size_t at;
};

/* text[len] begins with the opening quote, and ends with the closing one unless the text is over. What it says goes to
 * out[len], which is never longer: its length, or -1. It is UTF-8 without NUL. */
ssize_t json_string_read(const uint8_t *text, size_t len, uint8_t *out, struct json_string_fault *fault);

#endif
