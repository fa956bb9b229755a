# SPDX-License-Identifier: MIT
# --profile: tables, profile.json and a trace that opens; the machine's limits in the record; the
# equivalence check once for the same program, plugin and cache.
. "$HARNESS"
export ASSAY_CACHE_DIR="$work/cache"
suite tiny.json tiny "$gru"
must 0 "$ASSAY" run ./tiny.json --out run --profile --set measure.seconds=0.05
prints 'Profile of gru__reference__f32__s1'
prints 'training: '
prints 'operations account for'
cell=run/cells/gru__reference__f32__s1
is "$(json $cell/profile.json '[p["name"] for p in d["parts"]]')" "['training', 'inference']"
is "$(json $cell/profile.json 'd["parts"][0]["lines"][-1]["operation"]')" 'between operations'
is "$(json $cell/profile.json \
    'all(abs(sum(l["seconds"] for l in p["lines"]) - p["seconds"]) < 1e-9 for p in d["parts"])')" True
is "$(json $cell/profile.json '{"gru", "gru_grad", "update"} <= {l["operation"] for l in d["parts"][0]["lines"]}')" True
is "$(json $cell/trace.json 'len({e["pid"] for e in d["traceEvents"]})')" 2
is "$(json $cell/trace.json \
    'all(e["ph"] in "MX" and e["name"] and (e["ph"] == "M" or (e["ts"] >= 0 and e["dur"] >= 0 and e["cat"])) for e in d["traceEvents"])')" True
for file in profile trace; do
    grep -qF "${cell#run/}/$file.json" run/SHA256SUMS || complain "SHA256SUMS lacks $file.json"
done

# a profile that was changed is no profile
cp -r run bad
python3 - bad/cells/gru__reference__f32__s1/profile.json <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
d["parts"][0]["lines"][0]["seconds"] = -1
json.dump(d, open(sys.argv[1], "w"))
PY
must 65 "$ASSAY" report bad
says profile.json
must 0 "$ASSAY" report run --format markdown --out out
grep -rqF 'Profile of' out || complain "the report lacks the profile"

# without it: no profile; short measurements have no limits unless asked for
must 0 "$ASSAY" run ./tiny.json --out plain
[ ! -e plain/cells/gru__reference__f32__s1/profile.json ] || complain "a profile nobody asked for"
is "$(json plain/cells/gru__reference__f32__s1/result.json '"peaks" in d')" False
must 0 "$ASSAY" run ./tiny.json --out limits --set measure.peaks=true
limits=limits/cells/gru__reference__f32__s1/result.json
is "$(json $limits 'd["peaks"]["compute_flops_per_second"]["value"] > 1e8')" True
is "$(json $limits 'd["peaks"]["gemm_flops_per_second"]["value"]')" None
is "$(json $limits 'd["flops"]["scenarios"]["offline"]["achieved_per_second"] > 0')" True
must 64 "$ASSAY" run ./tiny.json --set measure.peaks=7

# the equivalence check: made once, then known; again for another build, or a damaged file
known() { json "$1/cells/gru__reference__f32__s1/result.json" 'd["backend"]["equivalence"]["cached"]'; }
passed() { json "$1/cells/gru__reference__f32__s1/result.json" 'd["backend"]["equivalence"]["passed"]'; }
is "$(known run)" False
is "$(known plain)" True
is "$(passed plain)" True
is "$(json plain/cells/gru__reference__f32__s1/result.json 'd["backend"]["equivalence"]["checked_at"]')" \
    "$(json $cell/result.json 'd["backend"]["equivalence"]["checked_at"]')"
mkdir -p other/backends
cp "${ASSAY_PLUGIN_PATH%%:*}/backends/reference.so" other/backends/
printf x >>other/backends/reference.so
ASSAY_PLUGIN_PATH="$work/other:$ASSAY_PLUGIN_PATH" must 0 "$ASSAY" run ./tiny.json --out rebuilt
is "$(known rebuilt)" False
kept=$(grep -lF '"logits_error"' cache/prepared/* | head -n 1)
python3 - "$kept" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[20] ^= 4
open(sys.argv[1], "wb").write(data)
PY
for file in cache/prepared/*; do
    if grep -qF '"logits_error"' "$file" && [ "$file" != "$kept" ]; then rm "$file"; fi
done
must 0 "$ASSAY" run ./tiny.json --out damaged
is "$(known damaged)" False
must 0 "$ASSAY" run ./tiny.json --out again
is "$(known again)" True
