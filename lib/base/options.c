#include "lib/base/options.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/similar.h"

enum { NAME_MAX_BYTES = 64 };

/* As it was given: getopt has just passed it, and its value if that is a word of its own. */
static const char *word_of(char **argv, int opt)
{
	bool has_own = opt != '?' && opt != ':' && optarg && optarg == argv[optind - 1];
	return argv[optind - 1 - has_own];
}

static bool is_known(const struct option *all, const char *name, size_t len)
{
	for (; all->name; all++)
		if (strlen(all->name) == len && memcmp(all->name, name, len) == 0)
			return true;
	return false;
}

static int say_unknown(const struct option *all, const char *word, char *fault, size_t size)
{
	char name[NAME_MAX_BYTES], hint[2 * NAME_MAX_BYTES];
	size_t len = strcspn(word + 2, "=");
	struct similar s = {.word = name};
	snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name), word + 2);
	for (; all->name; all++)
		similar_try(&s, all->name);
	snprintf(fault, size, "unknown option %.*s%s", (int)(len + 2 < 200 ? len + 2 : 200), word,
		 similar_hint(&s, "--", hint, sizeof hint));
	return '?';
}

int options_next(int argc, char **argv, bool in_order, const struct option *all, char *fault, size_t size)
{
	opterr = 0;
	int opt = getopt_long(argc, argv, in_order ? "+:" : ":", all, NULL);
	if (opt == -1)
		return opt;
	const char *word = word_of(argv, opt);
	bool is_long = strncmp(word, "--", 2) == 0;
	if (is_long && !is_known(all, word + 2, strcspn(word + 2, "=")))
		return say_unknown(all, word, fault, size);
	if (opt != '?' && opt != ':')
		return opt;
	if (!is_long)
		snprintf(fault, size, "unknown option -%c", isprint(optopt) ? optopt : '?');
	else
		snprintf(fault, size,
			 opt == ':' ? "option %.200s needs a value" : "option %.200s does not take a value", word);
	return '?';
}
