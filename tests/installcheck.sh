#!/bin/sh
# Installs into a scratch folder, builds a small program against the shared and the static library as pkg-config says,
# runs both, and checks that uninstalling leaves nothing. B: what was built, build/release by default.
set -eu
B=${B:-build/release}
variant=$(basename "$B")
case $variant in
asan) sanitize=-fsanitize=address,undefined ;;
tsan) sanitize=-fsanitize=thread ;;
*) sanitize= ;;
esac
cc=${CC:-cc}

scratch=$(mktemp -d "$PWD/build/installcheck.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/usr
quiet_make() {
	# Flags and jobs of a make that may have called this are not meant for this one.
	env -u MAKEFLAGS -u MAKELEVEL make -s --no-print-directory VARIANT="$variant" prefix="$prefix" "$@"
}

quiet_make install >"$scratch/install.log" 2>&1 || { cat "$scratch/install.log" >&2; exit 1; }

cat >"$scratch/program.c" <<'PROGRAM'
#include <candor.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct candor *c = NULL;
	int err = candor_open(&c, "unix:/nonexistent/candord.sock", NULL);
	if (err != UV_ENOENT || c != NULL)
		return 1;
	if (strcmp(candor_strerror(CANDOR_ERR_CLOSED), "the connection ended before the answer came") != 0)
		return 2;
	if (strcmp(candor_code_name(CANDOR_NOT_FOUND), "NOT_FOUND") != 0)
		return 3;
	return 0;
}
PROGRAM

export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
cflags=$(pkg-config --cflags candor)
# Also as C++ programs will see it.
$cc -std=gnu11 -Wall -Wextra -Werror $sanitize $cflags -o "$scratch/shared" "$scratch/program.c" $(pkg-config --libs candor)
$cc -std=gnu11 -Wall -Wextra -Werror $sanitize $cflags -o "$scratch/static" "$scratch/program.c" \
	$(pkg-config --static --libs candor | sed 's/-lcandor/-l:libcandor.a/')
echo '#include <candor.h>' | $cc -x c++ -fsyntax-only -Wall -Wextra -Werror $cflags - 2>"$scratch/cxx.log" || {
	# A machine without a C++ compiler has nothing to check here.
	grep -q 'cc1plus' "$scratch/cxx.log" || { cat "$scratch/cxx.log" >&2; exit 1; }
}

fail() {
	echo "installcheck: $*" >&2
	exit 1
}
LD_LIBRARY_PATH="$prefix/lib" "$scratch/shared" || fail "the program with the shared library ended with $?"
"$scratch/static" || fail "the program with the static library ended with $?"
ldd "$scratch/static" | grep -q libcandor && fail "the static program needs the shared library"
"$prefix/bin/candor" --version >/dev/null || fail "candor does not run"

exported=$(nm -D --defined-only "$prefix/lib/libcandor.so" | awk '{ print $3 }' | grep -v '^candor_' || true)
[ "$variant" != release ] || [ -z "$exported" ] || fail "libcandor.so exports more than candor_*: $exported"

quiet_make uninstall >"$scratch/uninstall.log" 2>&1
left=$(find "$prefix" ! -type d)
[ -z "$left" ] || fail "left behind after uninstalling: $left"
echo "installcheck: shared and static, fine"
