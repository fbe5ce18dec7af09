/**
 * Values that pass between an If, a Loop or a Scan and its bodies under one name in each: all of them have one type.
 * A port passes 16 bits where the bodies give them anyway, so that no rounding is added and no Cast runs in each turn.
 *
 *     v0 → Loop(body: v → MatMul → v_next) → y      v0, v, v_next and y are a port
 */
import { attributeInt } from '../../onnx/model.ts';
import type { Entry, Scope, Workspace } from '../graph/workspace.ts';
import type { CastType } from '../recipe/cast.ts';
import { ByValue, homeOf } from './names.ts';

/** An input or output of a body, by its position. */
export interface BodyValue {
  readonly scope: Scope;
  readonly index: number;
}

export interface Port {
  readonly entry: Entry;
  /** Outputs of the bodies that it passes on: of each branch, or of the one body. */
  readonly sources: readonly BodyValue[];
  /** The body's input that it gives. */
  readonly inside?: BodyValue | undefined;
  /** Positions among the node's inputs and outputs. */
  readonly input?: number | undefined;
  readonly output?: number | undefined;
}

/** Operators of ai.onnx whose bodies are followed. */
export const BODY_OPS: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan']);
/** Before, a Scan had a batch axis and an input of lengths. */
const SCAN_OPSET = 9;
/** Since then they take bfloat16, too. */
const BFLOAT16_OPSET = 16;

export function portsOf(ws: Workspace): Port[] {
  return [...ws.entries].flatMap((entry) => {
    const { original, nodes, bodies } = entry;
    const [body] = bodies;
    if (body === undefined || nodes[0] !== original || original.domain !== '') return [];
    if (original.opType === 'If') return branchPorts(entry);
    if (original.opType === 'Loop') return loopPorts(entry, body.scope);
    return original.opType === 'Scan' && ws.opsetVersion >= SCAN_OPSET ? scanPorts(entry, body.scope) : [];
  });
}

function branchPorts(entry: Entry): Port[] {
  return entry.original.outputs.map((_, output) => ({
    entry,
    sources: entry.bodies.map(({ scope }) => ({ scope, index: output })),
    output,
  }));
}

/** Of the node: number of turns, condition, then what is carried; of the body: turn and condition, then the same. */
function loopPorts(entry: Entry, scope: Scope): Port[] {
  const carried = scope.graph.inputs.length - 2;
  return scope.graph.outputs.slice(1).map((_, i) => ({
    entry,
    sources: [{ scope, index: i + 1 }],
    output: i,
    ...(i < carried ? { inside: { scope, index: i + 2 }, input: i + 2 } : {}),
  }));
}

/** What is carried, then what is taken slice by slice; results likewise. */
function scanPorts(entry: Entry, scope: Scope): Port[] {
  const { inputs, outputs } = scope.graph;
  const scanned = attributeInt(entry.original, 'num_scan_inputs') ?? 0;
  const carried = inputs.length - scanned;
  const taken = (i: number) => ({ inside: { scope, index: i }, input: i });
  return [
    ...outputs.map((_, i) => ({
      entry,
      sources: [{ scope, index: i }],
      output: i,
      ...(i < carried ? taken(i) : {}),
    })),
    ...Array.from({ length: scanned }, (_, i) => ({ entry, sources: [], ...taken(carried + i) })),
  ];
}

/** Name of a body's output as it was. */
export function outputName({ scope, index }: BodyValue): string {
  return scope.graph.outputs[index]?.name ?? '';
}

export function inputName({ scope, index }: BodyValue): string {
  return scope.graph.inputs[index]?.name ?? '';
}

/** What is known of values without their ports. */
export interface Known {
  /** The type of 16 bits in which a node gives it. */
  readonly given: (scope: Scope, name: string) => CastType | undefined;
  /** Entries that take it in float32. */
  readonly floatTakers: (scope: Scope, name: string) => Iterable<Entry>;
}

export interface LowPorts {
  readonly types: ReadonlyMap<Port, CastType>;
  /** The type of 16 bits in which a node or a port gives it. */
  readonly given: (scope: Scope, name: string) => CastType | undefined;
}

/**
 * The ports that pass 16 bits: all their sources do. What a Loop or Scan begins with does, too, or else nothing inside
 * takes it in float32; what a Scan takes slice by slice does.
 */
export function lowPorts(ws: Workspace, ports: readonly Port[], known: Known): LowPorts {
  const types = new Map<Port, CastType>();
  const byPort = new ByValue<CastType>();
  const given = (scope: Scope, name: string) => known.given(scope, name) ?? byPort.get(scope, name);
  // positions of inputs that pass 16 bits, by entry
  const low = new Map<Entry, Set<number>>();
  const holders = new Set(ports.map((port) => port.entry));
  const isFloatTaker = (entry: Entry, name: string): boolean =>
    !holders.has(entry) ||
    entry.original.inputs.some((input, i) => input === name && low.get(entry)?.has(i) !== true);
  const typeOf = ({ entry, sources, inside, input }: Port): CastType | undefined => {
    const begin = input === undefined ? '' : (entry.original.inputs[input] ?? '');
    const beginType = given(homeOf(ws, entry.scope, begin), begin);
    const [first, ...others] = sources.map((source) => sourceType(ws, source, given));
    if (sources.length === 0) return beginType;
    if (first === undefined || others.some((type) => type !== first)) return undefined;
    if (inside === undefined || beginType === first) return first;
    const name = inputName(inside);
    const takers = [...known.floatTakers(inside.scope, name)];
    return takers.some((taker) => isFloatTaker(taker, name)) ? undefined : first;
  };
  for (let isSettled = false; !isSettled;) {
    isSettled = true;
    for (const port of ports) {
      const type = types.has(port) ? undefined : typeOf(port);
      if (type === undefined || (type === 'bfloat16' && ws.opsetVersion < BFLOAT16_OPSET)) continue;
      isSettled = false;
      types.set(port, type);
      const { entry, inside, input, output } = port;
      if (inside !== undefined) byPort.at(inside.scope, inputName(inside), () => type);
      if (output !== undefined) byPort.at(entry.scope, entry.original.outputs[output] ?? '', () => type);
      if (input !== undefined) low.set(entry, (low.get(entry) ?? new Set()).add(input));
    }
  }
  return { types, given };
}

/** Of a value that a branch or body hands on as it found it outside: none. */
function sourceType(ws: Workspace, source: BodyValue, given: Known['given']): CastType | undefined {
  const name = outputName(source);
  return ws.definition(source.scope, name) === source.scope ? given(source.scope, name) : undefined;
}
