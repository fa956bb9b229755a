# SPDX-License-Identifier: MIT
# Pretrained weights in a suite: loaded by name, what they lack is said, what does not fit is refused
# before training.
. "$HARNESS"

sizes='"layers": 2, "heads": 2, "dim": 16, "hidden_dim": 20, "positions": 12'
entry() { # NAME OPTIONS WEIGHTS
    printf '{ "name": "%s", "model": "distilbert", "options": { %s }, "weights": "%s", "max_tokens": 12,
      "tokenizer": { "kind": "words", "vocab_size": 50 } }' "$1" "$2" "$3"
}
result='run/cells/a__reference__f32__s1/result.json'

suite t.json t "$(entry a "$sizes, \"head\": \"two_linear\"" "$GOLDEN/bert/distilbert")"
must 0 "$ASSAY" run ./t.json --out run
is "$(json $result 'd["status"]')" ok
is "$(json $result '[w.split(": ", 1)[1] for w in d["warnings"] if w.startswith("weights ")]')" \
    "['4 parameters are not in it and start anew: classifier.1.weight, classifier.1.bias, classifier.4.weight, classifier.4.bias', '4 of its tensors have no place in the model: classifier.bias, classifier.weight, pre_classifier.bias, pre_classifier.weight']"
is "$(json $result 'sorted((k, v) for k, v in d["model"]["weights"].items() if k in ("ignored", "loaded"))')" \
    "[('ignored', []), ('loaded', 36)]"
is "$(json $result 'd["model"]["weights"]["files"][0]["sha256"]')" \
    "$(sha256sum <"$GOLDEN/bert/distilbert/model.safetensors" | cut -d' ' -f1)"
is "$(json run/run.json 'd["suite"]["entries"][0]["weights"]')" "$GOLDEN/bert/distilbert"

refused() { # WHERE TEXT OPTIONS WEIGHTS
    rm -rf run
    suite t.json t "$(entry a "$3" "$4")"
    must 3 "$ASSAY" run ./t.json --out run
    reason=$(json $result 'd["reason"]')
    case $reason in
    *"$1"*"$2"*) ;;
    *) complain "reason \"$reason\" lacks \"$1\" or \"$2\"" ;;
    esac
}
refused 'config.json/n_layers' 'found 2; the model has 1' '"layers": 1, "heads": 2, "dim": 16,
    "hidden_dim": 20, "positions": 12' "$GOLDEN/bert/distilbert"
refused "$GOLDEN" '"classifier.weight" has shape [3, 16], the model'"'"'s [2, 16]' "$sizes" \
    "$GOLDEN/bert/distilbert"
refused 'config.json/model_type' 'found "bert"' "$sizes" "$GOLDEN/bert/bert"
refused './none' 'cannot open' "$sizes" ./none
refused 'options/positions' 'max_tokens is 12; the model has 11 positions' '"positions": 11' ./none
mkdir pickle
cp "$GOLDEN/bert/distilbert/config.json" pickle/
touch pickle/pytorch_model.bin
refused 'pickle/pytorch_model.bin' 'python3 -c' "$sizes" ./pickle
