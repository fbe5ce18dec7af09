/** Every rule, by domain, operator and version. */
import { attentions, previewAttentions } from './attention.ts';
import { binary } from './binary.ts';
import { casts } from './cast.ts';
import { constants } from './constant.ts';
import { controlFlow } from './control-flow.ts';
import { convolutions } from './conv.ts';
import { detection } from './detection.ts';
import { elementwise } from './elementwise.ts';
import { images } from './image.ts';
import { indexing } from './indexing.ts';
import { joining } from './joining.ts';
import { losses, trainingOperators } from './loss.ts';
import { products } from './matmul.ts';
import { attentions as microsoftAttentions } from './microsoft/attention.ts';
import { fused } from './microsoft/fused.ts';
import { generation } from './microsoft/generation.ts';
import { channelsBlocked, channelsLast, internalChannelsLast } from './microsoft/layout.ts';
import { other } from './microsoft/other.ts';
import { quantized } from './microsoft/quantized.ts';
import { classicalModels } from './ml.ts';
import { normalizations } from './normalization.ts';
import { pools } from './pool.ts';
import { quantization } from './quantization.ts';
import { recurrentNetworks } from './recurrent.ts';
import { reductions } from './reduce.ts';
import { reshaping } from './reshape.ts';
import { sequences } from './sequence.ts';
import { signals } from './signal.ts';
import { texts } from './text.ts';
import type { Rule, RuleEntry, RuleTable } from './rule.ts';

/** Families by the names people give them. */
type Families = Readonly<Record<string, RuleTable>>;

const onnx: Families = {
  'element by element': elementwise,
  arithmetic: binary,
  casts,
  constants,
  reshaping,
  indexing,
  joining,
  convolution: convolutions,
  pooling: pools,
  'matrix products': products,
  normalization: normalizations,
  reduction: reductions,
  recurrent: recurrentNetworks,
  images,
  'control flow': controlFlow,
  'sequences and optionals': sequences,
  quantization,
  attention: attentions,
  signals,
  text: texts,
  losses,
  detection,
};

const microsoft: Families = {
  'attention (com.microsoft)': microsoftAttentions,
  'fused (com.microsoft)': fused,
  'quantized (com.microsoft)': quantized,
  'generation (com.microsoft)': generation,
  'channels last (com.microsoft)': channelsLast,
  'other (com.microsoft)': other,
};

const domains: ReadonlyMap<string, Families> = new Map([
  ['', onnx],
  ['ai.onnx.ml', { 'classical models': classicalModels }],
  ['ai.onnx.preview', { attention: previewAttentions }],
  ['ai.onnx.preview.training', { training: trainingOperators }],
  ['com.microsoft', microsoft],
  ['com.microsoft.nchwc', { 'channels in blocks': channelsBlocked }],
  ['com.ms.internal.nhwc', { 'channels last': internalChannelsLast }],
]);

interface Registered {
  readonly entry: RuleEntry;
  readonly family: string;
}

const registered = new Map(
  [...domains].map(([domain, families]) => [domain, operatorsOf(families)] as const),
);

function operatorsOf(families: Families): ReadonlyMap<string, Registered> {
  const all = Object.entries(families).flatMap(([family, table]) =>
    Object.entries(table).map(([op, entry]) => [op, { entry, family }] as const),
  );
  return new Map(all);
}

/** The rule for an operator at a version of its domain; undefined where there is none. */
export function findRule(domain: string, opType: string, version: number): Rule | undefined {
  const entry = registered.get(domain)?.get(opType)?.entry;
  if (entry === undefined || typeof entry === 'function') return entry;
  return entry.findLast(([since]) => since <= version)?.[1];
}

/** Operators of a domain that have a rule. */
export function knownOperators(domain: string): readonly string[] {
  return [...(registered.get(domain)?.keys() ?? [])];
}

/** The family an operator belongs to; undefined where it has no rule. */
export function familyOf(domain: string, opType: string): string | undefined {
  return registered.get(domain)?.get(opType)?.family;
}
