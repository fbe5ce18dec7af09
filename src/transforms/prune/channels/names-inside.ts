import { subgraphs, type Graph } from '../../../onnx/model.ts';

/** Visits every name that a body reads, and those in it. */
export function namesInside({ nodes, outputs }: Graph, visit: (name: string) => void): void {
  for (const { name } of outputs) visit(name);
  for (const node of nodes) {
    node.inputs.forEach(visit);
    for (const { graph } of subgraphs(node)) namesInside(graph, visit);
  }
}
