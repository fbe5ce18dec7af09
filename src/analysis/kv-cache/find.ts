/**
 * Which graph inputs are the keys and values of earlier tokens: by the attention operator that reads them, by a Concat
 * that lengthens one to a graph output, or by the names that exporters give them.
 */
import type { ExecutedNode, Program } from '../memory/program.ts';
import { dimsOfValue, elemTypeOfValue } from '../memory/values.ts';
import type { Value } from '../memory/values.ts';
import { attributeInt, DataType } from '../../onnx/model.ts';

export interface FoundCache {
  readonly input: Value;
  /** The graph output that takes its place at the next token; undefined where none was found. */
  readonly output: string | undefined;
  readonly holds: 'key' | 'value' | 'both';
  /** Axis of the tokens. */
  readonly axis: number;
  readonly foundBy: 'operator' | 'concat' | 'name';
}

type Port = readonly [input: number, output: number, holds: FoundCache['holds'], axis: number];

/** Where an operator takes its past and gives its present; [batch, heads, tokens, head], `both` with a leading 2. */
const separate = (key: number, keyOut = 1): readonly Port[] => [
  [key, keyOut, 'key', 2],
  [key + 1, keyOut + 1, 'value', 2],
];
const ports: Readonly<Record<string, readonly Port[]>> = {
  Attention: separate(4),
  'com.microsoft::Attention': [[4, 1, 'both', 3]],
  'com.microsoft::QAttention': [[8, 1, 'both', 3]],
  'com.microsoft::MultiHeadAttention': separate(6),
  'com.microsoft::GroupQueryAttention': separate(3),
  'com.microsoft::SparseAttention': separate(3),
  'com.microsoft::DecoderMaskedMultiHeadAttention': separate(5),
  'com.microsoft::DecoderMaskedSelfAttention': [[4, 1, 'both', 3]],
};

/** `past_key_values.0.key`, `past_0`, `key_cache.1`, `v_cache_3`, `cache_k_0`, …; not a cache's length or mask. */
const names =
  /(^|[._/])(past|pkv|(k|v|kv|key|value)_?cache|cache_?(k|v|kv|key|value))([._/]|\d|$|_?key|_?value)/i;

/** In the order of the inputs. */
export function findCaches({ main, nodes }: Program): FoundCache[] {
  const outputs = new Set(main.outputs);
  const found = new Map<Value, FoundCache>();
  for (const n of nodes) {
    for (const c of [...byOperator(n, outputs), ...byConcat(n, outputs)])
      if (!found.has(c.input)) found.set(c.input, c);
  }
  for (const input of main.inputs) {
    const named = found.has(input) ? undefined : byName(input, main.outputs);
    if (named) found.set(input, named);
  }
  return main.inputs.flatMap((v) => found.get(v) ?? []);
}

function byOperator(n: ExecutedNode, outputs: ReadonlySet<Value | undefined>): FoundCache[] {
  const { domain, opType } = n.node;
  return (ports[domain === '' ? opType : `${domain}::${opType}`] ?? []).flatMap(([from, to, holds, axis]) => {
    const input = n.inputs[from];
    if (input?.kind !== 'input') return [];
    const present = n.outputs[to];
    return [
      { input, output: outputs.has(present) ? present?.name : undefined, holds, axis, foundBy: 'operator' },
    ];
  });
}

/** [batch, heads, tokens, head], lengthened by what this run adds. */
function byConcat(n: ExecutedNode, outputs: ReadonlySet<Value | undefined>): FoundCache[] {
  const [input, added] = n.inputs;
  const [present] = n.outputs;
  const rank = dimsOfValue(input)?.length;
  if (n.node.opType !== 'Concat' || n.inputs.length !== 2 || rank !== 4 || !outputs.has(present)) return [];
  if (input?.kind !== 'input' || added?.kind !== 'produced' || !isNumber(input)) return [];
  const axis = attributeInt(n.node, 'axis', 0);
  const holds = holdsByName(input.name) === 'value' ? 'value' : 'key';
  return [{ input, output: present?.name, holds, axis: axis < 0 ? axis + rank : axis, foundBy: 'concat' }];
}

function byName(input: Value, outputs: readonly (Value | undefined)[]): FoundCache | undefined {
  const rank = dimsOfValue(input)?.length ?? 0;
  if (!names.test(input.name) || rank < 4 || rank > 5 || !isNumber(input)) return undefined;
  const digits = numbersIn(input.name);
  const holds = holdsByName(input.name);
  const present = outputs.find(
    (v) =>
      v && /present|out|new/i.test(v.name) && numbersIn(v.name) === digits && holdsByName(v.name) === holds,
  );
  return { input, output: present?.name, holds, axis: rank === 5 ? 3 : 2, foundBy: 'name' };
}

function numbersIn(name: string): string {
  return (name.match(/\d+/g) ?? []).join('.');
}

function holdsByName(name: string): FoundCache['holds'] {
  if (/value|(^|[._])v([._]|$|cache)|cache_?v([._]|\d|$)/i.test(name.replace(/key_values/i, '')))
    return 'value';
  return /key|(^|[._])k([._]|$|cache)|cache_?k([._]|\d|$)/i.test(name.replace(/key_values/i, ''))
    ? 'key'
    : 'both';
}

const integers: ReadonlySet<number> = new Set([
  DataType.int64,
  DataType.int32,
  DataType.bool,
  DataType.string,
]);

/** Floats, or what quantized caches hold: no lengths, masks or ids. */
function isNumber(v: Value): boolean {
  const type = elemTypeOfValue(v);
  return type !== 0 && !integers.has(type);
}
