"""FGSM on a test set in PyTorch, from the same manifest, weights and IDX files as `doppelganger eval`.

    python benches/peer_eval.py models/digits_cnn.toml ../shared/data/mnist 0.05 0.1 0.15 0.2 0.25 0.3

Prints one JSON object with the counts of right answers, to hold against `doppelganger eval --json`. Needs torch,
numpy and safetensors.
"""
import json
import sys
import tomllib
from pathlib import Path

import torch
import torch.nn.functional as F
from peer_net import forward, idx
from safetensors.torch import load_file

torch.set_num_threads(2)


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
