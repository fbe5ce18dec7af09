/**
 * Where kernels compute with the channels last, ONNX Runtime puts a Transpose before and after each of them, and lets
 * its transpose optimizer move those to where they cancel out: integer convolutions of the CPU (nhwc_transformer.cc),
 * and all that depends on the layout on WebGPU (layout_transformation.cc).
 */
import { DataType, type Attribute } from '../../../onnx/model.ts';
import type { KnownDims } from '../known-dims.ts';
import type { Draft } from '../runtime.ts';
import { dimsOfValue, elemTypeOfValue } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { channelsLastDomain, isOp } from './patterns.ts';
import { pushTransposes } from './transpose/push.ts';
import { channelsFirst, channelsLast, TransposeEditor } from './transpose/transpose-editor.ts';

/** Of ONNX Runtime's list those that WebGPU has kernels for; Resize keeps its layout there. */
const layoutSensitive: ReadonlySet<string> = new Set([
  ...['Conv', 'ConvTranspose', 'BatchNormalization', 'DepthToSpace', 'MaxPool', 'AveragePool'],
  ...['GlobalMaxPool', 'GlobalAveragePool'],
]);
const floats: ReadonlySet<number> = new Set([DataType.float, DataType.float16]);

/** Computed values only: each kernel lays out its weights for itself. */
export function layOutChannelsLast(editor: GraphEditor, known: KnownDims): void {
  const concerned = dependingOnLayout(editor);
  if (concerned.length === 0) return;
  const transposes = new TransposeEditor(editor, known);
  for (const n of concerned) {
    const rank = dimsOfValue(n.inputs[0])?.length;
    if (rank === undefined) continue;
    transposes.input(n, 0, channelsLast(rank));
    transposes.output(n, channelsFirst(rank));
    editor.replace(n, [{ ...n, domain: channelsLastDomain }]);
  }
  pushTransposes(transposes, 'device');
}

export function dependingOnLayout(editor: GraphEditor): readonly Draft[] {
  return editor.nodesOf(...layoutSensitive).filter(dependsOnLayout);
}

function dependsOnLayout(n: Draft): boolean {
  return n.domain === '' && layoutSensitive.has(n.opType) && floats.has(elemTypeOfValue(n.inputs[0]));
}

export function putChannelsLast(editor: GraphEditor, known: KnownDims): void {
  const convs = integerConvs(editor);
  if (convs.length === 0) return;
  const transposes = new TransposeEditor(editor, known);
  for (const n of convs) {
    transposes.input(n, 0, channelsLast(4));
    transposes.output(n, channelsFirst(4));
    const domain = 'com.microsoft';
    const node = { ...n.node, domain, attributes: withChannelsLast(n.node.attributes) };
    editor.replace(n, [{ ...n, domain, node }]);
  }
  pushTransposes(transposes, 'cpu');
}

export function integerConvs(editor: GraphEditor): readonly Draft[] {
  return editor
    .nodesOf('QLinearConv')
    .filter((n) => isOp(n, 'QLinearConv') && dimsOfValue(n.inputs[3])?.length === 4);
}

function withChannelsLast(attributes: ReadonlyMap<string, Attribute>): ReadonlyMap<string, Attribute> {
  return new Map([...attributes, ['channels_last', { name: 'channels_last', kind: 'int', value: 1n }]]);
}
