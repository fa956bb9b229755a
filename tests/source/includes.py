#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds every #include of the product against the list of who may include whom (docs/architecture.md)."""
import pathlib
import re
import sys

ALLOWED = {
    "base": {"base"},
    "plugin": {"base", "plugin"},
    "graph": {"base", "graph"},
    "stats": {"base", "stats"},
    "data": {"base", "data"},
    "train": {"base", "plugin", "graph", "data", "stats", "train"},
    "measure": {"base", "plugin", "graph", "data", "stats", "train", "measure"},
    "results": {"base", "stats", "results"},
    "report": {"base", "stats", "results", "report"},
    "cell": {"base", "plugin", "graph", "data", "stats", "train", "measure", "results", "cell"},
    "cli": {"base", "plugin", "graph", "data", "stats", "train", "measure", "results", "report",
            "cell", "cli"},
    "include": set(),
    "plugins": set(),
}
MODULES = set(ALLOWED) - {"include", "plugins"}

root = pathlib.Path(sys.argv[1])
bad = []
n_files = 0
for top in ("framework", "results", "report", "plugins"):
    for path in sorted((root / top).rglob("*.[ch]")):
        parts = path.relative_to(root).parts
        module = parts[1] if top == "framework" else top
        n_files += 1
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), re.M):
            first = name.split("/")[0]
            if "/" not in name or first == "assay":
                continue
            if first not in MODULES:
                bad.append(f"{path}: {name}: no such module")
            elif first not in ALLOWED.get(module, set()):
                bad.append(f"{path}: {module} may not include {name}")
print("\n".join(bad) if bad else f"{n_files} files keep to the list")
sys.exit(bool(bad) or n_files == 0)
