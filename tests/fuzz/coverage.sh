#!/bin/sh
# SPDX-License-Identifier: MIT
# coverage.sh BUILD: lines of its reader that each target reaches with its seeds and what run.sh
# found, in percent. BUILD was configured with -Dfuzzers=enabled -Dfuzz_coverage=true. Exit status 1
# when one is under 80.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
profdata=$(command -v llvm-profdata || command -v llvm-profdata-14 || command -v llvm-profdata-19)
cov=$(command -v llvm-cov || command -v llvm-cov-14 || command -v llvm-cov-19)
status=0
while read -r name files; do
    folder=$build/fuzz/$name
    mkdir -p "$folder/corpus"
    cd "$folder"
    LLVM_PROFILE_FILE=$folder/coverage.profraw "$build/tests/fuzz/fuzz_$name" -runs=0 corpus \
        "$here/seeds/$name" >coverage.txt 2>&1
    "$profdata" merge -sparse coverage.profraw -o coverage.profdata
    # shellcheck disable=SC2086 # a list of words
    percent=$("$cov" export -summary-only -instr-profile=coverage.profdata \
        "$build/tests/fuzz/fuzz_$name" | python3 -c 'import json, sys
wanted = ["/" + name for name in sys.argv[1:]]
lines = [f["summary"]["lines"] for f in json.load(sys.stdin)["data"][0]["files"]
         if any(f["filename"].endswith(name) for name in wanted)]
assert len(lines) == len(wanted), "a source of targets.txt was not measured"
print("%.1f" % (100 * sum(n["covered"] for n in lines) / sum(n["count"] for n in lines)))' $files)
    echo "$name: $percent % of the lines of $files"
    if [ "$(printf '%.0f' "$percent")" -lt 80 ]; then
        status=1
    fi
done <"$here/targets.txt"
exit $status
