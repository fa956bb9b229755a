# SPDX-License-Identifier: MIT
# Hostile texts in names, labels, titles, reasons: no format takes them for its own. Each is read by
# a parser of the format.
. "$HARNESS"
here=$(dirname "$HARNESS")
python3 "$here/hostile_run.py" "$GOLDEN/run-small" run
must 0 "$ASSAY" report run --format markdown,csv,json,latex
must 0 python3 "$here/hostile_check.py" run/report
if command -v cmark-gfm >/dev/null 2>&1; then # GitHub's parser
    must 0 python3 "$here/check_markdown.py" run/report/report.md
else
    [ "${CI:-}" != true ] || complain "cmark-gfm is not installed"
fi
must 3 "$ASSAY" compare run run --markdown comment.md --junit out.xml --json out.json
must 0 python3 "$here/junit_rules.py" out.xml
must 0 python3 "$here/hostile_check.py" comment.md .out out.xml
is "$(json out.json 'd["exit"]')" 3
must 65 "$ASSAY" verify run
must 0 python3 "$here/hostile_check.py" .out

# 200 long names: the comment stays below GitHub's limit, and says what it left out.
python3 "$here/hostile_run.py" "$GOLDEN/run-small" many
python3 - <<'MANY'
import json, os, shutil
run = json.load(open("many/run.json"))
cell = run["cells"][0]
record = json.load(open(f"many/cells/{cell['name']}/result.json"))
for i in range(200):
    name = f"{cell['name']}-{i}"
    shutil.copytree(f"many/cells/{cell['name']}", f"many/cells/{name}")
    record["entry"] = f"e{i} " + "x" * 200
    json.dump(record, open(f"many/cells/{name}/result.json", "w"))
    run["cells"].append(dict(cell, name=name, entry=record["entry"]))
json.dump(run, open("many/run.json", "w"))
MANY
must 3 "$ASSAY" compare many many --gate latency,memory --markdown long.md
[ "$(wc -c <long.md)" -le 60000 ] || complain "the comment has $(wc -c <long.md) bytes"
grep -q 'left out for length' long.md || complain "nothing is said of what was left out"
tail -1 long.md | grep -q '</details>' || complain "the comment's end is missing"
