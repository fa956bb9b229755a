# SPDX-License-Identifier: MIT
# report.html: parsed, validated, the same twice; hostile texts stay texts; gnuplot missing; failures shown.
. "$HARNESS"

# check REPORT TEXT...: by html.parser and, where it is installed (in CI it must be), tidy.
check() {
    python3 "$CHECK_HTML" "$@" >.out 2>.err || complain "$1"
    if command -v tidy >/dev/null 2>&1; then
        tidy -q -e "$1" >.out 2>.err || complain "tidy: $1"
        [ ! -s .err ] || complain "tidy: $1"
    else
        [ "${CI:-}" != true ] || complain "tidy is not installed"
    fi
}

cp -r "$GOLDEN/run-small" run
must 0 "$ASSAY" report run --format html
prints 'run/report/report.html'
check run/report/report.html 'lstm' 'memory limit 1 GiB reached | ask @team <b>' 'A small *suite*'
grep -q 'class="problem"' run/report/report.html || complain "the failed entry has no row"
cp run/report/report.html first.html
must 0 "$ASSAY" report run --format html
cmp first.html run/report/report.html || complain "not the same twice"

# Two runs on one page.
cp -r run other
must 0 "$ASSAY" report run other --format html,markdown --no-figures --out both
check both/report.html 'All runs' 'other'
! grep -q '<svg' both/report.html || complain "--no-figures draws"

# Every text that a run brings, as hostile as it gets.
python3 "$HOSTILE" "$GOLDEN/run-small" hostile
must 0 "$ASSAY" report hostile --format html --figures svg,pdf,png
python3 - >texts <<'TEXTS'
import json
run = json.load(open("hostile/run.json"))
print("\0".join(run["command"]), end="\0")
TEXTS
python3 - <<'CHECK' >.out 2>.err || complain "hostile texts"
import os, subprocess, sys
texts = [t for t in open("texts", newline="").read().split("\0") if t]
assert len(texts) == 15
sys.exit(subprocess.call([sys.executable, os.environ["CHECK_HTML"], "hostile/report/report.html"] + texts))
CHECK
check hostile/report/report.html
[ -z "$(find . -name 'pwned*')" ] || complain "a text was run"
python3 - hostile/report/figures/*.svg <<'SVG' >.out 2>.err || complain "a drawing"
import sys
import xml.etree.ElementTree
tags = set("svg title desc g rect circle path polygon polyline line text use defs".split())
for path in sys.argv[1:]:
    for element in xml.etree.ElementTree.parse(path).iter():
        assert element.tag.split("}")[1] in tags, (path, element.tag)
        for name, value in element.attrib.items():
            assert not name.startswith("on") and name != "style", (path, name)
            assert name != "href" or value.startswith("#"), (path, value)
SVG
is "$(find hostile/report/figures -name '*.png' | wc -l)" "$(find hostile/report/figures -name '*.svg' | wc -l)"

# Columns, and names that there are not.
must 0 "$ASSAY" report run --format html --no-figures --columns accuracy,peak_mib
is "$(grep -o 'peak MiB' run/report/report.html | wc -l)" 1
! grep -q '"button">macro F1 %' run/report/report.html || complain "a column too many"
must 64 "$ASSAY" report run --columns acuracy
suggests accuracy
must 64 "$ASSAY" report run --figures sgv
suggests svg

# Without gnuplot: tables and a sentence; figures alone cannot be had.
mkdir bin
ln -s "$(command -v sh)" bin/sh
must 0 env PATH="$PWD/bin" "$ASSAY" report run --format html
check run/report/report.html 'This figure was not drawn: gnuplot was not installed when the report was made. Its data stand in the tables.'
must 3 env PATH="$PWD/bin" "$ASSAY" report run --figures png
says 'apt-get install gnuplot-nox'

# A run that is still going on, and cells that lack what others have: told, never zero and never left out.
cp -r "$GOLDEN/run-small" on
python3 - <<'PENDING'
import json, pathlib
run = json.loads(pathlib.Path("on/run.json").read_text())
del run["finished"]
for i, cell in enumerate(run["cells"]):
    if i in (3, 4, 5):
        cell.update(status="pending" if i != 4 else "skipped", reason=None if i != 4 else "no such device")
        for file in pathlib.Path("on/cells", cell["name"]).glob("*"):
            file.unlink()
pathlib.Path("on/run.json").write_text(json.dumps(run))
pathlib.Path("on/cells", run["cells"][0]["name"], "predictions.csv").unlink()
PENDING
must 0 "$ASSAY" report on --format html,markdown,csv,json,latex --no-figures
check on/report/report.html '3 of 6 cells ok' '1 skipped' '2 not run yet' ', not finished' \
    'not run yet in 1 of 2 seeds; no mean over survivors' \
    'skipped in 1 of 2 seeds; 1 not run yet: no such device' \
    'its turn has not come, or the run was stopped' \
    'cells/gru__onednn__f32__s1/predictions.csv' ' is not there: no interval over seeds'
for file in report.md report.csv report.json latex/main-tabular.tex; do
    grep -q 'not run yet in 1 of 2 seeds' "on/report/$file" || complain "$file: a pending row"
    grep -q 'skipped in 1 of 2 seeds' "on/report/$file" || complain "$file: a skipped row"
done
is "$(json on/report/report.json '[r["accuracy"] for r in d["runs"][0]["rows"]][1:]')" '[None, None]'
broken() { # FILE OLD NEW STATUS TEXT: the report of a run changed so is refused with file and field
    rm -rf broken
    cp -r "$GOLDEN/run-small" broken
    sed -i "s/$2/$3/" "broken/$1"
    must "$4" "$ASSAY" report broken --format html,markdown
    says "$1"
    says "$5"
    [ ! -e broken/report ] || complain "a refused report was begun"
}
cell=cells/gru__onednn__f32__s1
broken run.json '"schema_version": 1,' '"schema_version": 2,' 3 'schema_version is 2; this build reads up to 1'
broken $cell/result.json '"schema_version": 1,' '"schema_version": 9,' 3 'schema_version is 9; this build reads up to 1'
broken $cell/result.json '"threads": 2' '"threads": NaN' 65 "invalid token near 'NaN'"
broken $cell/result.json '"best_epoch": 5' '"best_epoch": "5"' 65 'training.best_epoch'
broken $cell/predictions.csv '^test,12,2,2,0.2' 'test,12,2,2,nan' 65 'line 4: a probability'
