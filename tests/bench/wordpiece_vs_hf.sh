#!/bin/bash
# SPDX-License-Identifier: MIT
# wordpiece_vs_hf.sh VOCABULARY TOKENIZER ARCHIVE: WordPiece encoding of assay over Hugging Face
# tokenizers' encode_batch, both on the same texts (the labelled ones of IMDB's archive), A B A B ...
# in one run, so that a busy moment of the machine hits both; with one thread, then with all.
# VOCABULARY is vocab.txt, TOKENIZER the tokenizer.json of the same; both may be .xz.
#
#   BENCH_WORDPIECE  the program (build/tests/bench/bench_wordpiece)
#   PYTHON           one with tokenizers (python3)   ROUNDS  pairs (3)   MEGABYTES  of texts (20)
set -eu
[ $# -eq 3 ] || { echo "usage: wordpiece_vs_hf.sh VOCABULARY TOKENIZER ARCHIVE" >&2; exit 64; }
here=$(dirname "$0")
bench=${BENCH_WORDPIECE:-build/tests/bench/bench_wordpiece}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" "$here/peer_tokenizers.py" texts "$3" "$work/texts" "${MEGABYTES:-20}"

for threads in 1 "$(nproc)"; do
    for ((round = 0; round < ${ROUNDS:-3}; round++)); do
        "$bench" "$1" "$work/texts" --threads "$threads" >>"$work/ours"
        TOKENIZERS_PARALLELISM=$([ "$threads" = 1 ] && echo false || echo true) \
            RAYON_NUM_THREADS=$threads \
            "$python" "$here/peer_tokenizers.py" encode "$2" "$work/texts" >>"$work/theirs"
    done
done

"$python" - "$work/ours" "$work/theirs" <<'PYTHON'
import json, statistics, sys

runs = {}
for ours, theirs in zip(*(map(json.loads, open(path)) for path in sys.argv[1:]), strict=True):
    assert (ours["bytes"], ours["ids"]) == (theirs["bytes"], theirs["ids"]), "other ids"
    runs.setdefault(ours["threads"], []).append((ours["mb_per_s"], theirs["mb_per_s"]))
print(f"{'threads':<8} {'assay':>10} {'HF':>8}   ratio: median, least, greatest")
for threads, pairs in runs.items():
    ratios = [a / b for a, b in pairs]
    print(f"{threads:<8} {statistics.median(a for a, _ in pairs):>10.1f} "
          f"{statistics.median(b for _, b in pairs):>8.2f}   {statistics.median(ratios):.1f}, "
          f"{min(ratios):.1f}, {max(ratios):.1f}   ({len(ratios)} pairs, MB/s)")
PYTHON
