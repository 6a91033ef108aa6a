/* Goes through the corpus of a fuzz target once, or through the files that are named: fuzz_NAME [FILE...]. Prints TAP,
 * one test; a requirement that fails ends the process, and the input that it was is named. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static char now[512]; /* the input that is being tried */

static void on_death(int number)
{
	static const char before[] = "# it was the input ";
	(void)!write(STDOUT_FILENO, before, sizeof before - 1);
	(void)!write(STDOUT_FILENO, now, strlen(now));
	(void)!write(STDOUT_FILENO, "\n", 1);
	signal(number, SIG_DFL);
	raise(number);
}

static bool try_file(const char *path)
{
	struct stat about;
	uint8_t *bytes = NULL;
	snprintf(now, sizeof now, "%s", path);
	FILE *in = fopen(path, "re");
	bool read = in && fstat(fileno(in), &about) == 0 && (bytes = malloc((size_t)about.st_size + 1)) &&
		    fread(bytes, 1, (size_t)about.st_size, in) == (size_t)about.st_size;
	if (in)
		fclose(in);
	if (read) {
		uint8_t *exact = fuzz_exact((struct meal){bytes, (size_t)about.st_size});
		LLVMFuzzerTestOneInput(exact, (size_t)about.st_size);
		free(exact);
	} else {
		printf("# %s cannot be read: %s\n", path, strerror(errno));
	}
	free(bytes);
	return read;
}

int main(int argc, char **argv)
{
	static const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	const char *name = strstr(argv[0], "fuzz_");
	struct dirent **files = NULL;
	char dir[256];
	int n = 0;
	bool good = true;
	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
		signal(deadly[i], on_death);
	while (name && strstr(name + 1, "fuzz_"))
		name = strstr(name + 1, "fuzz_");
	require(name);
	name += strlen("fuzz_");
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	puts("1..1");
	snprintf(now, sizeof now, "that is empty");
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);

	snprintf(dir, sizeof dir, "tests/fuzz/corpus/%s", name);
	if (argc == 1 && (n = scandir(dir, &files, NULL, alphasort)) < 0)
		printf("# %s: %s\n", dir, strerror(errno));
	int tried = 0;
	for (int i = 0; i < n; i++) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s", dir, files[i]->d_name);
		if (files[i]->d_name[0] != '.') {
			good = try_file(path) && good;
			tried++;
		}
		free(files[i]);
	}
	free(files);
	for (int i = 1; i < argc; i++, tried++)
		good = try_file(argv[i]) && good;
	good = good && tried > 0;
	printf("%s 1 - %s holds on %d inputs\n", good ? "ok" : "not ok", name, tried);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
