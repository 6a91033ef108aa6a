#!/bin/sh
# generate.sh FOLDER - C for candor.proto, in FOLDER. protoc-c does not take proto3's `optional`; what it stands for is a
# oneof of that field alone, and so it is written for it.
set -eu
sed -E 's/^( *)optional (\w+ (\w+) = [0-9]+;)/\1oneof _\3 { \2 }/' "$(dirname "$0")/candor.proto" >"$1/candor.proto"
protoc-c --proto_path="$1" --c_out="$1" candor.proto
