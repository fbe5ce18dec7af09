/** What ONNX Runtime makes of a graph before it runs on the CPU: at every level, and with optimization. */
import type { Optimization } from '../../types.ts';
import { FollowedDims } from '../follow-dims.ts';
import type { KnownDims } from '../known-dims.ts';
import type { Block } from '../program.ts';
import type { Draft, ValueFactory } from '../runtime.ts';
import { removeNoopCasts } from './casts.ts';
import { foldIntoConvs, fuseConvActivations, fuseConvAdds, fuseGemmActivations, isConvAdd } from './conv.ts';
import { GraphEditor } from './editor.ts';
import type { Rewritten } from './editor.ts';
import { removeNoops } from './eliminate.ts';
import { foldConstants, mergeEqualNodes } from './fold.ts';
import { inlineFunctions } from './functions.ts';
import {
  fuseBiasGelu,
  fuseGelu,
  fuseMatMulScale,
  fuseMatMulTranspose,
  fuseQuickGelu,
  scaledBy,
} from './fusions.ts';
import { computeHalfInFloat } from './half.ts';
import { fuseBlockBias, fuseIntegerMatMul } from './integer.ts';
import { fuseKeptMatMulAdd, fuseMatMulAdd, manyDimensional } from './matmul-add.ts';
import { blockChannels, startsBlocks } from './nchwc/transform.ts';
import { dependingOnLayout, integerConvs, layOutChannelsLast, putChannelsLast } from './nhwc.ts';
import { fuseLayerNormalization, fuseSimplifiedLayerNormalization } from './normalizations.ts';
import { propagateQuantization } from './qdq-propagate.ts';
import { fuseQuantized, separateDequantizations } from './qdq.ts';
import { asksForSizes, fuseReshapes } from './reshape.ts';
import { shareConstants } from './share.ts';
import { pushTransposes } from './transpose/push.ts';
import { TransposeEditor } from './transpose/transpose-editor.ts';

/**
 * What runs the graph. Devices do without what is rewritten for the CPU's kernels alone: blocked channels, float16 as
 * float32, and int8 fusions but where the provider has its own for QDQ ('int8-device'). A 'channels-last-device' has
 * convolutions and what belongs to them with the channels last, whatever the optimization.
 */
export type Target = 'cpu' | 'device' | 'channels-last-device' | 'int8-device';

export interface RewriteOptions {
  readonly optimization: Optimization;
  readonly target: Target;
  /** Channels in a block of the CPU's convolution layout; 1 where it has none. */
  readonly blockSize: number;
  /** What is known of values from around a subgraph. */
  readonly outer: KnownDims;
}

const noKernels: ReadonlySet<string> = new Set();
/** Of the operators that are functions, those for which WebGPU has kernels. */
const channelsLastKernels: ReadonlySet<string> = new Set(['HardSwish']);

/** What is known of every value, where the graph has nodes that a pass asks it for; it takes its time. */
type KnownFor = (concerned: readonly Draft[]) => KnownDims;

export function rewrite(
  drafts: readonly Draft[],
  block: Block,
  options: RewriteOptions,
  values: ValueFactory,
): Rewritten & { readonly known: KnownDims } {
  const followed = new FollowedDims(block, drafts, options.outer);
  const editor = new GraphEditor(drafts, block, values);
  const isOptimized = options.optimization === 'all';
  const known: KnownFor = (concerned) => (concerned.length > 0 ? followed.update(editor) : options.outer);
  separateDequantizations(editor);
  const kept = isOptimized ? optimizeBasic(editor, known) : [];
  const { target } = options;
  const isForCpu = target === 'cpu';
  const isChannelsLast = target === 'channels-last-device';
  if (isChannelsLast) layOutChannelsLast(editor, known(dependingOnLayout(editor)));
  inlineFunctions(editor, isChannelsLast ? channelsLastKernels : noKernels);
  if (isForCpu) computeHalfInFloat(editor, isOptimized);
  if (isOptimized && isForCpu) optimizeForCpu(editor, known, kept, options.blockSize);
  if (isOptimized && !isForCpu) optimizeForDevice(editor, known, kept, target);
  removeNoopCasts(editor);
  return { ...editor.result(), known: followed.update(editor) };
}

/** ONNX Runtime's level "basic", before it knows where nodes run. Gives the products that it keeps for an Attention. */
function optimizeBasic(editor: GraphEditor, known: KnownFor): readonly Draft[] {
  removeNoopCasts(editor);
  shareConstants(editor);
  mergeEqualNodes(editor);
  foldAll(editor, known);
  removeNoops(editor);
  foldIntoConvs(editor);
  const kept = fuseMatMulAdd(editor, known(manyDimensional(editor)));
  const reshapes = editor.nodesOf('Reshape').filter((n) => asksForSizes(editor, n));
  fuseReshapes(editor, known(reshapes));
  propagateQuantization(editor);
  separateDequantizations(editor); // those that were merged as equal
  const transposes = editor.nodesOf('Transpose');
  if (transposes.length > 0) pushTransposes(new TransposeEditor(editor, known(transposes)), 'unassigned');
  return kept;
}

/** Again and again, as each constant shape may tell the next. */
function foldAll(editor: GraphEditor, known: KnownFor): void {
  let isFolded = foldConstants(editor, known(editor.nodesOf('Shape')));
  for (let step = 1; step < 10 && isFolded; step++) {
    const shapes = editor.nodesOf('Shape');
    isFolded = shapes.length > 0 && foldConstants(editor, known(shapes));
  }
}

/** Its level "extended", as far as it holds for kernels on devices, too. */
function optimizeForDevice(
  editor: GraphEditor,
  known: KnownFor,
  kept: readonly Draft[],
  target: Target,
): void {
  removeNoopCasts(editor);
  if (target === 'int8-device') fuseQuantized(editor);
  fuseFloats(editor, known, kept, target);
}

/** Its levels "extended" and "layout". */
function optimizeForCpu(
  editor: GraphEditor,
  known: KnownFor,
  kept: readonly Draft[],
  blockSize: number,
): void {
  removeNoopCasts(editor);
  fuseQuantized(editor);
  fuseIntegerMatMul(editor);
  fuseFloats(editor, known, kept, 'cpu');
  const ranks = known(editor.nodesOf('Mul', 'Div').filter((n) => scaledBy(n) !== undefined));
  fuseMatMulTranspose(editor);
  fuseMatMulScale(editor, (v) => v.kind === 'constant' || ranks.has(v));
  fuseBlockBias(editor);

  putChannelsLast(editor, known(integerConvs(editor)));
  const blocked = editor.nodes.filter(startsBlocks);
  if (blockSize > 1 && blocked.length > 0) blockChannels(editor, known(blocked), blockSize);
  fuseConvAdds(editor, known(editor.nodesOf('Add').filter((n) => isConvAdd(editor, n))));
}

function fuseFloats(editor: GraphEditor, known: KnownFor, kept: readonly Draft[], target: Target): void {
  fuseKeptMatMulAdd(editor, kept, known(kept));
  fuseGelu(editor);
  fuseLayerNormalization(editor);
  // registered for the CPU's kernels alone
  if (target === 'cpu') {
    fuseSimplifiedLayerNormalization(editor);
    fuseGemmActivations(editor);
  }
  const sizes = known(editor.nodesOf('Gelu'));
  fuseBiasGelu(editor, (v) => typeof sizes.get(v)?.at(-1) === 'number');
  fuseQuickGelu(editor);
  fuseConvActivations(editor);
}
