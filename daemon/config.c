#include "daemon/config.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"
#include "lib/base/options.h"
#include "lib/base/similar.h"
#include "lib/base/text.h"

/* Where a setting was given, the later the stronger. */
enum source { BY_DEFAULT, BY_FILE, BY_ENVIRONMENT, BY_FLAG };

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

struct loader;
struct setting;

/* How the settings of a type are read, and printed in the form in which they are read. */
struct setting_type {
	/* 0, or -1 and l->error says what it must be. where: its name as it was given. */
	int (*parse)(struct loader *l, const struct setting *s, const char *where, const char *text);
	void (*print)(const struct setting *s, const void *field);
	const char *const *words; /* of an enumeration, which they are in order; ends with NULL */
	uint64_t unit; /* of numbers: what one of them is in the field */
	bool takes_suffix; /* of numbers: K, M or G */
};

struct setting {
	const char *name, *value, *help, *fallback; /* as in settings.def */
	uint64_t min, max;
	size_t offset;
	const struct setting_type *type;
};

enum {
	SETTINGS = 0
#define SETTING(...) +1
#include "daemon/settings.def"
#undef SETTING
};

struct loader {
	struct config *config;
	enum source set_by[SETTINGS];
	enum source source; /* being read */
	bool overrides; /* what is read replaces what a weaker source gave */
	char *error;
	size_t size;
};

/* The value is shown where a terminal can bear it, and of a long one its beginning. */
static int fail(struct loader *l, const char *where, const char *what, const char *value)
{
	size_t len = strlen(value), shown = len < 200 ? len : 200;
	const char *fault = text_fault(value, len);
	if (fault) {
		snprintf(l->error, l->size, "%s: %s; the value %s", where, what, fault);
		return -1;
	}
	while (shown > 0 && shown < len && (value[shown] & 0xc0) == 0x80)
		shown--;
	snprintf(l->error, l->size, "%s: %s, not '%.*s'", where, what, (int)shown, value);
	return -1;
}

/* ---- values ---- */

/* A whole number, for BYTES with K, M or G behind it. */
static bool read_number(const char *text, bool bytes, uint64_t *out)
{
	char *end;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	uint64_t unit = 1;
	if (bytes && *end)
		unit = *end == 'K' ? KIB : *end == 'M' ? MIB : *end == 'G' ? GIB : 0;
	if (unit > 1)
		end++;
	return !errno && !*end && unit && !__builtin_mul_overflow(n, unit, out);
}

static int parse_number(struct loader *l, const struct setting *s, const char *where, const char *text)
{
	uint64_t n;
	char range[160];
	snprintf(range, sizeof range, "must be a whole number from %llu to %llu%s", (unsigned long long)s->min,
		 (unsigned long long)s->max, s->type->takes_suffix ? ", optionally followed by K, M or G" : "");
	if (!read_number(text, s->type->takes_suffix, &n) || n < s->min || n > s->max)
		return fail(l, where, range, text);
	n *= s->type->unit;
	memcpy((char *)l->config + s->offset, &n, sizeof n);
	return 0;
}

static void print_number(const struct setting *s, const void *field)
{
	uint64_t n;
	memcpy(&n, field, sizeof n);
	printf("%s = %llu\n", s->name, (unsigned long long)(n / s->type->unit));
}

static int parse_word(struct loader *l, const struct setting *s, const char *where, const char *text)
{
	const char *const *words = s->type->words;
	char must[128] = "must be ";
	for (int i = 0; words[i]; i++) {
		size_t len = strlen(must);
		snprintf(must + len, sizeof must - len, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
		if (strcmp(words[i], text) == 0) {
			memcpy((char *)l->config + s->offset, &i, sizeof i);
			return 0;
		}
	}
	return fail(l, where, must, text);
}

static void print_word(const struct setting *s, const void *field)
{
	int i;
	memcpy(&i, field, sizeof i);
	printf("%s = %s\n", s->name, s->type->words[i]);
}

static int parse_yesno(struct loader *l, const struct setting *s, const char *where, const char *text)
{
	bool yes = strcmp(text, "yes") == 0;
	if (!yes && strcmp(text, "no") != 0)
		return fail(l, where, "must be yes or no", text);
	*(bool *)((char *)l->config + s->offset) = yes;
	return 0;
}

static void print_yesno(const struct setting *s, const void *field)
{
	printf("%s = %s\n", s->name, *(const bool *)field ? "yes" : "no");
}

/* Nothing that a terminal acts upon, and no comment: only a line that goes on has one in it. */
static bool is_plain(const char *text)
{
	return !text_fault(text, strlen(text)) && text[0] != ';' && !strstr(text, " ;");
}

static int parse_path(struct loader *l, const struct setting *s, const char *where, const char *text)
{
	size_t len = strlen(text);
	if (len == 0 || len >= CONFIG_PATH_MAX - 16 || !is_plain(text))
		return fail(l, where, "must be a path that contains no blank followed by ';'", text);
	snprintf((char *)l->config + s->offset, CONFIG_PATH_MAX, "%s", text);
	return 0;
}

static void print_path(const struct setting *s, const void *field)
{
	if (((const char *)field)[0])
		printf("%s = %s\n", s->name, (const char *)field);
}

static int parse_address(struct loader *l, const struct setting *s, const char *where, const char *text)
{
	const char *why;
	struct config_addresses *all = (struct config_addresses *)((char *)l->config + s->offset);
	if (l->overrides)
		all->n = 0;
	if (all->n == CONFIG_ADDRESSES_MAX)
		return fail(l, where, "may be given at most 16 times", text);
	if (!is_plain(text))
		return fail(l, where, "must be an address in plain text, without a comment", text);
	struct address *a = &all->each[all->n];
	if (address_parse_listener(text, a, &why))
		return fail(l, where, why, text);
	if (a->is_tls)
		return fail(l, where,
			    "must begin with tcp:, unix:, http: or http+unix:; with tls_cert, tcp: and http: use TLS",
			    text);
	all->n++;
	return 0;
}

static void print_addresses(const struct setting *s, const void *field)
{
	const struct config_addresses *all = field;
	for (size_t i = 0; i < all->n; i++) {
		char text[ADDRESS_TEXT_MAX];
		address_format(&all->each[i], text, sizeof text);
		printf("%s = %s\n", s->name, text);
	}
}

/* ---- the table ---- */

static const char *const sync_words[] = {[DB_FULL] = "full", [DB_NORMAL] = "normal", NULL};
static_assert(sizeof sync_words / sizeof *sync_words == DB_NORMAL + 2, "each way to sync has a word");

static const struct setting_type LISTEN = {.parse = parse_address, .print = print_addresses};
static const struct setting_type PATH = {.parse = parse_path, .print = print_path};
static const struct setting_type SYNC = {.parse = parse_word, .print = print_word, .words = sync_words};
static const struct setting_type LEVEL = {.parse = parse_word, .print = print_word, .words = log_level_words};
static const struct setting_type FORMAT = {.parse = parse_word, .print = print_word, .words = log_format_words};
static const struct setting_type YESNO = {.parse = parse_yesno, .print = print_yesno};
static const struct setting_type NUMBER = {.parse = parse_number, .print = print_number, .unit = 1};
static const struct setting_type BYTES = {
	.parse = parse_number, .print = print_number, .unit = 1, .takes_suffix = true};
static const struct setting_type SECONDS = {.parse = parse_number, .print = print_number, .unit = 1000};

static const struct setting settings[SETTINGS] = {
#define SETTING(type, field, name, value, fallback, min, max, help) \
	{name, value, help, fallback, min, max, offsetof(struct config, field), &type},
#include "daemon/settings.def"
#undef SETTING
};

static int set(struct loader *l, size_t index, const char *where, const char *text)
{
	const struct setting *s = &settings[index];
	if (l->set_by[index] > l->source)
		return 0;
	l->overrides = l->set_by[index] < l->source;
	l->set_by[index] = l->source;
	return s->type->parse(l, s, where, text);
}

/* ---- sources ---- */

static size_t find(const char *name)
{
	size_t i = 0;
	while (i < SETTINGS && strcmp(settings[i].name, name) != 0)
		i++;
	return i;
}

static void refuse_name(struct loader *l, const char *name)
{
	char hint[128];
	struct similar s = {.word = name};
	for (size_t i = 0; i < SETTINGS; i++)
		similar_try(&s, settings[i].name);
	fail(l, "setting", "must be one of those in --help", name);
	size_t len = strlen(l->error);
	snprintf(l->error + len, l->size - len, "%s", similar_hint(&s, "", hint, sizeof hint));
}

static int on_ini(void *arg, const char *section, const char *name, const char *value)
{
	struct loader *l = arg;
	if (l->error[0])
		return 0;
	if (section[0] && strcmp(section, "candord") != 0) {
		fail(l, "section", "must be [candord]", section);
		return 0;
	}
	size_t i = find(name);
	if (i == SETTINGS) {
		refuse_name(l, name);
		return 0;
	}
	return set(l, i, name, value) == 0;
}

static int read_file(struct loader *l, const char *path)
{
	l->source = BY_FILE;
	int line = ini_parse(path, on_ini, l);
	if (line == 0)
		return 0;
	char why[512];
	snprintf(why, sizeof why, "%s", l->error);
	if (line < 0)
		snprintf(l->error, l->size, "%s: %s", path, line == -1 ? strerror(errno) : "out of memory");
	else if (why[0])
		snprintf(l->error, l->size, "%s: %s", path, why);
	else
		snprintf(l->error, l->size, "%s: line %d: must be NAME = VALUE, [candord] or a ; comment", path, line);
	return -1;
}

static int read_environment(struct loader *l)
{
	l->source = BY_ENVIRONMENT;
	for (size_t i = 0; i < SETTINGS; i++) {
		char name[64] = "CANDORD_";
		size_t len = strlen(name);
		for (const char *p = settings[i].name; *p; p++)
			name[len++] = *p == '_' ? '_' : (char)(*p - 'a' + 'A');
		name[len] = 0;
		const char *value = getenv(name);
		if (value && set(l, i, name, value))
			return -1;
	}
	return 0;
}

/* Options that are no settings: what to do, and how. */
enum option_kind {
	OPTION_COMMAND, /* without a value */
	OPTION_FILE_COMMAND, /* its value is config.file */
	OPTION_FLAG,
	OPTION_TEXT,
	OPTION_DATE,
	OPTION_ARCHIVE, /* adds to config.archives */
	OPTION_CONFIG,
};

struct doing {
	const char *name;
	enum option_kind kind;
	enum config_command command; /* of the first two kinds */
	size_t offset; /* of the next three */
};

static const struct doing doings[] = {
	{"config", OPTION_CONFIG, .offset = 0},
	{"check-config", OPTION_COMMAND, .command = CONFIG_CHECK},
	{"verify", OPTION_COMMAND, .command = CONFIG_VERIFY},
	{"deep", OPTION_FLAG, .offset = offsetof(struct config, deep)},
	{"head", OPTION_TEXT, .offset = offsetof(struct config, head)},
	{"backup", OPTION_FILE_COMMAND, .command = CONFIG_BACKUP},
	{"restore", OPTION_FILE_COMMAND, .command = CONFIG_RESTORE},
	{"make-archive", OPTION_FILE_COMMAND, .command = CONFIG_ARCHIVE},
	{"upgrade", OPTION_COMMAND, .command = CONFIG_UPGRADE},
	{"archive", OPTION_ARCHIVE, .offset = 0},
	{"pool", OPTION_TEXT, .offset = offsetof(struct config, pool)},
	{"before", OPTION_DATE, .offset = offsetof(struct config, before_ms)},
	{"dry-run", OPTION_FLAG, .offset = offsetof(struct config, dry_run)},
	{"progress", OPTION_FLAG, .offset = offsetof(struct config, progress)},
	{"help", OPTION_COMMAND, .command = CONFIG_HELP},
	{"version", OPTION_COMMAND, .command = CONFIG_VERSION},
};
enum { DOINGS = sizeof doings / sizeof *doings, FIRST_OPTION = 256 /* above all characters */ };

static bool takes_value(enum option_kind kind)
{
	return kind != OPTION_COMMAND && kind != OPTION_FLAG;
}

static int add_archive(struct loader *l)
{
	struct config *c = l->config;
	if (c->n_archives == CONFIG_ARCHIVES_MAX)
		return fail(l, "--archive", "may be given at most 256 times", optarg);
	c->archives[c->n_archives++] = optarg;
	return 0;
}

static int take(struct loader *l, const struct doing *o, bool first, const char **file, enum config_command *command)
{
	void *field = (char *)l->config + o->offset;
	switch (o->kind) {
	case OPTION_FILE_COMMAND: l->config->file = optarg; /* fall through */
	case OPTION_COMMAND: *command = o->command; return 0;
	case OPTION_FLAG: *(bool *)field = true; return 0;
	case OPTION_TEXT: *(const char **)field = optarg; return 0;
	case OPTION_CONFIG: *file = optarg; return 0;
	case OPTION_ARCHIVE: return first ? 0 : add_archive(l);
	case OPTION_DATE: break;
	}
	if (!text_date(optarg, field))
		return fail(l, "--before", "must be a date like 2026-01-31 or 2026-01-31T12:00:00Z, in UTC", optarg);
	return 0;
}

/* Twice over: first for --config, whose file is weaker than the flags around it. */
static int read_flags(struct loader *l, int argc, char **argv, bool first, const char **file,
		      enum config_command *command)
{
	struct option options[SETTINGS + DOINGS + 1] = {0};
	char names[SETTINGS][32]; /* with the two dashes before them */
	for (int i = 0; i < SETTINGS; i++) {
		snprintf(names[i], sizeof names[i], "--%s", settings[i].name);
		for (char *p = names[i]; *p; p++)
			*p = *p == '_' ? '-' : *p;
		options[i] = (struct option){names[i] + 2, required_argument, NULL, FIRST_OPTION + i};
	}
	for (int i = 0; i < DOINGS; i++)
		options[SETTINGS + i] =
			(struct option){doings[i].name, takes_value(doings[i].kind) ? required_argument : no_argument,
					NULL, FIRST_OPTION + SETTINGS + i};

	l->source = BY_FLAG;
	optind = 0; /* getopt starts anew */
	for (int opt; (opt = options_next(argc, argv, false, options, l->error, l->size)) != -1;) {
		if (opt == '?') {
			size_t len = strlen(l->error);
			snprintf(l->error + len, l->size - len, "%s",
				 l->error[len - 1] == '?' ? " See candord --help." : "; see candord --help");
			return -1;
		}
		int i = opt - FIRST_OPTION;
		if (i >= SETTINGS) {
			if (take(l, &doings[i - SETTINGS], first, file, command))
				return -1;
		} else if (!first && set(l, (size_t)i, names[i], optarg)) {
			return -1;
		}
	}
	if (optind < argc) {
		snprintf(l->error, l->size, "unexpected argument '%s'; see candord --help", argv[optind]);
		return -1;
	}
	return 0;
}

static int take_passed(struct loader *l)
{
	struct config *c = l->config;
	int n = manager_sockets(c->passed);
	c->n_passed = n > 0 ? (size_t)n : 0;
	if (n == -E2BIG)
		snprintf(l->error, l->size, "more than %d sockets were passed by the service manager",
			 MANAGER_SOCKETS_MAX);
	else if (n < 0)
		snprintf(l->error, l->size, "LISTEN_FDS does not say how many sockets were passed: %s",
			 candor_strerror(n));
	return n < 0 ? -1 : 0;
}

/* A socket and a database of the user's own, where none is given, nor passed by a service manager. */
static int use_own(struct loader *l, char *own_dir)
{
	struct config *c = l->config;
	bool listens = c->listen.n > 0 || c->n_passed > 0;
	if (listens && c->db[0])
		return 0;
	char dir[CONFIG_PATH_MAX - 16];
	int err = address_state_dir(getenv("XDG_STATE_HOME"), getenv("HOME"), dir, sizeof dir);
	if (err) {
		snprintf(l->error, l->size,
			 err == -ENAMETOOLONG ? "the path that XDG_STATE_HOME or HOME makes is too long; give --listen "
						"and --db"
					      : "neither XDG_STATE_HOME nor HOME is an absolute path; give --listen "
						"and --db");
		return -1;
	}
	if (!listens && address_default(dir, &c->listen.each[c->listen.n++])) {
		snprintf(l->error, l->size, "the path of the socket in %s would be too long; give --listen", dir);
		return -1;
	}
	if (!c->db[0])
		snprintf(c->db, sizeof c->db, "%s/candor.db", dir);
	snprintf(own_dir, CONFIG_PATH_MAX, "%s", dir);
	return 0;
}

/* The option of a command that works on a database file; NULL: it does not. */
static const char *works_on_a_file(enum config_command command)
{
	switch (command) {
	case CONFIG_VERIFY: return "--verify";
	case CONFIG_BACKUP: return "--backup";
	case CONFIG_RESTORE: return "--restore";
	case CONFIG_ARCHIVE: return "--make-archive";
	case CONFIG_UPGRADE: return "--upgrade";
	case CONFIG_SERVE:
	case CONFIG_CHECK:
	case CONFIG_HELP:
	case CONFIG_VERSION: break;
	}
	return NULL;
}

/* No peer may use more than the daemon as a whole has. */
static void fit_memory(struct loader *l)
{
	struct memory_shares shares;
	memory_share(l->config->memory_limit, &shares);
	const struct {
		const char *name;
		uint64_t most;
	} bounds[] = {
		{"max_frame_bytes", shares.frame},
		{"max_unpacked_bytes", shares.request},
		{"max_unsent_bytes", shares.unsent},
		{"batch_bytes", shares.batch},
	};
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		size_t index = find(bounds[i].name), len = strlen(l->config->lowered);
		char *at = (char *)l->config + settings[index].offset;
		uint64_t n;
		memcpy(&n, at, sizeof n);
		if (n <= bounds[i].most)
			continue;
		memcpy(at, &bounds[i].most, sizeof n);
		if (l->set_by[index] > BY_DEFAULT)
			snprintf(l->config->lowered + len, sizeof l->config->lowered - len, "%s%s", len ? ", " : "",
				 bounds[i].name);
	}
}

static int check_tls(const struct loader *l)
{
	const struct config *c = l->config;
	if (!c->tls_cert[0] != !c->tls_key[0])
		snprintf(l->error, l->size, "tls_cert and tls_key require each other; %s is missing",
			 c->tls_cert[0] ? "tls_key" : "tls_cert");
	else if (c->tls_ca[0] && !c->tls_cert[0])
		snprintf(l->error, l->size, "tls_ca requires tls_cert and tls_key");
	else if (c->tls_crl[0] && !c->tls_ca[0])
		snprintf(l->error, l->size, "tls_crl requires tls_ca");
	else
		return 0;
	return -1;
}

static int check_command(const struct loader *l, enum config_command command)
{
	const struct config *c = l->config;
	const char *what = works_on_a_file(command);
	if (what && !c->db[0])
		snprintf(l->error, l->size, "%s needs --db FILE", what);
	else if (c->deep && command != CONFIG_VERIFY)
		snprintf(l->error, l->size, "--deep requires --verify");
	else if (c->n_archives > 0 && command != CONFIG_VERIFY && command != CONFIG_UPGRADE &&
		 command != CONFIG_RESTORE)
		snprintf(l->error, l->size, "--archive requires --verify, --upgrade or --restore");
	else if (c->progress && (!what || command == CONFIG_VERIFY || command == CONFIG_UPGRADE))
		snprintf(l->error, l->size, "--progress requires --backup, --restore or --make-archive");
	else if ((c->pool || c->before_ms || c->dry_run) && command != CONFIG_ARCHIVE)
		snprintf(l->error, l->size, "--pool, --before and --dry-run require --make-archive");
	else if (command == CONFIG_ARCHIVE && (!c->pool || !c->before_ms))
		snprintf(l->error, l->size, "--make-archive needs --pool NAME and --before DATE");
	else if (c->head && command != CONFIG_VERIFY)
		snprintf(l->error, l->size, "--head requires --verify");
	else if (c->file && (!c->file[0] || strlen(c->file) >= CONFIG_PATH_MAX - 16))
		snprintf(l->error, l->size, "%s: must be a path, not '%.200s'", what, c->file);
	else
		return 0;
	return -1;
}

int config_load(struct config *c, int argc, char **argv, enum config_command *command, char *own_dir, char *error,
		size_t size)
{
	struct loader l = {.config = c, .error = error, .size = size};
	*c = (struct config){0};
	*command = CONFIG_SERVE;
	error[0] = own_dir[0] = 0;
	const char *file = getenv("CANDORD_CONFIG");
	l.source = BY_DEFAULT;
	for (size_t i = 0; i < SETTINGS; i++)
		if (settings[i].fallback)
			require(set(&l, i, settings[i].name, settings[i].fallback) == 0);
	if (read_flags(&l, argc, argv, true, &file, command))
		return -1;
	if (*command == CONFIG_HELP || *command == CONFIG_VERSION)
		return 0;
	if (take_passed(&l))
		return -1;
	if ((file && read_file(&l, file)) || read_environment(&l) || read_flags(&l, argc, argv, false, &file, command))
		return -1;
	fit_memory(&l);
	return check_command(&l, *command) || check_tls(&l) ? -1 : works_on_a_file(*command) ? 0 : use_own(&l, own_dir);
}

bool config_is_below(const char *path, const char *dir)
{
	size_t len = dir ? strlen(dir) : 0;
	return len > 0 && strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* ---- for people ---- */

/* As K, M or G where nothing is lost by that. */
static void print_limit(uint64_t n, bool bytes)
{
	static const char units[] = "\0KMG";
	int unit = 0;
	while (bytes && n > 0 && n % KIB == 0 && units[unit + 1]) {
		n /= KIB;
		unit++;
	}
	printf("%llu%.1s", (unsigned long long)n, &units[unit]);
}

static void print_setting_help(const struct setting *s)
{
	char flag[64];
	snprintf(flag, sizeof flag, "--%s %s", s->name, s->value);
	for (char *p = flag; *p && *p != ' '; p++)
		*p = *p == '_' ? '-' : *p;
	printf("  %s\n      %s", flag, s->help);
	if (s->max > 0) {
		printf(" (");
		print_limit(s->min, s->type->takes_suffix);
		printf(" to ");
		print_limit(s->max, s->type->takes_suffix);
		printf(")");
	}
	printf(s->fallback ? " [%s]\n" : "\n", s->fallback);
}

void config_print_help(void)
{
	fputs("Usage: candord [OPTION]...\n"
	      "\n"
	      "Takes labelers' preference reports, aggregates them with weights learned from outcomes,\n"
	      "and stores every report and settlement in a database.\n"
	      "\n"
	      "Without options, candord listens on a Unix socket and stores its database in\n"
	      "$XDG_STATE_HOME/candor or ~/.local/state/candor. SIGTERM and SIGINT stop it cleanly.\n"
	      "\n"
	      "Commands, instead of serving:\n"
	      "  --check-config\n"
	      "      print the settings that would be used, or what would keep candord from\n"
	      "      starting with them: addresses, certificates, directories, the database;\n"
	      "      changes nothing, and may run beside a candord that uses them\n"
	      "  --verify --db FILE [--deep] [--head POOL:ROUND:HASH] [--archive FILE]...\n"
	      "      replay the history and compare every weight and account with the state;\n"
	      "      --deep also checks every page, index and reference of the file;\n"
	      "      --head also checks that nothing up to that settlement has changed since\n"
	      "      `candor pool show` printed it; --archive also replays an archive\n"
	      "  --backup COPY --db FILE [--progress]\n"
	      "      copy a snapshot of the database, which may be in use, to a new file COPY;\n"
	      "      `candor backup COPY` does this for a running candord\n"
	      "  --restore COPY --db FILE [--archive FILE]... [--progress]\n"
	      "      copy COPY to a new database FILE, upgrade it if it is of an older candord,\n"
	      "      and check it like --verify --deep\n"
	      "  --upgrade --db FILE [--archive FILE]...\n"
	      "      upgrade a database of an older candord, as a start does as well; needed\n"
	      "      where rounds were archived: with --archive for each of their files\n"
	      "  --make-archive FILE --db FILE --pool NAME --before DATE [--dry-run] [--progress]\n"
	      "      write the items of a pool that were resolved before DATE (2026-01-31, UTC)\n"
	      "      to a new archive, and remove nothing; `candor prune` does this for a running\n"
	      "      candord, which then removes them; --dry-run only prints what would be\n"
	      "      archived\n"
	      "  --help, --version\n"
	      "\n"
	      "--progress reports progress on standard output, for programs.\n"
	      "\n"
	      "Settings. --max-in-flight N is `max_in_flight = N` in a file and CANDORD_MAX_IN_FLIGHT=N\n"
	      "in the environment. Options override the environment, which overrides the file.\n"
	      "BYTES may end in K, M or G. Ranges are in parentheses, defaults in brackets.\n"
	      "  --config FILE\n"
	      "      read settings from FILE (in the environment: CANDORD_CONFIG)\n",
	      stdout);
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		print_setting_help(s);
	printf("\n"
	       "Exit status: 0 success; 1 the database or a copy failed, or a check found something; 2 usage error.\n");
}

void config_print(const struct config *c)
{
	printf("[candord]\n");
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		s->type->print(s, (const char *)c + s->offset);
}
