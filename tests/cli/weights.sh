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

# What the options leave out is config.json's; the record has all of them.
for id in distilbert bert; do
    rm -rf run
    suite t.json t "$(printf '{ "name": "a", "model": "%s", "weights": "%s", "max_tokens": 12,
        "options": { "head": "two_linear", "dropout": 0.25 },
        "tokenizer": { "kind": "words", "vocab_size": 50 } }' $id "$GOLDEN/bert/$id")"
    must 0 "$ASSAY" run ./t.json --out run
    is "$(json $result '[d["model"]["options"][k] for k in ("layers", "heads", "dim", "hidden_dim", "positions")]')" \
        '[2, 2, 16, 20, 12]'
    is "$(json $result '[d["model"]["options"][k] for k in ("dropout", "attention_dropout", "head")]')" \
        "[0.25, 0.1, 'two_linear']"
done

# Refused before anything runs: no run folder is left.
refused() { # STATUS WHERE TEXT OPTIONS WEIGHTS
    rm -rf run
    suite t.json t "$(entry a "$4" "$5")"
    must "$1" "$ASSAY" run ./t.json --out run
    says "$2"
    says "$3"
    [ ! -e run ] || complain "a run folder is left"
    must "$1" "$ASSAY" run ./t.json --dry-run
    says "$3"
}
refused 65 'config.json/n_layers' 'found 2; the model has 1' '"layers": 1' "$GOLDEN/bert/distilbert"
refused 65 'config.json/model_type' 'found "bert"' "$sizes" "$GOLDEN/bert/bert"
mkdir other
sed 's/"n_layers": 2/"n_layers": 1/' "$GOLDEN/bert/distilbert/config.json" >other/config.json
cp "$GOLDEN/bert/distilbert/model.safetensors" other/
refused 65 './other' '"distilbert.transformer.layer.1.ffn.lin1.bias" [20] has no place in the model' '' ./other
refused 64 './none' 'cannot open' "$sizes" ./none
refused 64 'options/positions' 'max_tokens is 12; the model has 11 positions' '"positions": 11' \
    "$GOLDEN/bert/distilbert"
mkdir pickle
cp "$GOLDEN/bert/distilbert/config.json" pickle/
touch pickle/pytorch_model.bin
refused 65 'pickle/pytorch_model.bin' 'python3 -c' "$sizes" ./pickle
mkdir "it's"
cp pickle/* "it's/"
refused 65 'pytorch_model.bin' "'./it'\\''s'" "$sizes" "./it's"
mkdir wide
sed 's/"n_layers": 2/"n_layers": 100/' "$GOLDEN/bert/distilbert/config.json" >wide/config.json
cp "$GOLDEN/bert/distilbert/model.safetensors" wide/
refused 65 'wide: config.json.layers' 'found 100; expected an integer from 1 to 48' '' ./wide

# Tensors of another type.
mkdir integers
cp "$GOLDEN/bert/distilbert/config.json" integers/
python3 - "$GOLDEN/bert/distilbert/model.safetensors" integers/model.safetensors <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
header["distilbert.embeddings.LayerNorm.bias"]["dtype"] = "I32"
text = json.dumps(header).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + data[8 + size:])
PYTHON
refused 65 './integers' '"distilbert.embeddings.LayerNorm.bias" has dtype I32; weights are F64' "$sizes" ./integers

# A value that is no number: an element of a tensor in the middle of the file.
mkdir broken
cp "$GOLDEN/bert/distilbert/config.json" broken/
python3 - "$GOLDEN/bert/distilbert/model.safetensors" broken/model.safetensors <<'PYTHON'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
size = struct.unpack("<Q", data[:8])[0]
begin = json.loads(data[8:8 + size])["distilbert.transformer.layer.1.ffn.lin1.bias"]["data_offsets"][0]
data[8 + size + begin + 12:8 + size + begin + 16] = struct.pack("<f", float("inf"))
open(sys.argv[2], "wb").write(data)
PYTHON
refused 65 'broken/model.safetensors: tensor "distilbert.transformer.layer.1.ffn.lin1.bias"' \
    'element 3 is inf; weights are finite' "$sizes" ./broken

# A vocabulary of another size.
printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' a b c >vocab.txt
rm -rf run
suite t.json t "$(printf '{ "name": "a", "model": "distilbert", "weights": "%s", "max_tokens": 12,
    "tokenizer": { "kind": "wordpiece", "vocabulary": "./vocab.txt" } }' "$GOLDEN/bert/distilbert")"
must 65 "$ASSAY" run ./t.json --out run
says "#/entries/0/tokenizer/vocabulary: ./vocab.txt has 7 tokens; the weights' config.json says vocab_size "
[ ! -e run ] || complain "a run folder is left"

# How many classes there are is known with the data: the cell fails before it trains.
rm -rf run
suite t.json t "$(entry a "$sizes" "$GOLDEN/bert/distilbert")"
must 3 "$ASSAY" run ./t.json --out run
reason=$(json $result 'd["reason"]')
case $reason in
*"$GOLDEN"*'"classifier.weight" has shape [3, 16], the model'"'"'s [2, 16]'*) ;;
*) complain "reason \"$reason\"" ;;
esac

# A resource that is not on this machine is told by its cell.
rm -rf run
suite t.json t "$(entry a '"dim": 24, "heads": 2, "layers": 1' distilbert-base-uncased)"
must 0 "$ASSAY" run ./t.json --dry-run

# Other options that don't go together are refused as early.
wrong() { # MODEL OPTIONS TEXT [MORE]
    suite t.json t "$(printf '{ "name": "a", "model": "%s", "options": { %s }%s }' "$1" "$2" "${4:-}")"
    must 64 "$ASSAY" run ./t.json --out none
    says "$3"
    [ ! -e none ] || complain "a run folder is left"
}
wrong transformer '"heads": 5' '#/entries/0/options/heads: found 5 heads; they must divide the 64 channels (hidden)'
wrong gru '"residual": true' 'found 1 layer;'
wrong bilstm '"mask_outputs": true' 'for options.mask_outputs tokenizer.padding'
wrong gru '' 'does not read them' ', "token_weights": { "kind": "tfidf" }'
wrong distilbert '"layers": 2, "heads": 2, "dim": 16' \
    '#/entries/0/strategy/layers: found 3; the model has 2 layers' ', "strategy": { "kind": "hybrid", "layers": 3 }'
