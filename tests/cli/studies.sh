# SPDX-License-Identifier: MIT
# The studies' suites: all of them are read, their models have exactly the published (or derived)
# numbers of parameters, and an entry whose weights are not here says how to get them.
. "$HARNESS"
suites=${ASSAY_SUITE_PATH%%:*}

for name in study-a study-a-distilbert study-b study-c study-c-distilbert study-d study-e newsgroups-technical; do
    must 0 "$ASSAY" run "$name" --dry-run
    prints "$name: "
    is "$(json "$suites/$name.json" 'len(d["notes"]) > 0')" True
done

# newsgroups-technical is study-d with other models beside its own: what they share must stay the same.
same() { json "$suites/$1.json" '[d["data"], d["defaults"], [e["options"] for n in ("rnn", "lstm", "transformer")
    for e in d["entries"] if e["name"] == n]]'; }
is "$(same newsgroups-technical)" "$(same study-d)"

# Parameters of an entry's model with its options: parameters SUITE ENTRY CLASSES VOCAB
parameters() {
    model=$(json "$suites/$1.json" '[
        e["model"] + "".join(" --set %s=%s" % (k, str(v).lower()) for k, v in e["options"].items())
        for e in d["entries"] if e["name"] == "'"$2"'"][0]')
    # shellcheck disable=SC2086 # a list of words
    must 0 "$ASSAY" show $model --classes "$3" --vocab "$4"
    sed -n 's/^parameters *\([0-9,]*\), \([0-9,]* trainable\|all trainable\).*/\1 \2/p' .out
}
is "$(parameters study-a gru 2 92232)" "9,518,753 295,553 trainable"
is "$(parameters study-a-distilbert distilbert 2 30522)" "66,955,010 all trainable"
is "$(parameters study-b bilstm_attention 20 50000)" "15,840,981 all trainable"
is "$(parameters study-b distilbert-full 20 30522)" "66,968,852 all trainable"
is "$(parameters study-b bert-full 20 30522)" "109,497,620 all trainable"
is "$(parameters study-c bilstm 2 30000)" "8,471,042 all trainable"
is "$(parameters study-c bilstm-padded 2 30000)" "8,471,042 all trainable"
is "$(parameters study-d rnn 2 5000)" "328,450 all trainable"
is "$(parameters study-d lstm 2 5000)" "353,410 all trainable"
is "$(parameters study-d transformer 2 5000)" "387,074 all trainable"

mkdir data
small='--set data.subset.train=40 --set data.subset.validation=20 --set data.subset.test=20'
# shellcheck disable=SC2086 # a list of words
must 3 "$ASSAY" run study-d --entries distilbert --seeds 1 --data-dir data --out weights \
    --set data.resource=synthetic $small
prints 'assay data fetch distilbert-base-uncased'
