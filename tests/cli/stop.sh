# SPDX-License-Identifier: MIT
# Ctrl-C: the cell is gone, the message says how to go on, the program dies of the signal. A folder that
# cannot be written any more: how to go on as well.
. "$HARNESS"
export ASSAY_PLUGIN_PATH="$MISBEHAVE:$ASSAY_PLUGIN_PATH"

suite hang.json hang "$gru, $(misbehave hang hang)"
# A shell's background job ignores SIGINT; python3 gives the default back, as a terminal has it.
python3 - "$ASSAY" <<'PY' >.out 2>.err || complain "stop.sh: not stopped as expected"
import os, signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "run", "./hang.json", "--out", "out"], stderr=subprocess.PIPE,
                     text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
deadline = time.monotonic() + 60
while not any("hang" in name for name in (os.listdir("out/cells") if os.path.isdir("out/cells") else [])):
    assert time.monotonic() < deadline
    time.sleep(0.05)
time.sleep(0.5)
second = subprocess.run([sys.argv[1], "run", "./hang.json", "--out", "out", "--resume"],
                        stderr=subprocess.PIPE, text=True)
assert second.returncode == 64 and "at work" in second.stderr, second
p.send_signal(signal.SIGINT)
text = p.communicate(timeout=20)[1]
sys.stderr.write(text)
assert p.returncode == -signal.SIGINT, p.returncode
PY
last='run ./hang.json'
says 'stopped after 1 of 2; go on: assay run ./hang.json --out out --resume'
[ -z "$(ls -A out/cells | grep '^\.')" ] || complain "the stopped cell's folder stays behind"
[ ! -e out/SHA256SUMS ] || complain "SHA256SUMS of an unfinished run"
! pgrep -f "cell out hang__own" >/dev/null || complain "the cell still runs"
must 3 "$ASSAY" run ./hang.json --out out --resume --timeout 2s
is "$(json out/run.json '[c["status"] for c in d["cells"]]')" "['ok', 'failed']"

# So does a run whose folder can no longer be written: here it has gone while a cell runs.
"$ASSAY" run ./hang.json --out gone --timeout 3s >.out 2>.err &
until ls -A gone/cells 2>/dev/null | grep -q hang; do sleep 0.1; done
rm -rf gone/cells
code=0
wait $! || code=$?
last='run ./hang.json --out gone'
is "$code" 3
says 'assay: gone/cells/'
says 'kept   what was done; when the cause is mended go on: assay run ./hang.json --out gone --timeout 3s --resume'

# So it is while a plugin is asked, before there is a cell: in a terminal all of the group get it.
python3 - "$ASSAY" "$ABI/bad_build_hang.so" <<'PY' >.out 2>.err || complain "stop.sh: went on after Ctrl-C"
import json, os, signal, subprocess, sys, time
suite = json.load(open("hang.json"))
suite["entries"] = [{"name": "bad", "model": sys.argv[2]}]
json.dump(suite, open("asked.json", "w"))
for words in (["show", sys.argv[2]], ["plugin", "check", sys.argv[2]], ["run", "./asked.json", "--out", "asked"]):
    for to_group in (True, False):
        p = subprocess.Popen([sys.argv[1]] + words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             start_new_session=True, text=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        time.sleep(1)
        (os.killpg if to_group else os.kill)(p.pid, signal.SIGINT)
        text = p.communicate(timeout=8)[1]
        assert p.returncode == -signal.SIGINT, (words, to_group, p.returncode, text)
assert not os.path.exists("asked")
PY

# A parent that is killed outright takes its cell with it; the next run clears what was left.
"$ASSAY" run ./hang.json --out killed >.out 2>.err &
parent=$!
i=0
while ! ls -A killed/cells 2>/dev/null | grep -q '^\.hang'; do
    i=$((i + 1))
    [ $i -lt 600 ] || complain "the hanging cell never started"
    sleep 0.1
done
sleep 0.5
kill -9 $parent
wait $parent || true
sleep 1
! pgrep -f "cell killed hang__own" >/dev/null || complain "the cell outlived its parent"
must 3 "$ASSAY" run ./hang.json --out killed --resume --timeout 2s
[ -z "$(ls -A killed/cells | grep '^\.')" ] || complain "a killed cell's folder stays behind"
