/** Transpose nodes around others: made, shared between readers, and left out where two cancel out. */
import { attributeInts } from '../../../../onnx/model.ts';
import type { KnownDims } from '../../known-dims.ts';
import type { Draft } from '../../runtime.ts';
import { dimsOfValue } from '../../values.ts';
import type { Value } from '../../values.ts';
import type { GraphEditor } from '../editor.ts';
import { isConstant, isOp } from '../patterns.ts';

export type Perm = readonly number[];

export function inverse(perm: Perm): number[] {
  return perm.map((_, axis) => perm.indexOf(axis));
}

/** From [N, C, …] to [N, …, C]. */
export function channelsLast(rank: number): Perm {
  return [...Array(rank).keys()].map((axis) => (axis === 0 ? 0 : axis === rank - 1 ? 1 : axis + 1));
}

/** From [N, …, C] to [N, C, …]. */
export function channelsFirst(rank: number): Perm {
  return inverse(channelsLast(rank));
}

export function isSamePerm(a: Perm | undefined, b: Perm): boolean {
  return a?.join() === b.join();
}

/** Undefined where the node is no Transpose; without a perm it reverses all axes. */
export function permOf(n: Draft | undefined): Perm | undefined {
  if (n === undefined || !isOp(n, 'Transpose')) return undefined;
  const rank = dimsOfValue(n.inputs[0])?.length;
  return (
    attributeInts(n.node, 'perm') ?? (rank === undefined ? undefined : [...Array(rank).keys()].reverse())
  );
}

export class TransposeEditor {
  readonly editor: GraphEditor;
  /** What ONNX Runtime knows before anything is moved. */
  private readonly known: KnownDims;
  /** Of the values made here: those that they are, with their axes in another order. */
  private readonly origins = new Map<Value, Value>();

  constructor(editor: GraphEditor, known: KnownDims) {
    this.editor = editor;
    this.known = known;
  }

  /** Whether ONNX Runtime knows how many dims the value has. */
  knowsRank(v: Value): boolean {
    return v.kind === 'constant' || this.known.has(this.origins.get(v) ?? v);
  }

  /** Lets the node read input `i` transposed by `perm`. */
  input(n: Draft, i: number, perm: Perm): void {
    const given = n.inputs[i];
    if (given === undefined) return;
    const value = this.transposed(n, given, perm);
    this.editor.change(n, { inputs: n.inputs.map((v, at) => (at === i ? value : v)) });
    this.removeUnread(this.editor.maker(given));
  }

  /** Lets the node give what, transposed by `perm`, is what it gave. */
  output(n: Draft, perm: Perm, i = 0): void {
    const given = n.outputs[i];
    if (given === undefined) return;
    const value = this.permuted(given, inverse(perm));
    this.editor.change(n, { outputs: n.outputs.map((v, at) => (at === i ? value : v)) });
    this.add(n, value, given, perm);
  }

  removeUnread(n: Draft | undefined): void {
    if (n && isOp(n, 'Transpose') && n.outputs.every((v) => !v || this.editor.usesOf(v) === 0))
      this.editor.remove(n);
  }

  private transposed(n: Draft, value: Value, perm: Perm): Value {
    // as many bytes in another order
    if (isConstant(value)) return this.constant(value, perm);
    const maker = this.editor.maker(value);
    const before = permOf(maker);
    if (before && isSamePerm(before, inverse(perm)) && maker?.inputs[0]) return maker.inputs[0];
    const same = this.editor.readersOf(value).find((r) => isSamePerm(permOf(r), perm));
    if (same?.outputs[0]) return same.outputs[0];
    const source = before && maker?.inputs[0];
    const made = this.permuted(value, perm);
    if (before && source)
      this.add(
        n,
        source,
        made,
        perm.map((axis) => before[axis] ?? axis),
      );
    else this.add(n, value, made, perm);
    return made;
  }

  private constant(value: Value, perm: Perm): Value {
    if (dimsOfValue(value)?.length !== perm.length) return value;
    const made = this.permuted(value, perm);
    this.editor.addConstant(made);
    return made;
  }

  private permuted(v: Value, perm: Perm): Value {
    const made = this.made(v, perm);
    this.origins.set(made, this.origins.get(v) ?? v);
    return made;
  }

  private made(v: Value, perm: Perm): Value {
    const dims = dimsOfValue(v);
    const name = `${v.name}/transposed`;
    if (v.type.kind !== 'tensor' || dims === undefined) return this.editor.values.like(v, name);
    const shape = perm.map((axis) => dims[axis] ?? 1);
    return this.editor.values.make({ ...v, name, type: { ...v.type, shape } });
  }

  /** It stands for no node of the model. */
  private add(n: Draft, from: Value, to: Value, perm: Perm): void {
    const attribute = { name: 'perm', kind: 'ints', value: perm.map(BigInt) } as const;
    this.editor.add({
      source: n.source,
      sources: [],
      opType: 'Transpose',
      domain: '',
      node: { ...n.node, opType: 'Transpose', domain: '', attributes: new Map([['perm', attribute]]) },
      inputs: [from],
      outputs: [to],
    });
  }
}
