/** The patches under a Conv's kernel, as its attributes say: what its weight [M, C / groups, …kernel] is multiplied by. */
import type { GramTarget } from '../../analysis/index.ts';
import { attributeInt, attributeInts, attributeString, type Node, type TensorRef } from '../../onnx/model.ts';

type Patches = Extract<GramTarget, { kind: 'patches' }>;

export function convPatches(node: Node, { dims }: TensorRef): Patches {
  const kernel = dims.slice(2);
  return {
    kind: 'patches',
    kernel,
    strides: attributeInts(node, 'strides') ?? kernel.map(() => 1),
    dilations: attributeInts(node, 'dilations') ?? kernel.map(() => 1),
    pads: padsOf(node, kernel),
    groups: attributeInt(node, 'group', 1),
  };
}

function padsOf(node: Node, kernel: readonly number[]): Patches['pads'] {
  const autoPad = attributeString(node, 'auto_pad');
  if (autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER') return autoPad;
  const given = autoPad === 'VALID' ? undefined : attributeInts(node, 'pads');
  return given ?? [...kernel, ...kernel].map(() => 0);
}
