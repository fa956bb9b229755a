#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh ASSAY OUT: pictures of HTML reports for the eye: of 12 entries with 20 classes and of the small run of
# tests/golden, 1,400 and 390 pixels wide, light and dark, in headless Chromium, and as printed. Fails when the browser
# complains about the page (its policy, its script) or draws nothing, when sorting, hovering, keys or printing do not
# what they should (behave.js), when the page is wider than a window, or when tidy has something to say.
set -eu
assay=$(realpath "$1")
out=$2
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
out=$(realpath "$out")
python3 "$here/bench/make_report_run.py" "$here/golden/run-small/cells/gru__onednn__f32__s1/result.json" \
    "$out/many" 12 3 20 600
cp -r "$here/golden/run-small" "$out/few"
failed=0

# picture NAME WIDTH HEIGHT SCHEME PAGE: a phone's width needs a frame, since windows are wider.
picture() {
    printf '<body style="margin:0"><iframe src="%s" width="%s" height="%s" style="border:0"></iframe>' \
        "$5" "$2" "$3" >"$out/$1.html"
    timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
        --enable-logging=stderr --blink-settings=preferredColorScheme="$4" --window-size="$(($2 < 500 ? 500 : $2)),$3" \
        --screenshot="$out/$1.png" "file://$out/$1.html" >/dev/null 2>"$out/$1.log" || failed=1
    if grep 'CONSOLE' "$out/$1.log"; then
        failed=1
    fi
    [ "$(stat -c %s "$out/$1.png" 2>/dev/null || echo 0)" -gt 20000 ] || failed=1
    echo "$out/$1.png"
}

# The page's own script, used: in a copy without the policy, which lets no other script in. WIDTH: of the window.
behaves() {
    python3 - "$1" "$here/looks/behave.js" "$out/behave.html" <<'COPY'
import re, sys
page, script = (open(path, encoding="utf-8").read() for path in sys.argv[1:3])
page = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
open(sys.argv[3], "w", encoding="utf-8").write(page.replace("</body>", f"<script>{script}</script></body>"))
COPY
    title=$(timeout 120 chromium --headless --no-sandbox --disable-gpu --window-size="$2,1000" --dump-dom \
        "file://$out/behave.html" 2>/dev/null | sed -n 's/.*<title>\([^<]*\)<.*/\1/p' | head -1)
    if [ "$title" != behaves ]; then
        echo "$1 at $2 pixels: $title"
        failed=1
    fi
}

for run in many few; do
    "$assay" report "$out/$run" --format html >/dev/null
    page=$out/$run/report/report.html
    tidy -q -e "$page" || failed=1
    behaves "$page" 1400
    behaves "$page" 500 # the narrowest window; 390 is a frame's
    timeout 120 chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer \
        --print-to-pdf="$out/$run.pdf" "file://$page" >/dev/null 2>&1 || failed=1
    for width in 1400 390; do
        picture "$run-$width-light" "$width" 4000 1 "$page"
        picture "$run-$width-dark" "$width" 4000 0 "$page"
    done
done
exit "$failed"
