# SPDX-License-Identifier: MIT
# On a terminal a live line is redrawn, and the terminal's progress mark is cleared at the end.
. "$HARNESS"

suite one.json one "$gru"
python3 - "$ASSAY" <<'PY' >.out 2>.err || complain "terminal.sh"
import os, pty, sys
def read(fd):
    data = os.read(fd, 65536)
    seen.append(data)
    return data
seen = []
os.environ["TERM"] = "xterm"
code = pty.spawn([sys.argv[1], "run", "./one.json", "--out", "out",
                  "--set", "training.epochs=1500", "--set", "training.early_stopping.patience=0"], read)
text = b"".join(seen)
assert os.waitstatus_to_exitcode(code) == 0, code
assert b"\033]9;4;1;" in text and text.rindex(b"\033]9;4;0;") > text.rindex(b"\033]9;4;1;")
assert b"epoch " in text and b"/1500 [" in text
assert b"1/1 ok" in text.replace(b"\033[0m", b"")
PY
