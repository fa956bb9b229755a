#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes safetensors/types.safetensors (every element type that is read; the 16-bit ones beside their
values in F64) and safetensors/written.safetensors, which tests/unit/train/test_safetensors.c reads,
and writes again byte for byte.

    python3 make_safetensors_golden.py           needs PyTorch and safetensors
"""
import pathlib

import torch
from safetensors.torch import save_file

folder = pathlib.Path("safetensors")
folder.mkdir(exist_ok=True)
generator = torch.Generator().manual_seed(7)
# Both zeros, the smallest and largest subnormal and normal numbers, infinities; then random bits.
edges = [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x7BFF, 0x7C00, 0xFC00, 0x3C00, 0xBC01, 0x7F80,
         0xFF80, 0x7F7F, 0x0080, 0x007F, 0x3F80]
bits = torch.tensor(edges + torch.randint(0, 65536, (240,), generator=generator).tolist())
bits = torch.where(bits >= 32768, bits - 65536, bits).to(torch.int16)
types = {
    "bool": torch.tensor([True, False, True]),
    "u8": torch.tensor([0, 255], dtype=torch.uint8),
    "i8": torch.tensor([-128, 127], dtype=torch.int8),
    "i16": torch.tensor([[-32768], [32767]], dtype=torch.int16),
    "i32": torch.tensor([1, 2, 3], dtype=torch.int32),
    "i64": torch.arange(12).reshape(1, 12),
    "u16": torch.tensor([65535], dtype=torch.uint16),
    "u32": torch.tensor([4294967295], dtype=torch.uint32),
    "u64": torch.tensor([1], dtype=torch.uint64),
    "scalar": torch.tensor(2.5),
    "nothing": torch.zeros(0, 4),
    "f32": torch.randn(3, 5, generator=generator),
}
for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
    values = bits.view(dtype)
    values = values[~values.isnan()]  # their payload is nobody's business
    types[name], types[name + ".value"] = values, values.double()
save_file(types, folder / "types.safetensors", metadata={"format": "pt"})

written = {"b.weight": torch.arange(6.0).reshape(2, 3) / 7, "a": torch.tensor([1.5]),
           "z.double": torch.arange(3, dtype=torch.float64) / 3, "empty": torch.zeros(2, 0),
           "ünïcode \"quoted\"": torch.tensor([-0.0, 1e-42, 3e38])}
save_file(written, folder / "written.safetensors", metadata={"assay": "one \"text\""})
for file in folder.iterdir():
    file.chmod(0o644)
