/**
 * Copies of shared constants that come out alike are one constant again: those that stay whole keep the original, and
 * so do those that shrink where all of them lose the same channels; others get tensors of their own.
 */
import type { Node, TensorRef } from '../../../onnx/model.ts';
import { isTracked } from './axis.ts';
import type { ChannelPlan } from './plan.ts';
import type { Repairs } from './repair/repair.ts';
import type { Rewritten } from './rewrite.ts';
import type { Unshared } from './unshare.ts';

export interface Settled extends Rewritten {
  /** By name of a copy: the constant that takes its place. */
  readonly names: ReadonlyMap<string, string>;
}

/** @returns `rewritten` in terms of the model that `unshared` was made of: its nodes, its constants */
export function settle(
  rewritten: Rewritten,
  { sources, given }: Unshared,
  plan: ChannelPlan,
  repaired: Repairs,
  unique: (base: string) => string,
): Settled {
  const names = new Map<string, string>();
  const readAs = new Map(
    [...given].flatMap(([node, before]) =>
      node.inputs.map((copy, i) => [copy, before.inputs[i] ?? copy] as const),
    ),
  );
  const tensors = new Map([...rewritten.tensors].filter(([name]) => !sources.has(name)));
  const added: TensorRef[] = [...rewritten.added];
  for (const [source, kinds] of kindsOf(sources, plan, repaired)) {
    for (const [kind, copies] of kinds) {
      const tensor = rewritten.tensors.get(copies[0] ?? '');
      const name = kind === WHOLE || kinds.size === 1 ? source : unique(source);
      // what stays whole is read as before, through an Identity as well; what shrinks is not, as that keeps its shape
      for (const copy of copies) names.set(copy, kind === WHOLE ? (readAs.get(copy) ?? name) : name);
      if (tensor === undefined) continue;
      if (name === source) tensors.set(name, { ...tensor, name });
      else added.push({ ...tensor, name });
    }
  }
  const nodes = new Map<Node, readonly Node[]>();
  const settled = (node: Node): Node => ({
    ...node,
    inputs: node.inputs.map((name) => names.get(name) ?? name),
    range: undefined,
  });
  for (const [node, changed] of rewritten.nodes) nodes.set(given.get(node) ?? node, changed.map(settled));
  for (const [node, before] of given) {
    const isMoved = settled(node).inputs.some((name, i) => name !== before.inputs[i]);
    if (isMoved && !rewritten.nodes.has(node)) nodes.set(before, [settled(node)]);
  }
  return { ...rewritten, nodes, tensors, added, names };
}

const WHOLE = '';

/** By constant: its copies, by what is left of them. */
function kindsOf(
  sources: ReadonlyMap<string, string>,
  plan: ChannelPlan,
  repaired: Repairs,
): Map<string, Map<string, string[]>> {
  const found = new Map<string, Map<string, string[]>>();
  for (const [copy, source] of sources) {
    const kinds = found.get(source) ?? new Map<string, string[]>();
    found.set(source, kinds);
    const kind = repaired.tensors.has(copy) ? copy : kindOf(copy, plan);
    kinds.set(kind, [...(kinds.get(kind) ?? []), copy]);
  }
  return found;
}

function kindOf(copy: string, plan: ChannelPlan): string {
  const { classes, valueAxes, scaled } = plan.trace;
  const touched = (valueAxes.get(copy) ?? []).filter(isTracked).filter((a) => plan.isTouched(a.atoms));
  const kind = touched.map(({ atoms }) => Array.from(atoms, (a) => classes.find(a)).join(' ')).join('\n');
  return kind !== WHOLE && scaled.has(copy) ? `${kind} scaled` : kind;
}
