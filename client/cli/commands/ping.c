/* candor ping: whether the daemon answers, whether it can write, and waiting until it does. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <uv.h>

#include "client/cli/base/candord.h"
#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"

enum { PAUSE_MS = 50 };

struct ping {
	struct cli *c;
	bool write;
	uint64_t until_ms; /* by cli_now_ms() */
	struct candor_options options;
	/* What came of the newest attempt. */
	int err; /* no answer */
	const struct candor_response *response; /* else the last one */
	double round_trip_ms, commit_ms;
};

/* One request, and how long its answer takes. False: that is all there is to be had. */
static bool ask(struct ping *p, const struct candor_request *request, double *ms)
{
	uint64_t before_ns = uv_hrtime();
	p->err = candor_call(p->c->daemon, request, &p->response);
	*ms = (double)(uv_hrtime() - before_ns) / 1e6;
	return p->err == 0 && p->response->code == CANDOR_OK;
}

/* Connects if need be. Every peer may say hello, which is a round trip without anything else. */
static void attempt(struct ping *p)
{
	const struct candor_request hello = {
		.type = CANDOR_REQ_HELLO, .protocol = CANDOR_PROTOCOL, .client = "candor/" CANDOR_VERSION};
	const struct candor_request commit = {.type = CANDOR_REQ_INFO, .commit = true};
	p->err = candor_open(&p->c->daemon, p->c->server, &p->options);
	if (p->err) {
		p->c->daemon = NULL;
		return;
	}
	if (p->write && !ask(p, &commit, &p->commit_ms))
		return;
	/* The first exchange also reads the greeting's answer; the second one is what a round trip takes. */
	if (ask(p, &hello, &p->round_trip_ms))
		ask(p, &hello, &p->round_trip_ms);
}

/* Whether it may be otherwise in a moment: a daemon that is starting, stopping, busy or short of space. */
static bool may_pass(const struct ping *p)
{
	if (p->err == 0)
		return p->response->code == CANDOR_UNAVAILABLE || p->response->code == CANDOR_RESOURCE_EXHAUSTED;
	return p->err == -ENOENT || p->err == -ECONNREFUSED || p->err == -ECONNRESET || p->err == -EPIPE ||
	       p->err == -ETIMEDOUT || p->err == -EAGAIN || p->err == CANDOR_ERR_CLOSED;
}

static bool has_passed(const struct ping *p)
{
	return p->err == 0 && p->response->code == CANDOR_OK;
}

/* How long to pause before the next attempt; 0: there is none. What a rate limit refuses is sent again when its time
 * has come, as in every command. */
static uint64_t pause_ms(const struct ping *p, uint64_t waited_ms)
{
	uint64_t rate_ms = p->err ? 0 : cli_retry_ms(p->c, p->response, waited_ms), now_ms = cli_now_ms();
	if (rate_ms > 0 || has_passed(p) || !may_pass(p) || now_ms >= p->until_ms)
		return rate_ms;
	return p->until_ms - now_ms < PAUSE_MS ? p->until_ms - now_ms : PAUSE_MS;
}

static void keep_trying(struct ping *p)
{
	uint64_t ms, began_ms = cli_now_ms();
	attempt(p);
	while ((ms = pause_ms(p, cli_now_ms() - began_ms)) > 0) {
		const struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
		nanosleep(&pause, NULL);
		candor_close(p->c->daemon);
		p->c->daemon = NULL;
		attempt(p);
	}
}

static void print_document(const struct ping *p)
{
	const struct candor_welcome *w = &p->response->welcome;
	struct cli_json d;
	cli_json_begin(&d);
	json_out_open(&d.j, '{');
	cli_json_text(&d.j, "server", w->server);
	cli_json_count(&d.j, "protocol", w->protocol);
	cli_json_real(&d.j, "round_trip_ms", p->round_trip_ms);
	if (p->write)
		cli_json_real(&d.j, "commit_ms", p->commit_ms);
	json_out_close(&d.j, '}');
	cli_json_print(&d);
}

static void print_line(const struct ping *p)
{
	printf("%s at %s answers in %.3f ms", p->response->welcome.server, p->c->server, p->round_trip_ms);
	if (p->write)
		printf(", and commits in %.3f ms", p->commit_ms);
	putchar('\n');
}

static int run_ping(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {
		{"write", no_argument, NULL, 'w'}, {"wait", required_argument, NULL, 'W'}, {0}};
	struct ping p = {.c = c};
	double wait_s = 0;
	for (int opt; (opt = cli_option(c, argc, argv, own)) != -1;) {
		if (opt == 'w')
			p.write = true;
		else
			wait_s = cli_real(c, "--wait", optarg, 0, 86400);
	}
	cli_operands(c, argc, argv, 0, 0, "");
	cli_client_options(c, &p.options);
	p.options.fault = c->fault;
	p.options.fault_size = sizeof c->fault;
	p.until_ms = cli_now_ms() + (uint64_t)(1000 * wait_s);
	keep_trying(&p);
	cli_wipe_token(c);
	if (p.err)
		return cli_unreachable(c, c->daemon, p.err, c->daemon ? candor_fault(c->daemon) : c->fault);
	if (p.response->code != CANDOR_OK)
		return cli_refusal(c, p.response->code, p.response->message);
	if (c->json)
		print_document(&p);
	else
		print_line(&p);
	return CLI_DONE;
}

CLI_COMMAND(ping) = {
	.name = "ping",
	.summary = "check that the daemon answers and can write, or wait until it does",
	.help = "usage: candor ping [--write] [--wait S]\n\n"
		"Prints the daemon's name and version, and how long one round trip takes.\n\n"
		"Options:\n"
		"  --write    also have a commit made, which changes nothing: it fails where the daemon\n"
		"             cannot write, as on a full disk; needs the right to change something\n"
		"  --wait S   if the daemon does not run or is not ready, try again for up to S seconds\n\n"
		"Example:\n"
		"  candord & candor ping --wait 10 && candor pool create birds\n",
	.run = run_ping,
};
