"""A Markdown table of our times over PyTorch's, from the JSON of several rounds of both sides.

    python benches/ratios.py FOLDER [--ours VERSION]

FOLDER holds ours-1.json, peer-1.json, ours-2.json, ... as compare.sh writes them. Each number is the median over the
rounds of a round's median.
"""
import argparse
import json
import platform
import statistics
from pathlib import Path

# Ours / PyTorch: the most that is accepted, and what is aimed at.
BOUNDS = {
    "fgsm_gradient/maxout240@28 b1": (1.0, 0.5),
    "fgsm_gradient/cnn@28 b1": (1.0, 0.5),
    "fgsm_gradient/squeezenet1_1@224 b1": (1.0, 0.8),
    "fgsm_gradient/resnet18@224 b1": (1.0, 0.8),
    "fgsm_gradient/resnet50@224 b1": (1.0, 0.8),
    "fgsm_gradient/mobilenet_v2@224 b1": (1.3, 1.0),
    "fgsm_gradient/efficientnet_lite0@224 b1": (1.3, 1.0),
    "fgsm_gradient/vit_b_16@224 b1": (1.0, 0.8),
    "forward/efficientnet_lite0@224 b1": (1.3, 1.0),
    "forward/squeezenet1_1@224 b1": (1.0, 0.8),
    "forward/resnet18@224 b1": (1.0, 0.8),
    "eps_curve41/squeezenet1_1@224": (1.0, 0.8),
    "pgd20/cnn@28 b100": (1.0, 0.8),
    "clean_step/maxout240 b100": (0.9, 0.6),
    "clean_step/mlp1200 b128": (0.9, 0.6),
    "clean_step/cnn b128": (0.9, 0.6),
    "adversarial_step/maxout240 b100": (0.6, 0.4),
    "adversarial_step/mlp1200 b128": (0.6, 0.4),
    "adversarial_step/cnn b128": (0.6, 0.4),
    "clean_step/photo_resnet@64 b128": (1.0, 0.8),
}


def rounds(folder, side):
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{side}-*.json"))]


def median(found, name):
    """Of the rounds that ran the workload; None if none did."""
    medians = [one["workloads"][name]["median_ms"] for one in found if name in one["workloads"]]
    return statistics.median(medians) if medians else None


def threads(found):
    return "/".join(str(n) for n in sorted({one["threads"] for one in found}))


def cpu():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def table(ours, peer):
    lines = ["| workload | ours ms | PyTorch ms | ratio | must | aim |", "|---|--:|--:|--:|--:|--:|"]
    compared, met = 0, 0
    for name, (must, aim) in BOUNDS.items():
        a, b = median(ours, name), median(peer, name)
        if a is None and b is None:
            continue
        ratio = a / b if a is not None and b is not None else None
        cells = ["–" if value is None else f"{value:.{digits}f}" for value, digits in [(a, 3), (b, 3), (ratio, 2)]]
        if ratio is not None:
            compared += 1
            met += ratio <= must
            if ratio > must:
                cells[2] = f"**{cells[2]}**"
        lines.append(f"| {name} | {' | '.join(cells)} | {must:.1f} | {aim:.1f} |")
    return lines + ["", f"{met} of {compared} compared workloads are within their must; those that are not are bold."]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ours", default="doppelganger", help="our name and version")
    options = parser.parse_args()
    ours, peer = rounds(options.folder, "ours"), rounds(options.folder, "peer")
    if not ours or not peer:
        parser.error(f"expected ours-*.json and peer-*.json in {options.folder}")
    versions = ", ".join(f"{name} {version}" for name, version in peer[0]["versions"].items())
    print(f"CPU: {cpu()}; threads: ours {threads(ours)}, PyTorch {threads(peer)}; rounds: {len(ours)}  ")
    print(f"{options.ours}; {versions}\n")
    print("\n".join(table(ours, peer)))


if __name__ == "__main__":
    main()
