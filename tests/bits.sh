#!/usr/bin/env bash
# The same events must give the same bits with every compiler: builds the library's mechanism with several and compares
# all that it makes of the traces in tests/vectors, to the last bit.
#
#   B=build/release tests/bits.sh
#
# Exit status 0; 77 where all is well but a compiler is missing (a line says SKIPPED and which); else 1.
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-build/release}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
read -ra libs <<<"$(pkg-config --libs libsodium libutf8proc) -lm"
skipped=
n=0

# same NAME COMPILER OPTION...: what that one makes of the traces is what the first one did.
same() {
	local name=$1 cc=$2
	shift 2
	if ! command -v "$cc" >/dev/null; then
		echo "SKIPPED $name: $cc is not installed"
		skipped=1
		return
	fi
	"$cc" -w -std=c11 -D_GNU_SOURCE -DCANDOR_IN_TREE -ffp-contract=off -fno-fast-math "$@" -I. -I"$B/gen" \
		-o "$scratch/check" tests/trace_check.c tests/lib/trace.c lib/pool/*.c lib/base/*.c "${libs[@]}"
	"$scratch/check" --values tests/vectors/*.trace >"$scratch/values" || { tail -n 3 "$scratch/values"; exit 1; }
	n=$((n + 1))
	if [ $n -eq 1 ]; then
		mv "$scratch/values" "$scratch/first"
		[ "$(wc -l <"$scratch/first")" -gt 10000 ] || { echo "too few values to compare"; exit 1; }
	elif ! cmp -s "$scratch/first" "$scratch/values"; then
		echo "$name differs from gcc -O0:"
		diff "$scratch/first" "$scratch/values" | head -n 6
		exit 1
	fi
}

same 'gcc -O0' gcc -O0
same 'gcc -O2' gcc -O2
same 'gcc -O3' gcc -O3 -march=native
same 'clang -O2' clang -O2
same 'clang -O3' clang -O3 -march=native
echo "$(wc -l <"$scratch/first") values are the same with $n compilers"
[ -z "$skipped" ] || exit 77
