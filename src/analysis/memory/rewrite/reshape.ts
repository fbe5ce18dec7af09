/**
 * A Reshape whose shape is put together as it runs: constant, where all but one of its sizes are constants or sizes of
 * the data at the same place (reshape_fusion.cc).
 */
import { attributeInt } from '../../../onnx/model.ts';
import type { KnownDims } from '../known-dims.ts';
import type { Draft } from '../runtime.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { asOp, isConstant, isOp, removeUnused, scalarOf, staticDims } from './patterns.ts';
import { axesOf, contentOf, vector } from './transpose/axes.ts';

/** Copied from the data. */
const sameSize = 0;
/** What is left; one size at most. */
const restSize = -1;

export function fuseReshapes(editor: GraphEditor, known: KnownDims): void {
  for (const reshape of editor.nodesOf('Reshape')) {
    const concat = concatenated(editor, reshape);
    const shape = concat && fusedShape(editor, reshape, concat, known);
    if (concat === undefined || shape === undefined) continue;
    const parents = concat.inputs.map((v) => editor.maker(v));
    const inputs = [reshape.inputs[0], vector(editor, concat.outputs[0]?.name ?? '', shape)];
    editor.change(reshape, { inputs: [...inputs, ...reshape.inputs.slice(2)] });
    editor.remove(concat);
    for (const parent of parents) removeUnused(editor, parent);
  }
}

/** Whether what is known of sizes decides over a Reshape: mostly all is seen of how its shape is put together. */
export function asksForSizes(editor: GraphEditor, n: Draft): boolean {
  const concat = concatenated(editor, n);
  let isAsked = false;
  const asked = () => {
    isAsked = true;
    return undefined;
  };
  if (concat !== undefined) fusedShape(editor, n, concat, { get: asked });
  return isAsked;
}

/** A Concat that only this Reshape reads. */
function concatenated(editor: GraphEditor, n: Draft): Draft | undefined {
  const concat = isOp(n, 'Reshape') ? asOp(editor.maker(n.inputs[1]), 'Concat') : undefined;
  return concat && editor.soleReader(concat.outputs[0]) === n ? concat : undefined;
}

function fusedShape(
  editor: GraphEditor,
  reshape: Draft,
  concat: Draft,
  known: Pick<KnownDims, 'get'>,
): readonly number[] | undefined {
  const shape: number[] = [];
  for (const v of concat.inputs) {
    const content = isConstant(v) ? contentOf(v) : undefined;
    if (content) shape.push(...content);
    else if (isSizeOf(editor, v, reshape.inputs[0], shape.length)) shape.push(sameSize);
    else if (v && isOneElement(known.get(v))) shape.push(restSize);
    else return undefined;
  }
  return shape.filter((size) => size === restSize).length > 1 ? undefined : shape;
}

/** Shape, Gather of that axis, Unsqueeze. */
function isSizeOf(editor: GraphEditor, v: Value | undefined, data: Value | undefined, axis: number): boolean {
  const unsqueeze = asOp(editor.maker(v), 'Unsqueeze');
  const gather = asOp(editor.maker(unsqueeze?.inputs[0]), 'Gather');
  const shape = asOp(editor.maker(gather?.inputs[0]), 'Shape');
  if (!unsqueeze || !gather || shape?.inputs[0] !== data) return false;
  const isFirst = axesOf(unsqueeze, 1, 1)?.join() === '0' && attributeInt(gather.node, 'axis', 0) === 0;
  return isFirst && staticDims(gather.inputs[1])?.length === 0 && scalarOf(gather.inputs[1]) === axis;
}

function isOneElement(dims: ReturnType<KnownDims['get']>): boolean {
  return dims?.every((d) => d === 1) === true;
}
