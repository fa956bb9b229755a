# SPDX-License-Identifier: MIT
"""What assay trains, others load: on 200 texts of IMDB's test split the logits of

    distilbert, bert       transformers' AutoModelForSequenceClassification and AutoTokenizer on the
                           folder of `assay export --format huggingface`
    lstm, gru, bilstm_attention
                           torch modules with the names of assay-export(1), strictly loaded from
                           `assay export --format safetensors`, on ids by its vocab.txt

equal those of `assay predict` to 1e-4, with f32 on assay's side and torch's alike; no key is missing
or unexpected, and loading warns of nothing. The models are small and trained for a few steps; the two
of transformers begin with weights that it drew itself, ten times as wide as BERT's, so that the logits
of different texts differ.

    ASSAY=build/assay ASSAY_PLUGIN_PATH=build/plugins ASSAY_SUITE_PATH=suites ASSAY_TEST_DATA=FOLDER \\
        python3 compare_with_transformers.py [BACKEND]
"""
import json
import logging
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import warnings

import torch
import transformers
from safetensors.torch import load_file

ASSAY = os.environ["ASSAY"]
DATA = pathlib.Path(os.environ["ASSAY_TEST_DATA"])
IMDB = DATA / "imdb/aclImdb-labelled.tar.xz"
VOCABULARY = DATA / "vocab/bert-base-uncased-vocab.txt.xz"
BOUND = 1e-4
N_TEXTS = 200


def read_texts():
    """Every 125th text of the test split."""
    texts = {}
    with tarfile.open(IMDB) as archive:
        for member in archive:
            parts = member.name.split("/")
            if member.isfile() and len(parts) == 4 and parts[1] == "test" and parts[2] in ("neg", "pos"):
                texts[member.name] = archive.extractfile(member).read().decode()
    names = sorted(texts)
    return [texts[name] for name in names[::len(names) // N_TEXTS]][:N_TEXTS]


def draw_weights(folder):
    """Folders with initial weights, as transformers writes them."""
    torch.manual_seed(1)
    sizes = {"vocab_size": 30522, "initializer_range": 0.2, "max_position_embeddings": 128}
    transformers.DistilBertForSequenceClassification(transformers.DistilBertConfig(
        n_layers=2, n_heads=4, dim=64, hidden_dim=96, **sizes)).save_pretrained(folder / "distilbert")
    transformers.BertForSequenceClassification(transformers.BertConfig(
        num_hidden_layers=2, num_attention_heads=4, hidden_size=64, intermediate_size=96,
        **sizes)).save_pretrained(folder / "bert")


def suite(backend, weights):
    bert = {"layers": 2, "heads": 4, "dim": 64, "hidden_dim": 96, "positions": 128}
    return {
        "schema_version": 1, "name": "exported",
        "data": {"resource": "imdb", "path": str(IMDB), "subset": {"train": 320, "validation": 40, "test": 40}},
        "defaults": {"max_tokens": 100, "tokenizer": {"kind": "wordpiece", "vocabulary": str(VOCABULARY)},
                     "training": {"epochs": 1, "batch": 16, "lr": 0.001, "optimizer": "adamw"}},
        "entries": [
            {"name": "distilbert", "model": "distilbert", "options": bert, "weights": str(weights / "distilbert")},
            {"name": "bert", "model": "bert", "options": bert, "weights": str(weights / "bert"),
             "cleaning": ["lower"],
             "tokenizer": {"kind": "wordpiece", "vocabulary": str(VOCABULARY), "lower_case": False}},
            *({"name": name, "model": name, "options": options, "cleaning": ["lower"],
               "tokenizer": {"kind": "words", "vocab_size": 3000}} for name, options in WORD_LEVEL.items())],
        "backends": [backend], "seeds": [1], "measure": {"scenarios": []}, "checkpoint": {"keep": True}}


def run(*arguments, **options):
    return subprocess.run([ASSAY, *map(str, arguments)], check=True, **options)


def logits_of(cell, texts):
    """assay's, of texts that have no line breaks."""
    lines = "".join(text + "\n" for text in texts).encode()
    done = run("predict", cell, "--json", "--logits", input=lines, stdout=subprocess.PIPE)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(texts) and sum(answer["truncated"] for answer in answers) > 20
    return torch.tensor([list(answer["logits"].values()) for answer in answers], dtype=torch.float64)


def report(name, ours, theirs):
    largest = (ours - theirs).abs().max().item()
    spread = theirs.std(dim=0).max().item()
    print(f"{name}: {len(ours)} texts, logits {theirs.min():.4f} .. {theirs.max():.4f} (deviation {spread:.4f}), "
          f"differ by at most {largest:.3g}")
    assert torch.isfinite(theirs).all() and spread > 1e-3, "the logits say nothing"
    assert largest <= BOUND, name
    assert (ours.argmax(1) == theirs.argmax(1)).all(), name


# ---- transformers ----------------------------------------------------------------------------------

class Collect(logging.Handler):
    """Warnings of transformers' own log."""
    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


def check_huggingface(cell, folder, texts, cleaned):
    run("export", cell, "--format", "huggingface", "--out", folder, stdout=subprocess.DEVNULL)
    collect = Collect()
    transformers.utils.logging.disable_default_handler()
    transformers.utils.logging.add_handler(collect)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        model, info = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, output_loading_info=True)
    assert not any(info.values()), info
    assert model.config.id2label == {0: "neg", 1: "pos"} and model.dtype == torch.float32
    assert model.config.label2id == {"neg": 0, "pos": 1}
    found = []
    with torch.no_grad():
        for i in range(0, len(texts), 25):
            batch = tokenizer(cleaned[i:i + 25], truncation=True, padding=True, return_tensors="pt",
                              max_length=tokenizer.model_max_length)
            assert batch["input_ids"].shape[1] <= 100
            found.append(model.eval()(**batch).logits.double())
    transformers.utils.logging.remove_handler(collect)
    assert not collect.texts, collect.texts
    report(f"{type(model).__name__} with {type(tokenizer).__name__}", logits_of(cell, texts), torch.cat(found))


# ---- word level ------------------------------------------------------------------------------------

WORD_LEVEL = {
    "lstm": {"embedding": 12, "hidden": 10, "layers": 2},
    "gru": {"embedding": 12, "hidden": 10, "bidirectional": True, "pooling": "mean"},
    "bilstm_attention": {"embedding": 12, "hidden": 10, "attention": 8},
}


class Lstm(torch.nn.Module):
    """The last state of the upper layer."""
    def __init__(self, n_words):
        super().__init__()
        self.embedding = torch.nn.Embedding(n_words, 12)
        self.lstm = torch.nn.LSTM(12, 10, num_layers=2, batch_first=True)
        self.classifier = torch.nn.Linear(10, 2)

    def forward(self, ids):
        states, _ = self.lstm(self.embedding(ids))
        return self.classifier(states[:, -1])


class Gru(torch.nn.Module):
    """The mean of both directions' states."""
    def __init__(self, n_words):
        super().__init__()
        self.embedding = torch.nn.Embedding(n_words, 12)
        self.gru = torch.nn.GRU(12, 10, batch_first=True, bidirectional=True)
        self.classifier = torch.nn.Linear(20, 2)

    def forward(self, ids):
        states, _ = self.gru(self.embedding(ids))
        return self.classifier(states.mean(1))


class BilstmAttention(torch.nn.Module):
    """Additive attention over the states."""
    def __init__(self, n_words):
        super().__init__()
        self.embedding = torch.nn.Embedding(n_words, 12)
        self.lstm = torch.nn.LSTM(12, 10, batch_first=True, bidirectional=True)
        self.attention = torch.nn.ModuleDict({"hidden": torch.nn.Linear(20, 8), "score": torch.nn.Linear(8, 1)})
        self.classifier = torch.nn.Linear(20, 2)

    def forward(self, ids):
        states, _ = self.lstm(self.embedding(ids))
        weights = self.attention["score"](torch.tanh(self.attention["hidden"](states))).softmax(1)
        return self.classifier((weights * states).sum(1))


MODULES = {"lstm": Lstm, "gru": Gru, "bilstm_attention": BilstmAttention}


def words_of(text):
    """Maximal runs of letters, marks and numbers."""
    return "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in text).split(" ")


def check_words(cell, folder, texts, name):
    run("export", cell, "--format", "safetensors", "--out", folder, stdout=subprocess.DEVNULL)
    config = json.loads((folder / "config.json").read_text())
    assert config["model"] == name and config["labels"] == ["neg", "pos"] and config["max_tokens"] == 100
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    ids = {word: i for i, word in enumerate(vocabulary)}
    model = MODULES[name](len(vocabulary))
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    found = []
    with torch.no_grad():
        for text in texts:
            row = [ids.get(word, 1) for word in words_of(text.lower()) if word][:config["max_tokens"]]
            found.append(model.eval()(torch.tensor([row])).double())
    report(name, logits_of(cell, texts), torch.cat(found))


def main():
    backend = sys.argv[1] if len(sys.argv) > 1 else "onednn"
    texts = read_texts()
    transformers.utils.logging.disable_progress_bar()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, backend {backend}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        draw_weights(folder)
        (folder / "exported.json").write_text(json.dumps(suite(backend, folder)))
        run("run", folder / "exported.json", "--out", folder / "run", "--quiet", stdout=subprocess.DEVNULL)
        check_huggingface(folder / "run/distilbert", folder / "hf-distilbert", texts, texts)
        check_huggingface(folder / "run/bert", folder / "hf-bert", texts, [text.lower() for text in texts])
        for model in WORD_LEVEL:
            check_words(folder / "run" / model, folder / model, texts, model)


if __name__ == "__main__":
    main()
