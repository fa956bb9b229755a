#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/latex/run.sh ASSAY [KEEP]: reports as LaTeX, compiled in three layouts without a warning: a small run, a study
# beside its published figures, twelve entries of twenty classes, two runs together, a run full of
# hostile texts. Made twice they are the same bytes, PDFs too. (Their numbers: tests/cli/verify.sh.)
# KEEP: a folder in which the PDFs stay.
set -eu
assay=$1
keep=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
golden=$root/tests/golden/run-small
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# made NAME RUN...: the report, twice; verified; compiled.
made() {
    name=$1
    shift
    echo "---- $name"
    "$assay" report "$@" --format latex --standalone --out "$work/$name" >/dev/null
    cp -r "$work/$name" "$work/first"
    sleep 1.1 # dates in PDFs are of seconds
    "$assay" report "$@" --format latex --standalone --out "$work/$name" >/dev/null
    diff -r "$work/first" "$work/$name"
    rm -rf "$work/first"
    python3 "$here/layouts.py" "$work/$name/latex" ${keep:+--keep "$keep/$name"}
    if [ -n "$keep" ]; then
        cp "$work/$name/latex/report.pdf" "$keep/$name/"
    fi
}

made small "$golden"
python3 "$root/tests/bench/make_report_run.py" "$golden/cells/gru__onednn__f32__s1/result.json" "$work/large-run" 12 3 20 400
made large "$work/large-run"
made study "$root/results/examples/study-b"
made two "$root/results/examples/study-b" "$root/results/examples/study-d"
python3 "$root/tests/cli/hostile_run.py" "$golden" "$work/hostile-run"
made hostile "$work/hostile-run"
if [ -e pwned ] || [ -e "$work/hostile/latex/pwned" ]; then
    echo "a foreign text was executed"
    exit 1
fi
echo "LaTeX: everything compiled"
