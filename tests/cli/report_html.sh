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
check run/report/report.html 'This figure was not drawn: gnuplot was not installed when the report was made. Its data stand below.'
must 3 env PATH="$PWD/bin" "$ASSAY" report run --figures png
says 'apt-get install gnuplot-nox'

# Blind review: no path, no name of host or user.
python3 - <<'ANONYMOUS'
import json
run = json.load(open("run/run.json"))
run["environment"].update(host="secrethost", user="jdoe")
run["command"] = ["/home/jdoe/assay/build/assay", "run", "small", "--out", "/data/jdoe/runs/small"]
json.dump(run, open("run/run.json", "w"))
ANONYMOUS
must 0 "$ASSAY" report run --format html,markdown --no-figures --anonymous
! grep -qE 'secrethost|jdoe' run/report/report.html run/report/report.md || complain "a name is left"
grep -q 'Removed for blind review' run/report/report.html || complain "what was removed is not told"
check run/report/report.html
