#!/usr/bin/env bash
# The rules that a compiler does not know: who may include and call what, and how a source file looks.
#
#   tests/check-source.sh [--rules]
#
# Prints each violation as FILE:LINE: a sentence that says what to do instead, and the name of the rule in brackets. Exit
# status 1 if there is any. --rules: says `rule NAME` of each rule as well. tests/check-source-test.sh breaks all of them: a new
# rule gets a line there. HEADERS and SOURCES in the environment: which files to compile, instead of all.
set -u
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/faults" >"$tmp/rules"

mapfile -t c_files < <(find lib daemon client tests -name '*.[ch]' | sort)
mapfile -t headers < <(find lib daemon client tests -name '*.h' | sort)
mapfile -t texts < <(find lib daemon client tests proto docs systemd .ci Makefile README.md CHANGELOG.md \
	-type f ! -name '*.trace' ! -path 'tests/fuzz/corpus/*' 2>/dev/null | sort)

# rule NAME [SENTENCE]: each line that comes in is a violation: FILE:LINE: and what is to be said; where a sentence is given it
# takes the place of the rest of the line, which may be what grep found.
rule() {
	echo "$1" >>"$tmp/rules"
	awk -v name="$1" -v sentence="${2-}" '
		match($0, /^[^:]*:[0-9]+:/) {
			print substr($0, 1, RLENGTH) " " (sentence ? sentence : substr($0, RLENGTH + 2)) " [" name "]"
		}' >>"$tmp/faults"
}

# ---- the code without its comments and strings, each line as FILE:LINE:code ----

awk '
	FNR == 1 { comment = 0 }
	{
		line = $0; out = ""
		while (line != "") {
			if (comment) {
				end = index(line, "*/")
				if (!end) break
				line = substr(line, end + 2); comment = 0
			} else if (substr(line, 1, 2) == "/*") {
				line = substr(line, 3); comment = 1
			} else if (substr(line, 1, 2) == "//") {
				break
			} else if (match(line, /^"([^"\\]|\\.)*"/) || match(line, /^\047([^\047\\]|\\.)+\047/)) {
				out = out "\"\""; line = substr(line, RLENGTH + 1)
			} else {
				out = out substr(line, 1, 1); line = substr(line, 2)
			}
		}
		print FILENAME ":" FNR ":" out
	}' "${c_files[@]}" >"$tmp/code"
grep -nE '^[[:space:]]*#[[:space:]]*include' "${c_files[@]}" /dev/null >"$tmp/includes"

# ---- who includes whom ----

# only NAME WHAT ALLOWED SENTENCE: among the program's sources (tests may include anything) only files that match ALLOWED
# include what matches WHAT.
only() {
	grep -vE '^tests/' "$tmp/includes" | grep -E "^[^:]*:[0-9]+:.*[<\"]($2)" | grep -vE "^($3):" | rule "only-$1" "$4"
}

only uv 'uv(\.h|/)' 'daemon/(main\.c|net/.*|db/store\.[ch])|client/.*' \
	'libuv is for daemon/main.c, daemon/net/, daemon/db/store and client/: let them call what needs no loop'
only sqlite 'sqlite3' 'daemon/db/.*' 'SQLite is for daemon/db/: give it a function there'
only sodium 'sodium' 'lib/(base/(hash|random)|crypto/[a-z]*)\.c|daemon/main\.c' \
	'libsodium is for lib/base/hash, lib/base/random, lib/crypto/ and the daemon'\''s main: call what they offer'
only zlib 'zlib' 'daemon/(offline/archive_file|http/gzip)\.c' \
	'zlib is for daemon/offline/archive_file.c and daemon/http/gzip.c: call what they offer'
only openssl 'openssl' 'lib/crypto/tls\.c' 'OpenSSL is for lib/crypto/tls.c: call what it offers'
only jansson 'jansson' 'client/cli/.*|lib/wire/json\.c' 'jansson is for client/cli/ and lib/wire/json.c: pass on the message instead'
only utf8proc 'utf8proc' 'lib/base/unicode\.c' 'libutf8proc is for lib/base/unicode.c: call what it offers'
only llhttp 'llhttp' 'daemon/http/parse\.c' 'llhttp is for daemon/http/parse.c: call what it offers'
only inih 'ini\.h' 'daemon/config\.c' 'inih is for daemon/config.c: a setting is a row of its table'
only systemd 'systemd/' 'daemon/manager\.c' 'libsystemd is for daemon/manager.c: call what it offers'
only cmocka 'cmocka' '-' 'cmocka is for tests: move the test into tests/'
only protobuf '[^">]*\.pb-c\.h' 'lib/wire/.*' 'generated protobuf code is for lib/wire/: use the structures of lib/message.h'
only client '(\.\./)*client/|candor\.h|candor/' 'client/.*' \
	'only client/ and tests include what is in client/: move what both need into lib/'
only daemon '(\.\./)*daemon/' 'daemon/.*' 'only daemon/ and tests include what is in daemon/: move what both need into lib/'
only tests '(\.\./)*tests/' '-' 'only tests include what is in tests/: move what the program needs out of it'

# ---- the arrows among folders ----

# FOLDER | what its files may include, beside its own | what to do instead. A name ending in / is a folder with all below it.
# The order is that of docs/architecture.md: each folder stands above those that it may include.
cat >"$tmp/arrows" <<'END'
lib/base | | lib/base knows nobody: move the code up, to the folder that needs both
lib | lib/base | rights, address and message are shared words: keep them free of codecs and pools
lib/wire | lib lib/base | the codec knows messages, not pools: convert where both are known, in daemon/engine
lib/pool | lib lib/base | the mechanism knows neither bytes nor keys: pass in what it needs
lib/crypto | lib/base lib/pool | lib/crypto hashes and encrypts what it is given: pass it in
daemon/db | lib/ daemon/file.h | the database knows rows, not the engine: hand it a callback, or move what both need into rows.h
daemon/history | daemon/db lib/ | a replay reads rows and calls lib/: it has no engine
daemon/engine | daemon/history daemon/db lib/ | the engine has no sockets: ask its owner, through struct engine_ops
daemon/http | lib/ | http turns bytes into frames and back: it has neither sockets nor an engine
daemon/metrics | daemon/engine lib/ | a page of figures asks the engine through watch.h, and the daemon through struct metrics_source
daemon/net | daemon daemon/engine daemon/db/store.h daemon/history/upgrade.h daemon/http daemon/metrics lib/ | net reaches the database through the engine, db/store and history/upgrade only
daemon/offline | daemon/file.h daemon/progress.h daemon/engine/view.h daemon/history daemon/db lib/ | offline tools read history, and have neither engine nor sockets
daemon | daemon/net daemon/offline lib/ daemon/db/connection.h daemon/db/place.h | main and config only start what the folders have
client | lib/ | the client library knows lib/ alone: what the command line needs stays in client/cli
client/lab | lib/ | the laboratory has no I/O: pass it in
client/cli/base | client lib/ | the base knows no command: move what is particular into client/cli/commands
client/cli/commands | client client/cli/base lib/ | what two commands share belongs in client/cli/base
client/cli/lab | client client/cli/base client/lab lib/ | what two commands share belongs in client/cli/base
client/cli | client/cli/base lib/ | main only finds the command and runs it
END
cut -d'|' -f1 "$tmp/arrows" | sed 's/ *$//; s/^/arrow-/' >>"$tmp/rules"
sed -nE 's/^([^:]*):([0-9]+):[[:space:]]*#[[:space:]]*include "([^"]*\/[^"]*)".*/\1 \2 \3/p' "$tmp/includes" | grep -v '^tests/' |
	awk -v table="$tmp/arrows" '
	function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
	BEGIN {
		while ((getline line <table) > 0) {
			split(line, part, / *\| */)
			allowed[part[1]] = part[2]; instead[part[1]] = part[3]
		}
	}
	{
		from = folder($1); to = folder($3)
		if (!(from in allowed)) {
			print $1 ":" $2 ": " from " is a folder without a row in the table of arrows: add one to tests/check-source.sh [arrow]"
			next
		}
		good = from == to
		n = split(allowed[from], a, " ")
		for (i = 1; i <= n; i++)
			good = good || a[i] == to || a[i] == $3 || (a[i] ~ /\/$/ && index(to "/", a[i]) == 1)
		if (!good) print $1 ":" $2 ": " from " must not include " $3 ": " instead[from] " [arrow-" from "]"
	}' >>"$tmp/faults"
echo arrow >>"$tmp/rules"

# ---- the rows of daemon/engine ----

# From the lowest row to the highest. A file includes what stands in its own row or below, and within a row no two files need
# each other. As each function of a header is defined in the file of the same name, calls go the same way as includes.
cat >"$tmp/rows" <<'END'
grants quota figures
call
state
reply
slices
record waits log_trim removal access items item_page charge upkeep check survey result closing
commands write outcomes block read history changes prune grants_commands recover
requests
engine watch
view
END
printf '%s\n' "${c_files[@]}" | grep '^daemon/engine/' | awk -v table="$tmp/rows" '
	function stem(path) { sub(/.*\//, "", path); sub(/\.[ch]$/, "", path); return path }
	BEGIN { while ((getline line <table) > 0) { n = split(line, f, " "); for (i = 1; i <= n; i++) row[f[i]] = 1 } }
	!(stem($1) in row) { print $1 ":1: it has no row in the table of daemon/engine: give it one in tests/check-source.sh" }' |
	rule engine-file
sed -nE 's/^(daemon\/engine\/[^:]*):([0-9]+):[[:space:]]*#[[:space:]]*include "daemon\/engine\/([^"]*)".*/\1 \2 \3/p' "$tmp/includes" |
	awk -v table="$tmp/rows" -v upward="$tmp/upward" -v circles="$tmp/circles" '
	function stem(path) { sub(/.*\//, "", path); sub(/\.[ch]$/, "", path); return path }
	BEGIN {
		while ((getline line <table) > 0) {
			k = split(line, f, " "); rows++
			for (i = 1; i <= k; i++) row[name[++n] = f[i]] = rows
		}
		printf "" >upward; printf "" >circles
	}
	(stem($1) in row) && (stem($3) in row) {
		from = stem($1); to = stem($3)
		if (row[to] > row[from])
			print $1 ":" $2 ": " from " stands below " to " and must not need it: hand it a callback, or make the call " \
				"where the decision is made" >upward
		else if (row[to] == row[from] && from != to) {
			reaches[from, to] = 1; at[++arrows] = $1 ":" $2; start[arrows] = from; end[arrows] = to
		}
	}
	END {
		for (k = 1; k <= n; k++) for (i = 1; i <= n; i++) for (j = 1; j <= n; j++)
			if ((name[i], name[k]) in reaches && (name[k], name[j]) in reaches) reaches[name[i], name[j]] = 1
		for (a = 1; a <= arrows; a++)
			if ((end[a], start[a]) in reaches)
				print at[a] ": " start[a] " and " end[a] " need each other: move what both need into a row below" >circles
	}'
rule engine-row <"$tmp/upward"
rule engine-circle <"$tmp/circles"
grep -E '^daemon/engine/[^:]*:[0-9]+:[A-Za-z].*\(' "$tmp/code" | awk '
	{
		file = $0; sub(/:.*/, "", file)
		line = $0; sub(/^[^:]*:/, "", line); sub(/:.*/, "", line)
		text = $0; sub(/^[^:]*:[0-9]+:/, "", text)
		stem = file; sub(/\.[ch]$/, "", stem)
		if (!match(text, /[a-z_0-9]+\(/)) next
		name = substr(text, RSTART, RLENGTH - 1)
		if (file ~ /\.c$/) home[stem, name] = 1
		else if (text !~ /^(static|typedef|enum \{)/) { at[++n] = file ":" line; of[n] = stem; called[n] = name }
	}
	END {
		for (i = 1; i <= n; i++)
			if (!((of[i], called[i]) in home))
				print at[i] ": " called[i] "() is not defined in " of[i] ".c: declare it in the header of the file that has it"
	}' | rule engine-home

# ---- the order of the files in daemon/net ----

# FOLDER | its files, from the bottom up: each may include those of the rows (<) below its own | what to do instead. A
# name without .c or .h means both.
cat >"$tmp/order" <<'END'
daemon/net | credentials peer unix_socket passed admission refusals service signals unusable session.h < loop_turn session_internal < session_memory session_encode session_door < session < turns < conn < conns listen < pages < server | hand it a callback, as struct conn_ops has them
END
sed -nE 's/^([^:]*):([0-9]+):[[:space:]]*#[[:space:]]*include "([^"]*\/[^"]*)".*/\1 \2 \3/p' "$tmp/includes" | grep -v '^tests/' |
	awk -v table="$tmp/order" -v upward="$tmp/upward-in-order" '
	function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
	function stem(path) { sub(/\.[ch]$/, "", path); return path }
	function place(path) { return path in rank ? rank[path] : rank[stem(path)] }
	BEGIN {
		printf "" >upward
		while ((getline line <table) > 0) {
			split(line, part, / *\| */)
			rows = split(part[2], row, / *< */)
			instead[part[1]] = part[3]
			for (i = 1; i <= rows; i++) {
				n = split(row[i], name, " ")
				for (k = 1; k <= n; k++) rank[part[1] "/" name[k]] = i
			}
		}
	}
	!(folder($1) in instead) { next }
	!place($1) {
		if (!told[$1]++) print $1 ":1: it has no place in the order of its folder: give it one in tests/check-source.sh"
		next
	}
	folder($1) == folder($3) && stem($1) != stem($3) && place($1) <= place($3) {
		print $1 ":" $2 ": it stands no higher than " $3 " and must not include it: " instead[folder($1)] >upward
	}' | rule order-file
rule order <"$tmp/upward-in-order"

# ---- who calls what ----

# never NAME CALLS FILES SENTENCE [EXCEPT]: in files that match, no call of a function that matches; EXCEPT: but in these.
never() {
	grep -E "^($3):[0-9]+:(.*[^A-Za-z0-9_.>])?($2)[[:space:]]*\(" "$tmp/code" | grep -vE "^(${5:-none}):" | rule "never-$1" "$4"
}

never outside 'time|clock_gettime|gettimeofday|getenv|secure_getenv|open|openat|fopen|socket|connect|rand|random' 'lib/.*' \
	'lib/ has no clock, no environment, no I/O: pass it in' 'lib/base/streams\.c'
never unsafe 'strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|alloca|strtok' '.*' \
	'this function cannot be used safely: there are snprintf, memcpy, strtoul, strtok_r'

# ---- how SQL names what it reads and writes ----

# Strings that the compiler joins are joined here too, line after line. A step of migrate.c that was released stays as it
# is, and says so.
find daemon -name '*.[ch]' -o -name '*.def' | sort | xargs awk '
	FNR == 1 { tail = "" }
	{
		line = $0
		if (line ~ /\/\* released \*\/$/) { tail = ""; next }
		sub(/^[ \t]+/, "", line); sub(/[ \t]*\\?$/, "", line)
		text = tail ~ /"$/ && line ~ /^"/ ? substr(tail, 1, length(tail) - 1) substr(line, 2) : line
		if (gsub(/SELECT ([a-z]+\.)?\*|, [a-z]+\.\*/, "", text))
			print FILENAME ":" FNR ": each column that is read has a name: take NAMES() of rows.def instead of * [sql-star]"
		if (gsub(/INSERT (OR [A-Z]+ )?INTO [a-z_.]+ (VALUES|SELECT)/, "", text))
			print FILENAME ":" FNR ": each column that is written has a name: take NAMES() of rows.def [sql-insert]"
		tail = length(text) > 60 ? substr(text, length(text) - 59) : text
	}' >"$tmp/sql"
for name in sql-star sql-insert; do
	grep -F "[$name]" "$tmp/sql" | sed "s/ \[$name\]$//" | rule "$name"
done

# ---- how a file looks ----

grep -nE '\b(TOD[O]|FIXM[E]|XX[X])\b' "${texts[@]}" /dev/null |
	rule look-unfinished 'a note that something is unfinished: finish it or leave it out'
grep -nE '(^|[^A-Za-z0-9_.])/wor[k](/|$|[^A-Za-z0-9_])' "${texts[@]}" /dev/null |
	rule look-machine 'a path of one machine: use one below the project or a temporary directory'
grep -nE '[[:space:]]+$' "${c_files[@]}" Makefile proto/*.proto tests/*.sh /dev/null |
	rule look-space 'white space at the end of the line: remove it'

for file in "${c_files[@]}"; do
	# Tests have sentences and SQL that are not to be broken.
	case $file in tests/*) most=140 ;; *) most=120 ;; esac
	# A character of UTF-8 is one column: its later bytes are not counted.
	expand -t 8 "$file" | awk -v file="$file" -v most="$most" '
		{ gsub(/[\200-\277]/, "") }
		length > most { print file ":" NR ": the line has " length " columns: break it before column " most }'
done | rule look-columns

for file in "${c_files[@]}" tests/*.sh; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 700 ] || echo "$file:$lines: the file has $lines lines: move its second story into another"
done | rule look-lines

for header in "${headers[@]}"; do
	guard=$(sed -nE '/^#/{s/^#ifndef ([A-Za-z0-9_]+)$/\1/p;q}' "$header")
	[[ $guard =~ ^CANDOR(_[A-Z0-9_]+)?_H$ ]] && grep -qx "#define $guard" "$header" ||
		echo "$header:1: its first directive is no include guard: begin with #ifndef CANDOR_..._H"
	echo "$guard $header" >>"$tmp/guards"
done | rule header-guard
awk '$1 in first { print $2 ":1: its include guard is that of " first[$1] ": name it after the file" } { first[$1] = $2 }' \
	"$tmp/guards" | rule header-guard-twice

for header in "${headers[@]}"; do
	head -n 1 "$header" | grep -qE "^/\* ($header|${header##*/}) - " ||
		echo "$header:1: it does not open with its contract: /* ${header##*/} - what it is"
done | rule header-contract

# ---- each header compiles alone ----

gen=${B:-build/release}/gen
if [ ! -f "$gen/candor.pb-c.h" ]; then
	gen=$tmp
	proto/generate.sh "$tmp" || exit 1
fi
read -ra flags < <(echo "-fsyntax-only -std=c11 -DCANDOR_IN_TREE -DCANDOR_VERSION=\"0\" -Wall -Wextra -I. -I$gen" \
	"$(pkg-config --cflags libuv libprotobuf-c sqlite3 inih libsodium jansson cmocka)")
for header in ${HEADERS-"${headers[@]}"}; do
	echo "#include \"$header\"" | ${CC:-cc} -x c -D_GNU_SOURCE -Werror "${flags[@]}" - 2>"$tmp/cc" ||
		echo "$header:1: it does not compile alone: include what it needs; $(grep -m1 -E 'error|warning' "$tmp/cc")"
done | rule header-alone

# ---- what only compilers see ----

# sources PATTERN: the program's sources of that name which are to be compiled.
sources() {
	printf '%s\n' ${SOURCES-"${c_files[@]}"} | grep -E "^($1)\.c\$"
}

for file in $(sources '(lib|client|client/lab)/[^/]*|lib/.*'); do
	${CC:-cc} -D_POSIX_C_SOURCE=200809L "${flags[@]}" "$file" 2>&1 |
		sed -nE "s|^($file:[0-9]+):.*implicit declaration of function .([A-Za-z0-9_]+).*|\1: POSIX declares no \2(): \
use what it has, for the library is not for the GNU C library alone|p"
done | rule portable

# With both warnings clang finds every default; other compilers find those that hide enumerators that are not named.
warns=(${CC:-cc} -Wswitch-enum)
command -v clang >/dev/null && warns=(clang -Wswitch-enum -Wcovered-switch-default)
for file in $(sources '(lib|daemon|client)/.*'); do
	grep -qE "^$file:[0-9]+:.*\<default:" "$tmp/code" || continue
	"${warns[@]}" -D_GNU_SOURCE "${flags[@]}" "$file" 2>&1 | grep -E '\[-W(switch-enum|covered-switch-default)\]' |
		grep -vE 'CANDOR__V1__|JSON_'
done | sort -u -t: -k1,2 | sed -E 's/^([^:]+:[0-9]+):.*/\1:/' | rule switch-default \
	'a default in a switch over one of our own enums: name every enumerator, so that a new one that is forgotten does not compile'

[ "${1-}" = --rules ] && sed 's/^/rule /' "$tmp/rules"
sort -t: -k1,1 -k2,2n "$tmp/faults"
if [ -s "$tmp/faults" ]; then
	exit 1
fi
echo "${#c_files[@]} source files keep to the rules"
