#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes words.json: the tokens of the word-level splitters as others cut them.

    whitespace  Python's str.split(), and for every Unicode scalar value whether it splits
    unicode     uniseg's (PyPI) word boundaries, segments with a letter or number; and Unicode's own
                WordBreakTest.txt (Debian's package unicode-data, 15.0.0)
    regex       Python's re.finditer(), empty matches left out

and words_digests.json: SHA-256 over all white-space tokens of the corpora below ASSAY_TEST_DATA, in
the order of their archives, and Study A's counts in name order (NumPy's permutation). That one needs
the data and is left as it is without. Run in this folder: python3 make_words_golden.py [UNICODE_DATA]"""

import hashlib
import json
import os
import pathlib
import re
import sys
import tarfile
import lzma
import unicodedata

import numpy as np
import uniseg
from uniseg import wordbreak

UNICODE_DATA = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode")

TEXTS = [
    "", " ", "a", " a  b\t\r\nc ", "it's 3.5 o'clock, isn't it?", "U.S.A. and e.g. this -- that...",
    "snake_case CamelCase kebab-case _private __init__", "1,234.56 3.14e-10 1.2.3 12:30 50% $5",
    "na\u00efve cafe\u0301 \u00c5ngstr\u00f6m stra\u00dfe \u0130stanbul", "\u0301start a\u0301\u0302\u0303b",
    "\u4e2d\u6587\u5206\u8bcd \u3072\u3089\u304c\u306a \u30ab\u30bf\u30ab\u30ca \uff76\uff80\uff76\uff85",
    "\ud55c\uad6d\uc5b4 \u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940 \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "\u05d0\"\u05d1 \u05d0'\u05d1 \u05d0' \u05d0\" x\"\u05d1", "a.b a:b a\u00b7b a\u2019b a.1 1.a a'1 1'a",
    "\U0001f600 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7\U0001f1fa",
    "\u2764\ufe0f \u263a\ufe0fx 1\ufe0f\u20e3 #\ufe0f\u20e3", "a\u200db a\u200cb a\u00adb a\u2060b a\ufeffb",
    "a\u00a0b\u1680c\u2003d\u2028e\u2029f\u202fg\u205fh\u3000i\u0085j\u001ck\u001fl", "a\u200bb\u180ec",
    "\u00bd \u2160\u2161 \u24b6 \u00b2\u2074 x\u00b2 \U0001d400\U0001d7ce", "\x00a\x01b\x7fc", "a\x00b",
    "\r\n\r\n", "a\r\nb", "a\rb\nc\x0bd\x0ce", "''a'' ..b.. a.. ..a a..b", "don''t 1..2 1,,2 a.'b",
    "\U0010ffff\U000e0041x\U000e007f", "x" * 300 + "." + "y" * 300, "a" + "\u0301" * 200 + "b",
    "a" + ".\u0301" * 50 + "b", "\u0e01\u0e33\u0e25\u0e31\u0e07\u0e44\u0e1b", "\u1820\u180b\u1821",
]

PATTERNS = [
    r"[A-Za-z]+|[0-9]+", r"[A-Za-z]+(?:'[a-z]+)?", r"a*|b", r"(?<=[a-z])[0-9]?", r"x*", r"\S+", r".",
    r"(?s)..", r"[^\W\d_]{2,}", r"(?i)A|B", "[\u4e00-\u9fff]", r"\b", r"$", r"(a)|(b)", r"(?=a)",
]
REGEX_TEXTS = [
    "", "abc 123 a1b2", "it's o'clock", "aab b  ba", "x", "xxyxx", "caf\u00e9 na\u00efve \u0391\u03b2\u03b3",
    "\u4e2d\u6587 mixed \u5206", "line\nbreak\n", "\U0001f600a\U0001f600", "b" * 50,
]


def unicode_words(text):
    segments = list(wordbreak.words(text))
    assert "".join(segments) == text
    return [s for s in segments if any(unicodedata.category(c)[0] in "LN" for c in s)]


def word_break_test():
    lines = []
    for line in (UNICODE_DATA / "auxiliary/WordBreakTest.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            lines.append(line.split("#")[0].strip().replace("\u00f7", "/").replace("\u00d7", "+").replace(" ", ""))
    return lines


def members(path):
    with lzma.open(path) as raw, tarfile.open(fileobj=raw, mode="r|") as archive:
        for member in archive:
            if member.isfile():
                yield member.name, archive.extractfile(member).read()


def digest(path, encoding):
    sha, n_tokens, distinct, texts = hashlib.sha256(), 0, set(), {}
    for name, data in members(path):
        texts[name] = data.decode(encoding)
        tokens = texts[name].split()
        n_tokens += len(tokens)
        distinct.update(tokens)
        sha.update("".join(token + "\n" for token in tokens).encode("utf-8"))
    return {"sha256": sha.hexdigest(), "n_tokens": n_tokens, "n_distinct": len(distinct)}, texts


def study_a(texts, glove):
    """Study A's subset in name order (numbers as numbers): the first 5,000 of the permuted train rows,
    neg before pos."""
    names = [n for n in texts if re.match(r"aclImdb/train/(neg|pos)/", n)]
    names.sort(key=lambda n: (n.split("/")[2], [int(x) for x in re.findall(r"\d+", n.split("/")[3])]))
    rows = [texts[names[i]].lower().split() for i in np.random.default_rng(42).permutation(25000)[:5000]]
    counts = {}
    for row in rows:
        for token in row:
            counts[token] = counts.get(token, 0) + 1
    order = sorted(counts, key=lambda w: (w not in glove, -counts[w], w.encode("utf-8")))
    return {"distinct": len(counts), "found": sum(w in glove for w in counts), "longest": max(map(len, rows)),
            "vocabulary_sha256": hashlib.sha256("".join(w + "\n" for w in order).encode("utf-8")).hexdigest(),
            "first_words": order[:20]}


def main():
    points = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    golden = {
        "versions": {"unicode": "15.0.0", "uniseg": uniseg.__version__},
        "space_points": [c for c in points if len(("a" + chr(c) + "b").split()) == 2],
        "texts": [{"text": t, "whitespace": t.split(), "unicode": unicode_words(t)} for t in TEXTS],
        "regex": [{"pattern": p, "cases": [{"text": t, "tokens": [m[0] for m in re.finditer(p, t) if m[0]]}
                                           for t in REGEX_TEXTS]} for p in PATTERNS],
        "word_break_test": word_break_test(),
    }
    with open("words.json", "w", encoding="ascii") as file:
        json.dump(golden, file, indent=0, sort_keys=True)
        file.write("\n")
    data = os.environ.get("ASSAY_TEST_DATA")
    if not data:
        print("ASSAY_TEST_DATA is not set: words_digests.json is not made", file=sys.stderr)
        return
    with lzma.open(data + "/glove/glove.6B.50d.txt.xz", "rt", encoding="utf-8", newline="\n") as file:
        glove = {line.split(" ", 1)[0] for line in file}
    imdb, texts = digest(data + "/imdb/aclImdb-labelled.tar.xz", "utf-8")
    news, _ = digest(data + "/20news/20news-bydate.tar.xz", "latin-1")
    with open("words_digests.json", "w", encoding="utf-8") as file:
        json.dump({"imdb": imdb, "20news": news, "glove_words": len(glove), "study_a": study_a(texts, glove)}, file,
                  indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
