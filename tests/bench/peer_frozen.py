# SPDX-License-Identifier: MIT
"""peer_frozen.py: a whole run of a frozen DistilBERT in PyTorch as bench_frozen_features has it: the
first texts of the train split, batches of 32 of similar length, random weights, the head trained for
some epochs (frozen_vs_torch.sh alternates the two).

    python3 tests/bench/peer_frozen.py --rows rows.jsonl --texts 96 --epochs 3 --threads 2

The backbone runs in each epoch, in evaluation mode and without gradients, as a training loop has it
whose author set requires_grad to False; with --cached its output is computed once, what assay does by
itself. Prints one JSON object."""
import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))

import torch  # noqa: E402
from transformers import DistilBertConfig, DistilBertForSequenceClassification  # noqa: E402

import torch_suite  # noqa: E402


def backbone(model, ids, lengths, dtype):
    mask = torch.arange(ids.shape[1]).unsqueeze(0) < lengths.unsqueeze(1)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
        return model.distilbert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0].float()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", required=True, help="JSON Lines of `assay data rows SUITE`")
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--cached", action="store_true", help="features are computed once")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    rows = torch_suite.read_rows(arguments.rows)[0]["train"][:arguments.texts]
    model = DistilBertForSequenceClassification(
        DistilBertConfig(n_layers=arguments.layers, num_labels=2))
    model.distilbert.requires_grad_(False)
    model.train()
    model.distilbert.eval()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3, fused=True)
    rng, kept = random.Random(1), {}
    backbone(model, *torch_suite.to_batch(rows[:2])[:2], arguments.dtype)  # library start-up
    begin, begin_cpu = time.perf_counter(), time.process_time()
    for _ in range(arguments.epochs):
        chosen = list(kept.values()) if kept else [
            torch_suite.to_batch(batch) for batch in torch_suite.training_batches(rows, 32, rng)]
        for i, (ids, lengths, labels) in enumerate(chosen):
            features = ids if kept.get(i) else backbone(model, ids, lengths, arguments.dtype)
            if arguments.cached:
                kept[i] = (features, lengths, labels)
            optimizer.zero_grad()
            x = model.dropout(torch.relu(model.pre_classifier(features)))
            torch.nn.functional.cross_entropy(model.classifier(x), labels).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
    print(json.dumps({"peer": f"PyTorch {torch.__version__}", "texts": len(rows),
                      "tokens": sum(len(row[0]) for row in rows), "epochs": arguments.epochs,
                      "dtype": arguments.dtype, "threads": arguments.threads,
                      "cached": arguments.cached, "run_s": seconds, "run_cpu_s": cpu_seconds}))


if __name__ == "__main__":
    main()
