#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints audit.json: token ids of small random texts, and what scikit-learn's MultinomialNB
(alpha 1) predicts for them. Needs numpy, scikit-learn."""
import json
import sys

import numpy
import sklearn
from sklearn.naive_bayes import MultinomialNB

VOCAB, LABELS = 40, 3
rng = numpy.random.default_rng(7)
centres = rng.dirichlet(numpy.full(VOCAB - 2, 0.3), LABELS)


def texts(n):
    labels = rng.choice(LABELS, n, p=[0.5, 0.3, 0.2])
    rows = [(rng.choice(VOCAB - 2, rng.integers(1, 7), p=centres[k]) + 2).tolist() for k in labels]
    for row in rows[::5]:  # unknown words and padding are no words
        row.insert(0, 1)
    return rows, labels.tolist()


def counts(rows):
    table = numpy.zeros((len(rows), VOCAB - 2))
    for i, row in enumerate(rows):
        for token in row:
            if token >= 2:
                table[i, token - 2] += 1
    return table


train, train_labels = texts(60)
test, test_labels = texts(200)
model = MultinomialNB(alpha=1).fit(counts(train), train_labels)
golden = {
    "versions": {"numpy": numpy.__version__, "scikit-learn": sklearn.__version__},
    "vocab_size": VOCAB,
    "labels": LABELS,
    "train": {"ids": train, "labels": train_labels,
              "accuracy": float(model.score(counts(train), train_labels))},
    "test": {"ids": test, "labels": test_labels,
             "accuracy": float(model.score(counts(test), test_labels)),
             "majority": float(numpy.mean(numpy.array(test_labels) == numpy.bincount(train_labels).argmax()))},
}
json.dump(golden, sys.stdout)
print()
