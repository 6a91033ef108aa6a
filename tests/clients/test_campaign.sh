#!/usr/bin/env bash
# The commands of docs/http.md, "From curl in five minutes", as they stand there; they must come to the same as those of the
# README's campaign, which candor itself carries out, to the last bit of every weight.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=$(realpath "${B:-build/release}")
docs=$PWD
if ! curl --help all 2>/dev/null | grep -q -e --json; then
	echo "SKIPPED there is no curl here that knows --json (7.82)"
	exit 77
fi

dir=$(mktemp -d)
daemons=()
finish() {
	status=$?
	for pid in "${daemons[@]}"; do
		kill "$pid" 2>/dev/null || true
		tail --pid="$pid" -f /dev/null # one of them is no child of this shell
	done
	[ $status -ne 0 ] || [ "$(grep -c 'stopped: SIGTERM' "$dir"/*.log | grep -c ':1$')" -eq 2 ] || status=1
	[ $status -eq 0 ] || cat "$dir"/*.log >&2 || true
	rm -rf "$dir"
	exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM
export PATH=$B:$PATH

# blocks FILE FROM MARK: the commands of a section: what stands between lines of ```sh, or (MARK "    ") is indented.
blocks() {
	awk -v from="$2" -v mark="$3" '
		/^## / { here = $0 == "## " from; next }
		!here { next }
		mark == "sh" && /^```sh$/ { code = 1; next }
		mark == "sh" && /^```$/ { code = 0; next }
		mark == "sh" && code { print }
		mark != "sh" && /^    [^ ]/ { print substr($0, 5) }' "$1"
}

# ---- by curl ----

mkdir "$dir/curl"
blocks "$docs/docs/http.md" "From curl in five minutes" sh >"$dir/by-curl"
[ -s "$dir/by-curl" ]
# A port that is free, instead of the one that is named.
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed -i "s/7480/$port/g" "$dir/by-curl"
# The daemon in the background is ended here.
printf 'echo "$!" >../curl.pid\n' >"$dir/after-start"
sed -i "/^candord /r $dir/after-start" "$dir/by-curl"
(cd "$dir/curl" && exec bash -euo pipefail "$dir/by-curl" >"$dir/curl.out" 2>"$dir/curl.log" </dev/null) || {
	cat "$dir/curl.out"
	[ ! -s "$dir/curl.pid" ] || kill "$(cat "$dir/curl.pid")"
	exit 1
}
daemons+=("$(cat "$dir/curl.pid")")
by_curl=unix:$dir/curl/candor.sock
grep -qE '^candor_' "$dir/curl/lab.token"
[ "$(wc -l <"$dir/curl/preferences.ndjson")" -eq 3 ]

# ---- by candor, as the README has it ----

mkdir "$dir/candor"
blocks "$docs/README.md" "A campaign in five minutes" indented >"$dir/by-candor"
sed -i -e '/^make /d' -e '/^PATH=/d' -e '/^candord/d' "$dir/by-candor"
export CANDOR_SERVER=unix:$dir/candor/s
candord --listen "$CANDOR_SERVER" --db "$dir/candor/db" 2>"$dir/candor.log" &
daemons+=($!)
(cd "$dir/candor" && exec bash -euo pipefail "$dir/by-candor" >"$dir/candor.out" 2>>"$dir/candor.log" </dev/null)

# ---- the same? ----

# What is left of an answer without times and secrets.
state() {
	candor --server "$1" --json labelers chat
	candor --server "$1" --json pool show chat
	candor --server "$1" --json feed chat
	candor --server "$1" --json query chat q1 q2 q3 q4
	candor --server "$1" --json grants list --pool chat
}
plain() {
	sed -E 's/"(created_at|opened_at|closed_at|ended_at|head|next|cursor)": ?("[^"]*"|[0-9]+)/"\1":0/g'
}
state "$by_curl" | plain >"$dir/one"
state "$CANDOR_SERVER" | plain >"$dir/two"
diff "$dir/one" "$dir/two" || {
	echo "the commands of docs/http.md (<) come to something else than those of README.md (>)"
	exit 1
}
echo "$(grep -cE '^(ask|curl) ' "$dir/by-curl") requests by curl, the same as by candor"
