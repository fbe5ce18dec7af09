/** Where the outputs of an If, Loop or Scan lie, and what ONNX Runtime holds beside them, replayed (1.30). */
import { attributeInt } from '../../onnx/model.ts';
import { isUnknown } from '../dim.ts';
import type { Arena, Chunk } from './arena.ts';
import type { Buffer, StepPlan } from './plan.ts';
import type { RuntimeBlock, RuntimeNode } from './runtime.ts';
import type { Sizes } from './sizes.ts';
import type { Value } from './values.ts';

/** The run of the graph that holds the node. */
export interface BodyRun {
  readonly arena: Arena;
  readonly sizes: Sizes;
  block(block: RuntimeBlock): void;
  /** A buffer that the node's step makes. */
  allocateOutput(buffer: Buffer): void;
  /** What a body makes in `inner` is to lie in `outer`, which is made once the body makes it. */
  layIn(outer: Buffer, inner: Buffer): void;
  /** For what is to lie elsewhere, if it was not made yet. */
  makeRoom(inner: number): void;
  /** What a body's buffer holds, which is its own no longer. */
  handOut(buffer: Buffer): Chunk | undefined;
}

export function runBodies(run: BodyRun, node: RuntimeNode, step: StepPlan): void {
  if (node.opType === 'If') runBranch(run, node, step);
  else if (node.opType === 'Loop') runLoop(run, node, step);
  else runScan(run, node, step);
}

/**
 * The branch that needs most. What it gives lies in the node's output: made beforehand where the size is fixed, else when
 * the branch makes it; a value from around the branch is copied in the end.
 */
function runBranch(run: BodyRun, node: RuntimeNode, step: StepPlan): void {
  const block = heaviest(node, run.sizes);
  const inner = block ? outputsOf(block) : [];
  const copied: Buffer[] = [];
  step.outputs.forEach((outer, i) => {
    const made = inner[i];
    if (outer && made) layOut(run, step, outer, made);
    else if (outer && step.allocated.includes(outer)) copied.push(outer);
  });
  if (block) run.block(block);
  for (const made of inner) if (made) run.makeRoom(made.index);
  for (const outer of copied) run.allocateOutput(outer);
}

/**
 * Turn by turn, as where each finds room depends on the last: from the second on the body has the pattern of the first,
 * and what the turn before gave is held. So are the values to collect, until the node's outputs are made of them.
 */
function runLoop(run: BodyRun, node: RuntimeNode, { allocated }: StepPlan): void {
  const carried = Math.max(0, node.inputs.length - 2);
  // the number of the turn, and whether to go on
  const kept = [run.arena.allocate(8), run.arena.allocate(1)];
  let last: (Chunk | undefined)[] = [];
  for (const { block } of node.bodies) {
    const inner = outputsOf(block);
    for (let turn = turnsOf(node); turn > 0; turn--) {
      run.block(block);
      const made = inner.map((buffer) => buffer && run.handOut(buffer));
      for (const chunk of last) run.arena.free(chunk);
      last = made.slice(0, carried + 1);
      kept.push(...made.slice(carried + 1));
    }
  }
  for (const buffer of allocated) run.allocateOutput(buffer);
  for (const chunk of [...last, ...kept]) run.arena.free(chunk);
}

/** Each turn's outputs lie in those of the node, and the state between two turns in two buffers more. */
function runScan(run: BodyRun, node: RuntimeNode, step: StepPlan): void {
  const states = node.inputs.length - attributeInt(node.node, 'num_scan_inputs', 1);
  const turns = run.sizes.dims(node.inputs[states])?.[0] ?? turnsUntold;
  for (const { block } of node.bodies) {
    const inner = outputsOf(block);
    step.outputs.forEach((outer, i) => {
      const made = inner[i];
      if (outer === undefined) return;
      if (made === undefined) run.allocateOutput(outer);
      else layOut(run, step, outer, made, i < states || isFixed(made.first));
    });
    const between = node.inputs.slice(0, states).flatMap((v) => {
      const bytes = v ? run.sizes.knownBytes(v) : 0;
      return [1, 2].map((atLeast) => (turns > atLeast ? run.arena.allocate(bytes) : undefined));
    });
    for (let turn = Math.min(turns, mostTurns); turn > 0; turn--) run.block(block);
    for (const chunk of between) run.arena.free(chunk);
  }
}

/** `outer` may be a buffer that held something else before, and is there. */
function layOut(
  run: BodyRun,
  { allocated }: StepPlan,
  outer: Buffer,
  inner: Buffer,
  isAtOnce = isFixed(outer.first),
): void {
  run.layIn(outer, inner);
  if (isAtOnce || !allocated.includes(outer)) run.makeRoom(inner.index);
}

/** By output: the buffer that the body makes; undefined for what comes from around it. */
function outputsOf({ outputs, plan }: RuntimeBlock): (Buffer | undefined)[] {
  return outputs.map((v) => {
    const buffer = v && plan.bufferOf(v);
    return buffer?.isOutput === true ? buffer : undefined;
  });
}

/** The later turns are alike. */
const mostTurns = 8;
const turnsUntold = 3;

function turnsOf({ inputs: [trips] }: RuntimeNode): number {
  const count =
    trips?.kind === 'constant' && trips.type.kind === 'tensor' ? trips.type.content?.[0] : undefined;
  return Math.min(typeof count === 'number' ? count : turnsUntold, mostTurns);
}

function heaviest(node: RuntimeNode, sizes: Sizes): RuntimeBlock | undefined {
  let heaviest: RuntimeBlock | undefined;
  let most = -1;
  for (const { block, taken } of node.bodies) {
    const bytes = taken ? weightOf(block, sizes) : -1;
    if (bytes > most) [heaviest, most] = [block, bytes];
  }
  return heaviest;
}

/** Its peak, without the arena's rounding. */
function weightOf(block: RuntimeBlock, sizes: Sizes): number {
  let bytes = 0;
  let peak = 0;
  block.nodes.forEach((node, i) => {
    const step = block.plan.steps[i];
    for (const b of step?.allocated ?? []) bytes += sizes.knownBytes(b.first);
    const inner = node.bodies.filter((b) => b.taken).map((b) => weightOf(b.block, sizes));
    peak = Math.max(peak, bytes + Math.max(0, ...inner));
    for (const b of step?.freed ?? []) bytes -= sizes.knownBytes(b.first);
  });
  return peak;
}

function isFixed({ type }: Value): boolean {
  return type.kind === 'tensor' && !isUnknown(type.shape) && type.shape.every((d) => typeof d === 'number');
}
