"""A LoRA adapter of random weights, large enough that answers change.

usage: make_lora.py MODEL FOLDER
"""

import json
import os
import sys

import torch
from safetensors.torch import load_file, save_file

source, folder = sys.argv[1:3]
RANK, ALPHA = 8, 16
TARGETS = ("q_proj", "v_proj")

torch.manual_seed(1)
os.makedirs(folder, exist_ok=True)
tensors = {}
for name, weight in load_file(os.path.join(source, "model.safetensors")).items():
    module = name.removesuffix(".weight")
    if not module.endswith(TARGETS):
        continue
    columns, rows = weight.shape
    tensors[f"base_model.model.{module}.lora_A.weight"] = torch.randn(RANK, rows) / rows**0.5
    tensors[f"base_model.model.{module}.lora_B.weight"] = torch.randn(columns, RANK)
save_file(tensors, os.path.join(folder, "adapter_model.safetensors"))
with open(os.path.join(folder, "adapter_config.json"), "w") as file:
    json.dump(
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": source,
            "r": RANK,
            "lora_alpha": ALPHA,
            "target_modules": list(TARGETS),
            "bias": "none",
        },
        file,
    )
