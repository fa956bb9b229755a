#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""epoch_vs_torch.py: does an epoch of real data end where PyTorch's does? One epoch of assay's onednn
backend (bench_epoch) and of PyTorch in f32 over the same rows in the same order from the same weights,
dropout off, and the loss on the validation rows after it.

    assay data rows imdb-small --set data.path=PATH >rows.jsonl
    python3 tests/bench/epoch_vs_torch.py build/tests/bench/bench_epoch rows.jsonl [MODEL...]

Adam 1e-3, clipping at norm 1, batches of 32 rows of the train split, shuffled once here; one thread each.
PyTorch's models are those of tests/golden/make_models_golden.py. Prints one JSON object for each model
and dtype; exit status 1 where a validation loss is off by more than 1 % or training changed it by
less than twice that (then it would show nothing)."""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))

import numpy  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from make_models_golden import Transformer, Words, pad  # noqa: E402

BATCH = 32
BOUND = 0.01
BI = {"bidirectional": True}
# name: options of assay's model (numbers alone), PyTorch's twin of (classes, vocabulary)
MODELS = {
    "gru": ({"embedding": 100, "hidden": 64, "layers": 1, "dropout": 0},
            lambda c, v: Words("gru", c, 100, 64, pooling="last", vocab_size=v, **BI)),
    "bilstm_attention": (
        {"embedding": 100, "hidden": 64, "layers": 1, "attention": 64, "dropout": 0},
        lambda c, v: Words("lstm", c, 100, 64, pooling="attention", attention=64, vocab_size=v, **BI)),
    "transformer": (
        {"hidden": 64, "layers": 2, "heads": 4, "feed_forward": 128, "dropout": 0,
         "encoder_dropout": 0},
        lambda c, v: Transformer(c, 64, 2, 4, 128, vocab_size=v)),
}


def read_rows(path, seed):
    """{split: [(ids, label), ...]}; train shuffled."""
    splits = {"train": [], "validation": [], "test": []}
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            splits[row["split"]].append((row["ids"], row["label"]))
    random.Random(seed).shuffle(splits["train"])
    return splits


def write_rows(splits, path):
    with open(path, "w", encoding="utf-8") as file:
        for split in splits:
            for ids, label in splits[split]:
                file.write(json.dumps({"split": split, "label": label, "ids": ids}) + "\n")


def batches(rows):
    for begin in range(0, len(rows), BATCH):
        ids, labels = zip(*rows[begin:begin + BATCH])
        yield pad(ids), torch.tensor([len(row) for row in ids]), torch.tensor(labels)


@torch.no_grad()
def validation_loss(model, rows):
    return sum(F.cross_entropy(model(ids, lengths, None), labels, reduction="sum").item()
               for ids, lengths, labels in batches(rows)) / len(rows)


def load(model, parameters, path):
    values, begin = numpy.fromfile(path, dtype=numpy.float32), 0
    own = dict(model.named_parameters())
    for name, size in parameters:
        own.pop(name).data.view(-1).copy_(torch.from_numpy(values[begin:begin + size]))
        begin += size
    if own or begin != len(values):
        sys.exit(f"weights that only one side has: {list(own)}, {len(values) - begin} numbers")


def train_epoch(model, rows):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    total = 0.0
    for ids, lengths, labels in batches(rows):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(ids, lengths, None), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item() * len(labels)
    return total / len(rows)


def compare(bench, name, dtype, splits, rows_path, weights_path):
    options, make = MODELS[name]
    everything = [row for rows in splits.values() for row in rows]
    command = [bench, "--rows", rows_path, "--weights", weights_path, "--model", name, "--dtype", dtype]
    for option, value in options.items():
        command += ["--set", f"{option}={value}"]
    ours = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    model = make(1 + max(row[1] for row in everything), 1 + max(max(row[0]) for row in everything))
    load(model, ours["parameters"], weights_path)
    before = validation_loss(model, splits["validation"])
    train_loss = train_epoch(model, splits["train"])
    after = validation_loss(model, splits["validation"])
    off = ours["validation_loss"] / after - 1
    good = abs(off) <= BOUND and abs(after / before - 1) >= 2 * BOUND
    print(json.dumps({
        "model": name, "dtype": dtype, "rows": len(splits["train"]),
        "validation_rows": len(splits["validation"]), "peer": f"PyTorch {torch.__version__}, f32",
        "train_loss": [ours["train_loss"], train_loss],
        "validation_loss_before": [ours["validation_before"], before],
        "validation_loss": [ours["validation_loss"], after], "difference": off, "good": good}),
        flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bench", help="the program bench_epoch")
    parser.add_argument("rows", help="JSON Lines of `assay data rows SUITE`")
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--dtypes", default="f32", help="of assay, comma-separated (f32)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    splits = read_rows(arguments.rows, 1)
    good = True
    with tempfile.TemporaryDirectory() as folder:
        rows_path = os.path.join(folder, "rows.jsonl")
        write_rows(splits, rows_path)
        for name in arguments.models:
            for dtype in arguments.dtypes.split(","):
                good &= compare(arguments.bench, name, dtype, splits, rows_path,
                                os.path.join(folder, "weights"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
