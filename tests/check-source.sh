#!/usr/bin/env bash
# The rules that a compiler does not know: who may include and call what, and how a source file looks.
#
#   tests/check-source.sh
#
# Prints each violation as FILE:LINE: a sentence. Exit status 1 if there is any.
set -u
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/faults"

mapfile -t c_files < <(find lib daemon client tests -name '*.[ch]' | sort)
mapfile -t headers < <(find lib daemon client tests -name '*.h' | sort)
mapfile -t texts < <(find lib daemon client tests proto docs systemd .ci Makefile README.md CHANGELOG.md \
	-type f ! -name '*.trace' ! -path 'tests/fuzz/corpus/*' 2>/dev/null | sort)

# says SENTENCE: turns the FILE:LINE:text of a grep into faults.
says() {
	sed -E "s|^([^:]*:[0-9]+):.*|\1: $1|" >>"$tmp/faults"
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

# only WHAT ALLOWED SENTENCE: among the program's sources (tests may include anything) only files that match ALLOWED
# include what matches WHAT.
only() {
	grep -vE '^tests/' "$tmp/includes" | grep -E "^[^:]*:[0-9]+:.*[<\"]($1)" | grep -vE "^($2):" | says "$3"
}

only 'uv(\.h|/)' 'daemon/(main\.c|net/.*|db/store\.[ch])|client/.*' \
	'libuv is for daemon/main.c, daemon/net/, daemon/db/store and client/'
only 'sqlite3' 'daemon/db/.*' 'SQLite is for daemon/db/'
only 'sodium' 'lib/(base/random|pool/names|crypto/[a-z]*)\.c|daemon/(main|net/server)\.c' \
	'libsodium is for lib/base/random, lib/pool/names, lib/crypto/ and the daemon'\''s main and server'
only 'zlib' 'daemon/offline/archive_file\.c' 'zlib is for daemon/offline/archive_file.c'
only 'openssl' 'lib/crypto/tls\.c' 'OpenSSL is for lib/crypto/tls.c'
only 'jansson' 'client/cli/.*|lib/wire/json\.c' 'jansson is for client/cli/ and lib/wire/json.c'
only 'ini\.h' 'daemon/config\.c' 'inih is for daemon/config.c'
only 'cmocka' '-' 'cmocka is for tests'
only '[^">]*\.pb-c\.h' 'lib/wire/.*' 'generated protobuf code is for lib/wire/'
only '(\.\./)*client/|candor\.h|candor/' 'client/.*' 'only client/ and tests include what is in client/'
only '(\.\./)*daemon/' 'daemon/.*' 'only daemon/ and tests include what is in daemon/'
only '(\.\./)*tests/' '-' 'only tests include what is in tests/'

# ---- the arrows among folders ----

# FOLDER | what its files may include, beside its own | what to do instead. A name ending in / is a folder with all below it.
# The order is that of docs/architecture.md: each folder stands above those that it may include.
cat >"$tmp/arrows" <<'END'
lib/base | | lib/base knows nobody: move the code up, to the folder that needs both
lib | lib/base | rights, address and message are shared words: keep them free of codecs and pools
lib/wire | lib lib/base | the codec knows messages, not pools: convert where both are known, in daemon/engine
lib/pool | lib lib/base | the mechanism knows neither bytes nor keys: pass in what it needs
lib/crypto | lib/base lib/pool | lib/crypto hashes and encrypts what it is given: pass it in
daemon/db | lib/ | the database knows rows, not the engine: hand it a callback, or move what both need into rows.h
daemon/history | daemon/db lib/ | a replay reads rows and calls lib/: it has no engine
daemon/engine | daemon/history daemon/db lib/ | the engine has no sockets: ask its owner, through struct engine_ops
daemon/net | daemon daemon/engine daemon/db/store.h daemon/db/file.h lib/ | net reaches the database through the engine or db/store only
daemon/offline | daemon/engine/state.h daemon/history daemon/db lib/ | offline tools read history, and have neither engine nor sockets
daemon | daemon/net daemon/offline lib/ daemon/db/db.h | main and config only start what the folders have
client | lib/ | the client library knows lib/ alone: what the command line needs stays in client/cli
client/lab | lib/ | the laboratory has no I/O: pass it in
client/cli/base | client lib/ | the base knows no command: move what is particular into client/cli/commands
client/cli/commands | client client/cli/base lib/ | what two commands share belongs in client/cli/base
client/cli/lab | client client/cli/base client/lab lib/ | what two commands share belongs in client/cli/base
client/cli | client/cli/base lib/ | main only finds the command and runs it
END
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
		if (!(from in allowed)) { print $1 ":" $2 ": " from " is a folder without a row in the table of arrows; add it to tests/check-source.sh"; next }
		good = from == to
		n = split(allowed[from], a, " ")
		for (i = 1; i <= n; i++)
			good = good || a[i] == to || a[i] == $3 || (a[i] ~ /\/$/ && index(to "/", a[i]) == 1)
		if (!good) print $1 ":" $2 ": " from " must not include " $3 "; " instead[from]
	}' >>"$tmp/faults"

# ---- who calls what ----

# never CALLS FILES SENTENCE: in files that match, no call of a function that matches.
never() {
	grep -E "^($2):[0-9]+:(.*[^A-Za-z0-9_.>])?($1)[[:space:]]*\(" "$tmp/code" | says "$3"
}

never 'time|clock_gettime|gettimeofday|getenv|secure_getenv|open|openat|fopen|socket|connect|rand|random' 'lib/.*' \
	'lib/ has no clock, no environment, no I/O: pass it in'
never 'strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|alloca|strtok' '.*' \
	'this function cannot be used safely: there are snprintf, memcpy, strtoul, strtok_r'

# ---- how a file looks ----

grep -nE '\b(TOD[O]|FIXM[E]|XX[X])\b' "${texts[@]}" /dev/null | says 'finish it or leave it out, but leave no note that it is unfinished'
grep -nE '(^|[^A-Za-z0-9_.])/wor[k](/|$|[^A-Za-z0-9_])' "${texts[@]}" /dev/null | says 'a path of one machine has no place in the project'
grep -nE '[[:space:]]+$' "${c_files[@]}" Makefile proto/*.proto tests/*.sh /dev/null | says 'white space at the end of the line'

for file in "${c_files[@]}"; do
	# Tests have sentences and SQL that are not to be broken.
	case $file in tests/*) most=140 ;; *) most=120 ;; esac
	# A character of UTF-8 is one column: its later bytes are not counted.
	expand -t 8 "$file" | awk -v file="$file" -v most="$most" '
		{ gsub(/[\200-\277]/, "") }
		length > most { print file ":" NR ": the line has " length " columns; " most " are the most" }' >>"$tmp/faults"
done

for file in "${c_files[@]}" tests/*.sh; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 700 ] || echo "$file:$lines: the file has $lines lines; where is its second story?" >>"$tmp/faults"
done

for header in "${headers[@]}"; do
	guard=$(sed -nE '/^#/{s/^#ifndef ([A-Za-z0-9_]+)$/\1/p;q}' "$header")
	[[ $guard =~ ^CANDOR(_[A-Z0-9_]+)?_H$ ]] && grep -qx "#define $guard" "$header" ||
		echo "$header:1: its first directive is no include guard of the form CANDOR_..._H" >>"$tmp/faults"
	echo "$guard $header" >>"$tmp/guards"
	head -n 1 "$header" | grep -qE "^/\* ($header|${header##*/}) - " ||
		echo "$header:1: it does not open with its contract: /* ${header##*/} - what it is" >>"$tmp/faults"
done
awk '$1 in first { print $2 ":1: its include guard is that of " first[$1] } { first[$1] = $2 }' "$tmp/guards" >>"$tmp/faults"

# ---- each header compiles alone ----

gen=${B:-build/release}/gen
if [ ! -f "$gen/candor.pb-c.h" ]; then
	gen=$tmp
	protoc-c --proto_path=proto --c_out="$tmp" candor.proto || exit 1
fi
read -ra pkg_cflags < <(pkg-config --cflags libuv libprotobuf-c sqlite3 inih libsodium jansson cmocka)
for header in "${headers[@]}"; do
	echo "#include \"$header\"" | ${CC:-cc} -fsyntax-only -x c -std=c11 -D_GNU_SOURCE -DCANDOR_IN_TREE \
		-DCANDOR_VERSION='"0"' -Wall -Wextra -Werror -I. -I"$gen" "${pkg_cflags[@]}" - 2>"$tmp/cc" ||
		echo "$header:1: it does not compile alone: $(grep -m1 -E 'error|warning' "$tmp/cc")" >>"$tmp/faults"
done

sort -t: -k1,1 -k2,2n "$tmp/faults"
if [ -s "$tmp/faults" ]; then
	exit 1
fi
echo "${#c_files[@]} source files keep to the rules"
