/** What stands around the product when a Gemm becomes MatMul and Add: a turned A, a scaled C. */
import { attributeFloat, attributeInt, type Node } from '../../onnx/model.ts';
import { float32Tensor, intsAttribute, makeNode } from '../graph/nodes.ts';
import type { Entry, Workspace } from '../graph/workspace.ts';

/** The value to multiply from the left, turned where transA says so (the node is shared by all that need it). */
export function turnedA(ws: Workspace, entry: Entry, a: string, base: string): string {
  if (attributeInt(entry.original, 'transA', 0) === 0) return a;
  const turned = ws.shareNode(entry.scope, `${a}\0transposed`, entry, () =>
    makeNode('Transpose', [a], [ws.uniqueName(`${a}_Transposed`)], ws.uniqueNodeName(`${base}_Transpose`), [
      intsAttribute('perm', [1, 0]),
    ]),
  );
  return turned.outputs[0] ?? '';
}

/** C times beta: the value's name, and the node that makes it where beta is not 1. */
export function scaledC(
  ws: Workspace,
  entry: Entry,
  c: string,
  base: string,
): { name: string; nodes: Node[] } {
  const beta = attributeFloat(entry.original, 'beta', 1);
  if (c === '' || beta === 1) return { name: c, nodes: [] };
  const factor = float32Tensor(ws.uniqueName(`${base}_beta`), [], [beta]);
  ws.addInitializer(entry.scope, factor);
  const scaled = ws.uniqueName(`${c}_scaled`);
  return {
    name: scaled,
    nodes: [makeNode('Mul', [c, factor.name], [scaled], ws.uniqueNodeName(`${base}_beta_mul`))],
  };
}
