"""Torch-Pruning (DepGraph) on the same networks: groups found, accuracy at ratios without training.

    python side_by_side.py FOLDER RATIO...

Writes the networks that have no file of their own to FOLDER as ONNX, and prints JSON: by network the number of
prunable groups and, for the labelled ones, top-1 before and, by ratio, top-1 and the share of parameters after; `…, global`
with one ratio over all groups. Needs torch, torch-pruning, onnx, numpy.
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
    def __init__(self, norm=False):
        super().__init__()
        sizes = [(1, 32), (32, 32), (32, 64), (64, 64), (64, 128)]
        self.convs = nn.ModuleList(conv(i, o, norm=norm) for i, o in sizes)
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


class Attention(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(size, size) for _ in range(4))

    def forward(self, x):
        split = lambda y: y.unflatten(2, (self.heads, -1)).transpose(1, 2)  # noqa: E731
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        scores = (q @ k.transpose(2, 3)) / q.shape[-1] ** 0.5
        return self.o((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.n1, self.a, self.n2 = nn.LayerNorm(size), Attention(size, heads), nn.LayerNorm(size)
        self.f1, self.f2 = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, x):
        x = x + self.a(self.n1(x))
        return x + self.f2(nn.functional.gelu(self.f1(self.n2(x))))


class Transformer(nn.Module):
    """Rows of an image as tokens."""

    def __init__(self):
        super().__init__()
        self.e, self.p = nn.Linear(28, 96), nn.Parameter(torch.zeros(1, 28, 96))
        self.l = nn.ModuleList(Layer(96, 4) for _ in range(3))
        self.n, self.fc = nn.LayerNorm(96), nn.Linear(96, 10)

    def forward(self, x):
        x = self.e(x.squeeze(1)) + self.p
        for layer in self.l:
            x = layer(x)
        return self.fc(self.n(x).mean(1))

    def stream(self):
        """Layers that write to the residual stream."""
        return [self.e, *(m for layer in self.l for m in (layer.a.o, layer.f2))]


def with_transformer_weights(net, path):
    """All but the matrices keep their names; those come in the order of the nodes, transposed."""
    graph = onnx.load(path).graph
    tensors = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in graph.initializer}
    state = {name: tensors[name] for name in net.state_dict() if name in tensors}
    layers = [net.e, *(m for layer in net.l for m in (layer.a.q, layer.a.k, layer.a.v, layer.a.o, layer.f1, layer.f2))]
    names = {m: name for name, m in net.named_modules()}
    matrices = [n.input[1] for n in graph.node if n.op_type == "MatMul" and n.input[1] in tensors]
    for layer, name in zip(layers, matrices, strict=True):
        state[f"{names[layer]}.weight"] = tensors[name].T.contiguous()
    net.load_state_dict(state)
    return net


def with_norm_weights(net, path):
    """Names are kept but for the convolutions': those lie among the poolings, of which each is a number, too."""
    tensors = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in onnx.load(path).graph.initializer}
    state = {}
    for name, value in net.state_dict().items():
        if name.startswith("convs."):
            _, i, rest = name.split(".", 2)
            name_there = f"f.{[0, 1, 3, 4, 6][int(i)]}.{rest}"
        else:
            name_there = name
        state[name] = value if name.endswith("num_batches_tracked") else tensors[name_there]
    net.load_state_dict(state)
    return net


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


def groups_of(net, example, ignored):
    graph = tp.DependencyGraph().build_dependency(net, example_inputs=example)
    return sum(1 for _ in graph.get_all_groups(ignored_layers=ignored))


def accuracy(net, data):
    with torch.no_grad():
        found = net(torch.tensor(data["input"].astype(np.float32))).argmax(1).numpy()
    return float((found == data["labels"]).mean())


def pruned(net, example, ratio, ignored, **options):
    """Heads are removed as a whole, as here."""
    attention = [m for m in net.modules() if isinstance(m, Attention)]
    pruner = tp.pruner.BasePruner(
        net,
        example,
        importance=tp.importance.MagnitudeImportance(p=1),
        pruning_ratio=ratio,
        ignored_layers=ignored,
        num_heads={m: a.heads for a in attention for m in (a.q, a.k, a.v)},
        prune_num_heads=True,
        prune_head_dims=False,
        head_pruning_ratio=ratio,
        **options,
    )
    pruner.step()
    for a in attention:
        a.heads = pruner.num_heads[a.q]
    return net


def parameters(net):
    return sum(p.numel() for p in net.parameters())


def labelled(made, example, data, ratios, ignored):
    """`made` makes the network anew; `ignored` names the layers of it whose channels stay."""
    net = made()
    result = {"groups": groups_of(net, example, ignored(net)), "original": accuracy(net, data)}
    before = parameters(net)
    for name, options in [("after", {}), ("global", {"global_pruning": True, "max_pruning_ratio": 0.9})]:
        result[name] = {}
        for ratio in ratios:
            net = made()
            try:
                pruned(net, example, ratio, ignored(net), **options)
                result[name][ratio] = {"accuracy": accuracy(net, data), "left": parameters(net) / before}
            except Exception as error:  # what it cannot do is a cell of the table, too
                result[name][ratio] = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:160]}
    return result


def main(folder, *ratios):
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
        result[name] = {"groups": groups_of(net, example, [net.fc])}
    fashion, digits = np.load(SAMPLES / "fmnist-test-2000.npz"), np.load(FIXTURES / "mnist-test-2000.npz")
    example, shares = torch.randn(1, 1, 28, 28), [float(r) for r in ratios]
    cnn = lambda: with_weights(Cnn(), SAMPLES / "fmnist_cnn.onnx").eval()  # noqa: E731
    normed = lambda: with_norm_weights(Cnn(norm=True), FIXTURES / "fmnist_cnn_bn.onnx").eval()  # noqa: E731
    mobres = lambda: with_weights(Mobres(), FIXTURES / "fmnist_mobres.onnx").eval()  # noqa: E731
    transformer = lambda: with_transformer_weights(Transformer(), FIXTURES / "mnist_transformer.onnx").eval()  # noqa: E731
    result["fmnist_cnn"] = labelled(cnn, example, fashion, shares, lambda net: [net.fc2])
    result["fmnist_cnn_bn"] = labelled(normed, example, fashion, shares, lambda net: [net.fc2])
    result["fmnist_mobres"] = labelled(mobres, example, fashion, shares, lambda net: [net.fc])
    rest = lambda net: [net.fc, *net.stream()]  # noqa: E731
    result["mnist_transformer"] = labelled(transformer, example, digits, shares, rest)
    whole = lambda net: [net.fc]  # noqa: E731
    result["mnist_transformer, approximate"] = labelled(transformer, example, digits, shares, whole)
    print(json.dumps(result))


main(*sys.argv[1:])
