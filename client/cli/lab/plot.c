#include "client/cli/lab/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cli/base/number.h"

static const char *terminal_of(const char *path)
{
	const char *dot = strrchr(path, '.');
	if (dot && strcmp(dot, ".svg") == 0)
		return "svg size 720,440 enhanced font 'sans,13' background rgb 'white'";
	if (dot && strcmp(dot, ".png") == 0)
		return "pngcairo size 1080,660 enhanced font 'sans,15' background rgb 'white'";
	return NULL;
}

const char *plot_file_fault(const char *path)
{
	return terminal_of(path) ? NULL : "the file name must end in .svg or .png";
}

/* In gnuplot's single quotes, inside which only the quote itself is special. */
static void put_text(FILE *to, const char *before, const char *text, const char *after)
{
	fprintf(to, "%s'", before);
	for (; *text; text++) {
		if (*text == '\'')
			putc('\'', to);
		putc(*text, to);
	}
	fprintf(to, "'%s", after);
}

static bool drawable(const struct plot *p, double x, double y)
{
	return isfinite(x) && isfinite(y) && (!p->log_x || x > 0) && (!p->log_y || y > 0);
}

/* A point that cannot be drawn leaves a gap: an empty line is one. */
static void put_points(const struct plot *p, const struct plot_curve *c, FILE *to)
{
	for (size_t i = 0; i < c->n; i++) {
		if (drawable(p, c->x[i], c->y[i]))
			fprintf(to, "%s %s", cli_exact(c->x[i]).s, cli_exact(c->y[i]).s);
		putc('\n', to);
	}
	fputs("e\n", to);
}

static void put_script(const struct plot *p, const char *path, FILE *to)
{
	const char *before = "plot ";
	fprintf(to, "set terminal %s\n", terminal_of(path));
	put_text(to, "set title ", p->title, " noenhanced\n");
	put_text(to, "set xlabel ", p->x_title, " noenhanced\n");
	put_text(to, "set ylabel ", p->y_title, " noenhanced\n");
	/* The palette of Okabe and Ito, which is also readable for colour-blind people. */
	fputs("set linetype 1 lc rgb '#0072b2'\nset linetype 2 lc rgb '#d55e00'\nset linetype 3 lc rgb '#009e73'\n"
	      "set linetype 4 lc rgb '#cc79a7'\nset linetype 5 lc rgb '#e69f00'\nset linetype 6 lc rgb '#56b4e9'\n"
	      "set linetype 7 lc rgb '#000000'\nset linetype 8 lc rgb '#999999'\nset linetype cycle 8\n"
	      "set key outside right top noenhanced\nset grid lt 1 lc rgb '#dddddd'\nset border 3\nset tics nomirror\n",
	      to);
	if (p->log_x)
		fputs("set logscale x\nset format x '10^{%L}'\n", to);
	if (p->log_y)
		fputs("set logscale y\n", to);
	for (size_t i = 0; i < p->n; i++) {
		if (plot_points(p, &p->curves[i]) == 0)
			continue;
		fprintf(to, "%s'-' with linespoints pt 7 ps 0.4 lw 2%s", before,
			p->curves[i].dashed ? " dt (6, 4)" : "");
		put_text(to, " title ", p->curves[i].name, "");
		before = ", ";
	}
	putc('\n', to);
	for (size_t i = 0; i < p->n; i++)
		if (plot_points(p, &p->curves[i]) > 0)
			put_points(p, &p->curves[i], to);
}

/* gnuplot with a pipe to its standard input, and the picture as its standard output: no name of a file is part of the
 * script. 0 or a negative errno. */
static int start(int picture, pid_t *pid, FILE **to)
{
	char *argv[] = {(char[]){"gnuplot"}, NULL};
	extern char **environ;
	posix_spawn_file_actions_t actions;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, picture, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
	int err = -posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[0]);
	*to = err ? NULL : fdopen(ends[1], "w");
	if (!*to)
		close(ends[1]);
	return err;
}

/* Closes the pipe and waits for gnuplot: 0, or -EIO if it failed. */
static int finish(pid_t pid, FILE *to)
{
	int status;
	bool written = to && fclose(to) == 0;
	pid_t ended;
	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	return written && ended == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* p NULL: nothing is drawn. */
static int run(const struct plot *p, const char *path, int picture)
{
	pid_t pid;
	FILE *to = NULL;
	int err = start(picture, &pid, &to);
	if (err)
		return err;
	/* If gnuplot ends early, its status tells us, not a signal. */
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	if (to && p)
		put_script(p, path, to);
	err = finish(pid, to);
	signal(SIGPIPE, before);
	return err;
}

int plot_available(void)
{
	return run(NULL, NULL, STDERR_FILENO);
}

int plot_draw(const struct plot *p, const char *path)
{
	size_t n = 0;
	require(!plot_file_fault(path));
	for (size_t i = 0; i < p->n; i++)
		n += plot_points(p, &p->curves[i]);
	if (n == 0)
		return -ENODATA;
	int picture = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (picture < 0)
		return -errno;
	int err = run(p, path, picture);
	close(picture);
	if (err)
		unlink(path);
	return err;
}

size_t plot_points(const struct plot *p, const struct plot_curve *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++)
		n += drawable(p, c->x[i], c->y[i]);
	return n;
}
