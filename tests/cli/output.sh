# SPDX-License-Identifier: MIT
# What is printed where: tables on stdout, progress on stderr without escapes in a pipe; help.
. "$HARNESS"

suite one.json one "$gru"
must 0 "$ASSAY" run ./one.json --out out
prints 'gru'
prints 'Next: assay report out'
says '1/1 ok'
! grep -q "$(printf '\033')" .err .out || complain "escapes in a pipe"
must 0 "$ASSAY" run ./one.json --out quiet --quiet
[ ! -s .err ] || complain "--quiet is not"
must 0 "$ASSAY" run ./one.json --out dry --dry-run
prints 'seed 1'
[ ! -e dry ] || complain "--dry-run made a folder"

must 0 "$ASSAY" report out --format csv,json
prints 'out/report/report.csv'
is "$(json out/report/report.json '[r["entry"] for r in d["runs"][0]["rows"]]')" "['gru']"
is "$(sed 1d out/report/report.csv | cut -d, -f1-4)" 'out,one,gru,gru'
must 64 "$ASSAY" report out --format makdown
suggests markdown

must 0 "$ASSAY" --help
prints 'assay run quick'
must 0 "$ASSAY" --version
for command in list show data run predict export report compare verify; do
    must 0 "$ASSAY" $command --help
    prints "usage: assay $command"
    prints 'Example'
done

# What could not be printed was not done.
if [ -e /dev/full ]; then
    for words in --help '--version' 'run --help' 'list suites --json' 'show gru' 'run ./one.json --dry-run'; do
        must 3 sh -c '"$ASSAY" '"$words"' >/dev/full'
        says 'standard output: not all of it could be written: No space left'
        is "$(grep -c standard .err)" 1
    done
fi
# A folder's name in advice can be pasted into a shell.
must 0 "$ASSAY" run ./one.json --out "it's here"
prints "Next: assay report 'it'\\''s here'"

# The last column of every line begins under its head, however long the names are.
aligned() { # HEAD
    awk -v head="$1" '!at { at = index($0, head); next } at && !$0 { exit }
        substr($0, at - 2, 2) != "  " || substr($0, at, 1) == " " { print }' .out >ragged
    is "$(cat ragged)" ''
}
must 0 "$ASSAY" list models
prints 'bilstm_attention'
prints '564,002'
aligned WHAT
must 0 "$ASSAY" list suites
prints 'imdb-small'
aligned WHAT
must 0 "$ASSAY" list backends
aligned WHAT
must 0 "$ASSAY" show gru
aligned meaning
must 0 "$ASSAY" list resources --json
prints '"wordnet-supersenses"'
must 0 "$ASSAY" show gru --vocab 100 --classes 3 --set hidden=8 --json
is "$(python3 -c 'import json; print(json.load(open(".out"))["parameters"]["total"])')" \
    "$((100 * 100 + 2 * (24 * 100 + 24 * 8 + 24 + 24) + 3 * 16 + 3))"
is "$(json .out 'sum(n["n_parameters"] for n in d["graph"])')" "$(json .out 'd["parameters"]["total"]')"
is "$(json .out '[n["shape"] for n in d["graph"]][-1]')" "['B', 3]"
must 0 "$ASSAY" show transformer
prints 'embedding.weight'
must 0 "$ASSAY" show transformer --dot
prints 'digraph'
must 0 "$ASSAY" data stats synthetic
prints 'red_first'
must 0 "$ASSAY" data rows synthetic-tiny
is "$(wc -l <.out)" 300
is "$(head -1 .out | cut -c1-18)" '{"split": "train",'

# The suite in its manual page is one.
sed -n '/^\.EX/,/^\.EE/{/^\./d;s/\\-/-/g;p}' "$MAN/assay-suite.5" >mine.json
must 0 "$ASSAY" run ./mine.json --dry-run
prints 'large'
