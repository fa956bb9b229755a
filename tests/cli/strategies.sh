# SPDX-License-Identifier: MIT
# Strategies, grids and recomputed activations in a suite: what is trained, what it holds, what the
# report selects.
. "$HARNESS"

options='"options": { "hidden": 8, "layers": 2, "heads": 2, "feed_forward": 8, "dropout": 0.1 }'
entry() { # NAME REST
    printf '{ "name": "%s", "model": "transformer", %s, "training": { "epochs": 3 %s } %s }' "$1" "$options" "$3" "$2"
}
result() {
    echo "run/cells/$1__reference__f32__s1/result.json"
}
suite t.json t "$(entry full '' ''), $(entry same '' ', "gradient_checkpointing": true'),
  $(entry freeze ', "strategy": { "kind": "freeze" }' ''),
  $(entry hybrid ', "strategy": { "kind": "hybrid", "layers": 1, "lr_decay": 0.5 }' ''),
  $(entry gradual ', "strategy": { "kind": "gradual" }' '')"
must 0 "$ASSAY" run ./t.json --out run
cmp "run/cells/full__reference__f32__s1/predictions.csv" "run/cells/same__reference__f32__s1/predictions.csv" ||
    complain "recomputed activations change the predictions"
# Linear(8, 2) has 18 parameters, an encoder layer of these sizes 464; f32: 4 bytes, Adam: two states.
held='d["memory"]["gradient_bytes"], d["memory"]["optimizer_bytes"], d["model"]["parameters"]["trainable"]'
is "$(json "$(result freeze)" "$held")" '(72, 144, 18)'
is "$(json "$(result hybrid)" "$held")" '(1928, 3856, 482)'
is "$(json "$(result gradual)" '[(p["from_epoch"], p["parameters_trained"]) for p in d["training"]["strategy"]["phases"]]')" \
    '[(1, 18), (2, 482), (3, 946)]'
is "$(json "$(result full)" 'd["training"]["strategy"]')" None
must 0 "$ASSAY" report run
cp run/report/report.md .out
prints '"kind":"hybrid"'

# What the frozen part gives is computed once: a second run has it from the cache, one that computes
# it in every step predicts the same.
features='d["training"]["strategy"]["features"]["from_cache"]'
is "$(json "$(result freeze)" "d['training']['strategy']['features']['rows']")" 60
rm -rf again whole
must 0 "$ASSAY" run ./t.json --out again --entries freeze
is "$(json again/cells/freeze__reference__f32__s1/result.json "$features")" True
cmp run/cells/freeze__reference__f32__s1/predictions.csv again/cells/freeze__reference__f32__s1/predictions.csv ||
    complain "cached features change the predictions"
must 0 "$ASSAY" run ./t.json --out whole --entries freeze --set entries.freeze.strategy.cache_features=false
is "$(json whole/cells/freeze__reference__f32__s1/result.json '"features" in d["training"]["strategy"]')" False
for run in run whole; do
    cut -d, -f1-4 "$run/cells/freeze__reference__f32__s1/predictions.csv" >"$run.labels"
done
cmp run.labels whole.labels || complain "cached features change the predicted classes"

# Refused before anything runs, with field and value.
refused() { # STRATEGY WHERE TEXT
    suite t.json t "$(entry a ", \"strategy\": $1" '')"
    must 65 "$ASSAY" run ./t.json --out none
    says "$2"
    says "$3"
    [ ! -e none ] || complain "a run folder is left"
}
refused '{ "kind": "hybrid" }' '#/entries/0/strategy' 'layers'
refused '{ "kind": "full", "layers": 1 }' '#/entries/0/strategy/layers' 'full'
refused '{ "kind": "freeze", "lr_decay": 0.5 }' '#/entries/0/strategy/lr_decay' 'freeze'
suite t.json t "$(entry a ', "strategy": { "kind": "hybrid", "layers": 7 }' '')"
must 64 "$ASSAY" run ./t.json --out seven
says '#/entries/0/strategy/layers: found 7; the model has 2'
[ ! -e seven ] || complain "a run folder is left"

# A grid: every point runs, one is shown; which one, validation alone decides.
suite g.json g '{ "name": "gru", "model": "gru", "options": { "embedding": 4 },
    "grid": { "values": { "training.lr": [0.05, 0.0], "options.hidden": [4] }, "select": "validation.loss" } }'
must 0 "$ASSAY" run ./g.json --out grid --set training.epochs=8
prints 'gru-hidden4-lr0.05 [best of 2 on validation]'
is "$(grep -c 'ok .* gru-hidden4-lr0.* val ' .err)" 2
if grep -q ' acc ' .err; then
    complain 'test figures of points are told before one is selected'
fi
must 0 "$ASSAY" report grid
cp grid/report/report.md .out
prints '| `hidden 4, lr 0` |'
is "$(grep -c 'gru-hidden4-lr0.0__\|gru-hidden4-lr0__' .out || true)" 0
sed 's/"validation": 20, //' g.json >none.json
must 3 "$ASSAY" run ./none.json --out none
prints 'there are no validation texts to select a point by'
sed 's/"training.lr"/"training.lrr"/' g.json >bad.json
must 65 "$ASSAY" run ./bad.json --out bad
says '#/entries/0/grid/values/training.lrr'
suggests lr

# What a strategy would train.
must 0 "$ASSAY" show distilbert --classes 20 --vocab 30522 --strategy hybrid:2
prints 'parameters  66,968,852, 14,781,716 trainable'
must 64 "$ASSAY" show distilbert --strategy half
says 'expected full, freeze, hybrid:LAYERS or gradual'
