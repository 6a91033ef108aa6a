#!/usr/bin/env bash
# Lets libFuzzer loose on the fuzz targets in $B/tests/fuzz, each for FUZZ_SECONDS, and says what came of it.
#
#   B=build/fuzz tests/fuzz/run.sh [NAME...]   NAMEs as in tests/fuzz/fuzz_NAME.c; without any all of them
#   tests/fuzz/run.sh needs                    only whether the compiler can do it
#   B=build/fuzz tests/fuzz/run.sh keep        the least of what was found that reaches as far, into tests/fuzz/corpus
#
# As many at a time as there are processors (FUZZ_JOBS). What is found is gone on with the next time: it lies in
# $B/corpus. Prints a table; exit status 1 if an input broke something, and then how to see it again.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build/fuzz}
seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-$(nproc)}

needs() {
	local try
	try=$(mktemp -d) || exit 1
	echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n); int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n ? 0 : 0; }' >"$try/a.c"
	if ! ${CC:-clang} -fsanitize=fuzzer,address -o "$try/a" "$try/a.c" >"$try/log" 2>&1; then
		rm -rf "$try"
		echo "make fuzz needs clang with libFuzzer, which is not here; on Debian 12: apt-get install clang libclang-rt-14-dev" >&2
		exit 1
	fi
	rm -rf "$try"
}

names() {
	for source in tests/fuzz/fuzz_*.c; do
		source=${source##*/fuzz_}
		echo "${source%.c}"
	done
}

# What a sanitizer should say.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=32:malloc_context_size=4}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
# Where databases lie that nobody needs afterwards.
[ -n "${TMPDIR-}" ] || [ ! -w /dev/shm ] || TMPDIR=/dev/shm
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/candor-fuzz-XXXXXX") || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

fuzz_one() {
	local name=$1 dir=$B/corpus/$1
	mkdir -p "$dir" "$B/found" "tests/fuzz/corpus/$name"
	export FUZZ_TRAIL=$B/found/$name-trail
	local leaks=1 longest=4096 entropic=1
	case $name in
	session) leaks=0 longest=256 entropic=0 ;; # a world that lives on is no leak
	client) entropic=0 ;; # with so many edges, weighing inputs takes longer than trying them
	frame | names | rights | route) longest=512 ;;
	esac
	"$B/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=$longest -entropic=$entropic -detect_leaks=$leaks -timeout=25 -rss_limit_mb=4096 \
		-print_final_stats=1 -artifact_prefix="$B/found/$name-" -verbosity=1 "$dir" "tests/fuzz/corpus/$name" \
		>"$B/found/$name.log" 2>&1
	echo $? >"$B/found/$name.status"
	[ "$(cat "$B/found/$name.status")" -ne 0 ] || rm -f "$FUZZ_TRAIL"-*
}

if [ "${1-}" = needs ]; then
	needs
	exit 0
fi
if [ "${1-}" = keep ]; then
	for name in $(names); do
		mkdir -p "$B/corpus/$name" "tests/fuzz/corpus/$name"
		least=$(mktemp -d) || exit 1
		FUZZ_TRAIL=$B/found/$name-trail "$B/tests/fuzz/fuzz_$name" -set_cover_merge=1 -use_counters=0 -max_len=${FUZZ_KEEP_BYTES:-512} "$least" "tests/fuzz/corpus/$name" \
			"$B/corpus/$name" >"$B/found/$name.log" 2>&1 || { tail -n 5 "$B/found/$name.log"; exit 1; }
		rm -f "$B/found/$name-trail"-*
		find "tests/fuzz/corpus/$name" -type f -regextype egrep -regex '.*/[0-9a-f]{40}' -delete
		cp "$least"/* "tests/fuzz/corpus/$name/"
		rm -rf "$least"
		printf '%-16s %4d files %7d bytes\n' "$name" "$(find "tests/fuzz/corpus/$name" -type f | wc -l)" \
			"$(cat "tests/fuzz/corpus/$name"/* | wc -c)"
	done
	exit 0
fi

[ $# -gt 0 ] || mapfile -t wanted < <(names)
[ $# -eq 0 ] || wanted=("$@")
for name in "${wanted[@]}"; do
	if [ ! -x "$B/tests/fuzz/fuzz_$name" ]; then
		echo "there is no fuzz target $name; there are: $(names | tr '\n' ' ')" >&2
		exit 1
	fi
done
rm -rf "$B/found"
for name in "${wanted[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	fuzz_one "$name" &
done
wait

bad=0 total=0
echo '| target | executions | per second | edges | corpus |'
echo '|---|--:|--:|--:|--:|'
for name in "${wanted[@]}"; do
	log=$B/found/$name.log
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
	edges=$(grep -aoE 'cov: [0-9]+' "$log" | tail -n 1)
	corpus=$(grep -aoE 'corp: [0-9]+' "$log" | tail -n 1)
	printf '| %s | %s | %s | %s | %s |\n' "$name" "${runs:-0}" "${rate:-0}" "${edges#cov: }" "${corpus#corp: }"
	total=$((total + ${runs:-0}))
done
echo "| all | $total | | | |"
for name in "${wanted[@]}"; do
	[ "$(cat "$B/found/$name.status")" -eq 0 ] && continue
	bad=1
	echo
	echo "$name: an input broke it. What was said of it, from $B/found/$name.log:"
	grep -aE -m 6 'ERROR|SUMMARY|runtime error|broken invariant' "$B/found/$name.log" | sed 's/^/    /'
	echo "to see it again:"
	for found in "$B/found/$name-"*; do
		[ -f "$found" ] && echo "    $B/tests/fuzz/fuzz_$name $found"
	done
done
exit $bad
