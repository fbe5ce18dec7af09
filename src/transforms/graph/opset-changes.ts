/**
 * Where ai.onnx operators changed from opset 7 to 22 in a way that old nodes do not survive as they are: how they are
 * rewritten, or why they cannot be. Operators that are not listed only gained types, negative axes, or attributes and
 * inputs whose defaults are what was there before (onnx, docs/Changelog.md).
 */
import { analyze } from '../../analysis/index.ts';
import {
  attributeFloat,
  attributeInt,
  attributeInts,
  type Attribute,
  type Node,
  type TensorRef,
} from '../../onnx/model.ts';
import { float32Tensor, int64Tensor, intAttribute, stringAttribute } from './nodes.ts';
import type { Entry, Workspace } from './workspace.ts';

type Convert = (node: Node, addInput: (suffix: string, tensor: TensorRef) => string) => Node;

export interface Change {
  readonly since: number;
  /** Without it, the operator blocks. */
  readonly convert?: Convert;
  /** Whether this node means something else afterwards, all the same. */
  readonly isLost?: (ws: Workspace, entry: Entry) => boolean;
}

const softmax: Change = {
  since: 13,
  convert: (node) => withAttribute(node, intAttribute('axis', -1)),
  isLost: (ws, entry) => !isLastAxis(ws, entry),
};

const REDUCTIONS = [
  ...['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax'],
  ...['ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSumSquare'],
];
/** The axes of reductions moved to an input. */
const reduction: readonly Change[] = [{ since: 18, convert: listToInput('axes') }];

/** In the order of versions. */
export const CHANGES: ReadonlyMap<string, readonly Change[]> = new Map<string, readonly Change[]>([
  [
    'BatchNormalization',
    [
      {
        since: 9,
        convert: (node) => without(node, 'spatial'),
        isLost: (_, { original }) => !isDefaultSpatial(original),
      },
      // the outputs for training were the mean and variance of the batch
      { since: 14, convert: (node) => node, isLost: (_, { original }) => original.outputs.length > 1 },
    ],
  ],
  ['Clip', [{ since: 11, convert: convertClip }]],
  ['Slice', [{ since: 10, convert: convertSlice }]],
  ['Pad', [{ since: 11, convert: convertPad }]],
  ['Resize', [{ since: 11 }]],
  ['Upsample', [{ since: 10 }]],
  ['TopK', [{ since: 10 }]],
  ['Scan', [{ since: 9 }]],
  ['Scatter', [{ since: 11 }]],
  ['Dropout', [{ since: 12, convert: (node) => without(node, 'ratio') }]],
  ['Squeeze', [{ since: 13, convert: listToInput('axes') }]],
  ['Unsqueeze', [{ since: 13, convert: listToInput('axes') }]],
  ['ReduceSum', [{ since: 13, convert: listToInput('axes') }]],
  [
    'Split',
    [
      { since: 13, convert: listToInput('split') },
      { since: 18, convert: convertSplit },
    ],
  ],
  ['Softmax', [softmax]],
  ['LogSoftmax', [softmax]],
  ['Hardmax', [softmax]],
  ['RoiAlign', [{ since: 16, convert: convertRoiAlign }]],
  ...REDUCTIONS.map((opType) => [opType, reduction] as const),
  // the divisor of windows that reach over the edge
  [
    'AveragePool',
    [{ since: 19, convert: (node) => node, isLost: (_, { original }) => isOverEdge(original) }],
  ],
  ['DFT', [{ since: 20 }]],
  ['GridSample', [{ since: 20, convert: convertGridSample }]],
  ['GroupNormalization', [{ since: 21 }]],
]);

function convertClip(node: Node, addInput: Parameters<Convert>[1]): Node {
  const bound = (name: 'min' | 'max') =>
    node.attributes.has(name) ? addInput(name, float32Tensor('', [], [attributeFloat(node, name, 0)])) : '';
  return { ...without(node, 'min', 'max'), inputs: trimmed([...node.inputs, bound('min'), bound('max')]) };
}

function convertSlice(node: Node, addInput: Parameters<Convert>[1]): Node {
  const list = (name: string) => {
    const values = attributeInts(node, name);
    return values === undefined ? '' : addInput(name, int64Tensor('', [values.length], values));
  };
  const inputs = trimmed([...node.inputs, list('starts'), list('ends'), list('axes')]);
  return { ...without(node, 'starts', 'ends', 'axes'), inputs };
}

function convertPad(node: Node, addInput: Parameters<Convert>[1]): Node {
  const amounts = attributeInts(node, 'pads') ?? [];
  const pads = addInput('pads', int64Tensor('', [amounts.length], amounts));
  const value = node.attributes.has('value')
    ? [addInput('value', float32Tensor('', [], [attributeFloat(node, 'value', 0)]))]
    : [];
  return { ...without(node, 'pads', 'value'), inputs: [...node.inputs, pads, ...value] };
}

/** Moves a list of integers from the attribute to the input of that name, the second one. */
function listToInput(name: string): Convert {
  return (node, addInput) => {
    const values = attributeInts(node, name);
    if (values === undefined) return node;
    const [data = ''] = node.inputs;
    return {
      ...without(node, name),
      inputs: [data, addInput(name, int64Tensor('', [values.length], values))],
    };
  };
}

/** Equal parts by the number of outputs had to be asked for from then on. */
function convertSplit(node: Node): Node {
  const isEven = node.inputs[1] === undefined || node.inputs[1] === '';
  return isEven ? withAttribute(node, intAttribute('num_outputs', node.outputs.length)) : node;
}

/** What was the only way became an option, and another the default. */
function convertRoiAlign(node: Node): Node {
  return withAttribute(node, stringAttribute('coordinate_transformation_mode', 'output_half_pixel'));
}

const GRID_MODES: ReadonlyMap<string, string> = new Map([
  ['bilinear', 'linear'],
  ['bicubic', 'cubic'],
]);

function convertGridSample(node: Node): Node {
  const given = node.attributes.get('mode');
  const mode = given?.kind === 'string' ? GRID_MODES.get(Buffer.from(given.value).toString()) : undefined;
  return mode === undefined ? node : withAttribute(node, stringAttribute('mode', mode));
}

function isOverEdge(node: Node): boolean {
  return attributeInt(node, 'ceil_mode', 0) === 1 && attributeInt(node, 'count_include_pad', 0) === 1;
}

/** Before 13, Softmax ran over all axes from `axis` on; the same as over the last one alone where it is that. */
function isLastAxis(ws: Workspace, { original, scope }: Entry): boolean {
  const axis = attributeInt(original, 'axis', 1);
  if (axis === -1) return true;
  if (scope !== ws.main) return false;
  const shape = analyze(ws.model).shapeOf(original.inputs[0] ?? '');
  return !('reason' in shape) && axis === shape.length - 1;
}

function withAttribute(node: Node, attribute: Attribute): Node {
  return { ...node, attributes: new Map(node.attributes).set(attribute.name, attribute), range: undefined };
}

function isDefaultSpatial(node: Node): boolean {
  const spatial = node.attributes.get('spatial');
  return spatial === undefined || (spatial.kind === 'int' && spatial.value === 1n);
}

function without(node: Node, ...names: readonly string[]): Node {
  const attributes = new Map([...node.attributes].filter(([name]) => !names.includes(name)));
  return { ...node, attributes, range: undefined };
}

function trimmed(inputs: readonly string[]): string[] {
  const last = inputs.findLastIndex((name) => name !== '');
  return inputs.slice(0, last + 1);
}
