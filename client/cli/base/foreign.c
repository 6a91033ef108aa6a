#include "client/cli/base/foreign.h"

#include <stdbool.h>
#include <string.h>

#define COMPRESSED(program) "compressed; decompress it first (" program " does)"
#define UTF_16 "UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8 does)"

struct kind {
	const char *bytes;
	size_t len;
	const char *words;
};

#define KIND(bytes, words)                     \
	{                                      \
		bytes, sizeof bytes - 1, words \
	}

static const struct kind kinds[] = {
	KIND("\xff\xfe\0\0", "UTF-32 text; save it as UTF-8"),
	KIND("\0\0\xfe\xff", "UTF-32 text; save it as UTF-8"),
	KIND("\xff\xfe", UTF_16),
	KIND("\xfe\xff", UTF_16),
	KIND("\x1f\x8b", COMPRESSED("gzip -d")),
	KIND("BZh", COMPRESSED("bzip2 -d")),
	KIND("\xfd"
	     "7zXZ",
	     COMPRESSED("xz -d")),
	KIND("\x28\xb5\x2f\xfd", COMPRESSED("zstd -d")),
	KIND("7z\xbc\xaf\x27\x1c", COMPRESSED("7z x")),
	KIND("PK\x03\x04", "a spreadsheet (xlsx or ods) or another zip file; export it as CSV, or unpack it first"),
	KIND("\xd0\xcf\x11\xe0", "a spreadsheet (xls); export it as CSV"),
	KIND("PAR1", "a Parquet file; export it as CSV or JSON Lines"),
	KIND("SQLite format 3", "a SQLite database; export a table as CSV (sqlite3 -csv -header does)"),
	KIND("%PDF", "a PDF file, not a table"),
	KIND("<!DOCTYPE", "a web page, not a table"),
	KIND("<!doctype", "a web page, not a table"),
	KIND("<html", "a web page, not a table"),
	KIND("<?xml", "an XML file; export it as CSV or JSON Lines"),
};

/* Plain letters, each with a zero byte before or behind it. */
static bool is_wide(const char *bytes, size_t len)
{
	if (len < 4)
		return false;
	return (bytes[0] && !bytes[1] && bytes[2] && !bytes[3]) || (!bytes[0] && bytes[1] && !bytes[2] && bytes[3]);
}

const char *cli_foreign(const char *bytes, size_t len)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (len >= kinds[i].len && memcmp(bytes, kinds[i].bytes, kinds[i].len) == 0)
			return kinds[i].words;
	return is_wide(bytes, len) ? UTF_16 : NULL;
}
