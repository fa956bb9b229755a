#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes one digit of a file at a time and asks `assay verify` about it.

    flip_digits.py ASSAY TARGET N FILE...

N digits drawn from all FILEs (0: every digit) are replaced, each by another digit, and put back;
verify TARGET must end with status 65 and name the file. With --reseal the run's SHA256SUMS is
written anew after each change, as a forger would; then only what can be derived is found: --field
REGEX says in which lines, --column N in which comma-separated field of them. A digit beyond a
number's precision changes nothing and is passed over then.
"""
import hashlib
import json
import os
import random
import re
import subprocess
import sys


def verify(assay, target):
    done = subprocess.run([assay, "verify", target, "--json"], capture_output=True, text=True)
    findings = []
    if done.returncode in (0, 65) and done.stdout:
        try:
            for one in json.loads(done.stdout)["verified"]:
                findings += one["findings"]
        except json.JSONDecodeError:
            pass
    return done.returncode, findings, done.stderr


def reseal(run):
    lines = []
    with open(f"{run}/SHA256SUMS", encoding="utf-8") as sums:
        for line in sums:
            name = line[66:].rstrip("\n")
            with open(f"{run}/{name}", "rb") as file:
                lines.append(f"{hashlib.sha256(file.read()).hexdigest()}  {name}\n")
    with open(f"{run}/SHA256SUMS", "w", encoding="utf-8") as sums:
        sums.writelines(lines)


def line_of(data, offset):
    start = data.rfind(b"\n", 0, offset) + 1
    end = data.find(b"\n", offset)
    return data[start:end if end >= 0 else len(data)].decode("utf-8", "replace")


def number_at(data, offset):
    """The number around a byte."""
    start, end = offset, offset
    while start > 0 and data[start - 1:start] in (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7",
                                                 b"8", b"9", b".", b"-", b"+", b"e"):
        start -= 1
    while end < len(data) and chr(data[end]) in "0123456789.-+e":
        end += 1
    try:
        return float(data[start:end])
    except ValueError:
        return None


def in_column(data, offset, column):
    start = data.rfind(b"\n", 0, offset) + 1
    return column is None or data.count(b",", start, offset) + 1 == column


def option(arguments, name):
    if name not in arguments:
        return None
    at = arguments.index(name)
    value = arguments[at + 1]
    del arguments[at:at + 2]
    return value


def is_found(code, findings, stderr, file, sealed):
    """Named by its path, or in what verify says where nothing can be read any more."""
    name = os.path.basename(file)
    if sealed or name == "SHA256SUMS":  # what was made of it, or the file named there, is another
        return code == 65 and bool(findings)
    told = any(name in f["file"] or name in f["field"] for f in findings)
    return (code == 65 and told) or (code != 0 and name in stderr)


def main():
    arguments = sys.argv[1:]
    sealed = option(arguments, "--reseal")
    field = option(arguments, "--field")
    column = option(arguments, "--column")
    must = re.compile(field) if field else None
    column = int(column) if column else None
    assay, target, n, files = arguments[0], arguments[1], int(arguments[2]), arguments[3:]
    digits = []
    for file in files:
        with open(file, "rb") as stream:
            data = stream.read()
        digits += [(file, i) for i, c in enumerate(data)
                   if 48 <= c <= 57 and (not must or must.search(line_of(data, i)))
                   and in_column(data, i, column)]
    draw = random.Random(7)
    chosen = digits if n == 0 or n >= len(digits) else draw.sample(digits, n)
    code, findings, _ = verify(assay, target)
    if code != 0:
        print(f"FAILED: before any change: status {code}, {findings[:3]}")
        return 1
    missed = 0
    for file, offset in chosen:
        with open(file, "rb") as stream:
            data = stream.read()
        changed = bytearray(data)
        changed[offset] = draw.choice([d for d in range(48, 58) if d != data[offset]])
        if sealed and number_at(bytes(changed), offset) == number_at(data, offset):
            continue
        with open(file, "wb") as stream:
            stream.write(changed)
        if sealed:
            reseal(sealed)
        code, findings, stderr = verify(assay, target)
        if not is_found(code, findings, stderr, file, sealed):
            missed += 1
            print(f"MISSED {file} byte {offset}: {line_of(data, offset)[:100]!r} -> "
                  f"{line_of(bytes(changed), offset)[:100]!r} (status {code})")
        with open(file, "wb") as stream:
            stream.write(data)
        if sealed:
            reseal(sealed)
    print(f"{len(chosen)} of {len(digits)} digits changed, {len(chosen) - missed} found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
