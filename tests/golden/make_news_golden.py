#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes news.json and news_digests.json: what scikit-learn's fetch_20newsgroups takes out of articles
(its strip_newsgroup_header, _footer and _quoting, in this order). Needs scikit-learn; run in this
folder: python3 make_news_golden.py

news.json holds own texts, hostile and random ones, and each with every selection of the three;
news_digests.json the content digest (framework/data/dataset.h) of all 18,846 texts of 20 Newsgroups
for every selection. That one needs ASSAY_TEST_DATA/20news/20news-bydate.tar.xz and is not written
without it."""

import hashlib
import json
import os
import random
import sys
import tarfile

from sklearn.datasets._twenty_newsgroups import (strip_newsgroup_footer, strip_newsgroup_header,
                                                 strip_newsgroup_quoting)

PARTS = (("headers", strip_newsgroup_header), ("footers", strip_newsgroup_footer),
         ("quotes", strip_newsgroup_quoting))

HOSTILE = [
    "",
    "\n",
    "\n\n",
    "\n\n\n\n",
    "From: a\nSubject: b\n\nbody\n",
    "From: a\nSubject: b\nno empty line",
    "From: a\r\n\r\nCR LF is no empty line\r\n",
    "\n\nbody at once\n\n-- \nname\n",
    "a: b\n\ntext\n\nsignature\nof two lines\n",
    "a: b\n\n\n\n  indented first line\nsecond\n---\nname\n \n\t\n",
    "a: b\n\n---\nonly a signature",
    "a: b\n\none line without a signature  \n\n",
    "a: b\n\ntext\n - - -\nnot all hyphens\n",
    "a: b\n\ntext\n \u00a0--\u2003\nwhite space around hyphens\n",
    "a: b\n\n\x1c\x1d\x1e\x1f\x85 text \x0b\x0c\n\x85\nend\u3000\u2028\n",
    "a: b\n\ntext\n-\u2010-\nanother hyphen\n",
    "a: b\n\ntext\n------------------------------\n\n\n",
    "x\n\n>> quoted\n> quoted\n>\n | not at the start\n| quoted\nkept > here\n",
    "x\n\nIn article <1@b> c writes:\nan In article kept\nQuoted from d\nnot Quoted from\nQuoted kept\nIn artic kept\n",
    "x\n\nhe wrote: this\nshe says:that\nsaid:\nwrote : kept\nWrote: kept\nwrites in\nwritesin\nsaid kept\n",
    "x\n\n>a\n>b",
    "x\n\n>a\n\n>b\n\nkept\n\n>c\n",
    "x\n\n\u00e9\u4e2d\U0001f600wrote:\n\u00e9|\n\u2028> kept: that is no line break here\nlast",
    "\r\n>\r\n|\r\n--\r\n",
    "-\n-\n-\n",
    "a\n\n \n \n \n",
]

# Every kind of white space, and what looks like it, around a signature's hyphens.
HOSTILE += [f"x\n\na\n{c}--{c}\nb{c}" for c in
            "\t\v\f\r\x1c\x1d\x1e\x1f \x85\u00a0\u1680\u2000\u2006\u200a\u2028\u2029\u202f\u205f\u3000"
            "\x08\x0e\x1b!\x84\x86\u00ad\u180e\u200b\u2060\u3001\ufeff"]

PIECES = ["\n", "\n\n", "\n", " ", "--", "-", ">", "|", "text", "wrote:", "says:", "said:", "In article",
          "Quoted from", "writes in", "\r", "\t", "\u00a0", "\x85", "\u3000", "\u00e9", "\u2010", "\x1f"]


def strip(text, mask):
    for bit, (_, function) in enumerate(PARTS):
        if mask >> bit & 1:
            text = function(text)
    return text


def cases():
    rng = random.Random(20)
    texts = HOSTILE + ["".join(rng.choice(PIECES) for _ in range(rng.randint(1, 60)))
                       for _ in range(60)]
    return {"parts": [name for name, _ in PARTS],
            "cases": [{"text": t, "stripped": [strip(t, mask) for mask in range(8)]} for t in texts]}


def corpus(path):
    rows = []
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                group, name = member.name.split("/")[-2:]
                rows.append((group, name, archive.extractfile(member).read().decode("latin-1")))
    return sorted(rows)


def digests(rows):
    found = {}
    for mask in range(8):
        digest = hashlib.sha256()
        for group, _, text in rows:
            text = strip(text, mask).encode()
            digest.update(f"all\n{group}\n{len(text)}\n".encode() + text)
        found["+".join(name for bit, (name, _) in enumerate(PARTS) if mask >> bit & 1)] = digest.hexdigest()
    return {"texts": len(rows), "sha256": found}


def write(name, content):
    with open(name, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    write("news.json", cases())
    data = os.environ.get("ASSAY_TEST_DATA")
    if data:
        write("news_digests.json", digests(corpus(os.path.join(data, "20news/20news-bydate.tar.xz"))))
    else:
        print("ASSAY_TEST_DATA is not set: news_digests.json is not made", file=sys.stderr)
