# SPDX-License-Identifier: MIT
# Run folders that hold something else or cannot be written are left as they are.
. "$HARNESS"

suite one.json one "$gru"
suite two.json two "$gru"
must 0 "$ASSAY" run ./one.json --out out
before=$(sha256sum out/run.json out/SHA256SUMS)

must 64 "$ASSAY" run ./two.json --out out
says 'another suite'
must 64 "$ASSAY" run ./two.json --out out --resume
says 'another suite'
must 64 "$ASSAY" run ./one.json --out out
says '--resume'
says '1 of 1'
must 64 "$ASSAY" run ./one.json --out out --resume --set training.epochs=2
says 'another suite'
must 64 "$ASSAY" run ./one.json --out out --resume --threads 61
says '--threads'
is "$(sha256sum out/run.json out/SHA256SUMS)" "$before"

mkdir foreign && echo keep >foreign/thesis.txt
must 64 "$ASSAY" run ./one.json --out foreign
says 'thesis.txt'
is "$(cat foreign/thesis.txt)" keep

echo text >file
must 3 "$ASSAY" run ./one.json --out file
says 'file'
is "$(cat file)" text
must 3 "$ASSAY" run ./one.json --out file/below
must 3 "$ASSAY" run ./one.json --out /proc/assay
says '/proc/assay'

# A run.json that was changed is not gone on from.
for change in 'd["cells"][0].pop("name")' 'd["cells"].append(d["cells"][0])' 'd.update(threads=0)'; do
    cp -r out changed
    python3 -c 'import json, sys
d = json.load(open("changed/run.json"))
exec(sys.argv[1])
json.dump(d, open("changed/run.json", "w"))' "$change"
    must 65 "$ASSAY" run ./one.json --out changed --resume
    says 'the file was changed'
    rm -r changed
done

# run.json cannot hold a path that is no UTF-8; a run's own folder stands nowhere in it.
latin=$(printf 'f\344cher')
if mkdir "$latin" 2>/dev/null; then
    must 64 "$ASSAY" run ./one.json --out other --data-dir "$latin"
    says 'is not UTF-8'
    [ ! -e other ] || complain "a folder for a run that cannot begin"
    must 0 "$ASSAY" run ./one.json --out "$latin/run"
    must 0 "$ASSAY" verify "$latin/run" --json
    is "$(json .out 'len(d["verified"])')" 1
    must 2 "$ASSAY" compare "$latin/run" out --gate accuracy --json compared.json
    is "$(json compared.json 'd["base"].endswith("cher/run")')" True
fi

# A finished run resumes to itself: nothing runs, the sums hold.
must 0 "$ASSAY" run ./one.json --out out --resume
(cd out && sha256sum --quiet -c SHA256SUMS) || complain "SHA256SUMS is wrong"

# Default folders count up.
must 0 "$ASSAY" run ./one.json
must 0 "$ASSAY" run ./one.json
[ -e runs/one-1/SHA256SUMS ] && [ -e runs/one-2/SHA256SUMS ] || complain "no runs/one-1, runs/one-2"
prints 'Next: assay report runs/one-2'
must 64 "$ASSAY" run ./two.json --resume
says 'no run of this suite'
