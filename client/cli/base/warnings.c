#include "client/cli/base/warnings.h"

#include <stdarg.h>
#include <stdio.h>

#include "client/cli/base/json.h"
#include "client/cli/base/number.h"

static const struct kind {
	const char *name; /* in documents */
	const char *one, *many; /* what the number of them is followed by */
} kinds[] = {
	[CLI_NAMES_ALIKE] = {"names-alike",
			     "name differs from another only in blanks, case, composition or invisible characters",
			     "names differ from another only in blanks, case, composition or invisible characters"},
	[CLI_NAMES_INVISIBLE] = {"names-invisible",
				 "name begins or ends with a blank, or has characters that cannot be seen",
				 "names begin or end with a blank, or have characters that cannot be seen"},
	[CLI_NUMBERS_ALIKE] = {"numbers-alike", "name is the same number as another, but written differently",
			       "names are the same number as another, but written differently"},
	[CLI_NUMBERS_ROUNDED] = {"numbers-rounded",
				 "name looks like a long number that a spreadsheet has rounded: different names may "
				 "have become the same",
				 "names look like long numbers that a spreadsheet has rounded: different names may "
				 "have become the same"},
	[CLI_SEVERAL_ANSWERS] = {"several-answers",
				 "row replaces an earlier answer of the same labeler on the same item; the last one "
				 "counts",
				 "rows replace an earlier answer of the same labeler on the same item; the last one "
				 "counts"},
	[CLI_ENDED_BEFORE] = {"ended-before",
			      "row came too late, for an item that was ended before, perhaps by an earlier import; "
			      "with --keep-open, an import leaves its items open",
			      "rows came too late, for items that were ended before, perhaps by an earlier import; "
			      "with --keep-open, an import leaves its items open"},
};
_Static_assert(sizeof kinds / sizeof *kinds == CLI_WARNINGS, "words for each kind");

void cli_warn(struct cli_warnings *w, enum cli_warning kind, const char *example, ...)
{
	if (w->count[kind]++ > 0)
		return;
	va_list args;
	va_start(args, example);
	vsnprintf(w->example[kind], sizeof w->example[kind], example, args);
	va_end(args);
}

static const char *words(const struct cli_warnings *w, int kind)
{
	return w->count[kind] == 1 ? kinds[kind].one : kinds[kind].many;
}

void cli_say_warnings(const struct cli *c, struct cli_warnings *w)
{
	for (int i = 0; i < CLI_WARNINGS; i++) {
		if (w->count[i] > 0 && !w->said[i])
			cli_error(c, "warning: %s %s (%s%s)", cli_count(w->count[i]).s, words(w, i),
				  w->count[i] == 1 ? "" : "first: ", w->example[i]);
		w->said[i] |= w->count[i] > 0;
	}
}

void cli_put_warnings(const struct cli_warnings *w, struct json_out *j)
{
	for (int i = 0; i < CLI_WARNINGS; i++) {
		char message[640];
		if (w->count[i] == 0)
			continue;
		snprintf(message, sizeof message, "%s %s (%s%s)", cli_count(w->count[i]).s, words(w, i),
			 w->count[i] == 1 ? "" : "first: ", w->example[i]);
		json_out_open(j, '{');
		cli_json_text(j, "kind", kinds[i].name);
		cli_json_count(j, "count", w->count[i]);
		cli_json_text(j, "message", message);
		json_out_close(j, '}');
	}
}
