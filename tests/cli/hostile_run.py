#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hostile_run.py GOLDEN OUT: a copy of the run GOLDEN in which every text that a run can bring (title, suite,
notes, entries, labels, reasons, warnings, options, environment, command) tries to be more than a text."""
import json
import pathlib
import shutil
import sys

from hostile_texts import HOSTILE


def hostile(i):
    return HOSTILE[i % len(HOSTILE)]


source, out = map(pathlib.Path, sys.argv[1:])
shutil.copytree(source, out)
run = json.loads((out / "run.json").read_text())
run["suite"].update(title=hostile(0), name=hostile(1), notes=HOSTILE,
                    entries=[{"name": hostile(i), "notes": [hostile(i + 1)]} for i in range(3)])
run["command"] = HOSTILE
run["environment"] = {text: text for text in HOSTILE}
entries = {}
for cell in run["cells"]:
    entries.setdefault(cell["entry"], hostile(2 + 2 * len(entries)))
    cell["entry"] = entries[cell["entry"]]
    if cell.get("reason"):
        cell["reason"] = " ".join(HOSTILE)
    path = out / "cells" / cell["name"] / "result.json"
    if not path.exists():
        continue
    record = json.loads(path.read_text())
    labels = [hostile(5 + i) for i in range(len(record["dataset"]["labels"]))]
    record["entry"] = cell["entry"]
    record["warnings"] = HOSTILE
    record["dataset"].update(name=hostile(4), labels=labels, sha256=hostile(3))
    record["model"].update(id=hostile(2), version=hostile(3), options={text: text for text in HOSTILE})
    record["backend"].update(libraries=hostile(8))
    record["backend"]["equivalence"]["reason"] = hostile(9)
    record["training"]["settings"] = {hostile(0): hostile(1)}
    for step in (record["dataset"]["preparation"] or {}).get("cleaning", []):
        step["step"] = hostile(6)
    for split in ("test", "validation"):
        for i, figures in enumerate((record[split] or {}).get("per_class", [])):
            figures["label"] = labels[i]
    path.write_text(json.dumps(record))
    predictions = path.with_name("predictions.csv")
    lines = predictions.read_text().splitlines()
    quoted = ['"' + label.replace('"', '""') + '"' for label in labels]
    lines[0:1] = [",".join(["split", "index", "label", "predicted"] + quoted)]
    predictions.write_text("\n".join(lines[: 1] + [l for l in lines[1:] if l[:5] in ("test,", "valid", "train")]) + "\n")
(out / "run.json").write_text(json.dumps(run))
