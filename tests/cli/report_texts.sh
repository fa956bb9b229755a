# SPDX-License-Identifier: MIT
# --texts full: the data set's own texts in HTML and Markdown, hostile ones as text; only when asked
# for, and only those that the records were made of.
. "$HARNESS"
here=$(dirname "$HARNESS")

# Test texts that the words of the other class give away, each with something hostile in it.
python3 - "$here" <<'TEXTS'
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from hostile_texts import HOSTILE
for label, word, other in (("neg", "bad", "good"), ("pos", "good", "bad")):
    for split in ("train", "test"):
        pathlib.Path("set", split, label).mkdir(parents=True)
    for i in range(12):
        pathlib.Path("set/train", label, f"{i}.txt").write_text(f"{word} {word} {word} number{i}")
texts = [f"{'good' if i % 2 else 'bad'} {text} end{i}" for i, text in enumerate(HOSTILE)]
for i, text in enumerate(texts):
    pathlib.Path("set/test", "neg" if i % 2 else "pos", f"{i}.txt").write_bytes(text.encode())
pathlib.Path("texts").write_bytes("\0".join(texts).encode())
long = "good " + "\u00e9" * 2000
pathlib.Path("set/test/neg/long.txt").write_text(long, encoding="utf-8")
TEXTS
cat >mine.json <<'JSON'
{ "schema_version": 1, "name": "mine", "kind": "dataset", "license": "CC0-1.0",
  "reader": { "format": "folders" }, "splits": { "train": "train", "test": "test" } }
JSON
cat >suite.json <<JSON
{ "schema_version": 1, "name": "mine", "data": { "resource": "$work/mine.json", "path": "$work/set",
  "validation": { "share": 0.25 } },
  "entries": [ { "name": "bayes", "model": "naive_bayes" }, { "name": "twin", "model": "naive_bayes" } ],
  "backends": ["reference"], "measure": { "seconds": 0.01 } }
JSON
must 0 "$ASSAY" run ./suite.json --out run

has_texts() { # yes|no FORMAT...: the words of every text, in these formats
    wanted=$1
    shift
    for file in "$@"; do
        found=no
        ! grep -q 'end14' "$file" || found=yes
        is "$found $file" "$wanted $file"
    done
}
must 0 "$ASSAY" report run --format markdown,html,csv,json,latex --no-figures
has_texts no run/report/report.*
must 0 "$ASSAY" report run --format markdown,html --no-figures --texts none
! grep -q 'id="errors"' run/report/report.html || complain "--texts none names texts"
must 0 "$ASSAY" report run --format markdown,html --no-figures --texts full
has_texts yes run/report/report.html run/report/report.md
grep -q '\.\.\.</td>' run/report/report.html || complain "the long text is not cut"
must 0 python3 "$here/hostile_check.py" run/report
python3 - "$here" <<'CHECK' >.out 2>.err || complain "texts"
import shutil, subprocess, sys, os
texts = open("texts", newline="", encoding="utf-8").read().split("\0")
assert len(texts) == 15
checks = [("check_html.py", "report.html")]
if shutil.which("cmark-gfm"):
    checks.append(("check_markdown.py", "report.md"))
elif os.environ.get("CI") == "true":
    sys.exit("cmark-gfm is not installed")
for check, file in checks:
    subprocess.run([sys.executable, f"{sys.argv[1]}/{check}", f"run/report/{file}"] + texts, check=True)
CHECK
if command -v tidy >/dev/null 2>&1; then
    tidy -q -e run/report/report.html >.out 2>.err || complain "tidy"
fi
must 0 "$ASSAY" verify run/report

# The data lies elsewhere, is gone, or is another.
mv set moved
must 64 "$ASSAY" report run --texts full
says 'set'
says '--path FOLDER|ARCHIVE'
must 64 "$ASSAY" verify run/report
must 0 "$ASSAY" report run --format html --no-figures --texts full --path moved
must 0 "$ASSAY" verify run/report --path moved
rm run/report/report.md
cp -r moved other
echo 'one more' >other/train/neg/more.txt
cp run/report/report.html before.html
must 65 "$ASSAY" report run --format html,markdown --texts full --path other
says 'is not the data'
says "$(json run/cells/bayes__own__f32__s1/result.json 'd["dataset"]["sha256"]')"
cmp before.html run/report/report.html || complain "a refused report was written"
[ ! -e run/report/report.md ] || complain "a refused report was written"
must 64 "$ASSAY" report run --path moved
says '--texts full'
# An anonymous report finds them by the path that it doesn't tell.
mv moved set
must 0 "$ASSAY" report run --format html --no-figures --texts full --anonymous
has_texts yes run/report/report.html
! grep -q "$work" run/report/report.html || complain "a path is left"
