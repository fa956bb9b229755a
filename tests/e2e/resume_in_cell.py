# SPDX-License-Identifier: MIT
"""One cell that trains for some seconds, killed at twenty seeded random moments and gone on from its
saved training each time: final figures, predictions and steps are those of the unbroken run, and
little is trained twice. Then what becomes of a saved training that is damaged, another run's, or
of another version, and of a cell that timed out.

    ASSAY=build/assay ASSAY_PLUGIN_PATH=build/plugins ASSAY_SUITE_PATH=suites \\
        python3 resume_in_cell.py BACKEND [DTYPE KILLS]

With DTYPE: only the kills, so many of them, in that precision, of a shorter training.
"""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from resume import running_cells

ASSAY = os.environ["ASSAY"]
WHOLE = len(sys.argv) < 3
DTYPE = "f32" if WHOLE else sys.argv[2]
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 20
SECONDS = 5  # of training in the unbroken run, about
BUFFERED = 14  # steps that a killed process has not written down yet, about
EXIT_BAD_DATA = 65


def settings(backend, epochs):
    """Everything that a state has a place for: dropout, moments, accumulation, a plateau schedule,
    the best epoch."""
    return [ASSAY, "run", "synthetic-tiny", "--threads", "1", "--quiet", "--seeds", "7",
            "--backends", backend, "--entries", "transformer", "--set", f'dtypes=["{DTYPE}"]',
            "--set", f"data.subset.train={1960 if WHOLE else 490}", "--set", "entries.transformer.options.dropout=0.2",
            "--set", "training.optimizer=adamw", "--set", "training.weight_decay=0.01",
            "--set", "training.lr=1e-3", "--set", "training.accumulate=2",
            "--set", 'training.schedule={"kind":"reduce_on_plateau","patience":1,"factor":0.9}',
            "--set", "training.early_stopping.patience=0", "--set", f"training.epochs={epochs}",
            "--set", "checkpoint.every=0.05", "--set", "checkpoint.keep=true"]


def lines_of(path):
    """JSON lines without what a clock tells."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.endswith("\n")]
    for row in rows:
        for key in [key for key in row if "seconds" in key]:
            del row[key]
    return rows


def cell_of(folder):
    names = [name for name in os.listdir(os.path.join(folder, "cells")) if name[0] != "."]
    assert len(names) == 1, names
    return os.path.join(folder, "cells", names[0])


def outcome(folder):
    """What must not depend on how a run came about, and how it came about."""
    cell = cell_of(folder)
    with open(os.path.join(cell, "result.json"), encoding="utf-8") as file:
        result = json.load(file)
    found = {key: result[key] for key in ("status", "test", "validation", "dataset", "warnings")}
    found["warnings"] = [text for text in found["warnings"]
                         if "steady" not in text and "percentiles are rough" not in text]
    training = {key: result["training"][key] for key in ("epochs", "best_epoch", "stopped",
                                                         "initial_loss", "padding_share")}
    training["loss_scale"] = result["training"].get("loss_scale")
    for name in ("predictions.csv", "checkpoint.safetensors"):
        if os.path.exists(os.path.join(cell, name)):
            with open(os.path.join(cell, name), "rb") as file:
                found[name] = file.read()
    return (found, training, lines_of(os.path.join(cell, "epochs.jsonl")),
            lines_of(os.path.join(cell, "steps.jsonl"))), result["training"]


def hidden(folder, ending):
    """Paths of what lies hidden among the cells."""
    cells = os.path.join(folder, "cells")
    names = os.listdir(cells) if os.path.isdir(cells) else []
    return [os.path.join(cells, name) for name in names if name[0] == "." and ending in name]


def begun_at(log):
    """The step that a log tells training went on after."""
    with open(log, encoding="utf-8") as file:
        for line in file:
            if "training goes on after step " in line:
                return int(line.split("after step ")[1].split(",")[0])
    return 0


def steps_done(work):
    """Steps that the process at work did, about."""
    files = [name for name in os.listdir(work) if name.startswith("steps.jsonl")]
    if not files:
        return 0
    with open(os.path.join(work, files[0]), "rb") as file:
        file.seek(-min(1000, os.fstat(file.fileno()).st_size), os.SEEK_END)
        rows = file.read().split(b"\n")[:-1]
    done = json.loads(rows[-1])["step"] if rows else 0
    return max(done - begun_at(os.path.join(work, "log.txt")), 0) + BUFFERED


def trains(folder, pid):
    """The cell of this process has begun to train."""
    return any(name.startswith("steps.jsonl") for work in hidden(folder, f".tmp-{pid}")
               for name in os.listdir(work))


def kill_once(command, folder, seconds, while_training, cell_alone):
    """Starts or resumes the run and kills it, or its cell alone, after a while; returns whether it
    was still at work, and the steps that it did."""
    process = subprocess.Popen(command + ["--out", folder, "--resume"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    while while_training and process.poll() is None and not trains(folder, process.pid):
        time.sleep(0.002)
    time.sleep(seconds)
    steps = sum(map(steps_done, hidden(folder, f".tmp-{process.pid}")))
    alive = process.poll() is None
    for pid in running_cells(folder):
        if cell_alone and pid != process.pid:
            os.kill(pid, signal.SIGKILL)
    if alive and not cell_alone:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 5
    while running_cells(folder):
        assert time.monotonic() < deadline, "a cell outlived its killed parent"
        time.sleep(0.01)
    return alive and (cell_alone or not os.path.exists(os.path.join(folder, "SHA256SUMS"))), steps


def resume(command, folder):
    """To the end."""
    done = subprocess.run(command + ["--out", folder, "--resume"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True)
    assert done.returncode == 0, done.stdout


def check_sums(folder):
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)
    left = hidden(folder, "")
    assert not left, f"left over: {left}"


def edit(path, change):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    size = struct.unpack("<Q", data[:8])[0]
    data = change(data, 8 + size)
    with open(path, "wb") as file:
        file.write(data)


def flip(data, place):
    data[place] ^= 0x10
    return data


def replace(data, old, new):
    assert data.count(old) == 1 and len(old) == len(new)
    return data.replace(old, new)


def check_damaged(command, work, broken, expected):
    """Damage costs the saved part of the training, and says so."""
    damages = {"cut short": lambda data, begin: data[:len(data) * 2 // 3],
               "no header": lambda data, begin: data[:5],
               "a flipped bit of a tensor": lambda data, begin: flip(data, (begin + len(data)) // 2),
               "a flipped bit of the checksum": lambda data, begin: flip(data, len(data) - 7),
               "a flipped bit of a name": lambda data, begin: flip(data, data.index(b"moment1") + 1),
               "another suite": lambda data, begin: flip_digit(data, b'"suite":"')}
    for name, damage in damages.items():
        folder = os.path.join(work, "damaged")
        shutil.copytree(broken, folder)
        edit(hidden(folder, ".state.safetensors")[0], damage)
        resume(command, folder)
        found, training = outcome(folder)
        with open(os.path.join(cell_of(folder), "log.txt"), encoding="utf-8") as file:
            log = file.read()
        assert "training starts anew" in log, f"{name}: {log}"
        assert found == expected, f"{name}: differs from the unbroken run"
        assert not training.get("resumed"), f"{name}: {training['resumed']}"
        check_sums(folder)
        shutil.rmtree(folder)


def flip_digit(data, before):
    place = data.index(before) + len(before)
    data[place] = ord("1") if data[place] != ord("1") else ord("2")
    return data


def check_version(command, work, broken):
    """A state of another version is refused, named, and left alone."""
    folder = os.path.join(work, "version")
    shutil.copytree(broken, folder)
    state = hidden(folder, ".state.safetensors")[0]
    edit(state, lambda data, begin: replace(data, b'"version":"1"', b'"version":"7"'))
    done = subprocess.run(command + ["--out", folder, "--resume"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False, text=True)
    assert done.returncode == EXIT_BAD_DATA, done
    assert "version" in done.stderr and '"7"' in done.stderr, done.stderr
    assert os.path.exists(state), "the state of a newer program was removed"
    assert not hidden(folder, ".tmp-"), "a cell was begun"


def check_timeout(command, work, expected):
    """A cell that times out is failed, and goes on when it gets more time."""
    folder, timeout = os.path.join(work, "timeout"), 0.2
    while subprocess.run(command + ["--out", folder, "--resume", "--timeout", f"{timeout:.3f}s"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         check=False).returncode:
        with open(os.path.join(cell_of(folder), "result.json"), encoding="utf-8") as file:
            assert "timed out" in json.load(file)["reason"]
        assert not [name for name in os.listdir(cell_of(folder)) if ".tmp." in name]
        timeout *= 1.25
    found, training = outcome(folder)
    assert training["resumed"]["times"] >= 1 and training["resumed"]["step"] > 0, training
    assert found == expected, "after a time-out: differs from the unbroken run"
    check_sums(folder)


def unbroken(backend, work, wanted):
    """A run of about so many seconds of training: its command, outcome, and the seconds in it and
    around it."""
    epochs = 4 if WHOLE else 1
    while True:
        folder = os.path.join(work, f"whole-{wanted}-{epochs}")
        command = settings(backend, epochs)
        begin = time.monotonic()
        subprocess.run(command + ["--out", folder], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begin
        found, training = outcome(folder)
        check_sums(folder)
        if training["seconds"] > 0.6 * wanted:
            return command, found, training["seconds"], seconds - training["seconds"]
        epochs = int(epochs * min(wanted / training["seconds"], 20)) + 1


def check_kills(backend, work):
    command, expected, in_training, around = unbroken(backend, work, SECONDS)
    folder, done, in_steps = os.path.join(work, "broken"), 0, 0
    rng = random.Random(20)
    for kill in range(KILLS):
        # Most kills fall into the training, so early that the last still meets an unfinished run;
        # some come before.
        while_training = kill % 5 != 3
        seconds = rng.uniform(0, in_training / KILLS if while_training else around / 5)
        killed, steps = kill_once(command, folder, seconds, while_training, kill % 3 == 2)
        assert killed, f"kill {kill} came too late"
        done += steps
        in_steps += steps > 0
    resume(command, folder)
    found, training = outcome(folder)
    total = len(expected[3])
    done += total - begun_at(os.path.join(cell_of(folder), "log.txt"))
    for part, one, other in zip(("scores", "training", "epochs", "steps"), expected, found):
        assert one == other, f"{part} differ from the unbroken run"
    check_sums(folder)
    assert training["resumed"]["times"] >= KILLS // 4, training["resumed"]
    assert done < 1.5 * total or not WHOLE, f"{done} steps were done for {total}"
    print(f"{backend}: {KILLS} kills, {in_steps} of them while training, gone on "
          f"{training['resumed']['times']} times; about {done} steps done for {total}; equal")


def check_states(backend, work):
    command, expected, in_training, _ = unbroken(backend, work, 1)
    broken = os.path.join(work, "short")
    while not hidden(broken, ".state.safetensors"):
        killed, _ = kill_once(command, broken, in_training / 2, True, False)
        assert killed, "nothing was saved"
    check_damaged(command, work, broken, expected)
    check_version(command, work, broken)
    check_timeout(command, work, expected)


def main():
    backend = sys.argv[1] if len(sys.argv) > 1 else "reference"
    work = tempfile.mkdtemp(prefix="assay-resume-")
    try:
        check_kills(backend, work)
        if WHOLE:
            check_states(backend, work)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
