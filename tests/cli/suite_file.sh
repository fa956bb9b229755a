# SPDX-License-Identifier: MIT
# Suite files with mistakes: status 65, the file and the place in it.
. "$HARNESS"

broken() { # NAME EXPECTED JSON
    printf '%s\n' "$3" >"$1.json"
    must 65 "$ASSAY" run ./"$1".json
    says "$1.json"
    says "$2"
}
data='"data": {"resource": "synthetic"}'
entry='{"name": "a", "model": "gru"}'
head='"schema_version": 1, "name": "t"'

broken syntax ':1:' '{ "schema_version": 1,, }'
broken empty 'not valid JSON' ''
broken list '' '[]'
broken missing_entries 'entries' "{ $head, $data }"
broken missing_resource '#/data' "{ $head, \"data\": {}, \"entries\": [$entry] }"
broken missing_model '#/entries/1' "{ $head, $data, \"entries\": [$entry, {\"name\": \"b\"}] }"
broken no_entries '#/entries' "{ $head, $data, \"entries\": [] }"
broken wrong_type '#/entries/0/max_tokens' \
    "{ $head, $data, \"entries\": [{\"name\": \"a\", \"model\": \"gru\", \"max_tokens\": \"long\"}] }"
broken out_of_range '#/entries/0/training/batch' \
    "{ $head, $data, \"entries\": [{\"name\": \"a\", \"model\": \"gru\", \"training\": {\"batch\": 0}}] }"
broken unknown_field '#/entries/0/training' \
    "{ $head, $data, \"entries\": [{\"name\": \"a\", \"model\": \"gru\", \"training\": {\"optimiser\": \"adam\"}}] }"
says 'optimizer'
broken duplicate_key 'name' "{ $head, \"name\": \"u\", $data, \"entries\": [$entry] }"
says 'uplicate'
broken duplicate_entry '#/entries/1/name' "{ $head, $data, \"entries\": [$entry, $entry] }"
broken entry_name '#/entries/0/name' "{ $head, $data, \"entries\": [{\"name\": \"../a\", \"model\": \"gru\"}] }"
broken suite_name '#/name' "{ \"schema_version\": 1, \"name\": \"a/b\", $data, \"entries\": [$entry] }"
broken no_seeds '#/seeds' "{ $head, $data, \"entries\": [$entry], \"seeds\": [] }"
broken same_seed '#/seeds/1' "{ $head, $data, \"entries\": [$entry], \"seeds\": [1, 1] }"
broken version '#/schema_version' "{ \"schema_version\": 2, \"name\": \"t\", $data, \"entries\": [$entry] }"
broken schedule '#/defaults/training/schedule' \
    "{ $head, $data, \"defaults\": {\"training\": {\"schedule\": {\"kind\": \"cosines\"}}}, \"entries\": [$entry] }"
broken schedule_field '#/entries/0/training/schedule/gamma' \
    "{ $head, $data, \"entries\": [{\"name\": \"a\", \"model\": \"gru\", \"training\": {\"schedule\": {\"kind\": \"cosine\", \"gamma\": 0.5}}}] }"
says 'which has warmup_steps, warmup_share, final'
broken two_clippings '#/entries/0/training/clip_value' \
    "{ $head, $data, \"entries\": [{\"name\": \"a\", \"model\": \"gru\", \"training\": {\"clip_value\": 1, \"clip_norm\": 1}}] }"
must 64 "$ASSAY" run ./not_there.json
says 'not_there.json'
[ ! -e runs ] || complain "something was run"
