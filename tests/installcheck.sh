#!/usr/bin/env bash
# Installs into a scratch folder, and uses what is there as others would: the headers by each standard, the libraries
# as pkg-config says, the examples of docs/library.md against a daemon. Then uninstalls and looks for what is left.
#
#   B=build/release tests/installcheck.sh
#
# Exit status 0; 77 where all is well but something could not be tried here (a line says SKIPPED and why); else 1.
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-build/release}
variant=$(basename "$B")
case $variant in
asan) sanitize=-fsanitize=address,undefined ;;
tsan) sanitize=-fsanitize=thread ;;
*) sanitize= ;;
esac
read -ra cc <<<"${CC:-cc} $sanitize -Wall -Wextra -Werror"
read -ra cxx <<<"${CXX:-c++} $sanitize -std=c++17 -pedantic -Wall -Wextra -Werror"

mkdir -p build
scratch=$(mktemp -d "$PWD/build/installcheck.XXXXXX")
daemon=
finish() {
	[ -z "$daemon" ] || { kill "$daemon" && wait "$daemon"; } 2>/dev/null || true
	rm -rf "$scratch"
}
trap finish EXIT
prefix=$scratch/usr
skipped=

fail() {
	echo "installcheck: $*" >&2
	exit 1
}

# quietly NAME COMMAND...: runs it; what it prints is shown only if it fails.
quietly() {
	local name=$1
	shift
	"$@" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; fail "$name"; }
}

make_here() {
	# Flags and jobs of a make that may have called this are not meant for this one.
	env -u MAKEFLAGS -u MAKELEVEL make -s --no-print-directory VARIANT="$variant" prefix="$prefix" "$@"
}

quietly "make install" make_here install
for file in bin/candord bin/candor include/candor.h include/candor_async.h share/candor/candor.proto \
	share/doc/candor/LICENSE share/doc/candor/README.md share/doc/candor/docs/library.md; do
	[ -s "$prefix/$file" ] || fail "$file is not installed"
done
quietly "candor does not run" "$prefix/bin/candor" --version

# ---- units ----

if command -v systemd-analyze >/dev/null; then
	quietly "systemd-analyze verify" systemd-analyze verify "$prefix"/lib/systemd/system/candord*
	[ ! -s "$scratch/log" ] || { cat "$scratch/log" >&2; fail "systemd-analyze verify is not content"; }
else
	echo "installcheck: SKIPPED: there is no systemd-analyze to verify the units (Debian: systemd)"
	skipped=yes
fi

# ---- candor.pc ----

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
pkg-config --validate candor >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; fail "candor.pc is not valid"; }
[ ! -s "$scratch/log" ] || { cat "$scratch/log" >&2; fail "candor.pc is not clean"; }
read -ra cflags < <(pkg-config --cflags candor)
read -ra shared < <(pkg-config --libs candor)
read -ra static < <(pkg-config --static --libs candor | sed 's/-lcandor/-l:libcandor.a/')
read -ra uv < <(pkg-config --cflags --libs libuv)
version=$(printf '#include <candor.h>\nCANDOR_VERSION_MAJOR.CANDOR_VERSION_MINOR.CANDOR_VERSION_PATCH\n' |
	"${cc[@]}" "${cflags[@]}" -E -P - | tail -n 1 | tr -d ' ')
[ "$version" = "$(pkg-config --modversion candor)" ] || fail "candor.h is of version $version, candor.pc is not"

# ---- the headers ----

# A compiler for which there is no uv.h.
mkdir "$scratch/without"
echo '#error "candor.h needs uv.h"' >"$scratch/without/uv.h"

# compiles NAME HEADER COMPILER...
compiles() {
	local name=$1 header=$2
	shift 2
	printf '#include <%s>\n#include <%s>\n' "$header" "$header" >"$scratch/include.$name"
	quietly "$header does not compile as $*" "$@" "${cflags[@]}" -fsyntax-only "$scratch/include.$name"
}
for standard in c99 c11; do
	compiles c candor.h "${cc[@]}" -std=$standard -pedantic -isystem "$scratch/without"
	compiles c candor_async.h "${cc[@]}" -std=$standard -pedantic -D_POSIX_C_SOURCE=200809L
done
if echo 'int x;' | "${cxx[@]}" -x c++ -fsyntax-only - 2>/dev/null; then
	compiles cc candor.h "${cxx[@]}" -isystem "$scratch/without"
	compiles cc candor_async.h "${cxx[@]}"
else
	skipped="C++: there is no ${CXX:-c++} here that works"
fi

# ---- the libraries ----

exported=$(nm -D --defined-only "$prefix/lib/libcandor.so" | awk '{ print $3 }' | grep -v '^candor_' || true)
[ "$variant" != release ] || [ -z "$exported" ] || fail "libcandor.so exports more than candor_*: $exported"
nm -g --defined-only "$prefix/lib/libcandor.a" >"$scratch/log" 2>/dev/null
exported=$(awk 'NF == 3 { print $3 }' "$scratch/log" | grep -v '^candor_' || true)
[ "$variant" != release ] || [ -z "$exported" ] || fail "libcandor.a exports more than candor_*: $exported"
for header in candor.h candor_async.h; do
	# Every function that a header declares is there.
	for name in $(sed -n 's/^CANDOR_API .*\(candor_[a-z_]*\)(.*/\1/p' "$prefix/include/$header"); do
		nm -D --defined-only "$prefix/lib/libcandor.so" | grep -q " $name\$" || fail "libcandor.so has no $name()"
	done
done
soname=$(objdump -p "$prefix/lib/libcandor.so" | awk '$1 == "SONAME" { print $2 }')
[ -e "$prefix/lib/$soname" ] || fail "libcandor.so is called $soname, and there is no such file"

# ---- the examples ----

awk -v dir="$scratch" '
	/^```c(\+\+)? / { out = dir "/" $2 ($1 == "```c" ? ".c" : ".cc"); next }
	/^```$/ { out = "" }
	out { print >out }' docs/library.md
socket=unix:$scratch/s
"$prefix/bin/candord" --db "$scratch/db" --listen "$socket" >"$scratch/daemon" 2>&1 &
daemon=$!
for _ in {1..300}; do
	grep -q 'is ready' "$scratch/daemon" && break
	kill -0 "$daemon" 2>/dev/null || { cat "$scratch/daemon" >&2; fail "candord did not start"; }
	sleep 0.1
done
for pool in demo demo-2; do
	quietly "candor pool create" "$prefix/bin/candor" --server "$socket" pool create $pool
done

# prints PROGRAM PATTERN: the program speaks with the daemon and says so.
prints() {
	LD_LIBRARY_PATH=$prefix/lib quietly "$1 failed" "$scratch/$1" "$socket"
	grep -q "$2" "$scratch/log" || { cat "$scratch/log" >&2; fail "$1 did not print $2"; }
}
blocking=("${cc[@]}" -std=c11 -isystem "$scratch/without" "${cflags[@]}" "$scratch/blocking.c")
quietly "the blocking example" "${blocking[@]}" -o "$scratch/blocking" "${shared[@]}"
quietly "the blocking example, static" "${blocking[@]}" -o "$scratch/blocking-static" "${static[@]}"
quietly "the asynchronous example" "${cc[@]}" -std=c11 -D_POSIX_C_SOURCE=200809L "${cflags[@]}" \
	-o "$scratch/asynchronous" "$scratch/asynchronous.c" "${shared[@]}" "${uv[@]}"
prints blocking 'accepted 1, already there 0'
prints blocking-static 'accepted 0, already there 1'
prints asynchronous 'demo-2: round 0'
ldd "$scratch/blocking-static" | grep -q libcandor && fail "the static program needs the shared library"
if [ -z "$skipped" ]; then
	quietly "the example in C++" "${cxx[@]}" -isystem "$scratch/without" "${cflags[@]}" -o "$scratch/cxx" "$scratch/cxx.cc" \
		"${shared[@]}"
	prints cxx 'with 2 pools'
fi
kill "$daemon"
wait "$daemon" || fail "candord ended with $?"
daemon=

# ---- the end ----

quietly "make uninstall" make_here uninstall
left=$(cd "$prefix" && find . ! -type d -o -path '*candor*')
[ -z "$left" ] || fail "left behind after uninstalling: $left"
if [ -n "$skipped" ]; then
	echo "SKIPPED $skipped"
	exit 77
fi
echo "installcheck: headers, libraries and examples, fine"
