# SPDX-License-Identifier: MIT
# Values out of range or of a wrong type, on the command line.
. "$HARNESS"

must 64 "$ASSAY" run synthetic-tiny --set training.lr=-1
says 'training/lr'
must 65 "$ASSAY" run synthetic-tiny --set training.momentum=0.9
says '/training/momentum: found 0.9; only sgd has momentum'
must 64 "$ASSAY" run synthetic-tiny --set training.epochs=lots
says 'training/epochs'
must 64 "$ASSAY" run synthetic-tiny --set training.optimizer=adamm
says 'training/optimizer'
must 64 "$ASSAY" run synthetic-tiny --set entries.gru.options.hidden=0
says 'entries/0/options'
says '4096'
must 64 "$ASSAY" run synthetic-tiny --set entries.gru.options.hidden=many
says 'hidden'
must 64 "$ASSAY" run synthetic-tiny --set entries.gru.options.pooling=lst
says 'last'
must 64 "$ASSAY" run synthetic-tiny --seeds 1,x
says 'seeds'
must 64 "$ASSAY" run synthetic-tiny --seeds 1,-1
says 'seeds'
must 64 "$ASSAY" run synthetic-tiny --seeds 1,1
says '--seeds: "1" twice'
must 65 "$ASSAY" run synthetic-tiny --set 'seeds=[1,1]'
says '#/seeds/1: 1 stands in this list twice'
must 64 "$ASSAY" run synthetic-tiny --dtypes f31
says 'dtypes'
must 64 "$ASSAY" run synthetic-tiny --entries gru,,transformer
says 'empty item'
must 64 "$ASSAY" run synthetic-tiny --threads 0
says '--threads'
must 64 "$ASSAY" run synthetic-tiny --timeout soon
says '--timeout'
for size in none 512 10K; do
    must 64 "$ASSAY" run synthetic-tiny --memory-limit $size
    says "--memory-limit: found \"$size\"; expected a size as 512M or 10G"
done
must 64 "$ASSAY" run synthetic-tiny --set training.epochs
says 'PATH=VALUE'
must 64 "$ASSAY" show gru --classes 1
says '--classes'
must 64 "$ASSAY" show transformer --set hidden=63 --set heads=4
says 'heads'
[ ! -e runs ] || complain "something was run"

# What is allowed reaches the record.
must 0 "$ASSAY" run synthetic-tiny --entries gru --seeds 3 --set training.epochs=1 \
    --set entries.gru.options.hidden=6 --set training.lr=5e-3 --out out --threads 1
record=out/cells/gru__reference__f32__s3/result.json
is "$(json $record 'd["model"]["options"]["hidden"]')" 6
is "$(json $record 'd["training"]["epochs"]')" 1
is "$(json $record 'd["training"]["settings"]["lr"]')" 0.005
is "$(json $record 'd["backend"]["equivalence"]["passed"]')" True
is "$(json out/run.json 'd["suite"]["defaults"]["training"]["epochs"]')" 1

# Without validation texts nothing is stopped early and no epoch is the best: that is said.
suite with.json with "$gru"
sed 's/"validation": 20, //; s/"epochs": 1/"epochs": 2, "keep": "best", "early_stopping": { "patience": 1 }/' with.json >without.json
must 0 "$ASSAY" run ./without.json --out without
is "$(json without/cells/gru__reference__f32__s1/result.json \
    'sum("there are no validation texts" in w for w in d["warnings"])')" 2

# epochs=0 evaluates without training, so without memory for gradients; a scenario of training, or a
# profile, takes steps.
zero() { # GRADIENTS ARG...
    gradients=$1
    shift
    rm -rf zero
    must 0 "$ASSAY" run synthetic-tiny --entries gru --seeds 1 --set training.epochs=0 --out zero "$@"
    is "$(json zero/cells/gru__reference__f32__s1/result.json \
        'd["training"]["stopped"], d["memory"]["gradient_bytes"] > 0, d["model"]["parameters"]["trainable"] > 0')" \
        "('none', $gradients, $gradients)"
    must 0 "$ASSAY" verify zero
    ! grep nan zero/cells/*/log.txt || complain "no number in the log"
}
zero False
grep -q 'logits .*, no gradients' zero/cells/*/log.txt || complain "no word of gradients"
zero True --set 'measure.scenarios=["training"]'
zero True --profile
