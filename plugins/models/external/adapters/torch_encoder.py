# SPDX-License-Identifier: MIT
"""PyTorch: an encoder of the Hugging Face library with a classification head (DistilBERT, BERT, ...).

Starts from options.weights, a Hugging Face folder; without weights, drawn from the seed with the sizes that the
settings give (model_type=distilbert dim=64 n_layers=2 n_heads=2 hidden_dim=128: fields of its configuration).
Other settings:

    precision=f32|bf16     bf16: autocast around the forward pass, parameters stay f32
    compile=none|default|dynamic   torch.compile, with fixed shapes or one graph for all
    weight_decay=0.01      of AdamW; biases and layer norms are exempt
    clip_norm=1.0          0: none
    attention=sdpa|eager

Rows are padded to the longest of their batch, which is what such programs usually do.
"""
import platform

import assay_adapter

CHOICES = {"precision": ("f32", "bf16"), "compile": ("none", "default", "dynamic"),
           "attention": ("sdpa", "eager")}


def refuse(text):
    raise assay_adapter.Refusal(assay_adapter.INVALID_ARGUMENT, f"options.settings: {text}")


class TorchEncoder(assay_adapter.Model):
    def __init__(self, hello):
        import torch
        import transformers

        self.torch = torch
        settings = assay_adapter.settings_of(hello.settings)
        for name, choices in CHOICES.items():
            value = settings.pop(name, choices[0])
            if value not in choices:
                refuse(f"{name}={value}; expected one of {', '.join(choices)}")
            setattr(self, name, value)
        self.clip_norm = float(settings.pop("clip_norm", "1.0"))
        decay = float(settings.pop("weight_decay", "0.01"))
        torch.set_num_threads(hello.threads)
        torch.manual_seed(hello.seed % (1 << 63))
        self.network = self.make_network(transformers, hello, settings)
        self.n_parameters = sum(p.numel() for p in self.network.parameters())
        self.optimizer = torch.optim.AdamW(self.groups(decay), lr=0.0, fused=True)
        self.forward = self.network
        if self.compile != "none":
            self.forward = torch.compile(self.network, dynamic=self.compile == "dynamic")
        self.libraries = (f"torch {torch.__version__}; transformers {transformers.__version__}; "
                          f"Python {platform.python_version()}")

    def make_network(self, transformers, hello, settings):
        common = {"num_labels": hello.n_classes, "attn_implementation": self.attention}
        automatic = transformers.AutoModelForSequenceClassification
        if hello.weights:
            if settings:
                refuse(f"unknown {', '.join(sorted(settings))}")
            return automatic.from_pretrained(hello.weights, local_files_only=True,
                                             dtype=self.torch.float32, **common)
        kind = settings.pop("model_type", None)
        if not kind:
            refuse("model_type is missing, and there are no options.weights")
        fields = {name: float(value) if "." in value else int(value) for name, value in settings.items()}
        config = transformers.AutoConfig.for_model(
            kind, vocab_size=hello.vocab_size, max_position_embeddings=hello.max_tokens,
            num_labels=hello.n_classes, pad_token_id=0, **fields)
        return automatic.from_config(config, attn_implementation=self.attention)

    def groups(self, decay):
        decayed, exempt = [], []
        for name, parameter in self.network.named_parameters():
            is_exempt = name.endswith("bias") or "layer_norm" in name.lower() or "layernorm" in name.lower()
            (exempt if is_exempt else decayed).append(parameter)
        return [{"params": decayed, "weight_decay": decay}, {"params": exempt, "weight_decay": 0.0}]

    def inputs(self, batch):
        torch = self.torch
        offsets = batch.offsets
        ids = torch.frombuffer(batch.ids, dtype=torch.int32).long()
        lengths = [offsets[i + 1] - offsets[i] for i in range(batch.n_rows)]
        rows = torch.nn.utils.rnn.pad_sequence(ids.split(lengths), batch_first=True)
        mask = torch.arange(rows.shape[1]) < torch.tensor(lengths)[:, None]
        return {"input_ids": rows, "attention_mask": mask.long()}

    def precise(self):
        return self.torch.autocast("cpu", dtype=self.torch.bfloat16, enabled=self.precision == "bf16")

    def train_step(self, batch, step):
        torch = self.torch
        labels = torch.frombuffer(batch.labels, dtype=torch.int32).long()
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = step.learning_rate
        with self.precise():
            logits = self.forward(**self.inputs(batch)).logits
        loss = torch.nn.functional.cross_entropy(logits.float(), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.clip_norm > 0:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm)
        self.optimizer.step()
        return loss.item()

    def predict(self, batch):
        self.network.eval()
        with self.torch.inference_mode(), self.precise():
            logits = self.forward(**self.inputs(batch)).logits
        return logits.float().contiguous().numpy()

    def state(self):
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def set_state(self, state):
        self.network.load_state_dict(state)


assay_adapter.serve(TorchEncoder)
