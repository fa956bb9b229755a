# SPDX-License-Identifier: MIT
"""PyTorch: assay's small models (rnn, lstm, gru, bilstm_attention, transformer), as its users write them.

options.weights: the folder that a peer of an entry is given (config.json in assay's own form, model.safetensors);
parameters have the same names. Settings:

    rows=packed|padded     recurrent layers over PackedSequence; or over padding as if it were tokens, which is faster
                           but lets padding into the reverse direction, so its logits differ: "logits": "any"
    precision=f32|bf16     bf16: autocast around the forward pass, parameters stay f32
    compile=none|default|dynamic
    clip_norm=1.0          0: none
    weight_decay=0         of AdamW, the fused one

The transformer masks padding in both.
"""
import json
import math
import os
import platform

import assay_adapter
import encoder_adapter


def make_network(torch, config, padded):
    """The model of config.json; its forward takes ids [rows, tokens] and lengths [rows], both int64."""
    nn = torch.nn
    options, kind = config["options"], config["model"]
    refused = {"train_embedding": True, "token_weights": False, "embedding_dropout": True, "residual": False,
               "pooling": "last", "dense": 0, "output": "softmax", "positions": "sinusoid"}
    for name, value in refused.items():
        if options.get(name, value) != value:
            raise assay_adapter.Refusal(assay_adapter.UNSUPPORTED, f"the model's option {name} is {options[name]}; "
                                        f"only {value} is written here")
    inside = options["dropout"] if options["layers"] > 1 else 0.0
    n_classes, vocab_size = config["n_classes"], config["vocab_size"]

    def is_padding(ids, lengths):
        return torch.arange(ids.shape[1]) >= lengths[:, None]

    def run(layer, x, lengths):
        if padded:
            return layer(x)
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, last = layer(packed)
        return nn.utils.rnn.pad_packed_sequence(states, batch_first=True)[0], last

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            both = options["bidirectional"]
            layer = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind]
            self.embedding = nn.Embedding(vocab_size, options["embedding"])
            setattr(self, kind, layer(options["embedding"], options["hidden"], options["layers"], batch_first=True,
                                      bidirectional=both, dropout=inside))
            self.dropout = nn.Dropout(options["dropout"])
            self.classifier = nn.Linear((2 if both else 1) * options["hidden"], n_classes)

        def forward(self, ids, lengths):
            _, last = run(getattr(self, kind), self.dropout(self.embedding(ids)), lengths)
            last = last[0] if isinstance(last, tuple) else last
            last = torch.cat([last[-2], last[-1]], 1) if options["bidirectional"] else last[-1]
            return self.classifier(self.dropout(last))

    class BiLstmAttention(nn.Module):
        def __init__(self):
            super().__init__()
            width = 2 * options["hidden"]
            self.embedding = nn.Embedding(vocab_size, options["embedding"])
            self.lstm = nn.LSTM(options["embedding"], options["hidden"], options["layers"], batch_first=True,
                                bidirectional=True, dropout=inside)
            self.attention = nn.ModuleDict({"hidden": nn.Linear(width, options["attention"]),
                                            "score": nn.Linear(options["attention"], 1)})
            self.dropout = nn.Dropout(options["dropout"])
            self.classifier = nn.Linear(width, n_classes)

        def forward(self, ids, lengths):
            states, _ = run(self.lstm, self.dropout(self.embedding(ids)), lengths)
            scores = self.attention["score"](torch.tanh(self.attention["hidden"](states))).squeeze(2)
            if not padded:
                scores = scores.masked_fill(is_padding(ids, lengths), float("-inf"))
            mean = (torch.softmax(scores, 1)[:, :, None] * states).sum(1)
            return self.classifier(self.dropout(mean))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            width = options["hidden"]
            self.embedding = nn.Embedding(vocab_size, width)
            layer = nn.TransformerEncoderLayer(width, options["heads"], options["feed_forward"],
                                               options["encoder_dropout"], batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, options["layers"], enable_nested_tensor=False)
            self.dropout = nn.Dropout(options["dropout"])
            self.classifier = nn.Linear(width, n_classes)
            places = torch.arange(config["max_tokens"], dtype=torch.float64)[:, None]
            angles = places * torch.exp(torch.arange(0, width, 2, dtype=torch.float64) * (-math.log(10000.0) / width))
            table = torch.zeros(config["max_tokens"], width, dtype=torch.float64)
            table[:, 0::2], table[:, 1::2] = torch.sin(angles), torch.cos(angles)[:, : width // 2]
            self.register_buffer("positions", table.float(), persistent=False)

        def forward(self, ids, lengths):
            mask = is_padding(ids, lengths)
            x = self.dropout(self.embedding(ids) + self.positions[: ids.shape[1]])
            x = self.encoder(x, src_key_padding_mask=mask)
            mean = x.masked_fill(mask[:, :, None], 0.0).sum(1) / lengths[:, None]
            return self.classifier(self.dropout(mean))

    return {"bilstm_attention": BiLstmAttention, "transformer": Transformer}.get(kind, Recurrent)()


class TorchRecurrent(assay_adapter.Model):
    def __init__(self, hello):
        import torch
        from safetensors.torch import load_file

        self.torch = torch
        settings = encoder_adapter.Settings(hello)
        rows = settings.choice("rows", "packed", "padded")
        self.precision = settings.choice("precision", "f32", "bf16")
        compiled = settings.choice("compile", "none", "default", "dynamic")
        self.clip_norm = settings.number("clip_norm", 1.0, 0)
        decay = settings.number("weight_decay", 0.0, 0)
        settings.finish()
        if not hello.weights:
            encoder_adapter.refuse("there are no options.weights; a peer of an entry is given them")
        torch.set_num_threads(hello.threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(hello.seed % (1 << 63))
        with open(os.path.join(hello.weights, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        if config.get("format") != "assay-model":
            encoder_adapter.refuse("options.weights: its config.json is not assay's; this is torch_encoder.py's")
        self.network = make_network(torch, config, rows == "padded")
        self.network.load_state_dict(load_file(os.path.join(hello.weights, "model.safetensors")))
        self.n_parameters = sum(p.numel() for p in self.network.parameters())
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=0.0, weight_decay=decay, fused=True)
        self.forward = self.network
        if compiled != "none":
            self.forward = torch.compile(self.network, dynamic=compiled == "dynamic")
        self.libraries = (f"torch {torch.__version__}, {self.precision}, {rows}, compile {compiled}; "
                          f"Python {platform.python_version()}")

    def logits(self, batch):
        torch = self.torch
        ids = torch.frombuffer(batch.ids, dtype=torch.int32).long()
        lengths = encoder_adapter.lengths_of(batch)
        rows = torch.nn.utils.rnn.pad_sequence(ids.split(lengths), batch_first=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            return self.forward(rows, torch.tensor(lengths)).float()

    def train_step(self, batch, step):
        torch = self.torch
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = step.learning_rate
        labels = torch.frombuffer(batch.labels, dtype=torch.int32).long()
        loss = torch.nn.functional.cross_entropy(self.logits(batch), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.clip_norm > 0:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm)
        self.optimizer.step()
        return loss.item()

    def predict(self, batch):
        self.network.eval()
        with self.torch.inference_mode():
            return self.logits(batch).contiguous().numpy()

    def state(self):
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def set_state(self, state):
        self.network.load_state_dict(state)


assay_adapter.serve(TorchRecurrent)
