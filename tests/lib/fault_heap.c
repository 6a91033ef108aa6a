#include "tests/lib/fault_heap.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "lib/base/err.h"
#include "tests/lib/fault.h"

static bool runs_out(enum fault_kind kind)
{
	enum fault_how how;
	if (!fault_strikes(kind, &how))
		return false;
	errno = ENOMEM;
	return true;
}

/* ---- what the program calls ---- */

/* The linker resolves each call of f() to __wrap_f(), and __real_f() to f(). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
FILE *__real_fopen(const char *path, const char *mode);
char *__real_realpath(const char *path, char *out);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
FILE *__wrap_fopen(const char *path, const char *mode);
char *__wrap_realpath(const char *path, char *out);
int __wrap_asprintf(char **out, const char *format, ...) PRINTF_LIKE(2, 3);
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...) PRINTF_LIKE(3, 4);

void *__wrap_malloc(size_t size)
{
	return runs_out(FAULT_MEMORY) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return runs_out(FAULT_MEMORY) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return runs_out(FAULT_MEMORY) ? NULL : __real_realloc(block, size);
}

char *__wrap_strdup(const char *text)
{
	return runs_out(FAULT_MEMORY) ? NULL : __real_strdup(text);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return runs_out(FAULT_MEMORY) ? NULL : __real_fopen(path, mode);
}

char *__wrap_realpath(const char *path, char *out)
{
	return runs_out(FAULT_MEMORY) ? NULL : __real_realpath(path, out);
}

int __wrap_asprintf(char **out, const char *format, ...)
{
	if (runs_out(FAULT_MEMORY))
		return -1;
	va_list args;
	va_start(args, format);
	int len = vasprintf(out, format, args);
	va_end(args);
	return len;
}

int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
	(void)flag;
	if (runs_out(FAULT_MEMORY))
		return -1;
	va_list args;
	va_start(args, format);
	int len = vasprintf(out, format, args);
	va_end(args);
	return len;
}

/* ---- SQLite ---- */

static sqlite3_mem_methods own;

static void *on_malloc(int size)
{
	return runs_out(FAULT_SQLITE_MEMORY) ? NULL : own.xMalloc(size);
}

static void *on_realloc(void *block, int size)
{
	return runs_out(FAULT_SQLITE_MEMORY) ? NULL : own.xRealloc(block, size);
}

/* ---- libuv ---- */

static void *on_uv_malloc(size_t size)
{
	return runs_out(FAULT_UV_MEMORY) ? NULL : __real_malloc(size);
}

static void *on_uv_calloc(size_t n, size_t size)
{
	return runs_out(FAULT_UV_MEMORY) ? NULL : __real_calloc(n, size);
}

static void *on_uv_realloc(void *block, size_t size)
{
	return runs_out(FAULT_UV_MEMORY) ? NULL : __real_realloc(block, size);
}

void fault_heap_install(void)
{
	require(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &own) == SQLITE_OK);
	sqlite3_mem_methods failing = own;
	failing.xMalloc = on_malloc;
	failing.xRealloc = on_realloc;
	require(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK);
	/* Small blocks too are to come from there. */
	require(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK);
	require(uv_replace_allocator(on_uv_malloc, on_uv_realloc, on_uv_calloc, free) == 0);
}
