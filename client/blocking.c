/* The blocking client: an asynchronous one with a loop to itself. And the address that both look for by default. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/address.h"
#include "client/client.h"

struct candor {
	uv_loop_t loop;
	struct candor_client *client; /* NULL: it is closed */
	struct arena arena; /* the newest response's */
	struct candor_response response;
	int status;
	bool answered;
};

/* ---- SIGPIPE: kept from the caller's thread while the loop runs, whatever the caller has it do ---- */

struct quiet {
	sigset_t before;
	bool was_pending;
};

static void quiet_begin(struct quiet *q)
{
	sigset_t pending, pipe;
	sigpending(&pending);
	q->was_pending = sigismember(&pending, SIGPIPE) == 1;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &q->before);
}

static void quiet_end(const struct quiet *q)
{
	const struct timespec at_once = {0};
	sigset_t pipe;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	while (!q->was_pending && sigtimedwait(&pipe, NULL, &at_once) == SIGPIPE)
		;
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

int candor_open(struct candor **out, const char *address, const struct candor_options *options)
{
	struct candor *c = calloc(1, sizeof *c);
	if (!c)
		return UV_ENOMEM;
	int err = uv_loop_init(&c->loop);
	if (err) {
		free(c);
		return err;
	}
	err = candor_client_new(&c->client, &c->loop, address, options);
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
		if (options && options->fault && options->fault_size > 0)
			snprintf(options->fault, options->fault_size, "%s", candor_fault(c));
		candor_close(c);
		return greeted;
	}
	*out = c;
	return 0;
}

int candor_call(struct candor *c, const struct candor_request *request, const struct candor_response **response)
{
	struct quiet quiet;
	arena_free(&c->arena);
	c->answered = false;
	int err = candor_client_send(c->client, request, on_response, c);
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
