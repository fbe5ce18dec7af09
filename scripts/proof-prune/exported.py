"""Networks written in PyTorch, exported both ways: `python exported.py FOLDER`. Needs torch, torch-pruning, onnx, onnxscript.

Writes NAME.torchscript.onnx and NAME.dynamo.onnx to FOLDER and prints JSON: by name the dims of the input, whether it holds
ids, the groups that Torch-Pruning finds (or why it finds none), and, of the two small networks with shuffles, how many are exact.
"""

import copy
import json
import sys
from pathlib import Path

import torch
import torch_pruning as tp
from torch import nn
from torch.nn import functional as F


def conv(i, o, k=3, s=1, g=1):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o))


class Attention(nn.Module):
    def __init__(self, size, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.q, self.k, self.v, self.out = (nn.Linear(size, size) for _ in range(4))

    def forward(self, x):
        split = lambda y: y.unflatten(2, (self.heads, -1)).transpose(1, 2)  # noqa: E731
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, size, heads, causal):
        super().__init__()
        self.n1, self.attention, self.n2 = nn.LayerNorm(size), Attention(size, heads, causal), nn.LayerNorm(size)
        self.up, self.down = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, x):
        x = x + self.attention(self.n1(x))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 48, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 48))
        self.position = nn.Parameter(torch.randn(1, 17, 48))
        self.blocks = nn.ModuleList(Block(48, 4, False) for _ in range(2))
        self.norm, self.fc = nn.LayerNorm(48), nn.Linear(48, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.fc(self.norm(x)[:, 0])


class Gpt(nn.Module):
    """Causal, its embedding also the last layer's weight."""

    def __init__(self):
        super().__init__()
        self.embed, self.position = nn.Embedding(96, 48), nn.Parameter(torch.randn(1, 12, 48))
        self.blocks = nn.ModuleList(Block(48, 4, True) for _ in range(2))
        self.norm = nn.LayerNorm(48)

    def forward(self, ids):
        x = self.embed(ids) + self.position[:, : ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.embed.weight)


def shuffle(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleUnit(nn.Module):
    """As in ShuffleNet V1: grouped 1 × 1, shuffle, depthwise, grouped 1 × 1, sum."""

    def __init__(self, size, groups):
        super().__init__()
        self.groups = groups
        self.a, self.b, self.c = conv(size, size, 1, g=groups), conv(size, size, g=size), conv(size, size, 1, g=groups)

    def forward(self, x):
        y = self.b(shuffle(self.a(x).relu(), self.groups))
        return (x + self.c(y)).relu()


class ShuffleV2Unit(nn.Module):
    """As in ShuffleNet V2: half of the channels go through, then all are shuffled."""

    def __init__(self, size):
        super().__init__()
        half = size // 2
        self.a, self.b, self.c = conv(half, half, 1), conv(half, half, g=half), conv(half, half, 1)

    def forward(self, x):
        left, right = x.chunk(2, 1)
        right = self.c(self.b(self.a(right).relu())).relu()
        return shuffle(torch.cat([left, right], 1), 2)


class ShuffleNet(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.stem, self.units, self.fc = conv(3, 24), nn.Sequential(*units), nn.Linear(24, 10)

    def forward(self, x):
        return self.fc(self.units(self.stem(x).relu()).mean((2, 3)))


class ShuffleV1Unit(nn.Module):
    """Of the real ShuffleNet V1: a quarter of the channels between the two grouped 1 × 1; where it halves, a Concat."""

    def __init__(self, i, o, groups, stride, first):
        super().__init__()
        self.groups, self.stride, mid = groups, stride, o // 4
        self.a, self.b = conv(i, mid, 1, g=1 if first else groups), conv(mid, mid, 3, stride, mid)
        self.c = conv(mid, o - i if stride == 2 else o, 1, g=groups)

    def forward(self, x):
        y = self.c(self.b(shuffle(self.a(x).relu(), self.groups)))
        return (x + y if self.stride == 1 else torch.cat([F.avg_pool2d(x, 3, 2, 1), y], 1)).relu()


class ShuffleV2Down(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        half = o // 2
        self.l1, self.l2 = conv(i, i, 3, 2, i), conv(i, half, 1)
        self.r1, self.r2, self.r3 = conv(i, half, 1), conv(half, half, 3, 2, half), conv(half, half, 1)

    def forward(self, x):
        left, right = self.l2(self.l1(x)).relu(), self.r3(self.r2(self.r1(x).relu())).relu()
        return shuffle(torch.cat([left, right], 1), 2)


class RealShuffleNet(nn.Module):
    """In its full width and depth, for images of 3 × 64 × 64; `last` channels before the classifier, 0: none."""

    def __init__(self, sizes, unit, last=0):
        super().__init__()
        units, into = [], 24
        for size, repeats in zip(sizes, (4, 8, 4)):
            units += [unit(into, size, True)] + [unit(size, size, False) for _ in range(repeats - 1)]
            into = size
        self.stem, self.units = conv(3, 24, s=2), nn.Sequential(*units)
        self.last = nn.Sequential(conv(into, last, 1), nn.ReLU()) if last else nn.Identity()
        self.fc = nn.Linear(last or into, 1000)

    def forward(self, x):
        x = F.max_pool2d(self.stem(x).relu(), 3, 2, 1)
        return self.fc(self.last(self.units(x)).mean((2, 3)))


def shufflenet_v1(sizes, groups):
    return RealShuffleNet(sizes, lambda i, o, down: ShuffleV1Unit(i, o, groups, 2 if down else 1, i == 24))


def shufflenet_v2(sizes):
    return RealShuffleNet(sizes, lambda i, o, down: ShuffleV2Down(i, o) if down else ShuffleV2Unit(o), 1024)


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1, self.d2, self.bottom = conv(3, 16), conv(16, 32), conv(32, 48)
        self.u2, self.up1, self.u1 = conv(80, 32), nn.ConvTranspose2d(32, 16, 2, 2), conv(32, 16)
        self.fc = nn.Conv2d(16, 2, 1)

    def forward(self, x):
        a = self.d1(x).relu()
        b = self.d2(F.max_pool2d(a, 2)).relu()
        x = self.bottom(F.max_pool2d(b, 2)).relu()
        x = self.u2(torch.cat([F.interpolate(x, scale_factor=2.0), b], 1)).relu()
        return self.fc(self.u1(torch.cat([self.up1(x), a], 1)).relu())


class InvertedResidual(nn.Module):
    def __init__(self, i, o, stride, expand):
        super().__init__()
        mid = i * expand
        self.up = conv(i, mid, 1) if expand > 1 else nn.Identity()
        self.depth, self.down, self.sums = conv(mid, mid, 3, stride, mid), conv(mid, o, 1), stride == 1 and i == o

    def forward(self, x):
        y = self.down(F.relu6(self.depth(F.relu6(self.up(x)))))
        return x + y if self.sums else y


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [(16, 16, 1, 1), (16, 24, 2, 6), (24, 24, 1, 6), (24, 32, 2, 6), (32, 32, 1, 6)]
        self.stem, self.last = conv(3, 16, s=1), conv(32, 64, 1)
        self.blocks = nn.Sequential(*(InvertedResidual(*s) for s in sizes))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu6(self.last(self.blocks(F.relu6(self.stem(x)))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def groups_of(net, example):
    last = getattr(net, "fc", None)
    ignored = [] if last is None else [last]
    try:
        graph = tp.DependencyGraph().build_dependency(net, example_inputs=example)
        return sum(1 for _ in graph.get_all_groups(ignored_layers=ignored))
    except Exception as error:  # what it cannot trace is a row of the table, too
        return f"{type(error).__name__}: {error}".splitlines()[0][:80]


def exact_of(make, example):
    """How many of those groups are exact: without a channel of each group of its Convs, as with the same ones zero."""
    root_of = lambda group: group[0].dep.target.name.split(" ")[0]  # noqa: E731
    graph = tp.DependencyGraph().build_dependency(net := make(), example_inputs=example)
    roots = [root_of(g) for g in graph.get_all_groups(ignored_layers=[net.fc])]
    count = 0
    for root in roots:
        pruned, zeroed = make(), make()
        names = {module: name for name, module in pruned.named_modules()}
        layer, layers = dict(pruned.named_modules())[root], dict(zeroed.named_modules())
        groups = max(getattr(m, "groups", 1) for m in zeroed.modules() if getattr(m, "groups", 1) < getattr(m, "in_channels", 0))
        out = layer.weight.shape[0]
        graph = tp.DependencyGraph().build_dependency(pruned, example_inputs=example)
        try:
            group = graph.get_pruning_group(layer, tp.prune_conv_out_channels, idxs=[*range(0, out, out // groups)])
            for dep, idxs in group:
                own = layers.get(names.get(dep.target.module))
                if own is None or "out" not in dep.handler.__name__:
                    continue
                with torch.no_grad():
                    own.weight[idxs] = 0
                    if own.bias is not None:
                        own.bias[idxs] = 0
            group.prune()
            want, got = zeroed(example), pruned(example)
            count += bool((want - got).abs().max() < 1e-4 * want.abs().max())
        except Exception as error:  # what cannot run any more is not exact
            print(root, type(error).__name__, str(error).splitlines()[0], file=sys.stderr)
    return count


def fill(name, p):
    """So that every layer's channels reach the output. No two tensors are equal: the exporter would share them."""
    if p.dim() > 1:
        nn.init.kaiming_uniform_(p, nonlinearity="relu")
    elif name.endswith("weight"):  # of a norm
        nn.init.uniform_(p, 0.5, 1.5)
    else:
        nn.init.uniform_(p, -0.5, 0.5)


def main(folder):
    torch.manual_seed(0)
    nets = {
        "vit": Vit(),
        "gpt": Gpt(),
        "shufflenet": ShuffleNet([ShuffleUnit(24, 3), ShuffleUnit(24, 3)]),
        "shufflenet-v2": ShuffleNet([ShuffleV2Unit(24), ShuffleV2Unit(24)]),
        "shufflenet-v1-g3": shufflenet_v1((240, 480, 960), 3),
        "shufflenet-v1-g8": shufflenet_v1((384, 768, 1536), 8),
        "shufflenet-v2-x1": shufflenet_v2((116, 232, 464)),
        "unet": Unet(),
        "mobilenet-v2": MobileNetV2(),
    }
    result = {}
    for name, net in nets.items():
        net.eval()
        for name_of, p in net.named_parameters():
            fill(name_of, p)
        ids = name == "gpt"
        side = 64 if isinstance(net, RealShuffleNet) else 16
        example = torch.randint(0, 96, (1, 12)) if ids else torch.randn(1, 3, side, side)
        for way, dynamo in [("torchscript", False), ("dynamo", True)]:
            file = str(Path(folder) / f"{name}.{way}.onnx")
            torch.onnx.export(net, (example,), file, dynamo=dynamo, input_names=["x"], external_data=False)
        result[name] = {"dims": list(example.shape), "ids": ids, "groups": groups_of(net, example)}
        if name in ("shufflenet", "shufflenet-v2"):
            result[name]["exact"] = exact_of(lambda: copy.deepcopy(net), example)
    print(json.dumps(result))


main(*sys.argv[1:])
