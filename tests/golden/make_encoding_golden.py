#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes encoding.json: what Python's codecs make of bytes, with errors="replace". Needs no package;
run in this folder: python3 make_encoding_golden.py

bytes: every byte alone in the two one-byte encodings, as the UTF-8 of what it decodes to, in hex.
examples: ill-formed UTF-8 of the Unicode Standard 3.9 and others, with what they become.
exhaustive: the SHA-256 over the UTF-8 of every sequence of one to four of `alphabet` (the bytes at
which the ranges of well-formed UTF-8 begin and end), in lexicographic order, a line feed after
each."""

import hashlib
import itertools
import json

ALPHABET = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
            0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]

EXAMPLES = [
    b"", b"plain", b"na\xc3\xafve", b"caf\xe9", b"\xc0\xaf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", b"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42",
    b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
    b"\xe2\x82", b"\xf0\x9f\x98", b"a\xf0\x9f\x98\x80b\xf0\x9f\x98c", b"\xef\xbb\xbfmark", b"a\x00b",
]


def decoded(data, encoding):
    return data.decode(encoding, errors="replace").encode("utf-8")


def exhaustive():
    digest = hashlib.sha256()
    for n in range(1, 5):
        for letters in itertools.product(ALPHABET, repeat=n):
            digest.update(decoded(bytes(letters), "utf-8") + b"\n")
    return digest.hexdigest()


golden = {
    "bytes": {
        "latin-1": [decoded(bytes([b]), "latin-1").hex() for b in range(256)],
        "windows-1252": [decoded(bytes([b]), "cp1252").hex() for b in range(256)],
    },
    "examples": [{"bytes": e.hex(), "text": decoded(e, "utf-8").hex()} for e in EXAMPLES],
    "exhaustive": {"alphabet": ALPHABET, "sha256": exhaustive()},
}
with open("encoding.json", "w") as file:
    json.dump(golden, file)
    file.write("\n")
