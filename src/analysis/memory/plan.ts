/**
 * Which values share a buffer, and when each buffer is given back: ONNX Runtime's allocation planner
 * (allocation_planner.cc), replayed for one graph. It depends on the shapes' formulas only, not on their sizes, so it
 * is made once per model and optimization level.
 */
import { elementBits } from '../../onnx/datatype.ts';
import { DataType } from '../../onnx/model.ts';
import type { InplaceRule } from './inplace.ts';
import type { KnownDims } from './known-dims.ts';
import { elemTypeOfValue } from './values.ts';
import type { Value } from './values.ts';

/** What the planner sees of a node. */
export interface PlannedNode {
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly (Value | undefined)[];
  /** Values its subgraphs take from this graph. */
  readonly implicit: readonly Value[];
  readonly inplace: InplaceRule;
}

/** Memory that one value after another uses. */
export interface Buffer {
  /** Among all buffers of the model as it runs, those of subgraphs included. */
  readonly index: number;
  /** The value it was made for. */
  readonly first: Value;
  /** Given to the caller: it is not freed while the graph runs. */
  readonly isOutput: boolean;
}

export interface StepPlan {
  /** By output position: the buffer it takes; undefined where the output is left out or is not our memory. */
  readonly outputs: readonly (Buffer | undefined)[];
  /** Buffers made at this step. */
  readonly allocated: readonly Buffer[];
  /** Buffers given back after this step. */
  readonly freed: readonly Buffer[];
}

/** For each step a list, one after another: those of step i are `items[start[i]]` to `items[start[i + 1] - 1]`. */
export interface BufferLists {
  readonly start: Int32Array;
  /** Index of each buffer, and slot of the value that it was made for. */
  readonly buffer: Int32Array;
  readonly slot: Int32Array;
  /** 1 for a graph output. */
  readonly isOutput: Uint8Array;
}

export interface Plan {
  readonly steps: readonly StepPlan[];
  /** The same as in `steps`, laid out to be walked again and again. */
  readonly allocated: BufferLists;
  readonly freed: BufferLists;
  /** The buffer that the value lies in; undefined where it is not our memory. */
  bufferOf(value: Value): Buffer | undefined;
}

interface State {
  readonly buffer: Buffer;
  useCount: number;
  /** Last step that reads it; −1 where none does: it is held until the run ends. */
  lastStep: number;
}

/** `nodes` in the order they run; `outputs` are the graph's, of which `handedOn` lie in memory that is there already. */
export function planBuffers(
  nodes: readonly PlannedNode[],
  outputs: readonly (Value | undefined)[],
  known: KnownDims,
  counter: BufferCounter,
  handedOn: ReadonlySet<Value>,
): Plan {
  return new Planner(nodes, outputs, known, counter, handedOn).run();
}

/** Gives each buffer its index. */
export interface BufferCounter {
  next: number;
}

class Planner {
  private readonly nodes: readonly PlannedNode[];
  private readonly known: KnownDims;
  private readonly graphOutputs: ReadonlySet<Value>;
  /** By the value's slot; lists, as maps of 10,000 objects take most of the time that planning takes. */
  private readonly uses: number[] = [];
  private readonly states: (State | undefined)[] = [];
  private readonly keys: (string | null)[] = [];
  private readonly all: State[] = [];
  /** What was given back, the latest last, by size. */
  private readonly freeLists = new Map<string, State[]>();
  private readonly counter: BufferCounter;
  private readonly handedOn: ReadonlySet<Value>;

  constructor(
    nodes: readonly PlannedNode[],
    outputs: readonly (Value | undefined)[],
    known: KnownDims,
    counter: BufferCounter,
    handedOn: ReadonlySet<Value>,
  ) {
    this.nodes = nodes;
    this.known = known;
    this.counter = counter;
    this.handedOn = handedOn;
    this.graphOutputs = new Set(outputs.filter((v) => v !== undefined));
    for (const n of nodes) {
      for (const v of n.inputs) this.use(v);
      for (const v of n.implicit) this.use(v);
    }
    for (const v of this.graphOutputs) this.use(v);
  }

  private use(v: Value | undefined): void {
    if (v) put(this.uses, v.slot, (this.uses[v.slot] ?? 0) + 1, 0);
  }

  private stateOf(v: Value | undefined): State | undefined {
    return v && this.states[v.slot];
  }

  /** See {@link sizeKey}. */
  private keyOf(v: Value): string | undefined {
    const known = this.keys[v.slot];
    if (known !== undefined && known !== notAsked) return known ?? undefined;
    const key = sizeKey(v, this.known);
    put(this.keys, v.slot, key ?? null, notAsked);
    return key;
  }

  run(): Plan {
    const steps = this.nodes.map((n, step) => this.place(n, step));
    for (const { buffer, lastStep } of this.all) {
      const step = buffer.isOutput ? undefined : steps[lastStep];
      if (step) step.freed = step.freed === noBuffers ? [buffer] : [...step.freed, buffer];
    }
    return {
      steps,
      allocated: listsOf(steps.map((s) => s.allocated)),
      freed: listsOf(steps.map((s) => s.freed)),
      bufferOf: (v) => this.stateOf(v)?.buffer,
    };
  }

  private place(node: PlannedNode, step: number): StepPlan & { freed: readonly Buffer[] } {
    const allocated: Buffer[] = [];
    const outputs = node.outputs.map((value, i) => {
      if (!value || this.handedOn.has(value)) return undefined;
      const state = this.stateFor(node, value, i, allocated);
      if (!state) return undefined;
      put(this.states, value.slot, state, undefined);
      return state.buffer;
    });
    for (const value of node.inputs) this.read(value, step);
    for (const value of node.implicit) this.read(value, step);
    for (const value of node.outputs) this.release(value);
    return { outputs, allocated: allocated.length > 0 ? allocated : noBuffers, freed: noBuffers };
  }

  /** Undefined where the value lies in memory that is not planned here: an alias of a graph input or constant. */
  private stateFor(node: PlannedNode, value: Value, i: number, allocated: Buffer[]): State | undefined {
    const count = (this.uses[value.slot] ?? 0) + 1; // its definition counts as a use
    const isOutput = this.graphOutputs.has(value);
    if (!isOutput) {
      const source = this.inputToReuse(node, value, i);
      if (source) return this.share(this.stateOf(source), count);
      // what nothing reads takes no dead buffer
      const dead = count > 1 ? this.deadBuffer(value) : undefined;
      if (dead) return this.share(dead, count);
    }
    const state: State = {
      buffer: { index: this.counter.next++, first: value, isOutput },
      useCount: count,
      lastStep: -1,
    };
    this.all.push(state);
    allocated.push(state.buffer);
    return state;
  }

  private share(state: State | undefined, count: number): State | undefined {
    if (state) state.useCount += count;
    return state;
  }

  private inputToReuse(node: PlannedNode, value: Value, output: number): Value | undefined {
    const { alias = noPairs, mayInplace = noPairs } = node.inplace;
    for (const [from, to] of alias) {
      const input = node.inputs[from];
      if (to === output && input) return input;
    }
    for (const [from, to] of mayInplace) {
      const input = node.inputs[from];
      const state = this.stateOf(input);
      if (to !== output || !input || state?.useCount !== 1 || state.buffer.isOutput) continue;
      const key = this.keyOf(input);
      if (key !== undefined && key === this.keyOf(value)) return input;
    }
    return undefined;
  }

  /** The most recently given back buffer of the same size; for scalars none is looked for. */
  private deadBuffer(value: Value): State | undefined {
    const key = (this.known.get(value)?.length ?? 0) === 0 ? undefined : this.keyOf(value);
    return key === undefined ? undefined : this.freeLists.get(key)?.pop();
  }

  private read(value: Value | undefined, step: number): void {
    const state = this.stateOf(value);
    if (state) state.lastStep = step;
    this.release(value);
  }

  private release(value: Value | undefined): void {
    const state = this.stateOf(value);
    if (!state) return;
    if (--state.useCount > 0 || state.buffer.isOutput) return;
    const key = this.keyOf(state.buffer.first);
    if (key === undefined) return;
    const list = this.freeLists.get(key);
    if (list) list.push(state);
    else this.freeLists.set(key, [state]);
  }
}

const notAsked = '';
const noPairs: readonly (readonly [number, number])[] = [];
const noBuffers: readonly Buffer[] = [];

/** Without holes, which make a list slow: those before get `missing`. */
function put<T>(list: T[], at: number, item: T, missing: T): void {
  while (list.length <= at) list.push(missing);
  list[at] = item;
}

/**
 * Equal for values of the same element size and the same dims, as far as ONNX Runtime's own shape inference can tell;
 * undefined where it cannot.
 */
function sizeKey(v: Value, known: KnownDims): string | undefined {
  const dims = known.get(v);
  const type = elemTypeOfValue(v);
  if (dims === undefined || dims.includes(undefined) || type === DataType.string) return undefined;
  return `${elementBits(type) ?? '?'}:${dims.join()}`;
}

function listsOf(lists: readonly (readonly Buffer[])[]): BufferLists {
  const all = lists.flat();
  const start = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => (start[i + 1] = (start[i] ?? 0) + list.length));
  return {
    start,
    buffer: Int32Array.from(all, (b) => b.index),
    slot: Int32Array.from(all, (b) => b.first.slot),
    isOutput: Uint8Array.from(all, (b) => (b.isOutput ? 1 : 0)),
  };
}
