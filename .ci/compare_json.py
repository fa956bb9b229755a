# SPDX-License-Identifier: MIT
"""compare_json.py COMMITTED RECOMPUTED: same structure and texts, numbers equal within 1e-9 of their
size (another processor rounds the last digits differently). Exit status 1 names the first
differences."""

import json
import math
import sys


def differences(a, b, where):
    number = (int, float)
    if isinstance(a, number) and isinstance(b, number) and not isinstance(a, bool):
        if not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) and not (a != a and b != b):
            yield f"{where}: {a} and {b}"
    elif isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            yield from differences(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, f"{where}/{i}")
    elif a != b or type(a) is not type(b):
        yield f"{where}: {str(a)[:80]} and {str(b)[:80]}"


def main(committed, recomputed):
    with open(committed, encoding="utf-8") as a, open(recomputed, encoding="utf-8") as b:
        found = list(differences(json.load(a), json.load(b), "#"))
    for line in found[:10]:
        print(f"{committed}{line}")
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
