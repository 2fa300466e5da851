"""The workloads of `doppelganger bench` in PyTorch, to hold the two against each other (see compare.sh).

    python benches/peer_pytorch.py [--json] [--only TEXT] [--threads 2]

PyTorch gets its best eager form: of memory layouts, optimiser kernels and ways to run the two halves of an adversarial
batch, each workload is timed briefly in every combination and then measured in the fastest. Needs torch, torchvision
and torchattacks; downloads no weights.
"""
import argparse
import itertools
import json
import platform
import statistics
import sys
import time
import tomllib
from pathlib import Path

import torch
import torch.nn.functional as F
import torchattacks
import torchvision
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

NETS = Path(__file__).parent / "nets"
MODELS = Path(__file__).parent.parent / "models"
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
SECONDS, FEWEST, MOST = 3.0, 7, 200
PROBE_SECONDS, PROBE_RUNS = 0.2, 2
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class Maxout(nn.Module):
    def __init__(self, inputs, units, pieces):
        super().__init__()
        self.linear, self.units, self.pieces = nn.Linear(inputs, units * pieces), units, pieces

    def forward(self, x):
        return self.linear(x).view(len(x), self.units, self.pieces).max(-1).values


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Normalised(nn.Module):
    """A net on pixels in [0, 1]."""

    def __init__(self, net, mean, std):
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, x):
        return self.net((x - self.mean) / self.std)


def layer(spec):
    kind = spec["kind"]
    if kind == "conv2d":
        stride, padding, groups = spec.get("stride", 1), spec.get("padding", 0), spec.get("groups", 1)
        bias = spec.get("bias", True)
        return nn.Conv2d(spec["in"], spec["out"], spec["kernel"], stride, padding, groups=groups, bias=bias)
    if kind == "linear":
        return nn.Linear(spec["in"], spec["out"])
    if kind == "maxout":
        return Maxout(spec["in"], spec["units"], spec["pieces"])
    if kind == "batch_norm2d":
        return nn.BatchNorm2d(spec["channels"], spec.get("eps", 1e-5))
    if kind == "max_pool2d":
        return nn.MaxPool2d(spec["kernel"])
    if kind == "residual":
        return Residual(layers(spec["body"]), layers(spec.get("shortcut", [])))
    if kind == "relu":
        return nn.ReLU(inplace=True)
    if kind == "relu6":
        return nn.ReLU6(inplace=True)
    if kind == "dropout":
        return nn.Dropout(1 - spec["keep"])
    return {"flatten": nn.Flatten, "global_avg_pool": lambda: nn.AdaptiveAvgPool2d(1)}[kind]()


def layers(specs):
    modules = []
    for spec in specs:
        if isinstance(spec.get("padding"), list) and len(spec["padding"]) == 4:
            top, left, bottom, right = spec["padding"]
            modules.append(nn.ZeroPad2d((left, right, top, bottom)))
            spec = {**spec, "padding": 0}
        modules.append(layer(spec))
    return nn.Sequential(*modules)


def fuse(module):
    """Folds each batch normalisation into the convolution registered right before it."""
    last_name, last = None, None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and isinstance(last, nn.Conv2d):
            setattr(module, last_name, fuse_conv_bn_eval(last, child))
            setattr(module, name, nn.Identity())
        fuse(child)
        last_name, last = name, child


def build(name, layout, training):
    torch.manual_seed(1)
    folder = MODELS if name == "efficientnet_lite0" else NETS
    if (folder / f"{name}.toml").exists() and name != "squeezenet1_1":
        manifest = tomllib.loads((folder / f"{name}.toml").read_text())
        net, mean, std = layers(manifest["layers"]), manifest["input"]["mean"], manifest["input"]["std"]
    else:
        net, (mean, std) = getattr(torchvision.models, name)(weights=None), IMAGENET
    if not training:
        fuse(net.eval())
    if any(mean) or any(s != 1 for s in std):
        net = Normalised(net, mean, std)
    return net.train(training).requires_grad_(training).to(memory_format=LAYOUTS[layout])


def data(name, batch, layout):
    """Random pixels in [0, 1] and labels."""
    generator = torch.Generator().manual_seed(2)
    channels, side, classes = {"maxout240": (1, 28, 10), "mlp1200": (1, 28, 10), "cnn": (1, 28, 10),
                               "photo_resnet": (3, 64, 109)}.get(name, (3, 224, 1000))
    pixels = torch.rand(batch, channels, side, side, generator=generator).contiguous(memory_format=LAYOUTS[layout])
    return pixels, torch.randint(classes, (batch,), generator=generator)


def fgsm_gradient(name, layout):
    model = build(name, layout, training=False)
    x, y = data(name, 1, layout)
    x.requires_grad_()
    return lambda: torch.autograd.grad(F.cross_entropy(model(x), y), x)


def forward(name, layout):
    model = build(name, layout, training=False)
    x, _ = data(name, 1, layout)
    return torch.inference_mode()(lambda: model(x))


def eps_curve(name, layout):
    model = build(name, layout, training=False)
    x, y = data(name, 1, layout)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    x.requires_grad_(False)
    epsilons = torch.linspace(-0.1, 0.1, 41).view(-1, 1, 1, 1)

    @torch.inference_mode()
    def run():
        batch = (x + epsilons * gradient.sign()).clamp_(0, 1)
        return model(batch.contiguous(memory_format=LAYOUTS[layout])).softmax(1)

    return run


def pgd20(name, batch, layout):
    attack = torchattacks.PGD(build(name, layout, training=False), eps=0.1, alpha=2.5 * 0.1 / 20, steps=20)
    x, y = data(name, batch, layout)
    return lambda: attack(x, y)


def sgd(model, kernel):
    options = {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4}
    return torch.optim.SGD(model.parameters(), **options, **{kernel: True})


def clean_step(name, batch, layout, optimiser):
    model = build(name, layout, training=True)
    optimiser = sgd(model, optimiser)
    x, y = data(name, batch, layout)

    def run():
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()
        optimiser.step()

    return run


def adversarial_step(name, batch, layout, optimiser, passes):
    model = build(name, layout, training=True)
    optimiser = sgd(model, optimiser)
    attack = torchattacks.FGSM(model, eps=0.25)
    x, y = data(name, batch, layout)
    twice = torch.cat([y, y])

    def run():
        adversarial = attack(x, y)
        optimiser.zero_grad(set_to_none=True)
        if passes == "two":
            loss = 0.5 * F.cross_entropy(model(x), y) + 0.5 * F.cross_entropy(model(adversarial), y)
        else:
            # The mean over both halves is the same objective: these nets have no batch normalisation.
            loss = F.cross_entropy(model(torch.cat([x, adversarial])), twice)
        loss.backward()
        optimiser.step()

    return run


def workloads():
    """Each workload's name, what makes its closure, and the variants to choose from."""
    both, dense = list(LAYOUTS), ["contiguous"]
    optimisers, passes = ["fused", "foreach"], ["one", "two"]
    for net, side in [("maxout240", 28), ("cnn", 28), ("squeezenet1_1", 224), ("resnet18", 224), ("resnet50", 224),
                      ("mobilenet_v2", 224), ("efficientnet_lite0", 224), ("vit_b_16", 224)]:
        layouts = dense if net == "maxout240" else both
        yield f"fgsm_gradient/{net}@{side} b1", fgsm_gradient, (net,), {"layout": layouts}
    for net in ["squeezenet1_1", "resnet18", "efficientnet_lite0"]:
        yield f"forward/{net}@224 b1", forward, (net,), {"layout": both}
    yield "eps_curve41/squeezenet1_1@224", eps_curve, ("squeezenet1_1",), {"layout": both}
    yield "pgd20/cnn@28 b100", pgd20, ("cnn", 100), {"layout": both}
    small = [("maxout240", 100, dense), ("mlp1200", 128, dense), ("cnn", 128, both)]
    for net, batch, layouts in small:
        yield f"clean_step/{net} b{batch}", clean_step, (net, batch), {"layout": layouts, "optimiser": optimisers}
    for net, batch, layouts in small:
        variants = {"layout": layouts, "optimiser": optimisers, "passes": passes}
        yield f"adversarial_step/{net} b{batch}", adversarial_step, (net, batch), variants
    variants = {"layout": both, "optimiser": optimisers}
    yield "clean_step/photo_resnet@64 b128", clean_step, ("photo_resnet", 128), variants


def times(run, seconds, fewest, most):
    """Milliseconds of each run, until the time is up."""
    found, end = [], time.perf_counter() + seconds
    while len(found) < fewest or (time.perf_counter() < end and len(found) < most):
        start = time.perf_counter()
        run()
        found.append((time.perf_counter() - start) * 1e3)
    return found


def measure(make, arguments, variants):
    combinations = [dict(zip(variants, values)) for values in itertools.product(*variants.values())]

    def probe(variant):
        run = make(*arguments, **variant)
        run()
        return min(times(run, PROBE_SECONDS, PROBE_RUNS, MOST))

    best = min(combinations, key=probe) if len(combinations) > 1 else combinations[0]
    run = make(*arguments, **best)
    for _ in range(3):
        run()
    found = times(run, SECONDS, FEWEST, MOST)
    return {"median_ms": statistics.median(found), "min_ms": min(found), "p99_ms": sorted(found)[len(found) * 99 // 100], "runs": len(found), **best}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", metavar="TEXT", default="", help="only workloads whose name contains TEXT")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = {}
    for name, make, arguments, variants in workloads():
        if options.only not in name:
            continue
        found[name] = result = measure(make, arguments, variants)
        chosen = ", ".join(f"{key} {result[key]}" for key in variants)
        timing = f"{result['median_ms']:10.3f} ms  min {result['min_ms']:10.3f}  p99 {result['p99_ms']:10.3f}  {result['runs']:3} runs"
        print(f"{name:<36} {timing}  {chosen}", file=sys.stderr if options.json else sys.stdout, flush=True)
    if not found:
        sys.exit(f"no workload has {options.only!r} in its name")
    if options.json:
        versions = {"Python": platform.python_version(), "PyTorch": torch.__version__,
                    "torchvision": torchvision.__version__, "torchattacks": torchattacks.__version__}
        print(json.dumps({"threads": options.threads, "versions": versions, "workloads": found}))


if __name__ == "__main__":
    main()
