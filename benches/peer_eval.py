"""FGSM on a test set in PyTorch, from the same manifest, weights and IDX files as `doppelganger eval`.

    python benches/peer_eval.py models/digits_cnn.toml ../shared/data/mnist 0.05 0.1 0.15 0.2 0.25 0.3

Prints one JSON object with the counts of right answers, to hold against `doppelganger eval --json`. Needs torch,
numpy and safetensors.
"""
import gzip
import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

torch.set_num_threads(2)


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


def main():
    manifest_path, data = Path(sys.argv[1]), sys.argv[2]
    epsilons = [float(eps) for eps in sys.argv[3:]]
    manifest = tomllib.loads(manifest_path.read_text())
    weights = load_file(manifest_path.parent / manifest["weights"])
    images, labels = idx(data, "t10k-images-idx3-ubyte"), idx(data, "t10k-labels-idx1-ubyte").long()
    clean, attacked = 0, {eps: 0 for eps in epsilons}
    for start in range(0, len(images), 250):
        x = (images[start : start + 250, None].float() / 255).requires_grad_()
        y = labels[start : start + 250]
        logits = forward(manifest["layers"], weights, x)
        clean += (logits.argmax(1) == y).sum().item()
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits, y, reduction="sum"), x)
        with torch.no_grad():
            for eps in epsilons:
                adversarial = (x + eps * gradient.sign()).clamp(0, 1)
                attacked[eps] += (forward(manifest["layers"], weights, adversarial).argmax(1) == y).sum().item()
    print(json.dumps({"n": len(images), "clean": clean, "attacked": attacked}))


main()
