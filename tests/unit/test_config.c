/* Settings, row by row: each is read from a file, from the environment and from an option, printed as it was read, listed
 * in --help and in docs/operating.md, and used by the daemon. A setting that one of these forgets is named. */
#include "tests/lib/unit.h"

#include <ctype.h>
#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/config.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

enum type { LISTEN, PATH, SYNC, LEVEL, FORMAT, YESNO, NUMBER, BYTES, SECONDS };

static const struct row {
	enum type type;
	const char *name, *field, *fallback;
	uint64_t min, max;
} rows[] = {
#define SETTING(type, field, name, value, fallback, min, max, help) {type, name, #field, fallback, min, max},
#include "daemon/settings.def"
#undef SETTING
};
enum { ROWS = sizeof rows / sizeof *rows };

/* ---- helpers ---- */

/* A value that is not the default, and no other setting's. */
static void sample(size_t i, char *out, size_t size)
{
	const struct row *r = &rows[i];
	switch (r->type) {
	case LISTEN: snprintf(out, size, "unix:/run/%s", r->name); return;
	case PATH: snprintf(out, size, "/srv/%s", r->name); return;
	case SYNC: snprintf(out, size, "normal"); return;
	case LEVEL: snprintf(out, size, "debug"); return;
	case FORMAT: snprintf(out, size, "logfmt"); return;
	case YESNO: snprintf(out, size, strcmp(r->fallback, "no") == 0 ? "yes" : "no"); return;
	case NUMBER:
	case SECONDS: snprintf(out, size, "%llu", (unsigned long long)(r->min + 3 + i)); return;
	case BYTES: break;
	}
	/* What the others need fits into the largest memory. */
	unsigned long long n = strcmp(r->name, "memory_limit") == 0 ? r->max : r->min + 1001 + i;
	snprintf(out, size, "%llu", n);
}

static void variable_of(const char *name, char *out, size_t size)
{
	snprintf(out, size, "CANDORD_%s", name);
	for (char *p = out; *p; p++)
		*p = (char)toupper((unsigned char)*p);
}

static void option_of(const char *name, const char *value, char *out, size_t size)
{
	snprintf(out, size, "--%s=%s", name, value);
	for (char *p = out; *p != '='; p++)
		*p = *p == '_' ? '-' : *p;
}

static void load(struct config *c, int argc, char **argv)
{
	enum config_command command;
	char own_dir[CONFIG_PATH_MAX], error[1024];
	if (config_load(c, argc, argv, &command, own_dir, error, sizeof error))
		fail_msg("%s", error);
}

/* What a function prints; the caller's. */
static char *printed(const struct config *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *old = stdout;
	assert_non_null(stdout = open_memstream(&text, &len));
	if (c)
		config_print(c);
	else
		config_print_help();
	fclose(stdout);
	stdout = old;
	return text;
}

static void assert_prints_samples(const struct config *c)
{
	char *text = printed(c);
	for (size_t i = 0; i < ROWS; i++) {
		char value[64], line[160];
		sample(i, value, sizeof value);
		snprintf(line, sizeof line, "\n%s = %s\n", rows[i].name, value);
		if (!strstr(text, line))
			fail_msg("%s is not printed as it was read; there is\n%s", rows[i].name, text);
	}
	free(text);
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s cannot be read; tests run at the top of the tree", path);
	char *text = NULL;
	size_t size = 0;
	assert_true(getdelim(&text, &size, 0, f) > 0);
	fclose(f);
	return text;
}

/* ---- tests ---- */

static void each_setting_is_read_from_a_file_and_printed_as_it_was_read(void **state)
{
	(void)state;
	char path[] = "/tmp/candor-config-XXXXXX", program[] = "candord", option[] = "--config";
	struct config *c = malloc(sizeof *c);
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	assert_true(c && f);
	for (size_t i = 0; i < ROWS; i++) {
		char value[64];
		sample(i, value, sizeof value);
		fprintf(f, "%s = %s\n", rows[i].name, value);
	}
	fclose(f);
	load(c, 3, (char *[]){program, option, path, NULL});
	assert_prints_samples(c);
	unlink(path);
	free(c);
}

static void each_setting_is_read_from_the_environment(void **state)
{
	(void)state;
	char program[] = "candord", name[64], value[64];
	struct config *c = malloc(sizeof *c);
	assert_non_null(c);
	for (size_t i = 0; i < ROWS; i++) {
		variable_of(rows[i].name, name, sizeof name);
		sample(i, value, sizeof value);
		setenv(name, value, 1);
	}
	load(c, 1, (char *[]){program, NULL});
	assert_prints_samples(c);
	for (size_t i = 0; i < ROWS; i++) {
		variable_of(rows[i].name, name, sizeof name);
		unsetenv(name);
	}
	free(c);
}

static void each_setting_is_read_from_an_option(void **state)
{
	(void)state;
	char program[] = "candord", options[ROWS][160], value[64];
	char *argv[ROWS + 2] = {program};
	struct config *c = malloc(sizeof *c);
	assert_non_null(c);
	for (size_t i = 0; i < ROWS; i++) {
		sample(i, value, sizeof value);
		option_of(rows[i].name, value, options[i], sizeof options[i]);
		argv[i + 1] = options[i];
	}
	load(c, ROWS + 1, argv);
	assert_prints_samples(c);
	free(c);
}

static void each_number_keeps_to_its_range(void **state)
{
	(void)state;
	char program[] = "candord", option[160], value[64], own_dir[CONFIG_PATH_MAX], error[1024];
	struct config *c = malloc(sizeof *c);
	enum config_command command;
	assert_non_null(c);
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].max == 0)
			continue;
		for (int above = 0; above < 2; above++) {
			if (!above && rows[i].min == 0)
				continue;
			snprintf(value, sizeof value, "%llu",
				 (unsigned long long)(above ? rows[i].max + 1 : rows[i].min - 1));
			option_of(rows[i].name, value, option, sizeof option);
			char *argv[] = {program, option, NULL};
			if (config_load(c, 2, argv, &command, own_dir, error, sizeof error) == 0)
				fail_msg("%s is accepted", option);
			assert_non_null(strstr(error, "must be a whole number from "));
		}
	}
	free(c);
}

static void each_setting_is_in_the_help_with_its_default(void **state)
{
	(void)state;
	char *help = printed(NULL);
	for (size_t i = 0; i < ROWS; i++) {
		char flag[64] = "\n  ";
		option_of(rows[i].name, "", flag + 3, sizeof flag - 3);
		*strchr(flag, '=') = ' ';
		const char *at = strstr(help, flag), *end = at ? strstr(at + 1, "\n  --") : NULL;
		if (!at)
			fail_msg("--help does not list %s", rows[i].name);
		char fallback[64];
		snprintf(fallback, sizeof fallback, " [%s]\n", rows[i].fallback ? rows[i].fallback : "");
		const char *shown = rows[i].fallback ? strstr(at, fallback) : at;
		if (!shown || (end && shown > end))
			fail_msg("--help does not show the default of %s", rows[i].name);
	}
	free(help);
}

static void each_setting_is_in_the_operating_guide(void **state)
{
	(void)state;
	char *guide = read_file("docs/operating.md");
	for (size_t i = 0; i < ROWS; i++) {
		char row[64];
		snprintf(row, sizeof row, "\n| `%s` |", rows[i].name);
		if (!strstr(guide, row))
			fail_msg("the table of settings in docs/operating.md has no row for %s", rows[i].name);
	}
	free(guide);
}

/* Outside of config.c, which reads and prints them all. */
static void each_setting_is_used(void **state)
{
	(void)state;
	bool used[ROWS] = {false};
	glob_t files = {0};
	assert_int_equal(glob("daemon/*.c", 0, NULL, &files), 0);
	assert_int_equal(glob("daemon/*/*.c", GLOB_APPEND, NULL, &files), 0);
	for (size_t k = 0; k < files.gl_pathc; k++) {
		if (strcmp(files.gl_pathv[k], "daemon/config.c") == 0)
			continue;
		char *text = read_file(files.gl_pathv[k]);
		for (size_t i = 0; i < ROWS; i++) {
			char use[64];
			size_t len = (size_t)snprintf(use, sizeof use, "config->%s", rows[i].field);
			for (const char *p = text; !used[i] && (p = strstr(p, use)); p += len)
				used[i] = !isalnum((unsigned char)p[len]) && p[len] != '_';
			len = (size_t)snprintf(use, sizeof use, "config.%s", rows[i].field);
			for (const char *p = text; !used[i] && (p = strstr(p, use)); p += len)
				used[i] = !isalnum((unsigned char)p[len]) && p[len] != '_';
		}
		free(text);
	}
	globfree(&files);
	for (size_t i = 0; i < ROWS; i++)
		if (!used[i])
			fail_msg("nothing in daemon/ uses config->%s", rows[i].field);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_setting_is_read_from_a_file_and_printed_as_it_was_read),
		cmocka_unit_test(each_setting_is_read_from_the_environment),
		cmocka_unit_test(each_setting_is_read_from_an_option),
		cmocka_unit_test(each_number_keeps_to_its_range),
		cmocka_unit_test(each_setting_is_in_the_help_with_its_default),
		cmocka_unit_test(each_setting_is_in_the_operating_guide),
		cmocka_unit_test(each_setting_is_used),
	};
	unsetenv("CANDORD_CONFIG");
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
