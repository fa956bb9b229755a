# SPDX-License-Identifier: MIT
# Blind review: no format of a report, and no side file, holds the host's name, the user's, or a path.
. "$HARNESS"
here=$(dirname "$HARNESS")

mkdir -p home/jdoe # the run lies below a folder with a name, which only its command tells
cp -r "$GOLDEN/run-small" home/jdoe/secrethost-1
run=home/jdoe/secrethost-1
python3 - "$run" <<'GIVE_AWAY'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
run = json.loads((folder / "run.json").read_text())
run["environment"].update(host="secrethost.example.org", user="jdoe", compiler="/opt/of jdoe/gcc")
run["command"] = ["/home/jdoe/assay/build/assay", "run", "small", "--out", "/data/jdoe/runs/small", "--set",
                  "data.path=/mnt/of jdoe/aclImdb.tar.xz"]
run["suite"].update(title="Ran on SecretHost", notes=["JDoe's (see /home/annm/notes) at file:///srv/x/y"],
                    data={"resource": "imdb", "path": "/home/jdoe/data"},
                    entries=[{"name": "gru", "notes": ["by annm, https://example.org/a/b stays"]}])
for cell in run["cells"]:
    if cell["reason"]:
        cell["reason"] = "/home/jdoe: cannot be read; asked by jdoe@secrethost"
    path = folder / "cells" / cell["name"] / "result.json"
    if path.exists():
        record = json.loads(path.read_text())
        record["warnings"] = ["/home/jdoe/.cache/assay is full", "secrethost is busy"]
        record["model"].update(path="/home/jdoe/plugins/x.so", options={"vectors": "/data/jdoe/v.txt", "note": "jdoe"})
        record["training"]["settings"] = {"from": "/srv/models/jdoe"}
        record["dataset"]["name"] = "/home/jdoe/mine"
        record["backend"]["equivalence"]["reason"] = "see /tmp/of/jdoe"
        path.write_text(json.dumps(record))
(folder / "run.json").write_text(json.dumps(run))
GIVE_AWAY
formats=markdown,html,csv,json,latex
must 0 "$ASSAY" report "$run" --format $formats --figures svg --out open
must 1 python3 "$here/check_anonymous.py" open jdoe secrethost annm
must 0 "$ASSAY" report "$run" --format $formats --figures svg --anonymous --out blind
host=$(hostname)
[ ${#host} -ge 3 ] && [ "$host" != localhost ] || host=secrethost # short names are words, too
must 0 python3 "$here/check_anonymous.py" blind jdoe secrethost annm "$host" "$PWD"
for text in 'aclImdb.tar.xz' 'Removed for blind review' 'example.org/a/b' '(removed)'; do
    grep -qF "$text" blind/report.html || complain "report.html lacks $text"
done
# What the run is about is still told, in every format.
for file in report.md report.html report.csv report.json latex/main-tabular.tex; do
    grep -q 'transformer' "blind/$file" || complain "$file lacks an entry"
done
is "$(json blind/report.json 'd["runs"][0]["run"]')" '(removed)-1'
is "$(json blind/report.csv.sources.json 'd["runs"][0]["path"]')" '(removed)-1'
# Names that one run tells are taken out of the others too; the same twice.
cp -r "$GOLDEN/run-small" annm-2
must 0 "$ASSAY" report "$run" annm-2 --format $formats --no-figures --anonymous --out both
must 0 python3 "$here/check_anonymous.py" both jdoe secrethost annm
cp both/report.html first.html
must 0 "$ASSAY" report "$run" annm-2 --format $formats --no-figures --anonymous --out both
cmp first.html both/report.html || complain "not the same twice"
# A run's files say nothing of it: verify makes the same report again.
suite small.json small "$gru"
must 0 "$ASSAY" run ./small.json --out jdoe
must 0 "$ASSAY" report jdoe --format $formats --no-figures --anonymous
must 0 "$ASSAY" verify jdoe/report jdoe/report/latex --runs jdoe
