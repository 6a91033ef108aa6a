#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/ssl.h>
#undef ERR_STATE

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "tests/lib/stranger.h"

enum { SILENCE_MS = 30000 };

struct stranger {
	SSL_CTX *context;
	SSL *ssl;
	bool good;
	char fault[256];
};

static bool judge(struct stranger *s, int result)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	s->good = result == 1;
	snprintf(s->fault, sizeof s->fault, "%s", s->good ? "" : reason ? reason : "the connection ended");
	ERR_clear_error();
	return s->good;
}

struct stranger *stranger_new(int fd, enum stranger_version version)
{
	static const int versions[] = {TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
	struct stranger *s = calloc(1, sizeof *s);
	require(s && (s->context = SSL_CTX_new(TLS_client_method())));
	/* The library itself would refuse what is old. */
	require(SSL_CTX_set_cipher_list(s->context, "ALL:@SECLEVEL=0") == 1 &&
		SSL_CTX_set_min_proto_version(s->context, versions[version]) == 1 &&
		SSL_CTX_set_max_proto_version(s->context, versions[version]) == 1);
	require((s->ssl = SSL_new(s->context)) && SSL_set_fd(s->ssl, fd) == 1);
	ERR_clear_error();
	judge(s, SSL_connect(s->ssl));
	return s;
}

void stranger_free(struct stranger *s)
{
	SSL_free(s->ssl);
	SSL_CTX_free(s->context);
	free(s);
}

bool stranger_is_good(const struct stranger *s)
{
	return s->good;
}

const char *stranger_fault(const struct stranger *s)
{
	return s->fault;
}

bool stranger_renegotiate(struct stranger *s)
{
	if (!judge(s, SSL_renegotiate(s->ssl)))
		return false;
	return judge(s, SSL_do_handshake(s->ssl));
}

static void do_not_wait(struct stranger *s)
{
	int fd = SSL_get_fd(s->ssl);
	require(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
	ERR_clear_error();
}

bool stranger_says(struct stranger *s, const void *bytes, int n)
{
	do_not_wait(s);
	return SSL_write(s->ssl, bytes, n) == n;
}

bool stranger_asks_for_keys(struct stranger *s)
{
	do_not_wait(s);
	return SSL_key_update(s->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(s->ssl) == 1;
}

bool stranger_ends(struct stranger *s)
{
	ERR_clear_error();
	return SSL_shutdown(s->ssl) >= 0;
}

bool stranger_hears(struct stranger *s, struct buf *all)
{
	char bytes[1024];
	int n, err;
	do {
		while ((n = SSL_read(s->ssl, bytes, sizeof bytes)) > 0)
			require(!all || buf_append(all, bytes, (size_t)n) == 0);
		err = SSL_get_error(s->ssl, n);
		ERR_clear_error();
	} while (err == SSL_ERROR_WANT_READ &&
		 poll(&(struct pollfd){SSL_get_fd(s->ssl), POLLIN, 0}, 1, SILENCE_MS) > 0);
	return err == SSL_ERROR_ZERO_RETURN;
}

bool stranger_is_told_the_end(struct stranger *s)
{
	return stranger_hears(s, NULL);
}
