/** What ONNX Runtime makes of a graph before it runs on the CPU: at every level, and with optimization. */
import type { Optimization } from '../../types.ts';
import { knownDims } from '../known-dims.ts';
import type { KnownDims, LastKnown } from '../known-dims.ts';
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
  fuseMatMulAdd,
  fuseMatMulScale,
  fuseMatMulTranspose,
  fuseQuickGelu,
  scaledBy,
} from './fusions.ts';
import { computeHalfInFloat } from './half.ts';
import { fuseBlockBias, fuseIntegerMatMul } from './integer.ts';
import { blockChannels, startsBlocks } from './nchwc/transform.ts';
import { dependsOnLayout, isIntegerConv, layOutChannelsLast, putChannelsLast } from './nhwc.ts';
import { fuseLayerNormalization, fuseSimplifiedLayerNormalization } from './normalizations.ts';
import { isOp } from './patterns.ts';
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
  /** What is known of the graph's values before it is rewritten. */
  readonly asWritten: KnownDims;
  /** What is known of the same graph at the last step that asked. */
  readonly last: LastKnown;
}

const noKernels: ReadonlySet<string> = new Set();
/** Of the operators that are functions, those for which WebGPU has kernels. */
const channelsLastKernels: ReadonlySet<string> = new Set(['HardSwish']);

/** What is known of every value, where the graph has a node that a pass asks it for; it takes its time. */
type KnownFor = (isConcerned: (node: Draft) => boolean) => KnownDims;

export function rewrite(
  drafts: readonly Draft[],
  block: Block,
  options: RewriteOptions,
  values: ValueFactory,
): Rewritten {
  const editor = new GraphEditor(drafts, block, values);
  const { outer, asWritten, last } = options;
  const isOptimized = options.optimization === 'all';
  const known: KnownFor = (isConcerned) =>
    editor.nodes.some(isConcerned)
      ? knownDims(block, editor.nodes, block.inputs, outer, last, asWritten)
      : outer;
  separateDequantizations(editor);
  if (isOptimized) optimizeBasic(editor, known);
  const { target } = options;
  const isForCpu = target === 'cpu';
  const isChannelsLast = target === 'channels-last-device';
  if (isChannelsLast) layOutChannelsLast(editor, known(dependsOnLayout));
  inlineFunctions(editor, isChannelsLast ? channelsLastKernels : noKernels);
  if (isForCpu) computeHalfInFloat(editor, isOptimized);
  if (isOptimized && isForCpu) optimizeForCpu(editor, known, options.blockSize);
  if (isOptimized && !isForCpu) optimizeForDevice(editor, known, target);
  removeNoopCasts(editor);
  return editor.result();
}

/** ONNX Runtime's level "basic", before it knows where nodes run. */
function optimizeBasic(editor: GraphEditor, known: KnownFor): void {
  removeNoopCasts(editor);
  shareConstants(editor);
  mergeEqualNodes(editor);
  foldConstants(
    editor,
    known((n) => n.opType === 'Shape'),
  );
  removeNoops(editor);
  foldIntoConvs(editor);
  fuseMatMulAdd(editor);
  fuseReshapes(
    editor,
    known((n) => asksForSizes(editor, n)),
  );
  propagateQuantization(editor);
  separateDequantizations(editor); // those that were merged as equal
  const isTranspose = (n: Draft) => isOp(n, 'Transpose');
  if (editor.nodes.some(isTranspose))
    pushTransposes(new TransposeEditor(editor, known(isTranspose)), 'unassigned');
}

/** Its level "extended", as far as it holds for kernels on devices, too. */
function optimizeForDevice(editor: GraphEditor, known: KnownFor, target: Target): void {
  removeNoopCasts(editor);
  if (target === 'int8-device') fuseQuantized(editor);
  fuseFloats(editor, known, target);
}

/** Its levels "extended" and "layout". */
function optimizeForCpu(editor: GraphEditor, known: KnownFor, blockSize: number): void {
  removeNoopCasts(editor);
  fuseQuantized(editor);
  fuseIntegerMatMul(editor);
  fuseFloats(editor, known, 'cpu');
  const ranks = known((n) => scaledBy(n) !== undefined);
  fuseMatMulTranspose(editor);
  fuseMatMulScale(editor, (v) => v.kind === 'constant' || ranks.has(v));
  fuseBlockBias(editor);

  putChannelsLast(editor, known(isIntegerConv));
  if (blockSize > 1) blockChannels(editor, known(startsBlocks), blockSize);
  fuseConvAdds(
    editor,
    known((n) => isConvAdd(editor, n)),
  );
}

function fuseFloats(editor: GraphEditor, known: KnownFor, target: Target): void {
  fuseGelu(editor);
  fuseLayerNormalization(editor);
  // registered for the CPU's kernels alone
  if (target === 'cpu') {
    fuseSimplifiedLayerNormalization(editor);
    fuseGemmActivations(editor);
  }
  const sizes = known((n) => n.opType === 'Gelu');
  fuseBiasGelu(editor, (v) => typeof sizes.get(v)?.at(-1) === 'number');
  fuseQuickGelu(editor);
  fuseConvActivations(editor);
}
