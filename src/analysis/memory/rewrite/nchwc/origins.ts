/** What ONNX Runtime can tell of sizes while it puts images in blocks: where each comes from. */
import { attributeInts, attributeString } from '../../../../onnx/model.ts';
import type { Draft } from '../../runtime.ts';
import type { Value } from '../../values.ts';

/** A size by what it comes from: the same root, halved as often. */
export interface Origin {
  readonly root: Value;
  readonly halvings: number;
}

/** Of a value of which nothing is known: its sizes are its own. */
export function ownOrigins(root: Value): readonly Origin[] {
  const own: Origin = { root, halvings: 0 };
  return [own, own, own, own];
}

export function isSameOrigin(a: Origin | undefined, b: Origin | undefined): boolean {
  return a !== undefined && a.root === b?.root && a.halvings === b.halvings;
}

/** After a window slides over the image: the batch is kept, and a size where padding makes up for the kernel. */
export function slidOrigins(
  n: Draft,
  made: Value,
  kernel: readonly number[],
  origins: readonly Origin[],
): readonly Origin[] {
  const own: Origin = { root: made, halvings: 0 };
  const strides = attributeInts(n.node, 'strides') ?? [1, 1];
  const pads = attributeInts(n.node, 'pads') ?? [0, 0, 0, 0];
  const isSame = attributeString(n.node, 'auto_pad')?.startsWith('SAME') === true;
  const dilated = (attributeInts(n.node, 'dilations') ?? []).some((d) => d !== 1);
  const spatial = [0, 1].map((i) => {
    const from = origins[i + 2];
    const isKept = isSame || (pads[i] ?? 0) + (pads[i + 2] ?? 0) + 1 === kernel[i];
    const halvings = Math.log2(strides[i] ?? 1);
    if (from === undefined || !isKept || dilated || !Number.isInteger(halvings)) return own;
    return { root: from.root, halvings: from.halvings + halvings };
  });
  return [origins[0] ?? own, own, ...spatial];
}
