#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes wordpiece.json: what Hugging Face's tokenizers 0.23.3 give.

    ASSAY_TEST_DATA=FOLDER make_wordpiece_golden.py [OUT]

`configurations`: tokenizer.json documents with own small vocabularies, texts, ids and offsets.
`digests`: SHA-256 over ids (int32, little-endian, each text's followed by -1) and over offsets
(uint32 begin and end in bytes of the UTF-8 text; special tokens 0, 0), of
    imdb, 20newsgroups   every text by ascending path, [CLS] and [SEP] around it, bert-base-uncased
    alone, inside        every Unicode scalar value c as a text; as the text "a" c "b"; same tokenizer
    scalars_*            the scalar values 64 at a time, blanks between, alone and then inside; the
                         vocabulary is [UNK] and, for each scalar value from U+0021 to U+1FFFF and
                         U+2F800 to U+2FA1F, itself and "##" with it
A case with `repeat` is its text that many times; it has digests in place of ids."""
import hashlib
import io
import json
import lzma
import os
import pathlib
import random
import re
import sys
import tarfile

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

VERSION = "0.23.3"
SCALARS = [i for i in range(0x110000) if not 0xD800 <= i <= 0xDFFF]


class Digest:
    def __init__(self):
        self.ids, self.offsets, self.n_texts, self.n_ids = hashlib.sha256(), hashlib.sha256(), 0, 0

    def add(self, text, encoding):
        self.n_texts += 1
        self.n_ids += len(encoding.ids)
        self.ids.update(b"".join(i.to_bytes(4, "little") for i in encoding.ids) + b"\xff" * 4)
        self.offsets.update(b"".join(i.to_bytes(4, "little") for span in in_bytes(text, encoding)
                                     for i in span))

    def result(self):
        return {"texts": self.n_texts, "ids": self.n_ids, "ids_sha256": self.ids.hexdigest(),
                "offsets_sha256": self.offsets.hexdigest()}


def in_bytes(text, encoding):
    if text.isascii():
        return encoding.offsets
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    return [(at[begin], at[end]) for begin, end in encoding.offsets]


def digest(tokenizer, texts):
    result = Digest()
    for at in range(0, len(texts), 1000):
        part = texts[at:at + 1000]
        for text, encoding in zip(part, tokenizer.encode_batch(part), strict=True):
            result.add(text, encoding)
    return result.result()


# ---- configurations ------------------------------------------------------------------------------

def added(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True} | flags


def document(tokens, lower=True, strip=None, chinese=True, clean=True, more=(), template="template",
             limit=100, prefix="##", normalizer=True):
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + tokens
    ids = {token: i for i, token in enumerate(tokens)}
    assert len(ids) == len(tokens)
    post = {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")}}
    if template == "bert":
        post = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(i, t) for i, t in enumerate(tokens[:5])] + list(more),
            "normalizer": normalizer and {"type": "BertNormalizer", "clean_text": clean,
                                          "handle_chinese_chars": chinese, "strip_accents": strip,
                                          "lowercase": lower},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": post if template else None, "decoder": None,
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": prefix,
                      "max_input_chars_per_word": limit, "vocab": ids}}


WORDS = ["un", "##aff", "##able", "the", "quick", "brown", "fox", "jump", "##s", "##ed", "over", "lazy",
         "dog", "naive", "na\u00efve", "cafe", "caf\u00e9", "istanbul", "i", "##\u0307", "\u4e2d", "\u56fd",
         "##\u4e2d", "##\u56fd", ".", ",", "!", "?", "-", "'", "[", "]", "#", "##x", "a", "b", "##b", "o",
         "##o", "mask", "sep", "cls", "\u03c3", "##\u03c3", "\u03b1", "##\u03c2", "\u1100", "##\u1161",
         "##\u11a8", "\uac00", "The", "QUICK", "\ufffd", "e", "##e", "\u20ac", "\u2026", "1", "##2", "##3"]

TEXTS = [
    "", " ", "\t\n\r ", "The quick brown fox jumped over the lazy dog.", "unaffable", "UNAFFABLE!",
    "na\u00efve nai\u0308ve NA\u00cfVE cafe\u0301 caf\u00e9", "\u0130stanbul \u0130", "\u4e2d\u56fd a\u4e2db",
    "\u03b1\u03c3 \u0391\u03a3", "\uac00\uac01", "[MASK] [mask] a[SEP]b [[CLS]] [UNK][PAD]", "[MAS[MASK]K]",
    "a" * 100, "a" * 101, "o" * 99 + " " + "o" * 101, "a\u200bb a\u00adb a\u0001b a\x7fb", "a\u00a0b\u3000c\u2028d",
    "e\u0323\u0302 e\u0302\u0323", "\u0301a", "a\u0344\u0323b", "\U0001d165\U0001d16d", "\u302e\u0323\u302fa",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f", "\ufffd a\ufffdb", "123 12.3", "it's a-b",
    "\uf900\u2f81a", "\u00df\u1e9e \ufb01 \u01c5", "the THE The", "fox\u2026fox \u20ac1", "##x #x x",
    "\x0b\x0c\x1c\x85the", "a b", "a  b", "A B", "  <ctx>  a<ctx>b <CTX> ", "newtok newtoken NEWTOK", "o o",
]

INVALID = [b"a\xffb", b"\xc3", b"the\xe2\x82 the", b"\xf0\x9f\x98", b"\xed\xa0\x80x", b"\xc0\xaf\xe0\x80\xaf",
           b"\xf4\x90\x80\x80", b"a\x00b \x00", b"\x80fox\x80\x80", b"caf\xe9 caf\xc3\xa9"]


def random_texts(n):
    """Marks, decomposing characters, Hangul, ASCII and signs in any order."""
    rng = random.Random(42)
    pools = [list(range(0x300, 0x370)), list(range(0xC0, 0x250)), list(range(0xAC00, 0xAC80)),
             list(range(0x1100, 0x1200)), list(range(0x591, 0x5C8)), list(range(0xF71, 0xF85)),
             list(range(1, 128)), [0x130, 0x3A3, 0x1D165, 0x1D16D, 0x302E, 0x4E00, 0xF900, 0x200D, 0x344],
             list(range(0x1E00, 0x2000)), list(range(0x64B, 0x660)), [0x20], [0x61, 0x62, 0x6F]]
    return ["".join(chr(rng.choice(rng.choice(pools))) for _ in range(rng.randint(1, 24)))
            for _ in range(n)]


def configurations():
    single = [chr(c) for c in range(33, 127) if chr(c) not in WORDS] + ["\u0323", "\u0302", "##\u0302", "##\u0323"]
    tokens = WORDS + single + ["##" + chr(c) for c in range(97, 123) if "##" + chr(c) not in WORDS]
    n = len(tokens) + 5
    more = [added(n, "<ctx>", lstrip=True, rstrip=True), added(n + 1, "newtok", special=False, normalized=True),
            added(n + 2, "a b", special=False, normalized=True, single_word=True),
            added(n + 3, "o", special=False, single_word=True, rstrip=True)]
    more[3]["id"] = tokens.index("o") + 5
    return {
        "uncased": document(tokens),
        "cased": document(tokens, lower=False, strip=False, template="bert"),
        "lower_with_accents": document(tokens, strip=False),
        "accents_stripped_alone": document(tokens, lower=False, strip=True),
        "chinese_together": document(tokens, chinese=False),
        "not_cleaned": document(tokens, clean=False, template=None),
        "no_normalizer": document(tokens, normalizer=None),
        "short_words": document(tokens, limit=4),
        "own_prefix": document([t.replace("##", "@@") if t not in "##" else t for t in tokens], prefix="@@"),
        "own_tokens": document(tokens, more=more),
    }


def case(tokenizer, text, raw=None, repeat=0):
    shown = {"text": text} if raw is None and "\0" not in text else \
        {"hex": (raw if raw is not None else text.encode()).hex()}
    if repeat:
        return shown | {"repeat": repeat} | digest(tokenizer, [text * repeat])
    encoding = tokenizer.encode(text)
    result = shown | {"ids": encoding.ids}
    if raw is None: # offsets of invalid text have no counterpart in the replaced one
        result["offsets"] = [i for span in in_bytes(text, encoding) for i in span]
    return result


def cases(name, tokenizer):
    result = [case(tokenizer, text) for text in TEXTS + random_texts(25)]
    result += [case(tokenizer, raw.decode(errors="replace"), raw) for raw in INVALID]
    for text, repeat in [("o", 10000), ("\u0301", 20000), ("e\u0323\u0302", 5000)]:
        result.append(case(tokenizer, text, repeat=repeat))
    if name in ("uncased", "cased"):
        for text in ["o", "the quick ", "\u4e2d", "\u0302\u0323"]:
            result.append(case(tokenizer, text, repeat=10_000_000 // len(text.encode())))
    for limit in (2, 3, 7):
        text = TEXTS[3]
        tokenizer.enable_truncation(limit)
        if name != "not_cleaned":
            result.append(case(tokenizer, text) | {"max_tokens": limit})
        tokenizer.no_truncation()
    return result


# ---- digests -------------------------------------------------------------------------------------

def corpus(path, encoding, pattern):
    with tarfile.open(path) as tar:
        texts = {m.name: tar.extractfile(m).read().decode(encoding) for m in tar
                 if m.isfile() and re.search(pattern, m.name)}
    return [texts[name] for name in sorted(texts, key=str.encode)]


def scalar_tokenizer(lower, strip, chinese):
    tokens = ["[UNK]"]
    for i in [*range(0x21, 0x20000), *range(0x2F800, 0x2FA20)]:
        if not 0xD800 <= i <= 0xDFFF:
            tokens += [chr(i), "##" + chr(i)]
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]",
                                           max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([AddedToken("[UNK]", normalized=False, special=True)])
    return tokenizer


def digests(data):
    with lzma.open(data / "vocab/bert-base-uncased-tokenizer.json.xz") as file:
        bert = Tokenizer.from_str(file.read().decode())
    chunks = [SCALARS[at:at + 64] for at in range(0, len(SCALARS), 64)]
    packed = [" ".join(chr(i) for i in chunk) for chunk in chunks]
    packed += [" ".join("a" + chr(i) + "b" for i in chunk) for chunk in chunks]
    result = {
        "imdb": digest(bert, corpus(data / "imdb/aclImdb-labelled.tar.xz", "utf-8",
                                    r"/(train|test)/(neg|pos)/[^/]+$")),
        "20newsgroups": digest(bert, corpus(data / "20news/20news-bydate.tar.xz", "latin-1", "/")),
        "alone": digest(bert, [chr(i) for i in SCALARS]),
        "inside": digest(bert, ["a" + chr(i) + "b" for i in SCALARS]),
    }
    for name, rule in {"uncased": (True, True, True), "cased": (False, False, True),
                       "accents": (True, False, True), "together": (False, True, False)}.items():
        result["scalars_" + name] = dict(zip(("lower_case", "strip_accents", "split_chinese"), rule)) \
            | digest(scalar_tokenizer(*rule), packed)
    return result


def dump(golden):
    """One line a case."""
    out = io.StringIO()
    out.write('{\n"made_by": %s,\n"digests": %s,\n"configurations": [' %
              (json.dumps(golden["made_by"]), json.dumps(golden["digests"], indent=1)))
    for i, part in enumerate(golden["configurations"]):
        out.write('%s\n{"name": %s,\n"tokenizer": %s,\n"cases": [\n' %
                  ("," if i else "", json.dumps(part["name"]), json.dumps(part["tokenizer"])))
        out.write(",\n".join(json.dumps(c) for c in part["cases"]) + "\n]}")
    return out.getvalue() + "\n]}\n"


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("wordpiece.json")
    assert tokenizers.__version__ == VERSION, "wants tokenizers " + VERSION
    parts = []
    for name, tokenizer in configurations().items():
        made = Tokenizer.from_str(json.dumps(tokenizer))
        parts.append({"name": name, "tokenizer": tokenizer, "cases": cases(name, made)})
    out.write_text(dump({"made_by": "tokenizers " + VERSION, "configurations": parts,
                         "digests": digests(pathlib.Path(os.environ["ASSAY_TEST_DATA"]))}))


if __name__ == "__main__":
    main()
