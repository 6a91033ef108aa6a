/* Any text as a configuration file: what is taken is in range, and written out it is a file that comes to the same; what
 * is refused is told in a sentence. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/config.h"
#include "tests/fuzz/fuzz.h"
#include "lib/base/text.h"

static int file; /* in memory, for the text */
static char path[64];

static int load(struct config *c, const void *text, size_t len, char *error, size_t size)
{
	char program[] = "candord", option[] = "--config";
	char *argv[] = {program, option, path, NULL};
	char own_dir[CONFIG_PATH_MAX];
	enum config_command command;
	require(ftruncate(file, 0) == 0 && pwrite(file, text, len, 0) == (ssize_t)len);
	int err = config_load(c, 3, argv, &command, own_dir, error, size);
	require(err == 0 || err == -1);
	require((err == 0) == (error[0] == 0) && strlen(error) < size);
	require(err || command == CONFIG_SERVE);
	return err;
}

/* What --check-config prints; the caller's. */
static char *print(const struct config *c)
{
	char *text;
	size_t len;
	FILE *old = stdout;
	require((stdout = open_memstream(&text, &len)));
	config_print(c);
	require(fclose(stdout) == 0);
	stdout = old;
	return text;
}

static void check(const struct config *c)
{
	char error[1024];
	struct config *again = malloc(sizeof *again);
	char *text = print(c);
	require(again && c->listen.n >= 1 && c->listen.n <= CONFIG_ADDRESSES_MAX && c->db[0]);
	require(!c->tls_cert[0] == !c->tls_key[0] && (!c->tls_crl[0] || c->tls_ca[0]));
	require(c->max_in_flight >= 1 && c->memory_limit > 0 && c->batch_bytes > 0 &&
		c->batch_bytes <= c->memory_limit);
	for (size_t i = 0; i < c->listen.n; i++)
		require(!c->listen.each[i].is_tls);
	/* As the file's own form has it, apart from what that cannot say (a path that begins with a blank). */
	if (load(again, text, strlen(text), error, sizeof error) == 0) {
		char *twice = print(again);
		require(strcmp(text, twice) == 0);
		free(twice);
	}
	free(text);
	free(again);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	static const char *const names[] = {"CANDORD_CONFIG", "XDG_STATE_HOME"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
	setenv("HOME", "/home/fuzz", 1);
	file = memfd_create("candor-fuzz", MFD_CLOEXEC);
	require(file >= 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct config c;
	char error[1024];
	if (load(&c, data, len, error, sizeof error) == 0)
		check(&c);
	else
		require(text_fault(error, strlen(error)) == NULL);
	return 0;
}
