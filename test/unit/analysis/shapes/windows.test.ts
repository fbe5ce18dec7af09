import { describeCases } from './cases.ts';

describeCases('convolution', [
  // (32 + 2 − 3) / 2 + 1 = 16.5 → 16
  [
    'strided',
    'Conv',
    ['float32[n, 3, 32, 32]', 'float32[8, 3, 3, 3]'],
    { strides: [2, 2], pads: [1, 1, 1, 1] },
    ['float32[n, 8, 16, 16]'],
  ],
  [
    'symbolic',
    'Conv',
    ['float32[n, 3, h, w]', 'float32[8, 3, 3, 3]'],
    { strides: [2, 2], pads: [1, 1, 1, 1] },
    ['float32[n, 8, (h + 1)//2, (w + 1)//2]'],
  ],
  // extent 2·(3 − 1) + 1 = 5; 20 − 5 + 1 = 16
  ['dilated', 'Conv', ['float32[n, 3, 20]', 'float32[8, 3, 3]'], { dilations: [2] }, ['float32[n, 8, 16]']],
  ['groups', 'Conv', ['float32[n, 6, 5]', 'float32[6, 1, 3]'], { group: 6 }, ['float32[n, 6, 3]']],
  [
    'refuses other channels',
    'Conv',
    ['float32[n, 4, 5]', 'float32[6, 3, 3]'],
    {},
    /data has 4 channels, weights are for 3/,
  ],
  [
    'refuses another number of pads',
    'Conv',
    ['float32[n, 3, 5]', 'float32[6, 3, 3]'],
    { pads: [1] },
    /pads has 1 values, 2 are needed/,
  ],
  [
    'same size',
    'Conv',
    ['float32[n, 3, 15]', 'float32[6, 3, 3]'],
    { auto_pad: 'SAME_UPPER', strides: [2] },
    ['float32[n, 6, 8]'],
  ],
  // 2·(8 − 1) + 3 − 2 = 15
  [
    'transposed',
    'ConvTranspose',
    ['float32[n, 6, 8]', 'float32[6, 4, 3]'],
    { strides: [2], pads: [1, 1] },
    ['float32[n, 4, 15]'],
  ],
  [
    'transposed to a size',
    'ConvTranspose',
    ['float32[n, 6, 8]', 'float32[6, 4, 3]'],
    { strides: [2], output_shape: [16] },
    ['float32[n, 4, 16]'],
  ],
  ['of integers', 'ConvInteger', ['uint8[n, 3, 5]', 'uint8[6, 3, 3]'], {}, ['int32[n, 6, 3]']],
  [
    'quantized',
    'QLinearConv',
    ['uint8[n, 3, 5]', 'float32[]', 'uint8[]', 'int8[6, 3, 3]', 'float32[]', 'int8[]', 'float32[]', 'int8[]'],
    {},
    ['int8[n, 6, 3]'],
  ],
  [
    'columns to an image',
    'Col2Im',
    ['float32[n, 20, 12]', 'int64[2]: 5 6', 'int64[2]: 2 2'],
    {},
    ['float32[n, 5, 5, 6]'],
  ],
  [
    'channels last',
    'com.microsoft::NhwcFusedConv',
    ['float32[n, 9, 9, 3]', 'float32[4, 3, 3, 3]'],
    {},
    ['float32[n, 7, 7, 4]'],
  ],
]);

describeCases('pooling', [
  // floor((7 − 2) / 2) + 1 = 3; ceil: 4
  [
    'rounds down',
    'MaxPool',
    ['float32[n, 3, 7]'],
    { kernel_shape: [2], strides: [2] },
    ['float32[n, 3, 3]', 'int64[n, 3, 3]'],
  ],
  [
    'rounds up',
    'MaxPool',
    ['float32[n, 3, 7]'],
    { kernel_shape: [2], strides: [2], ceil_mode: 1 },
    ['float32[n, 3, 4]'],
  ],
  // ceil((4 + 2 − 2) / 3) + 1 = 3, but the third would begin at 6, past the input and its padding of 1: 5
  [
    'begins within the input',
    'AveragePool',
    ['float32[n, 3, 4]'],
    { kernel_shape: [2], strides: [3], pads: [1, 1], ceil_mode: 1 },
    ['float32[n, 3, 2]'],
  ],
  [
    'refuses a window of another rank',
    'MaxPool',
    ['float32[n, 3, 7]'],
    { kernel_shape: [2, 2] },
    /window of 2 axes on a tensor of 1 spatial axes/,
  ],
  ['whole', 'GlobalAveragePool', ['float32[n, 3, h, w]'], {}, ['float32[n, 3, 1, 1]']],
  // 2·(4 − 1) + 2 = 8
  [
    'undone',
    'MaxUnpool',
    ['float32[n, 3, 4]', 'int64[n, 3, 4]'],
    { kernel_shape: [2], strides: [2] },
    ['float32[n, 3, 8]'],
  ],
  [
    'undone to a shape',
    'MaxUnpool',
    ['float32[1, 3, 4]', 'int64[1, 3, 4]', 'int64[3]: 1 3 9'],
    { kernel_shape: [2], strides: [2] },
    ['float32[1, 3, 9]'],
  ],
  [
    'of regions',
    'RoiAlign',
    ['float32[n, 5, h, w]', 'float32[r, 4]', 'int64[r]'],
    { output_height: 7, output_width: 6 },
    ['float32[r, 5, 7, 6]'],
  ],
]);

describeCases('images', [
  [
    'by scales',
    'Resize',
    ['float32[n, 3, h, w]', '', 'float32[4]: 1 1 2 2'],
    {},
    ['float32[n, 3, h·2, w·2]'],
  ],
  // ⌊7 · 0.5⌋ = 3
  ['down', 'Resize', ['float32[1, 3, 7, 8]', '', 'float32[4]: 1 1 0.5 0.5'], {}, ['float32[1, 3, 3, 4]']],
  [
    'to sizes along axes',
    'Resize',
    ['float32[n, 3, h, w]', '', '', 'int64[2]: 10 20'],
    { axes: [2, 3] },
    ['float32[n, 3, 10, 20]'],
  ],
  // 20 / 10 = 2 and 30 / 10 = 3: the lesser for both
  [
    'within sizes',
    'Resize',
    ['float32[1, 1, 10, 10]', '', '', 'int64[2]: 20 30'],
    { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' },
    ['float32[1, 1, 20, 20]'],
  ],
  [
    'by scales that running tells',
    'Resize',
    ['float32[n, 3, h, w]', '', 'float32[4]'],
    {},
    ['float32[y0.d0, y0.d1, y0.d2, y0.d3]'],
  ],
  [
    'scales as attribute',
    'Upsample',
    ['float32[n, 3, h, w]'],
    { scales: { kind: 'floats', value: [1, 1, 2, 2] } },
    ['float32[n, 3, h·2, w·2]'],
    7,
  ],
  ['blocks', 'DepthToSpace', ['float32[n, 12, h, w]'], { blocksize: 2 }, ['float32[n, 3, h·2, w·2]']],
  [
    'refuses channels that are no blocks',
    'DepthToSpace',
    ['float32[n, 6, h, w]'],
    { blocksize: 2 },
    /dim of 6 cannot be divided by 4/,
  ],
  ['blocks back', 'SpaceToDepth', ['float32[n, 3, h, w]'], { blocksize: 2 }, ['float32[n, 12, h//2, w//2]']],
  ['sampled', 'GridSample', ['float32[n, 3, h, w]', 'float32[n, 5, 6, 2]'], {}, ['float32[n, 3, 5, 6]'], 22],
  ['grid', 'AffineGrid', ['float32[n, 2, 3]', 'int64[4]: 2 3 5 6'], {}, ['float32[2, 5, 6, 2]'], 22],
  [
    'a file',
    'ImageDecoder',
    ['uint8[n]'],
    { pixel_format: 'Grayscale' },
    ['uint8[y0.height, y0.width, 1]'],
    22,
  ],
]);

describeCases('signals', [
  // ⌊16 / 2⌋ + 1 = 9
  ['half of a real signal', 'DFT', ['float32[n, 16, 1]'], { onesided: 1 }, ['float32[n, 9, 2]'], 17],
  [
    'and back: 2·(9 − 1)',
    'DFT',
    ['float32[n, 9, 2]'],
    { onesided: 1, inverse: 1 },
    ['float32[n, 16, 1]'],
    17,
  ],
  ['of a length', 'DFT', ['float32[n, 16, 1]', 'int64[]: 20', 'int64[]: 1'], {}, ['float32[n, 20, 2]'], 20],
  [
    'along an axis that running tells',
    'DFT',
    ['float32[n, 16, 1]', '', 'int64[]'],
    {},
    ['float32[n, 16, 2]'],
    20,
  ],
  // (128 − 16) / 8 + 1 = 15 frames
  ['frames', 'STFT', ['float32[n, 128, 1]', 'int64[]: 8', '', 'int64[]: 16'], {}, ['float32[n, 15, 9, 2]']],
  ['window', 'HannWindow', ['int64[]: 10'], {}, ['float32[10]']],
  [
    'mel',
    'MelWeightMatrix',
    ['int64[]: 8', 'int64[]: 16', 'int64[]', 'float32[]', 'float32[]'],
    {},
    ['float32[9, 8]'],
  ],
]);
