# SPDX-License-Identifier: MIT
# assay run --interleave: cells take turns, block by block; one that dies, hangs, writes rubbish or computes something
# else costs its own cell; a group that isn't whole is measured again as a whole.
. "$HARNESS"
child="python3 '$EXTERNAL_CHILD'"
program() { # NAME HOW [PEER]
    printf '{ "name": "%s", "model": "external", "options": { "command": "%s %s", "timeout_step": 4 }, %s }' \
        "$1" "$child" "$2" "\"peer\": { \"of\": \"gru\", \"program\": \"${4:-$1}\", \"logits\": \"${3:-any}\" }"
}
null='{ "name": "null", "model": "external", "options": { "command": "python3 {adapters}/null.py" },
    "peer": { "of": "gru", "program": "null", "logits": "any" } }'
turns() { # FILE NAME ENTRIES
    suite "$1" "$2" "$3"
    python3 - "$1" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
d["measure"] = {"seconds": 0.01, "scenarios": ["single_stream", "one_text", "offline", "arrival", "training"],
                "interleave": {"rounds": 6, "seconds": 0, "rows": 8, "queries": 2, "steps": 2, "batches": [2, 4]}}
d["backends"] = ["reference", "onednn"]
json.dump(d, open(sys.argv[1], "w"))
PY
}
of() { echo "$1/cells/$2__own__f32__s1/result.json"; }
statuses() { json "$1/run.json" '{c["entry"] + " " + c["backend"]: c["status"] for c in d["cells"]}'; }
reason() { json "$(of "$1" "$2")" 'd["reason"]'; }
has() { # RUN CELL WORDS
    case $(reason "$1" "$2") in
    *"$3"*) ;;
    *) complain "reason of $2 is \"$(reason "$1" "$2")\"; it lacks \"$3\"" ;;
    esac
}

# Everything works: as many blocks of each scenario as there are rounds, of the same work in every cell.
turns good.json good "$gru, $null"
must 0 "$ASSAY" run ./good.json --out good --interleave --threads 1 --timeout 60s
is "$(statuses good)" "{'gru reference': 'ok', 'gru onednn': 'ok', 'null own': 'ok'}"
prints 'gru f32, offline, 6 rounds in turn'
prints 'gru f32, training, 6 rounds in turn'
for cell in gru__reference gru__onednn null__own; do
    record=good/cells/${cell}__f32__s1/result.json
    is "$(json $record '[sum(b["scenario"] == s for b in d["interleaved"]["blocks"])
        for s in ("single_stream", "offline", "arrival", "training", "one_text")]')" '[6, 6, 6, 6, 0]'
    is "$(json $record 'sorted({(b["scenario"], b["rows"]) for b in d["interleaved"]["blocks"]})')" \
        "[('arrival', 8), ('offline', 8), ('single_stream', 2), ('training', 40)]"
    is "$(json $record 'd["interleaved"]["cells"]')" \
        "['gru__reference__f32__s1', 'gru__onednn__f32__s1', 'null__own__f32__s1']"
    is "$(head -1 good/cells/${cell}__f32__s1/latency.csv)" 'scenario,batch,tokens,nanoseconds,round'
done
is "$(json "$(of good null)" 'd["peer"]')" "{'of': 'gru', 'program': 'null', 'same_logits': False}"
is "$(json "$(of good null)" '[w for w in d["warnings"] if "one_text" in w]')" \
    "['one_text is not measured: the test split has no text of 128 tokens']"
is "$(json good/run.json 'd["interleaved"][0]["resident_bytes"] > 10000000')" True
is "$(find good/cells -maxdepth 1 -name '.?*')" '' # no weights that were handed out stay behind
must 0 "$ASSAY" report good --format markdown,json
grep -q '^## Peers' good/report/report.md || complain "the report has no peers"

# What it does wrong in the middle of its blocks; the others go on. `last` is not hurt by any of them.
all="$gru, $(program dies dies_in_block), $(program hangs hangs_in_block), $(program rubbish rubbish_in_block)"
all="$all, $(program other fine same), $(program predicts predicts_only), $(program last fine)"
turns bad.json bad "$all"
must 3 "$ASSAY" run ./bad.json --out bad --interleave --threads 1 --timeout 60s --set training.epochs=0
is "$(statuses bad)" "{'gru reference': 'ok', 'gru onednn': 'ok', 'dies own': 'failed', 'hangs own': 'failed', \
'rubbish own': 'failed', 'other own': 'failed', 'predicts own': 'ok', 'last own': 'ok'}"
has bad dies 'ended with exit status 9'
has bad hangs 'gave no answer in 4 s and was killed'
has bad rubbish 'which is no message, in place of LOGITS'
has bad other 'its logits differ from those of "gru" by'
has bad other 'another computation, so it is not measured'
is "$(json "$(of bad other)" '(d["backend"]["equivalence"]["checked"], d["backend"]["equivalence"]["passed"])')" \
    '(True, False)'
is "$(json "$(of bad other)" '"interleaved" in d and len(d["interleaved"]["blocks"])')" False
is "$(json "$(of bad last)" 'len(d["interleaved"]["blocks"])')" 24
is "$(json "$(of bad predicts)" 'len(d["interleaved"]["blocks"])')" 18
prints 'differ from those of'
sleep 0.2
left=$(left_behind "$EXTERNAL_CHILD")
[ -z "$left" ] || complain "a child still runs: $left"

# A group that isn't whole is measured again as a whole, and says so.
must 3 "$ASSAY" run ./bad.json --out bad --interleave --threads 1 --timeout 60s --set training.epochs=0 --resume
says '4 that were done are measured again, in turn with the missing cells of their group'
must 64 "$ASSAY" run ./good.json --out good --resume
says 'was begun with --interleave'
must 0 "$ASSAY" run ./good.json --out good --resume --interleave

# A limit of the host holds for one that takes turns; waiting does not count against it.
turns slow.json slow "$gru, $(program slow hangs_in_block), $(program last fine)"
must 3 "$ASSAY" run ./slow.json --out slow --interleave --threads 1 --timeout 12s --set training.epochs=0 \
    --set entries.slow.options.timeout_step=600
is "$(statuses slow)" "{'gru reference': 'ok', 'gru onednn': 'ok', 'slow own': 'failed', 'last own': 'ok'}"
has slow slow 'timed out after 12 s'

# What a peer needs.
turns wrong.json wrong "$gru, $(program orphan fine | sed 's/"of": "gru"/"of": "lstm"/')"
must 64 "$ASSAY" run ./wrong.json --out wrong
says 'there is no entry "lstm" in this run'
turns graph.json graph "$gru, { \"name\": \"rnn\", \"model\": \"rnn\", \"peer\": { \"of\": \"gru\" } }"
must 64 "$ASSAY" run ./graph.json --out graph
says 'is a graph model; a peer is an opaque one'
turns batches.json batches "$gru"
must 65 "$ASSAY" run ./batches.json --out batches --set 'measure.interleave.batches=[3,8]'
says '3 does not divide the largest, 8'
