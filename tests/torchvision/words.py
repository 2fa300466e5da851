"""Writes words.json: for each word of `--net` and each convention of names, the number of tensors of the real net and the
SHA-256 of their names and shapes, the eps of its normalisations, and what pictures it is fed. tests/engine/zoo.rs compares them with the graphs that the words make.

    python tests/torchvision/words.py

Needs torch, torchvision and timm; downloads nothing. Nets that are not in these packages are in nets.py.
"""
import hashlib
import json
from pathlib import Path

import timm
import torch
import torchvision

import nets

HERE = Path(__file__).parent
TV = torchvision.models
# Heads for training only, counters, and what follows from sizes.
LEFT_OUT = ("num_batches_tracked", "relative_position_index", "attn_mask")
HEADS = ("aux1.", "aux2.", "AuxLogits.")


def digest(net, heads=HEADS):
    lines = sorted(f"{name} {list(tensor.shape)}\n" for name, tensor in net.state_dict().items()
                   if not name.endswith(LEFT_OUT) and not name.startswith(heads))
    eps = {module.eps for module in net.modules() if hasattr(module, "eps")}
    return dict(tensors=len(lines), sha256=hashlib.sha256("".join(lines).encode()).hexdigest(), eps=sorted(eps))


def torchvision_net(name):
    more = dict(init_weights=False) if name in ("googlenet", "inception_v3") else {}
    return getattr(TV, name)(weights=None, **more)


def timm_net(name):
    # Some weights come without a head.
    return timm.create_model(name, num_classes=1000)


def pictures(whose, name):
    """The side, means and deviations that the package says, if it says so."""
    if whose == "timm":
        about = timm.get_pretrained_cfg(name)
        return dict(side=about.input_size[1], mean=about.mean, std=about.std)
    if whose == "torchvision" and name != "googlenet":
        about = TV.get_model_weights(name)["IMAGENET1K_V1"].transforms()
        return dict(side=about.crop_size[0], mean=about.mean, std=about.std)
    return {}


def both(names):
    return [(word, "torchvision and timm", tv, torchvision_net) for word, tv in names.items()] + \
        [(word, "torchvision and timm", tv, timm_net) for word, tv in names.items()]


def of_torchvision(names):
    return [(word, "torchvision", tv, torchvision_net) for word, tv in names.items()]


def of_timm(names):
    return [(word, "timm", name, timm_net) for word, name in names.items()]


def plain(*names):
    return {name.replace("_", "-"): name for name in names}


RESNETS = plain("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d",
                "wide_resnet50_2", "wide_resnet101_2", "densenet121", "densenet161", "densenet169", "densenet201")
VGGS = [f"vgg{depth}{end}" for depth in (11, 13, 16, 19) for end in ("", "_bn")]
EFFICIENTNETS = [f"efficientnet_b{i}" for i in range(8)]
LITES = [f"efficientnet_lite{i}" for i in range(5)]
GFLOPS = {"400mf": "004", "800mf": "008", "1_6gf": "016", "3_2gf": "032", "8gf": "080", "16gf": "160"}
CONVNEXTS = plain("convnext_tiny", "convnext_small", "convnext_base", "convnext_large")
SIZES = {"ti": "tiny", "s": "small", "b": "base", "l": "large"}
SWINS = {"t": "tiny", "s": "small", "b": "base"}

ALL = [
    *both(RESNETS),
    ("resnext101-64x4d", "torchvision and timm", "resnext101_64x4d", torchvision_net),
    *of_torchvision(plain("alexnet", *VGGS, "squeezenet1_0", "squeezenet1_1", "googlenet")),
    *of_timm(plain(*VGGS)),
    *both(plain("inception_v3")),
    *of_torchvision(plain("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0",
                          "mnasnet1_3", *EFFICIENTNETS, *[f"shufflenet_v2_x{x}" for x in ("0_5", "1_0", "1_5", "2_0")])),
    *of_timm({"mobilenet-v2": "mobilenetv2_100", "mnasnet1-0": "mnasnet_100"}),
    *of_timm({f"{tf}mobilenet-v3-{size}": f"{tf.replace('-', '_')}mobilenetv3_{size}_100" for size in ("small", "large")
              for tf in ("", "tf-")}),
    *of_timm(plain(*EFFICIENTNETS, *LITES, *[f"tf_{name}" for name in EFFICIENTNETS + LITES])),
    *of_torchvision({f"regnet-{kind}-{size.replace('_', '-')}": f"regnet_{kind}_{size}" for kind in "xy" for size in GFLOPS}),
    *of_timm({f"regnet-{kind}-{size.replace('_', '-')}": f"regnet{kind}_{timm_size}" for kind in "xy"
              for size, timm_size in GFLOPS.items()}),
    *[(word, "timm, torchvision's sizes", name, timm_net) for word, name in
      [("regnet-x-400mf", "regnetx_004_tv"), ("regnet-y-800mf", "regnety_008_tv"), ("regnet-y-8gf", "regnety_080_tv")]],
    *of_torchvision(CONVNEXTS),
    *of_timm(CONVNEXTS),
    *of_torchvision(plain("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32")),
    *of_timm({f"vit-{size}-{patch}": f"vit_{long}_patch{patch}_224" for size, long in SIZES.items() for patch in (16, 32)
              if (size, patch) != ("ti", 32)}),
    *of_timm({f"deit-{long}": f"deit_{long}_patch16_224" for long in ("tiny", "small", "base")}),
    *of_timm({f"mixer-{size}{patch}": f"mixer_{size}{patch}_224" for size in "sbl" for patch in (16, 32)}),
    *of_torchvision({f"swin-{size}": f"swin_{size}" for size in SWINS}),
    *of_timm({f"swin-{size}": f"swin_{long}_patch4_window7_224" for size, long in SWINS.items()}),
    *[(word, whose, word, make) for word, whose, make in nets.ALL],
]


def main():
    found = {}
    # Random numbers for weights that nobody reads would take minutes.
    torch.nn.init.trunc_normal_ = torch.nn.init.kaiming_uniform_ = torch.nn.init.kaiming_normal_ = lambda x, *_, **__: x
    torch.nn.init.normal_ = torch.nn.init.uniform_ = torch.nn.init.xavier_uniform_ = lambda x, *_, **__: x
    for word, whose, name, make in ALL:
        known = digest(make(name)) | pictures(whose, name)
        nets_of_word = found.setdefault(word, {})
        assert nets_of_word.setdefault(whose, known) == known, (word, whose)
    lines = [f"{json.dumps(word)}: {json.dumps(nets_of_word)}" for word, nets_of_word in found.items()]
    (HERE / "words.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(len(found), "words,", sum(map(len, found.values())), "nets")


if __name__ == "__main__":
    main()
