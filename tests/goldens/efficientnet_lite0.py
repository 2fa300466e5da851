"""Prints efficientnet_lite0.json: what PyTorch says of 42 photographs with the bundled EfficientNet-Lite0, and how many of them
one step of FGSM fools, for tests/engine/efficientnet.rs.

    pip install torch timm pillow safetensors
    python tests/goldens/efficientnet_lite0.py target/release/doppelganger ../shared > tests/goldens/efficientnet_lite0.json

The net is timm's tf_efficientnet_lite0 with the project's weights, which are in the same order as timm's. Its pictures are
those that the program itself fits to 224×224: with ε = 0, `doppelganger attack --out` writes what the net sees.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

program, shared = sys.argv[1], Path(sys.argv[2])
root = Path(__file__).resolve().parent.parent.parent
weights = load_file(root / "models/efficientnet_lite0.safetensors")
net = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
state = net.state_dict()


def place(name):
    """Where a tensor of the package stands in the net: stem, blocks by their number, head; in each in the order of its layers."""
    stage, *rest = name.replace("_blocks.", "_blocks").split(".")
    parts = ["_conv_stem", "_bn0"] if stage in ("_conv_stem", "_bn0") else ["_conv_head", "_bn1", "_fc"]
    block = -1 if "_bn0" in parts else 99
    if stage.startswith("_blocks"):
        block, stage = int(stage.removeprefix("_blocks")), rest.pop(0)
        parts = ["_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
    kinds = ["weight", "bias", "running_mean", "running_var"]
    return block, parts.index(stage), kinds.index(rest[0])


ours = sorted(weights, key=place)
theirs = [name for name in state if not name.endswith("num_batches_tracked")]
assert len(ours) == len(theirs) == 247
for to, name in zip(theirs, ours):
    assert state[to].shape == weights[name].shape, (to, name)
    state[to] = weights[name].float()
net.load_state_dict(state)


def logits(x):
    return net((x - 0.5) / 0.5)


expected = json.loads((shared / "data/imagenet/photos/expected.json").read_text())
classes = {photo["file"]: photo["class_index"] for photo in expected}
pictures, labels, photos = [], [], []
for photo in sorted((shared / "data/imagenet/photos").glob("*.JPEG")):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "fitted.png"
        command = [program, "attack", photo, "--model", "efficientnet_lite0", "--eps", "0", "--out", out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        pixels = np.asarray(Image.open(out).convert("RGB"))
    assert pixels.shape == (224, 224, 3)
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1).unsqueeze(0).float() / 255
    label = classes[photo.name]
    with torch.no_grad():
        top = logits(x).softmax(1)[0].topk(5)
    probs = [round(p, 6) for p in top.values.tolist()]
    photos.append(dict(file=photo.name, label=label, top=top.indices.tolist(), probs=probs))
    pictures.append(x)
    labels.append(label)
x, y = torch.cat(pictures).requires_grad_(), torch.tensor(labels)
F.cross_entropy(logits(x), y, reduction="sum").backward()
wrong = []
for eps in [1, 2, 4, 8]:
    with torch.no_grad():
        adversarial = (x + eps / 255 * x.grad.sign()).clamp(0, 1)
        wrong.append(int((logits(adversarial).argmax(1) != y).sum()))
right = sum(photo["top"][0] == photo["label"] for photo in photos)
in_five = sum(photo["label"] in photo["top"] for photo in photos)
print(json.dumps(dict(right=right, in_five=in_five, fgsm=wrong, photos=photos), indent=0))
