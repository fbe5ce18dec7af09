/** Nodes that change nothing. */
import { attributeInts } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import type { GraphEditor } from './editor.ts';
import { isScalar, withConstant } from './patterns.ts';

/** What stands for the node's first output where the node does nothing; undefined where it does something. */
type Test = (n: Draft) => boolean;

const always: Test = () => true;
const byScalar =
  (neutral: number): Test =>
  (n) => {
    const constant = n.inputs[1];
    return withConstant(n)?.[1] === constant && holds(n, neutral);
  };

function holds(n: Draft, neutral: number): boolean {
  const [, constant] = n.inputs;
  if (constant?.type.kind !== 'tensor' || (constant.constant?.dims.length ?? 1) > 0) return false;
  return neutral === 0 ? constant.type.content?.[0] === 0 : isScalar(constant, neutral);
}

/** Pads of 0, as an attribute (before opset 11) or as a constant. */
const padsNothing: Test = (n) => {
  const attribute = attributeInts(n.node, 'pads');
  const type = n.inputs[1]?.type;
  const content = type?.kind === 'tensor' ? type.content : undefined;
  return (attribute ?? content)?.every((p) => p === 0) === true;
};

const tests: Readonly<Record<string, Test>> = {
  Identity: always,
  Dropout: (n) => n.outputs[1] === undefined,
  Add: byScalar(0),
  Sub: byScalar(0),
  Mul: byScalar(1),
  Div: byScalar(1),
  Pad: padsNothing,
};

export function removeNoops(editor: GraphEditor): void {
  for (const node of editor.nodesOf(...Object.keys(tests))) {
    const [input] = node.inputs;
    const [output] = node.outputs;
    if (node.domain !== '' || !input || !output || editor.isPinned(output)) continue;
    if (tests[node.opType]?.(node) === true) editor.bypass(node, input);
  }
}
