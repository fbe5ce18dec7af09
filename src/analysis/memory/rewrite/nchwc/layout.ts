/** The values that lie in blocks of channels while a graph is rewritten, and the edits that put them there. */
import { attributeInts } from '../../../../onnx/model.ts';
import type { Dim } from '../../../types.ts';
import type { KnownDims } from '../../known-dims.ts';
import type { Draft } from '../../runtime.ts';
import { dimsOfValue } from '../../values.ts';
import type { Value } from '../../values.ts';
import type { GraphEditor } from '../editor.ts';
import { vector } from '../transpose/axes.ts';
import { isSameOrigin, ownOrigins } from './origins.ts';
import type { Origin } from './origins.ts';

export const nchwcDomain = 'com.microsoft.nchwc';

/** A value in blocked layout, in the place of an original. */
export interface Made {
  readonly value: Value;
  readonly maker: Draft;
  readonly channels: number;
  /** Uses of the original when it was made. */
  readonly uses: number;
  readonly original: Value;
}

export interface Blocked extends Omit<Made, 'original'> {
  readonly origins: readonly Origin[];
  /** Uses of the original that were not yet turned to the blocked one. */
  remaining: number;
}

/** The inputs of one node, all in blocks. */
export type BlockedInputs = readonly [Blocked, ...Blocked[]];

export class BlockedLayout {
  readonly editor: GraphEditor;
  readonly known: KnownDims;
  readonly blockSize: number;
  private readonly blocked = new Map<Value, Blocked>();
  private readonly reordered = new Map<Value, Value>();
  /** Convolutions that took an activation or a sum over. */
  private readonly activated = new Set<Draft>();
  private readonly summed = new Set<Draft>();
  /** Transpositions that a reorder node does. */
  private readonly bypassed = new Set<Draft>();
  /** Of the Reshapes around a sum, by their rank: all of a graph share them. */
  private readonly shapes = new Map<number, Value>();

  constructor(editor: GraphEditor, known: KnownDims, blockSize: number) {
    this.editor = editor;
    this.known = known;
    this.blockSize = blockSize;
  }

  get(value: Value | undefined): Blocked | undefined {
    return value && this.blocked.get(value);
  }

  /** Of a node all of whose inputs are in blocks. */
  inputsOf(n: Draft): BlockedInputs | undefined {
    const [first, ...others] = n.inputs.map((v) => this.get(v));
    const isBlocked = (b: Blocked | undefined): b is Blocked => b !== undefined;
    return first && others.every(isBlocked) ? [first, ...others] : undefined;
  }

  /** The blocked form of an input: what made it, or a reorder node before `n`. */
  take(n: Draft, input: Value): Value {
    const source = this.blocked.get(input);
    if (source) {
      source.remaining--;
      return source.value;
    }
    const present = this.reordered.get(input);
    if (present) return present;
    const value = this.padded(input, `${input.name}/nchwc`, undefined);
    const transposed = this.editor.maker(input);
    const isFromLast = transposed?.opType === 'Transpose' && hasPerm(transposed, [0, 3, 1, 2]);
    const inputs = isFromLast ? transposed.inputs.slice(0, 1) : [input];
    this.editor.add({
      ...standIn(n),
      opType: 'ReorderInput',
      domain: nchwcDomain,
      inputs,
      outputs: [value],
    });
    this.reordered.set(input, value);
    if (isFromLast) this.bypassed.add(transposed);
    return value;
  }

  /** Puts a node of the blocked layout in the place of `n`. */
  make(n: Draft, opType: string, inputs: readonly (Value | undefined)[], channels: number): Made | undefined {
    const [original] = n.outputs;
    if (original === undefined) return undefined;
    const uses = this.editor.usesOf(original);
    const value = this.padded(original, `${original.name}/nchwc`, channels);
    const [maker] = this.editor.replace(n, [{ ...n, opType, domain: nchwcDomain, inputs, outputs: [value] }]);
    return maker && { maker, value, channels, uses, original };
  }

  /** `origins`: undefined where nothing tells where the sizes come from. */
  remember(made: Made, origins: readonly Origin[] | undefined): void {
    const { original, uses } = made;
    this.blocked.set(original, { ...made, remaining: uses, origins: origins ?? ownOrigins(original) });
  }

  /** A node that stays what it is, on blocked values. */
  keep(n: Draft, inputs: BlockedInputs, channels: number): void {
    const [original] = n.outputs;
    if (original === undefined) return;
    for (const b of inputs) b.remaining--;
    const uses = this.editor.usesOf(original);
    const value = this.padded(original, `${original.name}/nchwc`, channels);
    this.editor.change(n, { inputs: inputs.map((b) => b.value), outputs: [value] });
    this.remember({ value, maker: n, channels, uses, original }, inputs[0].origins);
  }

  /** Where only `n` reads the convolution: it does the activation too. */
  activate(n: Draft, source: Blocked): boolean {
    if (!this.isOpen(source)) return false;
    source.remaining--;
    this.activated.add(source.maker);
    return this.absorb(n, source, source.maker.inputs);
  }

  /** The same for a node of two that read the convolution, where `last` reads both. */
  activateByTwo(n: Draft, last: Draft, source: Blocked): boolean {
    const { maker } = source;
    if (!isPlainConv(maker) || this.activated.has(maker) || this.summed.has(maker)) return false;
    source.remaining -= 2;
    this.activated.add(maker);
    this.editor.remove(n);
    this.editor.change(last, { sources: [...n.sources, ...last.sources] });
    return this.absorb(last, source, maker.inputs);
  }

  /** What comes from here takes no other activation. */
  markActivated(conv: Draft): void {
    this.activated.add(conv);
  }

  /** A convolution that only the sum reads adds to what it computes. */
  addInConv(n: Draft, inputs: BlockedInputs): boolean {
    const [a, b] = inputs;
    if (inputs.length !== 2 || !b) return false;
    for (const [conv, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!this.isOpen(conv) || this.summed.has(conv.maker)) continue;
      for (const input of inputs) input.remaining--;
      this.summed.add(conv.maker);
      return this.absorb(n, conv, [...padTo3(conv.maker.inputs), other.value]);
    }
    return false;
  }

  /** What it cannot tell to be equal it adds all the same, each in a shape of five dims. */
  addReshaped(n: Draft, inputs: BlockedInputs): void {
    const [original] = n.outputs;
    if (original === undefined) return;
    for (const b of inputs) b.remaining--;
    const [{ channels }] = inputs;
    const reshaped = inputs.map(({ value }) =>
      this.reshape(n, value, `${value.name}/reshape`, [0, -1, 0, 0, this.blockSize]),
    );
    const sum = this.padded(original, `${original.name}/nchwc`, channels);
    this.editor.change(n, { inputs: reshaped, outputs: [sum] });
    const value = this.reshape(n, sum, `${original.name}/reshape`, [0, -1, 0, 0]);
    const uses = this.editor.usesOf(original);
    this.remember({ value, maker: n, channels, uses, original }, undefined);
  }

  /** As far as can be told without running. */
  haveSameShape(n: Draft, [first, ...others]: BlockedInputs): boolean {
    const [known, ...knownOthers] = n.inputs.map((v) => v && this.known.get(v));
    const isSame = (b: Blocked, i: number, axis: number): boolean => {
      if (isSameOrigin(first.origins[axis], b.origins[axis])) return true;
      const size = known?.[axis];
      return size !== undefined && size === knownOthers[i]?.[axis];
    };
    return others.every((b, i) => [0, 2, 3].every((axis) => isSame(b, i, axis)));
  }

  /** Reorder nodes where the usual layout is needed; removes what they made needless. */
  finish(): void {
    for (const [original, b] of this.blocked) if (b.remaining > 0) this.reorderOutput(original, b);
    for (const n of this.bypassed)
      if (n.outputs.every((v) => !v || this.editor.usesOf(v) === 0)) this.editor.remove(n);
  }

  /** A convolution that only one node reads and that has no activation yet. */
  private isOpen(b: Blocked): boolean {
    return isPlainConv(b.maker) && b.uses === 1 && !this.activated.has(b.maker);
  }

  /** `n` becomes part of the convolution that makes `source`. */
  private absorb(n: Draft, source: Blocked, inputs: readonly (Value | undefined)[]): boolean {
    const [original] = n.outputs;
    if (original === undefined) return false;
    const uses = this.editor.usesOf(original);
    const value = this.padded(original, `${original.name}/nchwc`, source.channels);
    const { maker } = source;
    this.editor.remove(n);
    this.editor.change(maker, { inputs, outputs: [value], sources: [...maker.sources, ...n.sources] });
    this.blocked.set(original, { ...source, value, maker, uses, remaining: uses });
    return true;
  }

  private reshape(n: Draft, value: Value, name: string, to: readonly number[]): Value {
    const reshaped = this.editor.values.like(value, name);
    const shape =
      this.shapes.get(to.length) ?? vector(this.editor, `${this.blockSize} channels/${to.length}`, to);
    this.shapes.set(to.length, shape);
    this.editor.add({
      ...standIn(n),
      opType: 'Reshape',
      domain: '',
      inputs: [value, shape],
      outputs: [reshaped],
    });
    return reshaped;
  }

  private reorderOutput(original: Value, b: Blocked): void {
    this.editor.add({
      ...standIn(b.maker),
      opType: 'ReorderOutput',
      domain: nchwcDomain,
      inputs: [b.value],
      outputs: [original],
    });
  }

  /** The value with its channels padded to whole blocks. */
  private padded(value: Value, name: string, channels: number | undefined): Value {
    const { type } = value;
    const dims = dimsOfValue(value);
    if (type.kind !== 'tensor' || dims === undefined) return this.editor.values.like(value, name);
    const shape = dims.map((d, axis): Dim => {
      const count = channels ?? d;
      return axis === 1 && typeof count === 'number' ? Math.ceil(count / this.blockSize) * this.blockSize : d;
    });
    return this.editor.values.make({ ...value, name, type: { ...type, shape } });
  }
}

export function hasPerm(n: Draft, perm: readonly number[]): boolean {
  return attributeInts(n.node, 'perm')?.join() === perm.join();
}

/** A node that `n` needs and that stands for none of the model. */
function standIn(n: Draft): Omit<Draft, 'index'> {
  return { ...n, sources: [] };
}

function isPlainConv(n: Draft): boolean {
  return n.opType === 'Conv' && n.domain === nchwcDomain;
}

function padTo3(inputs: readonly (Value | undefined)[]): (Value | undefined)[] {
  return Array.from({ length: 3 }, (_, i) => inputs[i]);
}
