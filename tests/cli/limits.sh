# SPDX-License-Identifier: MIT
# --timeout and --memory-limit cost the cell that passes them, and only that.
. "$HARNESS"
export ASSAY_PLUGIN_PATH="$MISBEHAVE:$ASSAY_PLUGIN_PATH"
reason() { json "$1/cells/$2__own__f32__s1/result.json" 'd["reason"]'; }

suite hang.json hang "$(misbehave hang hang), $gru"
must 3 "$ASSAY" run ./hang.json --out hang --timeout 3s
is "$(reason hang hang | cut -d';' -f1)" 'timed out after 3 s'
is "$(json hang/run.json '[c["status"] for c in d["cells"]]')" "['failed', 'ok']"

# A crash far from the limit may still be a library's way to say that memory was refused.
suite crash.json crash "$(misbehave crash crash)"
must 3 "$ASSAY" run ./crash.json --out crash --memory-limit 2G
case $(reason crash crash) in
*'(Segmentation fault), under a memory limit of 2 GiB; last in its log: '*) ;;
*) complain "reason of crash is \"$(reason crash crash)\"" ;;
esac

suite eat.json eat "$(misbehave eat eat), $(misbehave child eat_child), $gru"
must 3 "$ASSAY" run ./eat.json --out eat --memory-limit 200M --timeout 60s
is "$(json eat/run.json '[c["status"] for c in d["cells"]]')" "['failed', 'failed', 'ok']"
for cell in eat child; do
    case $(reason eat $cell) in
    'memory limit 200 MiB reached'*) ;;
    *) complain "reason of $cell is \"$(reason eat $cell)\"" ;;
    esac
done
! pgrep -f "cell eat child__own" >/dev/null || complain "the greedy child still runs"
