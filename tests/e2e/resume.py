# SPDX-License-Identifier: MIT
"""Twenty kills at seeded random moments, each followed by --resume: the finished run has the same
predictions and scores as one that was never broken off.

    ASSAY=build/assay ASSAY_PLUGIN_PATH=build/plugins ASSAY_SUITE_PATH=suites python3 resume.py
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ASSAY = os.environ["ASSAY"]
KILLS = 20
CELLS = 24
SEEDS = ",".join(str(seed) for seed in range(1, CELLS // 2 + 1))
RUN = [ASSAY, "run", "synthetic-tiny", "--threads", "1", "--seeds", SEEDS, "--quiet"]


def records(folder):
    """Scores and predictions of every cell: what must not depend on how a run came about."""
    found = {}
    for name in sorted(os.listdir(os.path.join(folder, "cells"))):
        cell = os.path.join(folder, "cells", name)
        with open(os.path.join(cell, "result.json"), encoding="utf-8") as file:
            result = json.load(file)
        with open(os.path.join(cell, "predictions.csv"), "rb") as file:
            predictions = file.read()
        keep = ("status", "entry", "seed", "test", "validation", "dataset", "model")
        epochs = result["training"]["epochs"], result["training"]["best_epoch"]
        found[name] = ({key: result[key] for key in keep}, epochs, predictions)
    return found


def running_cells(folder):
    """Processes still at work in the folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if folder.encode() in words:
            found.append(int(pid))
    return found


def kill_once(folder, seconds):
    """Starts or resumes the run and kills it and its group after a while; True when that left it
    unfinished."""
    process = subprocess.Popen(RUN + ["--out", folder, "--resume"], stdout=subprocess.DEVNULL,
                               start_new_session=True)
    time.sleep(seconds)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 5
    while running_cells(folder):
        assert time.monotonic() < deadline, "a cell outlived its killed parent"
        time.sleep(0.01)
    return alive and not os.path.exists(os.path.join(folder, "SHA256SUMS"))


def main():
    work = tempfile.mkdtemp(prefix="assay-resume-")
    try:
        whole, broken = os.path.join(work, "whole"), os.path.join(work, "broken")
        begin = time.monotonic()
        subprocess.run(RUN + ["--out", whole], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begin
        # A kill comes after half a cell's time on average, so that the last still meets an
        # unfinished run.
        rng = random.Random(20)
        killed = sum(kill_once(broken, rng.uniform(0, 1.1 * seconds / CELLS)) for _ in range(KILLS))
        done = sum(not name.startswith(".") for name in os.listdir(os.path.join(broken, "cells")))
        assert killed == KILLS, f"only {killed} of {KILLS} kills met an unfinished run"
        code = subprocess.run(RUN + ["--out", broken, "--resume"], stdout=subprocess.DEVNULL,
                              check=False).returncode
        assert code == 0, f"the last --resume ended with {code}"
        expected, found = records(whole), records(broken)
        assert expected.keys() == found.keys(), set(expected) ^ set(found)
        for name, record in expected.items():
            assert record == found[name], f"{name} differs from the unbroken run"
        for folder in (whole, broken):
            subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)
        left = [name for name in os.listdir(os.path.join(broken, "cells")) if name.startswith(".")]
        assert not left, f"left over: {left}"
        print(f"{killed} kills, {done} of {len(found)} cells done before the last one; equal")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
