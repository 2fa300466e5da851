"""Writes files as PyTorch and its users write them, good and bad, with what the net in them says of one picture.

    python tests/torchvision/make_pth.py            the small files of tests/fixtures/pth
    python tests/torchvision/make_pth.py FOLDER     torchvision's four nets with seeded random weights, 120 MB, for
                                                    DOPPELGANGER_PTH=FOLDER cargo test --release --test engine pytorch

Needs torch and torchvision; downloads nothing.
"""
import argparse
import collections
import dataclasses
import io
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock

HERE = Path(__file__).parent
SMALL = HERE.parent / "fixtures" / "pth"


def randomise(net, seed):
    """Weights that keep signals at their size, and statistics that are not those of a fresh net."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor, low, high):
        tensor.data.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            bound = (6 / module.weight[0].numel()) ** 0.5
            uniform(module.weight, -bound, bound)
            if module.bias is not None:
                uniform(module.bias, -0.25, 0.25)
        elif isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in [(module.weight, 0.75, 1.25), (module.bias, -0.25, 0.25),
                                      (module.running_mean, -0.25, 0.25), (module.running_var, 0.5, 1.5)]:
                uniform(tensor, low, high)
    return net.eval()


def ramp(side):
    """A picture that both sides compute: (3, side, side) in [0, 1]."""
    i = torch.arange(3 * side * side, dtype=torch.float64)
    return ((i * 0.618033988749895) % 1).float().reshape(1, 3, side, side)


class Tiny(nn.Module):
    """Named as torchvision's ResNets are; with a head that the manifest does not know."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(BasicBlock(4, 6, 2, nn.Sequential(nn.Conv2d(4, 6, 1, 2, bias=False), nn.BatchNorm2d(6))))
        self.aux = nn.Linear(6, 2)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        return self.fc(self.layer1(torch.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


class Code:
    """What a pickle can do to whoever trusts it."""

    def __reduce__(self):
        return os.system, ("touch /tmp/doppelganger-was-here",)


@dataclasses.dataclass
class Settings:
    lr: float
    layers: list


def what_else_is_saved():
    """What training programs put beside the weights."""
    return {
        "best_acc": numpy.float64(0.93), "confusion": numpy.eye(3), "args": argparse.Namespace(lr=0.1, arch="tiny"),
        "config": Settings(0.1, [1, 2]), "path": Path("runs") / "one", "history": collections.defaultdict(list, loss=[0.5, 0.4]),
        "seen": {1, 2}, "frozen": frozenset([3]), "counts": collections.Counter("aab"), "device": torch.device("cpu"),
        "size": torch.Size([3, 16, 16]), "big": 1 << 80, "bytes": b"abc", "complex": 1j, "rng": torch.get_rng_state(),
        "function": json.dumps, "range": range(3), "dtype": torch.float32, "sparse": torch.eye(3).to_sparse(),
    }


def big_endian(name, data):
    """Parts of a file as a machine with the highest byte first writes them; all numbers have 4 bytes but counts, which have 8."""
    if name.endswith("byteorder"):
        return b"big"
    width = 8 if len(data) == 8 else 4
    return numpy.frombuffer(data, f"<u{width}").byteswap().tobytes() if "/data/" in name else data


def repacked(source, change, compression=zipfile.ZIP_STORED):
    """The bytes of a zip with some parts changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(out, "w", compression) as new:
        for info in old.infolist():
            new.writestr(info.filename, change(info.filename, old.read(info)))
    return out.getvalue()


def saved(thing, **options):
    out = io.BytesIO()
    torch.save(thing, out, **options)
    return out.getvalue()


def scripted(net):
    out = io.BytesIO()
    torch.jit.save(torch.jit.trace(net, torch.zeros(1, 3, 16, 16)), out)
    return out.getvalue()


def sgd(net):
    """The state of an optimiser that has made a step."""
    optimiser = torch.optim.SGD(net.parameters(), 0.0, momentum=0.9)
    net(torch.zeros(1, 3, 16, 16)).sum().backward()
    optimiser.step()
    net.zero_grad()
    return optimiser.state_dict()


def without_crc(state):
    torch.serialization.set_crc32_options(False)
    data = saved(state)
    torch.serialization.set_crc32_options(True)
    return data


def small():
    SMALL.mkdir(exist_ok=True)
    net = randomise(Tiny(), 1)
    state = net.state_dict()
    good = saved(state)
    without = {k: v for k, v in state.items() if k != "fc.bias"}
    nan = {**state, "fc.bias": torch.tensor([0.0, float("nan"), 1.0])}
    files = {
        "tiny": good,
        "old": saved(state, _use_new_zipfile_serialization=False),
        "protocol4": saved(state, pickle_protocol=4),
        "half": saved({k: v.half() if v.is_floating_point() else v for k, v in state.items()}),
        "bfloat16": saved({k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()}),
        "channels_last": saved(net.to(memory_format=torch.channels_last).state_dict()),
        "checkpoint": saved({"epoch": 3, "lr": 0.1, "state_dict": state, "best": None}),
        "parameters": saved(dict(net.named_parameters()) | dict(net.named_buffers())),
        "missing": saved(without),
        "nan": saved(nan),
        "wrong_shape": saved({**state, "fc.weight": torch.zeros(3, 7)}),
        "doubles": saved({k: v.double() if v.is_floating_point() else v for k, v in state.items()}),
        "module": saved(net),
        "inner_module": saved({"epoch": 3, "model": net}),
        "script": scripted(net),
        "list": saved(list(net.parameters())),
        "wrapped": saved({"net": {f"_orig_mod.module.{k}": v for k, v in state.items()}, "optimizer": sgd(net)}),
        "average": saved({"state_dict": state, "state_dict_ema": {k: v * 0 for k, v in state.items()}}),
        "twice": saved({"student": state, "teacher": state}),
        "beside": saved({"sd": state, **what_else_is_saved()}),
        "old_beside": saved({"sd": state, **what_else_is_saved()}, _use_new_zipfile_serialization=False, pickle_protocol=4),
        "deflated": repacked(good, lambda name, data: data, zipfile.ZIP_DEFLATED),
        "big_endian": repacked(good, big_endian),
        "no_crc": without_crc(state),
        "subclass": saved({k: torch.nn.Buffer(v) if "running" in k else torch.nn.Parameter(v, False) for k, v in state.items()}),
        "nested": saved([{"conv1": {"weight": state["conv1.weight"]}, **{k: v for k, v in state.items() if k != "conv1.weight"}}]),
        "float8": saved({**state, "fc.weight": state["fc.weight"].to(torch.float8_e4m3fn)}),
        "int8": saved({**state, "fc.weight": (state["fc.weight"] * 100).to(torch.int8)}),
        "no_tensors": saved({"epoch": 3}),
        "code": repacked(good, lambda name, data: pickle.dumps({"fc.bias": Code()}, 2) if name.endswith("data.pkl") else data),
        "old_code": saved({**state, "fc.bias": Code()}, _use_new_zipfile_serialization=False),
        # A thousandth of its size on disk.
        "bomb": repacked(good, lambda name, data: bytes(20_000_000) if name.endswith("data/0") else data, zipfile.ZIP_DEFLATED),
        # The description says that a storage of a few numbers is a tensor of 3·10⁹.
        "huge": repacked(good, lambda name, data: data.replace(b"K\x03K\x06\x86", b"J\xff\xff\xff\x7fK\x06\x86")),
        "beyond": repacked(good, lambda name, data: data.replace(b"K\x06K\x01\x86", b"M\xff\xffK\x01\x86")),
    }
    for name, data in files.items():
        (SMALL / f"{name}.pth").write_bytes(data)
    with torch.no_grad():
        logits = net((ramp(16) - 0.5) / 0.25)
    (SMALL / "logits.json").write_text(json.dumps(logits.flatten().tolist()) + "\n")
    print({name: len(data) for name, data in files.items()}, logits)


def big(folder):
    folder.mkdir(parents=True, exist_ok=True)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    # As torchvision builds them around its own weights.
    pretrained = dict(transform_input=True, aux_logits=True, init_weights=False)
    for seed, name in enumerate(["squeezenet1_1", "resnet18", "mobilenet_v2", "googlenet"]):
        net = getattr(torchvision.models, name)(weights=None, **(pretrained if name == "googlenet" else {}))
        randomise(net, seed)
        # torchvision's GoogLeNet is a file of before PyTorch 1.6.
        torch.save(net.state_dict(), folder / f"{name}.pth", _use_new_zipfile_serialization=name != "googlenet")
        with torch.no_grad():
            logits = net((ramp(224) - mean) / std).flatten()
        (folder / f"{name}.json").write_text(json.dumps(logits.tolist()) + "\n")
        print(name, "logits of norm", logits.norm().item())


big(Path(sys.argv[1])) if len(sys.argv) > 1 else small()
