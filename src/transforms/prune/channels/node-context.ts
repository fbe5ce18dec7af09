/** What a rule sees of one node while channels are traced through it, and what it says of it. */
import type { Dim } from '../../../analysis/types.ts';
import type { Model, Node } from '../../../onnx/model.ts';
import { FIXED, isTracked, type Axis } from './axis.ts';
import { type Blocker } from './classes.ts';
import { Refusal, type Reader, type Rewrite, type RuleContext } from './rule.ts';
import type { Tracer } from './trace.ts';

export class NodeContext implements RuleContext {
  readonly node: Node;
  readonly version: number;
  readonly id: string;
  private readonly tracer: Tracer;

  constructor(tracer: Tracer, node: Node, model: Model) {
    this.tracer = tracer;
    this.node = node;
    this.id = tracer.idOf(node);
    this.version = model.opsetImports.find((o) => o.domain === node.domain)?.version ?? 1;
  }

  private name(input: number): string {
    return this.node.inputs[input] ?? '';
  }

  has(input: number): boolean {
    return this.name(input) !== '';
  }

  dims(input: number): readonly Dim[] {
    const dims = this.tracer.dimsOf(this.name(input));
    if (dims === undefined) throw new Refusal(`the rank of "${this.name(input)}" is not known`);
    return dims;
  }

  axes(input: number): readonly Axis[] {
    return this.tracer.axes.get(this.name(input)) ?? this.dims(input).map(() => FIXED);
  }

  outDims(output: number): readonly Dim[] {
    const name = this.node.outputs[output] ?? '';
    const dims = this.tracer.dimsOf(name);
    if (dims === undefined) throw new Refusal(`the rank of "${name}" is not known`);
    return dims;
  }

  content(input: number): readonly Dim[] | undefined {
    return this.tracer.typeOf(this.name(input))?.content;
  }

  ints(input: number, label: string): readonly number[] {
    const known = this.tracer.intsOf(this.name(input));
    if (known === undefined) throw new Refusal(`its ${label} are computed`);
    return known;
  }

  isConstant(input: number): boolean {
    return this.tracer.constants.has(this.name(input));
  }

  sizesIn(input: number): readonly Int32Array[] {
    return (this.tracer.sizes.get(this.name(input)) ?? []).flat().flatMap((a) => a.atoms ?? []);
  }

  join(axes: readonly Axis[]): Axis {
    const stays = axes.find((a) => !isTracked(a));
    const tracked = axes.filter(isTracked);
    const [first] = tracked;
    const factor = axes.find((a) => a.factor !== undefined)?.factor;
    const zero = axes.length > 0 && axes.every((a) => a.zero);
    if (first === undefined || stays !== undefined) {
      for (const axis of tracked) this.blockWith(axis, stays);
      return { ...FIXED, factor, why: stays?.why };
    }
    for (const { atoms } of tracked) {
      if (atoms.length !== first.atoms.length) throw new Refusal('dims that differ in size');
      if (atoms !== first.atoms)
        atoms.forEach((atom, i) => this.tracer.classes.unite(atom, first.atoms[i] ?? atom));
    }
    const isFill = tracked.every((a) => a.isFill === true);
    return { atoms: first.atoms, zero, isFill, factor };
  }

  private blockWith(axis: Axis, stays: Axis | undefined): void {
    const why = stays?.why;
    if (why === undefined) this.block(axis, 'ties it to a dim that must stay');
    else this.tracer.blockAxis(axis, why);
  }

  uniteAll(atoms: Iterable<number>): void {
    let first: number | undefined;
    for (const atom of atoms) {
      first ??= atom;
      this.tracer.classes.unite(first, atom);
    }
  }

  evenly: RuleContext['evenly'] = (atoms, groups, side) => {
    const weight = side.name === 'read' ? this.name(side.weight) : undefined;
    return this.tracer.evenly(this.node, side.name, { atoms, groups }, weight);
  };

  block(axis: Axis | undefined, reason: string): void {
    this.tracer.blockAxis(axis, this.blocker(reason));
  }

  approximates(axis: Axis, reason: string): void {
    if (isTracked(axis)) this.tracer.classes.approximate(axis.atoms, this.blocker(reason));
  }

  scale(input: number, atoms: Int32Array): void {
    this.tracer.scaled.set(this.name(input), atoms);
  }

  get isSubtracted(): boolean {
    const [input = ''] = this.node.inputs;
    const [output = ''] = this.node.outputs;
    const users = this.tracer.usersOf(output);
    return users.length > 0 && users.every((n) => isDifference(n, input, output));
  }

  get subtractsMean(): boolean {
    const [input = '', mean = ''] = this.node.inputs;
    const source = this.tracer.producerOf(mean);
    return (
      source?.opType === 'ReduceMean' &&
      source.inputs[0] === input &&
      this.tracer.usersOf(mean).every((n) => isDifference(n, input, mean))
    );
  }

  elemType(input: number): number | undefined {
    return this.tracer.typeOf(this.name(input))?.elemType;
  }

  stays(reason: string): Axis {
    return { ...FIXED, why: this.blocker(reason) };
  }

  private blocker(reason: string): Blocker {
    return { node: this.id, reason: `${this.node.opType} "${this.id}" ${reason}` };
  }

  fresh(n: number): Int32Array {
    return this.tracer.classes.fresh(n);
  }

  register(atoms: Int32Array): Int32Array {
    return this.tracer.register(atoms);
  }

  sameClass(a: number, b: number): boolean {
    return this.tracer.classes.find(a) === this.tracer.classes.find(b);
  }

  isBlocked(axis: Axis): boolean {
    return isTracked(axis) && [...axis.atoms].every((a) => this.tracer.classes.blockerOf(a) !== undefined);
  }

  makes(axis: Axis | undefined): void {
    if (!isTracked(axis)) return;
    const { made } = this.tracer;
    made.set(this.node, [...(made.get(this.node) ?? []), axis.atoms]);
  }

  reads(reader: Reader): void {
    this.tracer.readers.push({ ...reader, node: this.node });
  }

  scales(input: number, atoms: Int32Array): void {
    if (this.isConstant(input)) this.tracer.scales.push({ name: this.name(input), atoms });
  }

  rewrite(atoms: readonly Int32Array[], change: Rewrite): void {
    if (atoms.length > 0) this.tracer.sites.push({ node: this.node, atoms, change });
  }

  preferred(key: string): number | undefined {
    return this.tracer.preferences.get(key);
  }

  prefer(axis: Axis | undefined): void {
    if (axis?.factor !== undefined) this.tracer.preferences.set(axis.factor.split, axis.factor.factor);
  }
}

/** `whole` − `part` */
function isDifference({ opType, domain, inputs }: Node, whole: string, part: string): boolean {
  return domain === '' && opType === 'Sub' && inputs[0] === whole && inputs[1] === part && whole !== part;
}
