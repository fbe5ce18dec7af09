/**
 * How far repair has come in both models: values that change no more, and that what is still to come reads. Each round
 * runs only what lies between them and the layers it repairs.
 */
import { rm } from 'node:fs/promises';
import { inferShapes } from './analysis/shapes/index.ts';
import { bodyOfValue, type MomentsTarget } from './analysis/index.ts';
import { cutTo, frontier, namesRead, nodeIds, type Model } from './onnx/index.ts';
import { isKept, lifted, type KeptSide, type KeptValues } from './runtime/index.ts';

export class RepairProgress {
  readonly #folder: string;
  readonly #original: Front;
  readonly #changed: Front;

  constructor(original: Model, changed: Model, folder: string) {
    this.#folder = folder;
    this.#original = new Front(original);
    this.#changed = new Front(changed);
  }

  get isAtStart(): boolean {
    return this.#original.known.size + this.#changed.known.size === 0;
  }

  /** What to run of the changed model for a round's questions, from where and up to where. */
  next(
    now: readonly MomentsTarget[],
    later: readonly MomentsTarget[],
  ): { readonly part: Model; readonly kept: KeptValues } {
    const outputs = (targets: readonly MomentsTarget[]) => targets.map((t) => t.output);
    const reads = (targets: readonly MomentsTarget[]) =>
      targets.flatMap((t) => (t.minus === undefined ? [t.input] : [t.input, t.minus]));
    const original = this.#original.side(outputs(now), outputs(later));
    const changed = this.#changed.side(reads(now), reads(later));
    return {
      part: this.#changed.part([...reads(now), ...changed.keep]),
      kept: { folder: this.#folder, original, changed },
    };
  }

  /** After the round: the next begins where this one ended, if all was kept. */
  async settle({ original, changed }: KeptValues): Promise<void> {
    if (!(await isKept(this.#folder))) return this.dispose();
    this.#original.goTo(original.keep);
    this.#changed.goTo(changed.keep);
  }

  /** The next round begins at the inputs. */
  async dispose(): Promise<void> {
    this.#original.goTo([]);
    this.#changed.goTo([]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Of one model. */
class Front {
  /** By name: the type of the elements. */
  known: ReadonlyMap<string, number> = new Map();
  readonly #model: Model;
  readonly #inputs: ReadonlySet<string>;
  readonly #values: ReturnType<typeof inferShapes>['main']['values'];

  constructor(model: Model) {
    this.#model = model;
    this.#inputs = new Set(model.graph.inputs.map((i) => i.name));
    this.#values = inferShapes(model).main.values;
  }

  /** Nothing is kept where the type of one of the values is not known. */
  side(now: readonly string[], later: readonly string[]): KeptSide {
    const after = later.flatMap((name) => this.#readFor(name));
    const keep = frontier(this.#withBodies(now), now, new Set(this.known.keys()), after);
    const isTyped = keep.every((name) => this.#typeOf(name) !== undefined);
    return { known: Object.fromEntries(this.known), keep: isTyped ? keep : [] };
  }

  part(values: readonly string[]): Model {
    const made = values.filter((name) => !this.#inputs.has(name) && !this.known.has(name));
    return cutTo(this.#withBodies(made), made, this.known);
  }

  /** Values of bodies from copies of the nodes: what those give is kept, what is inside changes with each repair. */
  #withBodies(values: readonly string[]): Model {
    return lifted(this.#model, values, { aside: true }).model;
  }

  /** Of a value of a body: what the node of the main graph that has it reads. */
  #readFor(name: string): readonly string[] {
    const body = bodyOfValue(name)?.body;
    if (body === undefined || this.#values.has(name)) return [name];
    const { nodes } = this.#model.graph;
    const ids = nodeIds(nodes);
    return nodes.filter((_, i) => body.startsWith(`${ids[i] ?? ''}/`)).flatMap(namesRead);
  }

  goTo(names: readonly string[]): void {
    this.known = new Map(names.map((name) => [name, this.#typeOf(name) ?? 0]));
  }

  #typeOf(name: string): number | undefined {
    const type = this.#values.get(name);
    return type?.kind === 'tensor' && type.elemType !== 0 ? type.elemType : undefined;
  }
}
