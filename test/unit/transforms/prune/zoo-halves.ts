/** Networks that cut channels in two where their number, read at run time, says: as PyTorch's `chunk` is exported. */
import { node } from '../../../support/model-builder.ts';
import { image, head, Net, type ZooModel } from './net.ts';

/** Half of the channels of `x`, as a list of one. */
function halfOf(net: Net, x: string, name: string): string {
  const at = net.shape(`${name}.at`, [1]);
  const count = net.op('Gather', [net.op('Shape', [x], `${name}.dims`), at], `${name}.count`, { axis: 0 });
  const more = net.op('Add', [count, net.shape(`${name}.one`, [1])], `${name}.more`);
  return net.op('Div', [more, net.shape(`${name}.two`, [2])], `${name}.half`);
}

/** A unit of ShuffleNet V2: half of the channels go through a layer, then all are shuffled. */
function unit(net: Net, x: string, name: string, isSplit: boolean): string {
  const half = halfOf(net, x, name);
  const [left, right] = [`${name}.left`, `${name}.right`];
  if (isSplit) {
    const sizes = net.op('Concat', [half, half], `${name}.sizes`, { axis: 0 });
    net.nodes.push(node('Split', [x, sizes], [left, right], { name: `${name}.split`, axis: 1 }));
  } else {
    const axis = net.shape(`${name}.axis`, [1]);
    const end = net.op('Mul', [half, net.shape(`${name}.both`, [2])], `${name}.end`);
    net.op('Slice', [x, net.shape(`${name}.from`, [0]), half, axis], left);
    net.op('Slice', [x, half, end, axis], right);
  }
  const through = net.relu(net.conv(right, `${name}.conv`, [6, 6]));
  const joined = net.op('Concat', [left, through], `${name}.joined`, { axis: 1 });
  const open = net.op('Reshape', [joined, net.shape(`${name}.open`, [-1, 2, 6, 8, 8])], `${name}.taken`);
  const turned = net.op('Transpose', [open], `${name}.turned`, { perm: [0, 2, 1, 3, 4] });
  return net.op('Reshape', [turned, net.shape(`${name}.flat`, [-1, 12, 8, 8])], `${name}.mixed`);
}

function halves(isSplit: boolean): ZooModel {
  const net = new Net();
  const stem = net.relu(net.conv('x', 'stem', [12, 3], { kernel: 3 }));
  const mixed = unit(net, unit(net, stem, 'u1', isSplit), 'u2', isSplit);
  return {
    name: `ShuffleNet V2, halves computed for ${isSplit ? 'Split' : 'Slice'}`,
    model: net.build({ x: ['n', 3, 8, 8] }, head(net, mixed, 12)),
    inputs: image,
    accepted: ['stem', 'u1.conv', 'u2.conv'],
    refused: { fc: /graph output/ },
  };
}

/** As many rows as half of the channels that there were: their number stays, however many channels go. */
function rowsByChannels(): ZooModel {
  const net = new Net();
  const a = net.conv('x', 'a', [8, 3], { kernel: 3 });
  const half = halfOf(net, a, 'rows');
  const cut = net.op('Slice', [a, net.shape('from', [0]), half, net.shape('axis', [2])], 'cut');
  return {
    name: 'rows cut by the number of channels',
    model: net.build({ x: [2, 3, 8, 8] }, net.conv(cut, 'out', [2, 8])),
    inputs: image,
    accepted: ['a'],
    refused: { out: /graph output/ },
  };
}

/** The same, where only running tells how many. */
function unknownRows(): ZooModel {
  const net = new Net();
  const a = net.conv(net.relu(net.conv('x', 'stem', [6, 3])), 'a', [8, 6], { kernel: 3 });
  const rows = net.op('Gather', [net.op('Shape', ['x'], 'dims'), net.shape('at', [2])], 'rows', { axis: 0 });
  const end = net.op('Sub', [rows, halfOf(net, a, 'less')], 'end');
  const cut = net.op('Slice', [a, net.shape('from', [0]), end, net.shape('axis', [2])], 'cut');
  return {
    name: 'rows cut by the number of channels and of rows',
    model: net.build({ x: ['n', 3, 'h', 'w'] }, net.conv(cut, 'out', [2, 8])),
    inputs: image,
    accepted: ['stem'],
    refused: { a: /Slice "cut" computes with its size/, out: /graph output/ },
  };
}

export const HALVES_ZOO: readonly ZooModel[] = [halves(false), halves(true), rowsByChannels(), unknownRows()];
