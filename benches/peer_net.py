"""A manifest's net in PyTorch, and IDX files as tensors: what the comparisons with PyTorch share."""
import gzip
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F


def idx(folder, stem):
    data = gzip.open(Path(folder) / f"{stem}.gz").read()
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, 4)
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape).copy())


def forward(layers, w, x):
    for layer in layers:
        kind, name = layer["kind"], layer.get("name")
        if kind == "conv2d":
            x = F.conv2d(x, w[name + ".weight"], w[name + ".bias"], layer.get("stride", 1), layer.get("padding", 0))
        elif kind == "linear":
            x = F.linear(x, w[name + ".weight"], w[name + ".bias"])
        elif kind == "maxout":
            x = F.linear(x, w[name + ".weight"], w[name + ".bias"])
            x = x.view(len(x), layer["units"], layer["pieces"]).max(-1).values
        elif kind == "max_pool2d":
            x = F.max_pool2d(x, layer["kernel"], layer.get("stride"), layer.get("padding", 0), 1, layer.get("ceil", False))
        elif kind == "relu":
            x = F.relu(x)
        elif kind == "flatten":
            x = x.flatten(1)
        elif kind != "dropout":
            sys.exit(f"this script does not know {kind}")
    return x
