# SPDX-License-Identifier: MIT
"""OpenVINO: an encoder of the Hugging Face library (DistilBERT, BERT) on its CPU plugin; it predicts only.

options.weights: a Hugging Face folder, converted at the start. Settings:

    precision=f32|bf16   OpenVINO's inference precision
    streams=1            parts that a batch is cut into and run at the same time, the threads shared among them
    pad=1                rows are padded to the longest of their part, rounded up to a multiple of this
"""
import os
import platform
import tempfile

import assay_adapter
import encoder_adapter


class OpenVinoEncoder(assay_adapter.Model):
    can_train = False

    def __init__(self, hello):
        import numpy
        import openvino

        self.numpy = numpy
        settings = encoder_adapter.Settings(hello)
        precision = settings.choice("precision", "f32", "bf16")
        streams = settings.number("streams", 1, 1)
        self.pad = settings.number("pad", 1, 1)
        settings.finish()
        core = openvino.Core()
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise assay_adapter.Refusal(assay_adapter.UNSUPPORTED, "OpenVINO has no bf16 on this processor")
        config = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": hello.threads,
                  "NUM_STREAMS": streams, "CPU_DENORMALS_OPTIMIZATION": True, "ENABLE_CPU_PINNING": False}
        with tempfile.TemporaryDirectory(prefix="assay-openvino-") as folder:
            path = os.path.join(folder, "model.xml")
            encoder_adapter.converted(hello.weights, "openvino", path)
            self.compiled = core.compile_model(core.read_model(path), "CPU", config)
        self.requests = [self.compiled.create_infer_request() for _ in range(streams)]
        self.libraries = (f"openvino {openvino.__version__}, {precision}, {streams} "
                          f"stream{'' if streams == 1 else 's'}; numpy {numpy.__version__}; "
                          f"Python {platform.python_version()}")

    def predict(self, batch):
        n_parts = min(len(self.requests), batch.n_rows)
        cuts = [batch.n_rows * i // n_parts for i in range(n_parts + 1)]
        used = self.requests[:n_parts]
        for request, first, last in zip(used, cuts, cuts[1:]):
            ids, mask = encoder_adapter.padded(self.numpy, batch, self.pad, first, last)
            request.start_async({"input_ids": ids, "attention_mask": mask}, share_inputs=False)
        logits = []
        for request in used:
            request.wait()
            logits.append(request.get_output_tensor(0).data.astype(self.numpy.float32))
        return self.numpy.ascontiguousarray(self.numpy.concatenate(logits))


assay_adapter.serve(OpenVinoEncoder)
