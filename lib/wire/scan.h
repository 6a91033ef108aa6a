/* scan.h - protobuf bytes, one field after another, without unpacking them. For files of lib/wire only.
 *
 * What is read is held against the format and the end; what it means is the caller's business. Pure; any thread. */
#ifndef CANDOR_WIRE_SCAN_H
#define CANDOR_WIRE_SCAN_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/wire/frame.h"

enum scan_type { SCAN_VARINT = 0, SCAN_8_BYTES = 1, SCAN_LENGTH = 2, SCAN_4_BYTES = 5 };

struct scan_field {
	uint32_t number;
	enum scan_type type;
	uint64_t value; /* of LENGTH: how many bytes follow, from `data` on */
	const uint8_t *data;
};

/* False: it is longer than 64 bits or goes beyond the end. */
static inline bool scan_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	uint64_t x = 0;
	for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
		const uint8_t byte = *(*at)++;
		x |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = x;
			return shift < 63 || byte <= 1;
		}
	}
	return false;
}

static inline uint32_t scan_fixed32(const uint8_t p[4])
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t scan_fixed64(const uint8_t p[8])
{
	return scan_fixed32(p) | (uint64_t)scan_fixed32(p + 4) << 32;
}

/* 1: *out is the next field, and *at is behind it. 0: there is none. ERR_MALFORMED. */
MUST_CHECK int scan_next(const uint8_t **at, const uint8_t *end, struct scan_field *out);

/* As struct view. */
static inline struct view scan_view(const struct scan_field *f)
{
	return (struct view){f->data, f->value};
}

#endif
