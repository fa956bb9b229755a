# SPDX-License-Identifier: MIT
# The model `external`: a program behind two pipes trains like any model, and whatever it does wrong costs its own
# cell, with the reason.
. "$HARNESS"
child="python3 '$EXTERNAL_CHILD'"
entry() { # NAME [OPTIONS [TRAINING]]
    printf '{ "name": "%s", "model": "external", "options": { "command": "%s %s"%s }%s }' \
        "$1" "$child" "$1" "${2:-}" "${3:-}"
}
of() { echo "$1/cells/$2__own__f32__s1/result.json"; }
reason() { json "$(of "$1" "$2")" 'd["reason"]'; }
has() { # CELL WORDS...
    cell=$1
    shift
    for words in "$@"; do
        case $(reason bad "$cell") in
        *"$words"*) ;;
        *) complain "reason of $cell is \"$(reason bad "$cell")\"; it lacks \"$words\"" ;;
        esac
    done
}

# One that works: it is trained, kept, restored, asked; only the environment it needs reaches it.
suite good.json good "$(entry fine), $(entry environment ', "settings": "a=1 b", "weights": "w x"'), $gru,
    $(entry prints), $(entry floods), $(entry holds), $(entry leaves),
    { \"name\": \"null\", \"model\": \"external\", \"options\": { \"command\": \"python3 {adapters}/null.py\" } }"
must 0 env ASSAY_PEER_X=1 SECRET=1 "$ASSAY" run ./good.json --out good --threads 1 --timeout 60s
is "$(json good/run.json 'set(c["status"] for c in d["cells"])')" "{'ok'}"
is "$(json "$(of good fine)" 'd["backend"]["libraries"]')" 'a ? test'
is "$(json "$(of good fine)" 'd["model"]["parameters"]["total"]')" 2
is "$(json "$(of good fine)" 'd["training"]["best_epoch"]')" 1
is "$(json "$(of good fine)" 'd["model"]["options"]["command"]')" "$child fine"
log=good/cells/environment__own__f32__s1/log.txt
grep -q "'ASSAY_PEER_X'.*'OMP_NUM_THREADS'.*'PATH'" "$log" || complain "the environment lacks something"
! grep -q "SECRET\|ASSAY_CELL_\|ASSAY_CACHE" "$log" || complain "the environment has too much"
# 0, 1, 2, the pipes' copies, and the folder itself: nothing of the host's.
grep -q "\['0', '1', '2', '3', '4', '5'\]" "$log" || complain "descriptors leak: $(grep ASSAY_PEER_X "$log")"
grep -q "settings a=1 b weights w x rest \[\]" "$log" || complain "the options did not arrive"
grep -q 'a library says something' good/cells/prints__own__f32__s1/log.txt || complain "output is lost"
bytes=$(wc -c <good/cells/floods__own__f32__s1/log.txt)
if [ "$bytes" -le 1048576 ] || [ "$bytes" -ge 1200000 ]; then complain "a log of $bytes bytes"; fi
grep -q 'the rest is dropped' good/cells/floods__own__f32__s1/log.txt || complain "the cut is not told"
small=$(json "$(of good fine)" 'd["memory"]["peak_rss_bytes"]')
large=$(json "$(of good holds)" 'd["memory"]["peak_rss_bytes"]')
[ $((large - small)) -gt 90000000 ] || complain "the child's memory is not counted: $small, $large"

# What it does wrong, and what the record says.
short=', "timeout_step": 0.5'
all="$(entry dies), $(entry dies_in_training), $(entry killed), $(entry hangs "$short")"
all="$all, $(entry mute ', "timeout_start": 0.5'), $(entry rubbish), $(entry rubbish_later)"
all="$all, $(entry other_version), $(entry wrong_type), $(entry long_frame), $(entry long_error)"
all="$all, $(entry two_replies), $(entry closes_input), $(entry closes_output), $(entry nan)"
all="$all, $(entry short), $(entry raises), $(entry refuses), $gru"
suite bad.json bad "$all"
must 3 "$ASSAY" run ./bad.json --out bad --threads 1 --timeout 60s
is "$(json bad/run.json '[c["status"] for c in d["cells"]]')" \
    "$(python3 -c 'print(["failed"] * 18 + ["ok"])')"
says '18 of 19 cells failed'
has dies 'ended with exit status 4' 'start, after 0 steps' 'its last message: no licence found'
has dies_in_training 'ended with exit status 7' 'train_step, after 1 steps'
has killed 'ended by signal 9 (Killed)' 'train_step, after 0 steps'
has hangs 'gave no answer in 0.5 s and was killed' 'train_step'
has mute 'gave no answer in 0.5 s and was killed' 'start'
has rubbish 'wrote "Loading " in place of the greeting'
has rubbish_later 'sent "Epoch 1: loss 0.", which is no message, in place of LOSS'
has other_version 'speaks version 2 of the protocol; expected 1'
has wrong_type 'sent LOGITS in place of LOSS'
has long_frame 'sent LOSS of 1152921504606846976 bytes; expected 8'
has long_error 'sent an ERROR of a wrong length'
has two_replies 'sent LOSS in place of'
has closes_input 'closed its standard input but went on; it was killed'
has closes_output 'closed its standard output but went on; it was killed'
has nan 'gave the logit nan for class 0 of row 0' 'predict'
has short 'bytes of logits for'
has raises 'RuntimeError: the gradient went away'
has refuses 'no such setting?really'
# Nobody is left, not even what a child started itself.
sleep 0.2
left=$(left_behind "$EXTERNAL_CHILD")
[ -z "$left" ] || complain "a child still runs: $left"
! pgrep -f '^sleep 1000$' >/dev/null || complain "a child's child still runs"

# A loss that isn't finite is divergence; a limit of the host holds for the child.
suite ends.json ends "$(entry diverges), $(entry eats), $gru"
must 3 "$ASSAY" run ./ends.json --out ends --memory-limit 200M --timeout 60s
is "$(json ends/run.json '[c["status"] for c in d["cells"]]')" "['diverged', 'failed', 'ok']"
case $(reason ends eats) in
'memory limit 200 MiB reached'*) ;;
*) complain "reason of eats is \"$(reason ends eats)\"" ;;
esac

# What cannot work here is skipped with its reason.
none='"model": "external", "options": { "command"'
suite skip.json skip "$(entry unavailable), $(entry predicts_only), $gru,
    { \"name\": \"nowhere\", $none: \"no-such-program --x\" } },
    { \"name\": \"nofile\", $none: \"/no/such/program\" } }"
must 0 "$ASSAY" run ./skip.json --out skip
is "$(json skip/run.json '[c["status"] for c in d["cells"]]')" "['skipped', 'skipped', 'ok', 'skipped', 'skipped']"
bad_reason() { case $(reason skip "$1") in *"$2"*) ;; *) complain "$1: $(reason skip "$1")" ;; esac; }
bad_reason unavailable "ModuleNotFoundError: No module named 'no_such_module_anywhere'"
bad_reason predicts_only 'only predicts; set training.epochs to 0'
bad_reason nowhere 'no program no-such-program in PATH'
bad_reason nofile 'the program /no/such/program is not there'

# The command: quotes, and what is wrong with it.
suite quotes.json quotes "{ \"name\": \"q\", $none: \"$child environment  'a b' \\\"c'd\\\" '' e'f g'h\" } },
    { \"name\": \"open\", $none: \"python3 'x\" } }, { \"name\": \"empty\", $none: \"  \" } }, $gru"
must 3 "$ASSAY" run ./quotes.json --out quotes
is "$(json quotes/run.json '[c["status"] for c in d["cells"]]')" "['ok', 'failed', 'failed', 'ok']"
grep -qF "rest ['a b', \"c'd\", '', 'ef gh']" quotes/cells/q__own__f32__s1/log.txt ||
    complain "$(grep rest quotes/cells/q__own__f32__s1/log.txt)"
case $(reason quotes open) in *"the quote ' is not closed"*) ;; *) complain "$(reason quotes open)" ;; esac
case $(reason quotes empty) in *'options.command is empty'*) ;; *) complain "$(reason quotes empty)" ;; esac

# Texts are options like any other.
must 0 "$ASSAY" show external --set 'command=python3 -u x.py'
prints 'python3 -u x.py'
prints '0..4096 bytes'
must 0 "$ASSAY" show external --json
is "$(json .out 'd["options"][0]["kind"] + "|" + d["options"][0]["value"]')" 'text|'
suite texts.json texts "{ \"name\": \"t\", $none: 7 } }"
must 64 "$ASSAY" run ./texts.json --out texts --dry-run
says 'found 7; expected a text'
