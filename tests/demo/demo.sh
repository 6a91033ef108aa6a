#!/bin/sh
# A small campaign in which some labelers misreport: candord learns whom to listen to as outcomes arrive.
# Starts candord on a temporary Unix socket and database, and leaves nothing behind.
set -eu
: "${B:?the build directory}"

dir=$(mktemp -d)
pid=
finish() {
	status=$?
	if [ -n "$pid" ]; then
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || status=1
	fi
	rm -rf "$dir"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi
say() { printf '\n%s%s%s\n\n' "$bold" "$*" "$plain"; }

# 400 comparisons. alice and bob are good judges, carol a fair one, dave decent; three are not honest: always-a answers A
# whatever the pair, spam draws at random, and liar, who knows the truth as well as bob, says the opposite.
campaign() {
	awk -v from="$1" -v to="$2" 'BEGIN {
		print "item,labeler,report,outcome"
		srand(7)
		for (i = 1; i <= to; i++) {
			y = rand() < 0.5
			n = 0
			row["alice"]    = judge(y, 0.92)
			row["bob"]      = judge(y, 0.85)
			row["carol"]    = judge(y, 0.70)
			row["dave"]     = judge(y, 0.75)
			row["always-a"] = 1
			row["spam"]     = rand() < 0.5
			row["liar"]     = 1 - judge(y, 0.85)
			split("alice bob carol dave always-a spam liar", who, " ")
			for (k = 1; k <= 7; k++)
				if (i >= from) printf "pair-%03d,%s,%.2f,%d\n", i, who[k], row[who[k]], y
		}
	}
	# A judge of some skill says how sure it is, and is right that often.
	function judge(y, skill) { return rand() < skill ? (y ? skill : 1 - skill) : (y ? 1 - skill : skill) }'
}

candor() { "$B/candor" --server "unix:$dir/socket" "$@"; }

"$B/candord" --listen "unix:$dir/socket" --db "$dir/candor.db" 2>"$dir/log" &
pid=$!
if ! candor ping --wait 10 >/dev/null; then
	cat "$dir/log" >&2
	echo "candord did not start" >&2
	exit 1
fi

say "Seven labelers judge pairs of answers. Three of them misreport: always-a, spam and liar."
candor pool create demo >/dev/null 2>&1
campaign 1 20 | candor import demo - 2>/dev/null
echo "After 20 pairs with known outcomes:"
echo
candor labelers demo 2>/dev/null
campaign 21 400 | candor import demo - 2>/dev/null
echo
echo "After 400:"
echo
candor labelers demo 2>/dev/null

say "What that is worth, compared with plain averaging:"
candor pool show demo

say "And a new pair, on which the three misreporters agree that A is better:"
for report in alice:0.1 bob:0.15 always-a:1 spam:1 liar:1; do
	candor report demo pair-new "${report%:*}" "${report#*:}" >/dev/null 2>&1
done
candor query demo pair-new

say "Stopping the daemon, and replaying its history:"
kill "$pid"
wait "$pid"
pid=
"$B/candord" --verify --db "$dir/candor.db"
