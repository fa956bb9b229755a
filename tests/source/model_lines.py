#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A model is one C file of under 60 lines, blank lines not counted, that includes the SDK alone."""
import pathlib
import re
import sys

LIMIT = 60
GRAPH_MODELS = ["rnn", "lstm", "gru", "bilstm", "bilstm_attention", "transformer",
                "distilbert", "bert"]
STANDARD = {"math.h", "stdio.h", "stdlib.h", "string.h", "stddef.h", "stdint.h"}

root = pathlib.Path(sys.argv[1])
bad = []
for model in GRAPH_MODELS:
    path = root / "plugins" / "models" / f"{model}.c"
    text = path.read_text()
    lines = sum(1 for line in text.splitlines() if line.strip())
    print(f"{model}: {lines} lines")
    if lines >= LIMIT:
        bad.append(f"{path}: {lines} lines; a model has under {LIMIT}")
    for name in re.findall(r'#include [<"]([^>"]+)[>"]', text):
        if not name.startswith("assay/") and name not in STANDARD:
            bad.append(f"{path}: includes {name}; a model sees the SDK only")
print("\n".join(bad))
sys.exit(bool(bad))
