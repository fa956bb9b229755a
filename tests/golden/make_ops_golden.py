#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes ops.json: PyTorch's logits, loss, gradients and optimizer steps in f64 for the graphs of
tests/ops/golden.c, which builds the same graphs and must agree.

    python3 make_ops_golden.py > ops.json        needs PyTorch (ops.json was made with the version it names)

Parameters are drawn with three decimals, so that the file stays small and its inputs exact. Rows are
padded and masked or packed here, the way PyTorch users do it; assay has no padding at all.
"""
import json
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import rnn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
LENGTHS = [3, 1, 5, 2]
IDS = [4, 1, 4, 0, 2, 3, 1, 2, 6, 5, 5]
LABELS = [1, 0, 2, 1]
TOKEN_WEIGHTS = [0.5, 1.25, 2, 0.75, 0, 3, 0.125, 1, -1.5, 0.25, 1.75]
CLASS_WEIGHTS = [0.5, 2, 1.25]
VOCAB, CHANNELS, CLASSES, HIDDEN = 7, 6, 3, 4


def draw(shape, generator, scale=1.0):
    return torch.round((torch.rand(shape, generator=generator) * 2 - 1) * scale * 1000) / 1000


def rows_of(x):
    return torch.split(x, LENGTHS)


def padded(x):
    return rnn.pad_sequence(rows_of(x), batch_first=True)


def unpadded(x):
    return torch.cat([x[b, :n] for b, n in enumerate(LENGTHS)])


def mean_pool(x):
    return torch.stack([r.mean(0) for r in rows_of(x)])


def max_pool(x):
    return torch.stack([r.max(0).values for r in rows_of(x)])


def last(x):
    return torch.stack([r[-1] for r in rows_of(x)])


def first(x):
    return torch.stack([r[0] for r in rows_of(x)])


def attention_pool(x, score):
    pooled = [torch.softmax(s, 0).T @ r for r, s in zip(rows_of(x), rows_of(score))]
    return torch.cat(pooled)


def recurrent(module, x):
    packed = rnn.pack_padded_sequence(padded(x), LENGTHS, batch_first=True, enforce_sorted=False)
    output, state = module(packed)
    return unpadded(rnn.pad_packed_sequence(output, batch_first=True)[0]), state


class Graph(nn.Module):
    """x [N, CHANNELS] -> logits; `body` has the layers of one case."""

    def __init__(self, width, **layers):
        super().__init__()
        self.x = nn.Embedding(VOCAB, CHANNELS)
        self.classifier = nn.Linear(width, CLASSES)
        for name, layer in layers.items():
            setattr(self, name, layer)


def positions():
    return torch.cat([torch.arange(n) for n in LENGTHS])


def activations(g, x):
    x = F.gelu(g.first(x))
    x = F.relu(g.second(x))
    return mean_pool(torch.tanh(g.third(x)))


def layer_norm(g, x):
    return attention_pool(g.norm(x), g.score(x))


def attention(g, x):
    p = padded(x)
    mask = torch.arange(p.shape[1])[None] >= torch.tensor(LENGTHS)[:, None]
    y, _ = g.attention(p, p, p, key_padding_mask=mask, need_weights=False)
    return mean_pool(unpadded(y) + x)


def gru(g, x):
    _, state = recurrent(g.gru, x)
    return torch.cat([state[-2], state[-1]], 1)


def gru_forward_only(g, x):
    y, _ = recurrent(g.gru, x)
    return torch.cat([mean_pool(y), max_pool(y)], 1)


def rnn_stacked(g, x):
    _, state = recurrent(g.rnn, x)
    return torch.cat([state[-2], state[-1]], 1)


def rnn_forward_only(g, x):
    return mean_pool(recurrent(g.rnn, x)[0])


def lstm(g, x):
    y, _ = recurrent(g.lstm, x)
    return attention_pool(y, g.score(torch.tanh(g.hidden(y))))


def lstm_forward_only(g, x):
    _, (state, _) = recurrent(g.lstm, x)
    return state[-1]


def embedding(g, x):
    return max_pool(torch.tanh(x + g.position(positions())))


def sinusoid(g, x):
    p = positions()[:, None].double()
    frequency = 10000.0 ** (-(torch.arange(CHANNELS) // 2 * 2) / CHANNELS)
    code = torch.where(torch.arange(CHANNELS) % 2 == 0, torch.sin(p * frequency),
                       torch.cos(p * frequency))
    return mean_pool(torch.tanh(x * -1.5 + code))


def select(g, x):
    x = torch.cat([x[:, 2:5], torch.tanh(x)], 1)
    return torch.cat([first(x), last(x)], 1)


def large_logits(g, x):
    return mean_pool(x) * 4000


def token_weights(g, x):
    x = torch.tanh(x * torch.tensor(TOKEN_WEIGHTS)[:, None])
    return mean_pool(x * g.own(x))


def add_row(g, x):
    x = torch.tanh(x + g.kind(torch.zeros(len(IDS), dtype=torch.long)))
    return torch.tanh(mean_pool(x) + g.kind(torch.ones(len(LENGTHS), dtype=torch.long)))


def frozen(g, x):
    g.fixed.weight.requires_grad_(False)
    return mean_pool(torch.tanh(g.hidden(x + g.fixed(torch.tensor(IDS)))))


CASES = [
    ("activations", 5, 0.0, activations, lambda: dict(
        first=nn.Linear(CHANNELS, 7), second=nn.Linear(7, 6), third=nn.Linear(6, 5))),
    ("layer_norm", CHANNELS, 0.0, layer_norm, lambda: dict(
        norm=nn.LayerNorm(CHANNELS, eps=1e-5), score=nn.Linear(CHANNELS, 1))),
    ("attention", CHANNELS, 0.0, attention, lambda: dict(
        attention=nn.MultiheadAttention(CHANNELS, 3, batch_first=True))),
    ("gru", 2 * HIDDEN, 0.0, gru, lambda: dict(
        gru=nn.GRU(CHANNELS, HIDDEN, 2, bidirectional=True, batch_first=True))),
    ("gru_forward_only", 2 * HIDDEN, 0.0, gru_forward_only, lambda: dict(
        gru=nn.GRU(CHANNELS, HIDDEN, batch_first=True))),
    ("lstm", 2 * HIDDEN, 0.0, lstm, lambda: dict(
        lstm=nn.LSTM(CHANNELS, HIDDEN, 2, bidirectional=True, batch_first=True),
        hidden=nn.Linear(2 * HIDDEN, 3), score=nn.Linear(3, 1))),
    ("lstm_forward_only", HIDDEN, 0.0, lstm_forward_only, lambda: dict(
        lstm=nn.LSTM(CHANNELS, HIDDEN, batch_first=True))),
    ("embedding", CHANNELS, 0.1, embedding, lambda: dict(position=nn.Embedding(8, CHANNELS))),
    ("sinusoid", CHANNELS, 0.3, sinusoid, dict),
    ("select", 18, 0.0, select, dict),
    ("large_logits", CHANNELS, 0.2, large_logits, dict),
    ("rnn", 2 * HIDDEN, 0.0, rnn_stacked, lambda: dict(
        rnn=nn.RNN(CHANNELS, HIDDEN, 2, bidirectional=True, batch_first=True))),
    ("rnn_forward_only", HIDDEN, 0.0, rnn_forward_only, lambda: dict(
        rnn=nn.RNN(CHANNELS, HIDDEN, batch_first=True))),
    ("token_weights", CHANNELS, 0.0, token_weights, lambda: dict(own=nn.Linear(CHANNELS, 1))),
    ("add_row", CHANNELS, 0.0, add_row, lambda: dict(kind=nn.Embedding(3, CHANNELS))),
    ("frozen", HIDDEN, 0.0, frozen, lambda: dict(
        fixed=nn.Embedding(VOCAB, CHANNELS), hidden=nn.Linear(CHANNELS, HIDDEN))),
    ("class_weights", CHANNELS, 0.0, lambda g, x: mean_pool(x), dict),
    ("class_weights_smoothing", CHANNELS, 0.3, lambda g, x: max_pool(x), dict),
]


def graph_case(name, width, smoothing, body, layers, generator):
    g = Graph(width, **layers())
    with torch.no_grad():
        for p in g.parameters():
            p.copy_(draw(p.shape, generator))
    logits = g.classifier(body(g, g.x(torch.tensor(IDS))))
    weight = torch.tensor(CLASS_WEIGHTS) if name.startswith("class_weights") else None
    settings = {"weight": weight, "label_smoothing": smoothing}
    loss = F.cross_entropy(logits, torch.tensor(LABELS), reduction="sum", **settings)
    mean = F.cross_entropy(logits, torch.tensor(LABELS), reduction="mean", **settings)
    loss.backward()
    named = dict(g.named_parameters())
    return {
        "name": name,
        "label_smoothing": smoothing,
        "class_weights": CLASS_WEIGHTS if weight is not None else [],
        "parameters": {n: p.detach().flatten().tolist() for n, p in named.items()},
        "logits": logits.detach().flatten().tolist(),
        "loss": loss.item(),
        "mean_loss": mean.item(),
        "gradients": {n: p.grad.flatten().tolist() for n, p in named.items() if p.requires_grad},
    }


OPTIMIZERS = [
    ("sgd", dict(), 0.0),
    ("sgd", dict(momentum=0.9, weight_decay=0.05), 0.0),
    ("sgd", dict(momentum=0.5), 0.75),
    ("adam", dict(betas=(0.9, 0.999), eps=1e-8), 0.0),
    ("adam", dict(betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1), 0.5),
    ("adamw", dict(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1), 0.0),
    ("adamw", dict(betas=(0.9, 0.98), eps=1e-9, weight_decay=0.01), 1.0),
    ("adamw", dict(betas=(0.9, 0.999), eps=1e-8), 1000.0),
    ("adam_keras", dict(betas=(0.9, 0.999), eps=1e-7), 0.0),
    ("adam_keras", dict(betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1), 0.5),
    ("sgd", dict(momentum=0.9, weight_decay=0.05), 0.0, dict(clip_value=0.4)),
    ("adam", dict(betas=(0.9, 0.999), eps=1e-3), 1.0, dict(clip_value=0.25)),
    ("sgd", dict(weight_decay=0.3), 0.0, dict(exempt=["classifier.bias"])),
    ("adamw", dict(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.3), 0.0,
     dict(exempt=["x.weight", "classifier.bias"])),
    ("sgd", dict(momentum=0.9), 0.5, dict(rate_scale={"x.weight": 0.1}, since={"x.weight": 2})),
    ("adam", dict(betas=(0.9, 0.999), eps=1e-8), 0.0,
     dict(rate_scale={"x.weight": 0.5, "classifier.bias": 3.0}, since={"classifier.weight": 1})),
    ("adamw", dict(betas=(0.9, 0.999), eps=1e-3, weight_decay=0.3), 0.5,
     dict(rate_scale={"x.weight": 0.0, "classifier.weight": 0.25}, since={"classifier.bias": 2})),
    ("adam_keras", dict(betas=(0.9, 0.999), eps=1e-7, weight_decay=0.1), 0.0,
     dict(rate_scale={"classifier.weight": 2.0}, since={"x.weight": 1})),
    ("adam_lazy", dict(betas=(0.9, 0.999), eps=1e-8), 0.0),
    ("adam_lazy", dict(betas=(0.8, 0.95), eps=1e-2), 0.5,
     dict(rate_scale={"x.weight": 0.5}, since={"x.weight": 2})),
]
SHAPES = {"x.weight": (4, 3), "classifier.weight": (2, 3), "classifier.bias": (2,)}
TABLE = "x.weight"
LOOKED_UP = [[0, 2], [3], [2], [0, 1, 3], [2, 3]]  # rows of the table, by step


class KerasAdam(torch.optim.Optimizer):
    """The formula of Keras' Adam; make_recipes_golden.py has Keras itself."""

    def __init__(self, parameters, lr, betas, eps, weight_decay):
        super().__init__(parameters, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, (b1, b2) = group["lr"], group["betas"]
            for p in (p for p in group["params"] if p.grad is not None):
                s = self.state[p]
                s["t"] = t = s.get("t", 0) + 1
                s["m"] = m = b1 * s.get("m", 0) + (1 - b1) * p.grad
                s["v"] = v = b2 * s.get("v", 0) + (1 - b2) * p.grad ** 2
                p -= lr * group["weight_decay"] * p
                p -= lr * (1 - b2 ** t) ** 0.5 / (1 - b1 ** t) * m / (v.sqrt() + group["eps"])


MAKE = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
        "adam_keras": KerasAdam}


def make_optimizers(kind, settings, parameters, more):
    """{name: optimizer} of one parameter each, with its factor of the learning rate beside it."""
    optimizers = {}
    for n, p in parameters.items():
        own = {"weight_decay": 0.0, **settings}
        if n in more.get("exempt", []):
            own["weight_decay"] = 0.0
        make = MAKE["adam" if kind == "adam_lazy" else kind]
        if kind == "adam_lazy" and n == TABLE:
            make, own = torch.optim.SparseAdam, settings
        optimizers[n] = make([p], lr=1.0, **own)
    return optimizers


def step_optimizers(optimizers, more, lr):
    for n, optimizer in optimizers.items():
        optimizer.param_groups[0]["lr"] = lr * more.get("rate_scale", {}).get(n, 1.0)
        optimizer.step()


def sparse_rows(gradient, rows):
    return torch.sparse_coo_tensor([rows], gradient[rows], gradient.shape, is_coalesced=True)


def silent_steps(kind, optimizers, parameters, more):
    """Steps before the first of the file, for parameters that are trained already: without a
    gradient they do nothing but count (and decay weights). Returns how many."""
    since = more.get("since", {})
    n_silent = max(since.values(), default=0)
    for t in range(n_silent):
        for n, p in parameters.items():
            p.grad = torch.zeros(p.shape) if since.get(n, 0) <= t else None
            if kind == "adam_lazy" and n == TABLE and p.grad is not None:
                p.grad = p.grad.to_sparse(1)
        step_optimizers(optimizers, more, 0.1)
    return n_silent


def optimizer_case(kind, settings, clip_norm, more, generator):
    parameters = {n: nn.Parameter(draw(s, generator)) for n, s in SHAPES.items()}
    settings = dict(settings)
    clip_value, exempt = more.get("clip_value", 0.0), more.get("exempt", [])
    optimizers = make_optimizers(kind, settings, parameters, more)
    n_silent = silent_steps(kind, optimizers, parameters, more)
    start = {n: p.detach().flatten().tolist() for n, p in parameters.items()}
    steps = []
    for t in range(1, 6):
        step = {"learning_rate": 0.1 / t, "gradients": {}, "after": {}}
        for n, p in parameters.items():
            p.grad = draw(p.shape, generator)
            if kind == "adam_lazy" and n == TABLE:
                p.grad[[r for r in range(p.shape[0]) if r not in LOOKED_UP[t - 1]]] = 0
            step["gradients"][n] = p.grad.flatten().tolist()
        limit = clip_norm if clip_norm > 0 else float("inf")
        step["norm"] = nn.utils.clip_grad_norm_(parameters.values(), limit).item()
        if clip_value:
            nn.utils.clip_grad_value_(parameters.values(), clip_value)
        if kind == "adam_lazy":
            parameters[TABLE].grad = sparse_rows(parameters[TABLE].grad, LOOKED_UP[t - 1])
        step_optimizers(optimizers, more, 0.1 / t)
        step["after"] = {n: p.detach().flatten().tolist() for n, p in parameters.items()}
        steps.append(step)
    beta1, beta2 = settings.get("betas", (0, 0))
    return {
        "optimizer": kind, "beta1": beta1, "beta2": beta2, "epsilon": settings.get("eps", 0.0),
        "momentum": settings.get("momentum", 0.0), "weight_decay": settings.get("weight_decay", 0.0),
        "clip_norm": clip_norm, "clip_value": clip_value, "exempt": exempt,
        "rate_scale": more.get("rate_scale", {}), "since": more.get("since", {}),
        "first_step": n_silent + 1, "start": start, "steps": steps,
    }


def main():
    generator = torch.Generator().manual_seed(20)
    data = {
        "made_by": "tests/golden/make_ops_golden.py, PyTorch " + torch.__version__.split("+")[0],
        "lengths": LENGTHS, "ids": IDS, "labels": LABELS, "token_weights": TOKEN_WEIGHTS,
        "graphs": [graph_case(*c, generator) for c in CASES],
        "optimizers": [optimizer_case(*c[:3], (*c, {})[3], generator) for c in OPTIMIZERS],
    }
    json.dump(data, sys.stdout, indent=None, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
