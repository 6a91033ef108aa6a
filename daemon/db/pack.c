#include "daemon/db/pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_REPORT = 48, LONGEST_SEQUENCE = 20 };

/* Writes the shortest of what reads back as the same bits: most values that people and models give have at most four
 * decimals, and those need no search. Returns the length. */
static size_t print_value(double p, char *out)
{
	unsigned scaled = (unsigned)(p * 10000 + 0.5);
	if ((double)scaled / 10000 != p)
		return (size_t)snprintf(out, 32, "%.17g", p);
	if (scaled == 10000 || scaled == 0) {
		out[0] = scaled ? '1' : '0';
		return 1;
	}
	size_t len = 6;
	memcpy(out, "0.", 2);
	for (size_t i = 5; i >= 2; i--, scaled /= 10)
		out[i] = (char)('0' + scaled % 10);
	while (out[len - 1] == '0')
		len--;
	return len;
}

static size_t print_whole(uint64_t number, char *out)
{
	char digits[20];
	size_t n = 0;
	do
		digits[n++] = (char)('0' + number % 10);
	while (number /= 10);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	return n;
}

int pack_reports(const struct packed_reports *r, struct buf *out)
{
	size_t longest = LONGEST_REPORT + (r->sequences ? LONGEST_SEQUENCE : 0);
	char *start = (char *)buf_reserve(out, r->n * longest + 3), *at = start;
	if (!start)
		return -ENOMEM;
	*at++ = '[';
	for (size_t i = 0; i < r->n; i++) {
		if (i > 0)
			*at++ = ',';
		*at++ = '[';
		at += print_whole(r->labelers[i], at);
		*at++ = ',';
		at += print_value(r->values[i], at);
		if (r->sequences && r->sequences[i]) {
			*at++ = ',';
			at += print_whole(r->sequences[i], at);
		}
		*at++ = ']';
	}
	*at++ = ']';
	out->len += (size_t)(at - start);
	return 0;
}

/* One "[labeler,value]" or "[labeler,value,sequence]" (or else 0); NULL where there is none. */
static const char *read_report(const char *at, uint32_t *labeler, double *value, uint64_t *sequence)
{
	char *end;
	if (*at++ != '[' || *at < '0' || *at > '9')
		return NULL;
	unsigned long id = strtoul(at, &end, 10);
	if (*end != ',' || id >= UINT32_MAX || end[1] < '0' || end[1] > '9')
		return NULL;
	*labeler = (uint32_t)id;
	*value = strtod(end + 1, &end);
	*sequence = 0;
	if (*end == ',') {
		if (end[1] < '1' || end[1] > '9')
			return NULL;
		errno = 0;
		*sequence = strtoull(end + 1, &end, 10);
		if (errno || *sequence > INT64_MAX)
			return NULL;
	}
	return *end == ']' && *value >= 0 && *value <= 1 ? end + 1 : NULL;
}

int unpack_reports(const char *text, size_t len, struct arena *a, struct packed_reports *out)
{
	/* Each report has exactly one '[' of its own. */
	size_t n = 0;
	for (size_t i = 1; i < len; i++)
		n += text[i] == '[';
	uint32_t *labelers = arena_alloc(a, n * sizeof *labelers);
	double *values = arena_alloc(a, n * sizeof *values);
	uint64_t *sequences = NULL, sequence;
	if (!labelers || !values)
		return -ENOMEM;
	*out = (struct packed_reports){.n = n, .labelers = labelers, .values = values};

	const char *at = text;
	if (len < 2 || *at++ != '[' || n > ITEM_REPORTS_MAX)
		return ERR_HISTORY;
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && *at++ != ',')
			return ERR_HISTORY;
		if (!(at = read_report(at, &labelers[i], &values[i], &sequence)))
			return ERR_HISTORY;
		if (sequence && !sequences && !(out->sequences = sequences = arena_calloc(a, n, sizeof *sequences)))
			return -ENOMEM;
		if (sequence)
			sequences[i] = sequence;
	}
	return strcmp(at, "]") == 0 ? 0 : ERR_HISTORY;
}

/* ---- states ---- */

/* A state as it lies in a checkpoint: no padding, little-endian as the machine is (see write.c). */
struct packed_state {
	double weight, own_loss, mean_loss, gain, limit;
	double m, v, n1, n0, a, b;
	uint32_t scored, last_round, epoch, stretch;
};

_Static_assert(sizeof(struct packed_state) == PACKED_STATE_BYTES, "a state has no padding");

int pack_states(const struct labeler *states, size_t n, struct buf *out)
{
	uint8_t *at = buf_reserve(out, n * PACKED_STATE_BYTES);
	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct labeler *l = &states[i];
		const struct packed_state s = {
			.weight = l->weight,
			.own_loss = l->own_loss,
			.mean_loss = l->mean_loss,
			.gain = l->gain,
			.limit = l->limit,
			.m = l->track.m,
			.v = l->track.v,
			.n1 = l->track.counts.n1,
			.n0 = l->track.counts.n0,
			.a = l->track.counts.a,
			.b = l->track.counts.b,
			.scored = l->scored,
			.last_round = l->last_round,
			.epoch = l->epoch,
			.stretch = l->stretch,
		};
		memcpy(at + i * sizeof s, &s, sizeof s);
	}
	out->len += n * PACKED_STATE_BYTES;
	return 0;
}

int unpack_states(const void *bytes, size_t len, struct arena *a, const struct labeler **out, size_t *n)
{
	*n = len / PACKED_STATE_BYTES;
	struct labeler *states = arena_calloc(a, *n, sizeof *states);
	if (!states)
		return -ENOMEM;
	*out = states;
	if (len % PACKED_STATE_BYTES != 0 || *n == 0)
		return ERR_HISTORY;
	for (size_t i = 0; i < *n; i++) {
		struct packed_state s;
		memcpy(&s, (const uint8_t *)bytes + i * sizeof s, sizeof s);
		if (!(s.weight > 0) || s.epoch > 62 || !(s.v > 0))
			return ERR_HISTORY;
		states[i] = (struct labeler){
			.weight = s.weight,
			.own_loss = s.own_loss,
			.mean_loss = s.mean_loss,
			.gain = s.gain,
			.limit = s.limit,
			.scored = s.scored,
			.last_round = s.last_round,
			.stretch = s.stretch,
			.epoch = (uint8_t)s.epoch,
			.track = {s.m, s.v, {s.n1, s.n0, s.a, s.b}},
		};
	}
	return 0;
}
