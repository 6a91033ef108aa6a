#!/usr/bin/env bash
# Runs the tests that `make everything` built and counts them.
#
#   B=build/release tests/run.sh [unit|blackbox|fault|fuzz|clients]
#
# Without an argument: all programs in $B/tests/unit, blackbox, fault and fuzz, the test of tests/check-source.sh (with
# unit), those of tests/clients (not with sanitizers), the traces of the mechanism, and the check of the installation. A line
# for each program; failures and skips in full; at the end, after a line `Failed:`, each program that failed once more
# with the lines that tell of it; last `N passed, N failed[, N skipped]`.
# TEST_TIMEOUT_S (600) is what one program may take. What a program leaves behind, files in its TMPDIR or processes that know of
# them, is a failure. Exit status 0 if nothing failed and something passed, else 1.
set -u
cd "$(dirname "$0")/.." || exit 1
export B=${B:-build/release}
limit_s=${TEST_TIMEOUT_S:-600}
passed=0 failed=0 skipped=0
log=$(mktemp) || exit 1
failures=$(mktemp) || exit 1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/candor.XXXXXX") || exit 1
# Some tests connect as other users.
chmod 711 "$scratch"
trap 'rm -rf "$log" "$failures" "$scratch"' EXIT

case ${1-} in
'' | unit | blackbox | fault | fuzz | clients) ;;
*)
	echo "usage: tests/run.sh [unit|blackbox|fault|fuzz|clients]" >&2
	exit 1
	;;
esac

# Processes whose arguments name the scratch directory.
left_running() {
	grep -lazsF -f <(echo "$scratch/") /proc/[0-9]*/cmdline | cut -d/ -f3
}

# Removes what a program has left: files, and processes that have not ended with it. They end as soon as they can; some time
# is given to them. What there was, one a line.
clean_up() {
	local pid try
	for try in {1..50}; do
		[ -z "$(left_running)" ] && break
		sleep 0.1
	done
	for pid in $(left_running); do
		{ echo "# it left process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")" && kill -9 "$pid"; } 2>/dev/null
		kill -9 "$pid" 2>/dev/null
	done
	find "$scratch" -mindepth 1 -maxdepth 1 -printf '# it left %f\n'
	find "$scratch" -mindepth 1 -delete
}

# run COMMAND...: its output in $log, what it came to in $status, what it left in $left, how long it took in $seconds.
run() {
	local start=$EPOCHREALTIME
	# What bash itself says of a signal goes nowhere: the line of the program will say it.
	{ TMPDIR=$scratch CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$limit_s" "$@" >"$log" 2>&1 </dev/null; } 2>/dev/null
	status=$?
	seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
	left=$(clean_up)
}

# Of what a program said, ok lines and skips left out: what stands around each test that failed, what a sanitizer found, and
# the end, which says why it ended.
telling_lines() {
	grep -av -e '^ok [0-9]* - ' -e '^1\.\.[0-9]*$' -e '# SKIP' "$log" | awk '
		{ line[NR] = $0 }
		/^not ok / { for (i = NR - 3; i <= NR + 3; i++) told[i] = 1 }
		/Sanitizer: |runtime error: / { told[NR] = 1 }
		END {
			for (i = NR - 4; i <= NR; i++) told[i] = 1
			for (i = 1; i <= NR; i++) if (told[i] && n++ < 40) print substr(line[i], 1, 400)
		}'
}

# tally NAME PASSED FAILED SKIPPED: the program's line, and what there is to be said about it.
tally() {
	local line="$2 passed"
	[ "$3" -gt 0 ] && line="$line, $3 failed"
	[ "$4" -gt 0 ] && line="$line, $4 skipped"
	printf '%-38s %s (%s s)\n' "$1" "$line" "$seconds"
	if [ "$3" -gt 0 ]; then
		grep -av -e '^ok [0-9]* - ' -e '^1\.\.[0-9]*$' "$log" | sed 's/^/    /'
		{ echo "  $1" && telling_lines | sed 's/^/    /'; } >>"$failures"
	elif [ "$4" -gt 0 ]; then
		grep -a SKIPPED "$log" | sed 's/^#* */    /'
	fi
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
}

why_it_ended() {
	case $status in
	124 | 137) echo "it took longer than $limit_s s" ;;
	*) [ "$status" -gt 128 ] && echo "it was ended by signal $((status - 128))" || echo "it ended with status $status" ;;
	esac
}

# A cmocka program. It skips with "ok" or "not ok", depending on its version.
run_program() {
	local planned good bad skips done
	run "$1"
	planned=$(awk '/^1\.\.[0-9]+$/ { n += substr($0, 4) } END { print n + 0 }' "$log")
	skips=$(grep -acE '^(not )?ok [0-9]+ (- .*)?# SKIP' "$log")
	good=$(grep -aE '^ok [0-9]+ - ' "$log" | grep -acv '# SKIP')
	bad=$(grep -aE '^not ok [0-9]+ - ' "$log" | grep -acv '# SKIP')
	if [ "$planned" -eq 0 ] && [ "$status" -eq 0 ]; then
		echo "# it ran no test" >>"$log"
		bad=$((bad + 1))
	elif [ $((good + bad + skips)) -lt "$planned" ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
		done=$(grep -aE '^(not )?ok [0-9]+ ' "$log" | tail -n 1)
		echo "# $(why_it_ended), $((good + bad + skips)) of $planned tests done${done:+, last: $done}" >>"$log"
		bad=$((bad + 1))
	fi
	if [ "$left" ] && [ "$bad" -eq 0 ]; then
		echo "$left" >>"$log"
		bad=$((bad + 1))
	fi
	tally "${1#"$B"/tests/}" "$good" "$bad" "$skips"
}

run_programs() {
	local program found=0
	for program in "$B/tests/$1"/*; do
		if [ -f "$program" ] && [ -x "$program" ]; then
			found=1
			run_program "$program"
		fi
	done
	if [ $found -eq 0 ] && compgen -G "tests/$1/*.c" >/dev/null; then
		echo "  $B/tests/$1: there is no program to run; make everything builds them" | tee -a "$failures"
		failed=$((failed + 1))
	fi
}

# run_single NAME COMMAND...: one test; status 77 skips it.
run_single() {
	local name=$1
	shift
	run "$@"
	[ "$left" ] && [ "$status" -eq 0 ] && echo "$left" >>"$log" && status=1
	case $status in
	0) tally "$name" 1 0 0 ;;
	77) tally "$name" 0 0 1 ;;
	*)
		echo "# $(why_it_ended)" >>"$log"
		tally "$name" 0 1 0
		;;
	esac
}

# Other people's programs against the real daemon.
run_clients() {
	local script
	for script in tests/clients/test_*; do
		run_single "clients/$(basename "${script%.*}")" "$script"
	done
}

case ${1-} in
'' | unit)
	run_programs unit
	run_program tests/check-source-test.sh
	;;
esac
case ${1-} in
'' | blackbox) run_programs blackbox ;;
esac
case ${1-} in
'' | fault) run_programs fault ;;
esac
case ${1-} in
'' | fuzz) run_programs fuzz ;;
esac
case ${1-}-$B in
clients-* | -*release | -*debug) run_clients ;;
esac
if [ $# -eq 0 ]; then
	# Traces that lie beside the checkout count too.
	for trace in tests/vectors/*.trace ../shared/vectors/*.trace ../shared/vectors-2/*.trace; do
		[ -f "$trace" ] && run_single "$trace" "$B/tests/trace_check" "$trace"
	done
	[ -x tests/installcheck.sh ] && run_single installcheck tests/installcheck.sh
	# Which compiler made the rest does not matter here, so once is enough.
	case $B in
	*release) run_single bits tests/bits.sh ;;
	esac
fi

[ -s "$failures" ] && echo "Failed:" && cat "$failures"
line="$passed passed, $failed failed"
[ $skipped -gt 0 ] && line="$line, $skipped skipped"
echo "$line"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
