/** Reductions, and what looks along one dim. */
import { attributeInt, DataType } from '../../../../onnx/model.ts';
import { makeNode } from '../../../graph/nodes.ts';
import { FIXED, isTracked, type Axis } from '../axis.ts';
import { withZero } from '../axis.ts';
import type { Rule, RuleContext, RuleTable } from '../rule.ts';
import { givenAxes } from './layout.ts';

/** @param keepsSum an index that holds zero can leave without changing the result */
const reduce =
  (keepsSum: boolean): Rule =>
  (c) => {
    const axes = c.axes(0);
    const given = givenAxes(c, axes.length) ?? [];
    const isNoop = given.length === 0 && attributeInt(c.node, 'noop_with_empty_axes', 0) !== 0;
    const gone = new Set(given.length === 0 && !isNoop ? axes.map((_, i) => i) : given);
    const keepsDims = attributeInt(c.node, 'keepdims', 1) !== 0;
    return [
      axes.flatMap((axis, k) => {
        if (!gone.has(k)) return [axis];
        reduceOver(c, axis, keepsSum);
        return keepsDims ? [FIXED] : [];
      }),
    ];
  };

function reduceOver(c: RuleContext, axis: Axis, keepsSum: boolean): void {
  if (!isTracked(axis)) return;
  if (!keepsSum) c.block(axis, 'reduces over it');
  else if (!axis.zero) c.block(axis, 'sums over values that are not zero');
}

/**
 * A mean over n indices of which m stay and the others hold zero is m/n of the mean over m. Where it is only taken from
 * what it is the mean of, it stays the mean over m: what goes holds zero then as before, which is nearly the same.
 */
const mean: Rule = (c) => {
  const axes = c.axes(0);
  const given = givenAxes(c, axes.length) ?? [];
  const over = axes.filter((_, k) => given.length === 0 || given.includes(k));
  const [type, mine] = [c.elemType(0), over.filter(isTracked)];
  const result = reduce(true)(c);
  if (c.isSubtracted) {
    for (const axis of mine) c.approximates(axis, 'takes the mean over those that stay');
    return result;
  }
  const atoms = mine.map((a) => a.atoms);
  c.rewrite(atoms, (node, w) => {
    const share = atoms.reduce((product, a) => (product * w.count(a)) / a.length, 1);
    const [output = ''] = node.outputs;
    const unscaled = w.value('unscaled');
    const factor = w.float(share, type ?? DataType.float, 'share');
    const scaled = makeNode('Mul', [unscaled, factor], [output], `${c.id}_share`);
    return [{ ...node, outputs: [unscaled], range: undefined }, scaled];
  });
  return result;
};

/** Reductions of zeros that do not give zero. */
const reduceNotZero =
  (keepsSum: boolean): Rule =>
  (c) =>
    reduce(keepsSum)(c).map((axes) => axes.map((a) => withZero(a, false)));

const arg: Rule = (c) => {
  const axes = c.axes(0);
  const axis = attributeInt(c.node, 'axis', 0);
  const at = axis < 0 ? axis + axes.length : axis;
  c.block(axes[at], 'looks for a place in it');
  const keepsDims = attributeInt(c.node, 'keepdims', 1) !== 0;
  return [axes.flatMap((a, k) => (k === at ? (keepsDims ? [FIXED] : []) : [withZero(a, false)]))];
};

/** The order along one axis matters; the others pass. */
const along =
  (fallback: number): Rule =>
  (c) => {
    const axes = c.axes(0);
    const axis =
      c.node.opType === 'CumSum' ? (c.ints(1, 'axis')[0] ?? 0) : attributeInt(c.node, 'axis', fallback);
    const at = axis < 0 ? axis + axes.length : axis;
    const result = axes.map((a, k) => {
      if (k !== at) return a;
      c.block(a, 'the order along it matters');
      return c.stays('the order along it matters');
    });
    return c.node.outputs.map(() => result);
  };

export const reduceRules: RuleTable = {
  ReduceSum: reduce(true),
  ReduceL1: reduce(true),
  ReduceL2: reduce(true),
  ReduceSumSquare: reduce(true),
  ReduceMean: mean,
  ReduceMax: reduce(false),
  ReduceMin: reduce(false),
  ReduceProd: reduce(false),
  ReduceLogSum: reduceNotZero(false),
  ReduceLogSumExp: reduceNotZero(false),
  ArgMax: arg,
  ArgMin: arg,
  CumSum: along(0),
  TopK: along(-1),
};
