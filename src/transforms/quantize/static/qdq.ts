/** A float operator between DequantizeLinear nodes: execution providers fuse them to an integer one. */
import { attributeFloat, type Node, type TensorRef } from '../../../onnx/model.ts';
import type { StepContext } from '../../context.ts';
import { intAttribute, makeNode } from '../../graph/nodes.ts';
import type { Entry, Workspace } from '../../graph/workspace.ts';
import type { StaticEdit } from '../../recipe/static.ts';
import { integerConstant } from './constants.ts';
import type { LayerTensors } from './layer.ts';
import type { NodePlan, Operand } from './plan.ts';
import type { QuantizedValue } from './values.ts';

/** What the node of an entry is made from. */
export interface Emission {
  readonly context: StepContext;
  readonly entry: Entry;
  readonly edit: StaticEdit;
  readonly plan: NodePlan;
  /** As it is so far. */
  readonly node: Node;
  /** Names of what it gives, after folding. */
  readonly outputs: readonly string[];
  readonly layer: LayerTensors | undefined;
  readonly valueOf: (name: string) => QuantizedValue;
}

export function qdqNode(emission: Emission): Node {
  const { node, outputs, plan, layer } = emission;
  const inputs = plan.operands.map((operand) => floatInput(emission, operand));
  const attributes = new Map(node.attributes);
  // beta went into the bias
  if (layer?.bias !== undefined && attributeFloat(node, 'beta', 1) !== 1) attributes.delete('beta');
  return { ...node, inputs: withoutTrailing(inputs), outputs, attributes, range: undefined };
}

/** A value goes in by its name: `finishValues` puts the dequantized one in its place. */
function floatInput({ context, entry, edit, layer, valueOf }: Emission, operand: Operand): string {
  const dequantized = (tensors: IntegerTensors, axis?: number): string =>
    dequantizedConstant(context.ws, entry, edit, tensors, axis);
  switch (operand.kind) {
    case 'value':
      return valueOf(operand.name).name;
    case 'constant':
      return dequantized(integerConstant(context, entry, edit, operand.weight));
    case 'weight':
      return layer === undefined ? '' : dequantized(layer.weight, layer.axis);
    case 'bias':
      return layer?.bias === undefined
        ? ''
        : dequantized(layer.bias, layer.bias.isPerChannel ? 0 : undefined);
    default:
      return operand.name;
  }
}

interface IntegerTensors {
  readonly quantized: TensorRef;
  readonly scale: TensorRef;
  readonly zeroPoint: TensorRef;
}

function dequantizedConstant(
  ws: Workspace,
  entry: Entry,
  { activationType }: StaticEdit,
  { quantized, scale, zeroPoint }: IntegerTensors,
  axis: number | undefined,
): string {
  const domain = qdqDomain(ws, activationType.endsWith('16'));
  const base = quantized.name.replace(/_quantized(_\d+)?$/, '$1');
  const node = ws.shareNode(ws.main, `${quantized.name}\0dequantized`, entry, () =>
    makeNode(
      'DequantizeLinear',
      [quantized.name, scale.name, zeroPoint.name],
      [ws.uniqueName(`${base}_DequantizeLinear_Output`)],
      ws.uniqueNodeName(`${base}_DequantizeLinear`),
      axis === undefined ? [] : [intAttribute('axis', axis)],
      domain,
    ),
  );
  return node.outputs[0] ?? '';
}

/** ONNX's own operators took 16 bits with opset 21; until then ONNX Runtime's do. */
export function qdqDomain(ws: Workspace, isWide: boolean): string {
  if (!isWide || ws.opsetVersion >= 21) return '';
  ws.requireDomain('com.microsoft');
  return 'com.microsoft';
}

function withoutTrailing(inputs: readonly string[]): string[] {
  return inputs.slice(0, inputs.findLastIndex((name) => name !== '') + 1);
}
