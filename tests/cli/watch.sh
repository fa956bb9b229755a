# SPDX-License-Identifier: MIT
# The watchers: each is told while the cells run, and stands in record and report; a training that
# diverges leaves the weights of an epoch before that.
. "$HARNESS"

cat >w.json <<'SUITE'
{ "schema_version": 1, "name": "w",
  "data": { "resource": "synthetic", "subset": { "train": 60, "validation": 60, "test": 40, "seed": 42 } },
  "defaults": { "max_tokens": 32,
    "training": { "batch": 10, "epochs": 6, "optimizer": "sgd", "clip_norm": 0, "early_stopping": { "patience": 0 } } },
  "entries": [
    { "name": "stuck-a", "model": "gru", "options": { "embedding": 4, "hidden": 4 }, "training": { "lr": 0 } },
    { "name": "stuck-b", "model": "gru", "options": { "embedding": 4, "hidden": 4 }, "training": { "lr": 1e-30 } },
    { "name": "overfit", "model": "gru", "options": { "embedding": 64, "hidden": 32, "dropout": 0, "pooling": "mean" },
      "training": { "optimizer": "adam", "lr": 0.01, "epochs": 20, "schedule": { "kind": "constant", "warmup_steps": 200 } } },
    { "name": "diverge", "model": "transformer", "options": { "hidden": 8, "layers": 1, "heads": 2, "feed_forward": 16 },
      "training": { "lr": 30, "epochs": 40, "keep": "last", "schedule": { "kind": "constant", "warmup_steps": 100 } } },
    { "name": "at-once", "model": "transformer", "options": { "hidden": 8, "layers": 1, "heads": 2, "feed_forward": 16 },
      "training": { "lr": 1000, "batch": 2 } }
  ],
  "backends": ["reference"], "seeds": [1], "checkpoint": { "keep": true }, "measure": { "scenarios": [] } }
SUITE
must 0 "$ASSAY" run ./w.json --out run --threads 1
is "$(grep -c 'small validation set' .err)" 1
says '! stuck-a s1  epoch 1: small validation set: its accuracies are known only to over 5 points'
says '! stuck-a s1  epoch 1: one class only: every validation text is predicted alike'
says '! stuck-b s1  predicts the same class as stuck-a for every test text'
says '! overfit s1  epoch '
says ': over-fitting: over 85 % of the train texts right'
says ': exploding gradient: its norm is over 1000 times the median of the steps before'
says 'diverged  diverge s1  training: '
cp .out table
is "$(grep -c '^! stuck-a and stuck-b predict the same class for every test text' table)" 1

# In the record, and from it in the report.
warned() { # ENTRY TEXT
    is "$(json "run/cells/$1__reference__f32__s1/result.json" "any('$2' in w for w in d['warnings'])")" True
}
warned stuck-a 'one class only: every validation text is predicted as'
warned stuck-a 'small validation set: from 60 texts'
warned overfit 'over-fitting in '
warned overfit 'the warm-up takes 200 steps, the whole run 120'
warned diverge 'exploding gradient: the norm at step '
is "$(json run/run.json 'd["same_predictions"]')" "[['stuck-a__reference__f32__s1', 'stuck-b__reference__f32__s1']]"
must 0 "$ASSAY" report run
for text in 'predict the same class for every test text' 'one class only' 'small validation set' 'over-fitting' \
    'exploding gradient' '`diverge__reference__f32__s1` | diverged | training: the '; do
    grep -qF -e "$text" run/report/report.md || complain "the report lacks: $text"
done
must 0 "$ASSAY" verify run
python3 - <<'PYTHON'
import json
run = json.load(open("run/run.json"))
run["same_predictions"] = []
json.dump(run, open("run/run.json", "w"), indent=2)
PYTHON
must 65 "$ASSAY" verify run
cat .out >>.err
says 'same_predictions'
must 0 "$ASSAY" run ./w.json --out run --threads 1 --resume
is "$(json run/run.json 'len(d["same_predictions"])')" 1

# The last good epoch's weights are there, and said to be that.
result=run/cells/diverge__reference__f32__s1/result.json
epoch=$(json $result 'd["training"]["epochs"]')
[ "$epoch" -ge 1 ] || complain 'it diverged at once'
is "$(json $result 'd["status"], d["training"]["stopped"]')" "('diverged', 'diverged')"
case $(json $result 'd["reason"]') in
*"the loss is "*" at step "*"(epoch $((epoch + 1)))"*"; epoch $epoch, the last before that, is kept") ;;
*) complain "reason: $(json $result 'd["reason"]')" ;;
esac
must 0 "$ASSAY" predict run/diverge --text 'w1 w2'
says "warning: the training diverged; these are the weights of epoch $epoch, before that"
must 0 "$ASSAY" export run/diverge --format safetensors --out exported
says "these are the weights of epoch $epoch"
must 64 "$ASSAY" predict run/at-once --text w1
says 'the cell is diverged: nothing of it was saved'
# They are what a run of so many epochs ends with.
must 0 "$ASSAY" run ./w.json --out good --threads 1 --entries diverge --set "entries.diverge.training.epochs=$epoch"
must 0 "$ASSAY" export good/diverge --format safetensors --out expected
is "$(cat .err)" ''
cmp exported/model.safetensors expected/model.safetensors || complain 'other weights were kept'
