/**
 * What ONNX Runtime's CPU kernels allocate beside their outputs: scratch space while they run, and weights packed
 * for the matrix kernels when the session is made. Both lie in the arena and count in `mem_in_use_peak`. Formulas
 * follow mlas and the kernels' sources (1.30) and were fitted to the profiles of single operators at many sizes.
 */
import type { Draft } from '../runtime.ts';
import { attentionKernels } from './attention.ts';
import { convKernels } from './conv.ts';
import { elementwiseKernels } from './elementwise.ts';
import type { Kernel, Packed, Scratch } from './kernel.ts';
import { matrixKernels } from './matmul.ts';
import { recurrentKernels } from './recurrent.ts';

const kernels: ReadonlyMap<string, Kernel> = new Map(
  [matrixKernels, convKernels, recurrentKernels, attentionKernels, elementwiseKernels].flatMap((t) =>
    Object.entries(t),
  ),
);

function kernelOf({ domain, opType }: Pick<Draft, 'domain' | 'opType'>): Kernel | undefined {
  return domain === '' ? kernels.get(opType) : kernels.get(`${domain}::${opType}`);
}

/** What the node's kernel allocates while it runs; undefined where nothing is known of. */
export function scratchOf(n: Draft): Scratch | undefined {
  return kernelOf(n)?.scratch;
}

/** The copies that the kernel makes of its constant inputs; empty where it takes them as they are. */
export function packingOf(n: Draft): readonly Packed[] {
  const packing = kernelOf(n)?.packing;
  return packing === undefined ? nothing : packing(n).filter((p) => p.bytes > 0);
}

const nothing: readonly Packed[] = [];
