/** ai.onnx.ml: classical models. X is [N, features], or [features] for N = 1. */
import { DataType } from '../../onnx/model.ts';
import { add, isUnknown, unknown } from '../dim.ts';
import type { InferredType } from '../inference.ts';
import type { Dim } from '../types.ts';
import { sameAs, sameShape, tensor, withDim } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';

const rankUnknown = unknown('input rank is not known');

/** N of [N, features]; 1 of a vector. */
function rowsOf(c: RuleContext): Dim {
  const dims = c.dims(0);
  return dims === undefined ? rankUnknown : dims.length >= 2 ? (dims[0] ?? 1) : 1;
}

function labels(
  c: RuleContext,
  ints: string,
  strings: string,
): { elemType: number; count: number } | undefined {
  const [numbers, texts] = [c.ints(ints), c.strings(strings)];
  if (texts !== undefined && texts.length > 0) return { elemType: DataType.string, count: texts.length };
  return numbers === undefined ? undefined : { elemType: DataType.int64, count: numbers.length };
}

/** The class of each row [N], and scores [N, classes]. */
function classifier(ints: string, strings: string, count: (c: RuleContext, classes: number) => Dim): Rule {
  return (c) => {
    const of = labels(c, ints, strings);
    const rows = rowsOf(c);
    return [
      tensor(of?.elemType ?? DataType.int64, [rows]),
      tensor(DataType.float, [rows, count(c, of?.count ?? 0)]),
    ];
  };
}

/** One score for each class; of two classes with one intercept, a second is made up. */
const linearScores = (c: RuleContext, classes: number): Dim =>
  classes > 0 ? classes : (c.floats('intercepts')?.length ?? unknown('number of classes is not given'));

const treeScores = (_c: RuleContext, classes: number): Dim =>
  classes || unknown('number of classes is not given');

/** With probabilities one a class, without one for each pair of classes; of two classes, two either way. */
const svmScores = (c: RuleContext, classes: number): Dim => {
  const pairs = (classes * (classes - 1)) / 2;
  return (c.floats('prob_a')?.length ?? 0) > 0 || classes <= 2 || !c.ints('vectors_per_class')?.length
    ? classes
    : pairs;
};

/** [N, targets] */
function regressor(targets: (c: RuleContext) => Dim): Rule {
  return (c) => [tensor(DataType.float, [rowsOf(c), targets(c)])];
}

/** The columns of the last axis that the indices name. A vector comes out as one row. */
const arrayFeatureExtractor: Rule = (c) => {
  const [dims, indices] = [c.dims(0), c.dims(1)];
  if (dims === undefined) return [tensor(c.elem(0), rankUnknown)];
  const count = indices?.at(-1) ?? (indices ? 1 : rankUnknown);
  return [tensor(c.elem(0), dims.length === 1 ? [1, count] : withDim(dims, dims.length - 1, count))];
};

const categoryMapper: Rule = (c) => [
  tensor(c.elem(0) === DataType.string ? DataType.int64 : DataType.string, c.shape(0)),
];

/** The type of what `values_…` holds. */
const labelEncoder: Rule = (c) => {
  const of: readonly (readonly [string, number])[] = [
    ['values_int64s', DataType.int64],
    ['values_floats', DataType.float],
    ['values_strings', DataType.string],
  ];
  const listed = of.find(([name]) => c.hasAttribute(name))?.[1];
  // Opset 1 maps strings to their places in `classes_strings`, and back.
  const first = c.elem(0) === DataType.string ? DataType.int64 : DataType.string;
  return [tensor(c.tensorAttribute('values_tensor')?.dataType ?? listed ?? first, c.shape(0))];
};

/** One axis more, a place for each category. */
const oneHotEncoder: Rule = (c) => {
  const categories = c.ints('cats_int64s')?.length ?? c.strings('cats_strings')?.length;
  const dims = c.dims(0);
  const size = categories ?? unknown('categories are not given');
  return [tensor(DataType.float, dims ? [...dims, size] : rankUnknown)];
};

/** The features of all inputs side by side: [N, sum]. */
const featureVectorizer: Rule = (c) => {
  const sizes = c.ints('inputdimensions');
  const counted = Array.from({ length: c.inputCount }, (_, i): Dim => {
    const dims = c.dims(i);
    return dims === undefined ? rankUnknown : (dims.at(-1) ?? 1);
  });
  const sum = sizes ? sizes.reduce((a, b) => a + b, 0) : add(...counted);
  return [tensor(DataType.float, [rowsOf(c), sum])];
};

const castTypes: Readonly<Record<string, number>> = {
  TO_FLOAT: DataType.float,
  TO_STRING: DataType.string,
  TO_INT64: DataType.int64,
};

/** [1, entries]; with a sparse map, as many as it may have. */
const castMap: Rule = (c) => {
  const most = c.int('max_map', 1);
  const size = c.text('map_form', 'DENSE') === 'SPARSE' ? most : c.derived(0, 'd1');
  return [tensor(castTypes[c.text('cast_to', 'TO_FLOAT')] ?? DataType.float, [1, size])];
};

/** [1, vocabulary] */
const dictVectorizer: Rule = (c) => {
  const size = c.ints('int64_vocabulary')?.length ?? c.strings('string_vocabulary')?.length;
  return [tensor(DataType.float, [1, size ?? unknown('vocabulary is not given')])];
};

/** A map of each row. */
const zipMap: Rule = (c) => {
  const rows = rowsOf(c);
  const map: InferredType = { kind: 'map' };
  return [{ kind: 'sequence', elem: map, length: isUnknown(rows) ? undefined : rows }];
};

const targets = (c: RuleContext): Dim => c.int('n_targets', 1);

/** [N, targets], of X's type. */
const treeEnsemble: Rule = (c) => {
  const shape: Dims = [rowsOf(c), targets(c)];
  return [tensor(c.elem(0), shape)];
};

export const classicalModels: RuleTable = {
  ArrayFeatureExtractor: arrayFeatureExtractor,
  Binarizer: sameAs(0),
  CastMap: castMap,
  CategoryMapper: categoryMapper,
  DictVectorizer: dictVectorizer,
  FeatureVectorizer: featureVectorizer,
  Imputer: sameAs(0),
  LabelEncoder: labelEncoder,
  LinearClassifier: classifier('classlabels_ints', 'classlabels_strings', linearScores),
  LinearRegressor: regressor((c) => c.int('targets', 1)),
  Normalizer: sameShape(DataType.float),
  OneHotEncoder: oneHotEncoder,
  SVMClassifier: classifier('classlabels_ints', 'classlabels_strings', svmScores),
  SVMRegressor: regressor(() => 1),
  Scaler: sameShape(DataType.float),
  TreeEnsemble: treeEnsemble,
  TreeEnsembleClassifier: classifier('classlabels_int64s', 'classlabels_strings', treeScores),
  TreeEnsembleRegressor: regressor(targets),
  ZipMap: zipMap,
};
