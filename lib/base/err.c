#include "lib/base/err.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* What POSIX has, in the words of the GNU C library. strerror() would not do: it depends on the locale, and on many
 * systems another thread may overwrite what it returned. */
static const struct {
	int number;
	const char *phrase;
} system_errors[] = {
	{E2BIG, "Argument list too long"},
	{EACCES, "Permission denied"},
	{EADDRINUSE, "Address already in use"},
	{EADDRNOTAVAIL, "Cannot assign requested address"},
	{EAFNOSUPPORT, "Address family not supported by protocol"},
	{EAGAIN, "Resource temporarily unavailable"},
	{EALREADY, "Operation already in progress"},
	{EBADF, "Bad file descriptor"},
	{EBADMSG, "Bad message"},
	{EBUSY, "Device or resource busy"},
	{ECANCELED, "Operation canceled"},
	{ECHILD, "No child processes"},
	{ECONNABORTED, "Software caused connection abort"},
	{ECONNREFUSED, "Connection refused"},
	{ECONNRESET, "Connection reset by peer"},
	{EDEADLK, "Resource deadlock avoided"},
	{EDESTADDRREQ, "Destination address required"},
	{EDOM, "Numerical argument out of domain"},
	{EDQUOT, "Disk quota exceeded"},
	{EEXIST, "File exists"},
	{EFAULT, "Bad address"},
	{EFBIG, "File too large"},
	{EHOSTUNREACH, "No route to host"},
	{EIDRM, "Identifier removed"},
	{EILSEQ, "Invalid or incomplete multibyte or wide character"},
	{EINPROGRESS, "Operation now in progress"},
	{EINTR, "Interrupted system call"},
	{EINVAL, "Invalid argument"},
	{EIO, "Input/output error"},
	{EISCONN, "Transport endpoint is already connected"},
	{EISDIR, "Is a directory"},
	{ELOOP, "Too many levels of symbolic links"},
	{EMFILE, "Too many open files"},
	{EMLINK, "Too many links"},
	{EMSGSIZE, "Message too long"},
	{EMULTIHOP, "Multihop attempted"},
	{ENAMETOOLONG, "File name too long"},
	{ENETDOWN, "Network is down"},
	{ENETRESET, "Network dropped connection on reset"},
	{ENETUNREACH, "Network is unreachable"},
	{ENFILE, "Too many open files in system"},
	{ENOBUFS, "No buffer space available"},
	{ENODEV, "No such device"},
	{ENOENT, "No such file or directory"},
	{ENOEXEC, "Exec format error"},
	{ENOLCK, "No locks available"},
	{ENOLINK, "Link has been severed"},
	{ENOMEM, "Cannot allocate memory"},
	{ENOMSG, "No message of desired type"},
	{ENOPROTOOPT, "Protocol not available"},
	{ENOSPC, "No space left on device"},
	{ENOSYS, "Function not implemented"},
	{ENOTCONN, "Transport endpoint is not connected"},
	{ENOTDIR, "Not a directory"},
	{ENOTEMPTY, "Directory not empty"},
	{ENOTRECOVERABLE, "State not recoverable"},
	{ENOTSOCK, "Socket operation on non-socket"},
	{ENOTTY, "Inappropriate ioctl for device"},
	{ENXIO, "No such device or address"},
	{EOPNOTSUPP, "Operation not supported"},
	{EOVERFLOW, "Value too large for defined data type"},
	{EOWNERDEAD, "Owner died"},
	{EPERM, "Operation not permitted"},
	{EPIPE, "Broken pipe"},
	{EPROTO, "Protocol error"},
	{EPROTONOSUPPORT, "Protocol not supported"},
	{EPROTOTYPE, "Protocol wrong type for socket"},
	{ERANGE, "Numerical result out of range"},
	{EROFS, "Read-only file system"},
	{ESPIPE, "Illegal seek"},
	{ESRCH, "No such process"},
	{ESTALE, "Stale file handle"},
	{ETIMEDOUT, "Connection timed out"},
	{ETXTBSY, "Text file busy"},
	{EXDEV, "Invalid cross-device link"},
};

static const char *system_phrase(int number)
{
	for (size_t i = 0; i < sizeof system_errors / sizeof *system_errors; i++)
		if (system_errors[i].number == number)
			return system_errors[i].phrase;
	return "unknown error";
}

const char *candor_strerror(int err)
{
	switch (err) {
	case 0: return "success";
	case ERR_TOO_BIG: return "frame longer than the limit";
	case ERR_MALFORMED: return "malformed message";
	case ERR_BUDGET: return "message needs more memory than allowed";
	case ERR_FULL: return "a capacity limit has been reached";
	case ERR_STATE: return "not allowed in the item's current state";
	case ERR_DATABASE: return "the database failed";
	case ERR_DISK_FULL: return "no space left for the database";
	case ERR_SCHEMA: return "not a candor database, or one from a newer version";
	case ERR_LOCKED: return "another candord is using this database";
	case ERR_ADDRESS: return "not an address";
	case ERR_CONFLICT: return "a different outcome is already recorded";
	case ERR_CLOSED: return "the connection was closed before the answer arrived";
	case ERR_PROTOCOL: return "the peer violated the protocol";
	case ERR_HISTORY: return "the history contradicts itself";
	case ERR_DAMAGED: return "the database is damaged";
	case ERR_TLS: return "the encrypted connection failed";
	case ERR_NEWER: return "a field is set that this version of libcandor does not know";
	case ERR_BUSY: return "the database is locked by another program";
	case ERR_MOVED: return "the database's files were moved, removed or replaced";
	case ERR_UPGRADE: return "the database cannot be upgraded";
	case -4095: return "end of file"; /* libuv's UV_EOF, the only one a reader meets that is not from errno */
	}
	if (err <= -3000 && err >= -3014)
		return "the host name cannot be resolved"; /* libuv's UV_EAI_* */
	return err > -3000 ? system_phrase(-err) : "unknown error";
}

void require_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition);
	abort();
}
