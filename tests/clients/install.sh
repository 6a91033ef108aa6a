#!/bin/sh
# install.sh FOLDER - brings what tests/clients needs of the npm registry there, as package-lock.json has it; once for each
# version of that file. Says why where it cannot: then those tests are skipped.
set -u
to=$1
here=$(dirname "$0")
if ! command -v npm >/dev/null; then
	echo "there is no npm: some tests of clients will be skipped" >&2
	exit 0
fi
mkdir -p "$to"
cmp -s "$here/package-lock.json" "$to/installed" && exit 0
cp "$here/package.json" "$here/package-lock.json" "$to"
if npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund >"$to/log" 2>&1; then
	cp "$here/package-lock.json" "$to/installed"
else
	tail -n 3 "$to/log" >&2
	echo "npm cannot install $here/package.json: some tests of clients will be skipped" >&2
fi
