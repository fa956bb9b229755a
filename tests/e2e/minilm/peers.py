# SPDX-License-Identifier: MIT
"""What transformers, PyTorch and scikit-learn make of SST-2 with the encoder MiniLM-L6, on the rows
and with the recipe of a suite (results/examples/sst2-minilm/README.md has the commands):

    assay data rows SUITE --set data.path=SST2 >rows.jsonl
    python3 peers.py features MODEL rows.jsonl
    python3 peers.py finetune MODEL rows.jsonl SUITE ENTRY [SEED...]

and whether assay's hidden states of real texts are transformers':

    python3 peers.py texts DATA 150 50 >texts.txt
    assay data tokens - --tokenizer wordpiece --vocab MODEL/vocab.txt --max-tokens 256 \\
        <texts.txt >tokens.jsonl
    python3 peers.py ids tokens.jsonl >ids.txt
    minilm_states MODEL reference tokens ids.txt >states
    python3 peers.py states MODEL texts.txt tokens.jsonl states

texts: sentences of SST-2 and film reviews of IMDB, one a line. states: exit status 1 where the ids
are not those of transformers' tokenizer or a state is off by more than 1e-4. features: scikit-learn's
logistic regression on the frozen encoder's mean over each text's tokens.
finetune: the whole encoder with the same head, by the suite's "training": AdamW, linear schedule
with warm-up, clipping; batches as assay's are cut (framework/data/batches.h: a shuffle in buckets
of 50 batches, each sorted by length), the random numbers PyTorch's and Python's own. Prints JSON.
Uses one thread."""
import itertools
import json
import lzma
import math
import pathlib
import random
import sys
import tarfile
import time

import numpy
import sklearn
import torch
import transformers
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn.utils.rnn import pad_sequence

BUCKET_BATCHES = 50
BATCH_EVALUATED = 64
BOUND = 1e-4  # of a hidden state
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__,
            "scikit-learn": sklearn.__version__}


class Classifier(nn.Module):
    """Encoder, mean over the real tokens, dropout, linear."""

    def __init__(self, folder, dropout=0.1, classes=2):
        super().__init__()
        self.bert = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.bert.config.hidden_size, classes)

    def features(self, ids, mask):
        states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(2).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)

    def forward(self, ids, mask):
        return self.classifier(self.dropout(self.features(ids, mask)))


def read_rows(path):
    splits = {"train": [], "validation": [], "test": []}
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            splits[row["split"]].append((torch.tensor(row["ids"]), row["label"]))
    return splits


def to_batch(rows):
    ids = pad_sequence([row[0] for row in rows], batch_first=True)
    lengths = torch.tensor([len(row[0]) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths.unsqueeze(1)).long()
    return ids, mask, torch.tensor([row[1] for row in rows])


def training_batches(rows, batch, rng):
    rows = list(rows)
    rng.shuffle(rows)
    batches = []
    for begin in range(0, len(rows), batch * BUCKET_BATCHES):
        bucket = sorted(rows[begin:begin + batch * BUCKET_BATCHES], key=lambda r: -len(r[0]))
        batches += [bucket[i:i + batch] for i in range(0, len(bucket), batch)]
    rng.shuffle(batches)
    return batches


def by_length(rows):
    """Batches of rows of about the same length, with the rows' places."""
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i][0]))
    for begin in range(0, len(order), BATCH_EVALUATED):
        places = order[begin:begin + BATCH_EVALUATED]
        yield places, to_batch([rows[i] for i in places])


@torch.no_grad()
def accuracy(model, rows):
    model.eval()
    right = 0
    for _, (ids, mask, labels) in by_length(rows):
        right += (model(ids, mask).argmax(1) == labels).sum().item()
    return right / len(rows)


def finetune(folder, splits, training, seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = Classifier(folder)
    decayed = [p for n, p in model.named_parameters() if "LayerNorm" not in n and "bias" not in n]
    exempt = [p for n, p in model.named_parameters() if "LayerNorm" in n or "bias" in n]
    optimizer = torch.optim.AdamW([{"params": decayed},
                                   {"params": exempt, "weight_decay": 0.0}],
                                  lr=training["lr"], weight_decay=training["weight_decay"])
    steps = math.ceil(len(splits["train"]) / training["batch"]) * training["epochs"]
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, math.ceil(training["schedule"]["warmup_share"] * steps), steps)
    begin, epochs = time.monotonic(), []
    for epoch in range(1, training["epochs"] + 1):
        model.train()
        total = 0.0
        for rows in training_batches(splits["train"], training["batch"], rng):
            ids, mask, labels = to_batch(rows)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(ids, mask), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), training["clip_norm"])
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        epochs.append({"epoch": epoch, "train_loss": round(total / len(splits["train"]), 4),
                       "validation_accuracy": accuracy(model, splits["validation"])})
        print(f"seed {seed}: {epochs[-1]} ({time.monotonic() - begin:.0f} s)", file=sys.stderr,
              flush=True)
    return {"seed": seed, "test_accuracy": accuracy(model, splits["test"]), "epochs": epochs,
            "seconds": round(time.monotonic() - begin, 1)}


@torch.no_grad()
def features(folder, splits):
    model = Classifier(folder).eval()
    found = {}
    for name, rows in splits.items():
        table = torch.zeros(len(rows), model.bert.config.hidden_size)
        for places, (ids, mask, _) in by_length(rows):
            table[places] = model.features(ids, mask)
        found[name] = table.numpy(), [row[1] for row in rows]
    regression = LogisticRegression(max_iter=5000).fit(*found["train"])
    return {name: float(regression.score(*xy)) for name, xy in found.items()}


def texts(data, n_sentences, n_reviews):
    """Evenly spaced over the sentences of the test split, and over the first 5,000 test reviews."""
    with lzma.open(data / "small/sst2/stsa.binary.test.xz", "rt", encoding="utf-8") as file:
        sentences = [line.split(" ", 1)[1].strip() for line in file]
    with tarfile.open(data / "imdb/aclImdb-labelled.tar.xz") as archive:
        members = itertools.islice((m for m in archive if m.isfile() and "/test/" in m.name), 5000)
        step = 5000 // n_reviews
        reviews = [archive.extractfile(m).read().decode() for m in itertools.islice(
            members, 0, n_reviews * step, step)]
    for text in sentences[::len(sentences) // n_sentences][:n_sentences] + reviews:
        print(" ".join(text.split()))


@torch.no_grad()
def states(folder, texts_path, tokens_path, states_path):
    """Largest difference of every token's state, or of the pooled ones."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    with open(texts_path, encoding="utf-8") as file, open(tokens_path, encoding="utf-8") as ours:
        pairs = [(line.rstrip("\n"), json.loads(row)["ids"]) for line, row in zip(file, ours)]
    found = numpy.fromfile(states_path, dtype="<f4").reshape(-1, model.config.hidden_size)
    pooled = len(found) == 4 * len(pairs)
    begin, worst = 0, 0.0
    for text, ids in pairs:
        right = tokenizer(text, truncation=True, max_length=256)["input_ids"]
        if right != ids:
            sys.exit(f"other token ids: {text[:60]}: {ids[:9]}, transformers {right[:9]}")
        x = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        x = torch.stack([x.mean(0), x.max(0).values, x[0], x[-1]]) if pooled else x
        ours = torch.from_numpy(found[begin:begin + len(x)])
        worst = max(worst, (x - ours).abs().max().item())
        begin += len(x)
    if begin != len(found):
        sys.exit(f"{len(found)} states for {begin}")
    print(json.dumps({"texts": len(pairs), "states": begin, "kind": "pooled" if pooled else "tokens",
                      "largest_difference": float(f"{worst:.2g}"), "bound": BOUND}))
    return 0 if worst <= BOUND else 1


def main():
    part, folder, rows = sys.argv[1:4] if len(sys.argv) > 3 else [*sys.argv[1:3], None]
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if part == "texts":
        return texts(pathlib.Path(folder), int(rows), int(sys.argv[4]))
    if part == "ids":
        with open(folder, encoding="utf-8") as file:
            print("\n".join(" ".join(map(str, json.loads(row)["ids"])) for row in file))
        return 0
    if part == "states":
        return states(folder, *sys.argv[3:6])
    figures = {"made_by": "tests/e2e/minilm/peers.py " + part, "versions": VERSIONS, "threads": 1}
    splits = read_rows(rows)
    if part == "features":
        figures["accuracy"] = features(folder, splits)
    else:
        with open(sys.argv[4], encoding="utf-8") as file:
            suite = json.load(file)
        entry = next(e for e in suite["entries"] if e["name"] == sys.argv[5])
        training = {**suite["defaults"].get("training", {}), **entry.get("training", {})}
        seeds = [int(s) for s in sys.argv[6:]] or suite["seeds"]
        figures["runs"] = [finetune(folder, splits, training, seed) for seed in seeds]
        figures["mean_test_accuracy"] = (sum(run["test_accuracy"] for run in figures["runs"])
                                         / len(seeds))
    json.dump(figures, sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
