#include "tests/lib/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/wire/frame.h"
#include "tests/lib/unit.h"
#include "lib/wire/wire.h"

enum { SILENCE_S = 30 };

/* The test fails, and what it set up is taken down. */
static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "raw peer: %s: %s\n", what, strerror(errno));
	fail();
	abort();
}

void raw_open(struct raw *r, const char *address)
{
	struct address a;
	const char *why;
	*r = (struct raw){.fd = -1};
	arena_init(&r->arena, (size_t)1 << 30);
	if (address_parse(address, &a, &why))
		give_up(why);
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a.port)};
	snprintf(un.sun_path, sizeof un.sun_path, "%s", a.path);
	if (!a.is_unix && inet_pton(AF_INET, a.host, &in.sin_addr) != 1)
		give_up(address);
	r->fd = socket(a.is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr *to = a.is_unix ? (const struct sockaddr *)&un : (const struct sockaddr *)&in;
	if (r->fd < 0 || connect(r->fd, to, a.is_unix ? sizeof un : sizeof in) != 0)
		give_up(address);
	struct timeval silence = {.tv_sec = SILENCE_S};
	setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
}

void raw_close(struct raw *r)
{
	close(r->fd);
	arena_free(&r->arena);
	free(r->frame);
}

void raw_send(struct raw *r, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	while (len > 0) {
		ssize_t n = send(r->fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		/* A peer that has heard enough may have closed: what it said is still to be read. */
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		if (n < 0)
			give_up("send");
		p += n;
		len -= (size_t)n;
	}
}

void raw_send_frame(struct raw *r, const void *bytes, size_t len)
{
	uint8_t head[FRAME_HEAD_MAX];
	raw_send(r, head, frame_head(len, head));
	raw_send(r, bytes, len);
}

void raw_send_request(struct raw *r, const struct candor_request *request)
{
	struct buf bytes = {0};
	struct arena scratch;
	arena_init(&scratch, (size_t)1 << 30);
	if (wire_encode_request(request, &scratch, UINT32_MAX, &bytes))
		give_up("encode");
	raw_send(r, bytes.data, bytes.len);
	arena_free(&scratch);
	buf_free(&bytes);
}

/* 1, or 0 at the end. */
static int receive_all(struct raw *r, uint8_t *out, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(r->fd, out, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ECONNRESET)
			give_up("nothing came");
		if (n <= 0)
			return 0;
		out += n;
		len -= (size_t)n;
	}
	return 1;
}

int raw_receive(struct raw *r, struct candor_response *out)
{
	size_t len = 0;
	for (unsigned shift = 0;; shift += 7) {
		uint8_t byte;
		if (!receive_all(r, &byte, 1))
			return 0;
		len |= (size_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	if (len > r->cap) {
		free(r->frame);
		r->frame = malloc(len);
		r->cap = len;
		if (!r->frame)
			give_up("memory");
	}
	arena_reset(&r->arena);
	if (!receive_all(r, r->frame, len))
		return 0;
	if (wire_decode_response(&r->arena, r->frame, len, out))
		give_up("a response that is none");
	return 1;
}

void raw_hello(struct raw *r, const char *token)
{
	struct candor_response welcome;
	raw_send_request(r, &(struct candor_request){
				    .id = 1, .type = CANDOR_REQ_HELLO, .protocol = CANDOR_PROTOCOL, .token = token});
	assert_int_equal(raw_receive(r, &welcome), 1);
	assert_int_equal(welcome.code, CANDOR_OK);
}
