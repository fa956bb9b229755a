#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tfidf.json: the weights that scikit-learn's TfidfTransformer gives small corpora of token ids,
for every smoothing, tf and norm. A document's token gets the entry of its id in the document's row.
Ids are 1 .. VOCABULARY - 1 (0 is padding, which never counts; 1 is the unknown word). `other` holds
documents that were not fitted on. Run in this folder: python3 make_tfidf_golden.py"""

import itertools
import json

import numpy as np
import sklearn
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer

VOCABULARY = 40


def corpus(rng, n_rows, longest):
    rows = [(1 + rng.zipf(1.6, size=rng.integers(1, longest)) % (VOCABULARY - 8)).tolist() for _ in range(n_rows)]
    return [[int(x) for x in row] for row in rows]


def matrix(rows):
    dense = np.zeros((len(rows), VOCABULARY))
    for i, row in enumerate(rows):
        for token in row:
            dense[i, token] += 1
    return csr_matrix(dense)


def main():
    rng = np.random.default_rng(11)
    fitted = [corpus(rng, 12, 30), [[5]], [[2, 2, 2], [2, 3]], corpus(rng, 40, 8)]
    corpora, cases = [], []
    for number, rows in enumerate(fitted):
        # Ids from VOCABULARY - 7 on are in no fitted row: df 0.
        other = corpus(rng, 3, 20) + [[VOCABULARY - 1, 2, VOCABULARY - 1], [VOCABULARY - 2]]
        corpora.append({"rows": rows, "other": other})
        for smooth, sublinear, norm in itertools.product([True, False], [False, True], ["none", "l1", "l2"]):
            transformer = TfidfTransformer(norm=None if norm == "none" else norm, smooth_idf=smooth,
                                           sublinear_tf=sublinear)
            transformer.fit(matrix(rows))
            idf = np.where(np.isfinite(transformer.idf_), transformer.idf_, 0)  # df 0, not smooth: inf
            transformer.idf_ = idf
            weights = []
            for document in rows + other:
                row = transformer.transform(matrix([document])).toarray()[0]
                weights.append([round(float(row[token]), 14) for token in document])
            cases.append({"smooth": smooth, "sublinear": sublinear, "norm": norm, "corpus": number,
                          "idf": [round(float(x), 14) for x in idf], "weights": weights})
    with open("tfidf.json", "w", encoding="ascii") as file:
        json.dump({"versions": {"scikit-learn": sklearn.__version__}, "vocabulary": VOCABULARY, "corpora": corpora,
                   "cases": cases}, file,
                  sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
