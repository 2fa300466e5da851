"""Compares nets that are read from ONNX files with PyTorch: answers, gradients and times.

    python benches/any_net.py FOLDER [NET ...] [--threads 2] [--runs 12] [--export-only]

needs torch, torchvision, timm, onnx and onnxscript, and `cargo` for examples/any_net.rs. The nets have random weights
from a fixed seed. Both of PyTorch's exporters write them into FOLDER, which keeps them (about 7 GB for all). Printed is
a table in Markdown:

- `same class`: whether both give the same first class,
- `probability`: the largest difference of the five largest probabilities,
- `signs`: the share of signs of the gradient, without the smallest 5 %, that PyTorch has in double precision; in
  brackets PyTorch's own share in single precision,
- `ours`, `PyTorch`: the least milliseconds of a gradient for the pixels, and their ratio.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time
import warnings

import numpy as np
import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent

TORCHVISION = """
    alexnet vgg11 vgg11_bn resnet18 resnet34 resnet50 resnext50_32x4d wide_resnet50_2 squeezenet1_0 squeezenet1_1
    densenet121 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large shufflenet_v2_x1_0 mnasnet1_0 efficientnet_b0
    efficientnet_v2_s regnet_x_400mf regnet_y_400mf convnext_tiny vit_b_16 swin_t swin_v2_t maxvit_t
""".split()

TIMM = """
    deit_tiny_patch16_224 mixer_s16_224 convnext_nano efficientnet_lite0 tf_efficientnet_b0 mobilevit_s resnetblur50
    seresnet50 ghostnet_100 swin_tiny_patch4_window7_224
""".split()


class PreActBlock(nn.Module):
    """A block whose normalisations and activations come before its convolutions."""

    def __init__(self, inputs, outputs, stride, activation, keeps_raw):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        is_same = stride == 1 and inputs == outputs
        self.shortcut = None if is_same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.activation, self.keeps_raw = activation, keeps_raw

    def forward(self, x):
        y = self.activation(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(x if self.keeps_raw else y)
        return self.conv2(self.activation(self.bn2(self.conv1(y)))) + shortcut


class PreActNet(nn.Module):
    """Wide ResNets and PreActResNets for pictures of 32×32."""

    def __init__(self, first, widths, blocks, activation=F.relu, keeps_raw=False, strides=(1, 2, 2, 2)):
        super().__init__()
        self.conv = nn.Conv2d(3, first, 3, 1, 1, bias=False)
        layers, inputs = [], first
        for width, stride in zip(widths, strides):
            for number in range(blocks):
                layers.append(PreActBlock(inputs, width, 1 if number else stride, activation, keeps_raw))
                inputs = width
        self.blocks, self.bn, self.fc = nn.Sequential(*layers), nn.BatchNorm2d(inputs), nn.Linear(inputs, 10)
        self.activation = activation

    def forward(self, x):
        x = self.activation(self.bn(self.blocks(self.conv(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Normalised(nn.Module):
    """Normalises pixels itself."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.2471, 0.2435, 0.2616]).view(1, 3, 1, 1))

    def forward(self, x):
        return self.net((x - self.mean) / self.std)


class PaddedBlock(nn.Module):
    """A block of ResNet-20 whose shortcut picks every other pixel and pads with channels of zeros (option A)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.padding = (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.padding:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.padding, self.padding))
        return F.relu(y + x)


def resnet20():
    sizes = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
    start = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*start, *(PaddedBlock(*size) for size in sizes), *end)


def small_leaky():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.LeakyReLU(0.1), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=2, dilation=2), nn.PReLU(64),
        nn.AvgPool2d(2, padding=1, count_include_pad=False),
        nn.Conv2d(64, 64, 3, padding="same"), nn.ELU(), nn.Flatten(),
        nn.Linear(64 * 9 * 9, 64), nn.BatchNorm1d(64), nn.Tanh(), nn.Linear(64, 10),
    )  # fmt: skip


def small_norms():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.GroupNorm(8, 32), nn.SiLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1, padding_mode="reflect"),
        nn.InstanceNorm2d(64, affine=True), nn.Softplus(), nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Conv2d(64, 64, 3), nn.SELU(), nn.AdaptiveAvgPool2d((3, 5)), nn.Flatten(), nn.Linear(64 * 15, 10),
    )  # fmt: skip


def wide_resnet(activation=F.relu):
    return PreActNet(16, (160, 320, 640), 4, activation)


def nets():
    """Returns what makes each net, and the side of its pictures."""
    made = {name: (lambda name=name: getattr(torchvision.models, name)(weights=None), 224) for name in TORCHVISION}
    made["googlenet"] = (lambda: torchvision.models.googlenet(weights=None, init_weights=True, aux_logits=False), 224)
    made["inception_v3"] = (
        lambda: torchvision.models.inception_v3(weights=None, init_weights=True, aux_logits=False),
        299,
    )
    for name in TIMM:
        side = 256 if name == "mobilevit_s" else 224
        made[f"timm_{name}"] = (lambda name=name: timm.create_model(name, pretrained=False), side)
    return made | {
        "wrn28_10": (wide_resnet, 32),
        "wrn28_10_silu": (lambda: Normalised(wide_resnet(F.silu)), 32),
        "preact18": (lambda: PreActNet(64, (64, 128, 256, 512), 2), 32),
        "preact18_raw": (lambda: PreActNet(64, (64, 128, 256, 512), 2, keeps_raw=True), 32),
        "resnet20_option_a": (resnet20, 32),
        "small_leaky": (small_leaky, 32),
        "small_norms": (small_norms, 32),
    }


def randomised(net, x):
    """Changes what starts as one number, which would hide mistakes, and spreads the answers."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                module.running_mean.uniform_(-0.1, 0.1, generator=generator)
                module.running_var.uniform_(0.8, 1.2, generator=generator)
        for values in net.parameters():
            first = values.flatten()[0]
            if values.numel() > 1 and (values == first).all():
                start = 0.0 if first.abs() < 0.01 else first
                values.copy_(start + 0.1 * torch.randn(values.shape, generator=generator))
        # Nets with random weights give all classes nearly one probability. The layer that makes the logits is scaled
        # until these differ by about 2.
        last = [module for module in net.modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
        spread = net(x).std()
        for values in last.parameters():
            values.mul_(2 / spread)
    return net


def gradient(net, x, label=None):
    """Returns logits, the class that they speak for, and the gradient of its cross-entropy for the pixels."""
    x = x.clone().requires_grad_()
    logits = net(x)
    label = logits.argmax(1) if label is None else label
    (slope,) = torch.autograd.grad(F.cross_entropy(logits, label), x)
    return logits[0].detach(), label, slope[0]


def export(net, x, path, is_newer):
    if is_newer:
        torch.onnx.export(net, (x,), path, opset_version=20, dynamo=True, verbose=False)
        return
    axes = {"input": {0: "n"}, "output": {0: "n"}}
    names = {"input_names": ["input"], "output_names": ["output"]}
    torch.onnx.export(net, x, path, opset_version=17, dynamo=False, dynamic_axes=axes, **names)


def least_time(run, count):
    """Returns the least milliseconds of several runs, after one that does not count."""
    run()
    times = []
    for _ in range(count):
        began = time.perf_counter()
        run()
        times.append((time.perf_counter() - began) * 1e3)
    return min(times)


def signs(found, expected):
    """Returns the share of right signs among the larger 95 % of a gradient."""
    found, expected = found.ravel(), expected.ravel()
    is_large = np.abs(expected) >= np.quantile(np.abs(expected), 0.05)
    return (np.sign(found) == np.sign(expected))[is_large].mean() * 100


def any_net():
    """Builds the program that reads a net, and returns where it lies."""
    command = ["cargo", "build", "--release", "--locked", "--example", "any_net", "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found = [json.loads(line).get("executable") for line in lines]
    return [path for path in found if path][-1]


def ours(program, path, x, label, options):
    """Runs our program, and returns what it tells with logits and gradient, or its error."""
    with tempfile.TemporaryDirectory() as folder:
        pixels, out = pathlib.Path(folder, "pixels"), pathlib.Path(folder, "out")
        pixels.write_bytes(x.numpy().astype("<f4").tobytes())
        command = [program, path, pixels, str(label), out, str(options.runs + 1)]
        threads = {"RAYON_NUM_THREADS": str(options.threads)}
        done = subprocess.run(command, env=os.environ | threads, capture_output=True, text=True)
        if done.returncode:
            return None, (done.stderr or done.stdout).strip().splitlines()[-1], None
        report, values = json.loads(done.stdout), np.fromfile(out, "<f4")
    return report, values[: report["classes"]], values[report["classes"] :].reshape(x.shape[1:])


def compare(name, program, options):
    """Exports a net in both ways and prints a row for each."""
    make, side = nets()[name]
    torch.manual_seed(0)
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    net = randomised(make().eval(), x).requires_grad_(False)
    logits, label, single = gradient(net, x)
    _, _, double = gradient(net.double(), x.double(), label)
    net.float()
    single, double = single.numpy(), double.float().numpy()
    for exporter in ("old", "dynamo"):
        path = options.folder / f"{name}.{exporter}.onnx"
        if not path.exists():
            try:
                export(net, x, path, exporter == "dynamo")
            except Exception as error:  # An exporter cannot do every net, in ways of its own.
                print(f"| {name} | {exporter} | not exported: {type(error).__name__} | | | | | | |", flush=True)
                continue
        if options.export_only:
            continue
        report, found, slope = ours(program, path, x, label.item(), options)
        if report is None:
            print(f"| {name} | {exporter} | **{found}** | | | | | | |", flush=True)
            continue
        theirs = least_time(lambda: gradient(net, x, label), options.runs)
        p, q = (torch.from_numpy(np.asarray(z)).double().softmax(0).numpy() for z in (found, logits))
        top = np.argsort(-q)[:5]
        cells = [
            name,
            exporter,
            str(report["operations"]),
            "yes" if p.argmax() == q.argmax() else "**no**",
            f"{np.abs(p - q)[top].max():.1e} of {q.max():.2f}",
            f"{signs(slope, double):.2f} ({signs(single, double):.2f})",
            f"{report['least_ms']:.1f}",
            f"{theirs:.1f}",
            f"{report['least_ms'] / theirs:.2f}",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where the exported nets lie")
    parser.add_argument("nets", nargs="*", metavar="NET", help="names of nets; all without one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=12, help="gradients that are timed")
    parser.add_argument("--export-only", action="store_true", help="write the files and compare nothing")
    parser.add_argument("--program", help="examples/any_net as it was built; it is built without this")
    options = parser.parse_args()
    unknown = set(options.nets) - set(nets())
    if unknown:
        parser.error(f"there is no net {', '.join(sorted(unknown))}; known are {', '.join(nets())}")
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    # The fast path of attention is one operator of PyTorch's own, which the older exporter cannot write.
    torch.backends.mha.set_fastpath_enabled(False)
    options.folder.mkdir(parents=True, exist_ok=True)
    program = None if options.export_only else options.program or any_net()
    print("| net | exporter | operations | same class | probability | signs, % | ours, ms | PyTorch, ms | ratio |")
    print("|---|---|--:|---|--:|--:|--:|--:|--:|")
    for name in options.nets or nets():
        compare(name, program, options)


if __name__ == "__main__":
    main()
