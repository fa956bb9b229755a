#!/bin/bash
# SPDX-License-Identifier: MIT
# growth.sh OUT: how training time and memory grow with the work, measured by bench_train on rows that
# are all of one length, as OUT/growth.csv and, with gnuplot, OUT/growth_*.svg. One thing varies at a
# time, the others stay at 128 tokens a row, batch 32, hidden 64 and one thread:
#
#   tokens   16 to 512 a row      batch   1 to 256 rows
#   hidden   64 to 1,024          threads 1 and 2, with 64 and with 512 hidden units
#
# OUT/growth_threads.md has the seconds of a step with one and with two threads side by side; these need two idle cores,
# as seconds, not processor time, are compared.
#
# A point is the median of ROUNDS (3) runs in turn (all points once, then all again), each of at least 3
# steps and WORK (20000) tokens; memory is the most of them. The figures draw processor time, which holds
# best on a busy machine; seconds stand beside it in the table. About 12 minutes on two idle cores with
# the defaults, 2 with ROUNDS=1 WORK=3000. ROUNDS=0 draws the figures of the table that is there.
#
#   BENCH_TRAIN  the program (build/tests/bench/bench_train)   MODELS  ("gru transformer")
#   DTYPES       ("f32 bf16"; those the machine lacks are left out)
#   VARIED       what varies ("threads tokens batch hidden"); two threads need two idle cores
set -eu
[ $# -eq 1 ] || { echo "usage: growth.sh OUT" >&2; exit 64; }
out=$1
bench=${BENCH_TRAIN:-build/tests/bench/bench_train}
models=${MODELS:-gru transformer}
dtypes=${DTYPES:-f32 bf16}
work=${WORK:-20000}
varied=" ${VARIED:-threads tokens batch hidden} "
rounds=${ROUNDS:-3}
mkdir -p "$out"
runs=$(mktemp)
trap 'rm -f "$runs"' EXIT

# run VARIED MODEL DTYPE TOKENS BATCH HIDDEN THREADS
run() {
    [[ $varied = *" $1 "* ]] || return 0
    local steps=$((work / ($4 * $5))) result
    [ "$steps" -ge 3 ] || steps=3
    result=$("$bench" --tokens "$4" --model "$2" --dtype "$3" --batch "$5" --set "hidden=$6" \
        --threads "$7" --steps "$steps") || return 1
    echo "$1 $4 $5 $6 $7 $result" >>"$runs"
}

for ((round = 0; round < rounds; round++)); do
    for model in $models; do
        for dtype in $dtypes; do
            "$bench" --tokens 8 --model "$model" --dtype "$dtype" --steps 1 --threads 1 >/dev/null ||
                continue
            for hidden in 64 512; do
                run threads "$model" "$dtype" 128 32 "$hidden" 1
                run threads "$model" "$dtype" 128 32 "$hidden" 2
            done
            for tokens in 16 32 64 128 256 512; do
                run tokens "$model" "$dtype" "$tokens" 32 64 1
            done
            for batch in 1 2 4 8 16 32 64 128 256; do
                run batch "$model" "$dtype" 128 "$batch" 64 1
            done
            for hidden in 64 128 256 512 1024; do
                run hidden "$model" "$dtype" 128 32 "$hidden" 1
            done
        done
    done
done

tables() {
    python3 - "$runs" "$out/growth.csv" "$out/growth_threads.md" <<'PYTHON'
import csv, json, statistics, sys

points = {}
steps = {}  # seconds of (model, dtype, hidden) with one and with two threads
for line in open(sys.argv[1]):
    varied, tokens, batch, hidden, threads, result = line.split(" ", 5)
    run = json.loads(result)
    key = (run["model"], run["dtype"], varied, *map(int, (tokens, batch, hidden, threads)))
    points.setdefault(key, []).append(run)
with open(sys.argv[2], "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["model", "dtype", "varied", "tokens", "batch", "hidden", "threads", "runs",
                    "seconds_per_step", "seconds_per_step_least", "seconds_per_step_greatest",
                    "tokens_per_second", "cpu_seconds_per_step", "peak_rss_bytes"])
    for key, runs in sorted(points.items()):
        seconds = [run["seconds"] / run["steps"] for run in runs]
        table.writerow([*key, len(runs), f"{statistics.median(seconds):.6g}", f"{min(seconds):.6g}",
                        f"{max(seconds):.6g}",
                        f"{statistics.median(run['tokens_per_second'] for run in runs):.6g}",
                        f"{statistics.median(run['cpu_seconds'] / run['steps'] for run in runs):.6g}",
                        max(run["peak_rss_bytes"] for run in runs)])
        model, dtype, varied, _, _, hidden, threads = key
        if varied == "threads":
            steps.setdefault((model, dtype, hidden), {})[threads] = statistics.median(seconds)
if steps:
    with open(sys.argv[3], "w") as file:
        file.write("| model | precision | hidden units | one thread, ms a step | two, ms | times as fast |\n"
                   "|---|---|--:|--:|--:|--:|\n")
        for (model, dtype, hidden), of in sorted(steps.items()):
            file.write(f"| {model} | {dtype} | {hidden} | {1000 * of[1]:.1f} | {1000 * of[2]:.1f} "
                       f"| {of[1] / of[2]:.2f} |\n")
PYTHON
}
[ "$rounds" -eq 0 ] || tables
echo "$out/growth.csv"

command -v gnuplot >/dev/null || { echo "gnuplot is not here: no figures"; exit 0; }
# figure NAME VARIED COLUMN-OF-X X-TITLE COLUMN-OF-Y Y-TITLE FACTOR [HIDDEN...]: a curve for each model and
# precision, and for each number of hidden units where some are named
figure() {
    local name=$1 varied=$2 x=$3 x_title=$4 y=$5 y_title=$6 factor=$7 curves='' model dtype hidden part
    shift 7
    for model in $models; do
        for dtype in $dtypes; do
            for hidden in "${@:-}"; do
                part=$runs.$model.$dtype.$hidden
                grep -E "^$model,$dtype,$varied,[0-9]+,[0-9]+,${hidden:-[0-9]+}," "$out/growth.csv" |
                    sort -t, -k "$x,${x}n" >"$part"
                [ -s "$part" ] || continue
                curves="$curves${curves:+, }'$part' using $x:(\$$y*$factor) with linespoints \
                    title '$model, $dtype${hidden:+, $hidden units}'"
            done
        done
    done
    [ -n "$curves" ] || return 0
    gnuplot <<GNUPLOT
set terminal svg size 640,440 font 'sans-serif,13' noenhanced
set output '$out/growth_$name.svg'
set datafile separator ','
set logscale xy 2
set xlabel '$x_title'
set ylabel '$y_title'
set key top left
set grid
plot $curves
GNUPLOT
    rm -f "$runs".*.*
    echo "$out/growth_$name.svg"
}
figure tokens tokens 4 'tokens per row' 13 'processor time per step in ms' 1000
figure batch batch 5 'rows per batch' 13 'processor time per step in ms' 1000
figure hidden hidden 6 'hidden units' 13 'processor time per step in ms' 1000
figure threads threads 7 'threads' 9 'time per step in ms' 1000 64 512
figure memory_of_batch batch 5 'rows per batch' 14 'peak resident memory in MiB' '1/1048576.'
figure memory_of_size hidden 6 'hidden units' 14 'peak resident memory in MiB' '1/1048576.'
