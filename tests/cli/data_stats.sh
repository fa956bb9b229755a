# SPDX-License-Identifier: MIT
# What `assay data stats` tells of a data set: figures by hand, hostile labels and words, cleaning,
# figures, and what it refuses.
. "$HARNESS"

esc=$(printf '\033')
cat >mine.json <<'JSON'
{ "schema_version": 1, "name": "mine", "kind": "dataset", "license": "CC0-1.0",
  "reader": { "format": "folders" }, "splits": { "train": "train", "test": "test" },
  "labels": ["neg", "pos"] }
JSON
mkdir -p data/train/neg data/train/pos data/test/neg data/test/pos
put() { # FILE TEXT (printf's)
    # shellcheck disable=SC2059
    printf "$2" >"data/$1"
}
put train/neg/1.txt 'The film was bad, bad and <b>long</b>.'
put train/neg/2.txt 'one two three four five six seven eight nine ten eleven twelve'
put train/neg/3.txt ' \n\t'
put train/pos/1.txt 'Good \303\244\303\266 film'
put train/pos/2.txt 'The film was bad, bad and <b>long</b>.'
put test/neg/1.txt 'one two three four five six seven eight nine ten eleven twelve thirteen'
put test/pos/1.txt '<br />'
put test/pos/2.txt 'Good \303\244\303\266 film'

# ---- counts, by hand ----
must 0 "$ASSAY" data stats ./mine.json --path data --near --json
cp .out stats.json
field() {
    is "$(json stats.json "$1")" "$2"
}
field 'd["name"], d["rows"], d["blank"]' "('mine', 8, 1)"
field 'd["splits"]["train"]["classes"]' "{'neg': 3, 'pos': 2}"
field 'd["splits"]["train"]["blank"]' 1
field 'd["splits"]["test"]["blank"]' 0
field '[d["splits"]["test"]["words"][k] for k in ("mean", "std", "min", "q1", "median", "q3", "max", "total")]' \
    "[6.0, $(python3 -c 'print(37 ** 0.5)'), 2, 2.5, 3.0, 8.0, 13, 18]"
field 'd["characters"]["total"]' "$(python3 -c 'print(2 * 38 + 62 + 3 + 2 * 12 + 71 + 6)')"
field 'd["labels"]["pos"]["characters"]["min"], d["labels"]["pos"]["rows"]' '(6, 4)'
field 'd["classes"]["mean"], d["classes"]["std"]' '(4.0, 0.0)'
field 'd["tokens"][0]["tokenizer"], d["tokens"][0]["all"]["max"]' "('words', 13)"
field 'd["tokens"][0]["all"]["truncated"]["64"]' 0.0
field 'd["splits"]["test"]["empty"], d["splits"]["train"]["empty"]' '(0, 1)'
# Train has The film was bad and b long, one ... twelve, Good, the word in Latin letters: 21.
field 'd["vocabulary"]["words"], d["vocabulary"]["split"]' "(21, 'train')"
field 'd["vocabulary"]["coverage"]["test"]["all"]' "$(python3 -c 'print(15 / 17)')"
field 'd["commonest"]["all"][:4]' "[['b', 4], ['bad', 4], ['film', 4], ['Good', 2]]"
field 'd["commonest_without_stopwords"]["words"]["labels"]["pos"][0]' "['film', 3]"
field 'd["duplicates"]["texts"], d["duplicates"]["sets"]' '(2, 2)'
field 'd["duplicates"]["sets_with_different_labels"]' 1
field 'd["splits"]["test"]["in_train"], d["splits"]["train"]["duplicates"]' '(1, 1)'
field 'd["near_duplicates"]["pairs"], d["near_duplicates"]["texts"]' '(1, 6)'
field 'd["near_duplicates"]["across"]["test"]["train"]' 2

# ---- the same on the terminal: 80 columns, aligned ----
must 0 "$ASSAY" data stats ./mine.json --path data --near
prints 'exact duplicates: 2 texts came earlier in the data'
prints 'commonest words without stop words (nltk_english)'
prints 'no WordPiece lengths'
python3 - "$ASSAY" <<'PY' >.out 2>.err || complain "80 columns"
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    os.execv(sys.argv[1], [sys.argv[1], "data", "stats", "wordnet-supersenses", "--near"])
text = b""
while True:
    try:
        block = os.read(fd, 65536)
    except OSError:
        break
    if not block:
        break
    text += block
lines = text.decode().split("\n")
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, text
assert len(lines) > 50
long = [l for l in lines if len(l.rstrip()) > 80 and not l.startswith(("sha256", "wordnet"))]
assert not long, long
assert "characters (code points) per text" in text.decode()
PY

# ---- hostile text ----
hostile="$(printf 'x\033[31m\302\233\342\200\256y')"
cat >hostile.json <<JSON
{ "schema_version": 1, "name": "hostile", "kind": "dataset", "license": "CC0-1.0",
  "reader": { "format": "folders" }, "splits": { "train": "." },
  "labels": ["x\\u001b[31m\\u009b\\u202ey", "'\`touch pwned\`\"\$(touch pwned)@%d"] }
JSON
mkdir -p "bad/$hostile" "bad/'\`touch pwned\`\"\$(touch pwned)@%d"
printf 'a \033]0;title\007 \302\233 b\n' >"bad/$hostile/1"
printf 'c d\n' >"bad/'\`touch pwned\`\"\$(touch pwned)@%d/1"
must 0 "$ASSAY" data stats ./hostile.json --path bad --tokenizer whitespace --figure bad.svg
python3 - <<'PY' || complain "control characters in the output"
import re
text = open(".out", encoding="utf-8").read()
assert "x?[31m??y" in text and "?]0;title?" in text
assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
svg = open("bad.svg", encoding="utf-8").read()
assert "touch pwned" in svg and not re.search("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e]", svg)
import xml.etree.ElementTree
xml.etree.ElementTree.fromstring(svg)
PY
[ ! -e pwned ] || complain "a label was run"
must 0 "$ASSAY" data stats ./hostile.json --path bad --tokenizer whitespace --json
! grep -q "$esc" .out || complain "escapes in JSON"
is "$(json .out 'list(d["labels"])[0] == "x\x1b[31m\x9b\u202ey"')" True

# ---- cleaning ----
must 0 "$ASSAY" data stats ./mine.json --path data --json --clean '["strip_html", "lower"]'
is "$(json .out '[(s["step"], s["changed"], s["emptied"]) for s in d["cleaning"]["steps"]]')" \
    "[('strip_html', 3, 1), ('lower', 4, 0)]"
is "$(json .out 'd["cleaning"]["after"]["blank"]')" 2
is "$(json .out 'd["blank"]')" 1
is "$(json .out '"good" in str(d["cleaning"]["after"]["commonest"]["labels"]["pos"])')" True
cat >suite.json <<JSON
{ "schema_version": 1, "name": "mine", "data": { "resource": "$work/mine.json",
  "cleaning": ["strip_html"] },
  "entries": [ $gru ], "backends": ["reference"] }
JSON
must 0 "$ASSAY" data stats ./mine.json --path data --clean ./suite.json
prints 'cleaning, step by step'
prints 'After cleaning'
must 64 "$ASSAY" data stats ./mine.json --path data --clean '["strip_htm"]'
says '--clean/0'
says 'use "strip_html"'
must 64 "$ASSAY" data stats ./mine.json --path data --clean synthetic-tiny
says 'no data.cleaning'
must 65 "$ASSAY" data stats ./mine.json --path data --clean '["lower"'
says 'clean'

# ---- figures ----
for format in svg pdf png; do
    must 0 "$ASSAY" data stats ./mine.json --path data --figure "mine.$format" --json
    [ -s "mine.$format" ] || complain "mine.$format is empty"
done
grep -q '<svg' mine.svg || complain "no SVG"
head -c 5 mine.pdf | grep -q '%PDF-' || complain "no PDF"
grep -q 'neg' mine.svg || complain "the figure lacks a class"
mkdir empty_path
must 3 env PATH="$work/empty_path" "$ASSAY" data stats ./mine.json --path data --figure none.svg
says 'apt-get install gnuplot-nox'
[ ! -e none.svg ] || complain "half a figure"
must 64 "$ASSAY" data stats ./mine.json --path data --figure mine.gif
says '.svg, .pdf, .png'
must 3 "$ASSAY" data stats ./mine.json --path data --figure nowhere/mine.svg
says nowhere

# ---- what it refuses ----
must 64 "$ASSAY" data stats ./mine.json --path data --threshold 2
says 'between 0.5 and 1'
must 64 "$ASSAY" data stats ./mine.json --path data --tokenizer word
says 'use "words"'
must 64 "$ASSAY" data stats ./mine.json --path data --vocab ./none.txt
says none.txt
printf '[UNK]\n[CLS]\n[SEP]\n[PAD]\none\ntwo\n##e\n' >vocab.txt
must 0 "$ASSAY" data stats ./mine.json --path data --vocab ./vocab.txt --json
is "$(json .out 'd["tokens"][1]["tokenizer"], d["tokens"][1]["vocabulary"]')" "('wordpiece', './vocab.txt')"
# blank: [CLS] and [SEP]
is "$(json .out 'd["tokens"][1]["all"]["min"]')" 2
must 64 "$ASSAY" data stats ./mine.json --path data --near=yes
says '--near'
