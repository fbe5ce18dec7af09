/**
 * A value that not every turn of a Loop has, as two: its elements in one row, and its dims. A branch that does not run
 * gives no elements and ones for dims; a Loop carries both from turn to turn, elements joined, dims as they were last.
 */
import { DataType, type Attribute, type Graph, type Node, type Value } from '../onnx/index.ts';

/** What is put behind a key for its elements and for its dims. */
export const PARTS = [' elements', ' dims'] as const;
const [ELEMENTS, DIMS] = PARTS;

export interface Leaf {
  readonly dataType: number;
  /** Of one turn. */
  readonly rank: number;
}

/** The parts of the value `name`. */
export function leafParts(key: string, name: string): Node[] {
  return [
    intsOf(`${key} row`, [-1]),
    made('Reshape', [name, `${key} row`], key + ELEMENTS),
    made('Shape', [name], key + DIMS),
  ];
}

export function emptyParts(key: string, { dataType, rank }: Leaf): Node[] {
  return [
    constantOf(key + ELEMENTS, dataType, [0], new Uint8Array(0)),
    intsOf(
      key + DIMS,
      Array.from({ length: rank }, () => 1),
    ),
  ];
}

/** The value of all turns, stacked, of its parts. */
export function whole(key: string): Node[] {
  return [
    intsOf(`${key} turns`, [-1]),
    made('Concat', [`${key} turns`, key + DIMS], `${key} shape`, [axis(0)]),
    made('Reshape', [key + ELEMENTS, `${key} shape`], key),
  ];
}

/** A Loop whose body makes the parts of each key: it carries them on, and gives them when it is through. */
export function joinedTurns(loop: Node, leaves: ReadonlyMap<string, Leaf>): Node[] {
  const body = loop.attributes.get('body');
  if (body?.kind !== 'graph') return [loop];
  const [trips = '', condition = '', ...states] = loop.inputs;
  const keys = [...leaves.keys()];
  const first = keys.flatMap((key) => PARTS.map((part) => `${key + part} first`));
  const before = keys.flatMap((key) => PARTS.map((part) => `${key + part} before`));
  const after = keys.flatMap((key) => PARTS.map((part) => `${key + part} after`));
  const start = [...leaves].flatMap(([key, leaf]) =>
    emptyParts(key, leaf).map((n) => ({ ...n, outputs: n.outputs.map((o) => `${o} first`) })),
  );
  const value: Graph = {
    ...body.value,
    inputs: [
      ...body.value.inputs,
      ...[...leaves].flatMap(([key, leaf]): Value[] => [
        { name: `${key + ELEMENTS} before`, type: { kind: 'tensor', elemType: leaf.dataType } },
        { name: `${key + DIMS} before`, type: { kind: 'tensor', elemType: DataType.int64 } },
      ]),
    ],
    nodes: [...body.value.nodes, ...keys.flatMap(carried)],
    // the condition and the states come before what is stacked
    outputs: inserted(
      body.value.outputs,
      1 + states.length,
      after.map((name): Value => ({ name })),
    ),
    range: undefined,
  };
  const attributes = new Map(loop.attributes).set('body', { ...body, value, range: undefined });
  const given = keys.flatMap((key) => PARTS.map((part) => key + part));
  const outputs = inserted(loop.outputs, states.length, given);
  return [
    ...start,
    { ...loop, attributes, inputs: [trips, condition, ...states, ...first], outputs, range: undefined },
  ];

  function carried(key: string): Node[] {
    const i = keys.indexOf(key) * PARTS.length;
    const one = `${key} one`;
    return [
      made('Concat', [before[i] ?? '', key + ELEMENTS], after[i] ?? '', [axis(0)]),
      // a turn that has nothing gives ones
      intsOf(one, [1]),
      made('Greater', [key + DIMS, one], `${key} known`),
      made('Where', [`${key} known`, key + DIMS, before[i + 1] ?? ''], after[i + 1] ?? ''),
    ];
  }
}

function inserted<T>(list: readonly T[], at: number, added: readonly T[]): T[] {
  return [...list.slice(0, at), ...added, ...list.slice(at)];
}

export function made(
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: readonly Attribute[] = [],
): Node {
  const named = new Map(attributes.map((a) => [a.name, a]));
  return { name: '', opType, domain: '', inputs, outputs: [output], attributes: named };
}

export function axis(at: number): Attribute {
  return { name: 'axis', kind: 'int', value: BigInt(at) };
}

export function intsOf(
  output: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): Node {
  const bytes = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
  return constantOf(output, DataType.int64, dims, bytes);
}

export function constantOf(
  output: string,
  dataType: number,
  dims: readonly number[],
  bytes: Uint8Array,
): Node {
  const value = { name: '', dataType, dims, location: { kind: 'inline', bytes }, smallData: bytes } as const;
  return made('Constant', [], output, [{ name: 'value', kind: 'tensor', value }]);
}
