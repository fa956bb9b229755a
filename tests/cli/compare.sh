# SPDX-License-Identifier: MIT
# assay compare: two runs, entries of one, exit status, Markdown, JUnit, JSON.
. "$HARNESS"
rules=$(dirname "$HARNESS")/junit_rules.py
run=$GOLDEN/run-small

cp -r "$run" whole
python3 - <<'WHOLE'
import json
run = json.load(open("whole/run.json"))
run["cells"] = [cell for cell in run["cells"] if cell["status"] == "ok"]
json.dump(run, open("whole/run.json", "w"))
WHOLE
must 0 "$ASSAY" compare whole whole --gate latency --junit same.xml
prints 'no regression; exit 0'
must 0 python3 "$rules" same.xml
# The failed cell of lstm cannot be compared: 3 before everything else.
must 3 "$ASSAY" compare "$run" "$run" --junit out.xml --json out.json --markdown out.md
prints 'PROBLEM: lstm/onednn/f32/s2'
must 0 python3 "$rules" out.xml
grep -q '<error type="not compared">' out.xml || complain "no error in JUnit"
head -1 out.md | grep -q '^<!-- assay:compare small -->$' || complain "no marker"

# Entries of one run: the second against the first.
must 1 "$ASSAY" compare "$run" --entries gru,transformer --junit two.xml --json two.json --markdown two.md
prints 'transformer: accuracy p'
prints 'difference'
must 0 python3 "$rules" two.xml
grep -q 'classname="assay.small.transformer"' two.xml || complain "no class"
is "$(json two.json 'd["against"], [e["entry"] for e in d["entries"]], d["exit"]')" "('gru', ['transformer'], 1)"
is "$(json two.json 'sorted(d["entries"][0]["figures"]) == sorted(set(d["entries"][0]["figures"]))')" True
# Macro F1 by the paired bootstrap: the difference of the records' means, its interval around it, and
# one entry's p is its own after Holm.
is "$(json two.json '(lambda f: abs(f["change"] - (f["new"] - f["base"])) < 1e-12 and f["low"] <= f["change"] <= f["high"] and 0 < f["p"] <= 1 and f["p"] == f["p_holm"])(d["entries"][0]["f1_macro"])')" True
must 3 "$ASSAY" compare "$run" --entries gru,transformer,lstm --json three.json
# Holm over two tests: the smaller p doubled.
is "$(json three.json '(lambda p: len(p) == 2 and min(h for _, h in p) == min(1, 2 * min(q for q, _ in p)))([(c["p"], c["p_holm"]) for e in d["entries"] for c in e["checks"] if c["metric"] == "accuracy"])')" True

must 64 "$ASSAY" compare "$run"
must 64 "$ASSAY" compare "$run" --entries gru
must 64 "$ASSAY" compare "$run" --entries gru,gru
must 64 "$ASSAY" compare "$run" --entries gru,transfomer
suggests transformer
must 64 "$ASSAY" compare "$run" "$run" --entries gru,lstm
must 64 "$ASSAY" compare "$run" "$run" --gate speed

# What is said of a regression.
for epochs in 3 0; do
    must 0 "$ASSAY" run synthetic-tiny --entries gru --seeds 1 --set training.epochs=$epochs --out after-$epochs
done
must 1 "$ASSAY" compare after-3 after-0 --gate accuracy
prints 'points lower (allowed 1 point)'
