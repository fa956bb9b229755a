# SPDX-License-Identifier: MIT
# What the cases share; each is run by `sh -e CASE` in an empty folder of its own. The environment
# names the program (ASSAY) and the folders of test plugins (MISBEHAVE, ABI).
#
#     must 64 "$ASSAY" run quik           the command ends with that status
#     says TEXT                           its stderr holds this text (prints: its stdout)
#     suggests quick                      its stderr asks "did you mean quick"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

complain() {
    echo "FAILED: $*"
    echo "--- stdout"
    cat "$work/.out" 2>/dev/null || true
    echo "--- stderr"
    cat "$work/.err" 2>/dev/null || true
    exit 1
}

must() {
    expected=$1
    shift
    code=0
    "$@" >"$work/.out" 2>"$work/.err" || code=$?
    last=$*
    [ "$code" -eq "$expected" ] || complain "status $code instead of $expected: $last"
}

says() {
    grep -qF -e "$1" "$work/.err" || complain "stderr of \"$last\" lacks: $1"
}

suggests() {
    grep -qE -e "did you mean .?$1" "$work/.err" || complain "\"$last\" does not suggest $1"
}

prints() {
    grep -qF -e "$1" "$work/.out" || complain "stdout of \"$last\" lacks: $1"
}

# Field of a JSON file: json FILE 'd["cells"][0]["status"]'
json() {
    python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}

is() {
    [ "$1" = "$2" ] || complain "found \"$1\"; expected \"$2\""
}

# Processes of this case whose command line has PATTERN: other cases run the same programs beside it,
# each in a working folder of its own.
left_behind() {
    for pid in $(pgrep -f "$1"); do
        case $(readlink "/proc/$pid/cwd") in "$work"*) echo "$pid" ;; esac
    done
}

# A suite with the given entries (JSON) on the generated data: suite FILE NAME ENTRIES
suite() {
    cat >"$1" <<SUITE
{ "schema_version": 1, "name": "$2",
  "data": { "resource": "synthetic", "subset": { "train": 40, "validation": 20, "test": 20 } },
  "defaults": { "max_tokens": 16, "training": { "batch": 20, "epochs": 1 } },
  "entries": [ $3 ],
  "backends": ["reference"], "seeds": [1], "measure": { "seconds": 0.01 } }
SUITE
}

gru='{ "name": "gru", "model": "gru", "options": { "embedding": 4, "hidden": 4 } }'
misbehave() { # NAME HOW [WHEN]
    printf '{ "name": "%s", "model": "misbehave", "options": { "how": "%s", "when": "%s" } }' \
        "$1" "$2" "${3:-train}"
}
