#!/bin/bash
# SPDX-License-Identifier: MIT
# frozen_vs_torch.sh ROWS: a whole run of a frozen DistilBERT (features once, then the head), assay's
# onednn backend and PyTorch on the same texts, in turn (A B A B ...). PyTorch runs the backbone in every
# epoch; CACHED=1: once, as if its user had written that. Prints the median, least and greatest ratio of
# seconds and of processor time. ROWS is the output of `assay data rows SUITE` with WordPiece ids.
#
#   BENCH_FROZEN  the program (build/tests/bench/bench_frozen_features)  PYTHON  with PyTorch (python3)
#   ROUNDS  pairs (3)   TEXTS  (96)   EPOCHS  (3)   THREADS  of both (2)   DTYPE  f32 or bf16 (f32)
set -eu
[ $# -eq 1 ] || { echo "usage: frozen_vs_torch.sh ROWS" >&2; exit 64; }
here=$(dirname "$0")
python=${PYTHON:-python3}
options=(--rows "$1" --texts "${TEXTS:-96}" --epochs "${EPOCHS:-3}" --threads "${THREADS:-2}"
    --dtype "${DTYPE:-f32}")
cached=()
[ "${CACHED:-0}" = 0 ] || cached=(--cached)
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for ((round = 0; round < ${ROUNDS:-3}; round++)); do
    "${BENCH_FROZEN:-build/tests/bench/bench_frozen_features}" "${options[@]}" >>"$results"
    "$python" "$here/peer_frozen.py" "${options[@]}" "${cached[@]}" >>"$results"
done
"$python" - "$results" <<'PYTHON'
import json, statistics, sys

runs = [json.loads(line) for line in open(sys.argv[1])]
ours, theirs = runs[0::2], runs[1::2]
for name, key in (("seconds", "run_s"), ("processor time", "run_cpu_s")):
    ratios = [b[key] / a[key] for a, b in zip(ours, theirs, strict=True)]
    print(f"{name}: assay {statistics.median(a[key] for a in ours):.2f}, "
          f"PyTorch {statistics.median(b[key] for b in theirs):.2f}; PyTorch over assay "
          f"{statistics.median(ratios):.2f}, {min(ratios):.2f}, {max(ratios):.2f} ({len(ours)} pairs)")
PYTHON
