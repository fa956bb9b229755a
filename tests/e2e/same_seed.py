# SPDX-License-Identifier: MIT
"""The same seed gives the same predictions, bit for bit, on one thread; another seed does not."""
import os
import shutil
import subprocess
import sys
import tempfile

ASSAY = os.environ["ASSAY"]


def predictions(folder, backend, *arguments):
    subprocess.run([ASSAY, "run", "synthetic-tiny", "--threads", "1", "--quiet", "--backends", backend,
                    "--out", folder, *arguments], check=True, stdout=subprocess.DEVNULL)
    found = {}
    for name in sorted(os.listdir(os.path.join(folder, "cells"))):
        with open(os.path.join(folder, "cells", name, "predictions.csv"), "rb") as file:
            found[name] = file.read()
    return found


def main():
    work = tempfile.mkdtemp(prefix="assay-seed-")
    try:
        for backend in sys.argv[1:] or ["reference"]:
            first = predictions(os.path.join(work, backend + "1"), backend)
            second = predictions(os.path.join(work, backend + "2"), backend)
            assert first and first == second, f"{backend}: the same seeds gave other predictions"
            assert len(set(first.values())) == len(first), f"{backend}: seeds made no difference"
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
