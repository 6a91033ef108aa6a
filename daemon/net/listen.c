#include "daemon/net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/net/passed.h"
#include "lib/base/log.h"

enum { BACKLOG = 511 };

static bool is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

static uint16_t *port_of(struct sockaddr *a)
{
	return a->sa_family == AF_INET6 ? &((struct sockaddr_in6 *)a)->sin6_port : &((struct sockaddr_in *)a)->sin_port;
}

static int bind_tcp(struct listener *l, const struct addrinfo *info)
{
	int err = uv_tcp_init(l->of->loop, &l->tcp);
	if (err)
		return err;
	l->made = true;
	struct sockaddr_storage bound;
	struct sockaddr *at = (struct sockaddr *)&bound;
	memcpy(at, info->ai_addr, info->ai_addrlen);
	*port_of(at) = htons(l->address.port);
	/* An address of IPv6 is no address of IPv4 as well: [::] leaves 0.0.0.0 to another listener. */
	err = uv_tcp_bind(&l->tcp, at, at->sa_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
	int len = sizeof bound;
	/* Port 0 asks for any free one. */
	if (err == 0)
		err = uv_tcp_getsockname(&l->tcp, at, &len);
	if (err == 0)
		l->address.port = ntohs(*port_of(at));
	return err;
}

static void on_knock(uv_poll_t *poll, int status, int events);

static void set_paused(struct listener *l, bool paused)
{
	if (!l->polled || l->paused == paused)
		return;
	l->paused = paused;
	if (paused)
		uv_poll_stop(&l->poll);
	else
		uv_poll_start(&l->poll, UV_READABLE, on_knock);
}

static void accept_some(struct listener *l, int fd)
{
	/* Others are to have their turn while many knock. */
	enum { AT_A_TIME = 32 };
	struct listeners *all = l->of;
	for (int i = 0; i < AT_A_TIME && !l->paused && !all->closed; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (peer >= 0) {
			all->on_accept(all->arg, peer, l);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			log_warning("cannot accept a connection: %s; accepting is paused", strerror(errno));
			set_paused(l, true);
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

/* Binds and listens: the descriptor, or an error. In a trial 0 instead. */
static int open_socket(struct listener *l, const struct addrinfo *info)
{
	uv_os_fd_t fd;
	if (!info && l->of->is_trial)
		return config_is_below(l->address.path, l->of->to_be_made) ? 0 : unix_socket_check(l->address.path);
	if (!info) {
		int err = unix_socket_open(&l->file_socket, l->address.path, BACKLOG);
		return err ? err : l->file_socket.fd;
	}
	int err = bind_tcp(l, info);
	if (l->of->is_trial)
		return err == UV_EADDRINUSE ? 0 : err;
	if (err == 0)
		err = uv_fileno((const uv_handle_t *)&l->tcp, &fd);
	if (err)
		return err;
	return listen(fd, BACKLOG) == 0 ? fd : -errno;
}

static int start_polling(struct listener *l, int fd)
{
	int err = uv_poll_init(l->of->loop, &l->poll, fd);
	if (err)
		return err;
	l->polled = true;
	l->poll.data = l;
	return uv_poll_start(&l->poll, UV_READABLE, on_knock);
}

static int start_listening(struct listener *l, const struct addrinfo *info)
{
	int fd = open_socket(l, info);
	return fd < 0 || l->of->is_trial ? fd : start_polling(l, fd);
}

static struct listener *add_listener(struct listeners *all, const struct address *address)
{
	struct listener *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->of = all;
	l->address = *address;
	l->next = all->first;
	l->file_socket = UNIX_SOCKET_NONE;
	l->passed = -1;
	all->first = l;
	return l;
}

/* info: NULL for a Unix socket. *address gets the port that was chosen, where it had none. */
static int open_one(struct listeners *all, struct address *address, const struct addrinfo *info)
{
	struct listener *l = add_listener(all, address);
	if (!l)
		return -ENOMEM;
	int err = start_listening(l, info);
	if (err || all->is_trial)
		return err;
	address->port = l->address.port;
	char text[ADDRESS_TEXT_MAX];
	address_format(&l->address, text, sizeof text);
	log_notice("listening on %s", text);
	return 0;
}

static int refuse_unencrypted(const char *text)
{
	log_error("%s is not loopback and would not be encrypted: set tls_cert and tls_key, or insecure = yes if this "
		  "is intended",
		  text);
	return ERR_TLS;
}

static void warn_unencrypted(const char *text)
{
	log_warning("%s is not encrypted: anyone on the network path can read and change its traffic, tokens included",
		    text);
}

static bool stands_before(const struct addrinfo *first, const struct addrinfo *a)
{
	while (first != a && (first->ai_addrlen != a->ai_addrlen || memcmp(first->ai_addr, a->ai_addr, a->ai_addrlen)))
		first = first->ai_next;
	return first != a;
}

/* One of the addresses that a host has. 1: listening; 0: this machine has no such address, or it was there before. */
static int open_resolved(struct listeners *all, struct address *address, const struct addrinfo *first,
			 const struct addrinfo *a)
{
	char text[ADDRESS_TEXT_MAX];
	struct address numeric = *address;
	if (stands_before(first, a))
		return 0;
	if (getnameinfo(a->ai_addr, a->ai_addrlen, numeric.host, sizeof numeric.host, NULL, 0, NI_NUMERICHOST))
		return UV_EAI_FAIL;
	address_format(&numeric, text, sizeof text);
	if (!numeric.is_tls && !is_loopback(a->ai_addr)) {
		if (!all->config->insecure)
			return refuse_unencrypted(text);
		/* Once, though each start tries first. */
		if (all->is_trial)
			warn_unencrypted(text);
	}
	int err = open_one(all, &numeric, a);
	if (err == 0) {
		address->port = numeric.port;
		return 1;
	}
	if ((err == UV_EAFNOSUPPORT || err == UV_EADDRNOTAVAIL) && (a != first || a->ai_next)) {
		if (!all->is_trial)
			log_notice("not listening on %s: %s", text, uv_strerror(err));
		return 0;
	}
	log_error("cannot listen on %s: %s", text, uv_strerror(err));
	return err;
}

/* Every address of the host, all with the same port. */
static int open_tcp(struct listeners *all, struct address *address)
{
	char port[8], text[ADDRESS_TEXT_MAX];
	address->is_tls = all->config->tls_cert[0];
	address_format(address, text, sizeof text);
	snprintf(port, sizeof port, "%u", address->port);
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	uv_getaddrinfo_t request;
	int n = 0, err = uv_getaddrinfo(all->loop, &request, NULL, address->host, port, &hints);
	if (err) {
		log_error("cannot listen on %s: %s", text, uv_strerror(err));
		return err;
	}
	for (const struct addrinfo *a = request.addrinfo; a && err >= 0; a = a->ai_next) {
		err = open_resolved(all, address, request.addrinfo, a);
		n += err > 0;
	}
	uv_freeaddrinfo(request.addrinfo);
	if (err >= 0 && n == 0) {
		log_error("cannot listen on %s: this machine has none of its addresses", text);
		return UV_EADDRNOTAVAIL;
	}
	return err < 0 ? err : 0;
}

/* Two that are the same, or of which one is every address of the other's kind. */
static bool collides(const struct address *a, const struct address *b)
{
	if (a->is_unix || b->is_unix)
		return a->is_unix && b->is_unix && strcmp(a->path, b->path) == 0;
	bool six = strchr(a->host, ':');
	const char *every = six ? "::" : "0.0.0.0";
	return a->port != 0 && a->port == b->port && six == (strchr(b->host, ':') != NULL) &&
	       (strcmp(a->host, b->host) == 0 || strcmp(a->host, every) == 0 || strcmp(b->host, every) == 0);
}

/* No two of them want the same; each is a number by now. */
static int check_apart(const struct listeners *all)
{
	char text[ADDRESS_TEXT_MAX];
	for (const struct listener *l = all->first; l; l = l->next)
		for (const struct listener *m = l->next; m; m = m->next)
			if (collides(&l->address, &m->address)) {
				address_format(&l->address, text, sizeof text);
				log_error("cannot listen on %s: two of the listeners want that address", text);
				return UV_EADDRINUSE;
			}
	return 0;
}

/* ---- sockets that were passed on ---- */

/* May it be used as it is? Of TCP: encrypted, loopback, or the settings allow that it is neither. */
static int check_passed(struct listeners *all, struct address *address)
{
	char text[ADDRESS_TEXT_MAX];
	address->is_tls = !address->is_unix && all->config->tls_cert[0];
	if (address->is_unix || address->is_tls || address_is_loopback(address))
		return 0;
	address_format(address, text, sizeof text);
	if (!all->config->insecure)
		return refuse_unencrypted(text);
	if (all->is_trial)
		warn_unencrypted(text);
	return 0;
}

static int open_passed(struct listeners *all, const struct manager_socket *s)
{
	struct address address;
	char fault[PASSED_FAULT_MAX], text[ADDRESS_TEXT_MAX];
	int err = passed_look(s, &address, fault);
	if (err) {
		log_error("cannot listen: %s", fault);
		return err;
	}
	if ((err = check_passed(all, &address)))
		return err;
	struct listener *l = add_listener(all, &address);
	if (!l || all->is_trial)
		return l ? 0 : -ENOMEM;
	l->passed = s->fd;
	address_format(&address, text, sizeof text);
	err = fcntl(s->fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0 ? start_polling(l, s->fd) : -errno;
	if (err)
		log_error("cannot listen on %s: %s", text, uv_strerror(err));
	else
		log_notice("listening on %s, passed by the service manager", text);
	return err;
}

static int open_all_passed(struct listeners *all)
{
	int err = 0;
	for (size_t i = 0; i < all->config->n_passed && err == 0; i++)
		err = open_passed(all, &all->config->passed[i]);
	return err;
}

static int open_all(struct listeners *all)
{
	int passed = open_all_passed(all);
	if (passed)
		return passed;
	for (size_t i = 0; i < all->config->listen.n; i++) {
		struct address address = all->config->listen.each[i];
		int err = address.is_unix ? open_one(all, &address, NULL) : open_tcp(all, &address);
		char text[ADDRESS_TEXT_MAX];
		address_format(&address, text, sizeof text);
		if (err && address.is_unix)
			log_error("cannot listen on %s: %s", text, uv_strerror(err));
		if (err)
			return err;
	}
	return all->is_trial ? check_apart(all) : 0;
}

int listeners_open(struct listeners *all, uv_loop_t *loop, const struct config *config, listeners_on_accept *on_accept,
		   void *arg)
{
	*all = (struct listeners){.loop = loop, .config = config, .on_accept = on_accept, .arg = arg};
	return open_all(all);
}

int listeners_check(const struct config *config, const char *to_be_made)
{
	uv_loop_t loop;
	struct listeners all = {.loop = &loop, .config = config, .to_be_made = to_be_made, .is_trial = true};
	int err = uv_loop_init(&loop);
	if (err) {
		log_error("cannot start: %s", uv_strerror(err));
		return err;
	}
	err = open_all(&all);
	listeners_close(&all);
	uv_run(&loop, UV_RUN_DEFAULT);
	require(uv_loop_close(&loop) == 0);
	listeners_free(&all);
	return err;
}

void listeners_allow(struct listeners *all, bool tcp, bool local)
{
	for (struct listener *l = all->first; l && !all->closed; l = l->next)
		set_paused(l, !(l->address.is_unix ? local : tcp));
}

void listeners_close(struct listeners *all)
{
	if (all->closed)
		return;
	all->closed = true;
	for (struct listener *l = all->first; l; l = l->next) {
		if (l->polled)
			uv_close((uv_handle_t *)&l->poll, NULL);
		if (l->made)
			uv_close((uv_handle_t *)&l->tcp, NULL);
		unix_socket_close(&l->file_socket, l->address.path);
		if (l->passed >= 0)
			close(l->passed);
		l->passed = -1;
	}
}

void listeners_free(struct listeners *all)
{
	while (all->first) {
		struct listener *l = all->first;
		all->first = l->next;
		free(l);
	}
}
