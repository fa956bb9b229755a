#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_report_run.py RECORD OUT ENTRIES SEEDS CLASSES TEXTS: a run folder of made-up cells, for the speed and the looks
of reports. RECORD is a result.json whose other fields every cell copies. The last entry's second seed diverges."""
import copy
import json
import pathlib
import random
import sys

record, out = map(pathlib.Path, sys.argv[1:3])
n_entries, n_seeds, n_classes, n_texts = map(int, sys.argv[3:7])
base = json.loads(record.read_text())
kinds = ["distilbert-full", "distilbert-frozen", "distilbert-gradual", "distilbert-head", "bilstm-attention",
         "transformer", "lstm", "gru", "rnn", "naive-bayes", "minilm-frozen", "bilstm-max"]
groups = ["alt.atheism", "comp.graphics", "comp.os.ms-windows.misc", "comp.sys.ibm.pc.hardware",
          "comp.sys.mac.hardware", "comp.windows.x", "misc.forsale", "rec.autos", "rec.motorcycles",
          "rec.sport.baseball", "rec.sport.hockey", "sci.crypt", "sci.electronics", "sci.med", "sci.space",
          "soc.religion.christian", "talk.politics.guns", "talk.politics.mideast", "talk.politics.misc",
          "talk.religion.misc"]
labels = [groups[i % 20] + (f".{i // 20}" if i >= 20 else "") for i in range(n_classes)]
draw = random.Random(1)
truth = [draw.randrange(n_classes) for _ in range(n_texts)]


def scores(confusion):
    """The record's scores of a confusion matrix, with made-up intervals."""
    classes = []
    for i, label in enumerate(labels):
        support, predicted = sum(confusion[i]), sum(row[i] for row in confusion)
        precision = confusion[i][i] / predicted if predicted else 0.0
        recall = confusion[i][i] / support if support else 0.0
        both = precision + recall
        classes.append({"label": label, "support": support, "predicted": predicted, "precision": precision,
                        "recall": recall, "f1": 2 * precision * recall / both if both else 0.0})
    right = sum(confusion[i][i] for i in range(n_classes)) / n_texts
    macro = sum(c["f1"] for c in classes) / n_classes
    figure = {"value": macro, "low": macro - 0.02, "high": macro + 0.02}
    test = {name: figure for name in ("f1_macro", "f1_weighted", "precision_macro", "recall_macro",
                                      "precision_weighted", "recall_weighted")}
    return {**test, "n": n_texts, "loss": 1 - right, "per_class": classes, "confusion": confusion,
            "accuracy": {"value": right, "low": right - 0.02, "high": right + 0.02}}


def write_cell(folder, entry, name, seed):
    """One cell's folder."""
    draw = random.Random(100 * entry + seed)
    cell = copy.deepcopy(base)
    share = 0.55 + 0.035 * (entry * 7 % 11) + 0.01 * seed
    confusion = [[0] * n_classes for _ in range(n_classes)]
    lines = [",".join(["split", "index", "label", "predicted"] + labels)]
    for index, label in enumerate(truth):
        answer = label if draw.random() < share else (label + 1 + draw.randrange(2)) % n_classes
        confusion[label][answer] += 1
        sure = round(draw.uniform(0.3, 0.99), 8)
        shares = [repr(round((1 - sure) / max(1, n_classes - 1), 9))] * n_classes
        shares[answer] = repr(sure)
        lines.append(f"test,{index},{label},{answer}," + ",".join(shares))
    parameters = int(10 ** (4.5 + 3.4 * (entry * 5 % 12) / 11))
    median = 10 ** (-1.5 + 2.6 * (entry * 7 % 12) / 11)
    times = [median * draw.lognormvariate(0, 0.25) for _ in range(500)]
    cell.update(entry=name, cell=folder.name, seed=seed, status="ok", reason=None, test=scores(confusion),
                validation=None, warnings=["machine 4 % busy; times may be high"])
    cell["model"].update(id=name.split("-")[0], parameters={"total": parameters, "trainable": parameters // (1 + entry % 2)})
    cell["dataset"]["labels"] = labels
    cell["dataset"]["counts"]["test"] = n_texts
    cell["memory"]["peak_rss_bytes"] = int(9e7 * (1 + entry * entry / 3))
    cell["latency"]["single_stream"].update(count=500, p50_ms={"value": median, "low": None, "high": None})
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(cell))
    (folder / "predictions.csv").write_text("\n".join(lines) + "\n")
    (folder / "latency.csv").write_text("scenario,batch,tokens,nanoseconds\n" + "".join(
        f"single_stream,1,{max(1, int(draw.lognormvariate(3.6, 0.6)))},{int(1e6 * t)}\n" for t in times))
    (folder / "epochs.jsonl").write_text("".join(json.dumps({
        "epoch": e, "train_loss": 2.5 * 0.75 ** e + 0.01 * entry, "train_accuracy": min(0.99, share + 0.03 * e),
        "validation_loss": 2.5 * 0.8 ** e + 0.02 * e, "validation_accuracy": share - 0.2 * 0.6 ** e,
        "validation_f1_macro": 0.5, "learning_rate": 1e-3 * 0.9 ** e, "grad_norm": 1.0, "seconds": 2.0,
        "tokens": 1000, "samples": 2000, "steps": 125 * (1 + entry % 2)}) + "\n" for e in range(1, 9 + entry % 4)))


cells = []
for entry in range(n_entries):
    name = kinds[entry % 12] + (f"-{entry // 12}" if entry >= 12 else "")
    for seed in range(1, n_seeds + 1):
        folder = out / "cells" / f"cell{entry}__s{seed}"
        write_cell(folder, entry, name, seed)
        bad = entry == n_entries - 1 and seed == 2
        cells.append({"name": folder.name, "entry": name, "backend": "onednn", "dtype": "f32", "seed": seed,
                      "status": "diverged" if bad else "ok", "reason": "loss NaN at step 412" if bad else None})
(out / "run.json").write_text(json.dumps({
    "schema_version": 1, "suite": {"schema_version": 1, "name": "made-up", "title": "Made-up entries"},
    "suite_sha256": "0" * 64, "started": "2026-01-02T03:04:05Z", "finished": "2026-01-02T03:05:05Z",
    "environment": {"cpu_model": "none"}, "command": ["assay", "run", "made-up"], "cells": cells}))
