#!/bin/sh
# Runs every bench of the build in $B, one after the other. BENCH_RUNS: how many runs each median is of (5).
set -eu
: "${B:?the build directory}"
echo "medians of ${BENCH_RUNS:-5} runs on $(nproc) processors; ratios are medians of the runs' own ratios"
for bench in ${BENCHES:-ingest report query settle overload tls metrics peers}; do
	"$B/tests/bench/$bench"
done
