#include "tests/lib/power_vfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "tests/lib/shim_vfs.h"

enum { NAMES_MAX = 16, PAGE = 4096, SECTOR = 512 };

/* A write or truncation that no sync has made safe. */
struct change {
	struct change *next;
	bool truncates; /* to `at` bytes */
	size_t at, n;
	uint8_t bytes[];
};

/* A file, whatever it is called by now. */
struct inode {
	struct inode *next;
	uint8_t *safe;
	size_t size, room;
	size_t live_size;
	struct change *first, **last;
};

struct name {
	char path[256];
	struct inode *live, *safe; /* NULL: there is none */
};

struct file {
	struct shim_file shim;
	struct inode *inode; /* NULL: not of the directory */
	bool syncs_names; /* with its next sync */
};

static struct {
	struct shim shim;
	char dir[128];
	struct name names[NAMES_MAX];
	struct inode *inodes;
	uint64_t operations, cut_at, full_at, growing;
	bool off;
	int open; /* files of the directory */
} power;

/* ---- inodes ---- */

static struct inode *new_inode(void)
{
	struct inode *i = calloc(1, sizeof *i);
	require(i);
	i->last = &i->first;
	i->next = power.inodes;
	return power.inodes = i;
}

static void resize(struct inode *i, size_t size)
{
	if (size > i->room) {
		i->room = size * 2 + PAGE;
		i->safe = realloc(i->safe, i->room);
		require(i->safe);
	}
	if (size > i->size)
		memset(i->safe + i->size, 0, size - i->size);
	i->size = size;
}

static void put(struct inode *i, size_t at, const uint8_t *bytes, size_t n)
{
	if (at + n > i->size)
		resize(i, at + n);
	memcpy(i->safe + at, bytes, n);
}

static void remember(struct inode *i, bool truncates, size_t at, const void *bytes, size_t n)
{
	struct change *c = malloc(sizeof *c + n);
	require(c);
	*c = (struct change){.truncates = truncates, .at = at, .n = n};
	if (n)
		memcpy(c->bytes, bytes, n);
	*i->last = c;
	i->last = &c->next;
	if (truncates || at + n > i->live_size)
		i->live_size = at + n;
}

static void forget_changes(struct inode *i)
{
	for (struct change *c = i->first, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	i->first = NULL;
	i->last = &i->first;
}

static void make_safe(struct inode *i)
{
	for (const struct change *c = i->first; c; c = c->next) {
		if (c->truncates)
			resize(i, c->at);
		else
			put(i, c->at, c->bytes, c->n);
	}
	forget_changes(i);
}

/* ---- names ---- */

static bool is_mine(const char *path)
{
	size_t len = strlen(power.dir);
	return path && len && strncmp(path, power.dir, len) == 0 && path[len] == '/';
}

static struct name *find(const char *path)
{
	struct name *free_one = NULL;
	for (size_t i = 0; i < NAMES_MAX; i++) {
		struct name *n = &power.names[i];
		if (strcmp(n->path, path) == 0)
			return n;
		if (!free_one && !n->path[0])
			free_one = n;
	}
	require(free_one && strlen(path) < sizeof free_one->path);
	snprintf(free_one->path, sizeof free_one->path, "%s", path);
	return free_one;
}

/* What lies there and was not recorded is safe. */
static void load(struct name *n)
{
	struct stat st;
	int fd = open(n->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	require(fstat(fd, &st) == 0);
	n->live = n->safe = new_inode();
	resize(n->live, (size_t)st.st_size);
	require(read(fd, n->live->safe, n->live->size) == (ssize_t)n->live->size);
	n->live->live_size = n->live->size;
	close(fd);
}

static void make_names_safe(void)
{
	for (size_t i = 0; i < NAMES_MAX; i++)
		power.names[i].safe = power.names[i].live;
}

static void forget_all(void)
{
	for (struct inode *i = power.inodes, *next; i; i = next) {
		next = i->next;
		forget_changes(i);
		free(i->safe);
		free(i);
	}
	power.inodes = NULL;
	memset(power.names, 0, sizeof power.names);
}

/* ---- operations ---- */

/* Counts one that changes something. The power may fail in it: true. */
static bool fails(void)
{
	if (++power.operations == power.cut_at) {
		power.off = true;
		return true;
	}
	return false;
}

static int on_close(sqlite3_file *file)
{
	struct file *f = (struct file *)file;
	power.open -= f->inode != NULL;
	return shim_real(file)->pMethods->xClose(shim_real(file));
}

static int on_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at)
{
	struct file *f = (struct file *)file;
	return f->inode && power.off ? SQLITE_IOERR_READ : f->shim.real->pMethods->xRead(f->shim.real, out, n, at);
}

static int on_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	struct file *f = (struct file *)file;
	if (!f->inode)
		return f->shim.real->pMethods->xWrite(f->shim.real, bytes, n, at);
	if (power.off)
		return SQLITE_IOERR_WRITE;
	size_t end = (size_t)at + (size_t)n;
	if (power.full_at && end > f->inode->live_size && ++power.growing >= power.full_at)
		return SQLITE_FULL;
	bool off = fails();
	remember(f->inode, false, (size_t)at, bytes, (size_t)n);
	int code = f->shim.real->pMethods->xWrite(f->shim.real, bytes, n, at);
	return off ? SQLITE_IOERR_WRITE : code;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct file *f = (struct file *)file;
	if (!f->inode)
		return f->shim.real->pMethods->xTruncate(f->shim.real, size);
	if (power.off)
		return SQLITE_IOERR_TRUNCATE;
	bool off = fails();
	remember(f->inode, true, (size_t)size, NULL, 0);
	int code = f->shim.real->pMethods->xTruncate(f->shim.real, size);
	return off ? SQLITE_IOERR_TRUNCATE : code;
}

/* Nothing is forced to the real disk, of any file. */
static int on_sync(sqlite3_file *file, int flags)
{
	struct file *f = (struct file *)file;
	(void)flags;
	if (!f->inode)
		return SQLITE_OK;
	if (power.off || fails())
		return SQLITE_IOERR_FSYNC;
	make_safe(f->inode);
	if (f->syncs_names)
		make_names_safe();
	f->syncs_names = false;
	return SQLITE_OK;
}

/* candord forces some files to the disk itself, the log among them. */
int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
	char link[32], path[256];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof path - 1);
	path[len > 0 ? len : 0] = 0;
	if (!is_mine(path))
		return __real_fsync(fd);
	if (power.off || fails()) {
		errno = EIO;
		return -1;
	}
	for (size_t i = 0; i < NAMES_MAX; i++)
		if (strcmp(power.names[i].path, path) == 0 && power.names[i].live)
			make_safe(power.names[i].live);
	return 0;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct file *f = (struct file *)file;
	return f->inode && power.off ? SQLITE_IOERR_FSTAT : f->shim.real->pMethods->xFileSize(f->shim.real, size);
}

static int on_control(sqlite3_file *file, int what, void *arg)
{
	sqlite3_file *real = shim_real(file);
	/* The real file shall not be changed past on_write() and on_truncate(). */
	return what == SQLITE_FCNTL_SIZE_HINT ? SQLITE_OK : real->pMethods->xFileControl(real, what, arg);
}

static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
	struct file *f = (struct file *)file;
	struct stat st;
	bool mine = is_mine(path) && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL);
	*f = (struct file){.inode = NULL};
	bool there = mine && stat(path, &st) == 0;
	bool makes = mine && !there && flags & SQLITE_OPEN_CREATE;
	bool off = mine && power.off;
	if (makes && !off)
		off = fails();
	int code = off ? SQLITE_CANTOPEN : shim_open(vfs, path, file, flags, out_flags);
	if (code != SQLITE_OK || !mine)
		return code;
	power.open++;
	struct name *n = find(path);
	if (makes)
		n->live = new_inode();
	else if (!n->live)
		load(n);
	f->inode = n->live;
	f->syncs_names = flags & SQLITE_OPEN_CREATE && flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL);
	return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
	(void)vfs;
	if (!is_mine(path))
		return power.shim.real->xDelete(power.shim.real, path, 0);
	if (power.off)
		return SQLITE_IOERR_DELETE;
	bool off = fails();
	struct name *n = find(path);
	if (!n->live)
		load(n);
	int code = power.shim.real->xDelete(power.shim.real, path, 0);
	if (code == SQLITE_OK)
		n->live = NULL;
	if (sync_dir && !off)
		make_names_safe();
	return off ? SQLITE_IOERR_DELETE : code;
}

/* ---- life ---- */

void power_begin(const char *dir)
{
	require(!power.open);
	snprintf(power.dir, sizeof power.dir, "%s", dir);
	shim_init(&power.shim, "power", sizeof(struct file));
	power.shim.methods.xClose = on_close;
	power.shim.methods.xRead = on_read;
	power.shim.methods.xWrite = on_write;
	power.shim.methods.xTruncate = on_truncate;
	power.shim.methods.xSync = on_sync;
	power.shim.methods.xFileSize = on_size;
	power.shim.methods.xFileControl = on_control;
	power.shim.vfs.xOpen = on_open;
	power.shim.vfs.xDelete = on_delete;
	power.operations = power.cut_at = power.full_at = 0;
	power.off = false;
	shim_install(&power.shim);
}

void power_end(void)
{
	require(power.open == 0 && !power.off);
	forget_all();
	power.dir[0] = 0;
	shim_remove(&power.shim);
}

void power_arm(uint64_t n)
{
	power.cut_at = n ? power.operations + n : 0;
}

void power_fill(uint64_t n)
{
	power.full_at = n;
	power.growing = 0;
}

void power_cut(void)
{
	power.off = true;
}

bool power_is_off(void)
{
	return power.off;
}

uint64_t power_operations(void)
{
	return power.operations;
}

/* ---- the crash ---- */

/* A piece of a write, no longer than a sector, that was under way. */
static void tear(struct inode *i, size_t at, const uint8_t *bytes, size_t n, struct random *random)
{
	uint8_t torn[SECTOR];
	size_t cut = random_below(random, n + 1);
	memcpy(torn, bytes, n);
	switch (random_below(random, 4)) {
	case 0: memset(torn, 0, n); break;
	case 1: random_bytes(random, torn, n); break;
	case 2: /* its beginning came */ put(i, at, torn, cut); return;
	default: /* its end did */ put(i, at + cut, torn + cut, n - cut); return;
	}
	put(i, at, torn, n);
}

static void survive(struct inode *i, const struct change *c, enum power_mode mode, double chance, struct random *random)
{
	size_t unit = mode == POWER_PAGES ? PAGE : SECTOR;
	if (c->truncates) {
		if (random_chance(random, chance))
			resize(i, c->at);
		return;
	}
	for (size_t at = c->at, end = c->at + c->n, next; at < end; at = next) {
		next = (at / unit + 1) * unit < end ? (at / unit + 1) * unit : end;
		if (random_chance(random, chance))
			put(i, at, c->bytes + (at - c->at), next - at);
		else if (mode == POWER_TORN && random_chance(random, 0.5))
			tear(i, at, c->bytes + (at - c->at), next - at, random);
	}
}

static void write_file(const struct name *n, const struct inode *i)
{
	int fd = open(n->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	require(fd >= 0);
	for (size_t done = 0; done < i->size;) {
		ssize_t wrote = write(fd, i->safe + done, i->size - done);
		require(wrote > 0);
		done += (size_t)wrote;
	}
	require(close(fd) == 0);
}

/* Memory that other processes shared: gone, or left as it was, or anything. */
static void spoil_shm(const char *path, struct random *random)
{
	char shm[300];
	uint8_t noise[2048];
	snprintf(shm, sizeof shm, "%s-shm", path);
	switch (random_below(random, 3)) {
	case 0: unlink(shm); break;
	case 1: {
		int fd = open(shm, O_WRONLY | O_CLOEXEC);
		random_bytes(random, noise, sizeof noise);
		if (fd >= 0) {
			require(write(fd, noise, sizeof noise) == sizeof noise);
			close(fd);
		}
		break;
	}
	default: break;
	}
}

static void power_returns(void)
{
	power.cut_at = power.full_at = 0;
	power.off = false;
}

/* What was renamed or removed past SQLite is so at once. */
static void notice_removals(void)
{
	struct stat st;
	for (size_t i = 0; i < NAMES_MAX; i++) {
		struct name *n = &power.names[i];
		if (n->live && stat(n->path, &st) != 0)
			n->live = n->safe = NULL;
	}
}

void power_crash(enum power_mode mode, struct random *random)
{
	static const double chances[] = {0.05, 0.5, 0.5, 0.95};
	require(power.open == 0);
	if (mode == POWER_KILLED) {
		/* What was not synced is not yet safe. */
		power_returns();
		return;
	}
	notice_removals();
	for (struct inode *i = power.inodes; i && mode > POWER_SYNCED; i = i->next) {
		double chance = chances[random_below(random, 4)];
		size_t live_size = i->live_size;
		for (const struct change *c = i->first; c; c = c->next)
			survive(i, c, mode, chance, random);
		/* Room was given before the content came. */
		if (i->first && live_size > i->size && random_chance(random, 0.25))
			resize(i, live_size);
	}
	for (size_t i = 0; i < NAMES_MAX; i++) {
		struct name *n = &power.names[i];
		if (!n->path[0])
			continue;
		struct inode *now = mode > POWER_SYNCED && random_chance(random, 0.5) ? n->live : n->safe;
		if (now)
			write_file(n, now);
		else
			unlink(n->path);
		spoil_shm(n->path, random);
	}
	forget_all();
	power_returns();
}
