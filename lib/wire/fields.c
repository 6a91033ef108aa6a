#include "lib/wire/fields.h"

#include <assert.h>
#include <string.h>

#include "lib/base/wipe.h"
#include "lib/wire/walk.h"

enum { RIGHTS = 6 };
static_assert((1 << RIGHTS) - 1 == CANDOR_RIGHTS_ALL, "right number N of the proto is bit N - 1");

/* ---- faults ---- */

/* The array of them is made when the first one turns up. */
static void row_fault(struct wire_reader *d, const char *subject, const char *what)
{
	if (!d->row_fault)
		d->row_fault = arena_calloc(d->arena, d->request->request.n, sizeof *d->row_fault);
	if (d->row_fault && d->row_fault[d->row])
		return;
	if (subject != d->last_subject || what != d->last_what) {
		d->last_sentence = arena_printf(d->arena, "%s %s", subject, what);
		d->last_subject = subject;
		d->last_what = what;
	}
	if (d->row_fault)
		d->row_fault[d->row] = d->last_sentence;
	if (!d->row_fault || !d->last_sentence)
		d->err = wire_arena_error(d->arena);
	d->request->row_fault = d->row_fault;
}

void wire_fault(struct wire_reader *d, const char *subject, const char *what)
{
	if (d->err)
		return;
	if (!d->request) {
		d->err = ERR_MALFORMED;
	} else if (d->in_row) {
		row_fault(d, subject, what);
	} else if (!d->request->fault) {
		d->request->fault = arena_printf(d->arena, "%s %s", subject, what);
		if (!d->request->fault)
			d->err = wire_arena_error(d->arena);
	}
}

void wire_row_fault(struct wire_reader *d, const struct wire_row *row, const char *what)
{
	wire_fault(d, row->subject ? row->subject : row->name, what);
}

/* what: NULL where nothing is wrong. */
static void check(struct wire_reader *d, const struct wire_row *row, const char *what)
{
	if (what)
		wire_row_fault(d, row, what);
}

/* ---- reading ---- */

static size_t count(const void *structure, uint16_t offset)
{
	size_t n;
	memcpy(&n, walk_from(structure, offset), sizeof n);
	return n;
}

static void *block(struct wire_reader *d, size_t n, size_t size)
{
	void *all = arena_calloc(d->arena, n, size);
	if (!all && !d->err)
		d->err = wire_arena_error(d->arena);
	return all;
}

static void read_hash(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	const ProtobufCBinaryData *bytes = walk_from(message, row->message);
	if (bytes->len == (row->max ? row->max : CANDOR_DIGEST_BYTES))
		walk_point(plain, row->plain, bytes->data);
	else if (bytes->len > 0 || row->strict)
		wire_row_fault(d, row, "is not a digest; it must be 32 bytes long");
}

/* Not "" where some was sent, though it could not be one. */
static void read_secret(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	const ProtobufCBinaryData *bytes = walk_from(message, row->message);
	const char *what = NULL;
	if (bytes->len > row->max)
		what = row->too_many;
	else if (bytes->len > 0 && memchr(bytes->data, 0, bytes->len))
		what = "contains a zero byte; send the text exactly as the daemon issued it";
	size_t len = what ? 1 : bytes->len;
	char *text = block(d, len + 1, 1);
	check(d, row, what);
	if (!text)
		return;
	if (len > 0)
		memcpy(text, what ? (const void *)"?" : bytes->data, len);
	if (bytes->len)
		wipe(bytes->data, bytes->len);
	walk_point(plain, row->plain, text);
	d->request->secret = len ? text : NULL;
}

static void read_rights(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	const int *numbers = walk_pointer(message, row->message);
	unsigned *rights = walk_to(plain, row->plain);
	for (size_t i = 0; i < count(message, row->message_n); i++)
		if (numbers[i] >= 1 && numbers[i] <= RIGHTS)
			*rights |= 1u << (numbers[i] - 1);
		else if (row->strict)
			wire_row_fault(d, row, "include one that this daemon does not know");
}

static void read_reals(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	const size_t n = count(message, row->message_n);
	if (n > 0 && n != row->max) {
		wire_row_fault(d, row, row->too_many);
		return;
	}
	walk_point(plain, row->plain, n ? walk_pointer(message, row->message) : NULL);
	memcpy(walk_to(plain, row->plain_n), &n, sizeof n);
}

/* How many are to be looked at: none where there are more than there may be. */
static size_t announce(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	size_t n = count(message, row->message_n);
	memcpy(walk_to(plain, row->plain_n), &n, sizeof n);
	if (row->max == 0 || n <= row->max)
		return n;
	wire_fault(d, row->name, row->too_many);
	return 0;
}

static void read_rows(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	void *const *messages = walk_pointer(message, row->message);
	size_t size = row->of->plain_size, n = announce(d, row, message, plain);
	char *rows = n ? block(d, n, size) : NULL;
	walk_point(plain, row->plain, rows);
	d->in_row = row->own_faults;
	for (size_t i = 0; rows && i < n && !d->err; i++) {
		if (row->own_faults)
			d->row = i;
		wire_read(d, row->of, messages[i], rows + i * size);
	}
	d->in_row = false;
}

static void read_texts(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	const char *const *texts = walk_pointer(message, row->message);
	size_t n = announce(d, row, message, plain);
	walk_point(plain, row->plain, texts);
	d->in_row = row->own_faults;
	for (size_t i = 0; i < n && !d->err; i++) {
		d->row = i;
		check(d, row, row->text_fault(texts[i], wire_text_len(texts[i])));
	}
	d->in_row = false;
}

/* A message that is absent leaves zeros. */
static void read_message(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	const void *part = walk_pointer(message, row->message);
	void *structure = walk_to(plain, row->plain);
	if (!part && row->strict)
		wire_row_fault(d, row, "is missing");
	if (!part)
		return;
	if (row->kind == WIRE_LINK) {
		structure = block(d, 1, row->of->plain_size);
		walk_point(plain, row->plain, structure);
	}
	if (structure)
		wire_read(d, row->of, part, structure);
}

void wire_read_other(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	uint32_t limit;
	switch ((enum wire_kind)row->kind) {
	case WIRE_LIMIT:
		memcpy(&limit, walk_from(message, row->message), sizeof limit);
		if (limit == 0)
			limit = CANDOR_PAGE_DEFAULT;
		memcpy(walk_to(plain, row->plain), &limit, sizeof limit);
		check(d, row, row->value_fault(&limit));
		break;
	case WIRE_HASH: read_hash(d, row, message, plain); break;
	case WIRE_SECRET: read_secret(d, row, message, plain); break;
	case WIRE_RIGHTS: read_rights(d, row, message, plain); break;
	case WIRE_REALS: read_reals(d, row, message, plain); break;
	case WIRE_PART:
	case WIRE_LINK: read_message(d, row, message, plain); break;
	case WIRE_ROWS: read_rows(d, row, message, plain); break;
	case WIRE_TEXTS: read_texts(d, row, message, plain); break;
	case WIRE_U32:
	case WIRE_U64:
	case WIRE_REAL:
	case WIRE_BOOL:
	case WIRE_TEXT: break; /* walk_read() reads these itself */
	}
}

void wire_read(struct wire_reader *d, const struct wire_table *table, const void *message, void *plain)
{
	if (table->read)
		table->read(d, message, plain);
	else
		walk_read(d, table, message, plain);
}

/* ---- writing ---- */

/* For all of a list, one after the other. */
static int write_rows(struct arena *a, const struct wire_row *row, const void *plain, void *message)
{
	const struct wire_table *of = row->of;
	const char *structures = walk_pointer(plain, row->plain);
	size_t n = count(plain, row->plain_n), size = of->descriptor->sizeof_message;
	if (n == 0)
		return 0;
	char *messages = arena_alloc(a, n * size);
	void **pointers = arena_alloc(a, n * sizeof *pointers);
	int err = messages && pointers ? 0 : wire_arena_error(a);
	for (size_t i = 0; i < n && !err; i++) {
		pointers[i] = messages + i * size;
		err = wire_write(a, of, structures + i * of->plain_size, pointers[i]);
	}
	walk_point(message, row->message, pointers);
	memcpy(walk_to(message, row->message_n), &n, sizeof n);
	return err;
}

static int write_message(struct arena *a, const struct wire_row *row, const void *plain, void *message)
{
	const void *structure = row->kind == WIRE_LINK ? walk_pointer(plain, row->plain) : walk_from(plain, row->plain);
	if (!structure)
		return 0;
	void *part = arena_alloc(a, row->of->descriptor->sizeof_message);
	walk_point(message, row->message, part);
	return part ? wire_write(a, row->of, structure, part) : wire_arena_error(a);
}

static int write_rights(struct arena *a, const struct wire_row *row, const void *plain, void *message)
{
	unsigned rights;
	memcpy(&rights, walk_from(plain, row->plain), sizeof rights);
	int *numbers = arena_alloc(a, RIGHTS * sizeof *numbers);
	size_t n = 0;
	if (!numbers)
		return wire_arena_error(a);
	for (int right = 1; right <= RIGHTS; right++)
		if (rights & (1u << (right - 1)))
			numbers[n++] = right;
	walk_point(message, row->message, numbers);
	memcpy(walk_to(message, row->message_n), &n, sizeof n);
	return 0;
}

/* protobuf-c only reads what it packs, so the caller's own text, hashes and lists of text or numbers serve as they
 * are. */
int wire_write_other(struct arena *a, const struct wire_row *row, const void *plain, void *message)
{
	ProtobufCBinaryData *bytes = walk_to(message, row->message);
	switch ((enum wire_kind)row->kind) {
	case WIRE_LIMIT: memcpy(walk_to(message, row->message), walk_from(plain, row->plain), sizeof(uint32_t)); break;
	case WIRE_HASH:
		bytes->data = walk_pointer(plain, row->plain);
		bytes->len = !bytes->data ? 0 : row->max ? row->max : CANDOR_DIGEST_BYTES;
		break;
	case WIRE_SECRET:
		bytes->data = (uint8_t *)wire_text(walk_pointer(plain, row->plain));
		bytes->len = strlen((const char *)bytes->data);
		break;
	case WIRE_RIGHTS: return write_rights(a, row, plain, message);
	case WIRE_PART:
	case WIRE_LINK: return write_message(a, row, plain, message);
	case WIRE_ROWS: return write_rows(a, row, plain, message);
	case WIRE_REALS:
	case WIRE_TEXTS:
		walk_point(message, row->message, walk_pointer(plain, row->plain));
		memcpy(walk_to(message, row->message_n), walk_from(plain, row->plain_n), sizeof(size_t));
		break;
	case WIRE_U32:
	case WIRE_U64:
	case WIRE_REAL:
	case WIRE_BOOL:
	case WIRE_TEXT: break; /* walk_write() writes these itself */
	}
	return 0;
}

int wire_write(struct arena *a, const struct wire_table *table, const void *plain, void *message)
{
	return table->write ? table->write(a, plain, message) : walk_write(a, table, plain, message);
}
