#include "tests/lib/command.h"

#include <stdlib.h>

enum { ARGS_MAX = 160 };

static int run(struct command *c, const char *program, const char *input, const char *const *args)
{
	const char *argv[ARGS_MAX] = {program};
	for (size_t i = 0; args[i]; i++) {
		assert_true(i < ARGS_MAX - 2);
		argv[i + 1] = args[i];
	}
	int code = daemon_run(argv, input, c->out_path, c->err_path);
	files_read_text(c->out_path, c->out, COMMAND_TEXT_MAX);
	files_read_text(c->err_path, c->err, COMMAND_TEXT_MAX);
	return code;
}

int command_run(struct command *c, const char *input, const char *const *args)
{
	return run(c, "candor", input, args);
}

int command_candord(struct command *c, const char *const *args)
{
	return run(c, "candord", NULL, args);
}

int command_set_up_alone(void **state)
{
	static struct command c;
	daemon_init(&c.daemon);
	daemon_path(&c.daemon, "out", c.out_path);
	daemon_path(&c.daemon, "err", c.err_path);
	daemon_path(&c.daemon, "answers", c.file);
	setenv("CANDOR_SERVER", c.daemon.address, 1);
	unsetenv("CANDOR_TOKEN_FILE");
	*state = &c;
	return 0;
}

int command_set_up(void **state)
{
	command_set_up_alone(state);
	daemon_start(&((struct command *)*state)->daemon, NULL);
	return 0;
}

int command_tear_down(void **state)
{
	unsetenv("CANDOR_SERVER");
	return daemon_end(&((struct command *)*state)->daemon);
}

int command_tear_down_spoiled(void **state)
{
	unsetenv("CANDOR_SERVER");
	daemon_deinit(&((struct command *)*state)->daemon);
	return 0;
}

void command_fill(struct command *c)
{
	files_write_text(c->file, "item,labeler,report,outcome\n"
				  "a,ann,1,1\na,bob,0.25,1\na,cat,0,1\n"
				  "b,ann,0.1,0\nb,bob,0.3,0\n"
				  "c,ann,0.3333333333333333,\nc,cat,0.7,\n");
	assert_candor(c, 0, "import", "p", c->file);
	assert_candor(c, 0, "report", "p", "open", "ann", "0.5");
	assert_candor(c, 0, "report", "p", "void", "ann", "0.5");
	assert_candor(c, 0, "void", "p", "void");
}

static json_t *parse(const char *text, size_t len)
{
	json_error_t error;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!o)
		print_error("%s, in: %.*s\n", error.text, (int)len, text);
	assert_non_null(o);
	return o;
}

json_t *command_document(const struct command *c)
{
	const char *end = strchr(c->out, '\n');
	assert_true(end && end[1] == '\0');
	return parse(c->out, strlen(c->out));
}

json_t *command_lines(const struct command *c)
{
	json_t *all = json_array();
	for (const char *at = c->out; *at;) {
		size_t len = strcspn(at, "\n");
		json_array_append_new(all, parse(at, len));
		at += len + (at[len] == '\n');
	}
	return all;
}

void command_failed(const struct command *c, const char *code, const char *words)
{
	size_t len = strlen(c->out);
	assert_true(len > 0 && c->out[len - 1] == '\n');
	const char *at = c->out + len - 1;
	while (at > c->out && at[-1] != '\n')
		at--;
	json_t *o = parse(at, strlen(at));
	assert_int_equal(json_object_size(o), 1);
	assert_int_equal(json_object_size(json_object_get(o, "error")), 2);
	assert_text_at(o, "error.code", code);
	assert_says(json_string_value(command_at(o, "error.message")), words);
	json_decref(o);
}

const json_t *command_at(const json_t *document, const char *path)
{
	char steps[128], *save, *rest = steps;
	const json_t *at = document;
	snprintf(steps, sizeof steps, "%s", path);
	for (char *step; (step = strtok_r(rest, ".", &save)); rest = NULL)
		at = json_is_array(at) ? json_array_get(at, strtoul(step, NULL, 10)) : json_object_get(at, step);
	return at;
}

double command_number_at(const json_t *document, const char *path)
{
	const json_t *at = command_at(document, path);
	if (!json_is_number(at))
		print_error("there is no number %s\n", path);
	assert_true(json_is_number(at));
	return json_number_value(at);
}

double command_number(const struct command *c, const char *path)
{
	json_t *o = command_document(c);
	double x = command_number_at(o, path);
	json_decref(o);
	return x;
}
