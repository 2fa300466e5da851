"""Writes nets with random weights and measures how long they take to load, beside what reading their files takes:

    python benches/loading.py FOLDER    102 MB (ResNet-50) and 531 MB (VGG-11), as .pth and as safetensors each

Needs torch, torchvision and safetensors; downloads nothing.
"""
import json
import subprocess
import sys
from pathlib import Path

import torch
import torchvision
from safetensors.torch import save_file

IMAGENET = "mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225]"


def conv(name, c):
    return [{"kind": "conv2d", "name": name, "in": c.in_channels, "out": c.out_channels, "kernel": c.kernel_size[0],
              "stride": c.stride[0], "padding": c.padding[0], "groups": c.groups, "bias": c.bias is not None}]


def norm(name, n):
    return [{"kind": "batch_norm2d", "name": name, "channels": n.num_features}]


def linear(name, l):
    return [{"kind": "linear", "name": name, "in": l.in_features, "out": l.out_features}]


def resnet50():
    net = torchvision.models.resnet50(weights=None)
    relu = [{"kind": "relu"}]
    layers = conv("conv1", net.conv1) + norm("bn1", net.bn1) + relu + [{"kind": "max_pool2d", "kernel": 3, "stride": 2, "padding": 1}]
    for stage in ["layer1", "layer2", "layer3", "layer4"]:
        for i, block in enumerate(getattr(net, stage)):
            at = f"{stage}.{i}."
            body = []
            for number in "123":
                body += conv(f"{at}conv{number}", getattr(block, "conv" + number)) + norm(f"{at}bn{number}", getattr(block, "bn" + number))
                body += relu if number != "3" else []
            residual = {"kind": "residual", "body": body}
            if block.downsample is not None:
                residual["shortcut"] = conv(f"{at}downsample.0", block.downsample[0]) + norm(f"{at}downsample.1", block.downsample[1])
            layers += [residual] + relu
    return net, layers + [{"kind": "global_avg_pool"}, {"kind": "flatten"}] + linear("fc", net.fc)


def vgg11():
    net = torchvision.models.vgg11(weights=None)
    layers = []
    for i, layer in net.features.named_children():
        if isinstance(layer, torch.nn.Conv2d):
            layers += conv(f"features.{i}", layer)
        else:
            layers.append({"kind": "relu"} if isinstance(layer, torch.nn.ReLU) else {"kind": "max_pool2d", "kernel": 2})
    layers.append({"kind": "flatten"})
    for i, layer in net.classifier.named_children():
        layers += linear(f"classifier.{i}", layer) if isinstance(layer, torch.nn.Linear) else []
        layers += [{"kind": "relu"}] if isinstance(layer, torch.nn.ReLU) else []
    return net, layers


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(value)}" for key, value in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    manifests = []
    for make in [resnet50, vgg11]:
        net, layers = make()
        state = net.eval().state_dict()
        torch.save(state, folder / f"{make.__name__}.pth")
        save_file(state, folder / f"{make.__name__}.safetensors")
        for end in ["pth", "safetensors"]:
            path = folder / f"{make.__name__}-{end}.toml"
            path.write_text(f"name = \"{make.__name__} {end}\"\n"
                            f"input = {{ channels = 3, height = 224, width = 224, {IMAGENET} }}\n"
                            f"classes = {toml([str(i) for i in range(1000)])}\n"
                            f"weights = \"{make.__name__}.{end}\"\nlayers = [\n"
                            + "".join(f"  {toml(layer)},\n" for layer in layers) + "]\n")
            manifests.append(str(path))
    subprocess.run(["cargo", "run", "--release", "--example", "loading", "--", *manifests], check=True)


main(Path(sys.argv[1]))
