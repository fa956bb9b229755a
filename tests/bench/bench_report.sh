#!/bin/sh
# SPDX-License-Identifier: MIT
# bench_report.sh ASSAY [ENTRIES SEEDS CLASSES TEXTS]: seconds and memory of a report of 200 cells with 7,500
# predictions each: all tables of all formats (wanted: under 3 s, 300 MB), then with all figures (30 s). Fails where two
# reports of the same run differ, or one takes more memory or processor time than wanted.
set -eu
assay=$1
shift
[ $# -eq 4 ] || set -- 67 3 20 7500
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$here/make_report_run.py" "$here/../golden/run-small/cells/gru__onednn__f32__s1/result.json" "$work/run" "$@"

# measured NAME SECONDS COMMAND...: wall and processor seconds, largest resident set.
measured() {
    python3 - "$@" <<'PYTHON'
import resource, subprocess, sys, time
begin = time.monotonic()
subprocess.run(sys.argv[3:], check=True, stdout=subprocess.DEVNULL)
wall, used = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
seconds, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1000
print(f"{sys.argv[1]}: {wall:.2f} s, {seconds:.2f} s of processor time, {megabytes:.0f} MB")
sys.exit(seconds > float(sys.argv[2]) or megabytes > 300)
PYTHON
}

formats=markdown,html,latex,csv,json
measured 'tables of all formats' 3 "$assay" report "$work/run" --no-figures --format $formats --out "$work/tables"
measured 'all formats with figures' 30 "$assay" report "$work/run" --figures svg,pdf,png --format $formats --out "$work/all"
"$assay" report "$work/run" --figures svg,pdf,png --format $formats --out "$work/again" >"$work/log"
diff -r "$work/all" "$work/again"
wc -c "$work/tables/report.html" "$work/all/report.html"
