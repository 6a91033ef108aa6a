/* The blocking client: an asynchronous one with a loop of its own; and the default address of both. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/address.h"
#include "client/client.h"
#include "client/sized.h"

struct candor {
	uv_loop_t loop;
	struct candor_client *client; /* NULL: closed */
	struct arena arena; /* the newest response's */
	struct candor_response response;
	int status;
	bool answered;
};

/* ---- SIGPIPE: kept from the caller's thread while the loop runs, whatever its disposition ---- */

struct quiet {
	sigset_t before;
	bool was_pending;
};

static bool pipe_is_pending(void)
{
	sigset_t pending;
	sigpending(&pending);
	return sigismember(&pending, SIGPIPE) == 1;
}

static void only_pipe(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGPIPE);
}

static void quiet_begin(struct quiet *q)
{
	sigset_t pipe;
	q->was_pending = pipe_is_pending();
	only_pipe(&pipe);
	pthread_sigmask(SIG_BLOCK, &pipe, &q->before);
}

static void quiet_end(const struct quiet *q)
{
	if (!q->was_pending && pipe_is_pending()) {
		sigset_t pipe;
		int taken;
		only_pipe(&pipe);
		/* What is pending may be the process's, and another thread may take that first; one of this thread's
		 * own keeps sigwait() from waiting. Where this thread has one already, nothing is added. */
		pthread_kill(pthread_self(), SIGPIPE);
		sigwait(&pipe, &taken);
	}
	pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}

/* ---- the conversation ---- */

static void on_closed(void *arg)
{
	struct candor *c = arg;
	c->client = NULL;
}

static void on_response(struct candor_client *client, int status, const struct candor_response *response, void *arg)
{
	struct candor *c = arg;
	c->answered = true;
	c->status = status;
	if (status == 0) {
		candor_client_swap_arena(client, &c->arena);
		c->response = *response;
	}
}

int candor_open_sized(struct candor **out, const char *address, const struct candor_options *options,
		      size_t options_size)
{
	struct candor_options o = {0};
	int err = options ? sized_read(&o, sizeof o, options, options_size) : 0;
	if (err)
		return err;
	struct candor *c = calloc(1, sizeof *c);
	if (!c)
		return UV_ENOMEM;
	err = uv_loop_init(&c->loop);
	if (err) {
		free(c);
		return err;
	}
	err = candor_client_new(&c->client, &c->loop, address, &o);
	if (err) {
		uv_loop_close(&c->loop);
		free(c);
		return err;
	}
	arena_init(&c->arena, candor_client_budget(c->client));

	struct quiet quiet;
	int greeted;
	quiet_begin(&quiet);
	while ((greeted = candor_client_greeted(c->client)) == 0)
		uv_run(&c->loop, UV_RUN_ONCE);
	quiet_end(&quiet);
	if (greeted < 0) {
		if (o.fault && o.fault_size > 0)
			snprintf(o.fault, o.fault_size, "%s", candor_fault(c));
		candor_close(c);
		return greeted;
	}
	*out = c;
	return 0;
}

int candor_call_sized(struct candor *c, const struct candor_request *request, size_t request_size,
		      const struct candor_response **response)
{
	struct quiet quiet;
	arena_free(&c->arena);
	c->answered = false;
	int err = candor_client_send_sized(c->client, request, request_size, on_response, c);
	if (err)
		return err;
	quiet_begin(&quiet);
	while (!c->answered)
		uv_run(&c->loop, UV_RUN_ONCE);
	quiet_end(&quiet);
	if (c->status == 0)
		*response = &c->response;
	return c->status;
}

const char *candor_fault(const struct candor *c)
{
	return candor_client_fault(c->client);
}

const char *candor_principal(const struct candor *c)
{
	return candor_client_principal(c->client);
}

void candor_close(struct candor *c)
{
	if (!c)
		return;
	struct quiet quiet;
	quiet_begin(&quiet);
	candor_client_close(c->client, on_closed, c);
	while (c->client)
		uv_run(&c->loop, UV_RUN_ONCE);
	quiet_end(&quiet);
	uv_loop_close(&c->loop);
	arena_free(&c->arena);
	free(c);
}

int candor_default_address(char *out, size_t size)
{
	char dir[ADDRESS_PATH_MAX + 1], text[ADDRESS_TEXT_MAX];
	struct address address;
	int err = address_state_dir(getenv("XDG_STATE_HOME"), getenv("HOME"), dir, sizeof dir);
	if (!err)
		err = address_default(dir, &address);
	if (err)
		return err;
	address_format(&address, text, sizeof text);
	return snprintf(out, size, "%s", text) < (int)size ? 0 : UV_ENOBUFS;
}
