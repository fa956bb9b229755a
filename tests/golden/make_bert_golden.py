#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes bert/distilbert/ and bert/bert/ (Hugging Face folders of tiny random models, the second in
shards) and prints bert.json: transformers' logits, loss, gradients and the last layer's attention
(from the first token, mean over heads) in f64 for them, with dropout off, which tests/unit/train/test_bert.c must meet after
loading the folders.

    python3 make_bert_golden.py > bert.json      needs PyTorch and transformers (bert.json names them)

The loss is the sum over the rows; weights are exact in f32. Rows are padded and masked here, as
transformers wants them; assay has no padding at all.
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers
from torch.nn import functional as F

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
IDS = [[2, 7, 19, 33, 3], [2, 48, 3], [2, 5, 5, 5, 11, 49, 1, 3], [2]]
LABELS = [1, 0, 2, 1]
CLASSES, VOCAB, POSITIONS, CHANNELS, INNER = 3, 50, 12, 16, 20
CONFIGS = {
    "distilbert": transformers.DistilBertConfig(
        vocab_size=VOCAB, max_position_embeddings=POSITIONS, dim=CHANNELS, n_layers=2, n_heads=2,
        hidden_dim=INNER, num_labels=CLASSES),
    "bert": transformers.BertConfig(
        vocab_size=VOCAB, max_position_embeddings=POSITIONS, hidden_size=CHANNELS,
        num_hidden_layers=2, num_attention_heads=2, intermediate_size=INNER, num_labels=CLASSES),
}


def build(config, seed):
    """A model whose every parameter is random, also biases and norms, so that a mix-up shows."""
    config._attn_implementation = "eager"
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        values = torch.randn(parameter.shape, generator=generator) * 0.3
        is_norm = "layernorm" in name.lower() or "layer_norm" in name
        parameter.data = values + 1 if is_norm and name.endswith("weight") else values
    return model.eval()


def results(model):
    longest = max(map(len, IDS))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in IDS])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in IDS])
    model = model.double()
    output = model(input_ids=ids, attention_mask=mask, output_attentions=True)
    logits = output.logits
    loss = F.cross_entropy(logits, torch.tensor(LABELS), reduction="sum")
    loss.backward()
    return {
        "logits": logits.tolist(),
        "loss": loss.item(),
        "attention": [output.attentions[-1][i].mean(0)[0, :len(row)].tolist() for i, row in enumerate(IDS)],
        "gradients": {name: [float(f"{x:.13g}") for x in parameter.grad.flatten().tolist()]
                      for name, parameter in sorted(model.named_parameters())},
    }


golden = {"torch": torch.__version__, "transformers": transformers.__version__, "ids": IDS,
          "labels": LABELS, "models": {}}
for number, (name, config) in enumerate(CONFIGS.items()):
    folder = pathlib.Path("bert") / name
    shutil.rmtree(folder, ignore_errors=True)
    model = build(config, number)
    model.save_pretrained(folder, max_shard_size="12KB" if name == "bert" else "1MB")
    for file in folder.iterdir():
        file.chmod(0o644)
    golden["models"][name] = results(model)
json.dump(golden, sys.stdout, separators=(",", ":"))
print()
