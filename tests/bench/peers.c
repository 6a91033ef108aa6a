/* The same reports and questions to candord, Redis and PostgreSQL, where those are installed: what a team would use
 * instead.
 *
 * Redis writes a hash an item (appendfsync always), PostgreSQL a row a report (synchronous_commit on, prepared statements);
 * a question gives an item's reports, PostgreSQL's their mean. All are on Unix sockets in directories of the bench, and
 * all are measured in turn. One client waits for each of its answers; beside it, then, four clients post batches of 250
 * reports as fast as they are answered, the number of which is printed too; and then there is a crowd of 10,000 connections
 * that ask without reading, trickle, or stop in the middle, of which each program holds as many as it wants. Ratios are
 * candor's figure to the peer's, medians over the runs. Their protocols are spoken here as far as it takes. */
#include <arpa/inet.h>
#include <glob.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"
#include "tests/lib/files.h"
#include "tests/lib/loiter.h"

enum { BATCH = 250, FLOODS = 4, LABELERS = 20, RUNS_MAX = 50, SAMPLES_MAX = 200000, TEXT_MAX = 64 * 1024 };

static _Noreturn void fail(const char *who, const char *what)
{
	fprintf(stderr, "peers: %s: %s\n", who, what);
	exit(1);
}

/* ---- what is asked ---- */

/* Report n of a poster: twenty labelers to an item, items of its own. */
struct row {
	char item[24], labeler[16];
	double value;
};

static struct row row_of(unsigned poster, uint64_t n)
{
	struct row r = {.value = (double)(n % 1000) / 1000};
	snprintf(r.item, sizeof r.item, "i%u.%llu", poster, (unsigned long long)(n / LABELERS));
	snprintf(r.labeler, sizeof r.labeler, "l%u", (unsigned)(n % LABELERS));
	return r;
}

struct link;

struct peer {
	const char *name;
	bool (*start)(struct peer *p); /* false: it is not installed */
	void (*stop)(struct peer *p);
	void (*open)(struct link *l);
	void (*post)(struct link *l, const struct row *rows, size_t n); /* returns when they are on the disk */
	void (*query)(struct link *l, const char *item);
	/* What the crowd says: a greeting, and a question. */
	const char *hello;
	size_t hello_bytes;
	const char *ask;
	size_t ask_bytes;
	struct daemon daemon; /* candord's; of the others the directory and the pid */
	char socket[100];
};

struct link {
	struct peer *peer;
	struct candor *candor;
	int fd;
	FILE *in;
	char text[TEXT_MAX];
};

/* ---- sockets ---- */

static void connect_to(struct link *l)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	snprintf(to.sun_path, sizeof to.sun_path, "%s", l->peer->socket);
	for (int tries = 0;; tries++) {
		l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (l->fd >= 0 && connect(l->fd, (struct sockaddr *)&to, sizeof to) == 0)
			break;
		close(l->fd);
		if (tries == 1000)
			fail(l->peer->name, "cannot connect");
		nap_ms(10);
	}
	l->in = fdopen(l->fd, "r");
	if (!l->in)
		fail(l->peer->name, "no memory");
}

static void send_all(struct link *l, const void *bytes, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t sent = send(l->fd, (const char *)bytes + done, n - done, MSG_NOSIGNAL);
		if (sent <= 0)
			fail(l->peer->name, "cannot send");
		done += (size_t)sent;
	}
}

static void read_all(struct link *l, void *out, size_t n)
{
	if (fread(out, 1, n, l->in) != n)
		fail(l->peer->name, "hung up");
}

static void link_close(struct link *l)
{
	if (l->candor)
		candor_close(l->candor);
	if (l->in)
		fclose(l->in);
	free(l);
}

static struct link *link_open(struct peer *p)
{
	struct link *l = calloc(1, sizeof *l);
	if (!l)
		fail(p->name, "no memory");
	l->peer = p;
	p->open(l);
	return l;
}

/* ---- programs ---- */

static pid_t spawn(const char *const *argv)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(1);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

static void stop_program(struct peer *p)
{
	kill(p->daemon.pid, SIGINT);
	waitpid(p->daemon.pid, NULL, 0);
	files_remove_dir(p->daemon.dir);
}

/* ---- candord ---- */

static bool candor_start(struct peer *p)
{
	daemon_init(&p->daemon);
	daemon_start(&p->daemon, NULL);
	struct candor *c = daemon_connect(&p->daemon);
	call_create_pool(c, "bench");
	daemon_disconnect(&p->daemon, c);
	snprintf(p->socket, sizeof p->socket, "%s", p->daemon.address + strlen("unix:"));
	return true;
}

static void candor_stop(struct peer *p)
{
	if (daemon_stop(&p->daemon))
		fail(p->name, "failed");
	daemon_deinit(&p->daemon);
}

static void candor_link(struct link *l)
{
	if (candor_open(&l->candor, l->peer->daemon.address, NULL))
		fail(l->peer->name, "cannot connect");
}

static void candor_post(struct link *l, const struct row *rows, size_t n)
{
	struct candor_report reports[BATCH];
	const struct candor_response *r;
	for (size_t i = 0; i < n; i++)
		reports[i] = (struct candor_report){rows[i].item, rows[i].labeler, rows[i].value};
	const struct candor_request post = {
		.type = CANDOR_REQ_POST_REPORTS, .pool = "bench", .n = n, .reports = reports};
	if (candor_call(l->candor, &post, &r) || r->code || r->n_rejected)
		fail(l->peer->name, "a report was refused");
}

static void candor_query(struct link *l, const char *item)
{
	const struct candor_response *r;
	const struct candor_request query = {
		.type = CANDOR_REQ_QUERY_ITEMS, .pool = "bench", .n = 1, .items = &item, .with_reports = true};
	if (candor_call(l->candor, &query, &r) || r->code)
		fail(l->peer->name, "a question was refused");
}

/* ---- Redis ---- */

static bool redis_start(struct peer *p)
{
	if (system("command -v redis-server >/dev/null 2>&1") != 0)
		return false;
	files_new_dir(p->daemon.dir, sizeof p->daemon.dir);
	snprintf(p->socket, sizeof p->socket, "%s/redis", p->daemon.dir);
	const char *const argv[] = {"redis-server", "--port", "0", "--unixsocket", p->socket, "--dir",
				    p->daemon.dir,  "--save", "",  "--appendonly", "yes",     "--appendfsync",
				    "always",       NULL};
	p->daemon.pid = spawn(argv);
	return true;
}

static void redis_answer(struct link *l)
{
	char line[256];
	if (!fgets(line, sizeof line, l->in))
		fail(l->peer->name, "hung up");
	long n = strtol(line + 1, NULL, 10);
	if (line[0] == '-')
		fail(l->peer->name, line);
	if (line[0] == '$' && n >= 0)
		read_all(l, l->text, (size_t)n + 2);
	for (long i = 0; line[0] == '*' && i < n; i++)
		redis_answer(l);
}

static size_t redis_word(char *out, size_t size, const char *word)
{
	return (size_t)snprintf(out, size, "$%zu\r\n%s\r\n", strlen(word), word);
}

static void redis_post(struct link *l, const struct row *rows, size_t n)
{
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		char value[32];
		snprintf(value, sizeof value, "%.17g", rows[i].value);
		const char *const words[] = {"HSET", rows[i].item, rows[i].labeler, value};
		at += (size_t)snprintf(l->text + at, TEXT_MAX - at, "*4\r\n");
		for (int k = 0; k < 4; k++)
			at += redis_word(l->text + at, TEXT_MAX - at, words[k]);
	}
	send_all(l, l->text, at);
	for (size_t i = 0; i < n; i++)
		redis_answer(l);
}

static void redis_query(struct link *l, const char *item)
{
	size_t at = (size_t)snprintf(l->text, TEXT_MAX, "*2\r\n$7\r\nHGETALL\r\n");
	at += redis_word(l->text + at, TEXT_MAX - at, item);
	send_all(l, l->text, at);
	redis_answer(l);
}

/* ---- PostgreSQL ---- */

/* It refuses to be run by root. */
static const char as_postgres[] = "setpriv --reuid=postgres --regid=postgres --clear-groups ";

static void postgres_answer(struct link *l)
{
	for (uint8_t type = 0; type != 'Z';) {
		uint32_t n;
		read_all(l, &type, 1);
		read_all(l, &n, sizeof n);
		n = ntohl(n) - (uint32_t)sizeof n;
		if (n >= TEXT_MAX)
			fail(l->peer->name, "a long answer");
		read_all(l, l->text, n);
		if (type == 'E')
			fail(l->peer->name, "an error");
	}
}

static void postgres_ask(struct link *l, const char *sql)
{
	uint32_t len = (uint32_t)strlen(sql) + 1, n = htonl(len + (uint32_t)sizeof n);
	char head[1 + sizeof n] = "Q";
	memcpy(head + 1, &n, sizeof n);
	send_all(l, head, sizeof head);
	send_all(l, sql, len);
	postgres_answer(l);
}

static void postgres_link(struct link *l)
{
	static const char words[] = "\0\3\0\0user\0bench\0database\0postgres\0";
	uint32_t n = htonl((uint32_t)(sizeof words + sizeof n));
	connect_to(l);
	send_all(l, &n, sizeof n);
	send_all(l, words, sizeof words);
	postgres_answer(l);
	postgres_ask(l, "CREATE TABLE IF NOT EXISTS reports (item text, labeler text, value float8, at timestamptz,"
			" PRIMARY KEY (item, labeler))");
	postgres_ask(l, "PREPARE post AS INSERT INTO reports VALUES ($1, $2, $3, now())"
			" ON CONFLICT (item, labeler) DO UPDATE SET value = excluded.value, at = excluded.at");
	postgres_ask(l, "PREPARE query AS SELECT count(*), avg(value) FROM reports WHERE item = $1");
}

static void postgres_post(struct link *l, const struct row *rows, size_t n)
{
	char sql[BATCH * 96 + 256];
	size_t at = 0;
	if (n == 1)
		snprintf(sql, sizeof sql, "EXECUTE post('%s', '%s', %.17g)", rows->item, rows->labeler, rows->value);
	for (size_t i = 0; i < n && n > 1; i++)
		at += (size_t)snprintf(sql + at, sizeof sql - at, "%s('%s','%s',%.17g,now())",
				       i ? "," : "INSERT INTO reports VALUES ", rows[i].item, rows[i].labeler,
				       rows[i].value);
	if (n > 1)
		snprintf(sql + at, sizeof sql - at,
			 " ON CONFLICT (item, labeler) DO UPDATE SET value = excluded.value, at = excluded.at");
	postgres_ask(l, sql);
}

static void postgres_query(struct link *l, const char *item)
{
	char sql[128];
	snprintf(sql, sizeof sql, "EXECUTE query('%s')", item);
	postgres_ask(l, sql);
}

/* The newest that is installed. */
static bool postgres_programs(char *out, size_t size)
{
	glob_t found;
	bool any = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0 && found.gl_pathc > 0;
	if (any) {
		snprintf(out, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
		*strrchr(out, '/') = 0;
	}
	globfree(&found);
	return any;
}

static bool postgres_start(struct peer *p)
{
	char programs[128], command[512];
	bool is_root = geteuid() == 0;
	const struct passwd *user = is_root ? getpwnam("postgres") : NULL;
	if (!postgres_programs(programs, sizeof programs) || (is_root && !user))
		return false;
	files_new_dir(p->daemon.dir, sizeof p->daemon.dir);
	if (is_root && chown(p->daemon.dir, user->pw_uid, user->pw_gid))
		fail(p->name, "cannot make a directory");
	snprintf(command, sizeof command, "%s%s/initdb -D %s/data -A trust -U bench >/dev/null 2>&1",
		 is_root ? as_postgres : "", programs, p->daemon.dir);
	if (system(command) != 0)
		fail(p->name, "initdb failed");
	snprintf(p->socket, sizeof p->socket, "%s/.s.PGSQL.5432", p->daemon.dir);
	snprintf(command, sizeof command,
		 "exec %s%s/postgres -D %s/data -k %s -c listen_addresses= -c synchronous_commit=on",
		 is_root ? as_postgres : "", programs, p->daemon.dir, p->daemon.dir);
	p->daemon.pid = spawn((const char *const[]){"/bin/sh", "-c", command, NULL});
	/* Its socket is there before it takes anybody. */
	snprintf(command, sizeof command, "%s/pg_isready -q -h %s", programs, p->daemon.dir);
	for (int tries = 0; system(command) != 0; tries++) {
		if (tries == 1000)
			fail(p->name, "does not start");
		nap_ms(20);
	}
	return true;
}

/* ---- one client ---- */

static double single(struct link *l, unsigned poster, uint64_t n)
{
	const struct row row = row_of(poster, n);
	double began = clock_s();
	l->peer->post(l, &row, 1);
	return clock_s() - began;
}

static double question(struct link *l, unsigned poster, uint64_t n)
{
	const struct row row = row_of(poster, n);
	double began = clock_s();
	l->peer->query(l, row.item);
	return clock_s() - began;
}

static double batch(struct link *l, unsigned poster, uint64_t n)
{
	struct row rows[BATCH];
	for (size_t i = 0; i < BATCH; i++)
		rows[i] = row_of(poster, n * BATCH + i);
	double began = clock_s();
	l->peer->post(l, rows, BATCH);
	return clock_s() - began;
}

/* ---- beside floods ---- */

struct flood {
	struct peer *peer;
	unsigned poster;
	atomic_bool *stop;
	atomic_ullong batches;
	pthread_t thread;
};

static void *run_flood(void *arg)
{
	struct flood *f = arg;
	struct link *l = link_open(f->peer);
	for (uint64_t n = 0; !atomic_load(f->stop); atomic_store(&f->batches, ++n))
		batch(l, f->poster, n);
	link_close(l);
	return NULL;
}

/* Batches that they have posted so far. */
static uint64_t flooded(struct flood *floods)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < FLOODS; i++)
		n += atomic_load(&floods[i].batches);
	return n;
}

static double p99(double *x, size_t n)
{
	qsort(x, n, sizeof *x, bench_compare);
	return x[n * 99 / 100];
}

struct figures {
	double report, question, rows; /* seconds at the median, alone; rows a second in batches */
	/* Beside four floods, [0] without and [1] with the crowd, of which so many were held. */
	double report_p99[2], question_p99[2], flood_rows[2], held;
};

static struct loiter *start_crowd(const struct peer *p, size_t n)
{
	const struct loiter_shape shape = {.path = p->socket,
					   .n = n,
					   .hello = p->hello,
					   .hello_bytes = p->hello_bytes,
					   .ask = p->ask,
					   .ask_bytes = p->ask_bytes};
	struct loiter *crowd = loiter_start(&shape);
	nap_ms(2000);
	return crowd;
}

static void measure_floods(struct peer *p, unsigned round, double seconds, size_t crowd_size, struct figures *out)
{
	static double posts[SAMPLES_MAX], questions[SAMPLES_MAX];
	struct flood floods[FLOODS];
	struct loiter *crowd = NULL;
	atomic_bool stop = false;
	size_t n = 0;
	struct link *l = link_open(p);
	for (unsigned i = 0; i < FLOODS; i++) {
		unsigned poster = 1000 * (round + 1) + (crowd_size ? 100 : 0) + i;
		floods[i] = (struct flood){.peer = p, .poster = poster, .stop = &stop};
		if (pthread_create(&floods[i].thread, NULL, run_flood, &floods[i]))
			fail(p->name, "no thread");
	}
	nap_ms(500);
	if (crowd_size)
		crowd = start_crowd(p, crowd_size);
	uint64_t before = flooded(floods);
	double began = clock_s();
	for (; clock_s() < began + seconds && n < SAMPLES_MAX; n++) {
		posts[n] = single(l, 50 + round, n);
		questions[n] = question(l, 50 + round, n);
		nap_ms(1);
	}
	uint64_t batches = flooded(floods) - before;
	double took = clock_s() - began;
	atomic_store(&stop, true);
	if (crowd)
		out->held = (double)loiter_stop(crowd);
	for (unsigned i = 0; i < FLOODS; i++)
		pthread_join(floods[i].thread, NULL);
	link_close(l);
	out->report_p99[crowd_size > 0] = p99(posts, n);
	out->question_p99[crowd_size > 0] = p99(questions, n);
	out->flood_rows[crowd_size > 0] = (double)(batches * BATCH) / took;
}

/* ---- all of them ---- */

/* A greeting of a client, and a question for an item that is not there. */
static const char candor_ask[] = "\x14\x08\x01\x62\x10\x0a\x05"
				 "bench"
				 "\x12\x07"
				 "nothing";
static const char redis_ask[] = "*2\r\n$7\r\nHGETALL\r\n$7\r\nnothing\r\n";
static const char postgres_hello[] = "\0\0\0\x26\0\3\0\0user\0bench\0database\0postgres\0";
static const char postgres_ask_bytes[] = "Q\0\0\0\x0dSELECT 1";

/* What the crowd says; the last byte of a string is its NUL. */
#define SAYS(hello, hello_bytes, ask, ask_bytes) hello, hello_bytes, ask, ask_bytes

static struct peer peers[] = {
	{"candor",
	 candor_start,
	 candor_stop,
	 candor_link,
	 candor_post,
	 candor_query,
	 SAYS(NULL, 0, candor_ask, sizeof candor_ask - 1),
	 {.pid = 0},
	 ""},
	{"Redis",
	 redis_start,
	 stop_program,
	 connect_to,
	 redis_post,
	 redis_query,
	 SAYS(NULL, 0, redis_ask, sizeof redis_ask - 1),
	 {.pid = 0},
	 ""},
	{"PostgreSQL",
	 postgres_start,
	 stop_program,
	 postgres_link,
	 postgres_post,
	 postgres_query,
	 SAYS(postgres_hello, sizeof postgres_hello, postgres_ask_bytes, sizeof postgres_ask_bytes),
	 {.pid = 0},
	 ""},
};

enum { PEERS = sizeof peers / sizeof *peers };

static void measure_alone(const size_t *at, size_t n_peers, unsigned round, size_t n, struct figures (*out)[RUNS_MAX])
{
	static double s[3][PEERS][SAMPLES_MAX];
	struct link *links[PEERS];
	for (size_t i = 0; i < n_peers; i++)
		links[i] = link_open(&peers[at[i]]);
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < n_peers; i++) {
			s[0][i][k] = single(links[i], round, k);
			s[1][i][k] = question(links[i], round, k);
			s[2][i][k] = k % 4 == 0 ? batch(links[i], 10000 + round, k / 4) : s[2][i][k - 1];
		}
	for (size_t i = 0; i < n_peers; i++) {
		out[i][round].report = bench_median(s[0][i], n);
		out[i][round].question = bench_median(s[1][i], n);
		out[i][round].rows = BATCH / bench_median(s[2][i], n);
		link_close(links[i]);
	}
}

static void print(const char *what, const char *unit, double scale, size_t offset, struct figures (*f)[RUNS_MAX],
		  const size_t *at, size_t n_peers, size_t runs, const char *goal)
{
	for (size_t i = 1; i < n_peers; i++) {
		double ours[RUNS_MAX], theirs[RUNS_MAX], ratio[RUNS_MAX];
		for (size_t k = 0; k < runs; k++) {
			ours[k] = *(const double *)((const char *)&f[0][k] + offset);
			theirs[k] = *(const double *)((const char *)&f[i][k] + offset);
			ratio[k] = ours[k] / theirs[k];
		}
		printf("%-42s %10.2f %s  %-30s %10.2f %s  ratio %.2f%s\n", what, scale * bench_median(ours, runs), unit,
		       peers[at[i]].name, scale * bench_median(theirs, runs), unit, bench_median(ratio, runs),
		       at[i] == 1 ? goal : "");
	}
	fflush(stdout);
}

#define PRINT(what, unit, scale, member, goal) \
	print(what, unit, scale, offsetof(struct figures, member), figures, at, n_peers, runs, goal)

static void allow_descriptors(size_t want)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max < want)
		fail("the crowd", "the system gives too few file descriptors; BENCH_CROWD makes it smaller");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
	static struct figures figures[PEERS][RUNS_MAX];
	size_t runs = bench_runs(), n = bench_size("BENCH_SINGLES", 800), at[PEERS], n_peers = 0;
	double seconds = (double)bench_size("BENCH_OVERLOAD_S", 4);
	size_t crowd = bench_size("BENCH_CROWD", 10000);
	allow_descriptors(crowd + 600);
	if (n > SAMPLES_MAX)
		fail("BENCH_SINGLES", "too many");
	for (size_t i = 0; i < PEERS; i++)
		if (peers[i].start(&peers[i]))
			at[n_peers++] = i;
		else
			printf("%s: SKIPPED, it is not installed; make bench-peers installs it\n", peers[i].name);
	for (unsigned k = 0; k < runs && n_peers > 1; k++) {
		measure_alone(at, n_peers, k, n, figures);
		for (size_t i = 0; i < n_peers; i++) {
			measure_floods(&peers[at[i]], k, seconds, 0, &figures[i][k]);
			measure_floods(&peers[at[i]], k, seconds, crowd, &figures[i][k]);
		}
	}
	for (size_t i = 0; i < n_peers; i++)
		peers[at[i]].stop(&peers[at[i]]);
	PRINT("one durable report", "us", 1e6, report, "  goal 1.20");
	PRINT("one question about an item", "us", 1e6, question, "");
	PRINT("durable reports in batches of 250, thousand", "/s", 1e-3, rows, "");
	PRINT("p99 of a report beside four floods", "ms", 1e3, report_p99[0], "  goal 0.70");
	PRINT("p99 of a question beside four floods", "ms", 1e3, question_p99[0], "");
	PRINT("reports of the four floods, thousand", "/s", 1e-3, flood_rows[0], "");
	PRINT("p99 of a report beside floods and crowd", "ms", 1e3, report_p99[1], "");
	PRINT("p99 of a question beside floods and crowd", "ms", 1e3, question_p99[1], "");
	PRINT("reports of the floods beside it, thousand", "/s", 1e-3, flood_rows[1], "");
	PRINT("connections of the crowd that are held", "  ", 1, held, "");
	return 0;
}
