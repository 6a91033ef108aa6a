#include "daemon/config.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"
#include "lib/base/text.h"

/* Where a setting was said, the later the stronger. */
enum source { BY_DEFAULT, BY_FILE, BY_ENVIRONMENT, BY_FLAG };

struct setting {
	const char *name; /* in the file; "--a-b" for a_b as a flag, "CANDORD_A_B" in the environment */
	const char *value, *help;
	const char *fallback;
	uint64_t min, max; /* of numbers */
	size_t offset;
	enum { LISTEN, PATH, SYNC, LEVEL, YESNO, NUMBER, BYTES, SECONDS } kind;
};

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define AT(field) offsetof(struct config, field)

static const struct setting settings[] = {
	{"listen", "ADDRESS", "tcp:HOST:PORT or unix:PATH; may be given several times", NULL, 0, 0, AT(listen), LISTEN},
	{"db", "FILE", "the database; made if it is not there", NULL, 0, 0, AT(db), PATH},
	{"sync", "full|normal", "normal: faster, but a power failure can take back the last moments", "full", 0, 0,
	 AT(sync), SYNC},
	{"memory_limit", "BYTES", "memory of the whole daemon; lowers the settings below that do not fit", "1G",
	 64 * MIB, 1024 * GIB, AT(memory_limit), BYTES},
	{"max_connections", "N", "connections at a time", "10000", 1, 1000000, AT(max_connections), NUMBER},
	{"max_frame_bytes", "BYTES", "the longest message", "4M", KIB, GIB, AT(max_frame_bytes), BYTES},
	{"max_unpacked_bytes", "BYTES", "memory that one request may take", "64M", 64 * KIB, 16 * GIB,
	 AT(max_unpacked_bytes), BYTES},
	{"max_in_flight", "N", "unanswered requests above which a connection is read no further", "1024", 1, 1000000,
	 AT(max_in_flight), NUMBER},
	{"max_unsent_bytes", "BYTES", "answers not taken, above which a connection is read no further", "8M", KIB, GIB,
	 AT(max_unsent_bytes), BYTES},
	{"idle_timeout", "SECONDS", "closes a connection that does nothing for so long; 0: never", "3600", 0, 31536000,
	 AT(idle_ms), SECONDS},
	{"frame_timeout", "SECONDS", "for the rest of a message, and for answers to be taken; 0: no limit", "30", 0,
	 86400, AT(frame_ms), SECONDS},
	{"batch_bytes", "BYTES", "changes that wait for the disk, above which nothing more is read", "32M", MIB,
	 16 * GIB, AT(batch_bytes), BYTES},
	{"resident_items", "N", "closed items kept in memory for quick answers", "16384", 0, 100000000,
	 AT(resident_items), NUMBER},
	{"resident_reports", "N", "and their reports", "2000000", 0, 1000000000, AT(resident_reports), NUMBER},
	{"backup_rate", "BYTES", "that a backup or restore copies in a second at the most; 0: no limit", "64M", 0,
	 16 * GIB, AT(backup_rate), BYTES},
	{"limit_requests", "N", "requests that one principal may send a second; 0: no limit", "0", 0, 1000000000,
	 AT(limit_requests), NUMBER},
	{"limit_reports", "N", "reports that one principal may send a second; 0: no limit", "0", 0, 1000000000,
	 AT(limit_reports), NUMBER},
	{"limit_bytes", "BYTES", "of requests that one principal may send a second; 0: no limit", "0", 0, 1024 * GIB,
	 AT(limit_bytes), BYTES},
	{"limit_open_items", "N", "open items that one principal may have; 0: no limit", "0", 0, 1000000000,
	 AT(limit_open_items), NUMBER},
	{"tls_cert", "FILE", "certificate, and those up to its authority: all TCP listeners then speak TLS; PEM", NULL,
	 0, 0, AT(tls_cert), PATH},
	{"tls_key", "FILE", "its key; PEM without a password. SIGHUP reads these files anew", NULL, 0, 0, AT(tls_key),
	 PATH},
	{"tls_ca", "FILE", "authorities of clients: who shows a certificate of theirs is known by its subject", NULL, 0,
	 0, AT(tls_ca), PATH},
	{"tls_crl", "FILE", "revocation lists of those authorities, one of each", NULL, 0, 0, AT(tls_crl), PATH},
	{"insecure", "yes|no", "yes: TCP listeners that are not loopback may do without TLS", "no", 0, 0, AT(insecure),
	 YESNO},
	{"log_level", "LEVEL", "error, warning, notice or debug", "notice", 0, 0, AT(log_level), LEVEL},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

struct loader {
	struct config *config;
	enum source set_by[SETTINGS];
	enum source source; /* being read */
	char *error;
	size_t size;
};

/* The value is shown where a terminal can bear it, and of a long one its beginning. */
static int fail(struct loader *l, const char *where, const char *what, const char *value)
{
	size_t len = strlen(value), shown = len < 200 ? len : 200;
	const char *fault = text_fault(value, len);
	if (fault) {
		snprintf(l->error, l->size, "%s: %s; what is there %s", where, what, fault);
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

static int set_number(struct loader *l, const struct setting *s, const char *where, const char *text)
{
	uint64_t n;
	char range[160];
	snprintf(range, sizeof range, "must be a whole number from %llu to %llu%s", (unsigned long long)s->min,
		 (unsigned long long)s->max, s->kind == BYTES ? ", with K, M or G behind it or not" : "");
	if (!read_number(text, s->kind == BYTES, &n) || n < s->min || n > s->max)
		return fail(l, where, range, text);
	if (s->kind == SECONDS)
		n *= 1000;
	memcpy((char *)l->config + s->offset, &n, sizeof n);
	return 0;
}

static int set_word(struct loader *l, const struct setting *s, const char *where, const char *text)
{
	static const char *const syncs[] = {[DB_FULL] = "full", [DB_NORMAL] = "normal", NULL};
	static const char *const levels[] = {"error", "warning", "notice", "debug", NULL};
	const char *const *words = s->kind == SYNC ? syncs : levels;
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			memcpy((char *)l->config + s->offset, &i, sizeof i);
			return 0;
		}
	}
	return fail(l, where, s->kind == SYNC ? "must be full or normal" : "must be error, warning, notice or debug",
		    text);
}

static int set_yesno(struct loader *l, const struct setting *s, const char *where, const char *text)
{
	bool yes = strcmp(text, "yes") == 0;
	if (!yes && strcmp(text, "no") != 0)
		return fail(l, where, "must be yes or no", text);
	memcpy((char *)l->config + s->offset, &yes, sizeof yes);
	return 0;
}

/* Nothing that a terminal acts upon, and no comment: only a line that goes on has one in it. */
static bool is_plain(const char *text)
{
	return !text_fault(text, strlen(text)) && text[0] != ';' && !strstr(text, " ;");
}

static int set_path(struct loader *l, const struct setting *s, const char *where, const char *text)
{
	size_t len = strlen(text);
	if (len == 0 || len >= CONFIG_PATH_MAX - 16 || !is_plain(text))
		return fail(l, where, "must be a path, and a blank in it must not stand before a ';'", text);
	snprintf((char *)l->config + s->offset, CONFIG_PATH_MAX, "%s", text);
	return 0;
}

static int add_listen(struct loader *l, const char *where, const char *text)
{
	const char *why;
	struct config *c = l->config;
	if (c->n_listen == CONFIG_LISTEN_MAX)
		return fail(l, where, "may be given 16 times at the most", text);
	if (!is_plain(text))
		return fail(l, where, "must be an address in plain text, and without a comment", text);
	if (address_parse(text, &c->listen[c->n_listen], &why))
		return fail(l, where, why, text);
	if (c->listen[c->n_listen].is_tls)
		return fail(l, where, "must be tcp: or unix:; all tcp: listeners speak TLS where tls_cert is set",
			    text);
	c->n_listen++;
	return 0;
}

static int set(struct loader *l, size_t index, const char *where, const char *text)
{
	const struct setting *s = &settings[index];
	if (l->set_by[index] > l->source)
		return 0;
	/* Several addresses of one source add up; a stronger source replaces those of a weaker one. */
	if (s->kind == LISTEN && l->set_by[index] < l->source)
		l->config->n_listen = 0;
	l->set_by[index] = l->source;
	switch (s->kind) {
	case LISTEN: return add_listen(l, where, text);
	case SYNC:
	case LEVEL: return set_word(l, s, where, text);
	case NUMBER:
	case BYTES:
	case SECONDS: return set_number(l, s, where, text);
	case YESNO: return set_yesno(l, s, where, text);
	case PATH: break;
	}
	return set_path(l, s, where, text);
}

/* ---- sources ---- */

static size_t find(const char *name)
{
	size_t i = 0;
	while (i < SETTINGS && strcmp(settings[i].name, name) != 0)
		i++;
	return i;
}

static int on_ini(void *arg, const char *section, const char *name, const char *value)
{
	struct loader *l = arg;
	if (l->error[0])
		return 0;
	if (section[0] && strcmp(section, "candord") != 0) {
		fail(l, "section", "there is only [candord]", section);
		return 0;
	}
	size_t i = find(name);
	if (i == SETTINGS) {
		fail(l, "setting", "must be one that --help lists", name);
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
		snprintf(l->error, l->size, "%s: line %d: must be NAME = VALUE, a [section] or a ; comment", path,
			 line);
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

enum {
	OPT_CONFIG = SETTINGS,
	OPT_CHECK,
	OPT_VERIFY,
	OPT_DEEP,
	OPT_HEAD,
	OPT_BACKUP,
	OPT_RESTORE,
	OPT_MAKE_ARCHIVE,
	OPT_ARCHIVE,
	OPT_POOL,
	OPT_BEFORE,
	OPT_DRY_RUN,
	OPT_PROGRESS,
	OPT_HELP,
	OPT_VERSION,
	OPTIONS
};

/* Options that are no settings: what to do, and how. */
static const struct {
	const char *name;
	int takes;
	enum config_command command; /* CONFIG_SERVE: none */
} doing[OPTIONS] = {
	[OPT_CONFIG] = {"config", required_argument, CONFIG_SERVE},
	[OPT_CHECK] = {"check-config", no_argument, CONFIG_CHECK},
	[OPT_VERIFY] = {"verify", no_argument, CONFIG_VERIFY},
	[OPT_DEEP] = {"deep", no_argument, CONFIG_SERVE},
	[OPT_HEAD] = {"head", required_argument, CONFIG_SERVE},
	[OPT_BACKUP] = {"backup", required_argument, CONFIG_BACKUP},
	[OPT_RESTORE] = {"restore", required_argument, CONFIG_RESTORE},
	[OPT_MAKE_ARCHIVE] = {"make-archive", required_argument, CONFIG_ARCHIVE},
	[OPT_ARCHIVE] = {"archive", required_argument, CONFIG_SERVE},
	[OPT_POOL] = {"pool", required_argument, CONFIG_SERVE},
	[OPT_BEFORE] = {"before", required_argument, CONFIG_SERVE},
	[OPT_DRY_RUN] = {"dry-run", no_argument, CONFIG_SERVE},
	[OPT_PROGRESS] = {"progress", no_argument, CONFIG_SERVE},
	[OPT_HELP] = {"help", no_argument, CONFIG_HELP},
	[OPT_VERSION] = {"version", no_argument, CONFIG_VERSION},
};

static int add_archive(struct loader *l, bool first)
{
	struct config *c = l->config;
	if (first)
		return 0;
	if (c->n_archives == CONFIG_ARCHIVES_MAX)
		return fail(l, "--archive", "may be given 256 times at the most", optarg);
	c->archives[c->n_archives++] = optarg;
	return 0;
}

static int take(struct loader *l, int opt, bool first, const char **file, enum config_command *command)
{
	struct config *c = l->config;
	if (doing[opt].command != CONFIG_SERVE)
		*command = doing[opt].command;
	switch (opt) {
	case OPT_CONFIG: *file = optarg; break;
	case OPT_DEEP: c->deep = true; break;
	case OPT_HEAD: c->head = optarg; break;
	case OPT_PROGRESS: c->progress = true; break;
	case OPT_DRY_RUN: c->dry_run = true; break;
	case OPT_ARCHIVE: return add_archive(l, first);
	case OPT_POOL: c->pool = optarg; break;
	case OPT_BEFORE:
		if (!text_date(optarg, &c->before_ms))
			return fail(l, "--before", "must be a date as 2026-01-31 or 2026-01-31T12:00:00Z, in UTC",
				    optarg);
		break;
	default:
		if (doing[opt].takes == required_argument)
			c->file = optarg;
	}
	return 0;
}

/* Twice over: first for --config, whose file is weaker than the flags around it. */
static int read_flags(struct loader *l, int argc, char **argv, bool first, const char **file,
		      enum config_command *command)
{
	struct option options[OPTIONS + 1] = {0};
	char names[SETTINGS][32];
	for (size_t i = 0; i < SETTINGS; i++) {
		snprintf(names[i], sizeof names[i], "%s", settings[i].name);
		for (char *p = names[i]; *p; p++)
			*p = *p == '_' ? '-' : *p;
		options[i] = (struct option){names[i], required_argument, NULL, (int)i};
	}
	for (int i = OPT_CONFIG; i < OPTIONS; i++)
		options[i] = (struct option){doing[i].name, doing[i].takes, NULL, i};

	l->source = BY_FLAG;
	optind = 0; /* getopt starts anew */
	opterr = 0;
	for (int opt; (opt = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		if (opt == '?' || opt == ':') {
			snprintf(l->error, l->size,
				 opt == ':' ? "%s needs a value; see candord --help"
					    : "there is no option %s; see candord --help",
				 argv[optind - 1]);
			return -1;
		}
		if (opt >= SETTINGS) {
			if (take(l, opt, first, file, command))
				return -1;
		} else if (!first && set(l, (size_t)opt, names[opt], optarg)) {
			return -1;
		}
	}
	if (optind < argc) {
		snprintf(l->error, l->size, "'%s' is not expected: candord takes only options; see candord --help",
			 argv[optind]);
		return -1;
	}
	return 0;
}

/* A socket and a database of the user's own, where none was named. */
static int use_own(struct loader *l, char *own_dir)
{
	struct config *c = l->config;
	if (c->n_listen > 0 && c->db[0])
		return 0;
	char dir[CONFIG_PATH_MAX - 16];
	if (address_state_dir(getenv("XDG_STATE_HOME"), getenv("HOME"), dir, sizeof dir)) {
		snprintf(l->error, l->size,
			 "neither XDG_STATE_HOME nor HOME says where to keep things; give --listen and --db");
		return -1;
	}
	if (c->n_listen == 0 && address_default(dir, &c->listen[c->n_listen++])) {
		snprintf(l->error, l->size, "%s is too long for a socket's path; give --listen", dir);
		return -1;
	}
	if (!c->db[0])
		snprintf(c->db, sizeof c->db, "%s/candor.db", dir);
	snprintf(own_dir, CONFIG_PATH_MAX, "%s", dir);
	return 0;
}

/* What works on a file, and its option. */
static const char *works_on_a_file(enum config_command command)
{
	switch (command) {
	case CONFIG_VERIFY: return "--verify";
	case CONFIG_BACKUP: return "--backup";
	case CONFIG_RESTORE: return "--restore";
	case CONFIG_ARCHIVE: return "--make-archive";
	case CONFIG_SERVE:
	case CONFIG_CHECK:
	case CONFIG_HELP:
	case CONFIG_VERSION: return NULL;
	}
	return NULL;
}

/* Nothing may be allowed to one peer that the daemon as a whole does not have. */
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
		snprintf(l->error, l->size, "tls_cert and tls_key belong together; %s is missing",
			 c->tls_cert[0] ? "tls_key" : "tls_cert");
	else if (c->tls_ca[0] && !c->tls_cert[0])
		snprintf(l->error, l->size, "tls_ca is of use only with tls_cert and tls_key");
	else if (c->tls_crl[0] && !c->tls_ca[0])
		snprintf(l->error, l->size, "tls_crl is of use only with tls_ca");
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
		snprintf(l->error, l->size, "--deep is for --verify alone");
	else if (c->n_archives > 0 && command != CONFIG_VERIFY)
		snprintf(l->error, l->size, "--archive is for --verify alone");
	else if (c->progress && (!what || command == CONFIG_VERIFY))
		snprintf(l->error, l->size, "--progress is for --backup, --restore and --make-archive alone");
	else if ((c->pool || c->before_ms || c->dry_run) && command != CONFIG_ARCHIVE)
		snprintf(l->error, l->size, "--pool, --before and --dry-run are for --make-archive alone");
	else if (command == CONFIG_ARCHIVE && (!c->pool || !c->before_ms))
		snprintf(l->error, l->size, "--make-archive needs --pool NAME and --before DATE");
	else if (c->head && command != CONFIG_VERIFY)
		snprintf(l->error, l->size, "--head is for --verify alone");
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
	if ((file && read_file(&l, file)) || read_environment(&l) || read_flags(&l, argc, argv, false, &file, command))
		return -1;
	fit_memory(&l);
	return check_command(&l, *command) || check_tls(&l) ? -1 : works_on_a_file(*command) ? 0 : use_own(&l, own_dir);
}

/* ---- for people ---- */

void config_print_help(void)
{
	printf("Usage: candord [OPTION]...\n"
	       "\n"
	       "Takes labelers' preference reports, aggregates them with weights that it learns from\n"
	       "outcomes, and keeps every report and settlement in a database.\n"
	       "\n"
	       "Without options it listens on a Unix socket and keeps a database in\n"
	       "$XDG_STATE_HOME/candor or ~/.local/state/candor. SIGTERM and SIGINT end it cleanly.\n"
	       "\n"
	       "What to do instead of serving:\n"
	       "  --check-config\n"
	       "      print the settings that would be used, or say what is wrong with them\n"
	       "  --verify --db FILE\n"
	       "      replay the history and compare every weight and account with the state;\n"
	       "      with --deep also check every page, index and reference of the file; with\n"
	       "      --head POOL:ROUND:HASH, as `candor pool show` printed it then, also that\n"
	       "      nothing up to that settlement was changed since\n"
	       "  --backup COPY --db FILE\n"
	       "      copy one moment of the database, which may be in use, to COPY, which must\n"
	       "      not exist; `candor backup COPY` does so for a running candord\n"
	       "  --restore COPY --db FILE\n"
	       "      check COPY as --verify --deep does and make it the database FILE, which must\n"
	       "      not exist\n"
	       "  --make-archive FILE --db FILE --pool NAME --before DATE [--dry-run]\n"
	       "      write the items of a pool that were resolved before DATE (as 2026-01-31, in\n"
	       "      UTC) to an archive, which must not exist, and remove nothing; `candor prune`\n"
	       "      does so for a running candord, which then removes them. With --dry-run only\n"
	       "      say what would go\n"
	       "  --archive FILE\n"
	       "      with --verify: replay this archive as well; may be given several times\n"
	       "  --progress\n"
	       "      with --backup, --restore and --make-archive: say on standard output how far\n"
	       "      it is, for programs\n"
	       "  --help, --version\n"
	       "\n"
	       "Settings, as options; in a file, --max-in-flight is 'max_in_flight = N'; in the environment,\n"
	       "CANDORD_MAX_IN_FLIGHT. Options win over the environment, that over the file.\n"
	       "  --config FILE\n"
	       "      the file (CANDORD_CONFIG in the environment)\n");
	for (size_t i = 0; i < SETTINGS; i++) {
		char flag[64];
		snprintf(flag, sizeof flag, "--%s %s", settings[i].name, settings[i].value);
		for (char *p = flag; *p && *p != ' '; p++)
			*p = *p == '_' ? '-' : *p;
		printf("  %s\n      %s", flag, settings[i].help);
		printf(settings[i].fallback ? " [%s]\n" : "\n", settings[i].fallback);
	}
	printf("\n"
	       "Exit status: 0 done; 1 the database or a copy failed, or a check found something; 2 wrong usage.\n");
}

void config_print(const struct config *c)
{
	static const char *const levels[] = {"error", "warning", "notice", "debug"};
	printf("[candord]\n");
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];
		uint64_t n = 0;
		char text[ADDRESS_TEXT_MAX];
		switch (s->kind) {
		case LISTEN:
			for (size_t k = 0; k < c->n_listen; k++) {
				address_format(&c->listen[k], text, sizeof text);
				printf("listen = %s\n", text);
			}
			break;
		case PATH:
			if (((const char *)c + s->offset)[0])
				printf("%s = %s\n", s->name, (const char *)c + s->offset);
			break;
		case YESNO: printf("%s = %s\n", s->name, c->insecure ? "yes" : "no"); break;
		case SYNC: printf("sync = %s\n", c->sync == DB_FULL ? "full" : "normal"); break;
		case LEVEL: printf("log_level = %s\n", levels[c->log_level]); break;
		case NUMBER:
		case BYTES:
		case SECONDS:
			memcpy(&n, (const char *)c + s->offset, sizeof n);
			printf("%s = %llu\n", s->name, (unsigned long long)(s->kind == SECONDS ? n / 1000 : n));
		}
	}
}
