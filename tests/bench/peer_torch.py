# SPDX-License-Identifier: MIT
"""peer_torch.py: training speed of PyTorch (eager) on the rows, batches and recipe that bench_train
uses, so that the two can be compared in one run (train_vs_torch.sh alternates them).

    python3 tests/bench/peer_torch.py --rows rows.jsonl --model gru --steps 125 [--mode MODE]

A step is: gradients to zero, forward, loss, backward, clipping to norm 1, fused Adam; its tensors
are made before the clock starts. tokens_per_second counts real tokens in every mode. Modes (see
run_recurrent in tests/golden/torch_suite.py): `packed`, PyTorch's own way, sees no padding; `flipped`
gives the same results faster with a trick; `padded` computes on padding as if it were tokens, with
wrong results. The transformer has a key padding mask in the first two. Prints one JSON object."""

import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))

import torch  # noqa: E402
from torch import nn  # noqa: E402

import torch_suite  # noqa: E402

WARM_UP_STEPS = 10


def step(model, optimizer, batch, mode):
    ids, lengths, labels = batch
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(ids, lengths, mode), labels).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", required=True, help="JSON Lines of `assay data rows SUITE`")
    parser.add_argument("--model", required=True, choices=sorted(torch_suite.MODELS))
    parser.add_argument("--steps", type=int, default=0, help="timed steps; 0: one epoch")
    parser.add_argument("--batch", type=int, default=32, help="rows")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mode", choices=["packed", "flipped", "padded"], default="packed")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    splits, _ = torch_suite.read_rows(arguments.rows)
    everything = [row for rows in splits.values() for row in rows]
    vocab = 1 + max(max(row[0]) for row in everything)
    classes = 1 + max(row[1] for row in everything)
    batches = [torch_suite.to_batch(rows) for rows in torch_suite.training_batches(
        splits["train"], arguments.batch, random.Random(1))]
    model = torch_suite.MODELS[arguments.model](vocab, classes).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    for i in range(WARM_UP_STEPS):
        step(model, optimizer, batches[i % len(batches)], arguments.mode)
    steps = arguments.steps or len(batches)
    tokens, begin = 0, time.perf_counter()
    for i in range(steps):
        batch = batches[i % len(batches)]
        step(model, optimizer, batch, arguments.mode)
        tokens += int(batch[1].sum())
    seconds = time.perf_counter() - begin
    print(json.dumps({"peer": f"PyTorch {torch.__version__}", "model": arguments.model,
                      "mode": arguments.mode,
                      "threads": arguments.threads, "batch": arguments.batch, "steps": steps,
                      "tokens": tokens, "seconds": seconds,
                      "tokens_per_second": tokens / seconds}))


if __name__ == "__main__":
    main()
