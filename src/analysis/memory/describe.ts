/** Everything there is to say of one node or layer: what hover and inspector show. */
import { formatBytes, formatCount, formatPercent, formatShape } from '../../format.ts';
import { add, dimToString, isUnknown } from '../dim.ts';
import { weightBehaviour } from '../ep/behaviour.ts';
import { weightForm } from '../ep/forms.ts';
import type { Analysis, LayerMemory, MemoryEstimate, NodeMemory, WeightFate } from '../types.ts';
import { internals } from './analyze.ts';
import type { ExecutedNode } from './program.ts';

/** Stable keys, which the user interface puts into words. */
export type FactLabel =
  | 'operator'
  | 'outputShape'
  | 'outputType'
  | 'parameterBytes'
  | 'parameterCount'
  | 'activationBytes'
  | 'activationFormula'
  | 'aliveBytes'
  | 'shareOfPeak'
  | 'macs'
  | 'nodes'
  | 'weights'
  | 'weightForm'
  | 'weightFate'
  | 'weightNote'
  | 'unknown';

export interface Fact {
  readonly label: FactLabel;
  readonly value: string;
}

/** Facts of the node or layer with this id, a layer's first; empty where there is neither. */
export function describeNode(analysis: Analysis, estimate: MemoryEstimate, id: string): readonly Fact[] {
  const layer = estimate.layers.find((l) => l.id === id);
  const memory = estimate.nodes.find((n) => n.id === id);
  const executed = internals(analysis).byId.get(id);
  if (memory === undefined || executed === undefined) return [];
  // a layer gives what its last node does: a quantized one no integers
  const given = layer ?? memory;
  const unknown = estimate.unknown.find((u) => (layer?.nodes ?? [id]).includes(u.node));
  return [
    fact('operator', operator(executed)),
    ...optional('outputShape', given.outputShape && formatShape(given.outputShape)),
    ...optional('outputType', given.outputType),
    ...costs(given, parameterCount(layer, memory, estimate)),
    ...optional('activationFormula', formulaText(analysis, layer?.nodes ?? [id])),
    // a node that is folded or fused away has no step of its own
    ...optional('aliveBytes', memory.aliveBytes > 0 ? formatBytes(memory.aliveBytes) : undefined),
    ...peakShare(estimate, layer?.nodes ?? [id]),
    ...(layer !== undefined && layer.nodes.length > 1 ? [fact('nodes', layer.nodes.join(', '))] : []),
    ...weightFacts(analysis, estimate, layer?.nodes ?? [id]),
    ...optional('unknown', unknown?.reason),
  ];
}

/** Whether a node inside a body of If, Loop or Scan has weights: what looks at the main graph alone misses those. */
export function hasWeightsInBodies(analysis: Analysis): boolean {
  const { program, weightsOf } = internals(analysis).compiled;
  return program.nodes.some((n) => n.depth > 0 && weightsOf.has(n));
}

function fact(label: FactLabel, value: string): Fact {
  return { label, value };
}

function optional(label: FactLabel, value: string | undefined): Fact[] {
  return value === undefined ? [] : [{ label, value }];
}

function operator({ node, version }: ExecutedNode): string {
  return node.domain === '' ? `${node.opType} (opset ${version})` : `${node.domain}::${node.opType}`;
}

function parameterCount(layer: LayerMemory | undefined, node: NodeMemory, estimate: MemoryEstimate): number {
  if (layer === undefined) return node.parameterCount;
  const ids = new Set(layer.nodes);
  return estimate.nodes.reduce((sum, n) => sum + (ids.has(n.id) ? n.parameterCount : 0), 0);
}

function costs(of: LayerMemory | NodeMemory, count: number): Fact[] {
  return [
    ...(of.parameterBytes > 0
      ? [fact('parameterBytes', formatBytes(of.parameterBytes)), fact('parameterCount', formatCount(count))]
      : []),
    ...optional(
      'activationBytes',
      of.activationBytes === undefined ? undefined : formatBytes(of.activationBytes),
    ),
    ...optional('macs', of.macs === undefined || of.macs === 0 ? undefined : formatCount(of.macs)),
  ];
}

/** Of all nodes together, `batch·100352`; one term per node where their sum is too long to be told as one. */
function formulaText(analysis: Analysis, nodes: readonly string[]): string | undefined {
  const { byId, compiled } = internals(analysis);
  const sum = add(...nodes.map((id) => compiled.activation[byId.get(id)?.index ?? -1] ?? 0));
  if (!isUnknown(sum)) return `${dimToString(sum)} bytes`;
  const terms = nodes.map((id) => analysis.activationFormula(id));
  return terms.every((t) => t !== undefined) ? `${terms.join(' + ')} bytes` : undefined;
}

/** What its tensors make of the peak, where they are alive then. */
function peakShare({ timeline }: MemoryEstimate, nodes: readonly string[]): Fact[] {
  const ids = new Set(nodes);
  const bytes = timeline.peakTensors.reduce(
    (sum, t) => sum + (t.producer !== undefined && ids.has(t.producer) ? t.bytes : 0),
    0,
  );
  return timeline.peakBytes === 0 ? [] : [fact('shareOfPeak', formatPercent(bytes / timeline.peakBytes))];
}

const fates: Readonly<Record<WeightFate, string>> = {
  small: 'stays as stored',
  expanded: 'expanded to float',
  'cpu-fallback': 'runs on the CPU',
  refused: 'refused: no session is made',
};

function weightFacts(analysis: Analysis, estimate: MemoryEstimate, nodes: readonly string[]): Fact[] {
  const { byId, compiled } = internals(analysis);
  for (const id of nodes) {
    const n = byId.get(id);
    const form = n && weightForm(n);
    if (n === undefined || form === undefined) continue;
    const { fate, note } = weightBehaviour(estimate.ep, n.node.opType, form);
    const names = nodes.flatMap((i) => compiled.weightsOf.get(byId.get(i) ?? n)?.map((v) => v.name) ?? []);
    return [
      ...(names.length === 0 ? [] : [fact('weights', names.join(', '))]),
      fact('weightForm', form),
      fact('weightFate', fates[fate]),
      fact('weightNote', note),
    ];
  }
  return [];
}
