#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes recipes.json: what PyTorch, transformers and Keras make of learning-rate schedules and of
five optimizer steps in f64, for tests/unit/train/test_recipes.c.

    KERAS_BACKEND=torch python3 make_recipes_golden.py > recipes.json

needs PyTorch, transformers and Keras (the versions used stand in the file). "schedules": the learning
rate of every step. "recipes": the parameters of a tiny network after each of five steps over the same
four texts, by a suite's "training" object. "groups": the same over other texts at each step, where
parameters have factors of the learning rate, begin to be trained late, or have sparse gradients.
"""
import json
import math
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import torch
import transformers
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
keras.config.set_floatx("float64")
ROWS = [[4, 1, 2], [3], [0, 2, 2, 1], [1, 4]]
LABELS = [1, 0, 1, 0]
CLASS_WEIGHTS = [0.5, 2]
VOCAB, CHANNELS, CLASSES = 5, 4, 2
STEPS = 5


# ---- schedules

def dummy(lr):
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)


def by_step(make, lr, n_epochs, n_steps, _metrics):
    """Stepped after every optimizer step."""
    optimizer = dummy(lr)
    schedule = make(optimizer, n_epochs * n_steps)
    rates = []
    for _ in range(n_epochs * n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def by_epoch(make, lr, n_epochs, n_steps, metrics):
    """Stepped after every epoch, with the epoch's metric where there are any."""
    optimizer = dummy(lr)
    schedule = make(optimizer, n_epochs * n_steps)
    rates = []
    for epoch in range(n_epochs):
        rates += [optimizer.param_groups[0]["lr"]] * n_steps
        optimizer.step()
        schedule.step(*metrics[epoch:epoch + 1])
    return rates


LOSSES = [1.0, 0.8, 0.79995, 0.79, 0.85, 0.7999, 0.79, 0.78999, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6]
ACCURACIES = [0.5, 0.5, 0.6, 0.60005, 0.6001, 0.7, 0.65, 0.65, 0.65, 0.71, 0.2, 0.2, 0.2, 0.2]
T = transformers
SCHEDULES = [
    ({"kind": "constant"}, by_step, lambda o, n: T.get_constant_schedule(o), 2, 3, []),
    ({"kind": "constant", "warmup_steps": 4}, by_step,
     lambda o, n: T.get_constant_schedule_with_warmup(o, 4), 3, 3, []),
    ({"kind": "linear"}, by_step, lambda o, n: T.get_linear_schedule_with_warmup(o, 0, n), 3, 4,
     []),
    ({"kind": "linear", "warmup_steps": 5}, by_step,
     lambda o, n: T.get_linear_schedule_with_warmup(o, 5, n), 4, 5, []),
    ({"kind": "linear", "warmup_share": 0.1}, by_step,
     lambda o, n: T.get_linear_schedule_with_warmup(o, math.ceil(0.1 * n), n), 3, 11, []),
    ({"kind": "linear", "warmup_steps": 30}, by_step,
     lambda o, n: T.get_linear_schedule_with_warmup(o, 30, n), 4, 5, []),
    ({"kind": "linear", "warmup_steps": 3, "final": 0.25}, by_step,
     lambda o, n: T.get_polynomial_decay_schedule_with_warmup(
         o, 3, n, lr_end=0.25 * o.param_groups[0]["lr"], power=1.0), 4, 4, []),
    ({"kind": "cosine"}, by_step, lambda o, n: T.get_cosine_schedule_with_warmup(o, 0, n), 3, 4,
     []),
    ({"kind": "cosine", "warmup_share": 0.3}, by_step,
     lambda o, n: T.get_cosine_schedule_with_warmup(o, math.ceil(0.3 * n), n), 3, 7, []),
    ({"kind": "cosine", "warmup_steps": 2, "final": 0.1}, by_step,
     lambda o, n: T.get_cosine_with_min_lr_schedule_with_warmup(o, 2, n, min_lr_rate=0.1), 5, 3,
     []),
    ({"kind": "step", "every": 2, "gamma": 0.3}, by_epoch,
     lambda o, n: torch.optim.lr_scheduler.StepLR(o, 2, 0.3), 7, 2, []),
    ({"kind": "reduce_on_plateau", "factor": 0.5, "patience": 1}, by_epoch,
     lambda o, n: torch.optim.lr_scheduler.ReduceLROnPlateau(o, "min", 0.5, 1), 14, 2, LOSSES),
    ({"kind": "reduce_on_plateau", "factor": 0.1, "patience": 0, "threshold": 0.05,
      "min_lr": 1e-4}, by_epoch,
     lambda o, n: torch.optim.lr_scheduler.ReduceLROnPlateau(
         o, "min", 0.1, 0, threshold=0.05, min_lr=1e-4), 14, 1, LOSSES),
    ({"kind": "reduce_on_plateau", "metric": "validation.accuracy", "factor": 0.5, "patience": 2},
     by_epoch,
     lambda o, n: torch.optim.lr_scheduler.ReduceLROnPlateau(o, "max", 0.5, 2), 14, 1, ACCURACIES),
    ({"kind": "reduce_on_plateau", "metric": "validation.f1_macro"}, by_epoch,
     lambda o, n: torch.optim.lr_scheduler.ReduceLROnPlateau(o, "max"), 14, 1, [0.5] * 14),
]


def schedule_case(schedule, how, make, n_epochs, n_steps, metrics):
    lr = 0.02
    return {"schedule": schedule, "lr": lr, "epochs": n_epochs, "steps_per_epoch": n_steps,
            "metrics": metrics, "rates": how(make, lr, n_epochs, n_steps, metrics)}


# ---- recipes

class Network(nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS, eps=1e-5)
        self.classifier = nn.Linear(CHANNELS, CLASSES)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.round(torch.rand(p.shape, generator=generator) * 2000 - 1000) / 1000)

    def forward(self, rows=range(len(ROWS))):
        means = [torch.tanh(self.norm(self.embedding(torch.tensor(ROWS[r])))).mean(0) for r in rows]
        return self.classifier(torch.stack(means))


class Torch:
    def __init__(self, kind, settings, named, exempt):
        groups = [{"params": [p for n, p in named.items() if n not in exempt]}]
        if exempt:
            groups.append({"params": [named[n] for n in exempt], "weight_decay": 0.0})
        self.optimizer = kind(groups, lr=1.0, **settings)

    def step(self, lr):
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()


class Keras:
    """Keras' own optimizer on variables that shadow the network's parameters."""

    def __init__(self, settings, named, exempt):
        self.named = named
        self.variables = {n: keras.Variable(p.detach().numpy(), name=n.replace(".", "_"))
                          for n, p in named.items()}
        self.optimizer = keras.optimizers.Adam(learning_rate=1.0, **settings)
        self.optimizer.exclude_from_weight_decay(var_list=[self.variables[n] for n in exempt])
        self.optimizer.build(list(self.variables.values()))

    def step(self, lr):
        self.optimizer.learning_rate.assign(lr)
        self.optimizer.apply([p.grad for p in self.named.values()], list(self.variables.values()))
        with torch.no_grad():
            for n, p in self.named.items():
                p.copy_(torch.as_tensor(keras.ops.convert_to_numpy(self.variables[n])))


BIASES, NORMS = ["norm.bias", "classifier.bias"], ["norm.weight", "norm.bias"]
SGD, ADAM, ADAMW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
LINEAR = {"kind": "linear", "warmup_steps": 2}
COSINE = {"kind": "cosine", "final": 0.1}
STEP = {"kind": "step", "every": 2, "gamma": 0.5}
# The suite's "training" beside what it is in PyTorch or Keras: class, settings, parameters without decay.
RECIPES = [
    ({"optimizer": "sgd", "lr": 0.5, "clip_norm": 0}, SGD, {}, []),
    ({"optimizer": "sgd", "lr": 0.3, "momentum": 0.9, "weight_decay": 0.02, "clip_norm": 0.2}, SGD,
     {"momentum": 0.9, "weight_decay": 0.02}, []),
    ({"optimizer": "sgd", "lr": 0.3, "momentum": 0.5, "clip_value": 0.03, "schedule": COSINE}, SGD,
     {"momentum": 0.5}, []),
    ({"optimizer": "adam", "lr": 0.01, "clip_norm": 0}, ADAM, {}, []),
    ({"optimizer": "adam", "lr": 0.01, "weight_decay": 0.05, "label_smoothing": 0.05,
      "decay_exempt": ["bias"]}, ADAM, {"weight_decay": 0.05}, BIASES),
    ({"optimizer": "adam", "lr": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4,
      "clip_value": 0.02, "schedule": STEP}, ADAM, {"betas": (0.8, 0.95), "eps": 1e-4}, []),
    ({"optimizer": "adamw", "lr": 0.01, "weight_decay": 0.3, "schedule": LINEAR}, ADAMW,
     {"weight_decay": 0.3}, []),
    ({"optimizer": "adamw", "lr": 0.02, "weight_decay": 0.5, "clip_norm": 0.1,
      "decay_exempt": ["layer_norm"]}, ADAMW, {"weight_decay": 0.5}, NORMS),
    ({"optimizer": "adamw", "lr": 0.02, "weight_decay": 0.5, "schedule": COSINE,
      "decay_exempt": ["bias", "layer_norm"]}, ADAMW, {"weight_decay": 0.5},
     ["classifier.bias"] + NORMS),
    ({"optimizer": "adam_keras", "lr": 0.01, "clip_norm": 0}, Keras, {}, []),
    ({"optimizer": "adam_keras", "lr": 0.02, "epsilon": 1e-2, "weight_decay": 0.3,
      "decay_exempt": ["bias"]}, Keras, {"epsilon": 1e-2, "weight_decay": 0.3}, BIASES),
    ({"optimizer": "adamw", "lr": 0.02, "weight_decay": 0.1, "batch": 1, "accumulate": 4,
      "schedule": LINEAR}, ADAMW, {"weight_decay": 0.1}, []),
    ({"optimizer": "sgd", "lr": 0.4, "momentum": 0.9, "batch": 3, "accumulate": 2, "clip_norm": 0.3,
      "class_weights": True}, SGD, {"momentum": 0.9}, []),
]


def rate(schedule, lr, step):
    """One step an epoch."""
    kind, n = schedule.get("kind", "constant"), STEPS
    cases = {"constant": lambda o: T.get_constant_schedule(o),
             "linear": lambda o: T.get_linear_schedule_with_warmup(o, 2, n),
             "cosine": lambda o: T.get_cosine_with_min_lr_schedule_with_warmup(
                 o, 0, n, min_lr_rate=0.1),
             "step": lambda o: torch.optim.lr_scheduler.StepLR(o, 2, 0.5)}
    return by_step(lambda o, _: cases[kind](o), lr, n, 1, [])[step]


def recipe_case(training, kind, settings, exempt, generator):
    training = dict(training)
    weight = torch.tensor(CLASS_WEIGHTS) if training.pop("class_weights", False) else None
    network = Network(generator)
    named = dict(network.named_parameters())
    start = {n: p.detach().flatten().tolist() for n, p in named.items()}
    optimizer = Keras(settings, named, exempt) if kind is Keras else Torch(kind, settings, named,
                                                                            exempt)
    steps = []
    for t in range(STEPS):
        network.zero_grad()
        loss = F.cross_entropy(network(), torch.tensor(LABELS), weight=weight,
                               label_smoothing=training.get("label_smoothing", 0.0))
        loss.backward()
        clip_value = training.get("clip_value", 0)
        limit = training.get("clip_norm", 0 if clip_value else 1)
        norm = nn.utils.clip_grad_norm_(named.values(), limit or float("inf"))
        if clip_value:
            nn.utils.clip_grad_value_(named.values(), clip_value)
        lr = rate(training.get("schedule", {}), training["lr"], t)
        optimizer.step(lr)
        steps.append({"loss": loss.item(), "norm": norm.item(), "learning_rate": lr,
                      "after": {n: p.detach().flatten().tolist() for n, p in named.items()}})
    return {"training": {"batch": 4, **training}, "start": start, "steps": steps,
            "class_weights": CLASS_WEIGHTS if weight is not None else []}


# ---- parameter groups

# Texts of each step, one list for each of its batches; no step looks up the whole table.
GROUP_STEPS = [[[0, 1]], [[3]], [[1], [3, 1]], [[0]], [[3], [1]]]
TABLE = "embedding.weight"
DEPTHS = {TABLE: 0.25, "norm.weight": 0.5, "norm.bias": 0.5}
HEAD = {"classifier.weight": 3.0, "classifier.bias": 3.0}
LATE = {TABLE: 2}
LATER = {TABLE: 3, "norm.weight": 2, "norm.bias": 2}
LAZY = torch.optim.SparseAdam
# As RECIPES, then the factors of the learning rate and how many steps each parameter is not trained.
GROUPS = [
    ({"optimizer": "sgd", "lr": 0.3, "momentum": 0.9, "clip_norm": 0}, SGD, {"momentum": 0.9}, [],
     {}, {}),
    ({"optimizer": "sgd", "lr": 0.3, "momentum": 0.9, "weight_decay": 0.02, "clip_norm": 0.2}, SGD,
     {"momentum": 0.9, "weight_decay": 0.02}, [], DEPTHS, LATE),
    ({"optimizer": "adam", "lr": 0.01, "clip_norm": 0}, ADAM, {}, [], {}, {}),
    ({"optimizer": "adam", "lr": 0.01, "weight_decay": 0.05, "clip_norm": 0.1}, ADAM,
     {"weight_decay": 0.05}, [], HEAD, {}),
    ({"optimizer": "adam", "lr": 0.01, "clip_value": 0.03}, ADAM, {}, [], DEPTHS, LATER),
    ({"optimizer": "adamw", "lr": 0.02, "weight_decay": 0.5, "clip_norm": 0}, ADAMW,
     {"weight_decay": 0.5}, [], {}, {}),
    ({"optimizer": "adamw", "lr": 0.02, "weight_decay": 0.5, "decay_exempt": ["layer_norm"]}, ADAMW,
     {"weight_decay": 0.5}, NORMS, {**DEPTHS, **HEAD}, LATER),
    ({"optimizer": "adam_keras", "lr": 0.02, "epsilon": 1e-2, "clip_norm": 0.1}, Keras,
     {"epsilon": 1e-2}, [], {}, {}),
    ({"optimizer": "adam_keras", "lr": 0.02, "weight_decay": 0.3}, Keras, {"weight_decay": 0.3}, [],
     DEPTHS, LATE),
    ({"optimizer": "adam_lazy", "lr": 0.01, "clip_norm": 0}, LAZY, {}, [], {}, {}),
    ({"optimizer": "adam_lazy", "lr": 0.02, "epsilon": 1e-3, "clip_norm": 0.1}, LAZY, {"eps": 1e-3},
     [], DEPTHS, {}),
    ({"optimizer": "adam_lazy", "lr": 0.02, "beta1": 0.8, "beta2": 0.95, "clip_value": 0.03}, LAZY,
     {"betas": (0.8, 0.95)}, [], HEAD, LATE),
]


class Group:
    """One optimizer of its own for parameters with the same factor, beginning and kind."""

    def __init__(self, kind, settings, named, exempt, factor):
        self.factor = factor
        if kind is Keras:
            self.optimizer = Keras(settings, named, exempt)
        elif kind is LAZY and TABLE not in named:
            self.optimizer = Torch(ADAM, settings, named, exempt)
        else:
            self.optimizer = Torch(kind, settings, named, exempt)

    def step(self, lr):
        self.optimizer.step(self.factor * lr)


def clip_group_gradients(parameters, norm_limit, value_limit):
    """Over what sparse gradients have, coalesced; returns the norm."""
    for p in parameters:
        if p.grad.is_sparse:
            p.grad = p.grad.coalesce()
    stored = [p.grad.values() if p.grad.is_sparse else p.grad for p in parameters]
    norm = torch.linalg.vector_norm(torch.cat([g.flatten() for g in stored]))
    for g in stored:
        if norm_limit:
            g.mul_(min(1.0, norm_limit / (norm.item() + 1e-6)))
        if value_limit:
            g.clamp_(-value_limit, value_limit)
    return norm.item()


def group_case(training, kind, settings, exempt, factors, since, generator):
    network = Network(generator)
    network.embedding.sparse = kind is LAZY
    named = dict(network.named_parameters())
    start = {n: p.detach().flatten().tolist() for n, p in named.items()}
    kinds = {n: (factors.get(n, 1.0), since.get(n, 0), kind is LAZY and n == TABLE) for n in named}
    groups, steps = {}, []
    for t, batches in enumerate(GROUP_STEPS):
        for n, p in named.items():
            p.requires_grad_(since.get(n, 0) <= t)
        for key in sorted(set(kinds.values())):
            if key[1] == t:
                mine = {n: p for n, p in named.items() if kinds[n] == key}
                groups[key] = Group(kind, settings, mine, [n for n in exempt if n in mine], key[0])
        network.zero_grad()
        n_rows = sum(map(len, batches))
        losses = []
        for rows in batches:
            loss = F.cross_entropy(network(rows), torch.tensor([LABELS[r] for r in rows]),
                                   reduction="sum") / n_rows
            loss.backward()
            losses.append(loss.item() * n_rows)
        value_limit = training.get("clip_value", 0)
        norm = clip_group_gradients([p for p in named.values() if p.requires_grad],
                                    training.get("clip_norm", 0 if value_limit else 1), value_limit)
        for group in groups.values():
            group.step(training["lr"])
        steps.append({"batches": batches, "losses": losses, "norm": norm,
                      "after": {n: p.detach().flatten().tolist() for n, p in named.items()}})
    return {"training": training, "rate_scale": factors, "since": since, "start": start,
            "steps": steps}


def main():
    generator = torch.Generator().manual_seed(31)
    version = torch.__version__.split("+")[0]
    data = {
        "made_by": f"tests/golden/make_recipes_golden.py, PyTorch {version}, transformers "
                   f"{transformers.__version__}, Keras {keras.__version__}",
        "rows": ROWS, "labels": LABELS,
        "schedules": [schedule_case(*c) for c in SCHEDULES],
        "recipes": [recipe_case(*c, generator) for c in RECIPES],
        "groups": [group_case(*c, generator) for c in GROUPS],
    }
    json.dump(data, sys.stdout, indent=None, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
