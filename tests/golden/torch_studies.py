# SPDX-License-Identifier: MIT
"""torch_studies.py: the recurrent entries of studies A, B and C in PyTorch, with the rows, recipe and
seeds of a run of assay: gru of study-a, bilstm_attention of study-b, bilstm of study-c. It answers
one question: does assay's training reach what PyTorch's reaches?

Study A (likewise study-b with bilstm_attention, study-c with bilstm; SETS is what the run needs
beyond the suite, such as --set data.path=PATH, the same in all three commands). The second run
trains nothing; its export has the word vectors that training starts from:

    assay run study-a --entries gru SETS --threads 1 --out study-a
    assay run study-a --entries gru SETS --set entries.gru.training.epochs=0 \\
        --set checkpoint.keep=true --out study-a-start
    assay export study-a-start/gru --format safetensors --out study-a-table
    assay data rows study-a --entry gru SETS >study-a.jsonl
    python3 tests/golden/torch_studies.py study-a/run.json study-a.jsonl study-a-table \\
        --entry gru --out study-a/torch.json
    python3 results/examples/beside_torch.py study-a study-a/torch.json

SETS for GloVe of 50 dimensions (NAME is the entry; study-c has no vectors):
    --set entries.NAME.embeddings.resource=glove-6b-50d --set entries.NAME.options.embedding=50

The recipe is what run.json holds; the model's options, the vocabulary's size and, where the entry
has `embeddings`, the table are the export's (missing words' vectors, too, as assay drew them). Other
initial values are PyTorch's own draws, by the rule of the option `init`. Token weights are
scikit-learn's TfidfTransformer over the ids, class weights its "balanced" ones. Each direction of a
layer is a layer of its own over rows reversed within their length: padding enters no result.
Batches follow framework/data/batches.h (torch_suite.py).

--same-start takes every initial value from the export: with dropout 0 and one batch an epoch the
losses must then be those of the run's steps.jsonl. Prints seconds of each epoch per 1,000 texts."""

import argparse
import json
import math
import os
import pathlib
import random
import sys
import time

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

sys.dont_write_bytecode = True  # .ci/full compares every file that scripts leave behind
from torch_suite import better, f1_macro, padding, read_rows, run_recurrent, training_batches, versions

LAYERS = {"gru": nn.GRU, "bilstm": nn.LSTM, "bilstm_attention": nn.LSTM}
# What is mirrored here of a suite's "training"; another field ends the program.
RECIPE = {"optimizer", "lr", "epsilon", "beta1", "beta2", "weight_decay", "clip_norm", "batch", "epochs",
          "early_stopping", "keep", "label_smoothing"}


class Words(nn.Module):
    """Embedding, recurrent layers, one vector a row, logits: assay/blocks_recurrent.h. Of its
    options `options` holds all that the model has."""

    def __init__(self, model, vocab, classes, options):
        super().__init__()
        self.kind, self.options = LAYERS[model], options
        self.pooling = options.get("pooling", "attention")
        if options.get("mask_outputs") or not options.get("bidirectional", True):
            raise ValueError("mask_outputs and one direction are not mirrored here")
        if self.pooling not in ("last", "max") and model != "bilstm_attention":
            raise ValueError(f"pooling {self.pooling} is not mirrored here")
        width = 2 * options["hidden"]
        self.embedding = nn.Embedding(vocab, options["embedding"])
        self.embedding.weight.requires_grad_(options["train_embedding"])
        self.recurrent = nn.ModuleList(
            self.kind(width if i else options["embedding"], options["hidden"], batch_first=True,
                      bidirectional=True) for i in range(options["layers"]))
        if self.pooling == "attention":
            n = options["attention"]
            parts = {"hidden": nn.Linear(width, n)} if n else {}
            self.attention = nn.ModuleDict({**parts, "score": nn.Linear(n or width, 1)})
        if options.get("dense"):
            self.dense = nn.Linear(width, options["dense"])
        self.sigmoid = options.get("output") == "sigmoid"
        self.classifier = nn.Linear(options.get("dense") or width, 1 if self.sigmoid else classes)
        self.dropout = nn.Dropout(options["dropout"])
        if options["init"] == "keras":
            self.start_as_keras()

    @torch.no_grad()
    def start_as_keras(self):
        self.embedding.weight.uniform_(-0.05, 0.05)
        for name, parameter in self.named_parameters():
            if name == "embedding.weight":
                continue
            if "weight_hh" in name:
                nn.init.orthogonal_(parameter)
            elif "weight" in name:  # a recurrent layer's [gates * hidden, in], too
                nn.init.xavier_uniform_(parameter)
            else:
                parameter.zero_()
                if self.kind is nn.LSTM and "bias_ih" in name:
                    n = parameter.numel() // 4
                    parameter[n : 2 * n] = 1

    def states(self, x, lengths):
        """[B, T, C] -> states [B, T, 2 H], final states [B, 2 H]; inner layers may add their input."""
        for i, layer in enumerate(self.recurrent):
            last = i == len(self.recurrent) - 1
            y, final = run_recurrent(layer, x, lengths, "flipped")
            y = y if last else self.dropout(y)
            x = y + x if self.options.get("residual") and 0 < i and not last else y
        return x, final

    def pooled(self, x, final, outside):
        if self.pooling == "last":
            return final
        if self.pooling == "max":
            return x.masked_fill(outside, float("-inf")).max(1).values
        query = torch.tanh(self.attention["hidden"](x)) if "hidden" in self.attention else x
        score = self.attention["score"](query).masked_fill(outside, float("-inf"))
        return (torch.softmax(score, 1) * x).sum(1)

    def forward(self, ids, lengths, weights):
        x = self.embedding(ids)
        if self.options["token_weights"]:
            x = x * weights.unsqueeze(2)
        x = self.dropout(x) if self.options["embedding_dropout"] else x
        x = self.dropout(self.pooled(*self.states(x, lengths), padding(ids, lengths).unsqueeze(2)))
        if self.options.get("dense"):
            x = self.dropout(torch.relu(self.dense(x)))
        x = self.classifier(x)  # one logit z: [0, z] has the binary cross-entropy of sigmoid(z)
        return torch.cat([torch.zeros_like(x), x], 1) if self.sigmoid else x

    def assay_parameters(self):
        """{assay's name: parameter}: recurrent.1.weight_ih_l0 is gru.weight_ih_l1."""
        prefix, found = "gru" if self.kind is nn.GRU else "lstm", {}
        for name, parameter in self.named_parameters():
            parts = name.split(".")
            if parts[0] == "recurrent":
                name = prefix + "." + parts[2].replace("_l0", "_l" + parts[1])
            found[name] = parameter
        return found


class KerasAdam(torch.optim.Optimizer):
    """Adam in the form of Kingma and Ba 2015, end of section 2, which Keras has: both corrections stand
    in the rate, so that epsilon is added to the root of the uncorrected second moment."""

    def __init__(self, parameters, lr, betas, eps):
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps})
        self.steps = 0

    @torch.no_grad()
    def step(self, closure=None):
        self.steps += 1
        for group in self.param_groups:
            b1, b2 = group["betas"]
            rate = group["lr"] * math.sqrt(1 - b2**self.steps) / (1 - b1**self.steps)
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["m"].lerp_(p.grad, 1 - b1)
                state["v"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                p.addcdiv_(state["m"], state["v"].sqrt().add_(group["eps"]), value=-rate)


def make_optimizer(model, recipe):
    parameters = [p for p in model.parameters() if p.requires_grad]
    kind, betas = recipe.get("optimizer", "adam"), (recipe.get("beta1", 0.9), recipe.get("beta2", 0.999))
    decay = recipe.get("weight_decay", 0.0)
    if kind == "adam_keras":
        if decay:
            raise ValueError("weight decay of Keras' Adam is not mirrored here")
        return KerasAdam(parameters, recipe["lr"], betas, recipe.get("epsilon", 1e-7))
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](
        parameters, lr=recipe["lr"], betas=betas, eps=recipe.get("epsilon", 1e-8),
        weight_decay=decay, fused=True)


def tfidf(splits, config, vocab):
    """{split: [weights of each row's tokens, ...]}, fitted on train's rows."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfTransformer

    def counts(rows):
        pairs = [(i, word) for i, row in enumerate(rows) for word in row[0] if word != 0]
        at = tuple(zip(*pairs))
        return csr_matrix(([1.0] * len(pairs), at), shape=(len(rows), vocab))  # adds equal ones up

    norm = config.get("norm", "l2")
    transformer = TfidfTransformer(norm=None if norm == "none" else norm,
                                   smooth_idf=config.get("smooth", True),
                                   sublinear_tf=config.get("sublinear", False))
    transformer.fit(counts(splits["train"]))
    weights = {}
    for split, rows in splits.items():
        matrix = transformer.transform(counts(rows))
        weights[split] = []
        for i, row in enumerate(rows):
            own = slice(matrix.indptr[i], matrix.indptr[i + 1])
            of = dict(zip(matrix.indices[own].tolist(), matrix.data[own].tolist()))
            weights[split].append([of.get(word, 0.0) for word in row[0]])
    return weights


def to_batch(rows):
    rows = sorted(rows, key=lambda row: -len(row[0]))
    ids = pad_sequence([torch.tensor(row[0]) for row in rows], batch_first=True)
    weights = None
    if rows[0][2] is not None:
        weights = pad_sequence([torch.tensor(row[2]) for row in rows], batch_first=True)
    lengths = torch.tensor([len(row[0]) for row in rows])
    return (ids, lengths, weights), torch.tensor([row[1] for row in rows])


def evaluate(model, rows, class_weights, batch=64):
    """Mean loss, accuracy and (predicted, label) pairs."""
    model.eval()
    rows = sorted(rows, key=lambda row: -len(row[0]))
    loss, total, pairs = 0.0, 0.0, []
    with torch.no_grad():
        for begin in range(0, len(rows), batch):
            inputs, labels = to_batch(rows[begin : begin + batch])
            logits = model(*inputs)
            loss += nn.functional.cross_entropy(logits, labels, class_weights, reduction="sum").item()
            total += len(labels) if class_weights is None else class_weights[labels].sum().item()
            pairs += zip(logits.argmax(1).tolist(), labels.tolist())
    return loss / total, sum(p == y for p, y in pairs) / len(pairs), pairs


def train_epoch(model, optimizer, recipe, class_weights, rows, rng):
    """Mean training loss over the epoch's texts."""
    model.train()
    clip, total = recipe.get("clip_norm", 1.0), 0.0
    for batch in training_batches(rows, recipe.get("batch", 32), rng):
        inputs, labels = to_batch(batch)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(*inputs), labels, class_weights,
                                           label_smoothing=recipe.get("label_smoothing", 0.0))
        loss.backward()
        if clip > 0:
            nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], clip)
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(rows)


def start(model, tensors, everything, table):
    """Copies assay's initial values: all, or the table of word vectors, or none."""
    own = model.assay_parameters()
    shapes = {name: tuple(p.shape) for name, p in own.items()}
    if shapes != {name: tuple(t.shape) for name, t in tensors.items()}:
        sys.exit(f"the export's parameters are {sorted(tensors)}; here they are {sorted(own)}, or "
                 "shapes differ")
    with torch.no_grad():
        for name, parameter in own.items():
            if everything or (table and name == "embedding.weight"):
                parameter.copy_(tensors[name])


def train(job, splits, seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    recipe, n_train = job["recipe"], len(splits["train"])
    model = Words(job["model"], job["vocab"], job["classes"], job["options"])
    start(model, job["tensors"], job["same_start"], job["table"])
    optimizer = make_optimizer(model, recipe)
    stopping, keep_best = recipe.get("early_stopping", {}), recipe.get("keep", "best") == "best"
    patience, metric = stopping.get("patience", 3), stopping.get("metric", "validation.loss")
    best, waited, state, curve, begin = None, 0, None, [], time.monotonic()
    for epoch in range(1, recipe.get("epochs", 8) + 1):
        since = time.monotonic()
        train_loss = train_epoch(model, optimizer, recipe, job["class_weights"], splits["train"], rng)
        seconds = time.monotonic() - since
        loss, accuracy, _ = evaluate(model, splits["validation"], job["class_weights"])
        now = {"epoch": epoch, "train_loss": train_loss, "validation_loss": loss,
               "validation_accuracy": accuracy}
        curve.append(now)
        waited += 1
        if best is None or better(metric, now, best):
            best, waited = now, 0
            if keep_best:
                state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        print(f"{job['entry']} seed {seed} epoch {epoch}: train loss {train_loss:.6f}, validation loss "
              f"{loss:.4f}, accuracy {accuracy:.4f} ({1000 * seconds / n_train:.2f} s per 1,000 texts, "
              f"{time.monotonic() - begin:.0f} s)", file=sys.stderr, flush=True)
        if patience and waited >= patience:
            break
    if keep_best:
        model.load_state_dict(state)
    kept = best if keep_best else curve[-1]
    seconds = time.monotonic() - begin
    _, accuracy, pairs = evaluate(model, splits["test"], job["class_weights"])
    return {"seed": seed, "test_accuracy": accuracy, "test_f1_macro": f1_macro(pairs, job["classes"]),
            "epochs": len(curve), "best_epoch": kept["epoch"],
            "validation_accuracy": kept["validation_accuracy"],
            "predicted": [sum(p == k for p, _ in pairs) / len(pairs) for k in range(job["classes"])],
            "seconds": round(seconds, 1), "curve": curve}


def read_suite(path, name):
    """(suite, entry, its recipe): of a suite's file, or of a run's run.json."""
    suite = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    suite = suite["suite"] if isinstance(suite.get("suite"), dict) else suite
    entry = next((e for e in suite["entries"] if e["name"] == name), None)
    if entry is None or entry["model"] not in LAYERS:
        sys.exit(f"{path}: no entry {name} of {', '.join(LAYERS)}")
    defaults = suite.get("defaults", {})
    recipe = {**defaults.get("training", {}), **entry.get("training", {})}
    stopping = recipe.get("early_stopping", {})
    metrics = ("validation.loss", "validation.accuracy")
    if set(recipe) - RECIPE or stopping.get("min_delta") or stopping.get("metric", metrics[0]) not in metrics:
        sys.exit(f"{path}: the recipe {recipe} is not mirrored here")
    return suite, {**defaults, **entry}, recipe


def make_job(arguments, entry, recipe, splits, balance):
    from safetensors.torch import load_file

    export = pathlib.Path(arguments.export)
    config = json.loads((export / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(export / "model.safetensors")
    labels = [row[1] for row in splits["train"]]
    classes, class_weights = len(config["labels"]), None
    if config["model"] != entry["model"]:
        sys.exit(f"{export} holds {config['model']}, the entry is {entry['model']}")
    if balance not in (None, "none", "class_weights"):
        sys.exit(f"the balance {balance} is not mirrored here")
    if balance == "class_weights":
        class_weights = torch.tensor([len(labels) / (classes * labels.count(k)) for k in range(classes)])
    return {"entry": entry["name"], "model": entry["model"], "options": config["options"],
            "vocab": config["vocab_size"], "classes": classes, "recipe": recipe,
            "class_weights": class_weights, "tensors": tensors, "table": "embeddings" in entry,
            "same_start": arguments.same_start}


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("suite", help="RUN/run.json, or a suite file")
    parser.add_argument("rows", help="JSON Lines of `assay data rows SUITE --entry NAME`")
    parser.add_argument("export", help="folder of `assay export` of the untrained entry")
    parser.add_argument("--entry", required=True)
    parser.add_argument("--seeds", help="instead of the suite's, comma-separated")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--same-start", action="store_true", help="every initial value from the export")
    parser.add_argument("--out", help="file for the figures (default: standard output)")
    return parser.parse_args()


def main():
    arguments = read_arguments()
    torch.set_num_threads(arguments.threads)
    suite, entry, recipe = read_suite(arguments.suite, arguments.entry)
    recipe = {**recipe, "epochs": arguments.epochs} if arguments.epochs else recipe
    splits, digest = read_rows(arguments.rows)
    job = make_job(arguments, entry, recipe, splits, suite["data"].get("balance"))
    weights = {split: [None] * len(rows) for split, rows in splits.items()}
    if job["options"]["token_weights"]:
        weights = tfidf(splits, entry["token_weights"], job["vocab"])
    splits = {split: [(*row, w) for row, w in zip(rows, weights[split])]
              for split, rows in splits.items()}
    sizes = [(t.numel(), name) for name, t in job["tensors"].items()]
    fixed = set() if job["options"]["train_embedding"] else {"embedding.weight"}
    figures = {"suite": suite["name"], "made_by": "tests/golden/torch_studies.py", "versions": versions(),
               "threads": arguments.threads, "rows_sha256": digest,
               "rows": {split: len(rows) for split, rows in splits.items()}, "recipe": recipe,
               "options": job["options"], "same_start": arguments.same_start, "models": {}}
    runs = []
    for seed in [int(s) for s in arguments.seeds.split(",")] if arguments.seeds else suite["seeds"]:
        runs.append(train(job, splits, seed))
        figures["models"][entry["name"]] = {
            "parameters": {"total": sum(n for n, _ in sizes),
                           "trainable": sum(n for n, name in sizes if name not in fixed)},
            "mean_test_accuracy": sum(run["test_accuracy"] for run in runs) / len(runs), "runs": runs}
        if arguments.out:  # after each seed, whole or not at all: the next may take hours
            part = pathlib.Path(arguments.out + ".part")
            part.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
            os.replace(part, arguments.out)
    if not arguments.out:
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
