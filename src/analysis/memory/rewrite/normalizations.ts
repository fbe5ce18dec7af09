/** Normalizations over the last axis, written out (layer_norm_fusion.cc). */
import { attributeInts } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import { dimsOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { fuse } from './fusions.ts';
import { isOp, isScalar, next, staticDims, withConstant } from './patterns.ts';

/** mean, x − mean, its square's mean, + ε, √, ÷, · scale, + bias. */
export function fuseLayerNormalization(editor: GraphEditor): void {
  for (const mean of editor.nodesOf('ReduceMean')) {
    if (!isOp(mean, 'ReduceMean') || !editor.has(mean)) continue;
    const members = layerNormalization(editor, mean);
    const [x] = mean.inputs;
    if (members === undefined || x === undefined) continue;
    const [scale, bias] = members.slice(-2).map((n) => withConstant(n)?.[1]);
    fuse(editor, members, { opType: 'LayerNormalization', domain: '', inputs: [x, scale, bias] });
  }
}

/** The square's mean, + ε, √, ÷, · scale, where it is not part of the above. */
export function fuseSimplifiedLayerNormalization(editor: GraphEditor): void {
  for (const pow of editor.nodesOf('Pow')) {
    if (!isOp(pow, 'Pow') || !editor.has(pow)) continue;
    const [x] = pow.inputs;
    const root = x && rootOfMeanSquare(editor, pow);
    const scaled = root && next(editor, root.div, 'Mul');
    const scale = scaled && vectorOf(scaled);
    if (!root || !scaled || !scale || root.div.inputs[0] !== x) continue;
    const as = { opType: 'SimplifiedLayerNormalization', domain: '', inputs: [x, scale] };
    fuse(editor, [...root.members, scaled], as);
  }
}

function layerNormalization(editor: GraphEditor, mean: Draft): Draft[] | undefined {
  const [x] = mean.inputs;
  const sub = next(editor, mean, 'Sub');
  if (sub === undefined || sub.inputs[0] !== x || !isOfLastAxis(mean)) return undefined;
  const readers = editor.readersOf(sub.outputs[0]);
  const pow = readers.find((n) => isOp(n, 'Pow'));
  const root = pow && readers.length === 2 ? rootOfMeanSquare(editor, pow) : undefined;
  if (root === undefined || root.div.inputs[0] !== sub.outputs[0]) return undefined;
  const scaled = next(editor, root.div, 'Mul');
  const biased = scaled && next(editor, scaled, 'Add');
  if (scaled === undefined || biased === undefined || !withConstant(scaled) || !withConstant(biased))
    return undefined;
  return vectorOf(scaled) && vectorOf(biased) ? [mean, sub, ...root.members, scaled, biased] : undefined;
}

/** From a square on: its mean, + ε, √ and the division by that. */
function rootOfMeanSquare(editor: GraphEditor, pow: Draft): { members: Draft[]; div: Draft } | undefined {
  if (!isScalar(pow.inputs[1], 2)) return undefined;
  const mean = next(editor, pow, 'ReduceMean');
  const add = mean && next(editor, mean, 'Add');
  const sqrt = add && next(editor, add, 'Sqrt');
  const div = sqrt && next(editor, sqrt, 'Div');
  if (!mean || !add || !sqrt || !div || sqrt.outputs[0] !== div.inputs[1]) return undefined;
  if (!isOfLastAxis(mean)) return undefined;
  return { members: [pow, mean, add, sqrt, div], div };
}

function isOfLastAxis(n: Draft): boolean {
  const type = n.inputs[1]?.type;
  const axes = attributeInts(n.node, 'axes') ?? (type?.kind === 'tensor' ? type.content : undefined);
  if (axes?.length !== 1) return false;
  const rank = dimsOfValue(n.inputs[0])?.length;
  return axes[0] === -1 || (rank !== undefined && axes[0] === rank - 1);
}

/** The input of one dim. */
function vectorOf(n: Draft): Value | undefined {
  return n.inputs.find((v) => staticDims(v)?.length === 1);
}
