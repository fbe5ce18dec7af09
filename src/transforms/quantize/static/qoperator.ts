/** The integer operators of ai.onnx and com.microsoft, as ONNX Runtime's contrib documentation gives their inputs. */
import { opsetVersion, type Attribute, type Node, type TensorRef } from '../../../onnx/model.ts';
import { intAttribute } from '../../graph/nodes.ts';
import { nodeBase } from '../shared.ts';
import { integerConstant } from './constants.ts';
import type { Operand } from './plan.ts';
import type { Emission } from './qdq.ts';

/** Names of integers, their scale and their zero point. */
type Triple = readonly [integers: string, scale: string, zeroPoint: string];

interface IntegerOperator {
  readonly opType: string;
  readonly domain: string;
  readonly inputs: (inputs: readonly Triple[], output: Triple, bias: string) => readonly string[];
  /** @param opset of the model as it was: the node's own attributes are to be read by it */
  readonly attributes?: (opset: number) => readonly Attribute[];
}

const MICROSOFT = 'com.microsoft';

/** All inputs, each with scale and zero point, then scale and zero point of the output. */
const unlike: IntegerOperator['inputs'] = (inputs, [, scale, zeroPoint]) => [
  ...inputs.flat(),
  scale,
  zeroPoint,
];
const plain = (opType: string, attributes?: IntegerOperator['attributes']): IntegerOperator => ({
  opType,
  domain: MICROSOFT,
  inputs: unlike,
  ...(attributes === undefined ? {} : { attributes }),
});
const channelsFirst = () => [intAttribute('channels_last', 0)];

const OPERATORS: Readonly<Record<string, IntegerOperator>> = {
  Conv: {
    opType: 'QLinearConv',
    domain: '',
    inputs: (inputs, output, bias) => [...unlike(inputs, output, bias), ...(bias === '' ? [] : [bias])],
  },
  MatMul: { opType: 'QLinearMatMul', domain: '', inputs: unlike },
  Gemm: {
    opType: 'QGemm',
    domain: MICROSOFT,
    inputs: (inputs, [, scale, zeroPoint], bias) => [...inputs.flat(), bias, scale, zeroPoint],
  },
  Concat: {
    opType: 'QLinearConcat',
    domain: MICROSOFT,
    inputs: (inputs, [, scale, zeroPoint]) => [scale, zeroPoint, ...inputs.flat()],
  },
  Add: plain('QLinearAdd'),
  Mul: plain('QLinearMul'),
  Sigmoid: plain('QLinearSigmoid'),
  LeakyRelu: plain('QLinearLeakyRelu'),
  Softmax: plain('QLinearSoftmax', (opset) => [intAttribute('opset', opset)]),
  GlobalAveragePool: plain('QLinearGlobalAveragePool', channelsFirst),
  AveragePool: plain('QLinearAveragePool', channelsFirst),
};

/** The integer operator, or the operator itself where it takes integers as they are. */
export function integerNode(emission: Emission): Node {
  const { context, entry, node, outputs, plan, layer, valueOf } = emission;
  const { ws } = context;
  const operator = OPERATORS[node.opType];
  const given = outputs.map((name) => (name === '' ? '' : valueOf(name).integers));
  if (operator === undefined) {
    const inputs = plan.operands.map((o) => (o.kind === 'value' ? tripleOf(emission, o)[0] : nameOf(o)));
    return { ...node, inputs, outputs: given, range: undefined };
  }
  const triples = plan.operands.flatMap((o) => (o.kind === 'bias' ? [] : [tripleOf(emission, o)]));
  const [output = ''] = outputs;
  const { integers, parameters } = valueOf(output);
  const bias = layer?.bias?.quantized.name ?? '';
  const kept = [...node.attributes.values()].filter((a) => a.name !== 'beta');
  const attributes = [...kept, ...(operator.attributes?.(opsetVersion(ws.model) ?? 0) ?? [])];
  return {
    name: ws.uniqueNodeName(`${nodeBase(entry)}_quant`),
    opType: operator.opType,
    domain: operator.domain,
    inputs: operator.inputs(triples, [integers, parameters.scale, parameters.zeroPoint], bias),
    outputs: given,
    attributes: new Map(attributes.map((a) => [a.name, a])),
  };
}

function tripleOf({ context, entry, edit, layer, valueOf }: Emission, operand: Operand): Triple {
  if (operand.kind === 'value') {
    const value = valueOf(operand.name);
    value.takers.add(entry);
    return [value.integers, value.parameters.scale, value.parameters.zeroPoint];
  }
  const tensors =
    operand.kind === 'constant' ? integerConstant(context, entry, edit, operand.weight) : layer?.weight;
  return tensors === undefined ? ['', '', ''] : namesOf(tensors);
}

function namesOf({
  quantized,
  scale,
  zeroPoint,
}: Record<'quantized' | 'scale' | 'zeroPoint', TensorRef>): Triple {
  return [quantized.name, scale.name, zeroPoint.name];
}

function nameOf(operand: Operand): string {
  return operand.kind === 'plain' ? operand.name : '';
}
