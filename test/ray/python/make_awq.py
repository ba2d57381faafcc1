"""A model's folder in AWQ's form: 4 bits, groups of 32, packed as its kernels read them, rounded to nearest.

usage: make_awq.py SOURCE FOLDER
"""

import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

source, folder = sys.argv[1:3]
GROUP = 32
# The order in which eight columns stand in one integer.
ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def pack(columns):
    """[rows, columns] of 0 to 15 → [rows, columns / 8] of int32."""
    packed = torch.zeros(columns.shape[0], columns.shape[1] // 8, dtype=torch.int64)
    for place, column in enumerate(ORDER):
        packed |= (columns[:, column::8].long() & 15) << (4 * place)
    return torch.where(packed >= 2**31, packed - 2**32, packed).to(torch.int32).contiguous()


def quantise(weight):
    turned = weight.float().t().contiguous()
    groups = turned.view(turned.shape[0] // GROUP, GROUP, -1)
    most, least = groups.amax(1).clamp(min=0), groups.amin(1).clamp(max=0)
    scales = ((most - least) / 15).clamp(min=1e-6)
    zeros = (-least / scales).round().clamp(0, 15)
    values = (groups / scales[:, None] + zeros[:, None]).round().clamp(0, 15).view_as(turned)
    return {"qweight": pack(values), "qzeros": pack(zeros), "scales": scales.to(torch.float16).contiguous()}


os.makedirs(folder, exist_ok=True)
for file in os.listdir(source):
    if not file.endswith(".safetensors"):
        shutil.copy(os.path.join(source, file), folder)
tensors = {}
for name, weight in load_file(os.path.join(source, "model.safetensors")).items():
    if name.endswith("_proj.weight"):
        tensors |= {name.removesuffix("weight") + part: tensor for part, tensor in quantise(weight).items()}
    else:
        tensors[name] = weight
save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
with open(os.path.join(folder, "config.json")) as file:
    config = json.load(file)
config["quantization_config"] = {
    "quant_method": "awq",
    "bits": 4,
    "group_size": GROUP,
    "zero_point": True,
    "version": "gemm",
    "modules_to_not_convert": ["lm_head"],
}
with open(os.path.join(folder, "config.json"), "w") as file:
    json.dump(config, file, indent=1)
