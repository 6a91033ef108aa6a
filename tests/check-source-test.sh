#!/usr/bin/env bash
# Does tests/check-source.sh find what it is there to find? In a copy of the tree each rule is broken, each arrow that the
# table forbids is drawn, and beside each stands what is allowed: all of the former is reported, and nothing else.
#
#   tests/check-source-test.sh
#
# Speaks TAP, a line for each rule. A rule that nothing here breaks fails by its name: give it a line below.
set -u
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
export B=${B:-build/release}
[[ $B = /* ]] || B=$PWD/$B
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/tree
mkdir "$tree"
tar -cf - --exclude=tests/fuzz/corpus --exclude=tests/vectors lib daemon client tests proto docs systemd .ci Makefile README.md \
	CHANGELOG.md | tar -xf - -C "$tree" || exit 1
: >"$tmp/planted"
number=0 bad=0

# outcome SENTENCE FILE: a line of TAP; there must be nothing in the file, and what there is goes out as comments.
outcome() {
	number=$((number + 1))
	if [ -s "$2" ]; then
		bad=1
		sed 's/^/# /' "$2"
		echo "not ok $number - $1"
	else
		echo "ok $number - $1"
	fi
}

# fine FILE TEXT: a line that no rule forbids. plant RULE FILE TEXT: one that this rule forbids.
fine() {
	printf '%s\n' "$2" >>"$tree/$1"
}
plant() {
	fine "$2" "$3"
	echo "$1 $2:$(wc -l <"$tree/$2")" >>"$tmp/planted"
}

# ---- each rule broken; new files, each with what is allowed first ----

fine daemon/net/new.c '#include <uv.h>'
plant only-uv daemon/engine/new.c '#include <uv.h>'
plant only-uv lib/wire/new.c '#include "uv/unix.h"'
fine daemon/db/new.c '#include <sqlite3.h>'
plant only-sqlite daemon/engine/new.c '#include <sqlite3.h>'
fine lib/crypto/new.c '#include <sodium.h>'
plant only-sodium lib/pool/new.c '#include <sodium.h>'
plant only-sodium daemon/db/new.c '#include <sodium.h>'
plant only-zlib daemon/offline/new.c '#include <zlib.h>'
plant only-openssl daemon/net/new.c '#include <openssl/ssl.h>'
fine client/cli/base/new.c '#include <jansson.h>'
plant only-jansson client/new.c '#include <jansson.h>'
fine daemon/http/parse.c '#include <llhttp.h>'
plant only-llhttp daemon/net/new.c '#include <llhttp.h>'
fine daemon/manager.c '#include <systemd/sd-daemon.h>'
plant only-systemd daemon/net/new.c '#include <systemd/sd-daemon.h>'
plant only-utf8proc daemon/engine/new.c '#include <utf8proc.h>'
plant only-inih daemon/net/new.c '#include <ini.h>'
fine tests/lib/new.c '#include <cmocka.h>'
plant only-cmocka lib/base/new.c '#include <cmocka.h>'
fine lib/wire/new.c '#include "candor.pb-c.h"'
plant only-protobuf lib/pool/new.c '#include "candor.pb-c.h"'
plant only-client daemon/net/new.c '#include "client/candor.h"'
plant only-client lib/base/new.c '#include <candor/message.h>'
plant only-daemon client/new.c '#include "daemon/db/db.h"'
plant only-daemon lib/base/new.c '#include "../../daemon/config.h"'
plant only-tests daemon/db/new.c '#include "tests/lib/unit.h"'
fine tests/lib/new.c '#include "daemon/db/db.h"'

for file in conn.h turns.c session_memory.c; do
	plant order daemon/net/$file '#include "daemon/net/conns.h"'
done
plant order daemon/net/listen.c '#include "daemon/net/conns.h"'
fine daemon/net/server.c '#include "daemon/net/conns.h"'
echo "order-file daemon/net/new.c:1" >>"$tmp/planted"

mkdir -p "$tree/lib/attic"
plant arrow lib/attic/new.c '#include "lib/base/err.h"'

fine daemon/engine/charge.c '#include "daemon/engine/state.h"'
plant engine-row daemon/engine/quota.c '#include "daemon/engine/call.h"'
plant engine-row daemon/engine/items.h '#include "daemon/engine/requests.h"'
plant engine-circle daemon/engine/items.c '#include "daemon/engine/charge.h"'
echo "engine-circle daemon/engine/charge.c:$(grep -n '"daemon/engine/items.h"' daemon/engine/charge.c | cut -d: -f1)" >>"$tmp/planted"
fine daemon/engine/charge.h 'static inline int engine_at_home(void);'
plant engine-home daemon/engine/charge.h 'int engine_homeless(struct engine *e);'
for file in new arrows; do
	echo "engine-file daemon/engine/$file.c:1" >>"$tmp/planted"
done

fine lib/pool/new.c '/* time(NULL), and what is called open ("file") */ static const char s[] = "time(NULL)";'
fine daemon/engine/new.c 'uint64_t now = time(NULL);'
plant never-outside lib/pool/new.c 'uint64_t now = time(NULL);'
plant never-outside lib/base/new.c 'FILE *f = fopen("x", "r");'
plant never-unsafe daemon/net/new.c 'strcpy(a, b);'
plant never-unsafe tests/lib/new.c 'int n = atoi (text);'

fine daemon/db/new.c 'static const char s[] = "SELECT count(*), i.id FROM items i";'
fine daemon/db/new.c '	"INSERT INTO events SELECT 1, 2;" /* released */'
fine daemon/db/new.c 'static const char s[] = "INSERT INTO events (id) SELECT 1";'
plant sql-star daemon/db/new.c 'static const char s[] = "SELECT * FROM items";'
plant sql-star daemon/offline/new.c 'static const char s[] = "SELECT s.round, i.* FROM settlements s";'
fine daemon/db/new.c 'static const char s[] = "SELECT"'
plant sql-star daemon/db/new.c '	" i.* FROM items i";'
plant sql-insert daemon/db/new.c 'static const char s[] = "INSERT OR REPLACE INTO pools VALUES (?, ?)";'
fine daemon/db/new.def 'S(NEW, "INSERT INTO items" \'
plant sql-insert daemon/db/new.def '	" SELECT id FROM open_items")'

plant look-unfinished docs/new.md "TO""DO: describe it"
plant look-unfinished client/new.c "/* FIX""ME */"
plant look-machine docs/new.md "see /wor""k/main for it"
plant look-space lib/pool/new.c 'int x; '
plant look-space tests/new.sh "echo	"
fine daemon/db/new.c "/* $(printf '%0114d' 0) */"
plant look-columns daemon/db/new.c "/* $(printf '%0115d' 0) */"
fine tests/lib/new.c "/* $(printf '%0134d' 0) */"
plant look-columns tests/lib/new.c "/* $(printf '%0135d' 0) */"
plant look-lines client/lab/long.c "$(printf '/* %d */\n' $(seq 701))"
fine client/lab/longest.c "$(printf '/* %d */\n' $(seq 700))"

# header NAME CONTRACT GUARD TEXT
header() {
	printf '%s\n#ifndef %s\n#define %s\n\n%s\n\n#endif\n' "$2" "$3" "$3" "$4" >"$tree/$1"
}
header lib/base/good.h '/* good.h - nothing at all. */' CANDOR_GOOD_H 'int good(void);'
header lib/base/guard.h '/* guard.h - one whose guard has another form. */' GUARD_H 'int guard(void);'
echo "header-guard lib/base/guard.h:1" >>"$tmp/planted"
header lib/base/pragma.h '/* pragma.h - one without a guard. */' CANDOR_PRAGMA_H 'int pragma(void);'
sed -i 's/#ifndef.*/#pragma once/; /#define/d; /#endif/d' "$tree/lib/base/pragma.h"
echo "header-guard lib/base/pragma.h:1" >>"$tmp/planted"
header lib/base/second.h '/* second.h - one with the guard of another. */' CANDOR_GOOD_H 'int second(void);'
echo "header-guard-twice lib/base/second.h:1" >>"$tmp/planted"
header lib/base/mute.h '/* What mute.h is, it does not say. */' CANDOR_MUTE_H 'int mute(void);'
echo "header-contract lib/base/mute.h:1" >>"$tmp/planted"
header lib/base/lonely.h '/* lonely.h - one that needs another before it. */' CANDOR_LONELY_H 'size_t lonely(void);'
echo "header-alone lib/base/lonely.h:1" >>"$tmp/planted"

# Those that are compiled.
fine lib/base/plain.c '#include <string.h>'
fine lib/base/plain.c 'const char *plain(void);'
plant portable lib/base/plain.c 'const char *plain(void) { return strerrordesc_np(2); }'
fine client/cli/plain.c '#include <string.h>'
fine client/cli/plain.c 'const char *plain(void);'
fine client/cli/plain.c 'const char *plain(void) { return strerrordesc_np(2); }'
fine daemon/db/shade.c 'enum shade { DARK, LIGHT };'
fine daemon/db/shade.c 'int shade(enum shade s, int n);'
fine daemon/db/shade.c 'int shade(enum shade s, int n) { switch (n) { case 1: return 0; default: break; }'
fine daemon/db/shade.c 'switch (s) { case DARK: return 1; case LIGHT: return 2; }'
plant switch-default daemon/db/shade.c 'switch (s) { case DARK: return 1; default: return 0; } }'

# ---- every arrow: each folder includes each other, and a file of its own ----

sed -n '/^cat >"$tmp\/arrows"/,/^END$/p' tests/check-source.sh | grep '|' | sed 's/ *| */|/g' >"$tmp/table"
while IFS='|' read -r from allowed _; do
	fine "$from/arrows.c" "#include \"$from/own.h\""
	while IFS='|' read -r to _; do
		[ "$from" = "$to" ] && continue
		good=
		for pattern in $allowed; do
			case $pattern in
			*/) [[ $to/ = "$pattern"* ]] && good=1 ;;
			*.h) fine "$from/arrows.c" "#include \"$pattern\"" ;;
			"$to") good=1 ;;
			esac
		done
		if [ "$good" ]; then
			fine "$from/arrows.c" "#include \"$to/any.h\""
		else
			plant "arrow-$from" "$from/arrows.c" "#include \"$to/any.h\""
		fi
	done <"$tmp/table"
done <"$tmp/table"

echo "order-file daemon/net/arrows.c:1" >>"$tmp/planted"

# What the table must never come to allow, whoever edits it.
while read -r from to; do
	grep -qF "$from/arrows.c:$(grep -nF "\"$to/any.h\"" "$tree/$from/arrows.c" | cut -d: -f1)" "$tmp/planted" ||
		echo "$from may include $to" >>"$tmp/gone"
done <<'END'
lib/base lib/wire
lib/pool lib/wire
lib/wire lib/pool
lib daemon/db
lib client
daemon/db daemon/engine
daemon/db daemon/net
daemon/history daemon/engine
daemon/engine daemon/net
daemon/engine daemon/offline
daemon/net daemon/offline
daemon/net daemon/history
daemon/offline daemon/net
daemon client
client daemon
client client/cli/base
client/cli/base client/cli/commands
client/lab client/cli/base
client/lab client
END

# ---- what is found ----

tests/check-source.sh >"$tmp/clean" 2>&1 && : >"$tmp/clean"
outcome "the tree keeps to the rules" "$tmp/clean"
: >>"$tmp/gone"
outcome "the table of arrows allows none that leads upward" "$tmp/gone"

sources="lib/base/plain.c client/cli/plain.c daemon/db/shade.c"
ours=$(cd "$tree" && echo lib/base/{good,guard,pragma,second,mute,lonely}.h)
(cd "$tree" && HEADERS=$ours SOURCES=$sources tests/check-source.sh --rules) >"$tmp/said" 2>&1 && echo "its exit status is 0" >>"$tmp/said"
grep -v '^rule ' "$tmp/said" >"$tmp/found"
sed -n 's/^rule //p' "$tmp/said" | sort -u >"$tmp/rules"
sed -nE 's/^([^:]+:[0-9]+): [^:]+[:;] .+ \[([^] ]+)\]$/\2 \1/p' "$tmp/found" | sort -u >"$tmp/named"
sort -u "$tmp/planted" -o "$tmp/planted"

while read -r rule; do
	grep -E "^$rule " "$tmp/planted" | comm -23 - "$tmp/named" |
		sed 's/\([^ ]*\) \(.*\)/\2 breaks \1, and nobody says so with what to do instead/' >"$tmp/missed"
	grep -qE "^$rule " "$tmp/planted" ||
		echo "nothing in tests/check-source-test.sh breaks $rule" >>"$tmp/missed"
	grep -qx "$rule" "$tmp/rules" || echo "tests/check-source.sh has no rule $rule" >>"$tmp/missed"
	outcome "$rule" "$tmp/missed"
done < <(cut -d' ' -f1 "$tmp/planted" | sort -u - "$tmp/rules")

# A line that breaks one rule may break another too.
cut -d' ' -f2 "$tmp/planted" | sort -u >"$tmp/places"
awk 'NR == FNR { planted[$1] = 1; next } { at = $1; sub(/:$/, "", at) } !(at in planted)' "$tmp/places" "$tmp/found" >"$tmp/more"
outcome "what keeps to the rules is not reported" "$tmp/more"

# Violations that go past rule() have no name to be tested by.
grep -nE '>> ?"?\$tmp/faults' tests/check-source.sh | grep -vE '^[0-9]+:	+\}.*>>"\$tmp/faults"$' >"$tmp/past"
outcome "each violation has the name of a rule" "$tmp/past"
echo "1..$number"
exit $bad
