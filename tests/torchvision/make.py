"""Writes the manifests of SqueezeNet 1.1, ResNet-18, MobileNetV2 and GoogLeNet with torchvision's tensor names into models/,
and beside this script what torchvision says of one picture with weights that both sides compute from the same formula (see
`hashed.py` and tests/engine/torchvision.rs).

    python tests/torchvision/make.py

Needs torch and torchvision; downloads nothing.
"""
import json
from pathlib import Path

import torch
import torchvision

from hashed import hashed, weights

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "models"
RELU, RELU6 = '{ kind = "relu" }', '{ kind = "relu6" }'
FLATTEN, MEAN = '{ kind = "flatten" }', '{ kind = "global_avg_pool" }'


def conv(name, i, o, k, stride=1, padding=0, groups=1, bias=False):
    more = "".join(
        f", {key} = {value}" for key, value, default in
        [("stride", stride, 1), ("padding", padding, 0), ("groups", groups, 1)] if value != default
    )
    return f'{{ kind = "conv2d", name = "{name}", in = {i}, out = {o}, kernel = {k}{more}{"" if bias else ", bias = false"} }}'


def norm(name, channels, eps=None):
    return f'{{ kind = "batch_norm2d", name = "{name}", channels = {channels}' + (f", eps = {eps}" if eps else "") + " }"


def pool(k, stride, padding=0, ceil=False):
    more = (f", padding = {padding}" if padding else "") + (", ceil = true" if ceil else "")
    return f'{{ kind = "max_pool2d", kernel = {k}, stride = {stride}{more} }}'


def linear(name, i, o):
    return f'{{ kind = "linear", name = "{name}", in = {i}, out = {o} }}'


def residual(body, shortcut=()):
    text = "{ kind = \"residual\", body = [\n    " + ",\n    ".join(body) + ",\n  ]"
    return text + (", shortcut = [\n    " + ",\n    ".join(shortcut) + ",\n  ] }" if shortcut else " }")


def squeezenet1_1():
    def fire(index, i, squeeze, expand):
        p = f"features.{index}"
        branches = [[conv(f"{p}.expand{k}x{k}", squeeze, expand, k, padding=k // 2, bias=True), RELU] for k in (1, 3)]
        concat = '{ kind = "concat", branches = [\n' + "".join(f"    [{', '.join(b)}],\n" for b in branches) + "  ] }"
        return [conv(p + ".squeeze", i, squeeze, 1, bias=True), RELU, concat]

    half = [pool(3, 2, 0, True)]
    return [conv("features.0", 3, 64, 3, 2, bias=True), RELU, *half,
            *fire(3, 64, 16, 64), *fire(4, 128, 16, 64), *half,
            *fire(6, 128, 32, 128), *fire(7, 256, 32, 128), *half,
            *fire(9, 256, 48, 192), *fire(10, 384, 48, 192), *fire(11, 384, 64, 256), *fire(12, 512, 64, 256),
            '{ kind = "dropout", keep = 0.5 }', conv("classifier.1", 512, 1000, 1, bias=True), RELU, MEAN, FLATTEN]


def resnet18():
    layers = [conv("conv1", 3, 64, 7, 2, 3), norm("bn1", 64), RELU, pool(3, 2, 1)]
    before = 64
    for stage, channels in enumerate([64, 128, 256, 512], 1):
        for block in range(2):
            p, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            body = [conv(p + ".conv1", before, channels, 3, stride, 1), norm(p + ".bn1", channels), RELU,
                    conv(p + ".conv2", channels, channels, 3, 1, 1), norm(p + ".bn2", channels)]
            down = p + ".downsample"
            shortcut = [conv(down + ".0", before, channels, 1, stride), norm(down + ".1", channels)]
            layers += [residual(body, shortcut if stride > 1 else ()), RELU]
            before = channels
    return layers + [MEAN, FLATTEN, linear("fc", 512, 1000)]


def mobilenet_v2():
    layers = [conv("features.0.0", 3, 32, 3, 2, 1), norm("features.0.1", 32), RELU6]
    before, index = 32, 1
    for t, channels, n, first_stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                         (6, 160, 3, 2), (6, 320, 1, 1)]:
        for repeat in range(n):
            p, stride, hidden = f"features.{index}.conv", first_stride if repeat == 0 else 1, before * t
            body, at = [], 0
            if t > 1:
                body += [conv(f"{p}.0.0", before, hidden, 1), norm(f"{p}.0.1", hidden), RELU6]
                at = 1
            body += [conv(f"{p}.{at}.0", hidden, hidden, 3, stride, 1, hidden), norm(f"{p}.{at}.1", hidden), RELU6,
                     conv(f"{p}.{at + 1}", hidden, channels, 1), norm(f"{p}.{at + 2}", channels)]
            layers += [residual(body)] if stride == 1 and before == channels else body
            before, index = channels, index + 1
    layers += [conv("features.18.0", 320, 1280, 1), norm("features.18.1", 1280), RELU6, MEAN, FLATTEN]
    return layers + ['{ kind = "dropout", keep = 0.8 }', linear("classifier.1", 1280, 1000)]


def googlenet():
    def basic(p, i, o, k, stride=1, padding=0):
        return [conv(p + ".conv", i, o, k, stride, padding), norm(p + ".bn", o, 0.001), RELU]

    def inception(p, i, c1, c3r, c3, c5r, c5, cp):
        # torchvision's third branch has 3×3 kernels where the paper has 5×5; its weights need them so.
        branches = [basic(p + ".branch1", i, c1, 1),
                    basic(p + ".branch2.0", i, c3r, 1) + basic(p + ".branch2.1", c3r, c3, 3, 1, 1),
                    basic(p + ".branch3.0", i, c5r, 1) + basic(p + ".branch3.1", c5r, c5, 3, 1, 1),
                    [pool(3, 1, 1, True)] + basic(p + ".branch4.1", i, cp, 1)]
        return '{ kind = "concat", branches = [\n' + "".join(f"    [{', '.join(b)}],\n" for b in branches) + "  ] }"

    layers = basic("conv1", 3, 64, 7, 2, 3) + [pool(3, 2, 0, True)] + basic("conv2", 64, 64, 1)
    layers += basic("conv3", 64, 192, 3, 1, 1) + [pool(3, 2, 0, True)]
    layers += [inception("inception3a", 192, 64, 96, 128, 16, 32, 32),
               inception("inception3b", 256, 128, 128, 192, 32, 96, 64), pool(3, 2, 0, True),
               inception("inception4a", 480, 192, 96, 208, 16, 48, 64),
               inception("inception4b", 512, 160, 112, 224, 24, 64, 64),
               inception("inception4c", 512, 128, 128, 256, 24, 64, 64),
               inception("inception4d", 512, 112, 144, 288, 32, 64, 64),
               inception("inception4e", 528, 256, 160, 320, 32, 128, 128), pool(2, 2, 0, True),
               inception("inception5a", 832, 256, 160, 320, 32, 128, 128),
               inception("inception5b", 832, 384, 192, 384, 48, 128, 128)]
    return layers + [MEAN, FLATTEN, '{ kind = "dropout", keep = 0.8 }', linear("fc", 1024, 1000)]


IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
# torchvision's GoogLeNet undoes that normalisation inside: (x - 0.5) / 0.5 in the end.
HALF = ([0.5] * 3, [0.5] * 3)

# What is known of the files: size, SHA-256 (for one its first digits, which its name carries). Where the exact size is not
# known, torchvision's own `_file_size` in MiB tells it roughly.
FILES = {
    "squeezenet1_1": ("bytes_about = 4958716", "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b"),
    "resnet18": ("bytes = 46830571", "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"),
    "mobilenet_v2": ("bytes_about = 14258536", "7ebf99e0"),
    "googlenet": ("bytes_about = 52146733", "1378be20a8e875cf1568b8a71654e704449655e34711a959a38b04fb34905cef"),
}
TV = torchvision.models
# Pictures on which float32 is near float64: few units within rounding of a kink.
NETS = [("squeezenet1_1", "SqueezeNet 1.1", squeezenet1_1, IMAGENET, {}, "picture", TV.SqueezeNet1_1_Weights.IMAGENET1K_V1,
         "Small and quick (Iandola et al., arXiv 1602.07360)."),
        ("resnet18", "ResNet-18", resnet18, IMAGENET, {}, "picture", TV.ResNet18_Weights.IMAGENET1K_V1,
         "Residual blocks of two 3×3 convolutions (He et al., arXiv 1512.03385)."),
        ("mobilenet_v2", "MobileNetV2", mobilenet_v2, IMAGENET, {}, "picture", TV.MobileNet_V2_Weights.IMAGENET1K_V2,
         "Inverted residuals with depthwise convolutions (Sandler et al., arXiv 1801.04381)."),
        ("googlenet", "GoogLeNet", googlenet, HALF, dict(aux_logits=False, transform_input=False), "picture3",
         TV.GoogLeNet_Weights.IMAGENET1K_V1,
         "The net of the paper's panda, with batch normalisation (Szegedy et al., arXiv 1409.4842).")]


def manifest(name, title, body, mean, std, weights, about):
    size, sha256 = FILES[name]
    assert weights.url.rsplit("-", 1)[1].startswith(sha256[:8])
    measured = weights.meta["_metrics"]["ImageNet-1K"]
    half = "# torchvision undoes its usual normalisation inside this net: (x - 0.5) / 0.5 is what its weights need.\n"
    known = "# The first 8 digits are all that is published.\n"
    return (f'name = "{title}"\ndescription = "ImageNet, 1000 classes. {about}"\n'
            'licence = "weights: BSD-3-Clause (torchvision)"\n' + (half if mean[0] == 0.5 else "") +
            f"input = {{ channels = 3, height = 224, width = 224, mean = {mean}, std = {std}, fit = \"crop\" }}\n"
            f'classes_file = "imagenet_classes.txt"\nweights = "{weights.url.rsplit("/", 1)[1]}"\n'
            + (known if len(sha256) < 64 else "") + f'sha256 = "{sha256}"\n'
            f'download = {{ address = "{weights.url}", {size} }}\n'
            f'accuracy = {{ top1 = {measured["acc@1"] / 100:.5f}, top5 = {measured["acc@5"] / 100:.5f}, of = "the 50 000 validation '
            f'pictures of ImageNet, one crop of 224×224", source = "https://docs.pytorch.org/vision/stable/models.html" }}\n'
            f"layers = [\n{body}]\n")


for name, title, layers, (mean, std), options, picture, published, about in NETS:
    body = "".join(f"  {layer},\n" for layer in layers())
    (MODELS / f"{name}.toml").write_text(manifest(name, title, body, mean, std, published, about))
    net = getattr(torchvision.models, name)(weights=None, init_weights=False, **options) if name == "googlenet" \
        else getattr(torchvision.models, name)(weights=None)
    net.eval()
    state = {k: torch.from_numpy(weights(k, tuple(v.shape))) if v.dtype == torch.float32 else v
             for k, v in net.state_dict().items()}
    net.load_state_dict(state)
    pixels = torch.from_numpy((hashed(picture, 3 * 224 * 224).reshape(1, 3, 224, 224) + 1) / 2)
    label, results = 120, []
    for dtype in (torch.float32, torch.float64):
        net.to(dtype)
        x = pixels.detach().clone().to(dtype).requires_grad_()
        shape = (1, 3, 1, 1)
        logits = net((x - torch.tensor(mean, dtype=dtype).view(shape)) / torch.tensor(std, dtype=dtype).view(shape))
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([label]))
        loss.backward()
        results.append((logits.detach().double().flatten(), loss.item(), x.grad.double().flatten()[::997]))
    (_, _, single), (logits, loss, gradient) = results
    golden = dict(picture=picture, logits=[float(f"{v:.7g}") for v in logits.tolist()], loss=loss, label=label, gradient_stride=997,
                  gradient=[float(f"{v:.7g}") for v in gradient.tolist()],
                  # Where a unit sits within rounding of a kink, single precision jumps: by this much, of the norm.
                  float32_gap=((single - gradient).norm() / gradient.norm()).item(),
                  parameters=sum(p.numel() for p in net.parameters()))
    (HERE / f"{name}.json").write_text(json.dumps(golden) + "\n")
    print(name, "loss", loss, "gap of float32", golden["float32_gap"])
