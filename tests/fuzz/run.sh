#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD SECONDS [NAME...]: each fuzz target (all of targets.txt, or the named ones) for so many
# seconds from its seeds, as many at once as there are processors. A finding is kept in
# BUILD/fuzz/NAME/, its input and log are named, and the exit status is 1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
seconds=$2
shift 2
# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(cut -d' ' -f1 "$here/targets.txt")

one() {
    name=$1
    folder=$build/fuzz/$name
    mkdir -p "$folder/corpus"
    cd "$folder"
    if "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -max_len=65536 -print_final_stats=1 corpus "$here/seeds/$name" >log.txt 2>&1; then
        echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' log.txt) inputs, no finding"
    else
        echo "$name: FINDING, see $folder/log.txt and the input beside it"
        grep -m 3 -E 'ERROR|SUMMARY|runtime error' log.txt || true
        touch "$build/fuzz/failed"
    fi
}

rm -f "$build/fuzz/failed"
jobs=$(getconf _NPROCESSORS_ONLN)
running=0
for name in "$@"; do
    one "$name" &
    running=$((running + 1))
    if [ "$running" -ge "$jobs" ]; then
        wait
        running=0
    fi
done
wait
[ ! -e "$build/fuzz/failed" ]
