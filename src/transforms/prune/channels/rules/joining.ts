/** Operators that put dims together from parts, or take parts of them: Concat, Split, Slice, Pad, Gather, Shape. */
import { attributeInt, attributeInts, type Node } from '../../../../onnx/model.ts';
import { intsAttribute } from '../../../graph/nodes.ts';
import { FIXED, isTracked, type Axis } from '../axis.ts';
import { pickedIndices } from '../picked-indices.ts';
import { Refusal, type Rule, type RuleContext, type RuleTable } from '../rule.ts';

function axisOf(c: RuleContext, rank: number, fallback = 0): number {
  const axis = attributeInt(c.node, 'axis', fallback);
  return axis < 0 ? axis + rank : axis;
}

const concat: Rule = (c) => {
  const inputs = c.node.inputs.map((_, i) => i);
  const rank = c.outDims(0).length;
  const axis = axisOf(c, rank);
  return [
    Array.from({ length: rank }, (_, k) => {
      const parts = inputs.map((i) => c.axes(i)[k] ?? FIXED);
      if (k !== axis) return { ...c.join(parts), zero: parts.every((p) => p.zero) };
      return joined(
        c,
        parts,
        inputs.map((i) => c.dims(i)[k]),
      );
    }),
  ];
};

/** Parts that must stay have atoms of their own, which are blocked. */
function joined(c: RuleContext, parts: readonly Axis[], sizes: readonly unknown[]): Axis {
  if (!parts.some(isTracked)) return parts.find((p) => p.why !== undefined) ?? FIXED;
  if (parts.length === 1) return parts[0] ?? FIXED;
  if (!sizes.every((s) => typeof s === 'number')) {
    for (const part of parts) c.block(part, 'puts it beside a part whose size is not static');
    return c.stays('a part of it has no static size');
  }
  const atoms = parts.flatMap((part, i) => {
    if (isTracked(part)) return [...part.atoms];
    const stays = c.fresh(sizes[i] as number);
    c.block({ atoms: stays, zero: false, why: part.why }, 'is a part that must stay');
    return [...stays];
  });
  return {
    atoms: c.register(Int32Array.from(atoms)),
    zero: parts.every((p) => !isTracked(p) || p.zero),
    ...(parts.every((p) => p.isFill === true) ? { isFill: true } : {}),
  };
}

const split: Rule = (c) => {
  const axes = c.axes(0);
  const axis = axisOf(c, axes.length);
  const shared = axes[axis] ?? FIXED;
  const sizes = c.node.outputs.map((name, o) => (name === '' ? 0 : c.outDims(o)[axis]));
  const computed = c.sizesIn(1);
  if (!isTracked(shared) && computed.length === 0) return c.node.outputs.map(() => axes);
  if (!sizes.every((s) => typeof s === 'number')) {
    blockSizes(c, computed);
    throw new Refusal('the size of a part is not static');
  }
  let from = 0;
  const parts = sizes.map((size) =>
    isTracked(shared) ? c.register(shared.atoms.subarray(from, (from += size))) : undefined,
  );
  c.rewrite([...parts.filter((p) => p !== undefined), ...computed], (node, w) => {
    const left = parts.map((p, o) => (p === undefined ? (sizes[o] ?? 0) : w.count(p)));
    if (c.version < 13) {
      const attributes = new Map(node.attributes).set('split', intsAttribute('split', left));
      return [{ ...node, attributes, range: undefined }];
    }
    const attributes = new Map([...node.attributes].filter(([name]) => name !== 'num_outputs'));
    return [{ ...node, inputs: [node.inputs[0] ?? '', w.ints(left, 'split')], attributes, range: undefined }];
  });
  return parts.map((atoms) => axes.map((a, k) => (k === axis && atoms ? { ...shared, atoms } : a)));
};

/** Sizes of `arrays` decide where the node cuts, and it is not known where that is. */
function blockSizes(c: RuleContext, arrays: readonly Int32Array[]): void {
  for (const atoms of arrays) c.block({ atoms, zero: false }, 'computes with its size');
}

interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

const slice: Rule = (c) => {
  const [axes, dims] = [c.axes(0), c.dims(0)];
  const isInput = c.version >= 10;
  const list = (input: number, name: string) =>
    isInput ? (c.has(input) ? c.ints(input, name) : undefined) : attributeInts(c.node, name);
  const named = isInput ? (c.has(3) ? c.ints(3, 'axes') : undefined) : attributeInts(c.node, 'axes');
  const starts = isInput ? c.content(1) : attributeInts(c.node, 'starts');
  const count = starts?.length ?? 0;
  const order = (named ?? Array.from({ length: count }, (_, i) => i)).map((a) =>
    a < 0 ? a + axes.length : a,
  );
  // a half of the channels, say, worked out of their number
  const computed = isInput ? [...c.sizesIn(1), ...c.sizesIn(2)] : [];
  const isUnknown = isInput && [1, 2].some((i) => c.content(i)?.every((d) => typeof d === 'number') !== true);
  if (isUnknown) blockSizes(c, computed);
  if (starts === undefined && named === undefined) throw new Refusal('its starts are computed');
  if (!order.some((a) => isTracked(axes[a])) && (isUnknown || computed.length === 0))
    return [axes.map((a, k) => (order.includes(k) ? cutFixed(a) : a))];
  const [begin, end] = [list(1, 'starts') ?? [], list(2, 'ends') ?? []];
  const steps = isInput ? list(4, 'steps') : undefined;
  const cuts = order.map((axis, i): Cut => {
    const [size, from, to, step] = [dims[axis], begin[i] ?? 0, end[i] ?? MAX_DIM, steps?.[i] ?? 1];
    if (typeof size !== 'number' || !isTracked(axes[axis]))
      return { axis, start: bounded(from), end: bounded(to), step };
    const at = (v: number) => Math.min(size, Math.max(0, v < 0 ? v + size : v));
    return { axis, start: at(from), end: at(to), step };
  });
  return [sliceAxes(c, axes, cuts, isInput, computed)];
};

const MAX_DIM = 2 ** 31 - 1;

/** "To the end", as int64's largest, without what a float64 makes of it. */
function bounded(v: number): number {
  return Math.min(MAX_DIM, Math.max(-MAX_DIM, v));
}

function cutFixed(axis: Axis): Axis {
  return isTracked(axis) ? axis : { ...axis, factor: undefined };
}

/** @param computed dims whose sizes decide where it cuts */
function sliceAxes(
  c: RuleContext,
  axes: readonly Axis[],
  cuts: readonly Cut[],
  isInput: boolean,
  computed: readonly Int32Array[],
): Axis[] {
  const result = [...axes];
  const moves = cuts.map(({ axis, start, end, step }) => {
    const own = axes[axis];
    if (!isTracked(own)) {
      if (own !== undefined) result[axis] = cutFixed(own);
      return undefined;
    }
    if (step !== 1) {
      c.block(own, 'takes every other index of it');
      result[axis] = c.stays('takes every other index of it');
      return undefined;
    }
    const atoms = c.register(own.atoms.subarray(start, end));
    result[axis] = { ...own, atoms };
    return { before: c.register(own.atoms.subarray(0, start)), atoms, original: { start, end } };
  });
  const changing = [...moves.flatMap((m) => (m === undefined ? [] : [m.before, m.atoms])), ...computed];
  c.rewrite(changing, (node, w) => {
    const starts = cuts.map((cut, i) => {
      const move = moves[i];
      return move === undefined ? cut.start : w.count(move.before);
    });
    const ends = cuts.map((cut, i) => {
      const move = moves[i];
      return move === undefined ? cut.end : w.count(move.before) + w.count(move.atoms);
    });
    return [withCuts(node, starts, ends, isInput, w.ints.bind(w))];
  });
  return result;
}

function withCuts(
  node: Node,
  starts: readonly number[],
  ends: readonly number[],
  isInput: boolean,
  ints: (values: readonly number[], suffix: string) => string,
): Node {
  if (!isInput) {
    const attributes = new Map(node.attributes)
      .set('starts', intsAttribute('starts', starts))
      .set('ends', intsAttribute('ends', ends));
    return { ...node, attributes, range: undefined };
  }
  const [data = '', , , ...rest] = node.inputs;
  return { ...node, inputs: [data, ints(starts, 'starts'), ints(ends, 'ends'), ...rest], range: undefined };
}

/** Indices that padding adds stay; those of the tensor can go where padding only repeats a constant. */
const pad: Rule = (c) => {
  const axes = c.axes(0);
  const rank = axes.length;
  const amounts = attributeInts(c.node, 'pads') ?? c.ints(1, 'pads');
  const named = c.has(3) ? c.ints(3, 'axes').map((a) => (a < 0 ? a + rank : a)) : axes.map((_, k) => k);
  const half = amounts.length / 2;
  const result = [...axes];
  named.forEach((k, i) => {
    const [before, after] = [amounts[i] ?? 0, amounts[i + half] ?? 0];
    const axis = axes[k] ?? FIXED;
    if (before === 0 && after === 0) return;
    const mode = c.node.attributes.get('mode');
    const isConstant = mode?.kind !== 'string' || new TextDecoder().decode(mode.value) === 'constant';
    if (!isTracked(axis) || !isConstant || before < 0 || after < 0) {
      c.block(axis, 'pads it with its own values');
      result[k] = c.stays('pads it');
      return;
    }
    const edges = [before, after].map((n) => c.fresh(n));
    for (const atoms of edges) c.block({ atoms, zero: false }, 'adds indices that must stay');
    const [front = [], back = []] = edges;
    result[k] = { ...axis, atoms: c.register(Int32Array.from([...front, ...axis.atoms, ...back])) };
  });
  return [result];
};

/** Picks indices of one dim; a list that is known can be renumbered. */
const gather: Rule = (c) => {
  const [axes, indexAxes] = [c.axes(0), c.axes(1)];
  const axis = axisOf(c, axes.length);
  const picked = axes[axis] ?? FIXED;
  const content = c.content(1);
  const isList = indexAxes.length === 1 && c.isConstant(1) && content?.every((d) => typeof d === 'number');
  let made = indexAxes.map((a): Axis => ({ ...a, zero: false }));
  if (isTracked(picked) && isList === true && content.length > 1) {
    made = [renumbered(c, picked.atoms, content, picked.zero)];
  } else {
    c.block(picked, 'picks indices of it');
  }
  return [[...axes.slice(0, axis), ...made, ...axes.slice(axis + 1)]];
};

function renumbered(c: RuleContext, atoms: Int32Array, indices: readonly number[], zero: boolean): Axis {
  const from = indices.map((i) => (i < 0 ? i + atoms.length : i));
  const out = c.register(Int32Array.from(from, (i) => atoms[i] ?? 0));
  c.rewrite([atoms, out], (node, w) => [
    { ...node, inputs: [node.inputs[0] ?? '', pickedIndices(w, atoms, from, out)], range: undefined },
  ]);
  return { atoms: out, zero };
}

/** What it gives is followed in `sizes.ts`. */
const shape: Rule = () => [[FIXED]];
const size: Rule = () => [[]];

export const joiningRules: RuleTable = {
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  Shape: shape,
  Size: size,
};
