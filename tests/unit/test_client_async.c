/* The asynchronous client against a daemon that behaves, and against some that do not. */
#include "tests/unit/test_client_fake.h"

#include "client/candor_async.h"

enum { MANY = 20000 };

struct test {
	uv_loop_t loop;
	struct fake fake;
	struct candor_client *client;
	uv_timer_t timer;
	size_t answers, errors, closed;
	int last_status;
	enum candor_code last_code;
	char last_message[128];
	uint64_t order[64], last_accepted;
	bool close_in_callback, send_in_callback, send_while_closing;
};

static void on_closed(void *arg)
{
	struct test *t = arg;
	t->closed++;
	t->client = NULL;
}

static void on_response(struct candor_client *client, int status, const struct candor_response *response, void *arg);

static int send_info(struct test *t)
{
	const struct candor_request request = {.type = CANDOR_REQ_INFO};
	return candor_client_send(t->client, &request, on_response, t);
}

static void on_response(struct candor_client *client, int status, const struct candor_response *response, void *arg)
{
	struct test *t = arg;
	assert_ptr_equal(client, t->client);
	t->last_status = status;
	if (status == 0) {
		t->last_code = response->code;
		t->last_accepted = response->batch.accepted;
		snprintf(t->last_message, sizeof t->last_message, "%s", response->message);
		if (t->answers < 64)
			t->order[t->answers] = response->id;
		t->answers++;
	} else {
		assert_null(response);
		t->errors++;
	}
	if (t->send_in_callback) {
		t->send_in_callback = false;
		assert_int_equal(send_info(t), 0);
	}
	if (t->close_in_callback) {
		t->close_in_callback = false;
		candor_client_close(client, on_closed, t);
		assert_int_equal(send_info(t), UV_ECANCELED);
	}
}

static void begin(struct test *t, fake_on_request *on_request, const struct candor_options *options)
{
	*t = (struct test){.last_status = 1};
	assert_int_equal(uv_loop_init(&t->loop), 0);
	fake_start(&t->fake, &t->loop, on_request);
	assert_int_equal(candor_client_new(&t->client, &t->loop, t->fake.address, options), 0);
}

static void run_until(struct test *t, size_t outcomes)
{
	while (t->answers + t->errors < outcomes)
		assert_true(uv_run(&t->loop, UV_RUN_ONCE));
}

static void end(struct test *t)
{
	if (t->client)
		candor_client_close(t->client, on_closed, t);
	fake_stop(&t->fake);
	uv_run(&t->loop, UV_RUN_DEFAULT);
	assert_int_equal(t->closed, 1);
	assert_int_equal(uv_loop_close(&t->loop), 0);
	fake_free(&t->fake);
}

/* ---- a daemon that behaves ---- */

static void a_request_is_answered(void **state)
{
	struct test t;
	(void)state;
	begin(&t, NULL, NULL);
	assert_int_equal(send_info(&t), 0);
	assert_int_equal(candor_client_in_flight(t.client), 1);
	assert_true(candor_client_unsent_bytes(t.client) > 0);
	run_until(&t, 1);
	assert_int_equal(t.answers, 1);
	assert_int_equal(t.last_code, CANDOR_OK);
	assert_int_equal(candor_client_in_flight(t.client), 0);
	assert_int_equal(candor_client_unsent_bytes(t.client), 0);
	end(&t);
}

static void requests_sent_together_are_written_together(void **state)
{
	struct test t;
	(void)state;
	begin(&t, NULL, NULL);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(send_info(&t), 0);
	run_until(&t, 1000);
	assert_int_equal(t.fake.requests, 1001);
	assert_true(t.fake.reads <= 3);
	end(&t);
}

static void many_in_flight_are_each_answered_once(void **state)
{
	struct test t;
	(void)state;
	begin(&t, NULL, NULL);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(send_info(&t), 0);
	assert_int_equal(candor_client_in_flight(t.client), MANY);
	run_until(&t, MANY);
	assert_int_equal(t.answers, MANY);
	assert_int_equal(candor_client_in_flight(t.client), 0);
	end(&t);
}

static void answer_in_reverse(struct fake *f, const struct candor_request *request)
{
	if (request->type == CANDOR_REQ_HELLO) {
		fake_welcome(f, request->id);
		return;
	}
	f->kept[f->n_kept++] = request->id;
	if (f->n_kept < 40)
		return;
	while (f->n_kept > 0) {
		struct candor_response r = {.id = f->kept[--f->n_kept], .type = CANDOR_RES_INFO};
		fake_respond(f, &r);
	}
}

static void answers_may_come_in_any_order(void **state)
{
	struct test t;
	(void)state;
	begin(&t, answer_in_reverse, NULL);
	for (int i = 0; i < 40; i++)
		assert_int_equal(send_info(&t), 0);
	run_until(&t, 40);
	assert_int_equal(t.answers, 40);
	for (int i = 1; i < 40; i++)
		assert_true(t.order[i] < t.order[i - 1]);
	end(&t);
}

static void a_callback_may_send(void **state)
{
	struct test t;
	(void)state;
	begin(&t, NULL, NULL);
	t.send_in_callback = true;
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 2);
	assert_int_equal(t.answers, 2);
	end(&t);
}

static void a_refusal_is_an_answer(struct fake *f, const struct candor_request *request)
{
	struct candor_response r = {.id = request->id, .code = CANDOR_NOT_FOUND, .message = "there is no pool \"x\""};
	if (request->type == CANDOR_REQ_HELLO)
		fake_welcome(f, request->id);
	else
		fake_respond(f, &r);
}

static void a_refusal_comes_with_its_sentence(void **state)
{
	struct test t;
	(void)state;
	begin(&t, a_refusal_is_an_answer, NULL);
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 1);
	assert_int_equal(t.last_status, 0);
	assert_int_equal(t.last_code, CANDOR_NOT_FOUND);
	assert_string_equal(t.last_message, "there is no pool \"x\"");
	end(&t);
}

static void the_rows_of_a_request_are_copied(void **state)
{
	struct test t;
	(void)state;
	begin(&t, NULL, NULL);
	char item[] = "item", labeler[] = "labeler", pool[] = "pool";
	struct candor_report rows[2] = {{item, labeler, 0.5}, {item, labeler, 1}};
	struct candor_request request = {.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = 2, .reports = rows};
	assert_int_equal(candor_client_send(t.client, &request, on_response, &t), 0);
	memset(item, 1, sizeof item);
	memset(rows, 0, sizeof rows);
	run_until(&t, 1);
	assert_int_equal(t.last_accepted, 2);
	end(&t);
}

static void a_request_above_the_limit_is_not_taken(void **state)
{
	struct test t;
	const struct candor_options options = {.max_frame_bytes = 256};
	(void)state;
	begin(&t, NULL, &options);
	char name[301];
	memset(name, 'x', 300);
	name[300] = '\0';
	struct candor_request request = {.type = CANDOR_REQ_GET_POOL, .pool = name};
	assert_int_equal(candor_client_send(t.client, &request, on_response, &t), CANDOR_ERR_TOO_BIG);
	assert_int_equal(candor_client_in_flight(t.client), 0);
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 1);
	assert_int_equal(t.answers, 1);
	end(&t);
}

/* ---- a daemon that does not ---- */

static void (*misbehaviour)(struct fake *f, uint64_t id);

static void misbehave(struct fake *f, const struct candor_request *request)
{
	if (request->type == CANDOR_REQ_HELLO)
		fake_welcome(f, request->id);
	else if (f->connected)
		misbehaviour(f, request->id);
}

/* Sends three requests to such a daemon; each gets an error. */
static int status_after(void (*what)(struct fake *f, uint64_t id), const struct candor_options *options)
{
	struct test t;
	misbehaviour = what;
	begin(&t, misbehave, options);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_info(&t), 0);
	run_until(&t, 3);
	assert_int_equal(t.errors, 3);
	int status = t.last_status;

	/* Also what is sent later. */
	assert_int_equal(send_info(&t), 0);
	assert_int_equal(t.errors, 3);
	run_until(&t, 4);
	assert_int_equal(t.last_status, status);
	assert_int_equal(candor_client_in_flight(t.client), 0);
	end(&t);
	return status;
}

static void say_an_unknown_id(struct fake *f, uint64_t id)
{
	struct candor_response r = {.id = id + 1000, .type = CANDOR_RES_INFO};
	fake_respond(f, &r);
}

static void say_garbage(struct fake *f, uint64_t id)
{
	(void)id;
	fake_write_raw(f, "\x04\xff\xff\xff\xff", 5);
}

static void say_no_varint(struct fake *f, uint64_t id)
{
	(void)id;
	fake_write_raw(f, "\xff\xff\xff\xff\xff\xff\xff", 7);
}

static void say_too_much(struct fake *f, uint64_t id)
{
	(void)id;
	fake_write_raw(f, "\xff\xff\xff\x7f", 4);
}

static void say_what_was_not_asked(struct fake *f, uint64_t id)
{
	struct candor_response r = {.id = id, .type = CANDOR_RES_POOL, .pool = {.name = "x"}};
	fake_respond(f, &r);
}

static void say_half_and_hang_up(struct fake *f, uint64_t id)
{
	(void)id;
	fake_write_raw(f, "\x20\x08", 2);
	fake_hang_up(f);
}

/* Half a million empty rows in a mebibyte, which would unpack to many times that. */
static void say_a_bomb(struct fake *f, uint64_t id)
{
	struct buf out = {0};
	uint8_t head[FRAME_HEAD_MAX];
	size_t rows_bytes = 4000000;
	uint8_t tag[] = {0x08, (uint8_t)id, 0x42, 0x80, 0x92, 0xf4, 0x01};
	assert_int_equal(buf_append(&out, head, frame_head(sizeof tag + rows_bytes, head)), 0);
	assert_int_equal(buf_append(&out, tag, sizeof tag), 0);
	uint8_t *rows = buf_reserve(&out, rows_bytes);
	assert_non_null(rows);
	for (size_t i = 0; i < rows_bytes; i += 2) {
		rows[i] = 0x0a;
		rows[i + 1] = 0;
	}
	out.len += rows_bytes;
	fake_write_raw(f, out.data, out.len);
	buf_free(&out);
}

static void say_nothing(struct fake *f, uint64_t id)
{
	(void)f;
	(void)id;
}

static void an_answer_to_nothing_breaks_the_protocol(void **state)
{
	(void)state;
	assert_int_equal(status_after(say_an_unknown_id, NULL), CANDOR_ERR_PROTOCOL);
}

static void an_answer_of_another_kind_breaks_the_protocol(void **state)
{
	(void)state;
	assert_int_equal(status_after(say_what_was_not_asked, NULL), CANDOR_ERR_PROTOCOL);
}

static void garbage_is_malformed(void **state)
{
	(void)state;
	assert_int_equal(status_after(say_garbage, NULL), CANDOR_ERR_MALFORMED);
	assert_int_equal(status_after(say_no_varint, NULL), CANDOR_ERR_MALFORMED);
}

static void an_oversized_answer_is_refused_before_it_arrives(void **state)
{
	(void)state;
	assert_int_equal(status_after(say_too_much, NULL), CANDOR_ERR_TOO_BIG);
}

static void an_answer_that_unpacks_to_too_much_is_refused(void **state)
{
	(void)state;
	assert_int_equal(status_after(say_a_bomb, NULL), CANDOR_ERR_BUDGET);
}

static void an_end_in_the_middle_of_an_answer_is_an_end(void **state)
{
	(void)state;
	assert_int_equal(status_after(say_half_and_hang_up, NULL), CANDOR_ERR_CLOSED);
}

static void a_daemon_that_never_answers_times_out(void **state)
{
	const struct candor_options options = {.request_timeout_ms = 50};
	(void)state;
	uint64_t before = uv_hrtime();
	assert_int_equal(status_after(say_nothing, &options), UV_ETIMEDOUT);
	assert_true(uv_hrtime() - before >= 50000000);
}

static void say_one_and_never_again(struct fake *f, uint64_t id)
{
	struct candor_response r = {.id = id, .type = CANDOR_RES_INFO};
	if (f->n_kept++ == 0)
		fake_respond(f, &r);
}

static void an_idle_connection_does_not_time_out(void **state)
{
	struct test t;
	const struct candor_options options = {.request_timeout_ms = 200};
	(void)state;
	misbehaviour = say_one_and_never_again;
	begin(&t, misbehave, &options);
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 1);
	uint64_t before = uv_hrtime();
	while (uv_hrtime() - before < 500000000)
		uv_run(&t.loop, UV_RUN_NOWAIT);
	assert_int_equal(t.errors, 0);
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 2);
	assert_int_equal(t.last_status, UV_ETIMEDOUT);
	end(&t);
}

static void a_loop_that_was_held_up_still_reads_its_answers(void **state)
{
	struct test t;
	const struct candor_options options = {.request_timeout_ms = 200};
	(void)state;
	begin(&t, NULL, &options);
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 1);
	assert_int_equal(send_info(&t), 0);
	for (int i = 0; i < 3; i++)
		uv_run(&t.loop, UV_RUN_NOWAIT);
	usleep(500000);
	run_until(&t, 2);
	assert_int_equal(t.answers, 2);
	end(&t);
}

static void say_farewell(struct fake *f, uint64_t id)
{
	const struct candor_response r = {.code = CANDOR_RESOURCE_EXHAUSTED, .message = "the frame is too long"};
	(void)id;
	fake_respond(f, &r);
	/* What was written is read by the client although the daemon is gone. */
	f->on_request = NULL;
}

static void why_the_daemon_closes_is_the_answer_to_all(void **state)
{
	struct test t;
	(void)state;
	misbehaviour = say_farewell;
	begin(&t, misbehave, NULL);
	assert_int_equal(send_info(&t), 0);
	uv_run(&t.loop, UV_RUN_NOWAIT);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_info(&t), 0);
	run_until(&t, 4);
	assert_int_equal(t.errors, 0);
	assert_int_equal(t.last_code, CANDOR_RESOURCE_EXHAUSTED);
	assert_string_equal(t.last_message, "the frame is too long");
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 5);
	assert_int_equal(t.last_code, CANDOR_RESOURCE_EXHAUSTED);
	end(&t);
}

static void refuse_greeting(struct fake *f, const struct candor_request *request)
{
	struct candor_response r = {
		.id = request->id, .code = CANDOR_INVALID_ARGUMENT, .message = "protocol must be 2"};
	if (request->type == CANDOR_REQ_HELLO)
		fake_respond(f, &r);
}

static void a_refused_greeting_is_the_answer_to_all(void **state)
{
	struct test t;
	(void)state;
	begin(&t, refuse_greeting, NULL);
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 1);
	assert_int_equal(t.last_code, CANDOR_INVALID_ARGUMENT);
	assert_string_equal(t.last_message, "protocol must be 2");
	end(&t);
}

/* ---- connecting and closing ---- */

static void a_refused_connection_is_told_to_each_request(void **state)
{
	struct test t;
	(void)state;
	begin(&t, NULL, NULL);
	candor_client_close(t.client, NULL, NULL);
	assert_int_equal(candor_client_new(&t.client, &t.loop, "unix:/nonexistent/candord.sock", NULL), 0);
	assert_int_equal(send_info(&t), 0);
	assert_int_equal(t.errors, 0);
	run_until(&t, 1);
	assert_int_equal(t.last_status, UV_ENOENT);
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 2);
	end(&t);
}

static void no_address_makes_no_client(void **state)
{
	uv_loop_t loop;
	struct candor_client *client = NULL;
	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(candor_client_new(&client, &loop, "localhost", NULL), CANDOR_ERR_ADDRESS);
	assert_null(client);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_tcp_port_without_listener_is_refused(void **state)
{
	struct test t;
	(void)state;
	begin(&t, NULL, NULL);
	candor_client_close(t.client, NULL, NULL);
	assert_int_equal(candor_client_new(&t.client, &t.loop, "tcp:localhost:1", NULL), 0);
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 1);
	assert_true(t.last_status < 0);
	end(&t);
}

static void closing_while_in_flight_cancels(void **state)
{
	struct test t;
	(void)state;
	misbehaviour = say_nothing;
	begin(&t, misbehave, NULL);
	for (int i = 0; i < 10; i++)
		assert_int_equal(send_info(&t), 0);
	while (t.fake.requests < 11)
		uv_run(&t.loop, UV_RUN_ONCE);
	candor_client_close(t.client, on_closed, &t);
	assert_int_equal(t.errors, 0);
	run_until(&t, 10);
	assert_int_equal(t.errors, 10);
	assert_int_equal(t.last_status, UV_ECANCELED);
	end(&t);
}

static void closing_before_the_connection_stands_cancels(void **state)
{
	static const char *const addresses[] = {NULL, "tcp:localhost:1", "tcp:127.0.0.1:1", "unix:/nonexistent/s"};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct test t;
		begin(&t, NULL, NULL);
		if (addresses[i]) {
			candor_client_close(t.client, NULL, NULL);
			assert_int_equal(candor_client_new(&t.client, &t.loop, addresses[i], NULL), 0);
		}
		assert_int_equal(send_info(&t), 0);
		candor_client_close(t.client, on_closed, &t);
		run_until(&t, 1);
		assert_int_equal(t.last_status, UV_ECANCELED);
		end(&t);
	}
}

static void a_callback_may_close(void **state)
{
	struct test t;
	(void)state;
	begin(&t, NULL, NULL);
	for (int i = 0; i < 10; i++)
		assert_int_equal(send_info(&t), 0);
	t.close_in_callback = true;
	run_until(&t, 10);
	assert_int_equal(t.answers, 1);
	assert_int_equal(t.last_status, UV_ECANCELED);
	end(&t);
}

static void a_callback_may_close_when_the_connection_fails(void **state)
{
	struct test t;
	(void)state;
	misbehaviour = say_garbage;
	begin(&t, misbehave, NULL);
	for (int i = 0; i < 10; i++)
		assert_int_equal(send_info(&t), 0);
	t.close_in_callback = true;
	run_until(&t, 10);
	assert_int_equal(t.last_status, CANDOR_ERR_MALFORMED);
	end(&t);
}

static void a_connection_that_is_never_accepted_times_out(void **state)
{
	struct test t;
	const struct candor_options options = {.request_timeout_ms = 50, .connect_timeout_ms = 50};
	(void)state;
	begin(&t, NULL, &options);
	t.fake.accepts = false;
	assert_int_equal(send_info(&t), 0);
	run_until(&t, 1);
	assert_int_equal(t.last_status, UV_ETIMEDOUT);
	end(&t);
}

static uint64_t greeting; /* the id of one that is not answered yet */

static void keep_greeting(struct fake *f, const struct candor_request *request)
{
	if (request->type == CANDOR_REQ_HELLO)
		greeting = request->id;
	else
		fake_answer(f, request);
}

static void on_beat(uv_timer_t *timer)
{
	*(unsigned *)timer->data += 1;
}

/* Asked at once, it would be asked in another's name: requests wait until the daemon has taken the token. */
static void nothing_is_asked_before_the_token_is_taken(void **state)
{
	struct test t;
	uv_timer_t beat;
	(void)state;
	for (int taken = 0; taken < 2; taken++) {
		unsigned beats = 0;
		begin(&t, keep_greeting, &(struct candor_options){.token = "candor_t"});
		for (int i = 0; i < 3; i++)
			assert_int_equal(send_info(&t), 0);
		uv_timer_init(&t.loop, &beat);
		beat.data = &beats;
		uv_timer_start(&beat, on_beat, 5, 5);
		while (t.fake.requests == 0 || beats < 6)
			uv_run(&t.loop, UV_RUN_ONCE);
		uv_close((uv_handle_t *)&beat, NULL);
		assert_int_equal(t.fake.requests, 1);
		assert_int_equal(candor_client_in_flight(t.client), 3);
		const struct candor_response no = {
			.id = greeting, .code = CANDOR_UNAUTHENTICATED, .message = "no", .retry_after_ms = 7};
		if (taken)
			fake_welcome(&t.fake, greeting);
		else
			fake_respond(&t.fake, &no);
		run_until(&t, 3);
		assert_int_equal(t.answers, 3);
		assert_int_equal(t.last_code, taken ? CANDOR_OK : CANDOR_UNAUTHENTICATED);
		assert_int_equal(t.fake.requests, taken ? 1 + 3 : 1);
		end(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_asked_before_the_token_is_taken),
		cmocka_unit_test(a_request_is_answered),
		cmocka_unit_test(requests_sent_together_are_written_together),
		cmocka_unit_test(many_in_flight_are_each_answered_once),
		cmocka_unit_test(answers_may_come_in_any_order),
		cmocka_unit_test(a_callback_may_send),
		cmocka_unit_test(a_refusal_comes_with_its_sentence),
		cmocka_unit_test(the_rows_of_a_request_are_copied),
		cmocka_unit_test(a_request_above_the_limit_is_not_taken),
		cmocka_unit_test(an_answer_to_nothing_breaks_the_protocol),
		cmocka_unit_test(an_answer_of_another_kind_breaks_the_protocol),
		cmocka_unit_test(garbage_is_malformed),
		cmocka_unit_test(an_oversized_answer_is_refused_before_it_arrives),
		cmocka_unit_test(an_answer_that_unpacks_to_too_much_is_refused),
		cmocka_unit_test(an_end_in_the_middle_of_an_answer_is_an_end),
		cmocka_unit_test(a_daemon_that_never_answers_times_out),
		cmocka_unit_test(an_idle_connection_does_not_time_out),
		cmocka_unit_test(a_loop_that_was_held_up_still_reads_its_answers),
		cmocka_unit_test(why_the_daemon_closes_is_the_answer_to_all),
		cmocka_unit_test(a_refused_greeting_is_the_answer_to_all),
		cmocka_unit_test(a_refused_connection_is_told_to_each_request),
		cmocka_unit_test(no_address_makes_no_client),
		cmocka_unit_test(a_tcp_port_without_listener_is_refused),
		cmocka_unit_test(closing_while_in_flight_cancels),
		cmocka_unit_test(closing_before_the_connection_stands_cancels),
		cmocka_unit_test(a_callback_may_close),
		cmocka_unit_test(a_callback_may_close_when_the_connection_fails),
		cmocka_unit_test(a_connection_that_is_never_accepted_times_out),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
