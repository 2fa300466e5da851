"""FGSM on a test set in PyTorch, from the same manifest, weights and data as `doppelganger eval`.

    python benches/peer_eval.py models/digits_cnn.toml ../shared/data/mnist 0.05 0.1 0.15 0.2 0.25 0.3
    python benches/peer_eval.py models/photos109.toml ../shared/data/photos109.tar.xz 1/255 2/255 4/255 [--limit 1000]

Prints one JSON object with the counts of right answers, to hold against `doppelganger eval --json`; with --limit, those of
the first so many pictures, photos being one of each class in turn. Needs torch, numpy and safetensors, and Pillow for photos.
"""
import argparse
import json
import tomllib
from fractions import Fraction
from pathlib import Path

import torch
import torch.nn.functional as F
from peer_net import forward, idx, photos
from safetensors.torch import load_file

torch.set_num_threads(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("data")
    parser.add_argument("eps", nargs="+")
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    manifest_path, data = args.manifest, args.data
    epsilons = {text: float(Fraction(text)) for text in args.eps}
    manifest = tomllib.loads(manifest_path.read_text())
    weights = {name: tensor.float() for name, tensor in load_file(manifest_path.parent / manifest["weights"]).items()}
    if Path(data).is_dir():
        images, labels = idx(data, "t10k-images-idx3-ubyte")[:, None], idx(data, "t10k-labels-idx1-ubyte").long()
    else:
        images, labels = photos(data, manifest["classes"])
    images, labels = images[: args.limit], labels[: args.limit]
    mean, std = (torch.tensor(manifest["input"][key]).view(1, -1, 1, 1) for key in ("mean", "std"))
    clean, top5, attacked = 0, 0, dict.fromkeys(epsilons, 0)
    for start in range(0, len(images), 250):
        x = (images[start : start + 250].float() / 255).requires_grad_()
        y = labels[start : start + 250]
        logits = forward(manifest["layers"], weights, (x - mean) / std)
        clean += (logits.argmax(1) == y).sum().item()
        top5 += (logits.topk(5, 1).indices == y[:, None]).sum().item()
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits, y, reduction="sum"), x)
        with torch.no_grad():
            for text, eps in epsilons.items():
                adversarial = (x + eps * gradient.sign()).clamp(0, 1)
                says = forward(manifest["layers"], weights, (adversarial - mean) / std).argmax(1)
                attacked[text] += (says == y).sum().item()
    print(json.dumps({"n": len(images), "clean": clean, "top5": top5, "attacked": attacked}))


main()
