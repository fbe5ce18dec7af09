/** What is expected of the values of a graph, from its inputs on; weights are streamed, once each. */
import type { Dim } from '../../../../analysis/types.ts';
import { isUnknown } from '../../../../analysis/dim.ts';
import { elementCount, readTensor } from '../../../../onnx/index.ts';
import { DataType, type Node, type TensorRef } from '../../../../onnx/model.ts';
import type { WeightSource } from '../../../weights/stream.ts';
import { decodeFloats } from '../floats.ts';
import type { ImportanceContext } from '../importance.ts';
import { attentionRules } from './attention.ts';
import { elementwiseRules } from './elementwise.ts';
import { layoutRules } from './layout.ts';
import { linearRules } from './linear.ts';
import { normRules } from './norms.ts';
import type { FlowContext, FlowRule, FlowTable } from './rule.ts';
import { constant, momentsOf, standard, Unfit, type Moments, type Spread } from './spread.ts';
import { tableMoments } from './tables.ts';

const RULES: FlowTable = { ...elementwiseRules, ...layoutRules, ...linearRules, ...normRules };

function ruleOf({ domain, opType }: Node): FlowRule | undefined {
  if (domain === 'com.microsoft' && Object.hasOwn(attentionRules, opType)) return attentionRules[opType];
  if (domain === '' && opType === 'Attention') return attentionRules['MultiHeadAttention'];
  if (domain !== '' && domain !== 'com.microsoft') return undefined;
  return Object.hasOwn(RULES, opType) ? RULES[opType] : undefined;
}

type Context = Pick<ImportanceContext, 'model' | 'trace' | 'tensor'>;

/** Of each of the values: what is expected of it, its rank that of the value. */
export async function expectedMoments(
  context: Context,
  wanted: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<Map<string, Moments>> {
  const nodes = before(context, wanted);
  const left = new Map<string, number>();
  for (const name of nodes.flatMap((n) => n.inputs)) left.set(name, (left.get(name) ?? 0) + 1);
  const known = new Map<string, Spread>();
  const found = new Map<string, Moments>();
  for (const node of nodes) {
    const outputs = await outputsOf(new Flow(context, node, known, signal));
    node.outputs.forEach((name, o) => {
      const spread = outputs[o];
      if (spread === undefined) return;
      if (left.has(name)) known.set(name, spread);
      if (wanted.has(name)) found.set(name, momentsOf(spread));
    });
    for (const name of node.inputs) {
      const count = (left.get(name) ?? 0) - 1;
      left.set(name, count);
      // what no later node reads is let go
      if (count === 0) known.delete(name);
    }
  }
  for (const name of wanted)
    if (!found.has(name)) found.set(name, momentsOf(standard(rankOf(context, name) ?? 0)));
  return found;
}

/** The nodes that the values come from, in the order of execution. */
function before({ trace }: Context, wanted: ReadonlySet<string>): Node[] {
  const needed = new Set(wanted);
  const nodes: Node[] = [];
  for (const node of [...trace.inference.main.order].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    nodes.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  return nodes.reverse();
}

async function outputsOf(flow: Flow): Promise<readonly Spread[]> {
  const rule = ruleOf(flow.node);
  if (rule === undefined || flow.node.opType === 'Constant') return [];
  try {
    const outputs = await rule(flow);
    return outputs.every((s, o) => isOfRank(s, flow.rank(flow.node.outputs[o] ?? ''))) ? outputs : [];
  } catch (error) {
    if (error instanceof Unfit) return [];
    throw error;
  }
}

function isOfRank({ dims }: Spread, rank: number | undefined): boolean {
  return rank === undefined || rank === dims.length;
}

function rankOf({ trace }: Context, name: string): number | undefined {
  return dimsOf(trace, name)?.length;
}

function dimsOf({ inference }: Context['trace'], name: string): readonly Dim[] | undefined {
  const type = inference.main.values.get(name);
  return type?.kind !== 'tensor' || isUnknown(type.shape) ? undefined : type.shape;
}

/** Larger constants are told by the mean and variance of each index of their last dim. */
const MOST_VALUES = 1 << 16;

class Flow implements FlowContext {
  readonly node: Node;
  readonly version: number;
  readonly signal: AbortSignal | undefined;
  private readonly context: Context;
  private readonly known: ReadonlyMap<string, Spread>;

  constructor(
    context: Context,
    node: Node,
    known: ReadonlyMap<string, Spread>,
    signal: AbortSignal | undefined,
  ) {
    this.context = context;
    this.node = node;
    this.known = known;
    this.signal = signal;
    this.version = context.model.opsetImports.find((o) => o.domain === node.domain)?.version ?? 1;
  }

  private name(input: number): string {
    return this.node.inputs[input] ?? '';
  }

  rank(name: string): number | undefined {
    return rankOf(this.context, name);
  }

  has(input: number): boolean {
    return this.name(input) !== '';
  }

  dims(input: number): readonly Dim[] {
    return fit(dimsOf(this.context.trace, this.name(input)));
  }

  outDims(output: number): readonly Dim[] {
    return fit(dimsOf(this.context.trace, this.node.outputs[output] ?? ''));
  }

  numbers(input: number): readonly number[] | undefined {
    const type = this.context.trace.inference.main.values.get(this.name(input));
    const content = type?.kind === 'tensor' ? type.content : undefined;
    return content?.every((d) => typeof d === 'number') === true ? content : undefined;
  }

  ints(input: number): readonly number[] | undefined {
    return this.numbers(input);
  }

  weight(input: number): WeightSource | undefined {
    const { model, trace, tensor } = this.context;
    const name = this.name(input);
    const found = trace.constants.has(name) ? tensor(name) : undefined;
    if (found === undefined || !isFloat(found)) return undefined;
    return { model, tensor: found, name, node: trace.ids.get(this.node) ?? this.node.name };
  }

  async values(input: number): Promise<Float64Array> {
    const source = this.weight(input);
    if (source === undefined || elementCount(source.tensor.dims) > MOST_VALUES) throw new Unfit();
    const bytes = await readTensor(source.model, source.tensor, { signal: this.signal });
    return Float64Array.from(decodeFloats(Uint8Array.from(bytes), source.tensor.dataType), finite);
  }

  async spread(input: number): Promise<Spread> {
    const numbers = this.numbers(input);
    const dims = dimsOf(this.context.trace, this.name(input));
    const sizes = dims?.filter((d) => typeof d === 'number') ?? [];
    if (numbers !== undefined && sizes.length === dims?.length) return constant(sizes, numbers.map(finite));
    const known = this.known.get(this.name(input));
    if (known !== undefined) return known;
    const source = this.weight(input);
    if (source === undefined) return standard(fit(dims).length);
    return elementCount(source.tensor.dims) <= MOST_VALUES
      ? constant(source.tensor.dims, await this.values(input))
      : await tableMoments(source, this.signal);
  }
}

const FLOAT_TYPES: ReadonlySet<number> = new Set([
  DataType.float,
  DataType.float16,
  DataType.bfloat16,
  DataType.double,
]);

/** Masks hold numbers that stand for an infinity. */
const finite = (x: number): number => (Math.abs(x) < 1e8 ? x : 0);

function isFloat({ dataType }: TensorRef): boolean {
  return FLOAT_TYPES.has(dataType);
}

function fit<T>(value: T | undefined): T {
  if (value === undefined) throw new Unfit();
  return value;
}
