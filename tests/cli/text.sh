# SPDX-License-Identifier: MIT
# What a suite says of texts reaches the cells: overlaps, balance, vectors, weights, batches by tokens.
. "$HARNESS"

fill() { # twelve texts a class in train, four in test, two of them also in train
    for label in neg pos; do
        mkdir -p "set/train/$label" "set/test/$label"
        for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
            echo "$label word$i red blue" >"set/train/$label/$i.txt"
        done
        for i in 1 2 3; do
            echo "$label other$i green" >"set/test/$label/$i.txt"
        done
        echo "${label} WORD1 Red blue" >"set/test/$label/4.txt"
    done
    rm set/train/pos/9.txt set/train/pos/1[012].txt
}
fill
cat >mine.json <<'JSON'
{ "schema_version": 1, "name": "mine", "kind": "dataset", "license": "CC0-1.0",
  "reader": { "format": "folders" }, "splits": { "train": "train", "test": "test" } }
JSON
printf 'red 1 0 0 0.5\nblue 0 1 0 0.5\ngreen 0 0 1 0.5\nelsewhere 1 1 1 1\n' >vectors.txt

mine() { # DATA ENTRY: the suite mine.suite.json
    cat >mine.suite.json <<JSON
{ "schema_version": 1, "name": "mine", "data": { "resource": "$work/mine.json", "path": "$work/set",
    "cleaning": ["lower"] $1 },
  "defaults": { "training": { "batch": 4, "epochs": 2 } },
  "entries": [ { "name": "gru", "model": "gru", "options": { "embedding": 4, "hidden": 4 $2 } $3 } ],
  "backends": ["reference"], "measure": { "seconds": 0.01 } }
JSON
    rm -rf out
}
result=out/cells/gru__reference__f32__s1/result.json

# labels in order of appearance; overlaps counted, and removed from test when asked for
mine '' '' ''
must 0 "$ASSAY" run ./mine.suite.json --out out
is "$(json $result 'd["dataset"]["labels"]')" "['neg', 'pos']"
is "$(json $result '[d["dataset"]["preparation"]["overlaps"][s]["test_in_train"] for s in ("raw", "cleaned")]')" "[0, 2]"
prints 'test texts also stand in train after cleaning'
[ ! -e out/cells/gru__reference__f32__s1/removed.csv ] || complain "nothing was removed"
mv set/test/neg/4.txt 4.txt
must 0 "$ASSAY" run ./mine.suite.json --out one
prints '1 test text also stands in train after cleaning; "overlaps": {"remove": true} takes it out of test'
mv 4.txt set/test/neg/4.txt
mine ', "overlaps": { "remove": true }' '' ''
must 0 "$ASSAY" run ./mine.suite.json --out out
is "$(json $result 'd["dataset"]["counts"]["test"]')" 6
is "$(wc -l <out/cells/gru__reference__f32__s1/removed.csv)" 3
grep -q '^test,.*4.txt,neg,overlap,cleaned,train,.*1.txt' out/cells/gru__reference__f32__s1/removed.csv ||
    complain "$(cat out/cells/gru__reference__f32__s1/removed.csv)"
grep -q removed.csv out/SHA256SUMS || complain "removed.csv is not sealed"

# a cache that cannot be written is told, and costs nothing else
mine '' '' ''
ASSAY_CACHE_DIR=/dev/null must 0 "$ASSAY" run ./mine.suite.json --out out
prints 'the data could not be cached'

# a filter
mine ', "filter": { "min_words": 5 }' '' ''
must 65 "$ASSAY" run ./mine.suite.json --out out
mine ', "filter": { "min_characters": 19 }' '' ''
must 0 "$ASSAY" run ./mine.suite.json --out out
is "$(json $result 'd["dataset"]["preparation"]["filtered"] > 0')" True

# choices made on the test set stand beside the name in every table
mine ', "validation": { "kind": "test" }' '' ''
must 0 "$ASSAY" run ./mine.suite.json --out out
prints 'gru [chosen on test]'
must 0 "$ASSAY" report out
grep -q 'gru \[chosen on test\]' out/report/report.md || complain "$(head -30 out/report/report.md)"
is "$(json $result 'd["dataset"]["validation_is_test"]')" True

# balance: classes of 12 and 8 texts
for kind in class_weights weighted_sampling oversample undersample; do
    mine ", \"balance\": \"$kind\"" '' ''
    must 0 "$ASSAY" run ./mine.suite.json --out out
    is "$kind $(json $result 'd["dataset"]["counts"]["train"]')" \
        "$kind $(case $kind in oversample) echo 24 ;; undersample) echo 16 ;; *) echo 20 ;; esac)"
done
mine ', "balance": "class_weights"' '' ''
sed -i 's/"model": "gru".*/"model": "naive_bayes" } ],/' mine.suite.json
must 0 "$ASSAY" run ./mine.suite.json --out out
prints 'skipped in 1 of 1 seeds'
prints 'class weights cannot be given to it'

# vectors: found, missing, another dimension, a damaged file
mine '' '' ', "embeddings": { "resource": "'"$work"'/vectors.txt" }'
must 0 "$ASSAY" run ./mine.suite.json --out out
is "$(json $result 'd["dataset"]["preparation"]["embeddings"]["found"]')" 2
rm -r out
must 3 "$ASSAY" run ./mine.suite.json --out out --set entries.gru.options.embedding=5
prints 'the vectors have 4 dimensions'
printf 'red 1 0\nblue 1 2 3\n' >ragged.txt
mine '' '' ', "embeddings": { "resource": "'"$work"'/ragged.txt" }'
must 65 "$ASSAY" run ./mine.suite.json --out out
says 'ragged.txt:2'

# TF-IDF: the model has to read it, and has to get it
mine '' ', "token_weights": true' ', "token_weights": { "kind": "tfidf" }'
must 0 "$ASSAY" run ./mine.suite.json --out out
mine '' '' ', "token_weights": { "kind": "tfidf" }'
must 64 "$ASSAY" run ./mine.suite.json --out out
says 'does not read them'
mine '' ', "token_weights": true' ''
must 64 "$ASSAY" run ./mine.suite.json --out out
says 'add "token_weights"'

# batches by tokens; padding that was spared
mine '' '' ', "training": { "batch": 20, "batch_tokens": 8 }'
must 0 "$ASSAY" run ./mine.suite.json --out out
is "$(json $result 'd["training"]["padding_share"]')" 0.0
is "$(grep -c '"epoch": 1,' out/cells/gru__reference__f32__s1/steps.jsonl || grep -c '"epoch":1,' out/cells/gru__reference__f32__s1/steps.jsonl)" 10

# padding that the suite asks for: run over, told, and no token
padded=', "max_tokens": 10, "tokenizer": { "kind": "words", "padding": "max_tokens" }'
mine '' ', "mask_outputs": true' "$padded"
sed -i 's/"model": "gru"/"model": "bilstm"/' mine.suite.json
must 0 "$ASSAY" run ./mine.suite.json --out out
prints 'every text is filled up to 10 tokens with padding'
is "$(json $result '[d["dataset"]["preparation"]["padding"]["share_of_train"], d["dataset"]["mean_tokens"]]')" '[0.6, 4.0]'
is "$(json $result 'round(d["training"]["padding_share"], 9)')" 0.6
is "$(head -1 out/cells/gru__reference__f32__s1/epochs.jsonl | sed 's/.*"tokens": *\([0-9]*\).*/\1/')" 80
is "$(grep single_stream out/cells/gru__reference__f32__s1/latency.csv | cut -d, -f3 | sort -n | tail -1)" 4
mine '' ', "token_weights": true' "$padded, \"token_weights\": { \"kind\": \"tfidf\" }"
must 65 "$ASSAY" run ./mine.suite.json --out out
says 'tokenizer/padding'
