#include "lib/base/body.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/heap.h"

struct bytes_body {
	struct body body;
	struct buf text;
	size_t given;
};

static int next_bytes(struct body *b, size_t want, struct buf *out)
{
	struct bytes_body *self = (struct bytes_body *)b;
	size_t left = self->text.len - self->given, n = want < left ? want : left;
	int err = n > 0 ? buf_append(out, self->text.data + self->given, n) : 0;
	if (err)
		return err;
	self->given += n;
	return self->given < self->text.len;
}

static void free_bytes(struct body *b)
{
	struct bytes_body *self = (struct bytes_body *)b;
	buf_free(&self->text);
	free(self);
}

static size_t bytes_of_bytes(const struct body *b)
{
	const struct bytes_body *self = (const struct bytes_body *)b;
	return heap_bytes(sizeof *self) + heap_bytes(self->text.cap);
}

int body_of_bytes(struct body **out, struct buf *text)
{
	struct bytes_body *self = malloc(sizeof *self);
	if (!self)
		return -ENOMEM;
	*self = (struct bytes_body){
		.body = {.next = next_bytes, .free = free_bytes, .bytes = bytes_of_bytes},
		.text = *text,
	};
	*text = (struct buf){0};
	*out = &self->body;
	return 0;
}

int body_next(struct body *b, size_t want, struct buf *out)
{
	return b->next(b, want, out);
}

void body_free(struct body *b)
{
	if (b)
		b->free(b);
}

size_t body_bytes(const struct body *b)
{
	return b ? b->bytes(b) : 0;
}
