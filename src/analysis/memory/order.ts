/**
 * The order in which ONNX Runtime runs the nodes of a graph: depth first from the nodes whose outputs no other node
 * uses, the last of them first, and of a node's producers the last in the file first; each node after all it needs
 * (GraphViewer with ExecutionOrder::DEFAULT). It differs from the file's order where branches meet.
 */

import type { Draft } from './runtime.ts';
import type { Value } from './values.ts';

/** The nodes in the order in which ONNX Runtime runs them. */
export function inRuntimeOrder(unordered: readonly Draft[]): Draft[] {
  const nodes = [...unordered].sort((a, b) => a.index - b.index);
  // by slot; −1: no node of these makes it
  let slots = 0;
  for (const n of nodes) for (const v of n.outputs) if (v && v.slot >= slots) slots = v.slot + 1;
  const makers = new Int32Array(slots).fill(-1);
  nodes.forEach((n, i) => n.outputs.forEach((v) => v && (makers[v.slot] = i)));
  const producers = nodes.map((n) => {
    const found: number[] = [];
    const add = (v: Value | undefined) => {
      const maker = v ? (makers[v.slot] ?? -1) : -1;
      if (maker >= 0 && !found.includes(maker)) found.push(maker);
    };
    n.inputs.forEach(add);
    for (const body of n.source.bodies) body.block.captured.forEach(add);
    return found;
  });
  return runtimeOrder(producers).flatMap((i) => nodes[i] ?? []);
}

/** For each node, the indices of the nodes it reads from, itself and in its subgraphs. */
export function runtimeOrder(producers: readonly (readonly number[])[]): number[] {
  const isRead = new Uint8Array(producers.length);
  for (const list of producers) for (const p of list) isRead[p] = 1;
  const visited = new Uint8Array(producers.length);
  const order: number[] = [];
  // a node is pushed as it is (to be entered), or as ~index (to be left)
  const stack = producers.flatMap((_, i) => (isRead[i] === 1 ? [] : [i]));
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (top < 0) {
      order.push(~top);
      continue;
    }
    if (visited[top] === 1) continue;
    visited[top] = 1;
    stack.push(~top);
    const list = producers[top] ?? [];
    const ascending = list.length > 1 ? list.toSorted((a, b) => a - b) : list;
    for (const p of ascending) if (visited[p] === 0) stack.push(p);
  }
  // nodes of a cycle are reached from no leaf; they keep their place at the end
  producers.forEach((_, i) => {
    if (visited[i] === 0) order.push(i);
  });
  return order;
}
