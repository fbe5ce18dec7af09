/** Which enlargements the kernel for blocks of channels takes (nchwc_transformer.cc, TransformResize). */
import { attributeString } from '../../../../onnx/model.ts';
import { isUnknown } from '../../../dim.ts';
import type { KnownDims } from '../../known-dims.ts';
import type { Draft } from '../../runtime.ts';
import type { Value } from '../../values.ts';
import { isConstant } from '../patterns.ts';

const linearModes = new Set(['asymmetric', 'align_corners', 'half_pixel']);

/** By a whole number of times, height and width only, in a mode that the kernel knows. */
export function isBlockedUpsample(n: Draft, known: KnownDims): boolean {
  if (!hasKnownMode(n)) return false;
  const scales = n.inputs.length === 4 ? scalesOfSizes(n, known) : contentOf(n.inputs.at(-1));
  if (scales?.length !== 4) return false;
  const [batch, channels, ...spatial] = scales;
  return batch === 1 && channels === 1 && spatial.every((s) => Number.isInteger(s) && s > 0);
}

function hasKnownMode(n: Draft): boolean {
  const mode = attributeString(n.node, 'mode') ?? 'nearest';
  // Upsample, and Resize before opset 11, have no other modes
  if (n.inputs.length < 3) return mode === 'nearest' || mode === 'linear';
  const transformation = attributeString(n.node, 'coordinate_transformation_mode') ?? 'half_pixel';
  if (mode === 'nearest')
    return transformation === 'asymmetric' && attributeString(n.node, 'nearest_mode') === 'floor';
  return mode === 'linear' && linearModes.has(transformation);
}

function scalesOfSizes(n: Draft, known: KnownDims): number[] | undefined {
  const sizes = contentOf(n.inputs[3]);
  const dims = n.inputs[0] && known.get(n.inputs[0]);
  return sizes?.map((size, i) => {
    const from = dims?.[i];
    return typeof from === 'number' ? size / from : NaN;
  });
}

function contentOf(v: Value | undefined): readonly number[] | undefined {
  if (!isConstant(v) || v.type.kind !== 'tensor' || isUnknown(v.type.shape)) return undefined;
  const { content } = v.type;
  return content?.every((c) => typeof c === 'number') ? content : undefined;
}
