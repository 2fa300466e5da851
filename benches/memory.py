"""Peak memory of each workload beside PyTorch's process, as a Markdown table.

    python benches/memory.py [--only TEXT]

Each workload runs in a process of its own on either side; what counts is the largest resident size of that process,
and beside it what the process needs before it does any work (`doppelganger --version`, `import torch`). Run it with a
Python that has torch, torchvision and torchattacks, after `cargo build --release`.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = ROOT / "target/release/doppelganger"
PEER = [sys.executable, ROOT / "benches/peer_pytorch.py"]


def peak(command):
    """The largest resident size of a command, in MB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {status}")
    return usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT")
    only = parser.parse_args().only
    report = subprocess.run([OURS, "bench", "--json", "--only", only], check=True, capture_output=True, text=True)
    imports = [sys.executable, "-c", "import torch, torchvision, torchattacks"]
    print("| workload | ours MB | PyTorch MB | ratio |\n|---|--:|--:|--:|")
    rows = [("(before any work)", [OURS, "--version"], imports)]
    for name in json.loads(report.stdout)["workloads"]:
        rows.append((name, [OURS, "bench", "--only", name], [*PEER, "--only", name]))
    for name, ours, peer in rows:
        a, b = peak(ours), peak(peer)
        print(f"| {name} | {a:.0f} | {b:.0f} | {a / b:.2f} |", flush=True)


main()
