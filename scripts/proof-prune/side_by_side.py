"""Torch-Pruning (DepGraph) on the same networks: groups found, accuracy at a ratio without training.

    python side_by_side.py FOLDER RATIO

Writes the networks that have no file of their own to FOLDER as ONNX, and prints JSON: by network the number of
prunable groups and, for the labelled ones, top-1 before and after. Needs torch, torch-pruning, onnx, numpy.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torch_pruning as tp
from onnx import numpy_helper
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "test/fixtures/models"
SAMPLES = ROOT / "media/samples"


def conv(i, o, k=3, s=1, g=1, norm=True):
    layers = [nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=not norm)]
    return nn.Sequential(*layers, nn.BatchNorm2d(o)) if norm else layers[0]


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 16)
        self.a1, self.a2 = conv(16, 16), conv(16, 16)
        self.b1, self.b2, self.down = conv(16, 32, s=2), conv(32, 32), conv(16, 32, 1, 2)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        x = self.stem(x).relu()
        x = (x + self.a2(self.a1(x).relu())).relu()
        x = (self.down(x) + self.b2(self.b1(x).relu())).relu()
        return self.fc(x.mean((2, 3)))


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 16)
        self.layers = nn.ModuleList(conv(16 + 8 * i, 8) for i in range(4))
        self.fc = nn.Linear(48, 10)

    def forward(self, x):
        x = self.stem(x).relu()
        for layer in self.layers:
            x = torch.cat([x, layer(x).relu()], 1)
        return self.fc(x.mean((2, 3)))


class Mobile(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 16)
        self.up, self.depth, self.down = conv(16, 64, 1), conv(64, 64, g=64), conv(64, 16, 1)
        self.up2, self.depth2, self.down2 = conv(16, 64, 1), conv(64, 64, s=2, g=64), conv(64, 24, 1)
        self.fc = nn.Linear(24, 10)

    def forward(self, x):
        x = self.stem(x).relu()
        x = x + self.down(self.depth(self.up(x).relu()).relu())
        x = self.down2(self.depth2(self.up2(x).relu()).relu())
        return self.fc(x.mean((2, 3)))


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 16)
        self.one, self.three, self.five = conv(16, 8, 1), conv(16, 12), conv(16, 4, 5)
        self.pool = conv(16, 8, 1)
        self.mix = conv(32, 24)
        self.fc = nn.Linear(24, 10)

    def forward(self, x):
        x = self.stem(x).relu()
        pooled = nn.functional.avg_pool2d(x, 3, 1, 1)
        x = torch.cat([self.one(x), self.three(x), self.five(x), self.pool(pooled)], 1).relu()
        return self.fc(self.mix(x).relu().mean((2, 3)))


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1, self.d2, self.bottom = conv(3, 16), conv(16, 32), conv(32, 48)
        self.up2, self.u2 = nn.ConvTranspose2d(48, 32, 2, 2), conv(64, 32)
        self.up1, self.u1 = nn.ConvTranspose2d(32, 16, 2, 2), conv(32, 16)
        self.fc = nn.Conv2d(16, 2, 1)

    def forward(self, x):
        pool = nn.functional.max_pool2d
        a = self.d1(x).relu()
        b = self.d2(pool(a, 2)).relu()
        x = self.bottom(pool(b, 2)).relu()
        x = self.u2(torch.cat([self.up2(x), b], 1)).relu()
        return self.fc(self.u1(torch.cat([self.up1(x), a], 1)).relu())


class GroupNormed(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [(3, 16), (16, 32), (32, 32)]
        self.convs = nn.ModuleList(conv(i, o, norm=False) for i, o in sizes)
        self.norms = nn.ModuleList(nn.GroupNorm(4, o) for _, o in sizes)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        for layer, norm in zip(self.convs, self.norms):
            x = norm(layer(x)).relu()
        return self.fc(x.mean((2, 3)))


class SqueezeExcite(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.body = conv(3, 16), conv(16, 32)
        self.down, self.up = nn.Conv2d(32, 8, 1), nn.Conv2d(8, 32, 1)
        self.tail = conv(32, 32)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        x = self.body(self.stem(x).relu()).relu()
        x = x * self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.fc(self.tail(x).relu().mean((2, 3)))


class Mlp(nn.Module):
    """Rows through a gated layer, with a residual sum, as in the feed-forward part of a language model."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(3 * 16 * 16, 48)
        self.gate, self.up, self.down = nn.Linear(48, 96), nn.Linear(48, 96), nn.Linear(96, 48)
        self.fc = nn.Linear(48, 10)

    def forward(self, x):
        x = self.embed(x.flatten(1))
        x = x + self.down(nn.functional.silu(self.gate(x)) * self.up(x))
        return self.fc(x)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [(1, 32), (32, 32), (32, 64), (64, 64), (64, 128)]
        self.convs = nn.ModuleList(conv(i, o, norm=False) for i, o in sizes)
        self.fc1, self.fc2 = nn.Linear(128, 128), nn.Linear(128, 10)

    def forward(self, x):
        for i, layer in enumerate(self.convs):
            x = layer(x).relu()
            if i in (1, 3):
                x = nn.functional.max_pool2d(x, 2)
        return self.fc2(self.fc1(x.mean((2, 3))).relu())


class Mobres(nn.Module):
    SIZES = [(24, 24, 1), (24, 48, 2), (48, 48, 1), (48, 96, 2), (96, 96, 1)]

    def __init__(self):
        super().__init__()
        self.stem = conv(1, 24, norm=False)
        self.a = nn.ModuleList(conv(i, i, 3, s, i, norm=False) for i, _, s in self.SIZES)
        self.b = nn.ModuleList(conv(i, o, 1, norm=False) for i, o, _ in self.SIZES)
        self.fc = nn.Linear(96, 10)

    def forward(self, x):
        act = nn.functional.hardswish
        x = act(self.stem(x))
        for a, b, (i, o, _) in zip(self.a, self.b, self.SIZES):
            y = b(act(a(x)))
            x = x + y if i == o else act(y)
        return self.fc(x.mean((2, 3)))


def with_weights(net, path):
    """Conv and Gemm weights of the ONNX file, in the order of its nodes."""
    graph = onnx.load(path).graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    nodes = [n for n in graph.node if n.op_type in ("Conv", "Gemm")]
    if isinstance(net, Mobres):
        pairs = [m for ab in zip(net.a, net.b) for m in ab]
        modules = [net.stem, *pairs, net.fc]
    else:
        modules = [*net.convs, net.fc1, net.fc2]
    for module, node in zip(modules, nodes, strict=True):
        module.weight.data = torch.tensor(tensors[node.input[1]])
        module.bias.data = torch.tensor(tensors[node.input[2]])
    return net


def groups_of(net, example, output):
    graph = tp.DependencyGraph().build_dependency(net, example_inputs=example)
    return sum(1 for _ in graph.get_all_groups(ignored_layers=[output]))


def accuracy(net, data):
    with torch.no_grad():
        found = net(torch.tensor(data["input"].astype(np.float32))).argmax(1).numpy()
    return float((found == data["labels"]).mean())


def main(folder, ratio):
    result = {}
    made = {
        **{"residual": Residual, "dense": Dense, "mobile": Mobile, "inception": Inception, "unet": Unet},
        **{"groupnorm": GroupNormed, "squeeze-excite": SqueezeExcite, "gated-mlp": Mlp},
    }
    for name, make in made.items():
        net, example = make().eval(), torch.randn(1, 3, 16, 16)
        for p in net.parameters():  # equal tensors would be shared by the exporter, and what shares a tensor is tied
            nn.init.uniform_(p, -0.5, 0.5)
        torch.onnx.export(net, (example,), str(Path(folder) / f"{name}.onnx"), dynamo=False)
        result[name] = {"groups": groups_of(net, example, net.fc)}
    data = np.load(SAMPLES / "fmnist-test-2000.npz")
    labelled = {
        "fmnist_cnn": (Cnn, SAMPLES / "fmnist_cnn.onnx"),
        "fmnist_mobres": (Mobres, FIXTURES / "fmnist_mobres.onnx"),
    }
    for name, (make, path) in labelled.items():
        net, example = with_weights(make(), path).eval(), torch.randn(1, 1, 28, 28)
        last = net.fc2 if isinstance(net, Cnn) else net.fc
        found = {"groups": groups_of(net, example, last), "original": accuracy(net, data)}
        pruner = tp.pruner.MetaPruner(
            net,
            example,
            importance=tp.importance.MagnitudeImportance(p=1),
            pruning_ratio=float(ratio),
            ignored_layers=[last],
        )
        pruner.step()
        found["accuracy"] = accuracy(net, data)
        found["parameters"] = sum(p.numel() for p in net.parameters())
        result[name] = found
    print(json.dumps(result))


main(*sys.argv[1:])
