/** A U-Net, with what resizes, pads and cuts on the way up. */
import { image, Net, type ZooModel } from './net.ts';

export function unet(): ZooModel {
  const net = new Net();
  const d1 = net.relu(net.conv('x', 'd1', [6, 3], { kernel: 3 }));
  const d2 = net.relu(
    net.conv(net.op('MaxPool', [d1], 'mp', { kernel_shape: [2, 2], strides: [2, 2] }), 'd2', [10, 6], {
      kernel: 3,
    }),
  );
  const w = net.weight('up.w', [10, 6, 2, 2], 3);
  const up = net.op('ConvTranspose', [d2, w, net.weight('up.b', [6])], 'up', {
    kernel_shape: [2, 2],
    strides: [2, 2],
  });
  const cat = net.op('Concat', [d1, up], 'cat', { axis: 1 });
  const u1 = net.relu(net.conv(cat, 'u1', [8, 12], { kernel: 3 }));
  net.shape('sizes', [2, 8, 16, 16]);
  const big = net.op('Resize', [u1, '', '', 'sizes'], 'big', { mode: 'nearest' });
  const padded = net.op('Pad', [big, net.shape('pads', [0, 0, 1, 1, 0, 0, 1, 1])], 'padded');
  const cut = net.op(
    'Slice',
    [padded, net.shape('st', [0]), net.shape('en', [4]), net.shape('ax', [1])],
    'cut',
  );
  return {
    name: 'U-Net',
    model: net.build({ x: [2, 3, 8, 8] }, net.conv(cut, 'out', [2, 4])),
    inputs: image,
    accepted: ['d1', 'd2', 'up', 'u1'],
    refused: { out: /graph output/ },
  };
}
