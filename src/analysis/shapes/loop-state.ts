/**
 * The values that a loop's body takes from its last iteration. The body is inferred until their types hold for every
 * iteration: a dim that an iteration changes becomes a derived symbol. Where it grows by the same amount each time,
 *
 *     y = Concat(y, x)   with x [3] and y [0] before the first of n iterations
 *
 * it is a formula after the last one: y [3·n].
 */
import { add, isUnknown, lowerBound, max, mul, sameDim, sub, unknown } from '../dim.ts';
import type { InferredType } from '../inference.ts';
import type { Dim } from '../types.ts';
import { lengthOf, mergeTypes } from './merge.ts';
import type { Holder } from './merge.ts';
import { sameType } from './reuse.ts';
import { dimsOf, isTensor } from './rule.ts';
import type { RuleContext, SubgraphResult, TensorType } from './rule.ts';

export interface LoopState {
  /** After the last iteration. */
  readonly last: readonly InferredType[];
  readonly iterations: Dim;
  readonly body: SubgraphResult;
}

interface LoopBody {
  /** All inputs of the body for a state. */
  readonly inputs: (state: readonly InferredType[]) => readonly InferredType[];
  /** Number of outputs before the state's. */
  readonly skip: number;
  /** From the outputs of the body. */
  readonly iterations: (outputs: readonly InferredType[]) => Dim;
}

/** Content gives way in the first pass, dims in the next, what they lead to in another; this is never reached. */
const maxPasses = 8;

/** Undefined where there is no body. */
export function settle(
  c: RuleContext,
  initial: readonly InferredType[],
  loop: LoopBody,
): LoopState | undefined {
  let during = initial;
  for (let pass = 0; ; pass++) {
    const body = c.subgraph('body', loop.inputs(during));
    if (body === undefined) return undefined;
    const after = during.map((_, i) => body.outputs[i + loop.skip] ?? unknown('the body does not give it'));
    const next = during.map((t, i) =>
      pass < maxPasses
        ? mergeTypes(t, after[i] ?? t, (place) => c.derived(i, place))
        : unknown('changes from iteration to iteration'),
    );
    if (next.every((t, i) => sameType(t, during[i]))) {
      const iterations = loop.iterations(body.outputs);
      const last = during.map((t, i) =>
        lastType({ c, output: i, iterations }, initial[i] ?? t, t, after[i] ?? t),
      );
      return { last, iterations, body };
    }
    during = next;
  }
}

interface Place {
  readonly c: RuleContext;
  readonly output: number;
  readonly iterations: Dim;
}

/** The type after the last iteration, of its types before the first one, before any one and after any one. */
function lastType(at: Place, initial: InferredType, during: InferredType, after: InferredType): InferredType {
  if (at.iterations === 0) return initial;
  if (isTensor(initial) && isTensor(during) && isTensor(after)) return lastTensor(at, initial, during, after);
  if (initial.kind === 'sequence' && during.kind === 'sequence' && after.kind === 'sequence')
    return lastSequence(at, initial, during, after);
  return during;
}

function lastTensor(at: Place, initial: TensorType, during: TensorType, after: TensorType): TensorType {
  const [from, before, to] = [initial, during, after].map((t) => dimsOf(t.shape));
  const shape = before?.map((d, axis) => lastDim(at, `d${axis}`, [from?.[axis] ?? d, d, to?.[axis] ?? d]));
  // What an iteration gives counts only where there is one.
  const { content, fill } = lowerBound(at.iterations) >= 1 ? after : during;
  const known = content?.map((d) => (at.c.isFree(d) ? d : unknown('changes from iteration to iteration')));
  return {
    kind: 'tensor',
    elemType: during.elemType || after.elemType,
    shape: shape ?? during.shape,
    content: known?.every(isUnknown) === true ? undefined : known,
    fill: fill !== undefined && at.c.isFree(fill) ? fill : undefined,
  };
}

function lastSequence(at: Place, initial: Holder, during: Holder, after: Holder): Holder {
  const [from, before, to] = [initial, during, after].map(lengthOf);
  if (from === undefined || before === undefined || to === undefined) return during;
  return { kind: 'sequence', elem: during.elem, length: lastDim(at, 'length', [from, before, to]) };
}

/** Of a dim before the first iteration, before any one and after any one. Also bounds the symbol that stands for it. */
function lastDim(
  { c, output, iterations }: Place,
  place: string,
  [from, before, to]: readonly [Dim, Dim, Dim],
): Dim {
  if (isUnknown(before) || sameDim(from, to)) return before;
  const growth = sub(to, before);
  if (!isUnknown(growth) && c.isFree(growth)) {
    const last = add(from, mul(growth, iterations));
    c.derived(output, place, lowerBound(growth) >= 0 ? last : from);
    return isUnknown(last) ? before : last;
  }
  if (!c.isFree(to)) return before;
  c.derived(output, place, max(from, to));
  return lowerBound(iterations) >= 1 ? to : before;
}
