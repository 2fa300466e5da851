"""The attacks of `doppelganger eval` beside those of torchattacks and Foolbox: the same net, pictures and parameters.

    cargo build --release
    python benches/peer_attacks.py models/digits_cnn.toml ../shared/data/mnist 1000

Prints a table with the accuracy under attack on both sides, or for attacks that look for the shortest perturbation the
median of its length over the pictures that the net had right, the difference, and pictures a second of both sides. Needs
torch, numpy, safetensors, torchattacks and foolbox; the last argument is the number of pictures, `--only NAME` chooses rows.
"""
import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import torch
import torchattacks
from peer_net import forward, idx
from safetensors.torch import load_file

try:
    import foolbox
except ImportError:
    foolbox = None

BATCH = 250
PROGRAM = Path(__file__).parent.parent / "target/release/doppelganger"
torch.set_num_threads(2)


class Net(torch.nn.Module):
    def __init__(self, manifest_path):
        super().__init__()
        manifest = tomllib.loads(manifest_path.read_text())
        self.layers = manifest["layers"]
        self.w = load_file(manifest_path.parent / manifest["weights"])
        # torchattacks asks for the device of the parameters.
        self.unused = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, x):
        return forward(self.layers, self.w, x)


def jsma(net):
    attack = torchattacks.JSMA(net, theta=1.0, gamma=0.1)
    attack.set_mode_targeted_by_function(lambda _, labels: (labels + 1) % 10, quiet=True)
    return attack


def from_foolbox(attack, eps=None):
    def make(net):
        wrapped = foolbox.PyTorchModel(net, bounds=(0, 1))

        def run(x, y):
            _, clipped, _ = attack(wrapped, x, y, epsilons=eps)
            return clipped

        return run

    return make


def rows():
    """(name, their library, their attack, our arguments, what is compared, share of the pictures)"""
    t, fb = torchattacks, foolbox.attacks if foolbox else None
    off = ["--random-start", "off"]
    yield "FGSM ε 0.2", "torchattacks", lambda n: t.FGSM(n, eps=0.2), ["fgsm", "--eps", "0.2"], "accuracy", 1
    bim = ["bim", "--steps", "10", "--step-size", "0.02", "--eps", "0.1"]
    yield "BIM ε 0.1, 10 × 0.02", "torchattacks", lambda n: t.BIM(n, eps=0.1, alpha=0.02, steps=10), bim, "accuracy", 1
    pgd = ["pgd", "--steps", "40", "--step-size", "0.01", *off, "--eps"]
    for eps in (0.1, 0.3):
        attack = lambda n, eps=eps: t.PGD(n, eps=eps, alpha=0.01, steps=40, random_start=False)
        yield f"PGD ε {eps}, 40 × 0.01", "torchattacks", attack, [*pgd, str(eps)], "accuracy", 1
    started = ["pgd", "--steps", "40", "--step-size", "0.01", "--eps", "0.1"]
    attack = lambda n: t.PGD(n, eps=0.1, alpha=0.01, steps=40, random_start=True)
    yield "PGD ε 0.1, 40 × 0.01, random start, mean of 5 seeds", "torchattacks", attack, started, "accuracy", 1
    pgd2 = ["pgd", "--norm", "l2", "--steps", "20", "--step-size", "0.2", *off, "--eps", "1.5"]
    # Its 1e-10 added to the gradient's length would hold pictures back of which the net is very sure.
    attack = lambda n: t.PGDL2(n, eps=1.5, alpha=0.2, steps=20, random_start=False, eps_for_division=1e-30)
    yield "PGD L2 ε 1.5, 20 × 0.2", "torchattacks", attack, pgd2, "accuracy", 1
    momentum = ["momentum", "--steps", "10", "--step-size", "0.02", "--decay", "1", "--eps", "0.1"]
    attack = lambda n: t.MIFGSM(n, eps=0.1, alpha=0.02, steps=10, decay=1.0)
    yield "Momentum ε 0.1, 10 × 0.02", "torchattacks", attack, momentum, "accuracy", 1
    yield "JSMA θ 1, γ 0.1, next class", "torchattacks", jsma, ["jsma", "--target", "next"], "count", 0.1
    if fb is None:
        return
    fgm = ["fgsm", "--norm", "l2", "--eps", "2"]
    yield "FGM L2 ε 2", "Foolbox", from_foolbox(fb.L2FastGradientAttack(), 2.0), fgm, "accuracy", 1
    yield "DeepFool L2", "Foolbox", from_foolbox(fb.L2DeepFoolAttack()), ["deepfool"], "length", 0.3
    linf = ["deepfool", "--norm", "linf"]
    yield "DeepFool L∞", "Foolbox", from_foolbox(fb.LinfDeepFoolAttack()), linf, "length", 0.3
    cw = fb.L2CarliniWagnerAttack(binary_search_steps=5, steps=100, stepsize=0.02, initial_const=1.0, abort_early=False)
    ours = ["cw", "--search-steps", "5", "--steps", "100", "--learning-rate", "0.02", "--initial-c", "1", "--abort-early", "off"]
    yield "C&W L2, 5 × 100 steps of 0.02", "Foolbox", from_foolbox(cw), ours, "length", 0.1


def theirs(make, net, x, y, what):
    """The compared number, and seconds."""
    attack, found = make(net), []
    started = time.perf_counter()
    for start in range(0, len(x), BATCH):
        found.append(attack(x[start : start + BATCH], y[start : start + BATCH]).detach())
    adversarial = torch.cat(found)
    with torch.no_grad():
        says = torch.cat([net(part) for part in adversarial.split(BATCH)]).argmax(1)
        seconds = time.perf_counter() - started
        if what == "accuracy":
            return (says == y).float().mean().item() * 100, seconds
        clean = torch.cat([net(part) for part in x.split(BATCH)]).argmax(1) == y
    delta = (adversarial - x).flatten(1)
    if what == "count":
        reached, lengths = says == (y + 1) % 10, (delta != 0).sum(1).double()
    else:
        reached, lengths = says != y, delta.double().norm(dim=1) if what == "length" else delta.abs().max(1).values
    return lengths.where(reached, torch.inf)[clean].quantile(0.5).item(), seconds


def ours(arguments, manifest, data, n):
    command = [PROGRAM, "eval", "--model", manifest, "--data", data, "--limit", str(n), "--json", "--attack", *arguments]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, env={"DOPPELGANGER_THREADS": "2"}).stdout)
    if "length" in report:
        return report["length"]["median"], report["seconds"]
    return report["attacked"][0]["correct"] / report["n"] * 100, report["seconds"]


def main():
    arguments = sys.argv[1:]
    only = arguments[arguments.index("--only") + 1] if "--only" in arguments else ""
    manifest, data, most = Path(arguments[0]), arguments[1], int(arguments[2])
    net = Net(manifest).eval()
    x, y = idx(data, "t10k-images-idx3-ubyte")[:most, None].float() / 255, idx(data, "t10k-labels-idx1-ubyte")[:most].long()
    print(f"{manifest.stem}, the first {most} test pictures; torch {torch.__version__}, two threads on both sides\n")
    print("| attack | beside | n | compared | ours | theirs | difference | ours, pictures/s | theirs, pictures/s | ratio |")
    print("|---|---|--:|---|--:|--:|--:|--:|--:|--:|")
    for name, library, make, our_arguments, what, share in rows():
        if only.lower() not in name.lower():
            continue
        n = int(most * share)
        what = "linf" if "L∞" in name and what == "length" else what
        # Chance is averaged out.
        seeds = range(5) if "random start" in name else range(1)
        pairs = []
        for seed in seeds:
            torch.manual_seed(seed)
            pairs.append((theirs(make, net, x[:n], y[:n], what), ours([*our_arguments, "--seed", str(seed)], manifest, data, n)))
        (their_value, their_seconds), (our_value, our_seconds) = torch.tensor(pairs, dtype=torch.double).mean(0).tolist()
        if what == "accuracy":
            values = f"right, % | {our_value:.1f} | {their_value:.1f} | {our_value - their_value:+.1f} points"
        else:
            unit = {"count": "changed values", "length": "median ‖δ‖₂", "linf": "median max\\|δ\\|"}[what]
            values = f"{unit} | {our_value:.4f} | {their_value:.4f} | {(our_value / their_value - 1) * 100:+.2f} %"
        ratio = their_seconds / our_seconds
        print(f"| {name} | {library} | {n} | {values} | {n / our_seconds:.0f} | {n / their_seconds:.0f} | {ratio:.1f} |", flush=True)


main()
