"""How long the project takes to build: a first build, and a rebuild after one changed line.

    python3 benches/build.py [--against REVISION] [--cores 8] [--work FOLDER]

The committed state is cloned and built from nothing in FOLDER (a temporary one if none is named; a few GB). With --against,
so is another revision, before it, on the same machine: only the ratios mean something elsewhere. Processor time is that of
cargo and all its children, user and system; a line is changed in a string of the window and in a formula of the engine. With
--cores, the timings of the first build are replayed along the graph of dependencies on so many cores.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from heapq import heappop, heappush

BUILD = ["cargo", "build", "--release", "--locked"]
PROGRAM = "target/release/doppelganger"
HEAVIEST = 10
# The folder in which a line is changed (its file has moved between revisions), the old text, and the new one.
LINES = {
    "one line in `src/app`": ("src/app", "The net still says {says}.", "The net says {says} still."),
    "one line in `src/engine`": (
        "src/engine",
        "let (centre, scale) = (p + Z * Z / (2.0 * n)",
        "let (centre, scale) = (p + 0.5 * Z * Z / n",
    ),
}


@dataclass
class Cost:
    """What a command cost, in seconds."""

    wall: float
    processor: float


@dataclass
class Measured:
    """What building a revision showed: its costs by name, the program's bytes, and the units of the first build."""

    revision: str
    costs: dict
    size: int
    timings: list


def run(command, folder):
    """Runs a command to its end and returns its cost."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    printed = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed:\n{printed.decode()}")
    return Cost(time.monotonic() - started, usage.ru_utime + usage.ru_stime)


def clone(revision, folder):
    source = pathlib.Path(__file__).resolve().parent.parent
    run(["git", "clone", "--quiet", "--no-checkout", str(source), str(folder)], ".")
    run(["git", "checkout", "--quiet", "--detach", revision], folder)
    run(["cargo", "fetch", "--quiet", "--locked"], folder)


def change(folder, path, old, new):
    for file in sorted((folder / path).rglob("*.rs")):
        text = file.read_text()
        if old in text:
            file.write_text(text.replace(old, new, 1))
            return
    raise SystemExit(f"{path} has no line with {old!r} to change")


def units(folder):
    """The compiled units of the first build with their timings, as cargo reports them."""
    page = (folder / "target/cargo-timings/cargo-timing.html").read_text()
    return json.loads(re.search(r"const UNIT_DATA = (\[.*?\]);", page, re.S).group(1))


def measure(revision, folder):
    """Builds a revision from nothing, then again after each of the changed lines."""
    clone(revision, folder)
    costs = {"a first build": run([*BUILD, "--timings"], folder)}
    timings, size = units(folder), (folder / PROGRAM).stat().st_size
    for name, edit in LINES.items():
        change(folder, *edit)
        costs[name] = run(BUILD, folder)
    return Measured(revision, costs, size, timings)


def replay(folder, timings, cores):
    """Works out the seconds of the first build on so many cores from its timings.

    A package begins when a core is free and the types of all that it depends on are checked; of several, the one with the
    longest way to the end comes first. A crate stays on one core, although the compiler may use more.
    """
    listing = subprocess.run(["cargo", "metadata", "--format-version=1", "--locked"], cwd=folder, capture_output=True, check=True)
    metadata = json.loads(listing.stdout)
    names = {package["id"]: (package["name"], package["version"]) for package in metadata["packages"]}
    seconds, ready_after = {}, {}
    for unit in timings:
        key = (unit["name"], unit["version"])
        ends = {name: part["end"] for name, part in unit["sections"] or []}
        seconds[key] = seconds.get(key, 0.0) + unit["duration"]
        # What depends on a library can begin when its types are checked.
        ready_after[key] = ready_after.get(key, 0.0) + ends.get("frontend", unit["duration"])
    needs = {}
    for node in metadata["resolve"]["nodes"]:
        key = names[node["id"]]
        kept = [d for d in node["deps"] if any(kind["kind"] != "dev" for kind in d["dep_kinds"])]
        needs[key] = {names[d["pkg"]] for d in kept if names[d["pkg"]] in seconds}
    users = {key: [user for user in seconds if key in needs[user]] for key in seconds}
    ways = {}

    def way(key):
        if key not in ways:
            ways[key] = seconds[key] + max((way(user) for user in users[key]), default=0.0)
        return ways[key]

    left = {key: len(needs[key]) for key in seconds}
    waiting, events, free, now = [], [], cores, 0.0
    for key in seconds:
        if not left[key]:
            heappush(waiting, (-way(key), key))
    while waiting or events:
        while waiting and free:
            _, key = heappop(waiting)
            free -= 1
            heappush(events, (now + ready_after[key], "ready", key))
            heappush(events, (now + seconds[key], "done", key))
        now, event, key = heappop(events)
        if event == "done":
            free += 1
            continue
        for user in users[key]:
            left[user] -= 1
            if not left[user]:
                heappush(waiting, (-way(user), user))
    return now


def table(rows):
    head, *body = rows
    print("| " + " | ".join(head) + " |")
    print("|---|" + "--:|" * (len(head) - 1))
    for row in body:
        print("| " + " | ".join(row) + " |")
    print()


def report(results):
    names = [result.revision for result in results]
    is_comparison = len(results) > 1
    head = ["", *(f"{name}, s" for name in names), *(f"{name}, processor s" for name in names)]
    rows = [head + ["ratio of processor time"] if is_comparison else head]
    for name in results[0].costs:
        costs = [result.costs[name] for result in results]
        row = [name, *(f"{cost.wall:.0f}" for cost in costs), *(f"{cost.processor:.0f}" for cost in costs)]
        if is_comparison:
            row.append(f"{costs[-1].processor / costs[0].processor:.2f}")
        rows.append(row)
    table(rows)
    for result in results:
        units, megabytes = len(result.timings), result.size / 1e6
        print(f"{result.revision}: {units} units, a program of {megabytes:.1f} MB. The heaviest units:\n")
        heaviest = sorted(result.timings, key=lambda unit: -unit["duration"])[:HEAVIEST]
        table([["unit", "s"], *([f"{unit['name']} {unit['version']}", f"{unit['duration']:.1f}"] for unit in heaviest)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="REVISION", help="another revision, built before this one")
    parser.add_argument("--cores", type=int, action="append", default=[], help="replay the first build on so many cores")
    parser.add_argument("--work", metavar="FOLDER", type=pathlib.Path, help="where to build; kept afterwards")
    args = parser.parse_args()
    revisions = [args.against, "HEAD"] if args.against else ["HEAD"]
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        results = [measure(revision, work / revision.replace("/", "-")) for revision in revisions]
        report(results)
        for cores in args.cores:
            print(f"HEAD on {cores} cores, replayed: {replay(work / 'HEAD', results[-1].timings, cores):.0f} s")


if __name__ == "__main__":
    main()
