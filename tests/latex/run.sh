#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/latex/run.sh ASSAY: reports as LaTeX, compiled. The golden run in three layouts without a
# warning, a run full of hostile texts without an error, and --standalone twice with the same bytes.
set -eu
assay=$1
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/../golden/run-small
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$assay" report "$golden" --format latex --standalone --out "$work/plain"
python3 "$here/layouts.py" "$work/plain/latex"
cp "$work/plain/latex/report.pdf" "$work/first.pdf"
"$assay" report "$golden" --format latex --standalone --out "$work/plain" >/dev/null
cmp "$work/first.pdf" "$work/plain/latex/report.pdf"
python3 "$here/../cli/hostile_run.py" "$golden" "$work/hostile"
"$assay" report "$work/hostile" --format latex --standalone
python3 "$here/layouts.py" "$work/hostile/report/latex" --errors-only
if [ -e pwned ] || [ -e "$work/hostile/report/latex/pwned" ]; then
    echo "a foreign text was executed"
    exit 1
fi
echo "LaTeX: everything compiled"
