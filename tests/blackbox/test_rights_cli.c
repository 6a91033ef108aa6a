/* Tokens and the audit by the command line, against the real candord. The user who runs this owns the daemon; tokens make
 * other principals of them. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/secure.h"

/* ---- helpers ---- */

struct path {
	char s[512];
};

static struct path path_of(const struct command *c, const char *name)
{
	struct path p;
	snprintf(p.s, sizeof p.s, "%s/%s", c->daemon.dir, name);
	return p;
}

/* The one line that was printed or written, which is a token. */
static void read_secret(const char *text, char secret[64])
{
	size_t len = strcspn(text, "\n");
	assert_int_equal(len, 50);
	assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), len);
	assert_memory_equal(text, "candor_", 7);
	assert_string_equal(text + len, "\n");
	snprintf(secret, 64, "%.*s", (int)len, text);
}

static bool is_in_file(const char *path, const char *secret)
{
	FILE *f = fopen(path, "r");
	struct stat st;
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	char *bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	size_t n = fread(bytes, 1, (size_t)st.st_size, f);
	bool found = memmem(bytes, n, secret, strlen(secret)) != NULL;
	free(bytes);
	fclose(f);
	return found;
}

/* In any file of the daemon's directory but one: its database, the log of that, its own log, what the last command
 * said. How many files were looked at. */
static size_t assert_nowhere(const struct command *c, const char *secret, const char *but)
{
	DIR *dir = opendir(c->daemon.dir);
	size_t n = 0;
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		struct path p = path_of(c, e->d_name);
		struct stat st;
		assert_int_equal(stat(p.s, &st), 0);
		if (!S_ISREG(st.st_mode) || strcmp(e->d_name, but) == 0)
			continue;
		if (is_in_file(p.s, secret))
			print_error("the secret is in %s\n", e->d_name);
		assert_false(is_in_file(p.s, secret));
		n++;
	}
	closedir(dir);
	return n;
}

/* ---- tokens ---- */

static void a_token_gives_the_rights_that_were_granted_to_it(void **state)
{
	struct command *c = *state;
	struct path acme = path_of(c, "acme.token");
	struct stat st;
	char secret[64];
	assert_candor(c, 0, "pool", "create", "birds");
	assert_candor(c, 0, "token", "new", "acme", "report", "--pool", "birds", "--labelers", "acme/", "--out",
		      acme.s);
	assert_string_equal(c->out, "");
	assert_says(
		c->err,
		"token:acme may now report for labelers whose names begin with \"acme/\" in pool \"birds\"; it never "
		"expires\n");
	assert_int_equal(stat(acme.s, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	files_read_text(acme.s, c->out, COMMAND_TEXT_MAX);
	read_secret(c->out, secret);

	assert_candor(c, 0, "--token-file", acme.s, "info");
	assert_says(c->out, "you are      token:acme\n");
	assert_string_equal(c->err, "");
	assert_candor(c, 0, "info");
	assert_null(strstr(c->out, "token:acme"));
	assert_candor(c, 0, "report", "birds", "q", "acme/ann", "0.8", "--token-file", acme.s);
	assert_candor(c, 1, "report", "birds", "q", "bob", "0.8", "--token-file", acme.s);
	assert_says(c->err, "PERMISSION_DENIED");
	assert_candor(c, 3, "resolve", "birds", "q", "1", "--token-file", acme.s);
	assert_says(c->err, "PERMISSION_DENIED: token:acme lacks the right 'outcome' in pool 'birds'");
	assert_candor(c, 3, "token", "list", "--token-file", acme.s);
	assert_candor(c, 3, "grants", "list", "--token-file", acme.s);
	assert_candor(c, 3, "audit", "--token-file", acme.s);
	assert_candor(c, 0, "ping", "--token-file", acme.s);

	/* From the environment; and what an admin's advice says is what helps. */
	setenv("CANDOR_TOKEN_FILE", acme.s, 1);
	assert_candor(c, 3, "query", "birds", "q");
	unsetenv("CANDOR_TOKEN_FILE");
	assert_says(c->err, "candor grants add token:acme read --pool birds\n");
	assert_candor(c, 0, "grants", "add", "token:acme", "read-open", "--pool", "birds");
	setenv("CANDOR_TOKEN_FILE", acme.s, 1);
	assert_candor(c, 0, "query", "birds", "q");
	assert_candor(c, 0, "info", "--json");
	unsetenv("CANDOR_TOKEN_FILE");
	json_t *info = command_document(c);
	assert_text_at(info, "principal", "token:acme");
	json_decref(info);
	assert_nowhere(c, secret, "acme.token");
}

/* The platform's import: it may not make pools, nor close items. */
static void a_platform_imports_the_rows_that_it_has_the_right_to(void **state)
{
	struct command *c = *state;
	struct path acme = path_of(c, "acme.token");
	files_write_text(c->file, "item,labeler,report\nq1,ann,1\nq1,bob,0.5\nq2,ann,0\n");
	assert_candor(c, 0, "pool", "create", "birds");
	assert_candor(c, 0, "token", "new", "acme", "platform", "--pool", "birds", "--out", acme.s);
	assert_candor(c, 0, "import", "birds", c->file, "--keep-open", "--token-file", acme.s);
	assert_says(c->err, "3 reports: 3 new");
	assert_null(strstr(c->err, "created"));
	assert_candor(c, 3, "import", "birds", c->file, "--token-file", acme.s);
	assert_says(c->err, "lacks the right 'outcome'");
	assert_says(c->err, "With --keep-open, items stay open");
	assert_says(c->err, "1 item: 0 newly resolved, 0 newly closed\n2 reports: 0 new, 2 unchanged");
	assert_null(strstr(c->err, "again"));
	assert_candor(c, 3, "import", "fish", c->file, "--keep-open", "--token-file", acme.s);
	assert_says(c->err, "PERMISSION_DENIED");
}

/* The auditor's: it may not report, and whoever may not does nothing else with those items either. */
static void an_auditor_imports_only_outcomes(void **state)
{
	struct command *c = *state;
	struct path audit = path_of(c, "audit.token");
	assert_candor(c, 0, "pool", "create", "birds");
	assert_candor(c, 0, "report", "birds", "q1", "ann", "1");
	assert_candor(c, 0, "report", "birds", "q2", "ann", "0");
	assert_candor(c, 0, "report", "birds", "q3", "ann", "0");
	assert_candor(c, 0, "token", "new", "audit", "auditor", "--pool", "birds", "--out", audit.s);
	files_write_text(c->file, "item,labeler,report,outcome\nq1,bob,1,1\nq2,bob,0.5,\n");
	assert_candor(c, 3, "import", "birds", c->file, "--token-file", audit.s);
	assert_says(c->err, "lacks the right 'report'");
	assert_says(c->err, " was imported.\n");
	assert_null(strstr(c->err, "again"));
	assert_candor(c, 0, "pool", "show", "birds", "--json");
	assert_number(c, "open_items", 3);
	files_write_text(c->file, "item,outcome\nq1,1\nq2,0\nq3,\nq4,1\n");
	assert_candor(c, 1, "import", "birds", c->file, "--json", "--token-file", audit.s);
	assert_number(c, "resolved", 2);
	assert_number(c, "rejected", 1);
	assert_number(c, "skipped", 1);
	assert_says(c->err, "line 5: NOT_FOUND");
	assert_candor(c, 0, "pool", "show", "birds", "--json");
	assert_number(c, "open_items", 1);
	assert_candor(c, 2, "evaluate", c->file);
	assert_says(c->err, "lacks the column \"labeler\"");
}

static void a_secret_is_shown_once(void **state)
{
	struct command *c = *state;
	char secret[64];
	assert_candor(c, 0, "token", "new", "acme", "trainer");
	read_secret(c->out, secret);
	assert_null(strstr(c->err, secret));
	assert_says(c->err, "token:acme may now read closed items in all pools");
	/* As it was printed it is good. */
	struct path file = path_of(c, "mine");
	files_write_text(file.s, c->out);
	assert_int_equal(chmod(file.s, 0600), 0);
	assert_candor(c, 0, "info", "--token-file", file.s);
	assert_says(c->out, "token:acme");
	/* Who may write nothing has no commit made. */
	assert_candor(c, 3, "ping", "--write", "--token-file", file.s);
	assert_says(c->err, "token:acme lacks the right 'report' for all pools");
	const char *const *const after[] = {
		ARGS("token", "list"),
		ARGS("token", "list", "--json"),
		ARGS("grants", "list", "--json"),
		ARGS("audit", "--json"),
		ARGS("info", "--json"),
		ARGS("token", "revoke", "acme"),
		ARGS("ping", "--token-file", file.s),
	};
	for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
		command_run(c, NULL, after[i]);
		assert_true(*c->out || *c->err);
		/* The database and its log, the daemon's log, and what the command said. */
		assert_true(assert_nowhere(c, secret, "mine") >= 5);
	}
	/* And none of them once all is on disk and the daemon has ended. */
	assert_int_equal(daemon_stop(&c->daemon), 0);
	assert_true(assert_nowhere(c, secret, "mine") >= 4);
}

static void a_revoked_token_stops_working_at_once(void **state)
{
	struct command *c = *state;
	struct path acme = path_of(c, "acme.token"), other = path_of(c, "other.token");
	assert_candor(c, 0, "token", "new", "acme", "operator", "trainer", "--out", acme.s);
	assert_says(c->err, "read closed items, read open items and inspect labelers in all pools");
	assert_candor(c, 0, "token", "new", "other", "inspect,read", "--out", other.s);
	assert_candor(c, 0, "info", "--token-file", acme.s);
	files_write_text(c->file, "item,labeler,report\nq,ann,1\n");
	assert_candor(c, 0, "token", "revoke", "acme");
	assert_string_equal(c->out, "");
	assert_says(c->err, "token:acme is revoked, and");
	assert_candor(c, 3, "info", "--token-file", acme.s);
	assert_says(c->err, "UNAUTHENTICATED");
	assert_candor(c, 3, "ping", "--token-file", acme.s);
	assert_candor(c, 3, "import", "p", c->file, "--token-file", acme.s);
	assert_candor(c, 0, "info", "--token-file", other.s);

	assert_candor(c, 0, "token", "revoke", "acme", "--json");
	assert_number(c, "duplicates", 1);
	assert_says(c->err, "was already revoked");
	assert_candor(c, 3, "token", "revoke", "nobody");
	assert_says(c->err, "NOT_FOUND");
	assert_candor(c, 3, "token", "new", "acme", "read");
	assert_says(c->err, "ALREADY_EXISTS");
	assert_string_equal(c->out, "");
	assert_candor(c, 0, "grants", "list");
	assert_null(strstr(c->out, "token:acme"));
	assert_candor(c, 3, "grants", "add", "token:acme", "read");
	assert_candor(c, 0, "token", "list", "--json");
	json_t *o = command_document(c);
	assert_int_equal(json_array_size(command_at(o, "tokens")), 2);
	assert_text_at(o, "tokens.0.name", "acme");
	assert_text_at(o, "tokens.0.state", "revoked");
	assert_true(command_number_at(o, "tokens.0.revoked_at") >= command_number_at(o, "tokens.0.created_at"));
	assert_text_at(o, "tokens.1.state", "active");
	assert_near(command_number_at(o, "tokens.1.revoked_at"), 0, 0);
	json_decref(o);
}

static void tokens_expire(void **state)
{
	struct command *c = *state;
	struct path soon = path_of(c, "soon.token");
	char date[32];
	struct tm utc;
	assert_candor(c, 0, "token", "list");
	assert_says(c->err, "There are no tokens yet");
	time_t at = time(NULL) + 4;
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &utc));
	assert_candor(c, 0, "token", "new", "soon", "read", "--expires", date, "--out", soon.s);
	assert_candor(c, 0, "token", "new", "a", "read", "--expires", "30d");
	assert_candor(c, 0, "token", "new", "b", "read", "--expires", "12h", "--json");
	double created = command_number(c, "created_at"), expires = command_number(c, "expires_at");
	assert_near(expires - created, 12 * 3600e3, 60e3);
	assert_candor(c, 0, "token", "new", "c", "read", "--expires", "2999-12-31");
	assert_says(c->err, "it expires 2999-12-31 00:00:00 UTC\n");
	assert_candor(c, 3, "token", "new", "d", "read", "--expires", "2020-01-01");
	assert_says(c->err, "expires_at is in the past");
	while (time(NULL) <= at)
		usleep(100000);
	assert_candor(c, 3, "info", "--token-file", soon.s);
	assert_says(c->err, "UNAUTHENTICATED: ");
	assert_says(c->err, "expired");
	assert_candor(c, 0, "token", "list");
	assert_says(c->out, "token  created (UTC)");
	assert_says(c->out, "  expired\n");
	assert_says(c->out, "2999-12-31 00:00:00  active\n");
	assert_null(strstr(c->out, "revoked"));
}

static void a_token_whose_secret_cannot_be_written_is_not_left_behind(void **state)
{
	struct command *c = *state;
	struct path there = path_of(c, "there"), nowhere = path_of(c, "no/where");
	files_write_text(there.s, "mine\n");
	assert_candor(c, 2, "token", "new", "acme", "read", "--out", there.s);
	assert_says(c->err, there.s);
	assert_true(is_in_file(there.s, "mine\n"));
	assert_candor(c, 2, "token", "new", "acme", "read", "--out", nowhere.s);
	/* Neither was made. */
	assert_candor(c, 0, "token", "list", "--json");
	assert_null(strstr(c->out, "acme"));
	/* A refused one leaves no file. */
	struct path out = path_of(c, "out.token");
	assert_candor(c, 0, "token", "new", "acme", "read");
	assert_candor(c, 3, "token", "new", "acme", "read", "--out", out.s);
	assert_int_equal(access(out.s, F_OK), -1);
	/* Made, and then there is no room for it. */
	assert_int_equal(daemon_run(ARGS("candor", "token", "new", "lost", "read"), NULL, "/dev/full", c->err_path), 2);
	files_read_text(c->err_path, c->err, COMMAND_TEXT_MAX);
	assert_says(c->err, "No space left");
	assert_says(c->err, "It has been revoked");
	const char *const json[] = {"candor", "token", "new", "lost2", "read", "--json", NULL};
	assert_int_equal(daemon_run(json, NULL, "/dev/full", c->err_path), 2);
	assert_candor(c, 0, "token", "list", "--json");
	json_t *o = command_document(c);
	assert_text_at(o, "tokens.1.name", "lost");
	assert_text_at(o, "tokens.1.state", "revoked");
	assert_text_at(o, "tokens.2.name", "lost2");
	assert_text_at(o, "tokens.2.state", "revoked");
	json_decref(o);
}

static void files_without_a_token_are_refused_with_a_reason(void **state)
{
	struct command *c = *state;
	struct path file = path_of(c, "token");
	static char long_text[CANDOR_TOKEN_MAX + 2];
	char words[1024];
	memset(long_text, 'x', CANDOR_TOKEN_MAX + 1);
	assert_candor(c, 2, "ping", "--token-file", file.s);
	assert_says(c->err, file.s);
	assert_says(c->err, "No such file");
	assert_candor(c, 2, "ping", "--token-file", c->daemon.dir);
	assert_says(c->err, "neither a regular file nor a pipe");
	assert_candor(c, 2, "ping", "--token-file", "/dev/zero");
	assert_says(c->err, "neither a regular file nor a pipe");
	static const char *const none[] = {"", "\n", "\nsecond\n", "two words\n", "bell\a\n", "\xff\n", long_text};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		files_write_text(file.s, none[i]);
		assert_candor(c, 2, "ping", "--token-file", file.s);
		assert_says(c->err, file.s);
		assert_string_equal(c->out, "");
	}
	/* What begins as none does is not sent: nobody is there to refuse it. */
	files_write_text(file.s, "guessed\n");
	setenv("CANDOR_TOKEN_FILE", file.s, 1);
	assert_candor(c, 2, "ping", "--server", "unix:/nonexistent/s");
	unsetenv("CANDOR_TOKEN_FILE");
	snprintf(words, sizeof words, "candor: %s (CANDOR_TOKEN_FILE): the first line is not a token", file.s);
	assert_says(c->err, words);
	assert_candor(c, 2, "ping", "--server", "unix:/nonexistent/s", "--token-file", file.s);
	assert_null(strstr(c->err, "CANDOR_TOKEN_FILE"));
	/* One that nobody gave out, with what follows it, is what the daemon refuses; nobody repeats it. */
	files_write_text(file.s, "candor_guessed\r\nfor the platform\n");
	assert_candor(c, 3, "ping", "--token-file", file.s);
	assert_says(c->err, "UNAUTHENTICATED");
	assert_null(strstr(c->err, "guessed"));
	assert_nowhere(c, "guessed", "token");
	/* Others may read it: said, and no more. */
	assert_int_equal(chmod(file.s, 0640), 0);
	assert_candor(c, 3, "ping", "--token-file", file.s);
	assert_says(c->err, "other users can read");
	assert_says(c->err, file.s);
	assert_int_equal(chmod(file.s, 0600), 0);
	assert_candor(c, 3, "ping", "--token-file", file.s);
	assert_null(strstr(c->err, "others"));
	/* What needs no daemon needs no token. */
	setenv("CANDOR_TOKEN_FILE", "/nonexistent/token", 1);
	assert_candor(c, 0, "simulate", "--items", "5", "--labelers", "3");
	unsetenv("CANDOR_TOKEN_FILE");
}

/* As a password manager gives it: through a pipe, or on standard input, where rows follow. */
static void a_token_comes_through_a_pipe(void **state)
{
	struct command *c = *state;
	struct path fifo = path_of(c, "fifo"), both = path_of(c, "both");
	char secret[64], text[256];
	assert_candor(c, 0, "pool", "create", "birds");
	assert_candor(c, 0, "token", "new", "acme", "platform", "--pool", "birds");
	read_secret(c->out, secret);
	assert_int_equal(mkfifo(fifo.s, 0644), 0);
	pid_t writer = fork();
	assert_true(writer >= 0);
	if (writer == 0) {
		int fd = open(fifo.s, O_WRONLY);
		_exit(fd >= 0 && write(fd, secret, strlen(secret)) == (ssize_t)strlen(secret) ? 0 : 1);
	}
	int status = 0, code = command_run(c, NULL, ARGS("info", "--token-file", fifo.s));
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(code, 0);
	assert_int_equal(status, 0);
	assert_says(c->out, "token:acme");
	assert_string_equal(c->err, "");
	assert_int_equal(unlink(fifo.s), 0);

	snprintf(text, sizeof text, "%s\n", secret);
	files_write_text(both.s, text);
	assert_int_equal(chmod(both.s, 0600), 0);
	assert_int_equal(command_run(c, both.s, ARGS("info", "--token-file", "/dev/stdin")), 0);
	assert_says(c->out, "token:acme");
	/* Nothing comes. */
	assert_int_equal(command_run(c, NULL, ARGS("info", "--token-file", "/dev/stdin")), 2);
	assert_int_equal(unlink(both.s), 0);
}

static void a_token_goes_to_no_other_machine_unencrypted(void **state)
{
	struct command *c = *state;
	struct path file = path_of(c, "token");
	files_write_text(file.s, "candor_guessed\n");
	files_write_text(c->file, "item,labeler,report\na,ann,1\n");
	assert_int_equal(chmod(file.s, 0600), 0);
	static const char *const elsewhere[] = {"tcp:192.0.2.7:7432", "tcp:candor.example.org:1",
						"tcp:127.example.org:1", "tcp:[2001:db8::1]:7432"};
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
		assert_candor(c, 2, "--server", elsewhere[i], "info", "--token-file", file.s);
		assert_says(c->err, "use tls:");
		assert_says(c->err, elsewhere[i]);
		assert_null(strstr(c->err, "guessed"));
		assert_candor(c, 2, "--server", elsewhere[i], "import", "p", c->file, "--token-file", file.s);
		assert_says(c->err, "use tls:");
	}
	/* On this machine nobody listens there, which shows that it was tried. */
	static const char *const here[] = {"tcp:127.0.0.1:1", "tcp:localhost:1"};
	for (size_t i = 0; i < sizeof here / sizeof *here; i++)
		assert_candor(c, 4, "--server", here[i], "info", "--token-file", file.s);
}

/* Whether a text stands anywhere in what a process can write to: its heap, stacks, data. */
static bool is_in_memory(int mem, pid_t pid, const char *text)
{
	char path[64], line[512];
	bool found = false;
	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "r");
	assert_non_null(maps);
	while (!found && fgets(line, sizeof line, maps)) {
		unsigned long from, to;
		char mode[8];
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || memcmp(mode, "rw", 2) != 0)
			continue;
		char *bytes = malloc(to - from);
		assert_non_null(bytes);
		ssize_t n = pread(mem, bytes, to - from, (off_t)from);
		found = n > 0 && memmem(bytes, (size_t)n, text, strlen(text));
		free(bytes);
	}
	fclose(maps);
	return found;
}

/* While a command goes on, its memory has the token no more. */
static void a_token_that_was_shown_is_wiped(void **state)
{
	struct command *c = *state;
	struct path file = path_of(c, "acme.token"), log = path_of(c, "feed-log");
	char secret[64], path[64];
	if (SANITIZED)
		skip_because("a sanitizer's memory is too large to be looked through");
	assert_candor(c, 0, "pool", "create", "birds");
	assert_candor(c, 0, "token", "new", "acme", "trainer", "--out", file.s);
	files_read_text(file.s, c->out, COMMAND_TEXT_MAX);
	read_secret(c->out, secret);
	pid_t pid = daemon_spawn(ARGS("candor", "feed", "birds", "--follow", "--token-file", file.s), log.s);
	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	/* Once it is connected it has read the file. */
	for (double connections = 0; connections < 2; connections = command_number(c, "connections"))
		assert_candor(c, 0, "info", "--json");
	int mem = open(path, O_RDONLY);
	bool gone = false, looked = mem >= 0 && is_in_memory(mem, pid, file.s);
	for (int i = 0; looked && !gone && i < 500; i++) {
		/* The heap writes over the first bytes of what is given back to it. */
		gone = !is_in_memory(mem, pid, secret + strlen(secret) / 2);
		usleep(gone ? 0 : 20000);
	}
	/* It has gone on all the while. */
	bool alive = kill(pid, SIGTERM) == 0;
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(mem);
	if (mem < 0)
		skip_because("the memory of one's own processes may not be looked at here");
	assert_true(alive && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(looked);
	assert_true(gone);
}

/* Over TLS it is the token that counts, with a certificate or without one; the file goes in as ever. */
static void a_token_goes_over_tls(void **state)
{
	struct secure *s = *state;
	struct command *c = s->command;
	secure_start(s, ARGS("--tls-ca", s->files.ca));
	struct path acme = path_of(c, "acme.token");
	files_write_text(c->file, "item,labeler,report,outcome\nq1,ann,1,1\nq1,bob,0.5,1\nq2,ann,0,0\n");
	assert_candor(c, 0, "pool", "create", "birds");
	assert_candor(c, 0, "token", "new", "acme", "platform", "auditor", "--pool", "birds", "--out", acme.s);
	setenv("CANDOR_SERVER", s->tls, 1);
	setenv("CANDOR_CA", s->files.ca, 1);
	assert_candor(c, 3, "import", "birds", c->file);
	assert_says(c->err, "UNAUTHENTICATED");
	assert_candor(c, 0, "info", "--token-file", acme.s);
	assert_says(c->out, "you are      token:acme\n");
	assert_candor(c, 0, "import", "birds", c->file, "--token-file", acme.s);
	assert_says(c->err, "2 items: 2 newly resolved");
	assert_candor(c, 0, "info", "--token-file", acme.s, "--cert", s->files.client_cert, "--key",
		      s->files.client_key);
	assert_says(c->out, "you are      token:acme\n");
	setenv("CANDOR_SERVER", c->daemon.address, 1);
	unsetenv("CANDOR_CA");
	assert_candor(c, 0, "audit", "--pool", "birds");
	assert_says(c->out, "token:acme candor/" CANDOR_VERSION "  outcome   birds  q2");
}

/* ---- the audit ---- */

static const char *text_at(const json_t *o, const char *path)
{
	const json_t *at = command_at(o, path);
	assert_true(json_is_string(at));
	return json_string_value(at);
}

static void the_audit_says_who_did_what_newest_first(void **state)
{
	struct command *c = *state;
	assert_candor(c, 0, "audit");
	assert_string_equal(c->out, "");
	assert_says(c->err, "There are no events yet");
	command_fill(c);
	assert_candor(c, 0, "pool", "create", "other");
	assert_candor(c, 0, "token", "new", "acme", "report", "--pool", "other");
	assert_candor(c, 0, "grants", "remove", "token:acme", "--pool", "other");
	assert_candor(c, 0, "token", "revoke", "acme");
	assert_candor(c, 0, "audit", "--json");
	json_t *all = command_lines(c);
	static const char *const actions[] = {"revoke", "withdraw", "grant",   "token",   "settings",
					      "void",   "close",    "outcome", "outcome", "settings"};
	static const char *const subjects[] = {"token:acme", "token:acme", "token:acme", "token:acme", "other",
					       "void",       "c",          "b",          "a",          "p"};
	static const char *const pools[] = {"", "other", "other", "", "other", "p", "p", "p", "p", "p"};
	assert_int_equal(json_array_size(all), 10);
	for (size_t i = 0; i < 10; i++) {
		const json_t *e = json_array_get(all, i);
		assert_int_equal(json_object_size(e), 7);
		assert_string_equal(text_at(e, "action"), actions[i]);
		assert_string_equal(text_at(e, "subject"), subjects[i]);
		assert_string_equal(text_at(e, "pool"), pools[i]);
		assert_memory_equal(text_at(e, "by"), "uid:", 4);
		assert_true(command_number_at(e, "at") > 1e12);
		if (i > 0)
			assert_true(command_number_at(e, "change") <
				    command_number_at(json_array_get(all, i - 1), "change"));
	}
	assert_text_at(json_array_get(all, 1), "detail", "report");
	json_decref(all);
	assert_candor(c, 0, "audit", "--limit", "2");
	assert_says(c->out, "time (UTC)");
	assert_says(c->out, "withdraw");
	assert_null(strstr(c->out, "grant "));
	assert_says(c->err, "The newest 2; --all lists all\n");
	assert_candor(c, 0, "audit", "--pool", "p", "--all");
	assert_null(strstr(c->out, "token"));
	assert_string_equal(c->err, "");
	assert_candor(c, 3, "audit", "--pool", "none");
}

/* More than a page of them, each once. */
static void the_audit_goes_over_pages(void **state)
{
	enum { ITEMS = 1234 };
	struct command *c = *state;
	FILE *f = fopen(c->file, "w");
	assert_non_null(f);
	fputs("item,labeler,report,outcome\n", f);
	for (int i = 0; i < ITEMS; i++)
		fprintf(f, "q%d,ann,1,1\n", i);
	fclose(f);
	assert_candor(c, 0, "import", "p", c->file);
	assert_candor(c, 0, "audit", "--all", "--json");
	json_t *all = command_lines(c);
	assert_int_equal(json_array_size(all), ITEMS + 1);
	for (size_t i = 0; i < ITEMS; i++) {
		char item[16];
		snprintf(item, sizeof item, "q%zu", ITEMS - 1 - i);
		assert_text_at(json_array_get(all, i), "subject", item);
	}
	json_decref(all);
	assert_candor(c, 0, "audit");
	assert_says(c->err, "The newest 100; --all lists all\n");
}

/* ---- wrong usage ---- */

static void wrong_usage_contacts_no_daemon(void **state)
{
	struct command *c = *state;
	static const char *const wrong[][7] = {
		{"token"},
		{"token", "make"},
		{"token", "new"},
		{"token", "new", "acme"},
		{"token", "new", "two words", "read"},
		{"token", "new", "", "read"},
		{"token", "new", "acme", "write"},
		{"token", "new", "acme", "read,"},
		{"token", "new", "acme", "read", "--labelers", "a/"},
		{"token", "new", "acme", "report", "--labelers", ""},
		{"token", "new", "acme", "read", "--pool", ""},
		{"token", "new", "acme", "read", "--expires", "soon"},
		{"token", "new", "acme", "read", "--expires", "0d"},
		{"token", "new", "acme", "read", "--expires", "30"},
		{"token", "new", "acme", "read", "--expires", "-1d"},
		{"token", "new", "acme", "read", "--expires", "d"},
		{"token", "new", "acme", "read", "--expires", "36501d"},
		{"token", "new", "acme", "read", "--expires", "99999999999999999999d"},
		{"token", "new", "acme", "read", "--expires", "2026-02-30"},
		{"token", "list", "all"},
		{"token", "revoke"},
		{"token", "revoke", "a", "b"},
		{"grants"},
		{"grants", "give"},
		{"grants", "list", "acme"},
		{"grants", "add", "uid:1"},
		{"grants", "add", "uid:1", "everything"},
		{"grants", "add", "ann", "read"},
		{"grants", "add", "uid:x", "read"},
		{"grants", "add", "token:", "read"},
		{"grants", "add", "cert:platform", "read"},
		{"grants", "add", "uid:4294967295", "read"},
		{"grants", "remove", "uid:1", "read", "--all"},
		{"grants", "remove", "uid:1", "--all", "--labelers", "a/"},
		{"grants", "add", "uid:1", "read", "--all"},
		{"token", "new", "token:acme", "read"},
		{"grants", "add", "user:nobody-of-that-name", "read"},
		{"grants", "add", "group:none-of-that-name", "read"},
		{"grants", "add", "uid:1", "read", "--labelers", "a/"},
		{"grants", "remove"},
		{"audit", "today"},
		{"audit", "--limit", "0"},
		{"audit", "--pool", ""},
		{"ping", "--token-file"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		int code = command_run(c, NULL, wrong[i]);
		if (code != 2)
			print_error("%s %s: %d\n", wrong[i][0], wrong[i][1] ? wrong[i][1] : "", code);
		assert_int_equal(code, 2);
		assert_string_equal(c->out, "");
		assert_says(c->err, "See `candor ");
		assert_says(c->err, " --help`.");
	}
	assert_candor(c, 0, "token", "list", "--json");
	assert_null(strstr(c->out, "acme"));
	assert_candor(c, 0, "audit");
	assert_string_equal(c->out, "");
	assert_candor(c, 2, "grants", "add", "ann", "read");
	assert_says(c->err, "\"ann\" is not a principal; ");
	assert_says(c->err, "user:NAME or group:NAME");
	assert_candor(c, 2, "grants", "remove", "a\nnn");
	assert_says(c->err, "candor: PRINCIPAL ");
	assert_candor(c, 3, "grants", "add", "token:nobody", "read");
	assert_says(c->err, "create it: candor token new");
}

#define TLS(test) cmocka_unit_test_setup_teardown(test, secure_set_up, secure_tear_down)
#define CLI(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLI(a_token_gives_the_rights_that_were_granted_to_it),
		CLI(a_platform_imports_the_rows_that_it_has_the_right_to),
		CLI(an_auditor_imports_only_outcomes),
		CLI(a_secret_is_shown_once),
		CLI(a_revoked_token_stops_working_at_once),
		CLI(tokens_expire),
		CLI(a_token_whose_secret_cannot_be_written_is_not_left_behind),
		CLI(files_without_a_token_are_refused_with_a_reason),
		CLI(a_token_comes_through_a_pipe),
		CLI(a_token_goes_to_no_other_machine_unencrypted),
		CLI(a_token_that_was_shown_is_wiped),
		TLS(a_token_goes_over_tls),
		CLI(the_audit_says_who_did_what_newest_first),
		CLI(the_audit_goes_over_pages),
		CLI(wrong_usage_contacts_no_daemon),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
