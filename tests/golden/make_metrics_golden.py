#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes metrics.json and stats.json: what scikit-learn and SciPy say about seeded random and edge
cases. Needs scikit-learn, SciPy, NumPy; run in this folder: python3 make_metrics_golden.py

stats.json's Tango intervals come from the definition, not from the closed form the C code uses: the
nuisance share is found by maximising the multinomial likelihood numerically."""

import json

import numpy as np
from scipy import optimize, stats
from sklearn.metrics import (accuracy_score, confusion_matrix, f1_score,
                             precision_recall_fscore_support)


def scores(name, labels, predicted, n_classes):
    every = list(range(n_classes))
    result = {
        "name": name,
        "n_classes": n_classes,
        "labels": [int(x) for x in labels],
        "predicted": [int(x) for x in predicted],
        "accuracy": accuracy_score(labels, predicted),
        "confusion": confusion_matrix(labels, predicted, labels=every).tolist(),
    }
    p, r, f, s = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    result["per_class"] = [
        {"precision": p[k], "recall": r[k], "f1": f[k], "support": int(s[k])} for k in every
    ]
    for average in ("macro", "weighted"):
        p, r, f, _ = precision_recall_fscore_support(
            labels, predicted, labels=every, average=average, zero_division=0)
        result.update({f"precision_{average}": p, f"recall_{average}": r, f"f1_{average}": f})
        assert f == f1_score(labels, predicted, labels=every, average=average, zero_division=0)
    return result


def metric_cases():
    rng = np.random.default_rng(3)
    cases = [
        scores("all right", [0, 1, 2, 1], [0, 1, 2, 1], 3),
        scores("all wrong", [0, 1, 0, 1], [1, 0, 1, 0], 2),
        scores("class never predicted", [0, 1, 2, 2, 1], [0, 1, 1, 0, 1], 3),
        scores("class absent", [0, 0, 1, 1], [0, 2, 1, 0], 4),
        scores("class neither there nor predicted", [0, 1, 1], [0, 1, 0], 5),
        scores("one row", [1], [1], 2),
        scores("one row wrong", [1], [0], 2),
        scores("one class", [0, 0, 0], [0, 0, 0], 1),
        scores("always the same", [0, 1, 2, 3] * 5, [2] * 20, 4),
    ]
    for k, n in ((2, 7), (2, 1000), (3, 50), (10, 333), (20, 400), (25, 30)):
        labels = rng.choice(k, n, p=rng.dirichlet(np.ones(k)))
        right = rng.random(n) < 0.6
        predicted = np.where(right, labels, rng.choice(k, n, p=rng.dirichlet(np.ones(k) * 0.3)))
        cases.append(scores(f"random k={k} n={n}", labels, predicted, k))
    return cases


def constrained_share(b, c, n, d):
    """Share of losses q that maximises the likelihood with gains' share q + d: the root of its
    derivative, which falls in q, or an end of q's range."""
    a = n - b - c
    low, high = max(0.0, -d), (1 - d) / 2
    def slope(q):
        terms = ((b, q + d), (c, q), (-2 * a, 1 - 2 * q - d))
        return sum(k / max(p, 1e-300) for k, p in terms if k)
    inside = 1e-15 * max(1.0, high)
    if high - low <= 4 * inside or slope(low + inside) <= 0:
        return low
    if slope(high - inside) >= 0:
        return high
    return optimize.brentq(slope, low + inside, high - inside, xtol=1e-16, rtol=1e-14)


def tango(b, c, n):
    z = stats.norm.ppf(0.975)
    def score(d):
        q = constrained_share(b, c, n, d)
        return (b - c - n * d) / np.sqrt(n * (2 * q + d * (1 - d)))
    estimate = (b - c) / n
    edge = 1 - 1e-9
    low = high = estimate
    if estimate > -edge:
        low = optimize.brentq(lambda d: score(d) - z, -edge, estimate - 1e-10, xtol=1e-13)
    if estimate < edge:
        high = optimize.brentq(lambda d: score(d) + z, estimate + 1e-10, edge, xtol=1e-13)
    return {"gains": b, "losses": c, "n": n, "value": estimate, "low": low, "high": high}


def percentile(n, p):
    """Ranks (from 1; 0 where none) of the nearest-rank percentile and of its interval."""
    binomial = stats.binom(n, p)
    below = lambda k: binomial.cdf(k - 1)
    low = max((k for k in range(1, n + 1) if below(k) <= 0.025), default=0)
    high = min((k for k in range(1, n + 1) if below(k) >= 0.975), default=0)
    exact = int(np.ceil(round(n * p, 9)))
    return {"n": n, "p": p, "rank": exact, "low": low, "high": high}


def holm(p):
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(
        np.array(p)[order] * np.arange(len(p), 0, -1)))
    return {"p": p, "adjusted": adjusted.tolist()}


def statistics_cases():
    pairs = [(0, 0), (1, 0), (0, 6), (5, 5), (3, 12), (40, 70), (500, 420), (2, 3000), (1500, 1501)]
    return {
        "mcnemar": [{"b": b, "c": c,
                     "p": stats.binomtest(min(b, c), b + c, 0.5).pvalue if b + c else 1.0}
                    for b, c in pairs],
        "wilson": [dict(k=k, n=n, **dict(zip(("low", "high"), stats.binomtest(k, n)
                    .proportion_ci(method="wilson")))) for k, n in
                   ((0, 10), (10, 10), (1, 1), (7, 9), (741, 1000), (24000, 25000))],
        "tango": [tango(*case) for case in
                  ((0, 6, 50), (12, 2, 50), (0, 0, 30), (1, 0, 10), (33, 41, 1000),
                   (100.5, 88.25, 2000), (9, 1, 10), (10, 0, 10), (0, 10, 10), (3, 400, 1000))],
        "percentile": [percentile(n, p) for n, p in
                       ((1, 0.5), (5, 0.5), (6, 0.5), (20, 0.95), (100, 0.9), (367, 0.99),
                        (368, 0.99), (1000, 0.99), (1000, 0.5), (5000, 0.95))],
        "holm": [holm([0.01, 0.04, 0.03]), holm([0.5]), holm([0.02, 0.02, 0.9, 0.0001, 0.0]),
                 holm([0.9, 0.8, 0.7])],
        "quantile": [{"values": v, "p": p, "quantile": float(np.quantile(v, p))}
                     for v in ([1.0], [1.0, 2.0], [3.0, 5.0, 8.0, 8.5]) for p in (0.025, 0.5, 0.9)],
    }


if __name__ == "__main__":
    for name, content in (("metrics.json", metric_cases()), ("stats.json", statistics_cases())):
        with open(name, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=None, separators=(",", ":"))
            file.write("\n")
