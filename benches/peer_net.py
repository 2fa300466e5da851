"""A manifest's net in PyTorch, and test sets as tensors: what the comparisons with PyTorch share."""
import gzip
import sys
import tarfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F


def idx(folder, stem):
    data = gzip.open(Path(folder) / f"{stem}.gz").read()
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, 4)
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape).copy())


def photos(archive, classes):
    """The pictures below val/CLASS/ in a tar, one of each class in turn: (n, 3, height, width) and labels."""
    from PIL import Image

    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            split, *folders = member.name.removeprefix("./").split("/")
            if split == "val" and member.isfile():
                picture = np.asarray(Image.open(tar.extractfile(member)).convert("RGB"))
                found.setdefault(folders[0], []).append((member.name, picture))
    turns = [
        (turn, folder, picture)
        for folder, pictures in found.items()
        for turn, (_, picture) in enumerate(sorted(pictures, key=lambda named: named[0]))
    ]
    turns.sort(key=lambda each: each[:2])
    pictures = [picture for _, _, picture in turns]
    plain = [name.lower().replace("-", " ") for name in classes]
    labels = [plain.index(folder.lower().replace("_", " ").replace("-", " ")) for _, folder, _ in turns]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2), torch.tensor(labels)


def padded(x, layer, fill=0.0):
    """The picture as a window without padding sees it, where the four sides are given one by one; what padding is left to do."""
    padding = layer.get("padding", 0)
    if not isinstance(padding, list) or len(padding) != 4:
        return x, padding
    top, left, bottom, right = padding
    return F.pad(x, (left, right, top, bottom), value=fill), 0


def forward(layers, w, x):
    for layer in layers:
        kind, name = layer["kind"], layer.get("name")
        if kind == "conv2d":
            x, padding = padded(x, layer)
            weight, bias, groups = w[name + ".weight"], w.get(name + ".bias"), layer.get("groups", 1)
            x = F.conv2d(x, weight, bias, layer.get("stride", 1), padding, 1, groups)
        elif kind == "batch_norm2d":
            mean, var, weight, bias = (w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
            x = F.batch_norm(x, mean, var, weight, bias, eps=layer.get("eps", 1e-5))
        elif kind == "residual":
            x = forward(layer["body"], w, x) + forward(layer.get("shortcut", []), w, x)
        elif kind == "linear":
            x = F.linear(x, w[name + ".weight"], w[name + ".bias"])
        elif kind == "maxout":
            x = F.linear(x, w[name + ".weight"], w[name + ".bias"])
            x = x.view(len(x), layer["units"], layer["pieces"]).max(-1).values
        elif kind == "max_pool2d":
            x, padding = padded(x, layer, -torch.inf)
            x = F.max_pool2d(x, layer["kernel"], layer.get("stride"), padding, 1, layer.get("ceil", False))
        elif kind == "global_avg_pool":
            x = x.mean((2, 3), keepdim=True)
        elif kind == "relu6":
            x = F.relu6(x)
        elif kind == "relu":
            x = F.relu(x)
        elif kind == "flatten":
            x = x.flatten(1)
        elif kind != "dropout":
            sys.exit(f"this script does not know {kind}")
    return x
