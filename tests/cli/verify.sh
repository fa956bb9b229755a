# SPDX-License-Identifier: MIT
# assay verify: finished runs and their reports agree with their files; what is changed, missing or
# extra is named; any digit that is changed is found.
. "$HARNESS"
flip=$(dirname "$HARNESS")/flip_digits.py

suite small.json small "$gru, { \"name\": \"bayes\", \"model\": \"naive_bayes\" }"
must 0 "$ASSAY" run ./small.json --set seeds=[1,2] --set training.epochs=2 --set checkpoint.keep=true --out run
cell=run/cells/gru__reference__f32__s1
must 0 "$ASSAY" verify run
prints '0 findings'
prints 'epochs.jsonl: seconds'
must 0 "$ASSAY" verify run --json
is "$(json .out 'd["verified"][0]["findings"]')" '[]'
# The checkpoint's header tells the parameters, so they are not taken as recorded.
is "$(json .out '[r["numbers"] for r in d["verified"][0]["taken_as_recorded"] if r["what"] == "result.json: model.parameters.total"]')" '[2]'

# Every node's shape and parameters follow from its tensors, and these from the checkpoint.
grep -qF "${cell#run/}/graph.json" run/SHA256SUMS || complain "SHA256SUMS lacks graph.json"
is "$(json $cell/graph.json '[n["operation"] for n in d["nodes"]][0]')" embedding
is "$(json $cell/graph.json 'sum(n["n_parameters"] for n in d["nodes"])')" \
    "$(json $cell/result.json 'd["model"]["parameters"]["total"]')"
is "$(json .out 'sorted(r["what"] for r in d["verified"][0]["taken_as_recorded"] if r["what"].startswith("graph.json: nodes") and "reads" not in r["what"] and "parameters[].shape" not in r["what"])')" '[]'
[ ! -e run/cells/bayes__own__f32__s1/graph.json ] || complain "a graph of an opaque model"

# What is wrong is named: file, field, found, expected.
cp -r run changed
awk -F, -v OFS=, '/^test/ && !n { $3 = 1 - $3; n = 1 } { print }' "$cell/predictions.csv" \
    >changed/cells/gru__reference__f32__s1/predictions.csv
must 65 "$ASSAY" verify changed
prints 'changed cells/gru__reference__f32__s1/predictions.csv'
prints 'cells/gru__reference__f32__s1/result.json: test.accuracy.value'
prints 'expected'
cp -r run lost
rm lost/cells/gru__reference__f32__s2/latency.csv
must 65 "$ASSAY" verify lost --quiet
prints 'missing cells/gru__reference__f32__s2/latency.csv'
cp -r run more
echo 1 >more/cells/gru__reference__f32__s2/notes.txt
must 65 "$ASSAY" verify more --quiet
prints 'extra   cells/gru__reference__f32__s2/notes.txt'
cp -r run open
rm open/SHA256SUMS
must 65 "$ASSAY" verify open --quiet
prints 'missing SHA256SUMS'
must 64 "$ASSAY" verify nothing
must 64 "$ASSAY" verify run/cells
says 'neither'

# Reports of every format that needs no other program are made again, byte for byte.
must 0 "$ASSAY" report run --format markdown,csv,json,latex
must 0 "$ASSAY" verify run/report run/report/latex
must 0 "$ASSAY" verify run/report/report.md
cp -r run second
must 0 "$ASSAY" report run second --format csv --out both
must 0 "$ASSAY" verify both
sed -i '2s/,\([0-9]*\)$/,1\1/' second/cells/gru__reference__f32__s1/latency.csv
must 65 "$ASSAY" verify both
prints 'changed cells/gru__reference__f32__s1/latency.csv'
must 64 "$ASSAY" verify small.json
says 'sources.json'
# A run that has moved is found by --runs; one that is another is not taken for it.
cp -r run/report elsewhere
must 64 "$ASSAY" verify elsewhere/report.csv
says '--runs'
must 0 "$ASSAY" verify elsewhere/report.csv --runs run
must 65 "$ASSAY" verify elsewhere/report.csv --runs changed
# Every number has its source.
is "$(json run/report/report.csv.sources.json 'all(n["file"] and n["field"] for n in d["numbers"])')" True
is "$(json run/report/report.json.sources.json '[n["text"] for n in d["numbers"] if n["pointer"] == "/runs/0/rows/0/seeds"]')" "['2']"

# Rounding as the option says is part of what is made again; a suite's own must be in range.
must 0 "$ASSAY" report run --digits 3 --out three
must 0 "$ASSAY" verify three
is "$(json three/report.md.sources.json 'd["options"]["digits"]')" 3
must 64 "$ASSAY" report run --digits 4
says 'expected 1 to 3'
cp -r run rounded
python3 -c 'import json; d = json.load(open("run/run.json")); d["suite"]["report"] = {"digits": 9}; json.dump(d, open("rounded/run.json", "w"))'
must 65 "$ASSAY" report rounded
says 'report/digits'

# One digit at a time: anywhere in the run, and anywhere in its reports and their side files.
must 0 python3 "$flip" "$ASSAY" run 25 run/run.json run/SHA256SUMS "$cell"/*.json "$cell"/*.jsonl "$cell"/*.csv
must 0 python3 "$flip" "$ASSAY" run/report 20 run/report/report.*
must 0 python3 "$flip" "$ASSAY" run/report/latex 20 run/report/latex/*.*
# Figures as files are drawn again: other bytes, one that is gone.
if command -v gnuplot >/dev/null; then
    must 0 "$ASSAY" report run --figures svg
    pdf=$(find run/report/latex/figures -name '*.pdf' | sort | head -n 1)
    svg=$(find run/report/figures -name '*.svg' | sort | head -n 1)
    for file in "$pdf" "$svg"; do
        cp "$file" kept
        python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[len(b) // 2] ^= 1; open(sys.argv[1], "wb").write(b)' "$file"
        must 65 "$ASSAY" verify run/report/report.md run/report/latex/figures.tex
        prints "$file"
        cp kept "$file"
    done
    rm "$pdf"
    must 65 "$ASSAY" verify run/report/latex/figures.tex
    prints "missing $pdf"
    must 0 "$ASSAY" report run --format latex
fi
# Digests written anew don't help a forger: these numbers follow from others.
must 0 python3 "$flip" --reseal run --field '"(value|low|high|n|precision|recall|f1|support|predicted|mean_ms|count|samples|samples_per_second|tokens_per_second|best_epoch|epochs|bytes)": |^ {4}"achieved_per_second": |^ {8}[0-9]+,?$' \
    "$ASSAY" run 25 "$cell/result.json"
must 0 python3 "$flip" --reseal run --field '"(node|n|n_parameters|total|trainable)": ' "$ASSAY" run 10 "$cell/graph.json"
must 0 python3 "$flip" --reseal run --field '^single_stream,[0-9]+,[0-9]+,' --column 4 "$ASSAY" run 8 "$cell/latency.csv"
must 0 "$ASSAY" verify run run/report
