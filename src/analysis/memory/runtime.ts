/**
 * The graph as ONNX Runtime runs it: nodes rewritten as it rewrites them, in its order, with the buffers they take.
 */
import type { Node } from '../../onnx/model.ts';
import { draftOf } from './draft.ts';
import { inplaceRule } from './inplace.ts';
import { scratchOf } from './kernels/index.ts';
import type { Scratch } from './kernels/kernel.ts';
import { nothingKnown } from './follow-dims.ts';
import type { KnownDims } from './known-dims.ts';
import { planBuffers } from './plan.ts';
import type { BufferCounter, Plan, PlannedNode } from './plan.ts';
import type { Block, Body, ExecutedNode, Program } from './program.ts';
import { rewrite } from './rewrite/rewrite.ts';
import type { RewriteOptions } from './rewrite/rewrite.ts';
import { computeBytes } from './values.ts';
import type { Value } from './values.ts';

/** A node while the graph is rewritten; changed by the editor only. */
export interface Draft {
  /** The model's node that it is, or the main one of those it stands for. */
  readonly source: ExecutedNode;
  /** All nodes of the model it stands for, `source` among them. */
  sources: readonly ExecutedNode[];
  /** Order of creation, which breaks ties in the order of execution. */
  readonly index: number;
  domain: string;
  opType: string;
  /** Where its attributes are read. */
  readonly node: Node;
  inputs: readonly (Value | undefined)[];
  outputs: readonly (Value | undefined)[];
}

export interface RuntimeNode extends Readonly<Draft>, PlannedNode {
  readonly bodies: readonly RuntimeBody[];
  /** What its kernel allocates for itself, where it allocates anything. */
  readonly scratch: Scratch | undefined;
}

export interface RuntimeBody {
  readonly attribute: string;
  readonly taken: boolean;
  readonly block: RuntimeBlock;
}

export interface RuntimeBlock {
  readonly nodes: readonly RuntimeNode[];
  /** 1 for a node that holds no graph and takes no scratch space. */
  readonly isPlain: Uint8Array;
  readonly plan: Plan;
  readonly inputs: readonly Value[];
  readonly outputs: readonly (Value | undefined)[];
  /** Constants that its nodes use, or that stay in the graph. */
  readonly constants: readonly Value[];
}

export interface Runtime {
  readonly main: RuntimeBlock;
  readonly bufferCount: number;
  /** The model's values, and those that rewriting adds, each at its slot. */
  readonly values: readonly Value[];
}

export function runtimeOf(program: Program, options: RuntimeOptions): Runtime {
  const builder = new RuntimeBuilder(program, options);
  const main = builder.block(program.main, nothingKnown);
  return { main, bufferCount: builder.buffers.next, values: builder.values };
}

export type RuntimeOptions = Omit<RewriteOptions, 'outer'>;

type NewValue = Pick<Value, 'name' | 'kind' | 'type' | 'constant' | 'identity' | 'producer'>;

/** Makes values that the model does not have. */
export interface ValueFactory {
  /** A value of the same type and size. */
  like(value: Value, name: string): Value;
  make(value: NewValue): Value;
}

class RuntimeBuilder implements ValueFactory {
  readonly values: Value[];
  private readonly options: RuntimeOptions;
  readonly buffers: BufferCounter = { next: 0 };

  constructor(program: Program, options: RuntimeOptions) {
    this.values = [...program.values];
    this.options = options;
  }

  like(value: Value, name: string): Value {
    return this.make({ ...value, name });
  }

  make(of: NewValue): Value {
    const value: Value = { ...of, bytes: computeBytes(of.type), slot: this.values.length };
    this.values.push(value);
    return value;
  }

  block(block: Block, outer: KnownDims, holder?: Draft): RuntimeBlock {
    const drafts = block.nodes.map(draftOf);
    const rewritten = rewrite(drafts, block, { ...this.options, outer }, this);
    const { nodes, known } = rewritten;
    const planned = nodes.map((d) => this.node(d, known));
    return {
      nodes: planned,
      isPlain: Uint8Array.from(planned, (n) => (n.bodies.length === 0 && n.scratch === undefined ? 1 : 0)),
      plan: planBuffers(planned, rewritten.outputs, known, this.buffers, handedOn(block, planned, holder)),
      inputs: block.inputs,
      outputs: rewritten.outputs,
      constants: rewritten.constants,
    };
  }

  private node(draft: Draft, known: KnownDims): RuntimeNode {
    const { source, sources, index, domain, opType, node, inputs, outputs } = draft;
    const { bodies } = source;
    const hasBodies = bodies.length > 0;
    return {
      source,
      sources,
      index,
      domain,
      opType,
      node,
      inputs,
      outputs,
      implicit: hasBodies ? [...new Set(bodies.flatMap((b) => b.block.captured))] : noValues,
      scratch: scratchOf(draft),
      inplace: inplaceRule(domain, opType),
      bodies: hasBodies ? bodies.map((b) => this.body(b, known, draft)) : noBodies,
    };
  }

  private body({ attribute, taken, block }: Body, known: KnownDims, holder: Draft): RuntimeBody {
    return { attribute, taken, block: this.block(block, known, holder) };
  }
}

/** What a Loop's body gives on as it came in, but for the number of the turn, is not copied (allocation_planner.cc). */
function handedOn({ inputs }: Block, nodes: readonly RuntimeNode[], holder?: Draft): ReadonlySet<Value> {
  if (holder?.opType !== 'Loop') return noHandedOn;
  const made = new Set(nodes.flatMap((n) => n.outputs));
  const found = nodes.flatMap(({ opType, inputs: [value], outputs: [output] }) => {
    const isThere = value && value.kind !== 'constant' && value !== inputs[0] && !made.has(value);
    return opType === 'Identity' && isThere && output ? [output] : [];
  });
  return new Set(found);
}

const noHandedOn: ReadonlySet<Value> = new Set();
const noValues: readonly Value[] = [];
const noBodies: readonly RuntimeBody[] = [];
