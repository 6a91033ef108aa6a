#!/bin/sh
# Plays the experiments and brings docs/mechanism.md up to date: its pictures in docs/figures, and its tables, each
# between the lines `<!-- table NAME -->` and `<!-- end -->`.
set -eu
: "${B:?the build directory}"
tables=$(mktemp -d)
trap 'rm -rf "$tables"' EXIT
mkdir -p docs/figures
"$B/tests/figures/figures" docs/figures "$tables"
awk -v tables="$tables" '
	/^<!-- table [a-z0-9-]+ -->$/ {
		print; print ""
		file = tables "/" $3 ".md"; lines = 0
		while ((getline line < file) > 0) { print line; lines++ }
		if (lines == 0) { print "there is no table " $3 > "/dev/stderr"; exit 1 }
		close(file); print ""; inside = 1; next
	}
	/^<!-- end -->$/ { inside = 0 }
	!inside { print }' docs/mechanism.md >"$tables/mechanism.md"
cat "$tables/mechanism.md" >docs/mechanism.md
