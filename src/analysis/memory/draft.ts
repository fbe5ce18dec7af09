import type { ExecutedNode } from './program.ts';
import type { Draft } from './runtime.ts';

/** The node as the model has it. */
export function draftOf(source: ExecutedNode, index: number): Draft {
  const { node, inputs, outputs } = source;
  return {
    source,
    sources: [source],
    index,
    domain: node.domain,
    opType: node.opType,
    node,
    inputs,
    outputs,
  };
}
