"""Prints ops.json: what PyTorch says of pools, convolutions and batch normalisation, for the tests in src/engine/model.

    python tests/goldens/ops.py > tests/goldens/ops.json

The gradients are those of sum(y * (1, 2, 3, ...)), so that every output counts differently.
"""
import json

import torch
import torch.nn.functional as F

torch.manual_seed(1)


def values(t):
    return [round(v, 6) for v in t.detach().flatten().tolist()]


def backward(y):
    (y * torch.arange(1.0, y.numel() + 1).view_as(y)).sum().backward()


# Ties on purpose: neighbours that are equal, negative and zero.
pool_input = torch.tensor(
    [[[[1.0, 5, 5, 2, 0], [5, 3, 4, 4, 1], [0, 2, 2, 2, 7], [6, 6, 1, 7, 7], [3, 6, 0, 1, 7], [-1, -1, -2, -2, -9]]]]
)
pools = []
for kind, f in [("max", F.max_pool2d), ("avg", F.avg_pool2d)]:
    for kernel, stride, padding, ceil in [
        ((2, 2), (2, 2), (0, 0), False),
        ((2, 2), (2, 2), (0, 0), True),
        ((3, 3), (2, 2), (0, 0), False),
        ((3, 3), (2, 2), (0, 0), True),
        ((3, 3), (2, 2), (1, 1), False),
        ((3, 3), (2, 2), (1, 1), True),
        ((3, 3), (1, 1), (1, 1), False),
        ((2, 3), (2, 1), (1, 1), True),
        ((2, 2), (3, 3), (0, 0), True),
        ((5, 1), (4, 3), (2, 0), True),
        ((6, 5), (1, 1), (0, 0), False),
    ]:
        x = pool_input.clone().requires_grad_()
        y = f(x, kernel, stride, padding, ceil_mode=ceil)
        backward(y)
        pools.append(
            dict(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=ceil, shape=list(y.shape),
                 y=values(y), dx=values(x.grad))
        )

convs = []
for n, cin, cout, size, kernel, stride, padding, groups in [
    (1, 1, 2, (5, 5), (3, 3), (1, 1), (0, 0), 1),
    (2, 3, 4, (7, 6), (3, 3), (2, 2), (1, 1), 1),
    (2, 4, 6, (5, 7), (3, 2), (2, 1), (1, 0), 2),
    (1, 4, 4, (6, 5), (3, 3), (1, 1), (1, 1), 4),
    (1, 3, 6, (7, 7), (3, 3), (2, 2), (1, 1), 3),
    (2, 3, 5, (4, 4), (1, 1), (1, 1), (0, 0), 1),
    (2, 3, 2, (5, 4), (1, 1), (2, 2), (0, 0), 1),
    (1, 2, 3, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (1, 2, 2, (4, 3), (5, 5), (1, 1), (2, 2), 1),
    (1, 1, 1, (2, 9), (1, 7), (1, 3), (0, 3), 1),
]:
    x = torch.randn(n, cin, *size).requires_grad_()
    w = torch.randn(cout, cin // groups, *kernel).requires_grad_()
    b = torch.randn(cout).requires_grad_()
    y = F.conv2d(x, w, b, stride, padding, 1, groups)
    (y * torch.arange(1.0, y.numel() + 1).view_as(y) / y.numel()).sum().backward()
    convs.append(
        dict(stride=stride, padding=padding, groups=groups, x_shape=list(x.shape), w_shape=list(w.shape),
             y_shape=list(y.shape), x=values(x), w=values(w), b=values(b), y=values(y), dx=values(x.grad),
             dw=values(w.grad), db=values(b.grad))
    )

norms = []
for training in (False, True):
    x = torch.randn(2, 3, 2, 2).requires_grad_()
    layer = torch.nn.BatchNorm2d(3, eps=1e-3)
    layer.weight.data = torch.tensor([1.5, -0.5, 2.0])
    layer.bias.data = torch.tensor([0.1, 0.2, -0.3])
    layer.running_mean.data = torch.tensor([0.5, -0.2, 0.0])
    layer.running_var.data = torch.tensor([2.0, 0.5, 1.0])
    layer.train(training)
    y = layer(x)
    (y * torch.arange(1.0, y.numel() + 1).view_as(y) / y.numel()).sum().backward()
    norms.append(
        dict(training=training, x=values(x), y=values(y), dx=values(x.grad), dw=values(layer.weight.grad),
             db=values(layer.bias.grad), mean=values(layer.running_mean), var=values(layer.running_var))
    )

# Uneven pads, [top, left, bottom, right]: F.pad, then the layer without padding.
for kind, f, fill in [("max", F.max_pool2d, -torch.inf), ("avg", F.avg_pool2d, 0.0)]:
    for kernel, stride, padding in [
        ((3, 3), (2, 2), (0, 0, 1, 1)),
        ((2, 3), (1, 2), (1, 0, 0, 1)),
        ((4, 2), (3, 1), (2, 1, 1, 0)),
    ]:
        x = pool_input.clone().requires_grad_()
        top, left, bottom, right = padding
        y = f(F.pad(x, (left, right, top, bottom), value=fill), kernel, stride)
        backward(y)
        pools.append(
            dict(kind=kind, kernel=kernel, stride=stride, padding=padding, ceil=False, shape=list(y.shape),
                 y=values(y), dx=values(x.grad))
        )

for n, cin, cout, size, kernel, stride, padding, groups in [
    (2, 3, 4, (8, 6), (3, 3), (2, 2), (0, 0, 1, 1), 1),
    (1, 4, 4, (8, 7), (5, 5), (2, 2), (1, 1, 2, 2), 4),
    (2, 4, 6, (5, 7), (3, 2), (2, 1), (1, 0, 0, 3), 2),
    (1, 2, 3, (4, 5), (3, 3), (1, 1), (2, 0, 1, 2), 1),
    (1, 2, 2, (3, 3), (1, 1), (2, 2), (0, 1, 2, 0), 1),
]:
    x = torch.randn(n, cin, *size).requires_grad_()
    w = torch.randn(cout, cin // groups, *kernel).requires_grad_()
    b = torch.randn(cout).requires_grad_()
    top, left, bottom, right = padding
    y = F.conv2d(F.pad(x, (left, right, top, bottom)), w, b, stride, 0, 1, groups)
    (y * torch.arange(1.0, y.numel() + 1).view_as(y) / y.numel()).sum().backward()
    convs.append(
        dict(stride=stride, padding=padding, groups=groups, x_shape=list(x.shape), w_shape=list(w.shape),
             y_shape=list(y.shape), x=values(x), w=values(w), b=values(b), y=values(y), dx=values(x.grad),
             dw=values(w.grad), db=values(b.grad))
    )

print(json.dumps(dict(pool_input=values(pool_input), pools=pools, convs=convs, norms=norms)))
