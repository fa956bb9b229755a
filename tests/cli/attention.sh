# SPDX-License-Identifier: MIT
# measure.attention: weights of some test texts in the cells of models with attention, without their
# texts; reports shade the texts where these are asked for; verify finds what doesn't agree.
. "$HARNESS"

heads='"options": { "hidden": 8, "heads": 2, "feed_forward": 8, "layers": 2 }'
suite small.json small "$gru, { \"name\": \"bayes\", \"model\": \"naive_bayes\" },
    { \"name\": \"pooled\", \"model\": \"bilstm_attention\", \"options\": { \"embedding\": 4, \"hidden\": 4 } },
    { \"name\": \"heads\", \"model\": \"transformer\", $heads }"
must 0 "$ASSAY" run ./small.json --set measure.attention=5 --out run
for entry in gru bayes; do
    [ -z "$(find run/cells/$entry* -name attention.json)" ] || complain "attention of $entry"
done
grep -qF 'the model has none' run/cells/gru__reference__f32__s1/log.txt || complain "gru's log is silent"
pooled=run/cells/pooled__reference__f32__s1 heads=run/cells/heads__reference__f32__s1
is "$(json $pooled/attention.json 'd["operation"], d["query"], d["heads"]')" "('attention_pool', 'pool', 1)"
is "$(json $heads/attention.json 'd["operation"], d["query"], d["heads"]')" "('attention', 'mean', 2)"
for cell in $pooled $heads; do
    is "$(json $cell/attention.json 'len(d["texts"])')" 5
    is "$(json $cell/attention.json 'all(abs(sum(t["weights"]) - 1) < 1e-5 for t in d["texts"])')" True
    is "$(json $cell/attention.json 'all(len(t["ids"]) == len(t["spans"]) == len(t["weights"]) for t in d["texts"])')" True
    # the errors first, the surest at the top
    is "$(json $cell/attention.json '(lambda wrong: wrong == sorted(wrong, key=lambda t: -t["probability"]) and len(wrong) <= 3)([t for t in d["texts"] if t["label"] != t["predicted"]])')" True
    grep -qF "${cell#run/}/attention.json" run/SHA256SUMS || complain "SHA256SUMS lacks it"
done

# Every figure but the feature's own file is what it is without.
must 0 "$ASSAY" run ./small.json --out plain
[ -z "$(find plain -name attention.json)" ] || complain "attention that nobody asked for"
for cell in $pooled $heads; do
    cmp "$cell/predictions.csv" "plain/${cell#run/}/predictions.csv" || complain "predictions differ"
done
must 0 "$ASSAY" run ./small.json --entries heads --set measure.attention=5 --out again
cmp $heads/attention.json again/cells/heads__reference__f32__s1/attention.json || complain "not the same twice"

# Words only where they are asked for; spans are those of the tokens.
must 0 "$ASSAY" data tokens synthetic --tokenizer words --offsets
cp .out tokens
python3 - $pooled/attention.json tokens <<'PY' >.out 2>.err || complain "the spans are not the tokens'"
import json, sys
rows = {}
for line in open(sys.argv[2]):
    row = json.loads(line)
    rows[row["index"]] = row
document = open(sys.argv[1]).read()
for t in json.loads(document)["texts"]:
    row = rows[t["index"]]
    assert t["spans"] == row["offsets"][:len(t["spans"])], (t, row)
    assert len(row["tokens"]) >= 2 and t["n_bytes"] >= row["offsets"][-1][1], (t, row)
    for word in row["tokens"]:
        assert f'"{word}"' not in document and f" {word} " not in document, word
PY
must 0 "$ASSAY" report run --format html,markdown --no-figures --out ids
grep -qF 'heaviest tokens' ids/report.md || complain "no weights"
grep -qF -e '--texts full shows the texts' ids/report.md || complain "nobody says where the texts are"
must 0 "$ASSAY" report run --format html,markdown --no-figures --texts full --out full
grep -qE '<span class="w[1-9]0?" data-t="0' full/report.html || complain "nothing is shaded"
must 0 python3 "$CHECK_HTML" full/report.html
must 0 "$ASSAY" report run --format markdown --texts none --out none
! grep -q '## Attention' none/report.md || complain "--texts none shows weights"
must 0 "$ASSAY" verify run ids full

# Hostile words, shaded or not, stay words: each is there with no markup but the shades'.
python3 - "$(dirname "$HARNESS")" <<'TEXTS'
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from hostile_texts import HOSTILE
for label, word in (("neg", "bad"), ("pos", "good")):
    for split in ("train", "test"):
        pathlib.Path("set", split, label).mkdir(parents=True)
        for i, text in enumerate(HOSTILE):
            pathlib.Path("set", split, label, f"{i}.txt").write_bytes(f"{word} {text} {word} end{i}{split}".encode())
TEXTS
cat >mine.json <<'JSON'
{ "schema_version": 1, "name": "mine", "kind": "dataset", "license": "CC0-1.0",
  "reader": { "format": "folders" }, "splits": { "train": "train", "test": "test" } }
JSON
cat >hostile.json <<JSON
{ "schema_version": 1, "name": "hostile", "data": { "resource": "$work/mine.json", "path": "$work/set",
  "validation": { "share": 0.25 } }, "defaults": { "training": { "batch": 8, "epochs": 40, "lr": 0.05, "keep": "last" } },
  "entries": [ { "name": "pooled", "model": "bilstm_attention", "options": { "embedding": 8, "hidden": 8, "dropout": 0 } } ],
  "backends": ["reference"], "measure": { "seconds": 0.01, "attention": 20 } }
JSON
must 0 "$ASSAY" run ./hostile.json --out hostile
must 0 "$ASSAY" report hostile --format html,markdown --no-figures --texts full
must 0 python3 "$CHECK_HTML" hostile/report/report.html
must 0 python3 "$(dirname "$HARNESS")/hostile_check.py" hostile/report
! command -v cmark-gfm >/dev/null 2>&1 || must 0 python3 "$(dirname "$HARNESS")/check_markdown.py" hostile/report/report.md
grep -qF '<mark>' hostile/report/report.md || complain "nothing is marked"
python3 - "$(dirname "$HARNESS")" <<'PY' >.out 2>.err || complain "a hostile word is not there as a word"
import html.parser, re, sys
sys.path.insert(0, sys.argv[1])
from hostile_texts import HOSTILE
class Page(html.parser.HTMLParser):
    text = ""
    def handle_data(self, data):
        self.text += data
page = Page(convert_charrefs=True)
page.feed(open("hostile/report/report.html", encoding="utf-8", newline="").read())
shown = [re.sub("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", "\ufffd", re.sub("[\n\r\t]", " ", t))
         for t in HOSTILE]
found = [t for i, t in enumerate(shown) if f"end{i}test" in page.text]
assert len(found) >= 8, found
for text in found:
    assert text in page.text, text
PY
must 0 "$ASSAY" verify hostile hostile/report

# What doesn't agree is found, sealed anew or not.
flip=$(dirname "$HARNESS")/flip_digits.py
must 0 python3 "$flip" "$ASSAY" run 8 $heads/attention.json
must 0 python3 "$flip" --reseal run --field '"(node|heads|index|label|predicted)": ' "$ASSAY" run 10 $heads/attention.json
for change in 'd["texts"][0]["weights"][0] += 0.01' 'd["texts"][0]["spans"][0] = [0, 10**6]' \
    'd["query"] = "none"' 'd["schema_version"] = 2' 'd["texts"][0]["ids"].append(7)'; do
    rm -rf bad
    cp -r run bad
    python3 - bad/${heads#run/}/attention.json "$change" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
exec(sys.argv[2])
json.dump(d, open(sys.argv[1], "w"))
PY
    must 65 "$ASSAY" verify bad
    prints attention.json
done
must 65 "$ASSAY" report bad --format markdown
says attention.json

must 65 "$ASSAY" run ./small.json --set measure.attention=5 --set measure.scores=false --dry-run
says '#/measure/attention'
must 64 "$ASSAY" run ./small.json --set measure.attention=1001 --dry-run
