#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes bert_classes.c and bert_decompositions.c: what Hugging Face's tokenizers (0.23.3) take each
Unicode scalar value for. Their crates hold tables of several Unicode versions (categories and decompositions older
than case and white space, which are the Rust compiler's), so every property is asked of the library
itself, value by value, and no other Unicode table is used.

    python3 make_bert_tables.py [FOLDER]      # default: beside this script
"""
import pathlib
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

VERSION = "0.23.3"
SCALARS = [i for i in range(0x110000) if not 0xD800 <= i <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic (Unicode 3.12)
FLAGS = ["DROP", "BLANK", "CHINESE", "MARK", "PUNCTUATION", "SPACE", "WORD", "DECOMPOSES"]
FLAT = 0x20000


def bert(**on):
    names = {"clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}
    return normalizers.BertNormalizer(**{name: name in on for name in names}).normalize_str


def word_characters():
    """What the flag single_word takes for part of a word."""
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "Q": 1}, unk_token="[UNK]"))
    tokenizer.add_tokens([AddedToken("Q", single_word=True, normalized=False)])
    return {i for i in SCALARS if chr(i) == "Q" or 1 not in tokenizer.encode(chr(i) + "Q").ids}


def combining_classes(nfd, decomposed):
    """Ranks of the canonical combining classes (0: starter): the order is all that matters."""
    def swapped(a, b):
        return a != b and nfd(chr(a) + chr(b)) == chr(b) + chr(a)

    low, high = 0x334, 0x345  # classes 1 and 240
    marks = [i for i in SCALARS if i not in decomposed and
             (i in (low, high) or swapped(i, low) or swapped(high, i) or swapped(low, i))]
    classes = [[low]]
    for mark in marks:
        at = 0
        while at < len(classes) and swapped(mark, classes[at][0]):
            at += 1
        if at < len(classes) and not swapped(classes[at][0], mark):
            if mark != low:
                classes[at].append(mark)
        else:
            classes.insert(at, [mark])
    for first, second in zip(classes, classes[1:]):
        assert swapped(second[0], first[0])
    return {mark: rank + 1 for rank, marks in enumerate(classes) for mark in marks}


def decompositions(nfd):
    """Pairs (first, second or 0), applied to the first again and again."""
    full = {i: [ord(c) for c in nfd(chr(i))] for i in SCALARS
            if i not in HANGUL and nfd(chr(i)) != chr(i)}
    whole = {tuple(v): k for k, v in full.items() if len(v) > 1}
    pairs = {}
    for i, parts in full.items():
        first = parts[0] if len(parts) < 3 else whole[tuple(parts[:-1])]
        pairs[i] = (first, parts[-1] if len(parts) > 1 else 0)
    return full, pairs


def classify():
    clean, chinese = bert(clean_text=1), bert(handle_chinese_chars=1)
    strip, lower = bert(strip_accents=1), bert(lowercase=1)
    nfd = normalizers.NFD().normalize_str
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    full, pairs = decompositions(nfd)
    ranks = combining_classes(nfd, set(full) | set(HANGUL))
    words = word_characters()
    rows = []
    for i in range(0x110000):
        if 0xD800 <= i <= 0xDFFF:
            rows.append((0, 0, 0))
            continue
        c = chr(i)
        parts = len(split("a" + c + "b"))
        lowered = lower(c)
        assert chinese(c) in (c, " " + c + " ") and clean(c) in (c, "", " ")
        assert len(lowered) == 1 or (i == 0x130 and lowered == "i\u0307")
        if i not in full and i not in HANGUL:
            assert strip(c) in (c, "")
        delta = ord(lowered[0]) - i
        assert not delta or parts == 1
        on = [clean(c) == "", clean(c) == " ", chinese(c) != c, i not in full and strip(c) == "",
              parts == 3, parts == 2, i in words, i in full]
        rows.append((sum(bit << n for n, bit in enumerate(on)), ranks.get(i, 0), delta))
    for i, parts in full.items():
        assert strip(chr(i)) == "".join(chr(p) for p in parts if not rows[p][0] & 8), hex(i)
    return rows, pairs


def wrapped(items, width=100):
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > width:
            lines.append(line)
            line = "   "
        line += " " + item + ","
    return "\n".join(lines + [line])


HEAD = """/* SPDX-License-Identifier: MIT */
/* Made by make_bert_tables.py from Hugging Face tokenizers %s; do not edit.%s */
#include "data/tokenizers/bert_characters.h"

/* clang-format off */
"""


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    assert tokenizers.__version__ == VERSION, "wants tokenizers " + VERSION
    rows, pairs = classify()
    kinds = {}
    index = [kinds.setdefault(row, len(kinds)) for row in rows]
    assert len(kinds) <= 256
    starts = [i for i in range(0x110000) if i in (0, FLAT) or index[i] != index[i - 1]]
    runs = [(starts[n], (starts + [0x110000])[n + 1], index[start]) for n, start in enumerate(starts)]
    flat = [f"{{{end - start}, {kind}}}" for start, end, kind in runs if start < FLAT]
    rest = [f"{{0x{start:X}, {kind}}}" for start, _, kind in runs if start >= FLAT]
    bits = [f"{{{row[0]}, {row[1]}, {row[2]}}}" for row in kinds]
    text = HEAD % (VERSION, "\n * Classes of characters.")
    text += "const as_bert_class as_bert_classes[] = {\n" + wrapped(bits) + "\n};\n\n"
    text += "/* Runs of one class from U+0000 on: length, class. */\n"
    text += "const as_bert_run as_bert_runs[] = {\n" + wrapped(flat) + "\n};\n"
    text += "const size_t as_bert_n_runs = sizeof as_bert_runs / sizeof as_bert_runs[0];\n\n"
    text += "/* From U+20000 on: first character, class. */\n"
    text += "const as_bert_far_run as_bert_far_runs[] = {\n" + wrapped(rest) + "\n};\n"
    text += "const size_t as_bert_n_far_runs = sizeof as_bert_far_runs / sizeof as_bert_far_runs[0];\n"
    (folder / "bert_classes.c").write_text(text)
    body = [f"{{0x{i:X}, 0x{a:X}, 0x{b:X}}}" if b else f"{{0x{i:X}, 0x{a:X}, 0}}"
            for i, (a, b) in sorted(pairs.items())]
    text = HEAD % (VERSION, "\n * Canonical decompositions: character, first, second or 0.")
    text += "const as_bert_pair as_bert_pairs[] = {\n" + wrapped(body) + "\n};\n"
    text += "const size_t as_bert_n_pairs = sizeof as_bert_pairs / sizeof as_bert_pairs[0];\n"
    (folder / "bert_decompositions.c").write_text(text)


if __name__ == "__main__":
    main()
