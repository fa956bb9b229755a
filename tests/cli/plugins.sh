# SPDX-License-Identifier: MIT
# Plugins that are none, and one that crashes in build.
. "$HARNESS"

refused() { # STATUS FILE TEXT
    must "$1" "$ASSAY" show "$ABI/$2.so"
    says "$3"
    must "$1" "$ASSAY" run synthetic-tiny --set entries.gru.model="$ABI/$2.so" --out out
    says "$3"
    [ ! -e out ] || complain "$2: out was made"
}
refused 65 bad_text bad_text.so
refused 3 bad_no_entry assay_plugin_query
refused 3 bad_wrong_major major

# A crash in build: show survives it, a run loses that cell alone.
must 3 "$ASSAY" show "$ABI/bad_build_crash.so"
says 'killed by signal 11'
must 3 "$ASSAY" show "$ABI/bad_build_hang.so"
says 'timed out'
# One that ends the process with status 0 has not passed.
must 3 "$ASSAY" show "$ABI/bad_build_exit.so"
says 'ended the process itself'
must 3 "$ASSAY" plugin check "$ABI/bad_build_exit.so"
says 'ended the process itself'
suite both.json both "$gru, { \"name\": \"bad\", \"model\": \"$ABI/bad_build_crash.so\" }"
must 3 "$ASSAY" run ./both.json --out out
is "$(json out/run.json '[c["status"] for c in d["cells"]]')" "['ok', 'failed']"
grep -q 'signal 11' out/cells/bad__*/result.json || complain "no reason in the record"

# list goes on behind a plugin that crashes.
mkdir folder && cp "$ABI/bad_build_crash.so" "$ABI/good_model.so" folder/
must 0 env ASSAY_PLUGIN_PATH="$PWD/folder:$ASSAY_PLUGIN_PATH" "$ASSAY" list models
prints 'good_model'
prints 'killed by signal 11'
prints 'gru'
must 0 "$ASSAY" list backends --json
prints '"reference"'
