/** Strings. */
import { DataType } from '../../onnx/model.ts';
import { unknown } from '../dim.ts';
import { ofUnknownRank, sameShape, tensor, withDim } from './rule.ts';
import type { Rule, RuleTable } from './rule.ts';

/** [C] or [1, C] → the words that are not stop words, at least one (an empty one where none is left). */
const stringNormalizer: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [ofUnknownRank(DataType.string, 'input rank is not known')];
  const last = dims.length - 1;
  const all = dims[last] ?? 1;
  const kept = c.strings('stopwords') === undefined ? all : c.derived(0, `d${last}`, all);
  return [tensor(DataType.string, withDim(dims, last, kept))];
};

/** The parts of each string along a new last axis, filled up to the most of them; and their numbers. */
const stringSplit: Rule = (c) => {
  const dims = c.dims(0);
  const most = c.int('maxsplit');
  return [
    tensor(
      DataType.string,
      dims
        ? [...dims, c.derived(0, `d${dims.length}`, most === undefined ? undefined : most + 1)]
        : c.shape(0),
    ),
    tensor(DataType.int64, c.shape(0)),
  ];
};

/** [C] → [n-grams], [N, C] → [N, n-grams]: as many as the greatest of `ngram_indexes` says. */
const tfIdfVectorizer: Rule = (c) => {
  const dims = c.dims(0);
  const indices = c.ints('ngram_indexes');
  const size = indices
    ? indices.reduce((m, i) => Math.max(m, i), -1) + 1
    : unknown('ngram_indexes are not given');
  return [tensor(DataType.float, dims ? [...dims.slice(0, -1), size] : c.shape(0))];
};

export const texts: RuleTable = {
  StringNormalizer: stringNormalizer,
  StringSplit: stringSplit,
  RegexFullMatch: sameShape(DataType.bool),
  TfIdfVectorizer: tfIdfVectorizer,
};
