#include "daemon/net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/log.h"

enum { BACKLOG = 511 };

/* A socket file that nobody listens on is left from a daemon that was killed: it is removed. One that somebody listens
 * on, and anything that is no socket, stays. */
static int remove_stale_socket(const char *path)
{
	struct stat st;
	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return 0;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int err = connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 ? -EADDRINUSE : -errno;
	close(fd);
	if (err != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) == 0 ? 0 : -errno;
}

static int bind_unix(struct listeners *all, struct listener *l)
{
	int err = uv_pipe_init(all->loop, &l->socket.pipe, 0);
	if (err)
		return err;
	l->made = true;
	err = remove_stale_socket(l->address.path);
	if (err == 0)
		err = uv_pipe_bind(&l->socket.pipe, l->address.path);
	/* Nobody can connect before it is listened on. */
	if (err == 0 && chmod(l->address.path, 0660) != 0)
		err = -errno;
	return err;
}

static int resolve(struct listeners *all, const struct address *a, struct sockaddr_storage *out)
{
	char port[8];
	snprintf(port, sizeof port, "%u", a->port);
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	uv_getaddrinfo_t request;
	int err = uv_getaddrinfo(all->loop, &request, NULL, a->host, port, &hints);
	if (err)
		return err;
	memcpy(out, request.addrinfo->ai_addr, request.addrinfo->ai_addrlen);
	uv_freeaddrinfo(request.addrinfo);
	return 0;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

static int bind_tcp(struct listeners *all, struct listener *l)
{
	struct sockaddr_storage at;
	l->address.is_tls = all->config->tls_cert[0];
	int err = resolve(all, &l->address, &at);
	if (err == 0)
		err = uv_tcp_init(all->loop, &l->socket.tcp);
	if (err)
		return err;
	l->made = true;
	if (!l->address.is_tls && !is_loopback(&at)) {
		if (!all->config->insecure)
			return ERR_TLS;
		log_warning("%s is not loopback: whoever reaches it may post outcomes, and all of it is unencrypted",
			    l->address.host);
	}
	err = uv_tcp_bind(&l->socket.tcp, (const struct sockaddr *)&at, at.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
	int len = sizeof at;
	/* Port 0 asks for any free one: say which. */
	if (err == 0)
		err = uv_tcp_getsockname(&l->socket.tcp, (struct sockaddr *)&at, &len);
	if (err == 0)
		l->address.port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
								 : ((struct sockaddr_in *)&at)->sin_port);
	return err;
}

static void accept_some(struct listener *l, int fd)
{
	/* Others are to have their turn while many knock. */
	enum { AT_A_TIME = 32 };
	struct listeners *all = l->of;
	for (int i = 0; i < AT_A_TIME && !all->paused && !all->closed; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (peer >= 0) {
			all->on_accept(all->arg, peer, l->address.is_unix);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			log_warning("cannot accept a connection: %s; accepting pauses", strerror(errno));
			listeners_pause(all);
		}
	}
}

static void on_knock(uv_poll_t *poll, int status, int events)
{
	uv_os_fd_t fd;
	(void)events;
	if (status == 0 && uv_fileno((const uv_handle_t *)poll, &fd) == 0)
		accept_some(poll->data, fd);
}

static int start_listening(struct listeners *all, struct listener *l)
{
	uv_os_fd_t fd;
	int err = l->address.is_unix ? bind_unix(all, l) : bind_tcp(all, l);
	if (err == 0)
		err = uv_fileno(&l->socket.handle, &fd);
	if (err == 0 && listen(fd, BACKLOG) != 0)
		err = -errno;
	if (err == 0)
		err = uv_poll_init(all->loop, &l->poll, fd);
	if (err)
		return err;
	l->polled = true;
	l->poll.data = l;
	return uv_poll_start(&l->poll, UV_READABLE, on_knock);
}

int listeners_open(struct listeners *all, uv_loop_t *loop, const struct config *config, listeners_on_accept *on_accept,
		   void *arg)
{
	*all = (struct listeners){.loop = loop, .config = config, .on_accept = on_accept, .arg = arg};
	for (size_t i = 0; i < config->listen.n; i++) {
		struct listener *l = &all->each[all->n++];
		char text[ADDRESS_TEXT_MAX];
		l->of = all;
		l->address = config->listen.each[i];
		int err = start_listening(all, l);
		address_format(&l->address, text, sizeof text);
		if (err == ERR_TLS) {
			log_error("%s is not loopback, and nothing said there would be encrypted: set tls_cert and "
				  "tls_key, or insecure = yes if that is meant",
				  text);
			return err;
		}
		if (err) {
			log_error("cannot listen on %s: %s", text, uv_strerror(err));
			return err;
		}
		log_notice("listening on %s", text);
	}
	return 0;
}

void listeners_pause(struct listeners *all)
{
	if (all->paused || all->closed)
		return;
	all->paused = true;
	for (size_t i = 0; i < all->n; i++)
		uv_poll_stop(&all->each[i].poll);
}

void listeners_resume(struct listeners *all)
{
	if (!all->paused || all->closed)
		return;
	all->paused = false;
	for (size_t i = 0; i < all->n; i++)
		uv_poll_start(&all->each[i].poll, UV_READABLE, on_knock);
}

void listeners_close(struct listeners *all)
{
	if (all->closed)
		return;
	all->closed = true;
	for (size_t i = 0; i < all->n; i++) {
		struct listener *l = &all->each[i];
		if (l->polled)
			uv_close((uv_handle_t *)&l->poll, NULL);
		if (l->made)
			uv_close(&l->socket.handle, NULL);
	}
}
