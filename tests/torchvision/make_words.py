"""Writes word_goldens.json: what PyTorch says of a picture, for nets that a word names, with weights that both sides compute
from the same formula (hashed.py). Nets read small pictures where they can.

    python tests/torchvision/make_words.py

Needs torch, torchvision and timm; downloads nothing.
"""
import json
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
import torchvision

import nets
from hashed import hashed, weights

HERE = Path(__file__).parent
TV = torchvision.models
LABEL = 120
# Word, whose names, side of the picture, net.
ALL = [
    ("resnet50", "torchvision and timm", 64, lambda: TV.resnet50()),
    ("resnext50-32x4d", "torchvision and timm", 64, lambda: TV.resnext50_32x4d()),
    ("resnet18", "kuangliu", 32, lambda: nets.cifar_resnet(18, "shortcut", "linear")),
    ("resnet20", "akamaster", 32, lambda: nets.thin(20, None, "linear")),
    ("preact18", "kuangliu", 32, lambda: nets.preact(18)),
    ("preact18-raw", "RobustBench", 32, lambda: nets.preact(18, True)),
    ("preact50", "kuangliu", 32, lambda: nets.preact(50)),
    ("wrn:28x10", "RobustBench", 32, lambda: nets.WideResNet(28, 10)),
    ("dm-wrn:16x2", "DeepMind", 32, lambda: nets.WideResNet(16, 2, True, F.silu)),
    ("alexnet", "torchvision", 80, lambda: TV.alexnet()),
    ("vgg11-bn", "torchvision", 64, lambda: TV.vgg11_bn()),
    ("vgg13", "chenyaofo", 32, lambda: nets.Vgg(13, False, (0, 3, 6))),
    ("densenet121", "torchvision and timm", 64, lambda: TV.densenet121()),
    ("densenet121", "kuangliu", 32, lambda: nets.DenseNet(121)),
    ("inception-v3", "torchvision and timm", 107, lambda: TV.inception_v3(aux_logits=False, init_weights=False)),
    ("mobilenet-v2", "timm", 64, lambda: timm.create_model("mobilenetv2_100")),
    ("mobilenet-v2", "kuangliu", 32, lambda: nets.MobileNetV2()),
    ("mobilenet-v3-small", "torchvision", 64, lambda: TV.mobilenet_v3_small()),
    ("mobilenet-v3-large", "timm", 64, lambda: timm.create_model("mobilenetv3_large_100")),
    ("mnasnet0-5", "torchvision", 64, lambda: TV.mnasnet0_5()),
    ("efficientnet-b0", "torchvision", 64, lambda: TV.efficientnet_b0()),
    ("tf-efficientnet-b0", "timm", 75, lambda: timm.create_model("tf_efficientnet_b0")),
    ("efficientnet-lite0", "timm", 64, lambda: timm.create_model("efficientnet_lite0")),
    ("shufflenet-v2-x0-5", "torchvision", 64, lambda: TV.shufflenet_v2_x0_5()),
    ("regnet-y-400mf", "torchvision", 64, lambda: TV.regnet_y_400mf()),
    ("regnet-x-400mf", "timm", 64, lambda: timm.create_model("regnetx_004")),
    ("convnext-tiny", "torchvision", 64, lambda: TV.convnext_tiny()),
    ("convnext-tiny", "timm", 64, lambda: timm.create_model("convnext_tiny")),
    ("vit-b-16", "torchvision", 64, lambda: TV.VisionTransformer(64, 16, 12, 12, 768, 3072)),
    ("vit-ti-16", "timm", 64, lambda: timm.create_model("vit_tiny_patch16_224", img_size=64)),
    ("mixer-s16", "timm", 64, lambda: timm.create_model("mixer_s16_224", img_size=64)),
    ("swin-t", "torchvision", 224, lambda: TV.swin_t()),
    ("swin-t", "timm", 224, lambda: timm.create_model("swin_tiny_patch4_window7_224")),
]


def golden(word, whose, side, net):
    net.eval()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.dtype == torch.float32:
                tensor.copy_(torch.from_numpy(weights(name, tuple(tensor.shape))))
    pixels = torch.from_numpy((hashed("picture", 3 * side * side).reshape(1, 3, side, side) + 1) / 2)
    # It is odd, so that all columns come.
    stride, results = max(1, side * side // 59) | 1, []
    for dtype in (torch.float32, torch.float64):
        net.to(dtype)
        x = pixels.detach().clone().to(dtype).requires_grad_()
        logits = net((x - 0.5) / 0.25)
        loss = F.cross_entropy(logits, torch.tensor([LABEL]))
        loss.backward()
        results.append((logits.detach().double().flatten(), loss.item(), x.grad.double().flatten()))
    (_, _, single), (logits, loss, gradient) = results

    def short(values):
        return [float(f"{v:.6g}") for v in values.tolist()]

    return dict(word=word, whose=whose, side=side, label=LABEL, loss=float(f"{loss:.7g}"), logits=short(logits[:100]),
                gradient_stride=stride, gradient=short(gradient[::stride]),
                float32_gap=float(f"{((single - gradient).norm() / gradient.norm()).item():.3g}"))


if __name__ == "__main__":
    lines = []
    for word, whose, side, make in ALL:
        known = golden(word, whose, side, make())
        print(word, whose, "loss", known["loss"], "gap of float32", known["float32_gap"], flush=True)
        lines.append(json.dumps(known))
    (HERE / "word_goldens.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
