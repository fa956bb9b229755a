# SPDX-License-Identifier: MIT
# Data that cannot be used: status 65 with the reason, and no run folder stays behind.
. "$HARNESS"

cat >mine.json <<'JSON'
{ "schema_version": 1, "name": "mine", "kind": "dataset", "license": "CC0-1.0",
  "reader": { "format": "folders" }, "splits": { "train": "train", "test": "test" },
  "labels": ["neg", "pos"] }
JSON
cat >suite.json <<JSON
{ "schema_version": 1, "name": "mine", "data": { "resource": "$work/mine.json",
  "validation": { "share": 0.25 } },
  "defaults": { "training": { "batch": 4, "epochs": 1 } },
  "entries": [ $gru ], "backends": ["reference"], "measure": { "seconds": 0.01 } }
JSON
fill() { # FOLDER: eight texts a class and split
    for split in train test; do
        for label in neg pos; do
            mkdir -p "$1/$split/$label"
            for i in 1 2 3 4 5 6 7 8; do
                echo "$label text number $i of $split" >"$1/$split/$label/$i.txt"
            done
        done
    done
}
refused() { # FOLDER TEXT
    must 65 "$ASSAY" run ./suite.json --set data.path="$1" --out out
    says "$2"
    [ ! -e out ] || complain "$1: out stays behind"
}

fill good
must 0 "$ASSAY" run ./suite.json --set data.path=good --out good-run
must 0 "$ASSAY" data stats ./mine.json --path good --json
prints '"duplicates": 0'

refused nowhere nowhere
mkdir empty
refused empty empty
fill one_class && rm one_class/train/pos/*
refused one_class pos
fill no_test && rm -r no_test/test
refused no_test test
fill bad_utf8 && printf 'caf\351 au lait\n' >bad_utf8/train/neg/3.txt
refused bad_utf8 3.txt
says 'UTF-8'

tar -czf good.tar.gz good
must 0 "$ASSAY" run ./suite.json --set data.path=good.tar.gz --out tar-run
is "$(json good-run/cells/gru__reference__f32__s1/result.json 'd["dataset"]["rows_sha256"]')" \
    "$(json tar-run/cells/gru__reference__f32__s1/result.json 'd["dataset"]["rows_sha256"]')"
size=$(wc -c <good.tar.gz)
head -c $((size / 2)) good.tar.gz >cut.tar.gz
refused cut.tar.gz cut.tar.gz

# Put right, the same command runs.
fill one_class
must 0 "$ASSAY" run ./suite.json --set data.path=one_class --out out
