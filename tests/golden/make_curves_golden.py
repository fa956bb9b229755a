#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints curves.json: PyTorch's loss, in f64, at each of 50 steps of Adam (1e-3, gradients clipped at
norm 1) of every model that is trained from scratch, dropout off, which
tests/unit/train/test_curves.c must follow.

    python3 make_curves_golden.py > curves.json      needs PyTorch; models: make_models_golden.py

Nothing but the losses is stored, since weights and batches are functions of integers that both
sides compute. mix64 is the finaliser of SplitMix64, all arithmetic modulo 2^64:

    weights   element k of the parameter `name`: (mix64(fnv1a64(name) + k) >> 40) / 2^23 - 1, times
              1/4 but in the embedding, which is exact in f32; a norm's weight is 1
    batches   step s takes batch b = s mod 5 of 16 rows. Row r of class y = (r + b) mod 3 has
              5 + mix64(1000 b + r + 1) mod 56 tokens. With h = mix64(100000 (16 b + r + 1) + t),
              token t is 2 + 30 y + (h >> 8) mod 30 where it is the row's last or h is odd, else
              92 + (h >> 8) mod 108
"""
import json
import sys

import numpy
import torch
from torch.nn import functional as F

sys.dont_write_bytecode = True  # .ci/full compares every file that scripts leave behind
from make_models_golden import Transformer, Words, pad

torch.set_num_threads(1)
STEPS, BATCHES, ROWS, CLASSES, VOCAB = 50, 5, 16, 3, 200
WORDS = {"embedding": 32, "hidden": 32}
BI = {"bidirectional": True}
MODELS = [
    ("rnn", {**WORDS, "layers": 1, "pooling": "last"}, lambda o: Words("rnn", CLASSES, **o)),
    ("lstm", {**WORDS, "layers": 1, "pooling": "last"}, lambda o: Words("lstm", CLASSES, **o)),
    ("gru", {**WORDS, "layers": 2, "bidirectional": True, "pooling": "last"},
     lambda o: Words("gru", CLASSES, **o)),
    ("bilstm", {**WORDS, "layers": 2, "pooling": "max"},
     lambda o: Words("lstm", CLASSES, **BI, **o)),
    ("bilstm_attention", {**WORDS, "layers": 1, "attention": 32},
     lambda o: Words("lstm", CLASSES, **BI, pooling="attention", **o)),
    ("transformer", {"hidden": 32, "layers": 2, "heads": 4, "feed_forward": 64},
     lambda o: Transformer(CLASSES, **o)),
]


def mix64(x):
    x = numpy.atleast_1d(numpy.asarray(x, dtype=numpy.uint64))
    x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xbf58476d1ce4e5b9)
    x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94d049bb133111eb)
    return x ^ (x >> numpy.uint64(31))


def fnv1a64(text):
    x = 0xcbf29ce484222325
    for byte in text.encode():
        x = (x ^ byte) * 0x100000001b3 % 2**64
    return x


def draw(name, parameter):
    if "norm" in name and name.endswith("weight"):
        return torch.ones(parameter.shape, dtype=torch.float64)
    k = numpy.arange(parameter.numel(), dtype=numpy.uint64) + numpy.uint64(fnv1a64(name))
    values = (mix64(k) >> numpy.uint64(40)).astype(numpy.float64) / 2**23 - 1
    values *= 1.0 if name == "embedding.weight" else 0.25
    return torch.from_numpy(values).reshape(parameter.shape)


def row(b, r):
    y = (r + b) % CLASSES
    length = 5 + int(mix64(1000 * b + r + 1)[0]) % 56
    ids = []
    for t in range(length):
        h = int(mix64(100000 * (16 * b + r + 1) + t)[0])
        tells = t == length - 1 or h % 2 == 1
        ids.append(2 + 30 * y + (h >> 8) % 30 if tells else 92 + (h >> 8) % 108)
    return ids, y


def losses(make, options):
    model = make({**options, "vocab_size": VOCAB}).double().eval()
    for name, parameter in model.named_parameters():
        parameter.data = draw(name, parameter)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    found = []
    for step in range(STEPS):
        rows, labels = zip(*[row(step % BATCHES, r) for r in range(ROWS)])
        lengths = torch.tensor([len(ids) for ids in rows])
        optimizer.zero_grad()
        loss = F.cross_entropy(model(pad(rows), lengths, None), torch.tensor(labels))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        found.append(float(f"{loss.item():.13g}"))
    return found


with numpy.errstate(over="ignore"):
    curves = [{"model": name, "options": options, "losses": losses(make, options)}
              for name, options, make in MODELS]
json.dump({"torch": torch.__version__, "curves": curves}, sys.stdout, separators=(",", ":"))
print()
