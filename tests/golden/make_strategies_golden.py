#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes strategies.json: what PyTorch makes of a suite's "strategy" object, by requires_grad and
parameter groups, in f64, for tests/unit/train/test_strategy_golden.c.

    python3 make_strategies_golden.py > strategies.json

needs PyTorch (the version used stands in the file). Each case: the parameters of a tiny network
(embedding, two layers, pooler, classifier) after each of eight epochs of one step over the same four
texts. A parameter that is frozen has no gradient, so that the optimizer has no state for it until it is
trained; then its bias correction counts from its own first step.
"""
import json
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
ROWS = [[4, 1, 2], [3], [0, 2, 2, 1], [1, 4]]
LABELS = [1, 0, 1, 0]
VOCAB, CHANNELS, CLASSES, LAYERS, EPOCHS = 5, 4, 2, 2, 8
HEAD = LAYERS + 1


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(CHANNELS, CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS, eps=1e-5)

    def forward(self, x):
        return self.norm(x + torch.tanh(self.linear(x)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(VOCAB, CHANNELS)
        self.layer = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.pooler = nn.Linear(CHANNELS, CHANNELS)

    def forward(self, row):
        x = self.embeddings(row)
        for layer in self.layer:
            x = layer(x)
        return torch.tanh(self.pooler(x.mean(0)))


class Network(nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.encoder = Encoder()
        self.classifier = nn.Linear(CHANNELS, CLASSES)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.round(torch.rand(p.shape, generator=generator) * 2000 - 1000) / 1000)

    def forward(self):
        return self.classifier(torch.stack([self.encoder(torch.tensor(r)) for r in ROWS]))


def depth(network, name):
    if name.startswith("classifier"):
        return HEAD
    if name.startswith("encoder.embeddings"):
        return 0
    return int(name.split(".")[2]) + 1 if name.startswith("encoder.layer.") else LAYERS


def lowest(strategy, epoch):
    kind = strategy["kind"]
    if kind == "gradual":
        return max(HEAD - (epoch - 1) // strategy.get("every", 1), 0)
    return {"full": 0, "freeze": HEAD, "hybrid": HEAD - strategy.get("layers", 0)}[kind]


def share(strategy, d):
    below = HEAD - d
    factors = strategy.get("lr_factors")
    if factors:
        return factors[min(below, len(factors) - 1)]
    return strategy.get("lr_decay", 1) ** below


SGD, ADAM, ADAMW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
BIASES = {"bias"}
CASES = [
    ({"kind": "full", "lr_decay": 0.5}, {"optimizer": "adamw", "lr": 0.02, "weight_decay": 0.3},
     ADAMW, {"weight_decay": 0.3}),
    ({"kind": "full", "lr_factors": [1, 0.3, 0]}, {"optimizer": "sgd", "lr": 0.3, "momentum": 0.9},
     SGD, {"momentum": 0.9}),
    ({"kind": "freeze"}, {"optimizer": "adam", "lr": 0.02}, ADAM, {}),
    ({"kind": "hybrid", "layers": 1}, {"optimizer": "adamw", "lr": 0.02, "weight_decay": 0.5,
                                       "decay_exempt": ["bias"]}, ADAMW, {"weight_decay": 0.5}),
    ({"kind": "hybrid", "layers": 2, "lr_decay": 0.7}, {"optimizer": "adam", "lr": 0.02,
                                                        "clip_norm": 0.1}, ADAM, {}),
    ({"kind": "gradual"}, {"optimizer": "adam", "lr": 0.01}, ADAM, {}),
    ({"kind": "gradual", "every": 2, "lr_decay": 0.6},
     {"optimizer": "adamw", "lr": 0.02, "weight_decay": 0.2}, ADAMW, {"weight_decay": 0.2}),
    ({"kind": "gradual", "every": 2}, {"optimizer": "sgd", "lr": 0.2, "momentum": 0.8,
                                       "weight_decay": 0.01, "clip_norm": 0.3}, SGD,
     {"momentum": 0.8, "weight_decay": 0.01}),
    ({"kind": "gradual", "lr_factors": [1, 0.5, 0.25, 2]},
     {"optimizer": "adam", "lr": 0.02, "beta1": 0.7, "beta2": 0.9}, ADAM, {"betas": (0.7, 0.9)}),
]


def case(strategy, training, kind, settings, generator):
    network = Network(generator)
    named = dict(network.named_parameters())
    start = {n: p.detach().flatten().tolist() for n, p in named.items()}
    exempt = BIASES if "decay_exempt" in training else set()
    groups = []
    for name, p in named.items():
        group = {"params": [p], "lr": training["lr"] * share(strategy, depth(network, name))}
        if name.split(".")[-1] in exempt:
            group["weight_decay"] = 0.0
        groups.append(group)
    optimizer = kind(groups, **settings)
    steps = []
    for epoch in range(1, EPOCHS + 1):
        for name, p in named.items():
            p.requires_grad_(depth(network, name) >= lowest(strategy, epoch))
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(), torch.tensor(LABELS))
        loss.backward()
        trained = [p for p in named.values() if p.requires_grad]
        norm = nn.utils.clip_grad_norm_(trained, training.get("clip_norm", 1))
        optimizer.step()
        steps.append({"loss": loss.item(), "norm": norm.item(), "trained": len(trained),
                      "after": {n: p.detach().flatten().tolist() for n, p in named.items()}})
    return {"strategy": strategy, "training": {"batch": 4, "epochs": EPOCHS, **training},
            "start": start, "steps": steps}


generator = torch.Generator().manual_seed(17)
made_by = f"tests/golden/{os.path.basename(__file__)}, PyTorch {torch.__version__.split('+')[0]}"
json.dump({"made_by": made_by, "rows": ROWS, "labels": LABELS,
           "cases": [case(*c, generator) for c in CASES]}, sys.stdout, separators=(",", ":"))
print()
