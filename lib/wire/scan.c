#include "lib/wire/scan.h"

static bool fixed(const uint8_t **at, const uint8_t *end, size_t size, uint64_t *out)
{
	if ((size_t)(end - *at) < size)
		return false;
	*out = size == 8 ? scan_fixed64(*at) : scan_fixed32(*at);
	*at += size;
	return true;
}

int scan_next(const uint8_t **at, const uint8_t *end, struct scan_field *out)
{
	uint64_t head;
	bool is_good = false;
	if (*at == end)
		return 0;
	if (!scan_varint(at, end, &head) || head >> 3 == 0 || head > UINT32_MAX)
		return ERR_MALFORMED;
	out->number = (uint32_t)(head >> 3);
	out->data = NULL;
	switch (head & 7) {
	case SCAN_VARINT: is_good = scan_varint(at, end, &out->value); break;
	case SCAN_8_BYTES: is_good = fixed(at, end, 8, &out->value); break;
	case SCAN_4_BYTES: is_good = fixed(at, end, 4, &out->value); break;
	case SCAN_LENGTH:
		is_good = scan_varint(at, end, &out->value) && out->value <= (size_t)(end - *at);
		out->data = *at;
		*at += is_good ? out->value : 0;
		break;
	}
	out->type = (enum scan_type)(head & 7);
	return is_good ? 1 : ERR_MALFORMED;
}
