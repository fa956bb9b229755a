# SPDX-License-Identifier: MIT
# assay export: the files of both formats, the folder whole or not at all, what transformers cannot
# express. That it computes the same: tests/export/compare_with_transformers.py.
. "$HARNESS"

printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' w 1 2 3 '##1' '##2' '##3' >vocab.txt
pieces="\"tokenizer\": { \"kind\": \"wordpiece\", \"vocabulary\": \"$PWD/vocab.txt\" }"
bert() { # NAME MODEL HEAD TOKENIZER
    printf '{ "name": "%s", "model": "%s", %s, "options": { "head": "%s", "layers": 1, "heads": 2,
      "dim": 4, "hidden_dim": 6, "positions": 16, "classifier_dropout": 0.3 } }' "$1" "$2" "$4" "$3"
}
words='"tokenizer": { "kind": "words" }'
suite kept.json kept "$gru,
    $(bert distilbert distilbert cls_relu "$pieces, \"cleaning\": [\"lower\"]"),
    $(bert bert bert pooler "$pieces"),
    $(bert mean bert mean "$pieces"), $(bert words bert pooler "$words"),
    $(bert padded bert pooler "\"tokenizer\": { \"kind\": \"wordpiece\", \"vocabulary\": \"$PWD/vocab.txt\", \"padding\": \"max_tokens\" }")"
must 0 "$ASSAY" run ./kept.json --set checkpoint.keep=true --out run

# ---- safetensors
must 0 "$ASSAY" export run/gru --format safetensors --out gru
is "$(cat .err)" ''
is "$(cd gru && echo *)" 'config.json model.safetensors tokenizer.json vocab.txt'
is "$(json gru/config.json 'd["format"], d["version"], d["model"], d["options"]["hidden"], len(d["labels"])')" \
    "('assay-model', 1, 'gru', 4, 2)"
cmp gru/tokenizer.json run/cells/gru__reference__f32__s1/tokenizer.json
is "$(head -n 2 gru/vocab.txt | tr '\n' ' ')" '[PAD] [UNK] '
is "$(wc -l <gru/vocab.txt)" "$(json gru/config.json 'd["vocab_size"]')"
names=$(python3 - gru/model.safetensors <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
print(header.pop("__metadata__")["format"], *sorted(header))
assert all(tensor["dtype"] == "F32" for tensor in header.values())
PYTHON
)
case $names in
"pt classifier.bias classifier.weight embedding.weight gru.bias_hh_l0 "*) ;;
*) complain "names: $names" ;;
esac
must 0 "$ASSAY" export run/mean --format safetensors --out mean
cmp mean/vocab.txt vocab.txt

# ---- huggingface
must 0 "$ASSAY" export run/distilbert --format huggingface --out distilbert
says 'transformers does not know the suite'"'"'s cleaning'
says '["lower"]'
is "$(cd distilbert && echo *)" 'README.md config.json model.safetensors special_tokens_map.json tokenizer.json tokenizer_config.json vocab.txt'
grep -qF '["lower"]' distilbert/README.md || complain 'README.md does not name the cleaning'
is "$(json distilbert/config.json 'd["architectures"], d["model_type"], d["n_layers"], d["dim"], d["seq_classif_dropout"], d["pad_token_id"]')" \
    "(['DistilBertForSequenceClassification'], 'distilbert', 1, 4, 0.3, 0)"
is "$(json distilbert/config.json 'd["label2id"] == {v: int(k) for k, v in d["id2label"].items()}')" True
is "$(json distilbert/tokenizer_config.json 'd["model_max_length"], d["model_input_names"], d["cls_token"], d["mask_token"]')" \
    "(16, ['input_ids', 'attention_mask'], '[CLS]', '[MASK]')"
is "$(json distilbert/tokenizer.json 'd["model"]["vocab"]["##3"], d["normalizer"]["lowercase"], d["post_processor"]["type"]')" \
    "(11, True, 'TemplateProcessing')"
must 0 "$ASSAY" data tokens - --tokenizer wordpiece --vocab distilbert/tokenizer.json </dev/null
must 0 "$ASSAY" export run/bert --format huggingface --out ./deep/er/bert/
is "$(cat .err)" ''
is "$(json deep/er/bert/config.json 'd["architectures"], d["hidden_size"], d["classifier_dropout"], d["layer_norm_eps"]')" \
    "(['BertForSequenceClassification'], 4, 0.3, 1e-12)"
# What is exported can be trained on.
suite again.json again "$(bert bert bert pooler "$pieces, \"weights\": \"./deep/er/bert\"")"
must 0 "$ASSAY" run ./again.json --set training.epochs=0 --out again
is "$(json again/cells/bert__reference__f32__s1/result.json 'd["model"]["weights"]["drawn"] + d["model"]["weights"]["unused"]')" '[]'

# ---- refused
refuse() { # CELL TEXT
    must 3 "$ASSAY" export "run/$1" --format huggingface --out refused
    says "$2"
    says '--format safetensors'
    [ ! -e refused ] || complain 'a refused export left a folder'
}
refuse gru 'transformers has no class for the model "gru"'
refuse mean 'its head is "mean"'
refuse words 'its tokenizer is "words"'
refuse padded 'transformers masks padding'
mkdir full empty
touch full/x
must 64 "$ASSAY" export run/gru --format safetensors --out full
says 'full: is not empty, it holds x'
is "$(cd full && echo *)" x
must 64 "$ASSAY" export run/gru --format safetensors --out full/x
must 0 "$ASSAY" export run/gru --format safetensors --out empty
is "$(cd empty && echo *)" 'config.json model.safetensors tokenizer.json vocab.txt'
must 64 "$ASSAY" export run/gru --format safetensor --out new
suggests safetensors
must 64 "$ASSAY" export run/gru --out new
must 64 "$ASSAY" export run/gru --format safetensors
must 64 "$ASSAY" export --format safetensors --out new
[ ! -e new ] || complain 'a wrong command line made a folder'
# A folder appears whole or not at all: nothing is left where a file cannot be written.
LC_ALL=C sed 's/.*/x/' run/cells/gru__reference__f32__s1/checkpoint.safetensors >x
cp x run/cells/gru__reference__f32__s1/checkpoint.safetensors
must 65 "$ASSAY" export run/gru --format safetensors --out new
is "$(find . -name 'new*')" ''
must 0 "$ASSAY" export --help
prints 'checkpoint.keep=true'
