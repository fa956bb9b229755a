#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hugging Face tokenizers' encode_batch on the texts that bench_wordpiece is given.

    peer_tokenizers.py texts ARCHIVE OUT [MEGABYTES]  labelled texts of IMDB's archive, a NUL byte behind
                                                      each; the first ones, about so many bytes
    peer_tokenizers.py encode TOKENIZER TEXTS [REPEAT]

encode prints a line of JSON as bench_wordpiece does. Threads: RAYON_NUM_THREADS and
TOKENIZERS_PARALLELISM, which must be set before this starts."""
import json
import lzma
import os
import sys
import tarfile
import time

import tokenizers


def write_texts(archive, out, megabytes=1e9):
    with tarfile.open(archive) as tar, open(out, "wb") as file:
        for member in tar:
            if file.tell() >= megabytes * 1e6:
                break
            if member.isfile() and "_" in os.path.basename(member.name):
                file.write(tar.extractfile(member).read().replace(b"\0", b" ") + b"\0")


def encode(tokenizer_path, texts_path, repeat=1):
    opened = lzma.open if tokenizer_path.endswith(".xz") else open
    with opened(tokenizer_path, "rb") as file:
        tokenizer = tokenizers.Tokenizer.from_str(file.read().decode())
    with open(texts_path, "rb") as file:
        data = file.read()
    texts = data.decode().split("\0")[:-1]
    best, n_ids = float("inf"), 0
    for _ in range(repeat):
        start = time.perf_counter()
        n_ids = 0
        for at in range(0, len(texts), 1000):
            n_ids += sum(len(e.ids) for e in tokenizer.encode_batch(texts[at:at + 1000]))
        best = min(best, time.perf_counter() - start)
    print(json.dumps({"bytes": len(data), "ids": n_ids,
                      "threads": int(os.environ.get("RAYON_NUM_THREADS", os.cpu_count())),
                      "seconds": round(best, 6), "mb_per_s": round(len(data) / best / 1e6, 4)}))


if __name__ == "__main__":
    if sys.argv[1] == "texts":
        write_texts(sys.argv[2], sys.argv[3], *(float(n) for n in sys.argv[4:]))
    else:
        encode(sys.argv[2], sys.argv[3], *(int(n) for n in sys.argv[4:]))
