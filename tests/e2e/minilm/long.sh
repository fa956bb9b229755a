#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/e2e/minilm/long.sh BUILD PYTHON: MiniLM-L6 in assay beside transformers and scikit-learn
# (PYTHON has them): every token's hidden state of 200 texts on `reference` and their pooled states on
# `onednn` within 1e-4; a linear head on frozen features, over all of SST-2 and three seeds, at most a
# point below logistic regression. Some ten minutes. Needs ASSAY_MINILM (.ci/minilm.sh) and
# ASSAY_TEST_DATA. Fine-tuning is measured by hand: results/examples/sst2-minilm.
set -eu
[ $# -eq 2 ] || { echo "usage: tests/e2e/minilm/long.sh BUILD PYTHON" >&2; exit 64; }
build=$1 python=$2 here=$(dirname "$0")
model=${ASSAY_MINILM:?is not set: .ci/minilm.sh fetches that folder} data=${ASSAY_TEST_DATA:?is not set}
export ASSAY_PLUGIN_PATH="$build/plugins" ASSAY_SUITE_PATH="$here/../../../suites"
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-minilm.XXXXXX")
trap 'rm -rf "$work"' EXIT
export ASSAY_CACHE_DIR="$work/cache"
set -- --set "data.path=$data/small/sst2" --set "defaults.weights=$model" \
    --set "defaults.tokenizer.vocabulary=$model"

"$python" "$here/peers.py" texts "$data" 150 50 >"$work/texts.txt"
"$build/assay" data tokens - --tokenizer wordpiece --vocab "$model/vocab.txt" --max-tokens 256 \
    <"$work/texts.txt" >"$work/tokens.jsonl"
"$python" "$here/peers.py" ids "$work/tokens.jsonl" >"$work/ids.txt"
for how in 'onednn pooled' 'reference tokens'; do
    # shellcheck disable=SC2086 # backend and kind
    "$build/tests/e2e/minilm_states" "$model" $how "$work/ids.txt" >"$work/states"
    echo "$how:"
    "$python" "$here/peers.py" states "$model" "$work/texts.txt" "$work/tokens.jsonl" "$work/states"
done

"$build/assay" data rows "$here/suite.json" "$@" >"$work/rows.jsonl"
"$python" "$here/peers.py" features "$model" "$work/rows.jsonl" >"$work/features.json"
"$build/assay" run "$here/suite.json" --entries frozen --threads 1 --quiet --out "$work/run" \
    --set 'measure.scenarios=[]' "$@"
"$python" - "$work" <<'EOF'
import glob, json, sys
right = json.load(open(sys.argv[1] + "/features.json"))["accuracy"]["test"]
found = [json.load(open(name))["test"]["accuracy"]["value"]
         for name in glob.glob(sys.argv[1] + "/run/cells/frozen*/result.json")]
mean = sum(found) / len(found)
print(f"frozen features: accuracy {mean:.4f} over {len(found)} seeds, logistic regression {right:.4f}")
sys.exit(mean < right - 0.01)
EOF
