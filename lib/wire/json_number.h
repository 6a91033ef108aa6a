/* json_number.h - numbers as JSON writes them, from text and to text, without the C library where it can be spared.
 * What comes out is what strtod() and "%.17g" give, to the last bit. Pure; any thread. LC_NUMERIC must be "C". */
#ifndef CANDOR_JSON_NUMBER_H
#define CANDOR_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer than any number that is read or written. */
enum { JSON_NUMBER_MAX = 128 };

struct json_number {
	bool is_whole, is_negative; /* is_whole: `magnitude` is exact */
	uint64_t magnitude;
	double real; /* infinite where it is out of range */
};

/* Whether a byte may stand in a number. */
bool json_number_has(uint8_t c);

/* text[len] is a number from end to end, len < JSON_NUMBER_MAX; false if it is not. */
bool json_number_read(const uint8_t *text, size_t len, struct json_number *out);

/* A finite number, always seen to be real: 1.0, 0.5, 1e-9. 17 significant digits, without zeros at the end: it reads
 * back as the same number. Returns the length; there is no NUL. */
size_t json_number_write(double x, char out[JSON_NUMBER_MAX]);

#endif
