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

only 'uv(\.h|/)' 'daemon/(main|server|conn|store)[a-z_]*\.[ch]|client/.*' \
	'libuv is for the daemon'\''s main, server, conn and store, and for client/'
only 'sqlite3' 'daemon/(db|migrate)[a-z_]*\.[ch]' 'SQLite is for daemon/db and daemon/migrate'
only 'sodium' 'lib/(names|random|chain|digest|token)\.c|daemon/(main|server)\.c' 'libsodium is for lib/names, lib/random, lib/chain, lib/digest, lib/token and the daemon'\''s main and server'
only 'zlib' 'daemon/archive_file\.c' 'zlib is for daemon/archive_file.c'
only 'openssl' 'lib/tls\.c' 'OpenSSL is for lib/tls'
only 'jansson' 'client/cli/.*' 'jansson is for client/cli'
only 'ini\.h' 'daemon/config\.c' 'inih is for daemon/config.c'
only 'cmocka' '-' 'cmocka is for tests'
only '[^">]*\.pb-c\.h' 'lib/wire_[a-z]*\.[ch]' 'generated protobuf code is for lib/wire_*'
only '(\.\./)*client/|candor\.h|candor/' 'client/.*' 'only client/ and tests include what is in client/'
only '(\.\./)*daemon/' 'daemon/.*' 'only daemon/ and tests include what is in daemon/'
only '(\.\./)*tests/' '-' 'only tests include what is in tests/'

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
		-DCANDOR_VERSION='"0"' -Wall -Wextra -Werror -I. -Ilib -I"$gen" "${pkg_cflags[@]}" - 2>"$tmp/cc" ||
		echo "$header:1: it does not compile alone: $(grep -m1 -E 'error|warning' "$tmp/cc")" >>"$tmp/faults"
done

sort -t: -k1,1 -k2,2n "$tmp/faults"
if [ -s "$tmp/faults" ]; then
	exit 1
fi
echo "${#c_files[@]} source files keep to the rules"
