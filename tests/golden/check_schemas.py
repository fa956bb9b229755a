#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the committed schemas with jsonschema, and the committed example run against them. Needs
jsonschema; run anywhere: python3 tests/golden/check_schemas.py [RUN...] checks further runs too."""

import json
import pathlib
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def validator(path):
    schema = load(path)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(against, path):
    errors = [f"{path}: {error.json_path}: {error.message}"
              for error in against.iter_errors(load(path))]
    print(f"{'FAIL' if errors else 'ok  '} {path}")
    return errors


def broken_records_are_refused(result):
    """A schema that accepts everything would pass unseen."""
    good = load(next((ROOT / "tests/golden/run-small/cells").glob("*/result.json")))
    for change in ({"status": "fine"}, {"schema_version": 2}, {"seed": -1}, {"unknown": 1},
                   {"test": {"n": 0}}, {"memory": {}}):
        if result.is_valid({**good, **change}):
            return [f"result.schema.json accepts {change}"]
    return []


def main(runs):
    schemas = sorted(ROOT.glob("**/schema/*.schema.json"))
    made = {path.name: validator(path) for path in schemas}
    for path in schemas:
        print(f"ok   {path.relative_to(ROOT)}")
    errors = broken_records_are_refused(made["result.schema.json"])
    for run in [ROOT / "tests/golden/run-small", *map(pathlib.Path, runs)]:
        errors += check(made["run.schema.json"], run / "run.json")
        for path in sorted(run.glob("cells/*/result.json")):
            errors += check(made["result.schema.json"], path)
        for name in ("profile", "graph", "attention"):
            for path in sorted(run.glob(f"cells/*/{name}.json")):
                errors += check(made[f"{name}.schema.json"], path)
    for path in sorted((ROOT / "suites").glob("*.json")):
        errors += check(made["suite.schema.json"], path)
    for path in sorted((ROOT / "suites/resources").glob("*.json")):
        errors += check(made["resource.schema.json"], path)
    print("\n".join(errors))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
