# SPDX-License-Identifier: MIT
"""torch_suite.py: assay's word-level models, batches and training recipes in PyTorch, on the rows
that assay itself prepared. It answers one question: does assay's training reach what PyTorch's reaches?

    assay data rows imdb-small --set data.path=PATH >rows.jsonl
    python3 tests/golden/torch_suite.py suites/imdb-small.json rows.jsonl \\
        --out tests/golden/imdb_small_torch.json

Models, initial distributions and dropout mirror plugins/models/*.c; rows reversed within their length
(GRU, LSTM) and key padding masks with a masked mean (transformer) keep padding out of every result. Batches
follow framework/data/batches.h: a shuffle cut into buckets of 50 batches, each sorted by length;
the random numbers themselves are PyTorch's and Python's. scikit-learn's bag-of-words baselines run
on the same token ids. Uses one thread. The recurrent entries of studies A, B and C (word vectors,
token and class weights, residual layers, Keras' rules) are torch_studies.py's."""

import argparse
import hashlib
import json
import platform
import random
import sys
import time

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

BUCKET_BATCHES = 50
UNK = 1
MODE = "flipped"  # of training and evaluation here: see run_recurrent


# How a batch of rows of different length goes through a recurrent layer:
#   packed   PackedSequence, PyTorch's own way
#   flipped  the same results by padding on the right and, for the reverse direction, rows reversed
#            within their length: faster, as oneDNN's fused layers run only without packing
#   padded   padding computed as if it were tokens: wrong results, for speed comparisons only
def run_recurrent(rnn, x, lengths, mode):
    """[B, T, C] -> states [B, T, 2 H] and final states of both directions [B, 2 H]."""
    if mode == "packed":
        x = pack_padded_sequence(x, lengths, batch_first=True)
    if mode != "flipped":
        y, last = rnn(x)
        last = last[0] if isinstance(last, tuple) else last
        if mode == "packed":
            y, _ = pad_packed_sequence(y, batch_first=True)
        return y, torch.cat([last[-2], last[-1]], 1)
    assert rnn.num_layers == 1
    function = torch._VF.lstm if rnn.mode == "LSTM" else torch._VF.gru
    zeros = x.new_zeros(1, x.shape[0], rnn.hidden_size)
    states = (zeros, zeros) if rnn.mode == "LSTM" else zeros
    t = torch.arange(x.shape[1]).unsqueeze(0)
    flip = torch.where(t < lengths.unsqueeze(1), lengths.unsqueeze(1) - 1 - t, t).unsqueeze(2)
    ys = []
    for direction in range(2):
        if direction == 1:
            x = x.gather(1, flip.expand(-1, -1, x.shape[2]))
        weights = rnn._flat_weights[4 * direction : 4 * direction + 4]
        ys.append(function(x, states, weights, True, 1, 0.0, rnn.training, False, True)[0])
    end = (lengths - 1).view(-1, 1, 1).expand(-1, 1, rnn.hidden_size)
    final = torch.cat([y.gather(1, end).squeeze(1) for y in ys], 1)
    ys[1] = ys[1].gather(1, flip.expand(-1, -1, rnn.hidden_size))
    return torch.cat(ys, 2), final


class GRU(nn.Module):
    def __init__(self, vocab, classes, embedding=100, hidden=64, layers=1, pooling="last",
                 dropout=0.3, **_):
        super().__init__()
        self.pooling = pooling
        self.embedding = nn.Embedding(vocab, embedding)
        self.gru = nn.GRU(embedding, hidden, layers, batch_first=True, bidirectional=True,
                          dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(2 * hidden, classes)

    def forward(self, ids, lengths, mode="packed"):
        x, final = run_recurrent(self.gru, self.dropout(self.embedding(ids)), lengths, mode)
        if self.pooling == "max":
            if mode != "padded":
                x = x.masked_fill(padding(ids, lengths).unsqueeze(2), float("-inf"))
            final = x.max(1).values
        elif self.pooling != "last":
            raise ValueError(f"pooling {self.pooling} is not mirrored here")
        return self.classifier(self.dropout(final))


class Forward(nn.Module):
    """One recurrent layer that reads in one direction, its state at the last token. Padding stands
    behind and changes nothing that is looked at."""
    layer = None

    def __init__(self, vocab, classes, embedding=64, hidden=64, layers=1, pooling="last",
                 dropout=0.3, bidirectional=False, **_):
        super().__init__()
        if layers != 1 or pooling != "last" or bidirectional:
            raise ValueError("only one forward layer with pooling last is mirrored here")
        self.embedding = nn.Embedding(vocab, embedding)
        self.recurrent = self.layer(embedding, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, ids, lengths, mode="packed"):
        x = self.dropout(self.embedding(ids))
        if mode == "packed":
            _, last = self.recurrent(pack_padded_sequence(x, lengths, batch_first=True))
            last = last[0] if isinstance(last, tuple) else last
            return self.classifier(self.dropout(last[-1]))
        y, _ = self.recurrent(x)
        end = (lengths - 1).view(-1, 1, 1).expand(-1, 1, y.shape[2])
        return self.classifier(self.dropout(y.gather(1, end).squeeze(1)))


class RNN(Forward):
    layer = nn.RNN


class LSTM(Forward):
    layer = nn.LSTM


class BiLSTMAttention(nn.Module):
    def __init__(self, vocab, classes, embedding=100, hidden=64, layers=1, attention=64,
                 dropout=0.3, **_):
        super().__init__()
        self.embedding = nn.Embedding(vocab, embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True, bidirectional=True,
                            dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(2 * hidden, attention)
        self.score = nn.Linear(attention, 1)
        self.classifier = nn.Linear(2 * hidden, classes)

    def forward(self, ids, lengths, mode="packed"):
        x, _ = run_recurrent(self.lstm, self.dropout(self.embedding(ids)), lengths, mode)
        score = self.score(torch.tanh(self.hidden(x))).squeeze(2)
        if mode != "padded":
            score = score.masked_fill(padding(ids, lengths), float("-inf"))
        x = (torch.softmax(score, 1).unsqueeze(2) * x).sum(1)
        return self.classifier(self.dropout(x))


class Transformer(nn.Module):
    def __init__(self, vocab, classes, hidden=64, layers=2, heads=4, feed_forward=128,
                 dropout=0.1, encoder_dropout=0.1, **_):
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden)
        layer = nn.TransformerEncoderLayer(hidden, heads, feed_forward, encoder_dropout,
                                           batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        for module in self.encoder.layers[1:]:  # TransformerEncoder starts all layers alike
            for part in module.modules():
                if isinstance(part, nn.MultiheadAttention):
                    part._reset_parameters()
                    part.out_proj.reset_parameters()
                    nn.init.zeros_(part.out_proj.bias)
                elif type(part) is nn.Linear:
                    part.reset_parameters()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden, classes)
        self.register_buffer("positions", sinusoid(512, hidden), persistent=False)

    def forward(self, ids, lengths, mode="packed"):
        x = self.dropout(self.embedding(ids) + self.positions[: ids.shape[1]])
        if mode == "padded":
            x = self.encoder(x).mean(1)
        else:
            mask = padding(ids, lengths)
            x = self.encoder(x, src_key_padding_mask=mask)
            x = x.masked_fill(mask.unsqueeze(2), 0.0).sum(1) / lengths.unsqueeze(1)
        return self.classifier(self.dropout(x))


MODELS = {"rnn": RNN, "lstm": LSTM, "gru": GRU, "bilstm_attention": BiLSTMAttention, "transformer": Transformer}


def padding(ids, lengths):
    return torch.arange(ids.shape[1]).unsqueeze(0) >= lengths.unsqueeze(1)


def sinusoid(n, channels):
    """Vaswani et al. 2017, 3.5, as ops.def writes it."""
    p = torch.arange(n, dtype=torch.float64).unsqueeze(1)
    i = torch.arange(0, channels, 2, dtype=torch.float64)
    angle = p / 10000 ** (i / channels)
    table = torch.zeros(n, channels, dtype=torch.float64)
    table[:, 0::2] = torch.sin(angle)
    table[:, 1::2] = torch.cos(angle)[:, : channels // 2]
    return table.float()


def read_rows(path):
    """{split: [(ids, label), ...]} in file order, and a SHA-256 of "SPLIT LABEL ID ID ...\\n"."""
    splits, digest = {"train": [], "validation": [], "test": []}, hashlib.sha256()
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            digest.update(" ".join(map(str, [row["split"], row["label"], *row["ids"]])).encode())
            digest.update(b"\n")
            splits[row["split"]].append((row["ids"], row["label"]))
    return splits, digest.hexdigest()


def to_batch(rows):
    """Longest row first, as packing wants it."""
    rows = sorted(rows, key=lambda row: -len(row[0]))
    ids = pad_sequence([torch.tensor(row[0]) for row in rows], batch_first=True)
    lengths = torch.tensor([len(row[0]) for row in rows])
    return ids, lengths, torch.tensor([row[1] for row in rows])


def training_batches(rows, batch, rng):
    rows = list(rows)
    rng.shuffle(rows)
    batches = []
    for begin in range(0, len(rows), batch * BUCKET_BATCHES):
        bucket = sorted(rows[begin : begin + batch * BUCKET_BATCHES], key=lambda r: -len(r[0]))
        batches += [bucket[i : i + batch] for i in range(0, len(bucket), batch)]
    rng.shuffle(batches)
    return batches


def evaluate(model, rows, batch=128):
    """Mean loss, accuracy and (predicted, label) pairs."""
    model.eval()
    rows = sorted(rows, key=lambda row: -len(row[0]))
    loss, pairs = 0.0, []
    with torch.no_grad():
        for begin in range(0, len(rows), batch):
            ids, lengths, labels = to_batch(rows[begin : begin + batch])
            logits = model(ids, lengths, MODE)
            loss += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            pairs += zip(logits.argmax(1).tolist(), labels.tolist())
    return loss / len(rows), sum(p == y for p, y in pairs) / len(rows), pairs


def better(metric, new, best):
    if metric == "validation.loss":
        return new["validation_loss"] < best["validation_loss"]
    return new["validation_accuracy"] > best["validation_accuracy"]


def make_optimizer(model, training):
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[training.get("optimizer", "adam")]
    return kind(model.parameters(), lr=training["lr"], fused=True,
                weight_decay=training.get("weight_decay", 0.0))


def make_plateau(optimizer, schedule):
    """None for a constant rate."""
    if schedule["kind"] == "constant":
        return None
    if schedule["kind"] != "reduce_on_plateau" or schedule.get("metric") != "validation.loss":
        raise ValueError(f"the schedule {schedule} is not mirrored here")
    return torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "min", schedule.get("factor", 0.1), schedule.get("patience", 10),
        threshold=schedule.get("threshold", 1e-4), min_lr=schedule.get("min_lr", 0.0))


def train(model_name, options, training, splits, vocab, classes, seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = MODELS[model_name](vocab, classes, **options)
    optimizer = make_optimizer(model, training)
    plateau = make_plateau(optimizer, training.get("schedule", {"kind": "constant"}))
    smoothing = training.get("label_smoothing", 0.0)
    stopping = training["early_stopping"]
    best, waited, begin = None, 0, time.monotonic()
    for epoch in range(1, training["epochs"] + 1):
        model.train()
        for rows in training_batches(splits["train"], training["batch"], rng):
            ids, lengths, labels = to_batch(rows)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(ids, lengths, MODE), labels,
                                        label_smoothing=smoothing).backward()
            nn.utils.clip_grad_norm_(model.parameters(), training["clip_norm"])
            optimizer.step()
        loss, accuracy, _ = evaluate(model, splits["validation"])
        now = {"epoch": epoch, "validation_loss": loss, "validation_accuracy": accuracy}
        if plateau:
            plateau.step(loss)
        waited += 1
        if best is None or better(stopping["metric"], now, best):
            state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            best, waited = now, 0
        print(f"{model_name} seed {seed} epoch {epoch}: validation loss {loss:.4f}, accuracy "
              f"{accuracy:.4f} ({time.monotonic() - begin:.0f} s)", file=sys.stderr, flush=True)
        if stopping["patience"] and waited >= stopping["patience"]:
            break
    model.load_state_dict(state)
    _, accuracy, pairs = evaluate(model, splits["test"])
    return {"seed": seed, "test_accuracy": accuracy, "test_f1_macro": f1_macro(pairs, classes),
            "epochs": epoch, "best_epoch": best["epoch"],
            "validation_accuracy": best["validation_accuracy"],
            "predicted": [sum(p == k for p, _ in pairs) / len(pairs) for k in range(classes)],
            "seconds": round(time.monotonic() - begin, 1)}


def f1_macro(pairs, classes):
    from sklearn.metrics import f1_score

    predicted, labels = zip(*pairs)
    return f1_score(labels, predicted, labels=range(classes), average="macro", zero_division=0)


def baselines(splits):
    """Bag-of-words rows of the table: on token ids, UNK not counted."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    def words(ids):
        return [i for i in ids if i > UNK]

    def xy(split):
        return [row[0] for row in splits[split]], [row[1] for row in splits[split]]

    result = {}
    for name, model in {
        "tfidf_logistic_regression": make_pipeline(TfidfVectorizer(analyzer=words),
                                                   LogisticRegression(max_iter=1000)),
        "naive_bayes": make_pipeline(CountVectorizer(analyzer=words), MultinomialNB()),
    }.items():
        model.fit(*xy("train"))
        result[name] = {"test_accuracy": float(model.score(*xy("test")))}
    return result


def versions():
    import sklearn

    return {"python": platform.python_version(), "torch": torch.__version__,
            "scikit-learn": sklearn.__version__}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suite", help="suite file: defaults, entries, seeds")
    parser.add_argument("rows", help="JSON Lines of `assay data rows SUITE`")
    parser.add_argument("--models", help="only these, comma-separated")
    parser.add_argument("--entries", help="only these, comma-separated")
    parser.add_argument("--seeds", help="instead of the suite's, comma-separated")
    parser.add_argument("--out", help="file for the figures (default: standard output)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with open(arguments.suite, encoding="utf-8") as file:
        suite = json.load(file)
    splits, digest = read_rows(arguments.rows)
    everything = [row for rows in splits.values() for row in rows]
    vocab = 1 + max(max(row[0]) for row in everything)
    classes = 1 + max(row[1] for row in everything)
    seeds = [int(s) for s in arguments.seeds.split(",")] if arguments.seeds else suite["seeds"]
    figures = {"suite": suite["name"], "made_by": "tests/golden/torch_suite.py",
               "versions": versions(), "threads": 1, "rows_sha256": digest,
               "rows": {split: len(rows) for split, rows in splits.items()},
               "baselines": baselines(splits), "models": {}}
    for entry in suite["entries"]:
        name = entry["model"]
        if name not in MODELS or (arguments.models and name not in arguments.models.split(",")):
            continue
        if arguments.entries and entry["name"] not in arguments.entries.split(","):
            continue
        training = {**suite["defaults"]["training"], **entry.get("training", {})}
        runs = [train(name, entry.get("options", {}), training, splits, vocab, classes, seed)
                for seed in seeds]
        accuracies = [run["test_accuracy"] for run in runs]
        figures["models"][entry["name"]] = {
            "mean_test_accuracy": sum(accuracies) / len(accuracies), "runs": runs}
    text = json.dumps(figures, indent=2) + "\n"
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
