/* Answers as bytes, and what is said where one is too long. */
#include <string.h>

#include "daemon/net/session_internal.h"

/* The first bytes of a sentence, whole characters only. */
static void cut(const char *sentence, char *out, size_t size)
{
	size_t len = strnlen(sentence, size - 1);
	while (len > 0 && ((uint8_t)sentence[len] & 0xc0) == 0x80)
		len--;
	memcpy(out, sentence, len);
	out[len] = 0;
}

/* An answer that was too long for a frame, or for the request's memory, says less. One to a request that has changed
 * something must still say that it has: without the list of rejected rows it is short, and its memory is its own. A
 * refusal keeps its code. Of a single event that has long names, the end of what only people read is left out. */
static int encode_less(const struct session *s, const struct candor_response *r, struct buf *out)
{
	char sentence[256], by[128], detail[128];
	struct arena scratch;
	struct candor_response less = *r;
	struct candor_event event;
	arena_init(&scratch, 64 * 1024);
	if (r->code != CANDOR_OK) {
		cut(r->message, sentence, sizeof sentence);
		less.message = sentence;
	} else if (r->type == CANDOR_RES_BATCH) {
		less.batch.rejected_omitted += r->n_rejected;
		less.n_rejected = 0;
	} else if (r->type == CANDOR_RES_EVENTS && r->n == 1) {
		event = *r->events;
		cut(event.by, by, sizeof by);
		cut(event.detail, detail, sizeof detail);
		event.by = by;
		event.detail = detail;
		less.events = &event;
	}
	int err = wire_encode_response(&less, &scratch, s->limits->max_frame_bytes, out);
	if (err == ERR_TOO_BIG || err == ERR_BUDGET) {
		const struct candor_response too_big = {
			.id = r->id,
			.code = CANDOR_RESOURCE_EXHAUSTED,
			.message = "the answer exceeds max_frame_bytes; ask for less at a time",
		};
		err = wire_encode_response(&too_big, &scratch, SIZE_MAX, out);
		err = err ? err : 1;
	}
	arena_free(&scratch);
	return err;
}

int session_encode(const struct session *s, const struct candor_response *r, struct arena *scratch, struct buf *out)
{
	int err = wire_encode_response(r, scratch, s->limits->max_frame_bytes, out);
	return err == ERR_TOO_BIG || err == ERR_BUDGET ? encode_less(s, r, out) : err;
}
