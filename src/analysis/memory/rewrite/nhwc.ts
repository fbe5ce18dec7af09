/**
 * Integer convolutions compute with channels last: ONNX Runtime puts a Transpose before and after each of them
 * (nhwc_transformer.cc), and lets its transpose optimizer move those to where they cancel out.
 */
import type { Attribute } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import { dimsOfValue } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { isOp } from './patterns.ts';
import { pushTransposes } from './transpose/push.ts';
import { TransposeEditor } from './transpose/transpose-editor.ts';

const channelsLast = [0, 2, 3, 1];
const channelsFirst = [0, 3, 1, 2];

export function putChannelsLast(editor: GraphEditor): void {
  const convs = editor.nodes.filter(isIntegerConv);
  if (convs.length === 0) return;
  const transposes = new TransposeEditor(editor);
  for (const n of convs) {
    transposes.input(n, 0, channelsLast);
    transposes.output(n, channelsFirst);
    const domain = 'com.microsoft';
    const node = { ...n.node, domain, attributes: withChannelsLast(n.node.attributes) };
    editor.replace(n, [{ ...n, domain, node }]);
  }
  pushTransposes(transposes);
}

function isIntegerConv(n: Draft): boolean {
  return isOp(n, 'QLinearConv') && dimsOfValue(n.inputs[3])?.length === 4;
}

function withChannelsLast(attributes: ReadonlyMap<string, Attribute>): ReadonlyMap<string, Attribute> {
  return new Map([...attributes, ['channels_last', { name: 'channels_last', kind: 'int', value: 1n }]]);
}
