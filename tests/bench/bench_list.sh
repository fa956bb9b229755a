#!/bin/sh
# SPDX-License-Identifier: MIT
# bench_list.sh ASSAY: median time of `assay list models` over 21 runs, process start included. Prints JSON;
# exit status 1 when it is 20 ms or more.
set -eu
[ $# -eq 1 ] || { echo "usage: bench_list.sh ASSAY" >&2; exit 64; }
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do
    begin=$(date +%s%N)
    "$1" list models >/dev/null
    end=$(date +%s%N)
    echo $((end - begin))
done | sort -n | awk '
    { ns[NR] = $1 }
    END {
        ms = ns[(NR + 1) / 2] / 1e6
        printf "{\"bench\": \"list_models\", \"runs\": %d, \"median_ms\": %.2f, \"limit\": 20}\n", NR, ms
        exit ms < 20 ? 0 : 1
    }'
