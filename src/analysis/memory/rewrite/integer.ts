/** Products in int8 with what scales them back: one kernel on the CPU. */
import type { Draft } from '../runtime.ts';
import { dimsOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { fuse } from './fusions.ts';
import { asOp, isConstant, isOp, next, otherInput, staticDims } from './patterns.ts';

const microsoft = 'com.microsoft';

/**
 * MatMulInteger, Cast, product with both scales, bias: MatMulIntegerToFloat; and where nothing else reads the
 * quantized input, with its quantization: DynamicQuantizeMatMul.
 */
export function fuseIntegerMatMul(editor: GraphEditor): void {
  for (const matMul of editor.nodesOf('MatMulInteger')) {
    if (!isOp(matMul, 'MatMulInteger')) continue;
    const cast = next(editor, matMul, 'Cast');
    const scaled = cast && next(editor, cast, 'Mul');
    const scales = scaled && asOp(editor.maker(otherInput(scaled, cast.outputs[0])), 'Mul');
    if (!cast || !scaled || !scales || editor.soleReader(scales.outputs[0]) !== scaled) continue;
    const quantize = asOp(editor.maker(matMul.inputs[0]), 'DynamicQuantizeLinear');
    const aScale = quantize?.outputs[1];
    const bScale = otherInput(scales, aScale);
    if (!quantize || !aScale || !bScale) continue;
    const bias = biasAfter(editor, scaled);
    const members = [matMul, cast, scales, scaled, ...(bias ? [bias.add] : [])];
    const [a, b, aZero, bZero] = matMul.inputs;
    if (isOnlyFor(editor, quantize, [matMul, scales]))
      fuse(editor, [quantize, ...members], {
        opType: 'DynamicQuantizeMatMul',
        domain: microsoft,
        inputs: [quantize.inputs[0], b, bScale, bZero, bias?.value],
      });
    else
      fuse(editor, members, {
        opType: 'MatMulIntegerToFloat',
        domain: microsoft,
        inputs: [a, b, aScale, bScale, aZero, bZero, bias?.value],
      });
  }
}

/** A constant of one dim that is added to all rows. */
function biasAfter(editor: GraphEditor, n: Draft): { add: Draft; value: Value } | undefined {
  const add = next(editor, n, 'Add');
  const value = add && otherInput(add, n.outputs[0]);
  return add && isConstant(value) && staticDims(value)?.length === 1 ? { add, value } : undefined;
}

function isOnlyFor(editor: GraphEditor, n: Draft, readers: readonly Draft[]): boolean {
  return n.outputs.every(
    (v) => v === undefined || (!editor.isPinned(v) && editor.readersOf(v).every((r) => readers.includes(r))),
  );
}

/** MatMulNBits adds its bias itself. */
export function fuseBlockBias(editor: GraphEditor): void {
  for (const matMul of editor.nodesOf('MatMulNBits')) {
    if (!isOp(matMul, 'MatMulNBits', microsoft) || matMul.inputs[5] !== undefined) continue;
    const bias = biasAfter(editor, matMul);
    const columns = dimsOfValue(matMul.outputs[0])?.at(-1);
    if (bias === undefined || staticDims(bias.value)?.[0] !== columns) continue;
    editor.remove(bias.add);
    editor.change(matMul, {
      inputs: [...Array.from({ length: 5 }, (_, i) => matMul.inputs[i]), bias.value],
      outputs: bias.add.outputs,
      sources: [...matMul.sources, ...bias.add.sources],
    });
  }
}
