/* Where the peer speaks HTTP: what its door needs of the session. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/net/session_internal.h"
#include "lib/base/heap.h"

void session_take_name(struct session *s, const char *client)
{
	size_t size = sizeof s->identity.name + 1 + CANDOR_NAME_MAX + 1;
	if (!s->named_peer && !client[0])
		return;
	if (!s->named_peer && (s->named_peer = malloc(size)))
		s->base += heap_bytes(size);
	if (s->named_peer)
		snprintf(s->named_peer, size, client[0] ? "%s %s" : "%s", s->identity.name, client);
}

static int door_submits(void *owner, const void *frame, size_t len)
{
	struct session *s = owner;
	return frame_push(&s->frame, frame, len);
}

/* At the first time it is still whom the transport knows. */
static int door_forgets(void *owner)
{
	struct session *s = owner;
	require(session_in_flight(s) == 0);
	if (!s->transport) {
		if (!(s->transport = malloc(sizeof *s->transport)))
			return -ENOMEM;
		*s->transport = s->identity;
		s->base += heap_bytes(sizeof *s->transport);
	}
	s->identity = *s->transport;
	s->identity.is_settled = s->identity.is_refused = false;
	session_take_name(s, "");
	return 0;
}

static const struct identity *door_asks_who(void *owner)
{
	const struct session *s = owner;
	return &s->identity;
}

static const char *door_refuses(void *owner, size_t bytes, enum candor_code *code, uint32_t *retry_after_ms)
{
	struct session *s = owner;
	return engine_refuse_unread(s->engine, &s->identity, bytes, code, retry_after_ms);
}

int session_open_door(struct session *s, bool is_encrypted)
{
	static const struct door_host host = {
		.submit = door_submits, .forget = door_forgets, .who = door_asks_who, .refuses = door_refuses};
	s->door_limits = (struct door_limits){s->limits->max_frame_bytes, s->limits->door_ops};
	int err = door_new(&s->door, &s->door_limits, &host, s);
	if (err)
		return err;
	if (is_encrypted)
		door_set_encrypted(s->door);
	s->base += door_rest_bytes();
	session_count(s);
	return 0;
}

bool session_has_door(const struct session *s)
{
	return s->door;
}

size_t session_span(const struct session *s, size_t want)
{
	size_t end = 0;
	if (s->door)
		return s->output.len;
	while (end < s->output.len && end < want)
		end += frame_span(s->output.data + end, s->output.len - end);
	return end;
}
