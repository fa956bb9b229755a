#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""beside_torch.py: a run's test accuracies beside PyTorch's with the same rows, recipe and seeds.

    python3 results/examples/beside_torch.py RUN TORCH.json [--below POINTS]

RUN is a folder of `assay run`, TORCH.json comes from tests/golden/torch_suite.py or torch_studies.py
over the rows that `assay data rows` printed. One row of a Markdown table an entry: means and
standard deviations over the seeds (none with one seed); the lower end of the 95 % interval of
assay's mean (normal, its variance the sum of that over texts and that over seeds; with one seed that
over texts alone); the share of the predictions that the rarer class gets, least over
the seeds. Exit status 1 when an entry's mean is more than POINTS (1.5) below PyTorch's."""

import argparse
import json
import math
import pathlib
import statistics
import sys


def read_run(folder):
    """{entry: [result, ...]} in the order of the seeds."""
    entries = {}
    for path in pathlib.Path(folder).glob("cells/*/result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        entries.setdefault(result["entry"], []).append(result)
    return {name: sorted(results, key=lambda r: r["seed"]) for name, results in entries.items()}


def lower_bound(accuracies, n_texts):
    mean = statistics.mean(accuracies)
    variance = mean * (1 - mean) / n_texts
    if len(accuracies) > 1:
        variance += statistics.variance(accuracies) / len(accuracies)
    return mean - 1.959963984540054 * math.sqrt(variance)


def least_share(results):
    return min(c["predicted"] / r["test"]["n"] for r in results for c in r["test"]["per_class"])


def deviation(values):
    mean = f"{100 * statistics.mean(values):.2f}"
    return f"{mean} ({100 * statistics.stdev(values):.2f})" if len(values) > 1 else mean


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("run")
    parser.add_argument("torch")
    parser.add_argument("--below", type=float, default=1.5)
    arguments = parser.parse_args()
    entries = read_run(arguments.run)
    torch = json.loads(pathlib.Path(arguments.torch).read_text(encoding="utf-8"))["models"]
    worst = 0.0
    print("| entry | assay % | PyTorch % | difference | lower bound % | majority % | rarer class % |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name in torch:
        results = entries[name]
        ours = [r["test"]["accuracy"]["value"] for r in results]
        theirs = [run["test_accuracy"] for run in torch[name]["runs"]]
        if [r["seed"] for r in results] != [run["seed"] for run in torch[name]["runs"]]:
            sys.exit(f"{name}: the seeds differ")
        difference = 100 * (statistics.mean(ours) - statistics.mean(theirs))
        worst = min(worst, difference)
        support = [c["support"] for c in results[0]["test"]["per_class"]]
        print(f"| {name} | {deviation(ours)} | {deviation(theirs)} | {difference:+.2f} "
              f"| {100 * lower_bound(ours, results[0]['test']['n']):.2f} "
              f"| {100 * max(support) / sum(support):.2f} | {100 * least_share(results):.1f} |")
    return 1 if worst < -arguments.below else 0


if __name__ == "__main__":
    sys.exit(main())
