/**
 * Follows every dim of every constant through the main graph: which of them are the same dim, and what changes in each
 * node when indices go. Reads no weight. One walk; `untie.ts` says how many there are.
 */
import { isUnknown } from '../../../analysis/dim.ts';
import type { InferredType, ModelInference } from '../../../analysis/inference.ts';
import type { Dim } from '../../../analysis/types.ts';
import { DataType, subgraphs, type Model, type Node } from '../../../onnx/model.ts';
import { FIXED, fixed, isTracked, type Axis } from './axis.ts';
import { makeNode, smallTensor } from '../../graph/nodes.ts';
import { Classes, type Blocker } from './classes.ts';
import { encodeFloats } from './floats.ts';
import { Refusal, type Reader, type Rewrite, type Rule } from './rule.ts';
import { NodeContext } from './node-context.ts';
import { namesInside } from './names-inside.ts';
import { pairUp, uniteByPlace, type GroupDemand } from './pairing.ts';
import { ruleOf } from './rules/index.ts';
import { traceShuffle, type Shuffle } from './shuffle.ts';
import { isShapeInput, shapeSizes, sizesAfter, type Sizes } from './sizes.ts';

/** A node that changes when one of `atoms` loses an index. */
export interface Site {
  readonly node: Node;
  readonly atoms: readonly Int32Array[];
  readonly change: Rewrite;
}

export interface ReaderOf extends Reader {
  readonly node: Node;
}

export interface Trace {
  readonly inference: ModelInference;
  readonly classes: Classes;
  /** Constants and values of the main graph whose rank is known. */
  readonly valueAxes: ReadonlyMap<string, readonly Axis[]>;
  /** Constants among them. */
  readonly constants: ReadonlySet<string>;
  /** Every array of atoms that a size anywhere depends on. */
  readonly arrays: ReadonlySet<Int32Array>;
  readonly sites: readonly Site[];
  /** Output channels of each node's own weights. */
  readonly made: ReadonlyMap<Node, readonly Int32Array[]>;
  readonly readers: readonly ReaderOf[];
  /** Scales of BatchNormalizations: name of the constant, and its channels. */
  readonly scales: readonly { readonly name: string; readonly atoms: Int32Array }[];
  /** Constants to be multiplied by √(size before / after): by name, their own channels. */
  readonly scaled: ReadonlyMap<string, Int32Array>;
  readonly ids: ReadonlyMap<Node, string>;
  /** What Convs with groups ask for. */
  readonly demands: readonly GroupDemand[];
  /** Those of them that no units meet, in the end. */
  readonly unmet: readonly GroupDemand[];
  /** Shuffles that become a Gather where their channels go. */
  readonly gathered: ReadonlySet<Shuffle>;
}

/** What is to be taken otherwise than node by node, so that fewer channels are tied to one another. */
export interface Untied {
  readonly shuffles: ReadonlySet<Shuffle>;
  /** Keys of demands for which units are found in the end. */
  readonly demands: ReadonlySet<string>;
}

export const NOTHING_UNTIED: Untied = { shuffles: new Set(), demands: new Set() };

/** Which factor of a dim a Reshape takes apart shrinks, decided by what follows: a head rather than its size. */
export type Preferences = Map<string, number>;

const FLOATS: ReadonlySet<number> = new Set([
  DataType.float,
  DataType.float16,
  DataType.bfloat16,
  DataType.double,
]);

export class Tracer {
  private readonly model: Model;
  private readonly inference: ModelInference;
  private readonly ids: ReadonlyMap<Node, string>;
  readonly preferences: Preferences;
  readonly classes = new Classes();
  readonly axes = new Map<string, readonly Axis[]>();
  readonly constants = new Set<string>();
  readonly arrays = new Set<Int32Array>();
  readonly sites: Site[] = [];
  readonly made = new Map<Node, Int32Array[]>();
  readonly readers: ReaderOf[] = [];
  readonly scales: { name: string; atoms: Int32Array }[] = [];
  readonly sizes = new Map<string, Sizes>();
  readonly scaled = new Map<string, Int32Array>();
  private readonly demands: GroupDemand[] = [];
  private readonly untied: Untied;
  /** By the last of its nodes. */
  private readonly shuffles: ReadonlyMap<Node, Shuffle>;
  private readonly users = new Map<string, Node[]>();
  private readonly captured = new Set<string>();
  private readonly producers = new Map<string, Node>();

  constructor(
    model: Model,
    inference: ModelInference,
    ids: ReadonlyMap<Node, string>,
    preferences: Preferences,
    untied: Untied,
  ) {
    this.model = model;
    this.inference = inference;
    this.ids = ids;
    this.preferences = preferences;
    this.untied = untied;
    this.shuffles = new Map([...untied.shuffles].map((s) => [s.nodes[2], s]));
    for (const node of model.graph.nodes) {
      for (const { graph: body } of subgraphs(node)) namesInside(body, (name) => this.captured.add(name));
      for (const name of new Set(node.inputs)) {
        const users = this.users.get(name);
        if (users === undefined) this.users.set(name, [node]);
        else users.push(node);
      }
      for (const name of node.outputs) this.producers.set(name, node);
    }
  }

  /** Nodes of the main graph; others see a value only where it must stay. */
  usersOf(name: string): readonly Node[] {
    return this.users.get(name) ?? [];
  }

  producerOf(name: string): Node | undefined {
    return this.producers.get(name);
  }

  run(): Trace {
    const { graph, irVersion } = this.model;
    const inputs = new Set(graph.inputs.map((v) => v.name));
    for (const name of graph.initializers.keys()) {
      if (!inputs.has(name) || irVersion < 4) this.addConstant(name);
    }
    for (const { name } of graph.inputs) {
      const dims = this.constants.has(name) ? undefined : this.dimsOf(name);
      if (dims !== undefined)
        this.axes.set(
          name,
          dims.map(() => fixed(undefined, `graph input "${name}" has these channels`)),
        );
    }
    const inShuffles = new Set([...this.shuffles.values()].flatMap((s) => s.nodes.slice(0, 2)));
    for (const node of this.inference.main.order) if (!inShuffles.has(node)) this.node(node);
    for (const { name } of graph.outputs) {
      for (const axis of this.axes.get(name) ?? [])
        this.blockAxis(axis, { node: undefined, reason: `graph output "${name}" has these channels` });
    }
    const unmet = pairUp(
      this.classes,
      this.demands.filter((d) => this.untied.demands.has(d.key)),
    );
    const {
      inference,
      classes,
      axes: valueAxes,
      constants,
      arrays,
      sites,
      made,
      readers,
      scales,
      scaled,
      ids,
      demands,
    } = this;
    return {
      ...{ inference, classes, valueAxes, constants, arrays, sites, made, readers, scales, scaled, ids },
      ...{ demands, unmet, gathered: this.untied.shuffles },
    };
  }

  typeOf(name: string): (InferredType & { kind: 'tensor' }) | undefined {
    const type = this.inference.main.values.get(name);
    return type?.kind === 'tensor' ? type : undefined;
  }

  dimsOf(name: string): readonly Dim[] | undefined {
    const shape = this.typeOf(name)?.shape;
    return shape === undefined || isUnknown(shape) ? undefined : shape;
  }

  idOf(node: Node): string {
    return this.ids.get(node) ?? node.name;
  }

  /** Weights have dims that can shrink; integers (shapes, indices) do not. */
  private addConstant(name: string): void {
    const type = this.typeOf(name);
    const dims = this.dimsOf(name);
    if (type === undefined || dims === undefined) return;
    this.constants.add(name);
    const isWeight = FLOATS.has(type.elemType);
    this.axes.set(
      name,
      dims.map((size) => {
        if (!isWeight || typeof size !== 'number' || size <= 1) return FIXED;
        return { atoms: this.register(this.classes.fresh(size)), zero: true };
      }),
    );
  }

  register(atoms: Int32Array): Int32Array {
    this.arrays.add(atoms);
    return atoms;
  }

  blockAxis(axis: Axis | undefined, blocker: Blocker): void {
    if (isTracked(axis)) this.classes.block(axis.atoms, blocker);
  }

  /** See `RuleContext`. */
  evenly(
    node: Node,
    side: string,
    { atoms, groups }: { readonly atoms: Int32Array; readonly groups: number },
    weight: string | undefined,
  ): boolean {
    const id = this.idOf(node);
    const demand = { key: `${id} ${side}`, node: id, atoms, groups };
    const isAsked = this.untied.demands.has(demand.key);
    const isLater = isAsked && (weight === undefined || this.isOwn(weight, node));
    if (isLater === isAsked) this.demands.push(demand);
    if (!isLater) {
      uniteByPlace(this.classes, demand);
      return true;
    }
    const axes = weight === undefined ? undefined : this.axes.get(weight);
    const [outputs = FIXED, inputs = FIXED, ...kernel] = axes ?? [];
    if (weight === undefined || !isTracked(inputs)) return false;
    this.arrays.delete(inputs.atoms);
    this.axes.set(weight, [outputs, { ...inputs, atoms, groups }, ...kernel]);
    return false;
  }

  /** A constant that nothing else reads. */
  private isOwn(name: string, node: Node): boolean {
    const [user, ...others] = this.usersOf(name);
    return this.constants.has(name) && user === node && others.length === 0 && !this.captured.has(name);
  }

  private node(node: Node): void {
    const shuffle = this.shuffles.get(node);
    if (shuffle !== undefined) {
      traceShuffle(this, shuffle);
      return;
    }
    if (node.opType === 'Constant' && node.domain === '') {
      const [name = ''] = node.outputs;
      if (node.attributes.get('value')?.kind === 'tensor') this.addConstant(name);
      else this.opaque(node, 'is not a plain tensor');
      return;
    }
    const isCall = this.model.functions.some((f) => f.name === node.opType && f.domain === node.domain);
    const rule = isCall ? undefined : ruleOf(node.domain, node.opType);
    if (rule === undefined || subgraphs(node).length > 0) {
      const domain = node.domain === '' ? '' : `${node.domain}.`;
      this.opaque(
        node,
        isCall
          ? 'calls a local function: write those out first (“Write out local functions” in the text view, or vram-lens clean --inline)'
          : `no rule tells how ${domain}${node.opType} uses it`,
      );
      this.captures(node);
    } else this.apply(node, rule);
    this.followSizes(node);
  }

  private apply(node: Node, rule: Rule): void {
    const context = new NodeContext(this, node, this.model);
    try {
      const outputs = rule(context);
      node.outputs.forEach((name, o) => {
        const dims = this.dimsOf(name);
        if (name === '' || dims === undefined) return;
        const axes = outputs[o] ?? [];
        if (axes.length !== dims.length) throw new Refusal('its output has another rank than its rule gives');
        this.axes.set(name, axes);
      });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.opaque(node, error.message);
    }
  }

  /** Nothing that goes in may change. */
  private opaque(node: Node, reason: string): void {
    const blocker = { node: this.idOf(node), reason: `${node.opType} "${this.idOf(node)}": ${reason}` };
    for (const name of node.inputs)
      for (const axis of this.axes.get(name) ?? []) this.blockAxis(axis, blocker);
    for (const name of node.outputs) {
      const dims = name === '' ? undefined : this.dimsOf(name);
      if (dims !== undefined)
        this.axes.set(
          name,
          dims.map(() => ({ ...FIXED, why: blocker })),
        );
    }
  }

  /** Bodies see values of this graph by their names. */
  private captures(node: Node): void {
    const blocker = {
      node: this.idOf(node),
      reason: `${node.opType} "${this.idOf(node)}": its subgraph uses it`,
    };
    for (const body of subgraphs(node))
      namesInside(body.graph, (name) => {
        for (const axis of this.axes.get(name) ?? []) this.blockAxis(axis, blocker);
      });
  }

  private followSizes(node: Node): void {
    const [output = ''] = node.outputs;
    if (node.opType === 'Shape' || node.opType === 'Size') {
      const axes = this.axes.get(node.inputs[0] ?? '') ?? [];
      const sizes = node.opType === 'Shape' ? shapeSizes(node, axes) : [axes.filter(isTracked)];
      if (sizes.some((s) => s.length > 0)) this.sizes.set(output, sizes);
      return;
    }
    const inputs = node.inputs.map((name) => this.sizes.get(name));
    const reading = inputs.flatMap((s, i) => (s === undefined || isShapeInput(node, i) ? [] : [s]));
    if (reading.every((s) => s.flat().length === 0)) return;
    const lengths = node.inputs.map((name) => this.countOf(name));
    const type = this.typeOf(output);
    const isInteger = type?.elemType === DataType.int64 || type?.elemType === DataType.int32;
    const isKnown = isInteger || type?.elemType === DataType.bool;
    const after = isKnown
      ? sizesAfter(node, inputs, this.countOf(output), lengths, (i) => this.intsOf(node.inputs[i] ?? ''))
      : undefined;
    if (after !== undefined && node.outputs.length === 1) this.sizes.set(output, after);
    else if (!this.freeze(node, reading.flat(2))) {
      const reason = `${node.opType} "${this.idOf(node)}": computes with its size`;
      for (const axis of reading.flat(2)) this.blockAxis(axis, { node: this.idOf(node), reason });
    }
  }

  /**
   * What is worked out of sizes and is no size (a factor of attention, say) keeps the value that it has in the model as
   * it is. @returns false where that is not known
   */
  private freeze(node: Node, axes: readonly Axis[]): boolean {
    const [output = ''] = node.outputs;
    const type = this.typeOf(output);
    const dims = this.dimsOf(output)?.filter((d) => typeof d === 'number');
    const values = type?.content?.filter((v) => typeof v === 'number');
    const isKnown = values !== undefined && values.length === type?.content?.length && dims !== undefined;
    if (!isKnown || node.outputs.length > 1 || !FLOATS.has(type.elemType)) return false;
    const bytes = encodeFloats(Float64Array.from(values), type.elemType);
    const value = {
      name: 'value',
      kind: 'tensor',
      value: smallTensor('', type.elemType, dims, bytes),
    } as const;
    const atoms = axes.flatMap((a) => a.atoms ?? []);
    const frozen = makeNode('Constant', [], [output], node.name, [value]);
    this.sites.push({ node, atoms, change: () => [frozen] });
    return true;
  }

  private countOf(name: string): number | undefined {
    const dims = this.dimsOf(name);
    return dims?.every((d) => typeof d === 'number') ? dims.reduce((n, d) => n * d, 1) : undefined;
  }

  intsOf(name: string): readonly number[] | undefined {
    const content = this.typeOf(name)?.content;
    return content?.every((d) => typeof d === 'number') ? content : undefined;
  }
}
