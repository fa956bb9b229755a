#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints init.json: moments of what Keras' and PyTorch's own layers and initialisers draw, for the
shapes of tests/unit/train/test_init.c, which holds assay's initial values against them.

    KERAS_BACKEND=torch python3 make_init_golden.py > init.json   needs Keras 3, PyTorch, NumPy

Of every weight: the mean over DRAWS draws of mean, variance, third and fourth central moment, and the
largest magnitude of all. Names and shapes are assay's (PyTorch's); a Keras kernel is its transpose.
"""
import json
import os

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import numpy as np
import torch

torch.set_num_threads(1)
DRAWS, IN, HIDDEN, DENSE, WORDS = 40, 48, 32, 64, 300


def moments(draws):
    rows = []
    for x in draws:
        x = np.asarray(x, dtype=np.float64)
        d = x - x.mean()
        rows.append([x.mean(), (d ** 2).mean(), (d ** 3).mean(), (d ** 4).mean()])
    mean = np.mean(rows, axis=0)
    most = max(float(np.abs(np.asarray(x)).max()) for x in draws)
    return {"shape": list(np.asarray(draws[0]).shape)[::-1], "mean": mean[0], "variance": mean[1],
            "third": mean[2], "fourth": mean[3], "most": most}


def keras_layer(make, width):
    draws = []
    for seed in range(DRAWS):
        keras.utils.set_random_seed(seed)
        layer = make()
        layer.build((None, 7, width) if hasattr(layer, "cell") else (None, width))
        draws.append([keras.ops.convert_to_numpy(w) for w in layer.weights])
    return [moments([d[i] for d in draws]) for i in range(len(draws[0]))]


def keras_figures():
    figures = {}
    for name, kind in (("rnn", keras.layers.SimpleRNN), ("gru", keras.layers.GRU),
                       ("lstm", keras.layers.LSTM)):
        kernel, recurrent, bias = keras_layer(lambda: kind(HIDDEN), IN)
        figures[name] = {"weight_ih": kernel, "weight_hh": recurrent, "bias": bias}
    kernel, bias = keras_layer(lambda: keras.layers.Dense(DENSE), IN)
    figures["linear"] = {"weight": kernel, "bias": bias}
    table, = keras_layer(lambda: keras.layers.Embedding(WORDS, IN), 1)
    figures["embedding"] = {"weight": table}
    draws = [keras.ops.convert_to_numpy(
        keras.initializers.TruncatedNormal(stddev=0.02, seed=seed)((WORDS, IN)))
             for seed in range(DRAWS)]
    figures["truncated_normal"] = {"weight": moments(draws)}
    return figures


def torch_figures():
    makers = {"rnn": lambda: torch.nn.RNN(IN, HIDDEN), "gru": lambda: torch.nn.GRU(IN, HIDDEN),
              "lstm": lambda: torch.nn.LSTM(IN, HIDDEN), "linear": lambda: torch.nn.Linear(IN, DENSE),
              "embedding": lambda: torch.nn.Embedding(WORDS, IN),
              "attention": lambda: torch.nn.MultiheadAttention(IN, 4)}
    figures = {}
    for kind, make in makers.items():
        draws = []
        for seed in range(DRAWS):
            torch.manual_seed(seed)
            draws.append({n: p.detach().numpy() for n, p in make().named_parameters()})
        figures[kind] = {name: moments([d[name].T for d in draws]) for name in draws[0]}
    return figures


print(json.dumps({
    "made_by": f"tests/golden/make_init_golden.py, Keras {keras.__version__}, PyTorch "
               f"{torch.__version__.split('+')[0]}",
    "draws": DRAWS, "keras": keras_figures(), "torch": torch_figures()}, indent=1))
