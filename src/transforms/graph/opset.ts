/**
 * Raises a model's ai.onnx opset up to 13 (DynamicQuantizeLinear needs 11, a scale per channel 13) where that changes
 * nothing in what the model computes. From 7 to 13 most operators only gained types or negative axes; the few that moved
 * attributes to inputs are rewritten here, and those whose meaning changed block the raise by name (onnx,
 * docs/Changelog.md).
 */
import { analyze } from '../../analysis/index.ts';
import { attributeFloat, attributeInt, attributeInts, type Node, type TensorRef } from '../../onnx/model.ts';
import { float32Tensor, int64Tensor, intAttribute } from './nodes.ts';
import type { Entry, Scope, Workspace } from './workspace.ts';

/** Below this, arithmetic operators broadcast by attributes. */
const LOWEST_OPSET = 7;
const HIGHEST_OPSET = 13;

type Convert = (node: Node, addInput: (suffix: string, tensor: TensorRef) => string) => Node;

interface Change {
  readonly since: number;
  /** Without it, the operator blocks. */
  readonly convert?: Convert;
  /** Whether this node means something else afterwards, all the same. */
  readonly isLost?: (ws: Workspace, entry: Entry) => boolean;
}

const softmax: Change = {
  since: 13,
  convert: (node) => withAttribute(without(node, 'axis'), 'axis', -1),
  isLost: (ws, entry) => !isLastAxis(ws, entry),
};

/** Operators that changed at `since` in a way that old nodes do not survive. */
const CHANGES: Readonly<Record<string, Change>> = {
  BatchNormalization: {
    since: 9,
    convert: (node) => without(node, 'spatial'),
    isLost: (_, { original }) => !isDefaultSpatial(original),
  },
  Clip: { since: 11, convert: convertClip },
  Slice: { since: 10, convert: convertSlice },
  Pad: { since: 11, convert: convertPad },
  Resize: { since: 11 },
  Upsample: { since: 10 },
  TopK: { since: 10 },
  Scan: { since: 9 },
  Scatter: { since: 11 },
  Dropout: { since: 12, convert: (node) => without(node, 'ratio') },
  Squeeze: { since: 13, convert: listToInput('axes') },
  Unsqueeze: { since: 13, convert: listToInput('axes') },
  ReduceSum: { since: 13, convert: listToInput('axes') },
  Split: { since: 13, convert: listToInput('split') },
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
};

/** Why the model's ai.onnx opset cannot become `version`; undefined where it can, or is already. */
export function blocksOpset(ws: Workspace, version: number): string | undefined {
  const current = ws.opsetVersion;
  if (current >= version) return undefined;
  if (version > HIGHEST_OPSET || current < LOWEST_OPSET)
    return `needs opset ${version}, the model has ${current}`;
  for (const entry of ws.entries) {
    const { opType, domain } = entry.original;
    const change = domain === '' ? CHANGES[opType] : undefined;
    if (change === undefined || current >= change.since || version < change.since) continue;
    if (change.convert === undefined || change.isLost?.(ws, entry) === true) {
      return `needs opset ${version}, the model has ${current}, and ${opType} "${entry.id}" means something else from opset ${change.since} on`;
    }
  }
  if (ws.model.functions.some((f) => f.opsetImports.some((o) => o.domain === '' && o.version < version))) {
    return `needs opset ${version}, the model has ${current} and local functions of an older opset`;
  }
  return undefined;
}

/** Rewrites the nodes that the raise of the opset touches. Call once, after the last edit. */
export function ensureOpset(ws: Workspace): void {
  const from = ws.model.opsetImports.find((o) => o.domain === '')?.version ?? 0;
  if (ws.opsetVersion <= from) return;
  for (const entry of ws.entries) {
    const change = entry.original.domain === '' ? CHANGES[entry.original.opType] : undefined;
    const { convert, since = 0 } = change ?? {};
    if (convert === undefined || from >= since || ws.opsetVersion < since) continue;
    entry.nodes = entry.nodes.map((node) =>
      // also where an edit gave it other inputs
      node.opType === entry.original.opType && node.domain === ''
        ? convert(node, constantAdder(ws, entry.scope, entry.id))
        : node,
    );
  }
}

function constantAdder(ws: Workspace, scope: Scope, id: string) {
  return (suffix: string, tensor: TensorRef): string => {
    const name = ws.uniqueName(`${id}_${suffix}`);
    ws.addInitializer(scope, { ...tensor, name });
    return name;
  };
}

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

/** Before 13, Softmax ran over all axes from `axis` on; the same as over the last one alone where it is that. */
function isLastAxis(ws: Workspace, { original, scope }: Entry): boolean {
  const axis = attributeInt(original, 'axis', 1);
  if (axis === -1) return true;
  if (scope !== ws.main) return false;
  const shape = analyze(ws.model).shapeOf(original.inputs[0] ?? '');
  return !('reason' in shape) && axis === shape.length - 1;
}

function withAttribute(node: Node, name: string, value: number): Node {
  return {
    ...node,
    attributes: new Map(node.attributes).set(name, intAttribute(name, value)),
    range: undefined,
  };
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
