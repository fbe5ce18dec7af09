/** GraphProto made anew: where one node changed, all the others are still copied. */
import type { Graph } from '../model.ts';
import { writeEntry } from './entry.ts';
import type { MessageWriter } from './message.ts';
import { writeNode } from './node.ts';
import { writeSparseTensor, writeTensor } from './tensor.ts';
import { writeValue } from './type.ts';

export function writeGraph(w: MessageWriter, graph: Graph): void {
  for (const node of graph.nodes) w.message(1, node, writeNode);
  w.encode.optional(2, graph.name);
  for (const tensor of graph.shadowedInitializers ?? []) {
    // where the later one is gone, the earlier must not come back in its place
    if (graph.initializers.has(tensor.name)) w.message(5, tensor, writeTensor);
  }
  for (const tensor of graph.initializers.values()) w.message(5, tensor, writeTensor);
  w.encode.optional(10, graph.docString);
  for (const value of graph.inputs) w.message(11, value, writeValue);
  for (const value of graph.outputs) w.message(12, value, writeValue);
  for (const value of graph.valueInfo.values()) w.message(13, value, writeValue);
  for (const tensor of graph.sparseInitializers) w.message(15, tensor, writeSparseTensor);
  for (const entry of graph.metadata ?? []) w.message(16, entry, writeEntry);
  w.kept(graph);
}
