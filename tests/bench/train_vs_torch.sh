#!/bin/bash
# SPDX-License-Identifier: MIT
# train_vs_torch.sh ROWS [MODEL...]: training tokens/s of assay's onednn backend over PyTorch eager's,
# on the same rows: A B A B ... in one run, so that a busy moment of the machine hits both. Prints
# the median, least and greatest ratio of each model. ROWS is the output of `assay data rows SUITE`.
#
#   BENCH_TRAIN  the program (build/tests/bench/bench_train)   PYTHON  one with PyTorch (python3)
#   ROUNDS       pairs per model (5)                           STEPS   timed steps (125)
#   THREADS      of both (2)                                   MODE    of peer_torch.py (packed)
set -eu
[ $# -ge 1 ] || { echo "usage: train_vs_torch.sh ROWS [MODEL...]" >&2; exit 64; }
rows=$1
shift
[ $# -gt 0 ] || set -- gru bilstm_attention transformer
here=$(dirname "$0")
bench=${BENCH_TRAIN:-build/tests/bench/bench_train}
python=${PYTHON:-python3}
steps=${STEPS:-125}
threads=${THREADS:-2}
results=$(mktemp)
trap 'rm -f "$results"' EXIT

for model in "$@"; do
    for ((round = 0; round < ${ROUNDS:-5}; round++)); do
        "$bench" --rows "$rows" --model "$model" --steps "$steps" --threads "$threads" >>"$results"
        "$python" "$here/peer_torch.py" --rows "$rows" --model "$model" --steps "$steps" \
            --threads "$threads" --mode "${MODE:-packed}" >>"$results"
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
    pair[1 if run.get("peer", "").startswith("PyTorch") else 0].append(run["tokens_per_second"])
print(f"{'model':<18} {'assay':>10} {'PyTorch':>10}   ratio: median, least, greatest")
for model, (ours, theirs) in runs.items():
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(f"{model:<18} {statistics.median(ours):>10.0f} {statistics.median(theirs):>10.0f}   "
          f"{statistics.median(ratios):.2f}, {min(ratios):.2f}, {max(ratios):.2f}"
          f"   ({len(ratios)} pairs, tokens/s)")
PYTHON
