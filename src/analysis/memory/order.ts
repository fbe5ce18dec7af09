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
  const makers = new Map<Value, number>();
  nodes.forEach((n, i) => n.outputs.forEach((v) => v && makers.set(v, i)));
  const producers = nodes.map((n) => {
    const found = new Set<number>();
    const add = (v: Value | undefined) => {
      const maker = v && makers.get(v);
      if (maker !== undefined) found.add(maker);
    };
    n.inputs.forEach(add);
    for (const body of n.source.bodies) body.block.captured.forEach(add);
    return [...found];
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
    for (const p of [...(producers[top] ?? [])].sort((a, b) => a - b)) if (visited[p] === 0) stack.push(p);
  }
  // nodes of a cycle are reached from no leaf; they keep their place at the end
  producers.forEach((_, i) => {
    if (visited[i] === 0) order.push(i);
  });
  return order;
}
