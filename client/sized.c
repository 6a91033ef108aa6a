#include "client/sized.h"

#include <string.h>

int sized_read(void *to, size_t known, const void *from, size_t size)
{
	const unsigned char *bytes = from;
	size_t common = size < known ? size : known;
	for (size_t i = known; i < size; i++)
		if (bytes[i] != 0)
			return ERR_NEWER;
	memset(to, 0, known);
	memcpy(to, from, common);
	return 0;
}
