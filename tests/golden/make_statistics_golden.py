#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes statistics.json: what pandas says about lengths, and what sets and loops in Python say about
words and duplicates, of a small corpus drawn here. Needs pandas (NumPy with it); run in this folder:
python3 make_statistics_golden.py

Near duplicates are found by brute force: the Jaccard similarity of every pair's sets of word 5-grams,
compared as strings, with no hash."""

import collections
import itertools
import json
import random
import unicodedata

import pandas

CUTS = (64, 128, 256, 512)
SIZES = (5000, 10000, 20000, 50000, None)
SPLITS = ("train", "validation", "test")


def describe(values):
    s = pandas.Series(values, dtype="int64")
    d = s.describe(percentiles=[0.25, 0.5, 0.75])
    return {"n": len(values), "total": int(s.sum()), "mean": d["mean"],
            "std": 0.0 if len(values) < 2 else d["std"], "min": int(d["min"]), "q1": d["25%"],
            "median": d["50%"], "q3": d["75%"], "max": int(d["max"])}


def runs(text):
    """Maximal runs of letters, marks and numbers."""
    inside = lambda c: unicodedata.category(c)[0] in "LMN"
    return ["".join(g) for kind, g in itertools.groupby(text, inside) if kind]


def lengths():
    rng = random.Random(5)
    cases = [[7], [0, 0], [1, 2], [3, 1, 2], [5, 5, 5, 5], [0, 10, 20, 4000000000],
             list(range(100)), [2, 4, 4, 5]]
    for n in (5, 10, 101, 1000):
        cases.append([int(rng.lognormvariate(4, 1.2)) for _ in range(n)])
    return [{"values": v, "summary": describe(v)} for v in cases]


# Not by frequency alone: case, accents, scripts, marks, numbers, punctuation, odd white space.
WORDS = ["the", "The", "a", "film", "naïve", "café", "don't", "e\u0301te\u0301", "汉字", "x2", "42",
         "good", "bad", "plot", "Ωmega", "über", "co-op", "end.", "(really)", "\u0130stanbul", "½",
         "\U0001f600", "हिन्दी", "mid\u00b7dot", "tail!"]
SPACES = [" "] * 12 + ["\n", "\t", "  ", "\u00a0", "\u2003", "\r\n", "\u0085", "\u001c", "\u3000"]
BLANK = ["", " ", "\n\t", "\u2003\u00a0", "\u001f"]


def text_of(rng, n):
    out = []
    for _ in range(n):
        out.append(WORDS[min(int(rng.expovariate(0.18)), len(WORDS) - 1)])
        out.append(rng.choice(SPACES))
    return "".join(out)


def corpus():
    rng = random.Random(11)
    rows = []
    for split, n in (("train", 60), ("validation", 15), ("test", 30)):
        for i in range(n):
            rows.append({"split": split, "label": i % 3, "text": text_of(
                rng, rng.choice((1, 3, 8, 30, 70, 140, 600 if i % 20 == 0 else 20)))})
    for split, text in zip(itertools.cycle(SPLITS), BLANK):
        rows.append({"split": split, "label": rng.randrange(3), "text": text})
    for _ in range(12):  # copies, some with another label
        rows.append({"split": rng.choice(SPLITS), "label": rng.randrange(3),
                     "text": rng.choice(rows)["text"]})
    rows.sort(key=lambda r: (SPLITS.index(r["split"]), r["label"]))
    return rows


def groups(rows):
    """Every group of rows by name."""
    yield "all", rows
    for s in SPLITS:
        yield s, [r for r in rows if r["split"] == s]
    for k in range(3):
        yield f"label {k}", [r for r in rows if r["label"] == k]


def commonest(words, without=()):
    counts = collections.Counter(w for w in words if w.lower() not in without)
    return [[w, n] for w, n in sorted(counts.items(), key=lambda i: (-i[1], i[0].encode()))[:10]]


def duplicates(rows):
    by_text = collections.defaultdict(list)
    for r in rows:
        if r["text"].split():
            by_text[r["text"]].append(r)
    sets = [g for g in by_text.values() if len(g) > 1]
    conflicts = [g for g in sets if len({r["label"] for r in g}) > 1]
    return {
        "texts": sum(len(g) - 1 for g in sets),
        "sets": len(sets),
        "conflicts": len(conflicts),
        "conflict_texts": sum(map(len, conflicts)),
        "within": [sum(max(0, sum(r["split"] == s for r in g) - 1) for g in sets) for s in SPLITS],
        "across": [[0 if s == t else sum(sum(r["split"] == s for r in g) for g in sets
                                         if any(r["split"] == t for r in g))
                    for t in SPLITS] for s in SPLITS],
    }


def statistics(rows):
    out = {"groups": {}, "blank": {}, "longer": {}, "commonest": {}, "commonest_without": {}}
    for name, g in groups(rows):
        out["groups"][name] = {"characters": describe([len(r["text"]) for r in g]),
                               "words": describe([len(r["text"].split()) for r in g]),
                               "tokens": describe([len(runs(r["text"])) for r in g])}
        out["blank"][name] = sum(not r["text"].split() for r in g)
        out["longer"][name] = [sum(len(runs(r["text"])) > c for r in g) for c in CUTS]
        words = [w for r in g for w in runs(r["text"])]
        out["commonest"][name] = commonest(words)
        out["commonest_without"][name] = commonest(words, {"the", "a"})
    train = collections.Counter(w for r in rows if r["split"] == "train" for w in runs(r["text"]))
    ranked = sorted(train, key=lambda w: (-train[w], w.encode()))
    out["vocabulary"] = len(ranked)
    out["known"] = [[sum(w in known for r in rows if r["split"] == s for w in runs(r["text"]))
                     for known in (set(ranked[:n]) for n in SIZES)] for s in SPLITS]
    out["duplicates"] = duplicates(rows)
    return out


def shingles(text):
    words = text.split()
    if not words:
        return None
    return {tuple(words[i:i + 5]) for i in range(max(1, len(words) - 4))}


def near():
    rng = random.Random(23)
    names = ["w%d" % i for i in range(400)]
    texts = ["", " ", "one", "one", "one two", "two one", "a b c d e", "a  b\tc\nd e", "a b c d e f"]
    for _ in range(40):
        base = [rng.choice(names) for _ in range(rng.randrange(3, 120))]
        texts.append(" ".join(base))
        for _ in range(rng.randrange(3)):
            variant = list(base)
            for _ in range(rng.randrange(4)):
                variant[rng.randrange(len(variant))] = rng.choice(names)
            texts.append(" ".join(variant[rng.randrange(2):]))
    sets = [shingles(t) for t in texts]
    pairs = []
    for i, j in itertools.combinations(range(len(texts)), 2):
        if sets[i] and sets[j]:
            similarity = len(sets[i] & sets[j]) / len(sets[i] | sets[j])
            if similarity >= 0.5:
                pairs.append([i, j, similarity])
    return {"texts": texts, "pairs": pairs}


def main():
    rows = corpus()
    golden = {"lengths": lengths(), "rows": rows,
              "statistics": statistics(rows), "near": near()}
    with open("statistics.json", "w", encoding="ascii") as out:
        json.dump(golden, out, indent=0)
        out.write("\n")


if __name__ == "__main__":
    main()
