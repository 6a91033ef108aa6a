#include "daemon/http/problem.h"

#include <stdio.h>

#include "lib/wire/json.h"
#include "lib/wire/wire.h"

unsigned problem_status(enum candor_code code)
{
	switch (code) {
	case CANDOR_OK: return 200;
	case CANDOR_INVALID_ARGUMENT: return 400;
	case CANDOR_NOT_FOUND: return 404;
	case CANDOR_ALREADY_EXISTS:
	case CANDOR_FAILED_PRECONDITION: return 409;
	case CANDOR_PERMISSION_DENIED: return 403;
	case CANDOR_RESOURCE_EXHAUSTED: return 429;
	case CANDOR_INTERNAL: return 500;
	case CANDOR_UNAVAILABLE: return 503;
	case CANDOR_UNAUTHENTICATED: return 401;
	}
	return 500;
}

const char *problem_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} reasons[] = {
		{100, "Continue"},
		{200, "OK"},
		{204, "No Content"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{406, "Not Acceptable"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{417, "Expectation Failed"},
		{421, "Misdirected Request"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static unsigned status_of(const struct problem *p)
{
	return p->status ? p->status : problem_status(p->code);
}

int problem_body(const struct problem *p, struct buf *out)
{
	unsigned status = status_of(p);
	struct json_out j = {.out = out};
	json_out_open(&j, '{');
	json_out_key(&j, "type");
	json_out_text(&j, "about:blank");
	json_out_key(&j, "title");
	json_out_text(&j, problem_reason(status));
	json_out_key(&j, "status");
	json_out_count(&j, status);
	json_out_key(&j, "code");
	json_out_text(&j, candor_code_name(p->code));
	if (p->detail && p->detail[0]) {
		json_out_key(&j, "detail");
		json_out_text(&j, p->detail);
	}
	if (p->retry_after_ms > 0) {
		json_out_key(&j, "retry_after_ms");
		json_out_count(&j, p->retry_after_ms);
	}
	if (p->members && !j.err)
		j.err = buf_printf(out, ",%s", p->members);
	json_out_close(&j, '}');
	return j.err ? j.err : buf_append(out, "\n", 1);
}

int problem_headers(const struct problem *p, struct buf *out)
{
	unsigned status = status_of(p);
	int err = 0;
	if (status == 401)
		err = buf_printf(out, "WWW-Authenticate: Bearer realm=\"candor\"\r\n");
	/* Whole seconds, and none of them too early. */
	uint64_t seconds = p->retry_after_ms ? (p->retry_after_ms + 999) / 1000 : 1;
	if (!err && (status == 503 || (status == 429 && p->retry_after_ms)))
		err = buf_printf(out, "Retry-After: %llu\r\n", (unsigned long long)seconds);
	if (!err && p->allow)
		err = buf_printf(out, "Allow: %s\r\n", p->allow);
	return err;
}
