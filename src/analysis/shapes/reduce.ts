/** Reductions over axes. */
import { DataType } from '../../onnx/model.ts';
import { add, max, min, mul, unknown } from '../dim.ts';
import type { KnownContent } from '../inference.ts';
import type { Dim } from '../types.ts';
import { axesOf, withoutSome } from './reshape.ts';
import { normalizeAxis, ofUnknownRank, tensor } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';

/** The dims without those of `axes`, or with 1 in their place. */
export function reducedDims(dims: Dims, axes: ReadonlySet<number>, keep: boolean): Dims {
  return keep ? dims.map((d, i) => (axes.has(i) ? 1 : d)) : dims.filter((_, i) => !axes.has(i));
}

type Fold = (...elements: Dim[]) => Dim;

/** `axesSince`: the version from which axes are an input. */
function reduction(axesSince: number, fold?: Fold): Rule {
  return (c) => {
    const dims = c.dims(0);
    const keep = c.int('keepdims', 1) === 1;
    if (dims === undefined) return [ofUnknownRank(c.elem(0), 'input rank is not known')];
    const axes = axesOf(c, axesSince);
    if (axes === null) return [unknownAxes(c, dims, keep)];
    // Reduces over all of them unless told to do nothing; then the data itself comes out.
    const none = (axes?.length ?? 0) === 0;
    if (none && c.int('noop_with_empty_axes', 0) === 1) return [tensor(c.elem(0), dims)];
    const over = new Set(none ? dims.map((_, i) => i) : axes?.map((a) => normalizeAxis(a, dims.length)));
    const whole = over.size === dims.length && dims.length <= 1 && fold !== undefined;
    const content: KnownContent | undefined =
      whole && c.hasContent(0) ? folded(c.content(0), fold) : undefined;
    return [tensor(c.elem(0), reducedDims(dims, over, keep), content)];
  };
}

function folded(content: KnownContent | undefined, fold: Fold): KnownContent | undefined {
  return content && content.length > 0 ? [fold(...content)] : undefined;
}

function unknownAxes(c: RuleContext, dims: Dims, keep: boolean) {
  const count = c.dims(1)?.[0];
  if (keep)
    return tensor(
      c.elem(0),
      dims.map((d, i) => c.derived(0, `d${i}`, max(d, 1))),
    );
  return typeof count === 'number'
    ? tensor(c.elem(0), withoutSome(c, dims, count))
    : ofUnknownRank(c.elem(0), 'axes are computed at run time');
}

const argReduction: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [tensor(DataType.int64, unknown('input rank is not known'))];
  const axis = normalizeAxis(c.int('axis', 0), dims.length);
  return [tensor(DataType.int64, reducedDims(dims, new Set([axis]), c.int('keepdims', 1) === 1))];
};

export const reductions: RuleTable = {
  ...Object.fromEntries(
    ['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMean', 'ReduceSumSquare'].map((op) => [
      op,
      reduction(18),
    ]),
  ),
  ReduceMax: reduction(18, max),
  ReduceMin: reduction(18, min),
  ReduceProd: reduction(18, mul),
  ReduceSum: reduction(13, add),
  ArgMax: argReduction,
  ArgMin: argReduction,
};
