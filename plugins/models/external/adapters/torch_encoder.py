# SPDX-License-Identifier: MIT
"""PyTorch: an encoder of the Hugging Face library with a classification head (DistilBERT, BERT, ...).

Starts from options.weights, a Hugging Face folder; without weights, drawn from the seed with the sizes that the
settings give (model_type=distilbert dim=64 n_layers=2 n_heads=2 hidden_dim=128: fields of its configuration).
Other settings:

    precision=f32|bf16|bf16_weights   bf16: autocast around the forward pass, parameters stay f32; bf16_weights: the
                                      whole model converted, which only predicts
    compile=none|default|dynamic|frozen   torch.compile, with fixed shapes or one graph for all; frozen: dynamic, with
                                      the weights as constants that the compiler packs, which only predicts
    weight_decay=0.01      of AdamW; biases and layer norms are exempt
    clip_norm=1.0          0: none
    attention=sdpa|eager
    pad=1                  rows are padded to the longest of their batch, rounded up to a multiple of this

Where no row is padded there is no mask. The optimizer is PyTorch's fused AdamW.
"""
import platform

import assay_adapter
import encoder_adapter
from encoder_adapter import refuse


class TorchEncoder(assay_adapter.Model):
    def __init__(self, hello):
        import torch
        import transformers

        self.torch = torch
        settings = encoder_adapter.Settings(hello)
        self.precision = settings.choice("precision", "f32", "bf16", "bf16_weights")
        self.compile = settings.choice("compile", "none", "default", "dynamic", "frozen")
        self.attention = settings.choice("attention", "sdpa", "eager")
        self.clip_norm = settings.number("clip_norm", 1.0, 0)
        self.pad = settings.number("pad", 1, 1)
        decay = settings.number("weight_decay", 0.01, 0)
        torch.set_num_threads(hello.threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(hello.seed % (1 << 63))
        self.network = self.make_network(transformers, hello, settings.left)
        self.n_parameters = sum(p.numel() for p in self.network.parameters())
        self.can_train = self.precision != "bf16_weights" and self.compile != "frozen"
        if self.can_train:
            self.optimizer = torch.optim.AdamW(self.groups(decay), lr=0.0, fused=True)
        self.forward = self.prepared()
        self.libraries = (f"torch {torch.__version__}, {self.precision}, compile {self.compile}; transformers "
                          f"{transformers.__version__}; Python {platform.python_version()}")

    def prepared(self):
        """The network as it is called."""
        torch = self.torch
        if self.precision == "bf16_weights":
            self.network.to(torch.bfloat16)
        if not self.can_train:
            self.network.eval().requires_grad_(False)
        if self.compile == "none":
            return self.network
        if self.compile == "frozen":
            import torch._inductor.config as inductor

            inductor.freezing = True
        return torch.compile(self.network, dynamic=self.compile != "default")

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
        ids = torch.frombuffer(batch.ids, dtype=torch.int32).long()
        lengths = encoder_adapter.lengths_of(batch)
        rows = torch.nn.utils.rnn.pad_sequence(ids.split(lengths), batch_first=True)
        wider = -rows.shape[1] % self.pad
        if wider:
            rows = torch.nn.functional.pad(rows, (0, wider))
        if min(lengths) == rows.shape[1]:
            return {"input_ids": rows}
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
        # What is frozen can't be traced under inference_mode.
        quiet = self.torch.no_grad() if self.compile == "frozen" else self.torch.inference_mode()
        with quiet, self.precise():
            logits = self.forward(**self.inputs(batch)).logits
        return logits.float().contiguous().numpy()

    def state(self):
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def set_state(self, state):
        self.network.load_state_dict(state)


assay_adapter.serve(TorchEncoder)
