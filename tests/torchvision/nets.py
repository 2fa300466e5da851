"""Nets for CIFAR that no package has, written after their papers, with the names of tensors that checkpoints have: those of
kuangliu's pytorch-cifar, akamaster's ResNets, chenyaofo's nets, RobustBench's and DeepMind's wide ResNets.
"""
import torch.nn.functional as F
from torch import cat, nn


def conv(i, o, k, stride=1, padding=None, **more):
    return nn.Conv2d(i, o, k, stride, k // 2 if padding is None else padding, bias=False, **more)


class ResidualBlock(nn.Module):
    """Two or three convolutions and a shortcut (He et al. 2015, figure 5)."""

    def __init__(self, i, planes, stride, deep, shortcut):
        super().__init__()
        self.deep, self.shortcut_name = deep, shortcut
        o = planes * (4 if deep else 1)
        first, last = (1, 1) if deep else (3, 3)
        self.conv1, self.bn1 = conv(i, planes, first, 1 if deep else stride), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv(planes, planes, 3, stride if deep else 1), nn.BatchNorm2d(planes)
        if deep:
            self.conv3, self.bn3 = conv(planes, o, last), nn.BatchNorm2d(o)
        self.o, self.stride = o, stride
        if shortcut and (stride != 1 or i != o):
            setattr(self, shortcut, nn.Sequential(conv(i, o, 1, stride), nn.BatchNorm2d(o)))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.deep:
            y = self.bn3(self.conv3(F.relu(y)))
        if self.shortcut_name and hasattr(self, self.shortcut_name):
            x = getattr(self, self.shortcut_name)(x)
        elif x.shape != y.shape:
            # Option A: every second pixel, and as many channels of zeros on either side.
            more = (self.o - x.shape[1]) // 2
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
        return F.relu(x + y)


class PreactBlock(nn.Module):
    """Batch normalisation and ReLU before each convolution (He et al. 2016, figure 4e)."""

    def __init__(self, i, planes, stride, deep, raw):
        super().__init__()
        self.deep, self.raw = deep, raw
        o = planes * (4 if deep else 1)
        self.bn1, self.conv1 = nn.BatchNorm2d(i), conv(i, planes, 1 if deep else 3, 1 if deep else stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), conv(planes, planes, 3, stride if deep else 1)
        if deep:
            self.bn3, self.conv3 = nn.BatchNorm2d(planes), conv(planes, o, 1)
        self.o = o
        if stride != 1 or i != o:
            self.shortcut = nn.Sequential(conv(i, o, 1, stride))

    def forward(self, x):
        active = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(active))))
        if self.deep:
            y = self.conv3(F.relu(self.bn3(y)))
        if hasattr(self, "shortcut"):
            x = self.shortcut(x if self.raw else active)
        return x + y


class Stages(nn.Module):
    """`conv1`, perhaps `bn1`, `layer1` and so on, the mean over pixels, a linear layer."""

    def __init__(self, block, widths, depths, growth, last, has_norm):
        super().__init__()
        i = widths[0]
        self.conv1 = conv(3, i, 3)
        if has_norm:
            self.bn1 = nn.BatchNorm2d(i)
        self.has_norm, self.count, self.last = has_norm, len(widths), last
        for stage, (width, depth) in enumerate(zip(widths, depths), 1):
            blocks = []
            for at in range(depth):
                blocks.append(block(i, width, 2 if stage > 1 and at == 0 else 1))
                i = width * growth
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        setattr(self, last, nn.Linear(i, 1000))

    def forward(self, x):
        x = self.conv1(x)
        if self.has_norm:
            x = F.relu(self.bn1(x))
        for stage in range(1, self.count + 1):
            x = getattr(self, f"layer{stage}")(x)
        return getattr(self, self.last)(x.mean((2, 3)))


DEPTHS = {18: ((2, 2, 2, 2), False), 34: ((3, 4, 6, 3), False), 50: ((3, 4, 6, 3), True), 101: ((3, 4, 23, 3), True),
          152: ((3, 8, 36, 3), True)}
WIDTHS = (64, 128, 256, 512)


def cifar_resnet(depth, shortcut, last):
    blocks, deep = DEPTHS[depth]
    return Stages(lambda i, o, stride: ResidualBlock(i, o, stride, deep, shortcut), WIDTHS, blocks, 4 if deep else 1, last, True)


def preact(depth, raw=False):
    blocks, deep = DEPTHS[depth]
    return Stages(lambda i, o, stride: PreactBlock(i, o, stride, deep, raw), WIDTHS, blocks, 4 if deep else 1, "linear", False)


def thin(depth, shortcut, last):
    blocks = ((depth - 2) // 6,) * 3
    return Stages(lambda i, o, stride: ResidualBlock(i, o, stride, False, shortcut), (16, 32, 64), blocks, 1, last, True)


class WideBlock(nn.Module):
    """A block of a wide ResNet (Zagoruyko and Komodakis 2016). `names` are those of norms, convolutions and shortcut."""

    def __init__(self, i, o, stride, names, curve, pads_after):
        super().__init__()
        self.names, self.curve, self.pads_after = names, curve, pads_after and stride == 2
        bn1, bn2, conv1, conv2, shortcut = names
        setattr(self, bn1, nn.BatchNorm2d(i))
        setattr(self, conv1, conv(i, o, 3, stride, 0 if self.pads_after else 1))
        setattr(self, bn2, nn.BatchNorm2d(o))
        setattr(self, conv2, conv(o, o, 3))
        if i != o:
            setattr(self, shortcut, conv(i, o, 1, stride))

    def forward(self, x):
        bn1, bn2, conv1, conv2, shortcut = (getattr(self, name, None) for name in self.names)
        active = self.curve(bn1(x))
        y = conv1(F.pad(active, (0, 1, 0, 1)) if self.pads_after else active)
        y = conv2(self.curve(bn2(y)))
        return y + (shortcut(active) if shortcut else x)


class Group(nn.Module):
    def __init__(self, name, blocks):
        super().__init__()
        setattr(self, name, nn.Sequential(*blocks))
        self.name = name

    def forward(self, x):
        return getattr(self, self.name)(x)


class WideResNet(nn.Module):
    """With RobustBench's names, or with DeepMind's."""

    def __init__(self, depth, width, deepmind=False, curve=F.relu):
        super().__init__()
        self.deepmind, self.curve = deepmind, curve
        names = ("batchnorm_0", "batchnorm_1", "conv_0", "conv_1", "shortcut") if deepmind else \
            ("bn1", "bn2", "conv1", "conv2", "convShortcut")
        i, groups = 16, []
        for group in range(3):
            blocks = []
            for at in range((depth - 4) // 6):
                o = 16 * width << group
                blocks.append(WideBlock(i, o, 2 if group and at == 0 else 1, names, curve, deepmind))
                i = o
            groups.append(Group("block" if deepmind else "layer", blocks))
        if deepmind:
            self.init_conv, self.layer, self.batchnorm, self.logits = conv(3, 16, 3), nn.Sequential(*groups), \
                nn.BatchNorm2d(i), nn.Linear(i, 1000)
        else:
            self.conv1, self.bn1, self.fc = conv(3, 16, 3), nn.BatchNorm2d(i), nn.Linear(i, 1000)
            self.block1, self.block2, self.block3 = groups

    def forward(self, x):
        if self.deepmind:
            x = self.batchnorm(self.layer(self.init_conv(x)))
            return self.logits(self.curve(x).mean((2, 3)))
        x = self.bn1(self.block3(self.block2(self.block1(self.conv1(x)))))
        return self.fc(self.curve(x).mean((2, 3)))


class Vgg(nn.Module):
    """A VGG for CIFAR: one linear layer behind 512 features, or three with these numbers."""

    def __init__(self, depth, has_norm, head=None):
        super().__init__()
        features, i = [], 3
        for stage, count in enumerate({11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}[depth]):
            for _ in range(count):
                o = min(64 << stage, 512)
                features += [nn.Conv2d(i, o, 3, 1, 1)] + [nn.BatchNorm2d(o)] * has_norm + [nn.ReLU()]
                i = o
            features.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Linear(512, 1000)
        if head:
            at = dict(zip(head, (nn.Linear(512, 512), nn.Linear(512, 512), nn.Linear(512, 1000))))
            self.classifier = nn.Sequential(*[at.get(n) or (nn.ReLU() if n - 1 in at else nn.Identity()) for n in range(7)])

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class DenseLayer(nn.Module):
    def __init__(self, i, growth):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(i), conv(i, 4 * growth, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(4 * growth), conv(4 * growth, growth, 3)

    def forward(self, x):
        return cat([self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x)))))), x], 1)


class Transition(nn.Module):
    def __init__(self, i):
        super().__init__()
        self.bn, self.conv = nn.BatchNorm2d(i), conv(i, i // 2, 1)

    def forward(self, x):
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    """A DenseNet for CIFAR (Huang et al. 2016), new channels first."""

    def __init__(self, depth):
        super().__init__()
        blocks, growth = {121: ((6, 12, 24, 16), 32), 161: ((6, 12, 36, 24), 48), 169: ((6, 12, 32, 32), 32),
                          201: ((6, 12, 48, 32), 32)}[depth]
        i = 2 * growth
        self.conv1 = conv(3, i, 3)
        for at, count in enumerate(blocks, 1):
            setattr(self, f"dense{at}", nn.Sequential(*[DenseLayer(i + j * growth, growth) for j in range(count)]))
            i += count * growth
            if at < 4:
                setattr(self, f"trans{at}", Transition(i))
                i //= 2
        self.bn, self.linear = nn.BatchNorm2d(i), nn.Linear(i, 1000)

    def forward(self, x):
        x = self.conv1(x)
        for at in range(1, 5):
            x = getattr(self, f"dense{at}")(x)
            x = getattr(self, f"trans{at}")(x) if at < 4 else x
        return self.linear(F.relu(self.bn(x)).mean((2, 3)))


class Inverted(nn.Module):
    def __init__(self, i, o, expansion, stride):
        super().__init__()
        hidden = expansion * i
        self.stride = stride
        self.conv1, self.bn1 = conv(i, hidden, 1), nn.BatchNorm2d(hidden)
        self.conv2, self.bn2 = conv(hidden, hidden, 3, stride, groups=hidden), nn.BatchNorm2d(hidden)
        self.conv3, self.bn3 = conv(hidden, o, 1), nn.BatchNorm2d(o)
        self.shortcut = nn.Sequential(conv(i, o, 1), nn.BatchNorm2d(o)) if stride == 1 and i != o else nn.Sequential()

    def forward(self, x):
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))))
        return y + self.shortcut(x) if self.stride == 1 else y


class MobileNetV2(nn.Module):
    """MobileNetV2 for CIFAR (Sandler et al. 2018) with two strides less and ReLU."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, i, layers = conv(3, 32, 3), nn.BatchNorm2d(32), 32, []
        for t, o, n, stride in [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                (6, 320, 1, 1)]:
            for at in range(n):
                layers.append(Inverted(i, o, t, stride if at == 0 else 1))
                i = o
        self.layers = nn.Sequential(*layers)
        self.conv2, self.bn2, self.linear = conv(320, 1280, 1), nn.BatchNorm2d(1280), nn.Linear(1280, 1000)

    def forward(self, x):
        x = self.layers(F.relu(self.bn1(self.conv1(x))))
        return self.linear(F.relu(self.bn2(self.conv2(x))).mean((2, 3)))


CIFAR_STEM = "torchvision, with a first layer of 3×3 for CIFAR"
# Word, whose names, and the net of a word.
ALL = [
    *[(f"resnet{depth}", "kuangliu", lambda _, depth=depth: cifar_resnet(depth, "shortcut", "linear")) for depth in DEPTHS],
    *[(f"resnet{depth}", CIFAR_STEM, lambda _, depth=depth: cifar_resnet(depth, "downsample", "fc")) for depth in DEPTHS],
    *[(f"preact{depth}", "kuangliu", lambda _, depth=depth: preact(depth)) for depth in DEPTHS],
    *[(f"preact{depth}-raw", "RobustBench", lambda _, depth=depth: preact(depth, True)) for depth in (18, 34)],
    *[(f"resnet{depth}", whose, lambda _, depth=depth, shortcut=shortcut, last=last: thin(depth, shortcut, last))
      for depth in (20, 32, 44, 56, 110)
      for whose, shortcut, last in [("akamaster", None, "linear"), ("akamaster, option B", "shortcut", "linear"),
                                    ("chenyaofo", "downsample", "fc")]],
    *[(f"wrn:{depth}x{width}", "RobustBench", lambda _, depth=depth, width=width: WideResNet(depth, width))
      for depth, width in [(28, 10), (34, 10), (16, 4), (40, 2)]],
    ("dm-wrn:28x10", "DeepMind", lambda _: WideResNet(28, 10, True, F.silu)),
    ("dm-wrn-relu:28x10", "DeepMind", lambda _: WideResNet(28, 10, True)),
    *[(f"vgg{depth}{'-bn' * norm}", whose, lambda _, depth=depth, norm=norm, head=head: Vgg(depth, norm, head))
      for depth in (11, 13, 16, 19) for norm in (False, True)
      for whose, head in [("kuangliu", None), ("chenyaofo", (0, 3, 6)), ("chengyangfu", (1, 4, 6))]],
    *[(f"densenet{depth}", "kuangliu", lambda _, depth=depth: DenseNet(depth)) for depth in (121, 161, 169, 201)],
    ("mobilenet-v2", "kuangliu", lambda _: MobileNetV2()),
]
