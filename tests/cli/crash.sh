# SPDX-License-Identifier: MIT
# Cells that die, each in its own way: the others are not touched, the reasons stand in the records,
# --resume runs just what failed.
. "$HARNESS"
export ASSAY_PLUGIN_PATH="$MISBEHAVE:$ASSAY_PLUGIN_PATH"

suite deaths.json deaths "$(misbehave crash crash), $gru, $(misbehave abort abort predict),
    $(misbehave exit exit), $(misbehave refuse refuse create), $(misbehave diverge diverge),
    $(misbehave fine nothing)"
must 3 "$ASSAY" run ./deaths.json --out out
is "$(json out/run.json '[c["status"] for c in d["cells"]]')" \
    "['failed', 'ok', 'failed', 'failed', 'failed', 'diverged', 'ok']"
reason() { json "out/cells/$1__own__f32__s1/result.json" 'd["reason"]'; }
has() { case $(reason "$1") in *"$2"*) ;; *) complain "reason of $1 is \"$(reason "$1")\"" ;; esac; }
has crash 'killed by signal 11 (Segmentation fault)'
has crash 'about to crash'
has abort 'killed by signal 6'
has exit 'exit status 7'
has refuse 'refuses to go on'
has diverge 'step 1'
says '4 of 7 cells failed'
(cd out && sha256sum --quiet -c SHA256SUMS) || complain "SHA256SUMS is wrong"

# What cannot work here is skipped with its reason, and fails nothing.
suite skip.json skip "$gru"
must 0 "$ASSAY" run ./skip.json --out skip --dtypes f32,bf16
is "$(json skip/run.json '[c["status"] for c in d["cells"]]')" "['ok', 'skipped']"
says '1 of 2 cells were skipped'
must 0 "$ASSAY" run ./skip.json --out skip --dtypes f32,bf16 --resume
says '2 of them done before'

# The data is at fault nowhere: a model that is cured runs, alone, and the rest stays as it was.
suite env.json env "$gru, $(misbehave env env)"
must 3 env ASSAY_TEST_MISBEHAVE=1 "$ASSAY" run ./env.json --out env
is "$(json env/run.json '[c["status"] for c in d["cells"]]')" "['ok', 'failed']"
before=$(stat -c %Y.%i env/cells/gru__reference__f32__s1/result.json)
must 0 "$ASSAY" run ./env.json --out env --resume
says '1 of them done before'
is "$(json env/run.json '[c["status"] for c in d["cells"]]')" "['ok', 'ok']"
is "$(stat -c %Y.%i env/cells/gru__reference__f32__s1/result.json)" "$before"
(cd env && sha256sum --quiet -c SHA256SUMS) || complain "SHA256SUMS is wrong"
