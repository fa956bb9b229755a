# SPDX-License-Identifier: MIT
"""What the adapters of encoders (torch_encoder, onnxruntime_encoder, openvino_encoder) share: settings with
choices, rows padded into arrays, and the conversion of a Hugging Face folder into another library's file.

As a program (python3 encoder_adapter.py FOLDER onnx|openvino FILE) it does that conversion. The adapters start it
as a child, so that PyTorch's memory and threads are gone before anything is measured.
"""
import os
import subprocess
import sys

import assay_adapter


def refuse(text):
    raise assay_adapter.Refusal(assay_adapter.INVALID_ARGUMENT, f"options.settings: {text}")


class Settings:
    """options.settings of a hello; take() each, then finish()."""

    def __init__(self, hello):
        self.left = assay_adapter.settings_of(hello.settings)

    def choice(self, name, *choices):
        """One of the choices, the first if it isn't there."""
        value = self.left.pop(name, choices[0])
        if value not in choices:
            refuse(f"{name}={value}; expected one of {', '.join(choices)}")
        return value

    def number(self, name, default, least):
        text = self.left.pop(name, None)
        try:
            value = default if text is None else type(default)(text)
        except ValueError:
            refuse(f"{name}={text}; expected a number")
        if not value >= least:
            refuse(f"{name}={value}; expected at least {least}")
        return value

    def finish(self):
        if self.left:
            refuse(f"unknown {', '.join(sorted(self.left))}")


def lengths_of(batch):
    return [batch.offsets[i + 1] - batch.offsets[i] for i in range(batch.n_rows)]


def padded(numpy, batch, multiple=1, first=0, last=None):
    """ids and mask [rows, tokens], int64, of rows first to last - 1, as wide as the longest, rounded up."""
    offsets = numpy.frombuffer(batch.offsets, numpy.int32)[first:None if last is None else last + 1]
    lengths = numpy.diff(offsets)
    width = -(-int(lengths.max()) // multiple) * multiple
    mask = numpy.arange(width) < lengths[:, None]
    ids = numpy.zeros(mask.shape, numpy.int64)
    ids[mask] = numpy.frombuffer(batch.ids, numpy.int32)[offsets[0]:offsets[-1]]
    return ids, mask.astype(numpy.int64)


def converted(weights, kind, path):
    """Writes the model of a Hugging Face folder to `path`, in a child."""
    if not weights:
        refuse("there are no options.weights; a peer of an entry is given them")
    command = [sys.executable, os.path.abspath(__file__), weights, kind, path]
    child = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    if child.returncode:
        raise RuntimeError(f"the conversion to {kind} ended with exit status {child.returncode}")


def convert(weights, kind, path):
    import torch
    import transformers

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            # "eager" is the form that ONNX Runtime's fusions know; OpenVINO takes the library's own operation.
            attention = "eager" if kind == "onnx" else "sdpa"
            self.network = transformers.AutoModelForSequenceClassification.from_pretrained(
                weights, local_files_only=True, dtype=torch.float32, attn_implementation=attention).eval()

        def forward(self, input_ids, attention_mask):
            return self.network(input_ids=input_ids, attention_mask=attention_mask).logits

    model = Logits()
    ids, mask = torch.ones(2, 16, dtype=torch.int64), torch.ones(2, 16, dtype=torch.int64)
    mask[1, 12:] = 0
    with torch.inference_mode():
        if kind == "onnx":
            axes = {name: {0: "rows", 1: "tokens"} for name in ("input_ids", "attention_mask")}
            torch.onnx.export(model, (ids, mask), path, input_names=list(axes), output_names=["logits"],
                              dynamic_axes=axes | {"logits": {0: "rows"}}, opset_version=17, dynamo=False)
            return
        import openvino

        example = {"input_ids": ids, "attention_mask": mask}
        openvino.save_model(openvino.convert_model(model, example_input=example), path, compress_to_fp16=False)


if __name__ == "__main__":
    convert(*sys.argv[1:])
