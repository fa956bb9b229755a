#!/bin/sh
# SPDX-License-Identifier: MIT
# bench_report.sh ASSAY [ENTRIES SEEDS CLASSES TEXTS]: seconds and memory of a report of 200 cells with 7,500
# predictions each: all tables of all formats (wanted: under 3 s, 300 MB), then with all figures (30 s).
set -eu
assay=$1
shift
[ $# -eq 4 ] || set -- 67 3 20 7500
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$here/make_report_run.py" "$here/../golden/run-small/cells/gru__onednn__f32__s1/result.json" "$work/run" "$@"

# measured NAME COMMAND...: wall and processor seconds, largest resident set.
measured() {
    python3 - "$@" <<'PYTHON'
import resource, subprocess, sys, time
begin = time.monotonic()
subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
wall, used = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{sys.argv[1]}: {wall:.2f} s, {used.ru_utime + used.ru_stime:.2f} s of processor time, {used.ru_maxrss / 1000:.0f} MB")
PYTHON
}

measured 'tables of all formats' "$assay" report "$work/run" --no-figures --format markdown,html,latex,csv,json
measured 'HTML with figures' "$assay" report "$work/run" --format html
