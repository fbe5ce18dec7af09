/**
 * The order in which ONNX Runtime runs the nodes of a graph: depth first from the nodes whose outputs no other node
 * uses, the last of them first, and of a node's producers the last in the file first; each node after all it needs
 * (GraphViewer with ExecutionOrder::DEFAULT). It differs from the file's order where branches meet.
 */

import type { Draft } from './runtime.ts';
import type { Value } from './values.ts';

/** Lists of numbers, one after the other: list `i` is `items[starts[i]]` to before `items[starts[i + 1]]`. */
interface Lists {
  readonly starts: Int32Array;
  readonly items: Int32Array;
}

/** The nodes in the order in which ONNX Runtime runs them. */
export function inRuntimeOrder(unordered: readonly Draft[]): Draft[] {
  const nodes = isAscending(unordered) ? unordered : unordered.toSorted((a, b) => a.index - b.index);
  return orderOf(producersOf(nodes)).map((i) => nodes[i] as Draft);
}

/** Mostly they are: those that rewriting adds come last. */
function isAscending(nodes: readonly Draft[]): boolean {
  let last = -1;
  for (const { index } of nodes) {
    if (index < last) return false;
    last = index;
  }
  return true;
}

/** For each node, the places of those that make what it reads, itself and in its subgraphs; ascending, none twice. */
function producersOf(nodes: readonly Draft[]): Lists {
  // by slot; −1: no node of these makes it
  let [slots, reads] = [0, 0];
  for (const n of nodes) {
    reads += n.inputs.length;
    for (const { block } of n.source.bodies) reads += block.captured.length;
    for (const v of n.outputs) if (v && v.slot >= slots) slots = v.slot + 1;
  }
  const makers = new Int32Array(slots).fill(-1);
  for (let i = 0; i < nodes.length; i++) for (const v of nodes[i]?.outputs ?? []) if (v) makers[v.slot] = i;
  const starts = new Int32Array(nodes.length + 1);
  const items = new Int32Array(reads);
  let end = 0;
  const add = (from: number, v: Value | undefined) => {
    const maker = v ? (makers[v.slot] ?? -1) : -1;
    if (maker < 0) return;
    let at = end;
    while (at > from && (items[at - 1] ?? 0) > maker) at--;
    if (at > from && items[at - 1] === maker) return;
    items.copyWithin(at + 1, at, end++);
    items[at] = maker;
  };
  for (let i = 0; i < nodes.length; i++) {
    const from = end;
    const { inputs, source } = nodes[i] as Draft;
    for (const v of inputs) add(from, v);
    for (const { block } of source.bodies) for (const v of block.captured) add(from, v);
    starts[i + 1] = end;
  }
  return { starts, items };
}

/** For each node, the indices of the nodes it reads from, itself and in its subgraphs. */
export function runtimeOrder(producers: readonly (readonly number[])[]): number[] {
  const starts = new Int32Array(producers.length + 1);
  producers.forEach((list, i) => (starts[i + 1] = (starts[i] ?? 0) + list.length));
  const items = Int32Array.from(producers.flatMap((list) => list.toSorted((a, b) => a - b)));
  return orderOf({ starts, items });
}

function orderOf({ starts, items }: Lists): number[] {
  const count = starts.length - 1;
  const isRead = new Uint8Array(count);
  for (let k = 0; k < (starts[count] ?? 0); k++) isRead[items[k] ?? 0] = 1;
  const visited = new Uint8Array(count);
  const order: number[] = [];
  // a node is pushed as it is (to be entered), or as ~index (to be left)
  const stack: number[] = [];
  for (let i = 0; i < count; i++) if (isRead[i] === 0) stack.push(i);
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (top < 0) {
      order.push(~top);
      continue;
    }
    if (visited[top] === 1) continue;
    visited[top] = 1;
    stack.push(~top);
    const end = starts[top + 1] ?? 0;
    for (let k = starts[top] ?? 0; k < end; k++) {
      const p = items[k] ?? 0;
      if (visited[p] === 0) stack.push(p);
    }
  }
  // nodes of a cycle are reached from no leaf; they keep their place at the end
  for (let i = 0; i < count; i++) if (visited[i] === 0) order.push(i);
  return order;
}
