/** After the last edit: puts QuantizeLinear and DequantizeLinear where values pass between floats and integers. */
import { makeNode } from '../../graph/nodes.ts';
import type { Node } from '../../../onnx/model.ts';
import type { Entry, Scope, Use, Workspace } from '../../graph/workspace.ts';
import { qdqDomain } from './qdq.ts';
import type { QuantizedValue } from './values.ts';

export function finishValues(ws: Workspace, values: readonly QuantizedValue[]): void {
  const owners = ownersOf(ws);
  for (const value of values) {
    if (value.format === 'qdq') finishQdq(ws, value, owners);
    else finishIntegers(ws, value, owners);
  }
}

/** By scope of a subgraph, the entry of the main graph that holds it. */
type Owners = ReadonlyMap<Scope, Entry>;

function ownersOf(ws: Workspace): Owners {
  const owners = new Map<Scope, Entry>();
  // parents come before their children
  for (const entry of ws.entries) {
    for (const { scope } of entry.bodies) owners.set(scope, owners.get(entry.scope) ?? entry);
  }
  return owners;
}

/** Every user, also of float operators, gets the dequantized value: the node before can only be fused if one takes it. */
function finishQdq(ws: Workspace, value: QuantizedValue, owners: Owners): void {
  const { name, giver } = value;
  if (giver !== undefined && ws.isGraphOutput(ws.main, name)) {
    const float = ws.uniqueName(`${name}_QuantizeLinear_Input`);
    const nodes = giver.nodes.map((node) => withOutput(node, name, float));
    ws.replace(giver, [...nodes, quantizeNode(ws, value, float), dequantizeNode(ws, value, name)]);
    return;
  }
  // the writer keeps a node with subgraphs as it is
  const uses = ws.uses(ws.main, name).filter(({ entry }) => entry.bodies.length === 0);
  if (uses.length === 0) return;
  const output = ws.uniqueName(`${name}_DequantizeLinear_Output`);
  const [quantize, dequantize] = [quantizeNode(ws, value, name), dequantizeNode(ws, value, output)];
  for (const user of new Set(uses.map((use) => ownerOf(use, owners)))) {
    ws.shareNode(ws.main, `${name}\0quantize`, user, () => quantize);
    ws.shareNode(ws.main, `${name}\0dequantize`, user, () => dequantize);
  }
  for (const entry of new Set(uses.map((use) => use.entry))) renameInputs(ws, entry, name, output);
}

/** Integers where integer operators take them, floats where others do. */
function finishIntegers(ws: Workspace, value: QuantizedValue, owners: Owners): void {
  const { name, giver, takers } = value;
  if (giver === undefined) {
    const node = quantizeNode(ws, value, name);
    for (const taker of takers) ws.shareNode(ws.main, `${name}\0quantize`, taker, () => node);
    return;
  }
  const floatUses = ws.uses(ws.main, name).map((use) => ownerOf(use, owners));
  if (floatUses.length === 0 && !ws.isGraphOutput(ws.main, name)) {
    ws.main.removed.add(name);
    return;
  }
  ws.replace(giver, [...giver.nodes, dequantizeNode(ws, value, name)]);
}

function ownerOf({ entry }: Use, owners: Owners): Entry {
  return owners.get(entry.scope) ?? entry;
}

function quantizeNode(ws: Workspace, value: QuantizedValue, input: string): Node {
  const { name, integers, parameters } = value;
  return makeNode(
    'QuantizeLinear',
    [input, parameters.scale, parameters.zeroPoint],
    [integers],
    ws.uniqueNodeName(`${name}_QuantizeLinear`),
    [],
    qdqDomain(ws, parameters.type.bytes === 2),
  );
}

function dequantizeNode(ws: Workspace, value: QuantizedValue, output: string): Node {
  const { name, integers, parameters } = value;
  return makeNode(
    'DequantizeLinear',
    [integers, parameters.scale, parameters.zeroPoint],
    [output],
    ws.uniqueNodeName(`${name}_DequantizeLinear`),
    [],
    qdqDomain(ws, parameters.type.bytes === 2),
  );
}

function withOutput(node: Node, from: string, to: string): Node {
  return { ...node, outputs: node.outputs.map((o) => (o === from ? to : o)), range: undefined };
}

function renameInputs(ws: Workspace, entry: Entry, from: string, to: string): void {
  const nodes = entry.nodes.map((node) =>
    node.inputs.includes(from)
      ? { ...node, inputs: node.inputs.map((name) => (name === from ? to : name)), range: undefined }
      : node,
  );
  ws.replace(entry, nodes);
}
