#!/bin/sh
# generate.sh FOLDER - C for candor.proto, in FOLDER: code by protoc-c, and comments.def, what the proto says of its messages and
# fields. protoc-c does not take proto3's `optional`; what it stands for is a oneof of that field alone, and so it is written for it.
set -eu
here=$(dirname "$0")
sed -E 's/^( *)optional (\w+ (\w+) = [0-9]+;)/\1oneof _\3 { \2 }/' "$here/candor.proto" >"$1/candor.proto"
protoc-c --proto_path="$1" --c_out="$1" candor.proto
awk -f "$here/comments.awk" "$here/candor.proto" >"$1/comments.def"
