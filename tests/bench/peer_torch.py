# SPDX-License-Identifier: MIT
"""peer_torch.py: training speed of PyTorch (eager, or with --compile torch.compile's) on the rows, batches
and recipe that bench_train uses, so that the two can be compared in one run (train_vs_torch.sh
alternates them).

    python3 tests/bench/peer_torch.py --rows rows.jsonl --model gru --steps 125 [--mode MODE]

A step is: gradients to zero, forward, loss, backward, clipping to norm 1, fused Adam; its tensors
are made before the clock starts. tokens_per_second counts real tokens in every mode. Modes (see
run_recurrent in tests/golden/torch_suite.py): `packed`, PyTorch's own way, sees no padding; `flipped`
gives the same results faster with a trick; `padded` computes on padding as if it were tokens, with
wrong results. The transformer has a key padding mask in the first two, DistilBERT (transformers', with
random weights) always. --dtype bf16 is torch.autocast; --predict is the forward pass alone. Prints one
JSON object."""

import argparse
import json
import os
import random
import resource
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))

import torch  # noqa: E402
from torch import nn  # noqa: E402

import torch_suite  # noqa: E402

WARM_UP_STEPS = 10


class DistilBert(nn.Module):
    def __init__(self, vocab, classes, **_):
        super().__init__()
        from transformers import DistilBertConfig, DistilBertForSequenceClassification

        self.model = DistilBertForSequenceClassification(
            DistilBertConfig(vocab_size=vocab, num_labels=classes))

    def forward(self, ids, lengths, _mode):
        mask = torch.arange(ids.shape[1]).unsqueeze(0) < lengths.unsqueeze(1)
        return self.model(input_ids=ids, attention_mask=mask).logits


MODELS = torch_suite.MODELS | {"distilbert": DistilBert}


def step(model, optimizer, batch, mode, dtype, predict):
    ids, lengths, labels = batch
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"), \
            torch.inference_mode(predict):
        logits = model(ids, lengths, mode)
        loss = nn.functional.cross_entropy(logits.float(), labels)
    if predict:
        return
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", required=True, help="JSON Lines of `assay data rows SUITE`")
    parser.add_argument("--model", required=True, choices=sorted(MODELS))
    parser.add_argument("--steps", type=int, default=0, help="timed steps; 0: one epoch")
    parser.add_argument("--batch", type=int, default=32, help="rows")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--predict", action="store_true")
    parser.add_argument("--compile", action="store_true", help="torch.compile, of any length")
    parser.add_argument("--warm-up", type=int, default=WARM_UP_STEPS, help="steps")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER",
                        help="one of the model's options, as bench_train's")
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
    options = {name: int(value) for name, value in (o.split("=") for o in arguments.set)}
    model = MODELS[arguments.model](vocab, classes, **options).train(not arguments.predict)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    if arguments.compile:
        model = torch.compile(model, dynamic=True)
    how = (arguments.mode, arguments.dtype, arguments.predict)
    for i in range(arguments.warm_up):
        step(model, optimizer, batches[i % len(batches)], *how)
    steps = arguments.steps or len(batches)
    tokens, begin, begin_cpu = 0, time.perf_counter(), time.process_time()
    for i in range(steps):
        batch = batches[i % len(batches)]
        step(model, optimizer, batch, *how)
        tokens += int(batch[1].sum())
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
    print(json.dumps({"peer": f"PyTorch {torch.__version__}", "model": arguments.model,
                      "options": options, "mode": arguments.mode, "dtype": arguments.dtype,
                      "compiled": arguments.compile,
                      "predict": arguments.predict,
                      "threads": arguments.threads, "batch": arguments.batch, "steps": steps,
                      "tokens": tokens, "seconds": seconds, "cpu_seconds": cpu_seconds,
                      "tokens_per_second": tokens / seconds,
                      "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
