#!/usr/bin/env bash
# Runs every test that counts what it did at its full size, and writes the counts into docs/reliability.md, between the
# lines `<!-- figures -->` and `<!-- /figures -->`.
#
#   B=build/release tests/reliability.sh
#
# Those are all programs in $B/tests/fault, and the others whose source says a count (tests/lib/proof.h), scripts of
# tests/clients among them. Counts of the same name are added up. A line for each program; the output of one that fails in full,
# and then the document stays as it was.
# TEST_TIMEOUT_S (14400) is what one program may take. RELIABILITY=bounded runs them at the size of `make test` and leaves
# the document as it was.
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build/release}
document=docs/reliability.md
limit_s=${TEST_TIMEOUT_S:-14400}
export B RELIABILITY=${RELIABILITY:-full}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

if [ "$(grep -cxE '<!-- /?figures -->' $document)" -ne 2 ]; then
	echo "reliability: $document lacks the lines <!-- figures --> and <!-- /figures -->" >&2
	exit 1
fi

failed=0
: >"$tmp/counts"
for source in tests/fault/*.c $(grep -l '\bproof_say(' tests/unit/*.c tests/blackbox/*.c) \
	$(grep -l '# proof: ' tests/clients/test_*); do
	case $source in
	*.c) program=$B/${source%.c} ;;
	*) program=$source ;;
	esac
	start=$SECONDS
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$limit_s" "$program" >"$tmp/log" 2>&1 </dev/null
	status=$?
	counts=$(sed -n 's/^# proof: \(.*: [0-9][0-9]*\)$/\1/p' "$tmp/log")
	if [ $status -ne 0 ] || [ -z "$counts" ]; then
		printf '%-38s failed with status %d (%d s)\n' "${source#tests/}" $status $((SECONDS - start))
		[ -n "$counts" ] || echo '    it said no count'
		sed 's/^/    /' "$tmp/log"
		failed=$((failed + 1))
		continue
	fi
	printf '%-38s %d s\n' "${source#tests/}" $((SECONDS - start))
	echo "$counts" | sed 's/^/    /'
	echo "$counts" >>"$tmp/counts"
done
if [ $failed -gt 0 ]; then
	echo "reliability: $failed failed; $document is as it was" >&2
	exit 1
fi

# Equal names added up, in the order in which they were first said, thousands set apart.
awk '
	function thousands(n, s) {
		s = sprintf("%.0f", n)
		while (match(s, /[0-9][0-9][0-9][0-9]($|,)/)) s = substr(s, 1, RSTART) "," substr(s, RSTART + 1)
		return s
	}
	{
		n = $NF; what = $0; sub(/: [0-9]+$/, "", what)
		if (!(what in sum)) order[++k] = what
		sum[what] += n
	}
	END {
		print "| what | how many |"; print "|---|---:|"
		for (i = 1; i <= k; i++) print "| " order[i] " | " thousands(sum[order[i]]) " |"
	}' "$tmp/counts" >"$tmp/table"
cat "$tmp/table"
if [ "$RELIABILITY" != full ]; then
	echo "reliability: this was not the full size; $document is as it was"
	exit 0
fi
awk -v table="$tmp/table" '
	/^<!-- figures -->$/ {
		print; print ""
		while ((getline line < table) > 0) print line
		print ""; inside = 1; next
	}
	/^<!-- \/figures -->$/ { inside = 0 }
	!inside { print }' $document >"$tmp/document"
cat "$tmp/document" >$document
