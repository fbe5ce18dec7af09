import { describeCases } from './cases.ts';

describeCases('normalization', [
  [
    'statistics of the channels',
    'BatchNormalization',
    ['float32[n, 3, h]', 'float32[3]', 'float32[3]', 'float32[3]', 'float32[3]'],
    { training_mode: 1 },
    ['float32[n, 3, h]', 'float32[3]', 'float32[3]'],
  ],
  [
    'statistics of each row',
    'LayerNormalization',
    ['float16[n, s, 64]', 'float16[64]'],
    {},
    ['float16[n, s, 64]', 'float32[n, s, 1]', 'float32[n, s, 1]'],
  ],
  [
    'refuses an axis out of range',
    'LayerNormalization',
    ['float16[n, 64]', 'float16[64]'],
    { axis: 2 },
    /axis 2 is out of range for rank 2/,
  ],
  ['root mean square', 'RMSNormalization', ['float32[n, 64]', 'float32[64]'], {}, ['float32[n, 64]'], 23],
]);

describeCases('recurrent', [
  [
    'both directions',
    'LSTM',
    ['float32[s, n, 10]', 'float32[2, 80, 10]', 'float32[2, 80, 20]'],
    { hidden_size: 20, direction: 'bidirectional' },
    ['float32[s, 2, n, 20]', 'float32[2, n, 20]', 'float32[2, n, 20]'],
  ],
  [
    'size from the weights',
    'GRU',
    ['float32[s, n, 10]', 'float32[1, 60, 10]', 'float32[1, 60, 20]'],
    {},
    ['float32[s, 1, n, 20]', 'float32[1, n, 20]'],
  ],
  [
    'batch first',
    'RNN',
    ['float32[n, s, 10]', 'float32[1, 20, 10]', 'float32[1, 20, 20]'],
    { hidden_size: 20, layout: 1 },
    ['float32[n, s, 1, 20]', 'float32[n, 1, 20]'],
  ],
  [
    'quantized: R is [1, hidden, 4·hidden]',
    'com.microsoft::DynamicQuantizeLSTM',
    ['float32[s, n, 10]', 'int8[1, 10, 80]', 'int8[1, 20, 80]'],
    {},
    ['float32[s, 1, n, 20]', 'float32[1, n, 20]', 'float32[1, n, 20]'],
  ],
]);

describeCases('text', [
  ['stop words', 'StringNormalizer', ['string[7]'], { stopwords: ['a'] }, ['string[y0.d0 ≤ 7]']],
  [
    'split at most twice: three parts',
    'StringSplit',
    ['string[n]'],
    { maxsplit: 2 },
    ['string[n, y0.d1 ≤ 3]', 'int64[n]'],
  ],
  ['n-grams 0 to 6', 'TfIdfVectorizer', ['int64[n, 20]'], { ngram_indexes: [0, 6, 3] }, ['float32[n, 7]']],
  ['matches', 'RegexFullMatch', ['string[n]'], { pattern: 'a' }, ['bool[n]']],
]);

describeCases('losses', [
  ['mean', 'SoftmaxCrossEntropyLoss', ['float32[n, 10]', 'int64[n]'], {}, ['float32[]', 'float32[n, 10]']],
  [
    'each',
    'NegativeLogLikelihoodLoss',
    ['float32[n, 10, d]', 'int64[n, d]'],
    { reduction: 'none' },
    ['float32[n, d]'],
  ],
  // R, T, two tensors, their gradients, their accumulated squares
  [
    'step',
    'ai.onnx.preview.training::Adagrad',
    [
      'float32[]',
      'int64[]',
      'float32[2]',
      'float32[3]',
      'float32[2]',
      'float32[3]',
      'float32[2]',
      'float32[3]',
    ],
    {},
    ['float32[2]', 'float32[3]', 'float32[2]', 'float32[3]'],
  ],
]);

describeCases('detection', [
  // 2 batches · 3 classes · at most 5 boxes of each
  [
    'at most so many',
    'NonMaxSuppression',
    ['float32[2, 100, 4]', 'float32[2, 3, 100]', 'int64[]: 5'],
    {},
    ['int64[y0.d0 ≤ 30, 3]'],
  ],
  [
    'none without a number',
    'NonMaxSuppression',
    ['float32[2, 100, 4]', 'float32[2, 3, 100]'],
    {},
    ['int64[0, 3]'],
  ],
  ['border', 'Crop', ['float32[n, 3, 10, 10]'], { border: [1, 2, 3, 4] }, ['float32[n, 3, 4, 6]'], 9],
]);

describeCases('classical models', [
  [
    'trees',
    'ai.onnx.ml::TreeEnsembleClassifier',
    ['float32[n, 4]'],
    { classlabels_int64s: [0, 1, 2] },
    ['int64[n]', 'float32[n, 3]'],
    3,
  ],
  [
    'labels of text',
    'ai.onnx.ml::LinearClassifier',
    ['float32[n, 4]'],
    { classlabels_strings: ['a', 'b'] },
    ['string[n]', 'float32[n, 2]'],
  ],
  // 4 classes without probabilities: one score for each of 6 pairs
  [
    'pairs',
    'ai.onnx.ml::SVMClassifier',
    ['float32[n, 4]'],
    { classlabels_ints: [0, 1, 2, 3], vectors_per_class: [1, 1, 1, 1] },
    ['int64[n]', 'float32[n, 6]'],
  ],
  ['categories', 'ai.onnx.ml::OneHotEncoder', ['int64[n]'], { cats_int64s: [4, 5, 6] }, ['float32[n, 3]']],
  [
    'values',
    'ai.onnx.ml::LabelEncoder',
    ['string[n]'],
    { keys_strings: ['a'], values_floats: { kind: 'floats', value: [1] } },
    ['float32[n]'],
    2,
  ],
  ['features', 'ai.onnx.ml::FeatureVectorizer', ['float32[n, 2]', 'float32[n, 3]'], {}, ['float32[n, 5]']],
  ['columns', 'ai.onnx.ml::ArrayFeatureExtractor', ['float32[n, 9]', 'int64[2]'], {}, ['float32[n, 2]']],
  [
    'maps',
    'ai.onnx.ml::ZipMap',
    ['float32[n, 3]'],
    { classlabels_int64s: [0, 1, 2] },
    ['sequence of n × map'],
  ],
]);

describeCases('sequences and optionals', [
  [
    'of tensors',
    'SequenceConstruct',
    ['float32[2]', 'float32[n]'],
    {},
    ['sequence of float32[2], float32[n]'],
  ],
  ['of nothing', 'SequenceEmpty', [], { dtype: 7 }, ['sequence of nothing']],
  // ⌈7 / 3⌉ = 3 parts
  [
    'parts',
    'SplitToSequence',
    ['float32[7]', 'int64[]: 3'],
    {},
    ['sequence of float32[3], float32[3], float32[1]'],
  ],
  [
    'parts of sizes',
    'SplitToSequence',
    ['float32[n, 7]', 'int64[2]: 5 2'],
    { axis: 1 },
    ['sequence of float32[n, 5], float32[n, 2]'],
  ],
  [
    'one by one',
    'SplitToSequence',
    ['float32[n, 2]'],
    { axis: 0, keepdims: 0 },
    ['sequence of n × float32[2]'],
  ],
  ['given', 'Optional', ['float32[n]'], {}, ['optional of float32[n]']],
  ['present', 'OptionalHasElement', ['float32[n]'], {}, ['bool[]: 1']],
  ['absent', 'OptionalHasElement', [''], {}, ['bool[]: 0']],
  ['taken out', 'OptionalGetElement', ['float32[n]'], {}, ['float32[n]']],
]);

describeCases('what has no rule', [
  [
    'an unknown operator',
    'com.example::Magic',
    ['float32[n]'],
    {},
    ['unknown: no rule for com.example::Magic'],
  ],
  ['an input of unknown rank', 'Transpose', ['float32'], {}, ['float32']],
]);
