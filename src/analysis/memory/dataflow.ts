/**
 * The tensors that pass between nodes: what a picture of the graph draws as edges.
 *
 *     dataflow(analysis, { batch: 8 })[0] // { name: 'x', bytes: 25088, producer: undefined, consumers: [0], … }
 */
import { evaluateDim } from '../dim.ts';
import type { Analysis } from '../types.ts';
import { internals } from './analyze.ts';
import { bindSymbols } from './sizes.ts';
import type { Value } from './values.ts';

export interface FlowingTensor {
  readonly name: string;
  /** Undefined where unknown. */
  readonly bytes: number | undefined;
  /** Index in `Analysis.nodes`; undefined for inputs of the model. */
  readonly producer: number | undefined;
  /** Indices in `Analysis.nodes`, ascending; a node with subgraphs consumes what these give. */
  readonly consumers: readonly number[];
  readonly isOutput: boolean;
}

/**
 * Inputs of the model, then what each node makes, in execution order; constants and what nobody takes are left out.
 * Inputs of subgraphs are: they stand for values that are here under another name.
 */
export function dataflow(
  analysis: Analysis,
  dims: Readonly<Record<string, number>> = {},
): readonly FlowingTensor[] {
  const { compiled, inference } = internals(analysis);
  const { program } = compiled;
  const bindings = bindSymbols(inference, dims).dims;
  const consumers = new Map<Value, Set<number>>();
  const take = (value: Value | undefined, index: number): void => {
    if (value === undefined || value.kind === 'constant') return;
    const known = consumers.get(value);
    if (known === undefined) consumers.set(value, new Set([index]));
    else known.add(index);
  };
  for (const { index, inputs, bodies } of program.nodes) {
    for (const value of inputs) take(value, index);
    for (const { block } of bodies) for (const value of block.outputs) take(value, index);
  }
  const outputs = new Set(program.main.outputs);
  const inputs = new Set(program.main.inputs);
  return program.values
    .filter((v) => inputs.has(v) || (v.kind === 'produced' && (consumers.has(v) || outputs.has(v))))
    .map((value) => ({
      name: value.name,
      bytes: evaluateDim(value.bytes, bindings),
      producer: value.producer?.index,
      consumers: [...(consumers.get(value) ?? [])].sort((a, b) => a - b),
      isOutput: outputs.has(value),
    }));
}
