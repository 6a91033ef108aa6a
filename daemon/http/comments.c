#include "daemon/http/comments.h"

#include <stddef.h>
#include <string.h>

const char *comment_of(const char *owner, const char *name)
{
	static const struct {
		const char *owner, *name, *text;
	} comments[] = {
#define COMMENT(owner, name, text) {owner, name, text},
#include "comments.def"
	};
	for (size_t i = 0; i < sizeof comments / sizeof *comments; i++)
		if (strcmp(comments[i].owner, owner) == 0 && strcmp(comments[i].name, name) == 0)
			return comments[i].text;
	return NULL;
}
