# SPDX-License-Identifier: MIT
# assay predict: which cell is meant, where texts come from, what is printed; cells and files that do
# not fit are refused with field and value. That figures are the run's: tests/e2e/predict.py.
. "$HARNESS"

suite kept.json kept "$gru, { \"name\": \"nb\", \"model\": \"naive_bayes\" }"
must 0 "$ASSAY" run ./kept.json --seeds 1,2 --entries gru --set checkpoint.keep=true --out two
must 0 "$ASSAY" run ./kept.json --set checkpoint.keep=true --out run
must 0 "$ASSAY" run ./kept.json --entries gru --out bare
cell=gru__reference__f32__s1
grep -q "cells/$cell/checkpoint.safetensors" run/SHA256SUMS || complain "the checkpoint has no checksum"
grep -q "cells/$cell/tokenizer.json" run/SHA256SUMS || complain "the tokenizer has no checksum"
[ ! -e bare/cells/$cell/checkpoint.safetensors ] || complain "weights are kept though nobody asks"
[ ! -e run/cells/nb__own__f32__s1/tokenizer.json ] || complain "an opaque model is kept"
is "$(json run/cells/nb__own__f32__s1/result.json 'any("checkpoint.keep" in w for w in d["warnings"])')" True

# The loss's constants are no part of the model.
must 0 "$ASSAY" run ./kept.json --entries gru --set checkpoint.keep=true --set data.balance=class_weights \
    --out balanced
must 0 "$ASSAY" predict balanced/gru --text w1

# ---- which cell
must 0 "$ASSAY" predict run/gru --text 'w1 w2 w3'
cp .out by_entry
for name in "run/$cell" "run/cells/$cell" "run/cells/$cell/" "$PWD/run/cells/$cell"; do
    must 0 "$ASSAY" predict "$name" --text 'w1 w2 w3'
    cmp .out by_entry
done
(cd run/cells/$cell && "$ASSAY" predict . --text 'w1 w2 w3') | cmp - by_entry
must 64 "$ASSAY" predict run --text x
says 'the run has 2 such cells; give one of: gru__reference__f32__s1, nb__own__f32__s1'
must 64 "$ASSAY" predict two/gru --text x
says 'the run has 2 such cells'
must 64 "$ASSAY" predict run/other --text x
says 'has no cell "other"; its cells: gru__reference'
must 64 "$ASSAY" predict nowhere/gru --text x
says 'found no run.json'
must 64 "$ASSAY" predict bare/gru --text x
says '--set checkpoint.keep=true'
must 3 "$ASSAY" predict run/nb --text x
says 'an opaque model'
must 64 "$ASSAY" predict
must 64 "$ASSAY" predict run/gru --text x kept.json
says 'texts come from one of them'
must 64 "$ASSAY" predict run/gru --text x --threads 0
must 64 "$ASSAY" predict run/gru --text x --logits
must 64 "$ASSAY" predict run/gru none.txt
must 64 "$ASSAY" predict run/gru --text x --backend referenze
suggests reference
must 0 "$ASSAY" predict --help
prints 'assay run quick --set checkpoint.keep=true'

# ---- texts
printf '\357\273\277w1 w2\r\n\n!!!\nw3 w1 zzzz' >texts.txt
must 0 "$ASSAY" predict run/gru texts.txt --json
is "$(python3 -c 'import json
rows = [json.loads(line) for line in open(".out")]
keys = ["index", "label", "probabilities", "tokens", "unknown", "truncated"]
assert all(list(row) == keys for row in rows)
assert all(abs(sum(row["probabilities"].values()) - 1) < 1e-6 for row in rows if row["label"])
assert all(max(row["probabilities"], key=row["probabilities"].get) == row["label"] for row in rows if row["label"])
print([(row["index"], row["label"] is None, row["tokens"], row["truncated"]) for row in rows])')" \
    '[(0, False, 2, False), (1, True, 0, False), (2, True, 0, False), (3, False, 3, False)]'
must 0 sh -c '"$ASSAY" predict run/gru - <texts.txt'
must 0 sh -c '"$ASSAY" predict run/gru <texts.txt'
is "$(grep -c '^(empty after cleaning)$' .out)" 2
is "$(wc -l <.out)" 5
must 0 sh -c '"$ASSAY" predict run/gru </dev/null'
is "$(wc -c <.out)" 0
must 0 "$ASSAY" predict run/gru --text ''
prints '(empty after cleaning)'
must 0 "$ASSAY" predict run/gru --json --text "$(seq -s ' ' 1 100)"
prints '"tokens": 100'
prints '"truncated": true'
must 0 "$ASSAY" predict run/gru --json --logits --text 'w1'
is "$(python3 -c 'import json, math
row = json.loads(open(".out").read())
scores = {k: math.exp(v) for k, v in row["logits"].items()}
print(all(abs(scores[k] / sum(scores.values()) - p) < 1e-6 for k, p in row["probabilities"].items()))')" True

# ---- texts that are none
printf 'w1\nw\377\n' >bad.txt
must 65 "$ASSAY" predict run/gru bad.txt --json
says 'bad.txt:2: byte 2 of the text, FF, is not UTF-8'
prints '"index": 0'
printf 'w1\nw2\000w\n' >nul.txt
must 65 "$ASSAY" predict run/gru nul.txt
says 'nul.txt:2: byte 3 of the text is NUL'
must 65 sh -c 'head -c 17000000 /dev/zero | tr "\0" a | "$ASSAY" predict run/gru'
says 'standard input:1: the line has over 16777216 bytes'
if [ -e /dev/full ]; then
    must 3 sh -c '"$ASSAY" predict run/gru --text w1 >/dev/full'
fi

# ---- files that do not fit
change() { # FILE SED-SCRIPT: in a copy of the run
    rm -rf changed
    cp -r run changed
    LC_ALL=C sed -i "$2" "changed/cells/$cell/$1"
    cmp -s "run/cells/$cell/$1" "changed/cells/$cell/$1" && complain "$2 changes nothing"
    must 65 "$ASSAY" predict changed/gru --text w1
}
change checkpoint.safetensors 's/"version":"1"/"version":"2"/'
says 'checkpoint.safetensors/version: found "2"; expected "1"'
change checkpoint.safetensors 's/"assay-checkpoint"/"assay-checkpoinX"/'
says '/format: found "assay-checkpoinX"'
change checkpoint.safetensors 's/"n_classes":"2"/"n_classes":"3"/'
says '/labels: has 2 labels; the model has 3 classes'
change checkpoint.safetensors 's/"max_tokens":"16"/"max_tokens":"-6"/'
says '/max_tokens: found "-6"; expected a number from 1'
change checkpoint.safetensors 's/"max_tokens":"16"/"max_tokens":"17"/'
says 'tokenizer.json#/max_tokens: found 16; the model was trained with 17'
change checkpoint.safetensors 's/"dtype":"f32"/"dtype":"f33"/'
says '/dtype: found "f33"'
change checkpoint.safetensors 's/"model_version":"[0-9]/"model_version":"0/'
says '/model_version: found "0.'
change checkpoint.safetensors 's/"model":"gru"/"model":".\/x"/'
says '/model: found "./x"; expected the id of a plugin, not a path'
change checkpoint.safetensors 's/"backend":"ref/"backend":"a\/b/'
says '/backend: found "a/b'
change checkpoint.safetensors 's/"classifier.bias"/"classifier.bios"/'
says '"classifier.bias" [2] is missing; "classifier.bios" has no place in the model'
change checkpoint.safetensors 's/"tokenizer_sha256":"......"/"tokenizer_sha256":"/; s/\\"hidden\\":4/\\"hidden\\":5/'
says 'has shape [2, 8], the model'"'"'s [2, 10]'
change tokenizer.json 's/"version": 1,/"version": 2,/'
says 'tokenizer.json#/version: found 2; expected 1'
change tokenizer.json 's/"kind": "words"/"kind": "wordy"/'
says 'use "words"'
change tokenizer.json 's/"padding": "none"/"padding": "some"/'
says '#/padding: found "some"; expected "none" or "max_tokens"'
change tokenizer.json 's/ "cleaning": null/ "cleaning": ["lover"]/'
says '#/cleaning'
change tokenizer.json 's/ "vocabulary": \[/ "vocabulary": [ "anotherword",/'
says '#/vocabulary: has'
says 'this is not the tokenizer it was trained with'
change tokenizer.json 's/"special_tokens": true/"special_tokens": false/'
says 'was changed since the weights were saved'
rm changed/cells/$cell/tokenizer.json
must 65 "$ASSAY" predict changed/gru --text w1
head -c 200 run/cells/$cell/checkpoint.safetensors >changed/cells/$cell/checkpoint.safetensors
must 65 "$ASSAY" predict changed/gru --text w1
python3 - "run/cells/$cell/checkpoint.safetensors" "changed/cells/$cell/checkpoint.safetensors" <<'PYTHON'
import struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
data[-4:] = struct.pack("<f", float("nan"))
open(sys.argv[2], "wb").write(data)
PYTHON
cp run/cells/$cell/tokenizer.json changed/cells/$cell/
must 65 "$ASSAY" predict changed/gru --text w1
says 'weights are finite'
printf '{"cells": [{"name": "../../x", "entry": "gru"}]}' >changed/run.json
must 65 "$ASSAY" predict changed/gru --text w1
says 'a cell without a proper name'
