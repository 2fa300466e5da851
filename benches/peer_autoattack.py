"""AutoAttack and its members beside the code of its authors: the same net, pictures and ε.

    cargo build --release
    python benches/peer_autoattack.py models/digits_cnn_robust.toml ../shared/data/mnist 1000 --eps 0.3
    python benches/peer_autoattack.py models/photos109_robust.toml ../shared/data/photos109.tar.xz 200 --eps 4/255

Prints a table with the robust accuracy and pictures a second of both sides. `--norm l2` is for the other norm, `--only
NAME` chooses an attack. Needs torch, numpy, safetensors, pillow and pyautoattack.
"""
import argparse
import gzip
import json
import logging
import subprocess
import tempfile
import time
import tomllib
from fractions import Fraction
from pathlib import Path

import torch
from peer_net import forward, idx, photos
from pyautoattack import AutoAttack
from safetensors.torch import load_file

PROGRAM = Path(__file__).parent.parent / "target/release/doppelganger"
NAMES = ["apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square", "autoattack"]
torch.set_num_threads(2)
logging.disable(logging.CRITICAL)


class Net(torch.nn.Module):
    def __init__(self, manifest, folder):
        super().__init__()
        self.layers = manifest["layers"]
        self.w = {name: value.float() for name, value in load_file(folder / manifest["weights"]).items()}
        shape = (1, -1, 1, 1)
        self.mean, self.std = (torch.tensor(manifest["input"][key]).view(shape) for key in ("mean", "std"))

    def forward(self, x):
        return forward(self.layers, self.w, (x - self.mean) / self.std)


def theirs(name, net, x, y, norm, eps, batch):
    attacks = None if name == "autoattack" else [name]
    version = "standard" if attacks is None else "custom"
    ensemble = AutoAttack(net, norm=norm, eps=eps, seed=0, version=version, attacks=attacks)
    ensemble.apgd.n_restarts = ensemble.fab.n_restarts = 1
    started = time.perf_counter()
    adversarial, _ = ensemble.run_standard_evaluation(x, y, batch_size=batch)
    with torch.no_grad():
        right = sum((net(part).argmax(1) == labels).sum().item() for part, labels in zip(adversarial.split(batch), y.split(batch)))
    return right / len(x) * 100, time.perf_counter() - started


def first_digits(data, n, folder):
    """Writes the first n test pictures as a set of their own: the program's `--limit` spreads them over the classes."""
    for name, header, size in [("t10k-images-idx3-ubyte", 16, 784), ("t10k-labels-idx1-ubyte", 8, 1)]:
        path = Path(data) / name
        read = gzip.open(f"{path}.gz").read() if not path.exists() else path.read_bytes()
        (folder / name).write_bytes(read[:4] + n.to_bytes(4, "big") + read[8 : header + n * size])
    return folder


def ours(name, manifest, data, n, norm, eps):
    command = [PROGRAM, "eval", "--model", manifest, "--data", data, "--limit", str(n), "--json", "--attack", name]
    command += ["--norm", norm, "--eps", str(eps)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, env={"DOPPELGANGER_THREADS": "2"}).stdout)
    return report["attacked"][0]["correct"] / report["n"] * 100, report["seconds"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("manifest", type=Path)
    parser.add_argument("data")
    parser.add_argument("n", type=int)
    parser.add_argument("--eps", required=True)
    parser.add_argument("--norm", default="linf", choices=["linf", "l2"])
    parser.add_argument("--only")
    asked = parser.parse_args()
    eps = float(Fraction(asked.eps))
    manifest = tomllib.loads(asked.manifest.read_text())
    net = Net(manifest, asked.manifest.parent).eval()
    pictures = asked.data
    kept = tempfile.TemporaryDirectory()
    if Path(asked.data).is_dir():
        pictures = first_digits(asked.data, asked.n, Path(kept.name))
        x = idx(asked.data, "t10k-images-idx3-ubyte")[: asked.n, None].float() / 255
        y, batch = idx(asked.data, "t10k-labels-idx1-ubyte")[: asked.n].long(), 250
    else:
        x, y = photos(asked.data, manifest["classes"])
        x, y, batch = x[: asked.n].float() / 255, y[: asked.n], 100
    norm = {"linf": "Linf", "l2": "L2"}[asked.norm]
    print(f"{asked.manifest.stem}, the first {len(x)} test pictures, {norm}, ε {asked.eps}; two threads on both sides\n")
    print("| attack | ours, right, % | theirs, right, % | difference, points | ours, pictures/s | theirs, pictures/s | ratio |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name in NAMES:
        if asked.only in (None, name):
            (we, our_seconds), (they, their_seconds) = (
                ours(name, asked.manifest, pictures, len(x), asked.norm, eps),
                theirs(name, net, x, y, norm, eps, batch),
            )
            rates = f"{len(x) / our_seconds:.1f} | {len(x) / their_seconds:.1f} | {their_seconds / our_seconds:.1f}"
            print(f"| {name} | {we:.1f} | {they:.1f} | {we - they:+.1f} | {rates} |", flush=True)


main()
