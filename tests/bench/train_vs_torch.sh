#!/bin/bash
# SPDX-License-Identifier: MIT
# train_vs_torch.sh ROWS [MODEL...]: training tokens/s of assay's onednn backend over PyTorch's,
# on the same rows: A B A B ... in one run, so that a busy moment of the machine hits both. Prints
# the median, least and greatest ratio of each model, of tokens/s and of tokens per second of processor
# time (which holds on a busy machine, with THREADS=1), and the ratio of the processes' peak memory.
# ROWS is the output of `assay data rows SUITE`.
#
#   BENCH_TRAIN  the program (build/tests/bench/bench_train)   PYTHON  one with PyTorch (python3)
#   ROUNDS       pairs per model (5)                           STEPS   timed steps (125)
#   THREADS      of both (2)                                   MODE    of peer_torch.py (packed)
#   BATCH        rows (32)                                     DTYPE   f32 or bf16 (f32)
#   COMPILE      1: PyTorch with torch.compile (0: eager)  WARM_UP steps of PyTorch (10)
#   SETTINGS     of every model, as "layers=4 hidden=64" (none)
set -eu
[ $# -ge 1 ] || { echo "usage: train_vs_torch.sh ROWS [MODEL...]" >&2; exit 64; }
rows=$1
shift
[ $# -gt 0 ] || set -- gru bilstm_attention transformer
here=$(dirname "$0")
bench=${BENCH_TRAIN:-build/tests/bench/bench_train}
python=${PYTHON:-python3}
steps=${STEPS:-125}
options=(--batch "${BATCH:-32}" --dtype "${DTYPE:-f32}" --threads "${THREADS:-2}" --steps "$steps")
for setting in ${SETTINGS:-}; do
    options+=(--set "$setting")
done
peer=(--mode "${MODE:-packed}" --warm-up "${WARM_UP:-10}")
[ "${COMPILE:-0}" = 0 ] || peer+=(--compile)
results=$(mktemp)
trap 'rm -f "$results"' EXIT

for model in "$@"; do
    for ((round = 0; round < ${ROUNDS:-5}; round++)); do
        "$bench" --rows "$rows" --model "$model" "${options[@]}" >>"$results"
        "$python" "$here/peer_torch.py" --rows "$rows" --model "$model" "${options[@]}" \
            "${peer[@]}" >>"$results"
    done
done

"$python" - "$results" <<'PYTHON'
import json, statistics, sys

runs = {}
for line in open(sys.argv[1]):
    if not line.startswith("{"):
        continue
    run = json.loads(line)
    pair = runs.setdefault(run["model"], ([], []))
    pair[1 if run.get("peer", "").startswith("PyTorch") else 0].append(run)


def ratios(ours, theirs, figure):
    found = [figure(a) / figure(b) for a, b in zip(ours, theirs, strict=True)]
    return f"{statistics.median(found):.2f}, {min(found):.2f}, {max(found):.2f}"


print(f"{'model':<18} {'assay':>10} {'PyTorch':>10}  tokens/s; ratios (median, least, greatest):")
for model, (ours, theirs) in runs.items():
    speeds = [statistics.median(run["tokens_per_second"] for run in each) for each in (ours, theirs)]
    print(f"{model:<18} {speeds[0]:>10.0f} {speeds[1]:>10.0f}  "
          f"tokens/s {ratios(ours, theirs, lambda run: run['tokens_per_second'])};  "
          f"by processor time {ratios(ours, theirs, lambda run: run['tokens'] / run['cpu_seconds'])};  "
          f"peak memory {ratios(ours, theirs, lambda run: run['peak_rss_bytes'])}  "
          f"({len(ours)} pairs)")
PYTHON
