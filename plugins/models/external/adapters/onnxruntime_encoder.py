# SPDX-License-Identifier: MIT
"""ONNX Runtime: an encoder of the Hugging Face library (DistilBERT, BERT) on its CPU provider; it predicts only.

options.weights: a Hugging Face folder, converted at the start. Settings:

    fuse=true|false    ONNX Runtime's own fusions for transformers (attention, skip + layer norm, GELU with bias)
    precision=f32      bf16 isn't there: the CPU provider has no bf16 matrix products on x86 (1.31)
    pad=1              rows are padded to the longest of their batch, rounded up to a multiple of this
    spin=true|false    whether its threads spin between operations
"""
import json
import os
import platform
import tempfile

import assay_adapter
import encoder_adapter


class OnnxRuntimeEncoder(assay_adapter.Model):
    can_train = False

    def __init__(self, hello):
        import numpy
        import onnxruntime

        self.numpy = numpy
        settings = encoder_adapter.Settings(hello)
        fuse = settings.choice("fuse", "true", "false") == "true"
        spin = settings.choice("spin", "true", "false") == "true"
        precision = settings.choice("precision", "f32", "bf16")
        self.pad = settings.number("pad", 1, 1)
        settings.finish()
        if precision == "bf16":
            raise assay_adapter.Refusal(assay_adapter.UNSUPPORTED, "ONNX Runtime's CPU provider has no bf16 matrix "
                                        "products on x86")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = hello.threads, 1
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
        with tempfile.TemporaryDirectory(prefix="assay-onnx-") as folder:
            path = os.path.join(folder, "model.onnx")
            encoder_adapter.converted(hello.weights, "onnx", path)
            if fuse:
                path = self.fused(hello.weights, path)
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.libraries = (f"onnxruntime {onnxruntime.__version__}, f32{', fused' if fuse else ''}; numpy "
                          f"{numpy.__version__}; Python {platform.python_version()}")

    @staticmethod
    def fused(weights, path):
        from onnxruntime.transformers import optimizer

        with open(os.path.join(weights, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        heads = config.get("n_heads") or config["num_attention_heads"]
        width = config.get("dim") or config["hidden_size"]
        model = optimizer.optimize_model(path, model_type="bert", num_heads=heads, hidden_size=width, opt_level=0)
        model.save_model_to_file(path + ".fused", use_external_data_format=True)
        return path + ".fused"

    def predict(self, batch):
        ids, mask = encoder_adapter.padded(self.numpy, batch, self.pad)
        logits, = self.session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
        return self.numpy.ascontiguousarray(logits, self.numpy.float32)


assay_adapter.serve(OnnxRuntimeEncoder)
