#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes splits.json: permutations by NumPy's default_rng, class weights and the sizes of stratified
folds by scikit-learn, the place where Keras' validation_split cuts. Needs NumPy and scikit-learn; run
in this folder: python3 make_splits_golden.py

The SHA-256 of a permutation is over its items as 32-bit little-endian integers. Seeds are strings:
2**63 is no JSON integer that every reader takes."""

import hashlib
import json
import math

import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.class_weight import compute_class_weight


def permutation(seed, n):
    items = np.random.default_rng(seed).permutation(n)
    return {
        "seed": str(seed),
        "n": n,
        "first": items[:20].tolist(),
        "sha256": hashlib.sha256(items.astype("<u4").tobytes()).hexdigest(),
    }


def class_weights(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    weights = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    return {"counts": counts, "weights": weights.tolist()}


def folds(counts, n):
    """Sizes [part][class]; the labels ascend, so that scikit-learn's order of classes (by first
    appearance) is that of their numbers."""
    labels = np.repeat(np.arange(len(counts)), counts)
    cut = StratifiedKFold(n, shuffle=True, random_state=0).split(labels, labels)
    sizes = [np.bincount(labels[test], minlength=len(counts)).tolist() for _, test in cut]
    return {"counts": counts, "n": n, "sizes": sizes}


def keras_tail(n, share):
    """Keras' train_validation_split: split_at = floor(n * (1 - validation_split))."""
    return {"n": n, "share": share, "train": int(math.floor(n * (1.0 - share)))}


def main():
    seeds = (0, 1, 42, 2**32 - 1, 2**32, 2**32 + 5, 2**63, 2**64 - 1)
    golden = {
        "permutations": [permutation(seed, n) for seed in seeds
                         for n in (1, 2, 10, 65536, 65537, 70000)]
                        + [permutation(42, 25000), permutation(7, 1000000)],
        "class_weights": [class_weights(c) for c in ([1, 1], [3, 1], [600, 300, 100],
                                                     [12500, 12500], [1, 7, 49, 343, 2401])],
        "folds": [folds(c, n) for c, n in (([10, 10], 5), ([11, 7], 3), ([600, 300, 100], 10),
                                           ([17, 23, 5, 41], 4), ([5, 5, 5], 5), ([13, 8], 2))],
        "tails": [keras_tail(n, share) for n, share in ((5000, 0.2), (10, 0.1), (10, 0.3),
                                                        (7, 0.5), (1000, 0.07), (25000, 0.15),
                                                        (3333, 1 / 3))],
    }
    with open("splits.json", "w", encoding="utf-8") as file:
        json.dump(golden, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
