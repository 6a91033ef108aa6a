/* put.h - single fields as protobuf bytes, one behind the other: a message that is put together as it comes in.
 * The fields may come in any order. All append to a buffer: 0, or -ENOMEM and then it is unchanged. Pure. */
#ifndef CANDOR_WIRE_PUT_H
#define CANDOR_WIRE_PUT_H

#include "lib/base/buf.h"

/* A whole number, an enumeration or a yes-or-no. number: of the field. */
MUST_CHECK int put_number(struct buf *b, uint32_t number, uint64_t x);

/* Text, or a message that is encoded: where its `len` bytes go, to be filled in. NULL: there is no memory. */
uint8_t *put_bytes(struct buf *b, uint32_t number, size_t len);

#endif
