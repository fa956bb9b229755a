# SPDX-License-Identifier: MIT
"""count_tests.py TESTLOG STATUS: prints "N passed, N failed, N skipped" from Meson's testlog.json
(one JSON object per line and test). STATUS is the exit status of `meson test`: it must agree with
the log, or the log is not trusted. Exit status 0: all is well; 1: failures; 3: no tests counted."""

import json
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP"}


def main(path, status):
    passed, failed, skipped = 0, [], []
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            tests = [json.loads(line) for line in log if line.strip()]
    except (OSError, ValueError) as error:
        print(f"no usable test log: {error}")
        tests = []
    for test in tests:
        if test["result"] in PASSED:
            passed += 1
        elif test["result"] in SKIPPED:
            skipped.append(test["name"])
        else:  # FAIL, TIMEOUT, ERROR, INTERRUPT, UNEXPECTEDPASS and whatever a newer Meson adds
            failed.append(f"{test['name']} ({test['result']})")
    for name in skipped:
        print(f"skipped: {name}")
    for name in failed:
        print(f"failed: {name}")
    if status != 0 and not failed:
        print(f"failed: meson test itself, with status {status}")
        failed.append("meson test")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed else 0 if passed else 3


sys.exit(main(sys.argv[1], int(sys.argv[2])))
