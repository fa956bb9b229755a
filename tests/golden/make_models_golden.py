#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes models/NAME.safetensors (random weights, exact in f32) and prints models.json: PyTorch's
logits, loss and every parameter's gradient in f64 for tiny models, dropout off, which
tests/unit/train/test_golden_models.c must meet. distilbert and bert with transformers' own heads are
make_bert_golden.py's.

    python3 make_models_golden.py > models.json      needs PyTorch, transformers, safetensors

Each case has two batches of rows of different lengths; the loss of each is the sum over its rows,
gradients are summed over both. Rows are padded and packed or masked here; assay has no padding.
"""
import json
import pathlib
import shutil
import sys

import safetensors.torch
import torch
import transformers
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

transformers.utils.logging.set_verbosity_error()
torch.set_num_threads(1)
VOCAB, LONGEST = 9, 7
BATCHES = [
    ([[2, 7, 4, 8, 3, 2], [5], [6, 1, 3, 3], [2, 8, 5, 0, 4, 6, 7]], [1, 0, 2, 1]),
    ([[8, 8], [3, 5, 2, 7, 1], [4, 4, 6]], [2, 2, 0]),
]
RNNS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def token_weights(rows):
    """Any numbers that differ; exact in f32."""
    return [[(3 * i + 5 * t + 2) % 8 / 4 + 0.25 for t in range(len(row))]
            for i, row in enumerate(rows)]


def pad(rows, to=0):
    longest = max(map(len, rows))
    return torch.tensor([row + [to] * (longest - len(row)) for row in rows])


class Words(nn.Module):
    """Embedding, recurrent layers over packed rows, pooling, classifier: rnn, lstm, gru, bilstm,
    bilstm_attention by their options."""

    def __init__(self, kind, classes, embedding, hidden, layers=1, bidirectional=False,
                 pooling="last", attention=None, dense=0, output="softmax", residual=False,
                 train_embedding=True, token_weights=False, mask_outputs=False, vocab_size=VOCAB,
                 **_):
        super().__init__()
        self.pooling, self.output, self.bidirectional = pooling, output, bidirectional
        self.weighted, self.mask_outputs, self.kind = token_weights, mask_outputs, kind
        width = hidden * (2 if bidirectional else 1)
        self.embedding = nn.Embedding(vocab_size, embedding)
        self.embedding.weight.requires_grad_(train_embedding)
        if residual:  # nn.GRU has no way to add in between, so each layer is one of its own
            stack = [RNNS[kind](embedding if i == 0 else width, hidden, 1, batch_first=True,
                                bidirectional=bidirectional) for i in range(layers)]
            setattr(self, kind, nn.ModuleList(stack))
        else:
            setattr(self, kind, RNNS[kind](embedding, hidden, layers, batch_first=True,
                                           bidirectional=bidirectional))
        if attention is not None:
            parts = {"hidden": nn.Linear(width, attention)} if attention else {}
            self.attention = nn.ModuleDict({**parts, "score": nn.Linear(attention or width, 1)})
        elif pooling == "attention":
            self.attention = nn.Linear(width, 1)
        if dense:
            self.dense = nn.Linear(width, dense)
        self.classifier = nn.Linear(dense or width, 1 if output == "sigmoid" else classes)

    def states(self, x, lengths):
        """All states [B, T, W] and the last one of each direction [B, W]."""
        stack = getattr(self, self.kind)
        for i, layer in enumerate(stack if isinstance(stack, nn.ModuleList) else [stack]):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            y, last = layer(packed)
            y, _ = pad_packed_sequence(y, batch_first=True)
            last = last[0] if isinstance(last, tuple) else last
            x = y + x if 0 < i < len(stack) - 1 else y
        return x, torch.cat([last[-2], last[-1]], 1) if self.bidirectional else last[-1]

    def pooled(self, x, last, outside):
        if self.pooling == "last":
            return last
        if self.pooling == "mean":
            return x.masked_fill(outside, 0).sum(1) / (~outside).sum(1)
        if self.pooling == "max":
            return x.masked_fill(outside, float("-inf")).max(1).values
        query = x
        if isinstance(self.attention, nn.ModuleDict):
            if "hidden" in self.attention:
                query = torch.tanh(self.attention["hidden"](x))
            score = self.attention["score"](query)
        else:
            score = self.attention(x)
        return (torch.softmax(score.masked_fill(outside, float("-inf")), 1) * x).sum(1)

    def forward(self, ids, lengths, weights):
        x = self.embedding(ids)
        x = x * weights.unsqueeze(2) if self.weighted else x
        x, last = self.states(x, lengths)
        x = x * weights.unsqueeze(2) if self.mask_outputs else x
        outside = (torch.arange(ids.shape[1]) >= lengths.unsqueeze(1)).unsqueeze(2)
        x = self.pooled(x, last, outside)
        if hasattr(self, "dense"):
            x = F.relu(self.dense(x))
        return self.classifier(x)


class OverPadding(Words):
    """The layers run over the padding; states times mask, then the maximum: padding gives 0."""

    def states(self, x, lengths):
        return getattr(self, self.kind)(x)[0], None


class Transformer(nn.Module):
    def __init__(self, classes, hidden, layers, heads, feed_forward, positions="sinusoid",
                 train_embedding=True, token_weights=False, vocab_size=VOCAB, **_):
        super().__init__()
        self.weighted, self.kind = token_weights, positions
        self.embedding = nn.Embedding(vocab_size, hidden)
        self.embedding.weight.requires_grad_(train_embedding)
        if positions == "learned":
            self.positions = nn.Embedding(LONGEST, hidden)
        layer = nn.TransformerEncoderLayer(hidden, heads, feed_forward, 0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, ids, lengths, weights):
        places = torch.arange(ids.shape[1])
        x = self.embedding(ids)
        x = x * weights.unsqueeze(2) if self.weighted else x
        if self.kind == "learned":
            x = x + self.positions(places)
        elif self.kind == "sinusoid":  # Vaswani et al. 2017, 3.5
            i = torch.arange(0, x.shape[2], 2, dtype=x.dtype)
            angle = places.unsqueeze(1) / 10000 ** (i / x.shape[2])
            x = x + torch.stack([torch.sin(angle), torch.cos(angle)], 2).flatten(1)
        outside = places >= lengths.unsqueeze(1)
        x = self.encoder(x, src_key_padding_mask=outside).masked_fill(outside.unsqueeze(2), 0)
        return self.classifier(x.sum(1) / lengths.unsqueeze(1))


class Encoder(nn.Module):
    """distilbert and bert with the heads that transformers doesn't have."""

    def __init__(self, kind, classes, head, layers, heads, dim, hidden_dim, positions):
        super().__init__()
        self.kind, self.head = kind, head
        if kind == "distilbert":
            config = transformers.DistilBertConfig(
                vocab_size=VOCAB, max_position_embeddings=positions, dim=dim, n_layers=layers,
                n_heads=heads, hidden_dim=hidden_dim, attn_implementation="eager")
            self.distilbert = transformers.DistilBertModel(config)
        else:
            config = transformers.BertConfig(
                vocab_size=VOCAB, max_position_embeddings=positions, hidden_size=dim,
                num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=hidden_dim,
                attn_implementation="eager")
            self.bert = transformers.BertModel(config, add_pooling_layer=head != "mean")
        self.classifier = nn.Linear(dim, classes) if head == "mean" else nn.Sequential(
            nn.Dropout(0.3), nn.Linear(dim, 128), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(128, classes))

    def forward(self, ids, lengths, _weights):
        mask = (torch.arange(ids.shape[1]) < lengths.unsqueeze(1)).long()
        found = getattr(self, self.kind)(input_ids=ids, attention_mask=mask)
        if self.head == "mean":
            x = (found.last_hidden_state * mask.unsqueeze(2)).sum(1) / lengths.unsqueeze(1)
        elif self.kind == "bert":
            x = found.pooler_output
        else:
            x = found.last_hidden_state[:, 0]
        return self.classifier(x)


def recurrent(kind):
    return lambda classes, options: Words(kind, classes, **options)


BI = {"bidirectional": True}
ENCODER = {"layers": 1, "heads": 2, "dim": 4, "hidden_dim": 6, "positions": 8}
# Two layers of 4 channels are so ill-conditioned that PyTorch's own f32 gradients are off by 2e-5.
DEEPER = {**ENCODER, "layers": 2, "dim": 8}
SMALL = {"embedding": 4, "hidden": 3}
HEADS = {"hidden": 4, "heads": 2, "feed_forward": 5}
LOSS = {"classes": 3, "label_smoothing": 0.0, "class_weights": []}
# name, model, its PyTorch twin, options, what differs from LOSS
CASES = [
    ("rnn-last", "rnn", recurrent("rnn"), {**SMALL, "layers": 2, "pooling": "last"}, {}),
    ("rnn-bi-mean", "rnn", recurrent("rnn"),
     {**SMALL, **BI, "layers": 2, "pooling": "mean", "token_weights": True}, {}),
    ("rnn-dense", "rnn", recurrent("rnn"),
     {**SMALL, "layers": 3, "residual": True, "pooling": "max", "dense": 3}, {}),
    ("lstm-last", "lstm", recurrent("lstm"), {**SMALL, "layers": 2, "pooling": "last"},
     {"label_smoothing": 0.05, "class_weights": [0.5, 2.0, 1.25]}),
    ("lstm-bi-attention", "lstm", recurrent("lstm"),
     {**SMALL, **BI, "pooling": "attention", "train_embedding": False, "token_weights": True}, {}),
    ("lstm-mean", "lstm", recurrent("lstm"), {**SMALL, "pooling": "mean"}, {}),
    ("gru-bi-last", "gru", recurrent("gru"), {**SMALL, **BI, "layers": 2, "pooling": "last"}, {}),
    ("gru-attention", "gru", recurrent("gru"),
     {**SMALL, "bidirectional": False, "layers": 2, "pooling": "attention"}, {}),
    ("gru-residual-sigmoid", "gru", recurrent("gru"),
     {**SMALL, **BI, "hidden": 2, "layers": 4, "pooling": "last", "residual": True, "dense": 3,
      "output": "sigmoid", "train_embedding": False, "init": "keras"}, {"classes": 2}),
    ("bilstm-max", "bilstm", lambda c, o: Words("lstm", c, **BI, **o),
     {**SMALL, "layers": 2, "pooling": "max"}, {}),
    ("bilstm-over-padding", "bilstm", lambda c, o: OverPadding("lstm", c, **BI, **o),
     {**SMALL, "hidden": 4, "layers": 2, "pooling": "max", "mask_outputs": True}, {}),
    ("bilstm-attention", "bilstm_attention", lambda c, o: Words(
        "lstm", c, **BI, pooling="attention", **o),
     {**SMALL, "layers": 2, "attention": 5, "token_weights": True}, {}),
    ("bilstm-attention-0", "bilstm_attention", lambda c, o: Words(
        "lstm", c, **BI, pooling="attention", **o), {**SMALL, "attention": 0}, {}),
    ("transformer-sinusoid", "transformer", lambda c, o: Transformer(c, **o),
     {**HEADS, "layers": 2, "positions": "sinusoid"}, {}),
    ("transformer-learned", "transformer", lambda c, o: Transformer(c, **o),
     {**HEADS, "layers": 1, "positions": "learned", "token_weights": True}, {}),
    ("transformer-none", "transformer", lambda c, o: Transformer(c, **o),
     {**HEADS, "layers": 1, "positions": "none", "train_embedding": False}, {}),
    ("distilbert-mean", "distilbert", lambda c, o: Encoder("distilbert", c, **o),
     {**DEEPER, "head": "mean"}, {}),
    ("distilbert-two-linear", "distilbert", lambda c, o: Encoder("distilbert", c, **o),
     {**ENCODER, "head": "two_linear"}, {}),
    ("bert-mean", "bert", lambda c, o: Encoder("bert", c, **o),
     {**DEEPER, "head": "mean"}, {}),
    ("bert-two-linear", "bert", lambda c, o: Encoder("bert", c, **o),
     {**ENCODER, "head": "two_linear"}, {}),
]


def assay_name(name):
    """gru.2.weight_ih_l0_reverse -> gru.weight_ih_l2_reverse"""
    parts = name.split(".")
    if parts[0] in RNNS and len(parts) == 3:
        return f"{parts[0]}.{parts[2].replace('_l0', '_l' + parts[1])}"
    return name


def draw(model, seed):
    """Every parameter random, also biases and norms, so that a mix-up shows."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        values = torch.randn(parameter.shape, generator=generator) * 0.5
        is_norm = "norm" in name.lower() and name.endswith("weight")
        parameter.data = values + 1 if is_norm else values
    return model.eval()


def batch_of(rows, labels, loss, over_padding, is_encoder):
    if is_encoder:  # transformers' embedding of [PAD] has no gradient
        rows = [[max(i, 1) for i in row] for row in rows]
    batch = {"ids": rows, "labels": [label % loss["classes"] for label in labels],
             "weights": token_weights(rows)}
    if over_padding:  # to assay padding is a token like any other, of weight 0
        longest = max(map(len, rows))
        batch["weights"] = [[1.0] * len(row) + [0.0] * (longest - len(row)) for row in rows]
        batch["ids"] = pad(rows).tolist()
    return batch


def run(model, batch, loss, options):
    lengths = torch.tensor([len(row) for row in batch["ids"]])
    labels = torch.tensor(batch["labels"])
    logits = model(pad(batch["ids"]), lengths, pad(batch["weights"], 0.0).double())
    if options.get("output") == "sigmoid":
        z = logits[:, 0]
        logits = torch.stack([torch.zeros_like(z), z], 1)
        total = F.binary_cross_entropy_with_logits(z, labels.double(), reduction="sum")
    else:
        weights = torch.tensor(loss["class_weights"], dtype=torch.float64)
        total = F.cross_entropy(logits, labels, weights if len(weights) else None,
                                reduction="sum", label_smoothing=loss["label_smoothing"])
    total.backward()
    return {**batch, "logits": logits.tolist(), "loss": total.item()}


def case(seed, name, model_id, make, options, changes):
    loss = {**LOSS, **changes}
    model = draw(make(loss["classes"], options), seed)
    weights = {assay_name(n): p.data.float().contiguous() for n, p in model.named_parameters()}
    safetensors.torch.save_file(weights, pathlib.Path("models") / (name + ".safetensors"))
    model = model.double()
    over_padding, is_encoder = isinstance(model, OverPadding), isinstance(model, Encoder)
    batches = [run(model, batch_of(*batch, loss, over_padding, is_encoder), loss, options)
               for batch in BATCHES]
    gradients = {assay_name(n): [float(f"{x:.12g}") for x in p.grad.flatten().tolist()]
                 for n, p in sorted(model.named_parameters()) if p.requires_grad}
    assert all(any(values) for values in gradients.values()), f"{name}: a gradient that is zero"
    return {"name": name, "model": model_id, "options": options, **loss, "batches": batches,
            "gradients": gradients}


def main():
    folder = pathlib.Path("models")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    cases = [case(seed, *entry) for seed, entry in enumerate(CASES)]
    for file in folder.iterdir():
        file.chmod(0o644)
    json.dump({"torch": torch.__version__, "transformers": transformers.__version__,
               "vocab_size": VOCAB, "max_tokens": LONGEST, "cases": cases}, sys.stdout,
              separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
