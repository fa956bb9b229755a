# SPDX-License-Identifier: MIT
"""assay predict gives the texts of a run's test split the labels and probabilities (to 1e-6) that the
run gave them: every word-level tokenizer and WordPiece, each with cleaning, TF-IDF weights, texts
that are cut or padded, frozen layers; on generated texts and, where ASSAY_TEST_DATA is, on 300 texts
of IMDB; from a file, and through a pipe line by line.

    ASSAY=build/assay ASSAY_PLUGIN_PATH=build/plugins ASSAY_SUITE_PATH=suites python3 predict.py BACKEND...
"""
import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import tarfile
import tempfile

ASSAY = os.environ["ASSAY"]
BOUND = 1e-6
WORDS = ("good bad fine awful café naïve don't it's 中国 <br/> 3.14 the a of and "
         "mother-in-law HELLO World &amp; ... x").split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "fine", "the", "a", "of", "and", "hello",
              "world", "##s", "x", "##x", "mother", "in", "law", "-", ".", "3", "14", "br"]


def make_folder(folder):
    """A data set of folders with texts that have everything but line breaks."""
    draw = random.Random(7)
    texts = {}
    for split, count in (("train", 60), ("test", 40)):
        for label in ("neg", "pos"):
            (folder / split / label).mkdir(parents=True)
            for i in range(count):
                text = " ".join(draw.choices(WORDS, k=draw.randrange(1, 60)))
                if i % 13 == 0:
                    text = ("", "  ", "!!!", "<p></p>")[i // 13 % 4]
                texts[split, label, f"{i:03}.txt"] = text
                (folder / split / label / f"{i:03}.txt").write_text(text, encoding="utf-8")
    manifest = folder / "made.json"
    manifest.write_text(json.dumps({
        "schema_version": 1, "name": "made", "kind": "dataset", "license": "CC0-1.0", "citation": None,
        "sources": [], "reader": {"format": "folders", "suffix": ".txt"},
        "splits": {"train": "train", "test": "test"}, "labels": ["neg", "pos"]}))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return canonical(texts)


def canonical(texts):
    """Texts by their index: split, label, name in byte order."""
    def key(place):
        split, label, name = place
        return ("train", "test").index(split), ("neg", "pos").index(label), name.encode()
    return [texts[place] for place in sorted(texts, key=key)]


def read_imdb(path):
    texts = {}
    with tarfile.open(path) as archive:
        for member in archive:
            parts = member.name.split("/")
            if member.isfile() and len(parts) == 4 and parts[2] in ("neg", "pos"):
                texts[parts[1], parts[2], parts[3]] = archive.extractfile(member).read().decode()
    return canonical(texts)


def suite(data, vocabulary, backends):
    small = {"embedding": 8, "hidden": 6}
    bert = {"layers": 1, "heads": 2, "dim": 12, "hidden_dim": 16, "positions": 24}

    def entry(name, model, options, tokenizer, **fields):
        return {"name": name, "model": model, "options": options,
                "tokenizer": {"vocab_size": 500, **tokenizer} if tokenizer["kind"] != "wordpiece" else tokenizer,
                **fields}
    pieces = {"kind": "wordpiece", "vocabulary": vocabulary}
    return {
        "schema_version": 1, "name": "kept", "data": {**data, "cleaning": ["strip_html", "lower"]},
        "defaults": {"max_tokens": 24, "training": {"epochs": 1, "batch": 16, "lr": 0.01}},
        "entries": [
            entry("words", "gru", small, {"kind": "words"}),
            entry("whitespace", "lstm", small, {"kind": "whitespace"}, cleaning=["unescape_html"]),
            entry("unicode", "bilstm_attention", small, {"kind": "unicode"}, cleaning=[]),
            entry("regex", "rnn", small, {"kind": "regex", "pattern": "[\\p{L}']+|[0-9]+"}),
            entry("weighted", "gru", {**small, "token_weights": True}, {"kind": "words"},
                  token_weights={"kind": "tfidf", "sublinear": True}),
            entry("padded", "gru", small, {"kind": "words", "padding": "max_tokens"}),
            entry("pieces", "distilbert", bert, pieces),
            entry("frozen", "distilbert", bert, pieces, strategy={"kind": "freeze"}, training={"epochs": 3}),
            entry("gradual", "bert", bert, pieces, strategy={"kind": "gradual"}, training={"epochs": 3}),
            entry("bare", "bert", bert, {**pieces, "special_tokens": False, "lower_case": False}),
        ],
        "backends": backends, "seeds": [1], "measure": {"scenarios": [], "seconds": 0.01},
        "checkpoint": {"keep": True}}


def rows_of(cell):
    """Test rows of a finished cell: index, predicted label, probability of each class."""
    with open(cell / "predictions.csv", encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    where = {name: i for i, name in enumerate(head)}
    labels = ["neg", "pos"]
    return [(int(row[where["index"]]), labels[int(row[where["predicted"]])],
             [float(p) for p in row[where["predicted"] + 1:]]) for row in rows if row[0] == "test"]


def predict(cell, lines, *arguments):
    done = subprocess.run([ASSAY, "predict", str(cell), "--json", *arguments], input=lines, check=True,
                          stdout=subprocess.PIPE)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(rows, answers, name):
    assert len(rows) == len(answers), (name, len(rows), len(answers))
    largest, empty = 0, 0
    for (index, label, probabilities), answer in zip(rows, answers):
        if answer["label"] is None:
            assert answer["probabilities"] is None and answer["tokens"] == 0, answer
            empty += 1
            continue
        assert answer["label"] == label, (name, index, answer, label)
        largest = max(largest, max(abs(p - q) for p, q in
                                   zip(probabilities, answer["probabilities"].values(), strict=True)))
    assert largest <= BOUND, (name, largest)
    return largest, empty


def line_by_line(cell, lines, answers):
    """Each line is answered before the next one is written."""
    with subprocess.Popen([ASSAY, "predict", str(cell), "--json"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        for line, answer in zip(lines, answers):
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            found = json.loads(process.stdout.readline())
            assert found["index"] == answer["index"] and found["label"] == answer["label"], (found, answer)
        process.stdin.close()
        assert process.wait() == 0


def check_run(folder, data, vocabulary, texts, backends, expect_empty):
    run = folder / "run"
    (folder / "kept.json").write_text(json.dumps(suite(data, vocabulary, backends)))
    subprocess.run([ASSAY, "run", str(folder / "kept.json"), "--out", str(run), "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    for cell in sorted((run / "cells").iterdir()):
        rows = rows_of(cell)
        lines = [texts[index].encode() for index, _, _ in rows]
        file = folder / "texts.txt"
        file.write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines) + b"\n")
        answers = predict(cell, b"", str(file))
        assert [answer["index"] for answer in answers] == list(range(len(rows)))
        largest, empty = compare(rows, answers, cell.name)
        piped, _ = compare(rows, predict(cell, b"\r\n".join(lines), "--threads", "1"), cell.name)
        assert (empty > 0) == expect_empty, (cell.name, empty)
        assert any(answer["truncated"] for answer in answers), cell.name
        line_by_line(cell, lines[:8], answers)
        print(f"{cell.name}: {len(rows)} texts, {empty} of them empty, probabilities differ by at most "
              f"{max(largest, piped):.2g}", flush=True)


def main():
    backends = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        texts = make_folder(folder)
        check_run(folder, {"resource": str(folder / "made.json"), "path": str(folder),
                           "validation": {"share": 0.2}}, str(folder / "vocab.txt"), texts, backends, True)
    data = os.environ.get("ASSAY_TEST_DATA")
    if not data:
        if os.environ.get("CI") == "true":
            sys.exit("ASSAY_TEST_DATA is not set, though CI is")
        print("skipped IMDB: ASSAY_TEST_DATA is not set")
        return
    archive = os.path.join(data, "imdb/aclImdb-labelled.tar.xz")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_run(folder, {"resource": "imdb", "path": archive,
                           "subset": {"train": 200, "validation": 50, "test": 300}},
                  os.path.join(data, "vocab/bert-base-uncased-vocab.txt.xz"), read_imdb(archive), backends[:1],
                  False)


if __name__ == "__main__":
    main()
